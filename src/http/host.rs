//! Checks the `Host` of a request (RFC 9112, 3.2).

use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Returns whether a request has one valid `Host`, or none if it is of HTTP/1.0. A target in absolute form needs one
/// too.
pub(super) fn is_valid<B>(request: &Request<B>) -> bool {
    let mut hosts = hosts(request.headers());
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

fn hosts(headers: &HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers.get_all(HOST).iter()
}

/// Returns whether a value is a host with an optional port. It is empty for a target without an authority.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, hosts: &[&[u8]]) -> bool {
        let mut request = Request::builder().version(version).uri("/metrics");
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        is_valid(&request.body(()).unwrap())
    }

    #[test]
    fn http_1_1_needs_one_host_and_http_1_0_none() {
        assert!(!check(Version::HTTP_11, &[]));
        assert!(check(Version::HTTP_10, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(check(version, &[b"a"]));
            assert!(!check(version, &[b"a", b"b"]));
            assert!(!check(version, &[b"a", b"a"]));
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for host in ["", "a", "a.example:9914", "127.0.0.1", "[::1]:80", "a_b"] {
            assert!(check(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
        for host in ["a b", "a/b", "u@a", "a:b:c", "http://a", "\u{e9}"] {
            assert!(!check(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
    }
}
