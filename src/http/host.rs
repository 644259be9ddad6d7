//! Checks the `Host` of a request (RFC 9112, 3.2), and to which names the pages for people answer.
//!
//! A browser sends the name of the page's site. A site can let its own name resolve to the exporter's address (DNS rebinding), and
//! its script would then read the exporter's pages as its own. It cannot make a browser send a name that is not its own, nor an
//! IP address.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Request, Version};

use super::address::Address;
use super::event::Page;
use super::host_name::HostName;

/// The name that every machine has for itself.
const LOOPBACK: &str = "localhost";

/// Names to which the pages for people answer, and orders are taken. Each IP address is one.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<HostName>);

impl Hosts {
    /// Makes a list of configured names, to which those of listen addresses, `localhost` and the name of this machine are added.
    pub fn new(configured: &[HostName], listen: &[Address]) -> Self {
        let own = rustix::system::uname();
        let own = own.nodename().to_string_lossy();
        let listen = listen.iter().filter_map(|address| match address {
            Address::Name { host, .. } => Some(host.as_str()),
            _ => None,
        });
        // A machine can have a name that browsers cannot send.
        let further = listen.chain([LOOPBACK, own.as_ref()]);
        let further = further.filter_map(|name| name.parse().ok());
        Self(configured.iter().cloned().chain(further).collect())
    }

    /// Returns whether a request for a page is answered. Its `Host` is valid.
    pub(super) fn admit<B>(&self, request: &Request<B>, page: Page) -> bool {
        !is_for_people(page) || self.contain(request)
    }

    /// Returns whether the host of a request is an IP address or a known name. Browsers send one with every request.
    fn contain<B>(&self, request: &Request<B>) -> bool {
        let of_target = request.uri().authority().cloned();
        let of_field = || {
            let mut hosts = hosts(request.headers());
            Authority::try_from(hosts.next()?.as_bytes()).ok()
        };
        let Some(authority) = of_target.or_else(of_field) else {
            return true;
        };
        let host = authority.host();
        is_address(host) || self.0.iter().any(|name| name.is(host))
    }
}

/// Returns whether a page is read, or an order given, by a person, whom a browser may serve. Prometheus and probes use any name for
/// the others.
fn is_for_people(page: Page) -> bool {
    match page {
        Page::Landing | Page::Status | Page::Reload | Page::Quit => true,
        Page::Metrics | Page::Healthy | Page::Ready | Page::Other => false,
    }
}

fn is_address(host: &str) -> bool {
    let inside = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inside {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

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

    fn admits(hosts: &Hosts, page: Page, target: &str, host: Option<&str>) -> bool {
        let mut request = Request::builder().uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        hosts.admit(&request.body(()).unwrap(), page)
    }

    #[test]
    fn pages_for_people_answer_to_addresses_and_known_names_only() {
        let listen = ["127.0.0.1:9914", "listen.example:9914", "unix:/s"];
        let listen = listen.map(|address| address.parse().unwrap());
        let hosts = Hosts::new(&["Metrics.example".parse().unwrap()], &listen);
        let own = rustix::system::uname();
        let own = own.nodename().to_str().unwrap();
        for host in [
            "",
            "localhost",
            "LOCALHOST:9914",
            "localhost.",
            "127.0.0.1",
            "127.8.9.1:9914",
            "[::1]:9914",
            "192.0.2.7:9914",
            "[2001:db8::1]",
            "metrics.example",
            "METRICS.example.:443",
            own,
            "listen.example",
        ] {
            assert!(admits(&hosts, Page::Landing, "/", Some(host)), "{host}");
        }
        for host in [
            "attacker.example",
            "localhost.attacker.example",
            "x.localhost",
            "metrics.example.attacker.example",
            "x.metrics.example",
            "127.0.0.1.attacker.example",
            "0x7f.1",
            "127.1",
            "[v1.x]",
            "example",
        ] {
            for page in [Page::Landing, Page::Status, Page::Reload, Page::Quit] {
                assert!(!admits(&hosts, page, "/", Some(host)), "{host}");
            }
            for page in [Page::Metrics, Page::Healthy, Page::Ready, Page::Other] {
                assert!(admits(&hosts, page, "/", Some(host)), "{host}");
            }
        }
    }

    #[test]
    fn the_host_of_an_absolute_target_decides() {
        let hosts = Hosts::default();
        let check = |target, host| admits(&hosts, Page::Landing, target, host);
        assert!(!check("http://attacker.example/", Some("127.0.0.1")));
        assert!(check("http://127.0.0.1/", Some("attacker.example")));
        assert!(check("/", None));
    }
}
