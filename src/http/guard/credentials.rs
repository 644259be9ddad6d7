//! Reads the credentials of a request (RFC 7617).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};

const SCHEME: &[u8] = b"basic ";

/// A name and a password.
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

/// Shows neither.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Returns the credentials of a request; `None` if there are none, several, or malformed ones.
pub(super) fn of(headers: &HeaderMap) -> Option<Credentials> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    let (scheme, encoded) = field.as_bytes().split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let mut user = STANDARD.decode(encoded).ok()?;
    let colon = memchr::memchr(b':', &user)?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some(Credentials { user, password })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn check(fields: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        let found = of(&headers)?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Some((text(found.user), text(found.password)))
    }

    #[test]
    fn a_name_ends_at_the_first_colon() {
        let expected = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(check(&["Basic YTpi"]), expected("a", "b"));
        assert_eq!(check(&["bASIC YTpiOmM="]), expected("a", "b:c"));
        assert_eq!(check(&["Basic Og=="]), expected("", ""));
    }

    #[test]
    fn malformed_and_repeated_credentials_are_none() {
        assert_eq!(check(&[]), None);
        assert_eq!(check(&["Basic YTpi", "Basic YTpi"]), None);
        for field in [
            "",
            "Basic",
            "Basic ",
            "Basic YTpi=",
            "Basic YQ==",
            "Basic !!!!",
            "Bearer YTpi",
            "BasicYTpi",
        ] {
            assert_eq!(check(&[field]), None, "{field}");
        }
    }
}
