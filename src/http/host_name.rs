//! The name of a host.
//!
//! Invariant: a name is what a browser can send in `Host`, in lower case, without a port and without the dot at its end.

use std::net::IpAddr;
use std::str::FromStr;

/// Longest name, in bytes (RFC 1035, 2.3.4).
const LONGEST: usize = 253;

/// Longest part of a name between two dots, in bytes.
const LONGEST_LABEL: usize = 63;

/// The name of a host, such as `metrics.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// The reason for which a text is not a name of a host, with the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// It is empty.
    #[error("it is empty: leave it out")]
    Empty,
    /// It is an IP address, which needs no entry.
    #[error("IP addresses are always accepted: leave it out")]
    Address,
    /// It has a scheme, a path, a user or a port.
    #[error("write the name alone, without `http://`, port and path")]
    Url,
    /// It has a wildcard.
    #[error("wildcards are not supported: list each name")]
    Wildcard,
    /// It has characters that browsers encode.
    #[error("write it as browsers send it, in ASCII (`xn--…`)")]
    NotAscii,
    /// It has a character that no name has, an empty part, or is too long.
    #[error(
        "a name has letters, digits, `-`, `_` and single dots: at most {LONGEST_LABEL} bytes between dots, {LONGEST} in all"
    )]
    Invalid,
}

impl HostName {
    /// Returns whether a host without its port is this name.
    pub(super) fn is(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        host.eq_ignore_ascii_case(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_label =
            |label: &str| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(is_part);
        let name = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            Err(HostNameError::Empty)
        } else if bare.parse::<IpAddr>().is_ok() {
            Err(HostNameError::Address)
        } else if text.contains(['/', ':', '@', '?', '#']) {
            Err(HostNameError::Url)
        } else if text.contains('*') {
            Err(HostNameError::Wildcard)
        } else if !text.is_ascii() {
            Err(HostNameError::NotAscii)
        } else if name.len() > LONGEST || !name.split('.').all(is_label) {
            Err(HostNameError::Invalid)
        } else {
            Ok(Self(name.to_ascii_lowercase()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_browser_sends() {
        let label = "a".repeat(LONGEST_LABEL);
        for text in [
            "a",
            "Metrics.Example.org",
            "a.",
            "xn--bcher-kva.example",
            "a_b",
            &label,
        ] {
            let name: HostName = text.parse().unwrap();
            assert!(
                name.is(text) && name.is(&text.to_ascii_uppercase()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_name_has_its_remedy() {
        let label = "a".repeat(LONGEST_LABEL + 1);
        let long = "a.".repeat(LONGEST / 2 + 2);
        for (text, error) in [
            ("", HostNameError::Empty),
            ("192.0.2.1", HostNameError::Address),
            ("::1", HostNameError::Address),
            ("[::1]", HostNameError::Address),
            ("http://a.example", HostNameError::Url),
            ("a.example:9914", HostNameError::Url),
            ("a.example/x", HostNameError::Url),
            ("u@a.example", HostNameError::Url),
            ("*.example", HostNameError::Wildcard),
            ("bücher.example", HostNameError::NotAscii),
            ("a..example", HostNameError::Invalid),
            (".", HostNameError::Invalid),
            ("a b", HostNameError::Invalid),
            (&label, HostNameError::Invalid),
            (&long, HostNameError::Invalid),
        ] {
            assert_eq!(text.parse::<HostName>(), Err(error), "{text}");
        }
    }
}
