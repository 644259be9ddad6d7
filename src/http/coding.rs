//! Content codings of `/metrics` (RFC 9110, 12.5.3).
//!
//! Invariant: a request gets a coding that it accepts, or none at all.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use super::accept::weight;

/// Effort of the compression. More of it takes three times as long for a page that is a quarter smaller.
const LEVEL: u32 = 1;

/// The coding of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// No coding.
    Identity,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// Chooses gzip if a request prefers it to no coding, or gives both the same weight.
    pub(super) fn negotiate(headers: &HeaderMap) -> Self {
        let (mut gzip, mut identity, mut others) = (None, None, None);
        let fields = headers.get_all(ACCEPT_ENCODING).iter();
        let texts = fields.filter_map(|field| field.to_str().ok());
        for coding in texts.flat_map(|text| text.split(',')) {
            let (name, weight) = parse(coding);
            match &*name.to_ascii_lowercase() {
                "gzip" | "x-gzip" => gzip = weight,
                "identity" => identity = weight,
                "*" => others = weight,
                _ => {}
            }
        }
        // No coding is acceptable without being named, but not preferred.
        let gzip = gzip.or(others).unwrap_or(0);
        if gzip > 0 && gzip >= identity.unwrap_or(0) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// Appends bytes in the form of gzip.
pub(super) fn gzip(bytes: &[u8], out: &mut Vec<u8>) {
    let mut encoder = GzEncoder::new(out, Compression::new(LEVEL));
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    let _ = encoder.finish();
}

/// Parses a coding with its weight in thousandths; a weight that is not valid is 0.
fn parse(coding: &str) -> (&str, Option<u16>) {
    let mut parts = coding.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let mut named = parts.filter_map(|part| part.split_once('='));
    let given = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let weight = given.map_or(Some(1000), |(_, text)| weight(text.trim()));
    (name, Some(weight.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn chosen(accepted: &[&'static str]) -> Coding {
        let mut headers = HeaderMap::new();
        for field in accepted {
            headers.append(ACCEPT_ENCODING, field.parse().unwrap());
        }
        Coding::negotiate(&headers)
    }

    #[test]
    fn gzip_is_chosen_where_it_is_wanted() {
        for accepted in [
            "gzip",
            "GZip",
            "x-gzip",
            "deflate, gzip;q=0.5",
            "*",
            "br, *;q=0.1",
            "gzip;q=0.5, identity;q=0.5",
            "identity;q=0, gzip;q=0.001",
            "gzip ; Q=1.0",
        ] {
            assert_eq!(chosen(&[accepted]), Coding::Gzip, "{accepted}");
        }
        assert_eq!(chosen(&["br", "gzip;q=0.3"]), Coding::Gzip);
    }

    #[test]
    fn no_coding_is_chosen_where_gzip_is_not_wanted() {
        assert_eq!(chosen(&[]), Coding::Identity);
        for accepted in [
            "",
            "br",
            "gzip;q=0",
            "gzip;q=0.0, *",
            "gzip;q=0.4, identity",
            "gzip;q=2",
            "gzip;q=x",
            "*;q=0",
            "gzi p",
            ";;,=",
        ] {
            assert_eq!(chosen(&[accepted]), Coding::Identity, "{accepted}");
        }
    }

    #[test]
    fn compressed_bytes_are_those_that_were_given() {
        let bytes = b"up 1\n".repeat(1000);
        let mut out = Vec::new();
        gzip(&bytes, &mut out);
        assert!(out.len() < bytes.len() / 50);
        let mut read = Vec::new();
        GzDecoder::new(&*out).read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }
}
