//! Finds a location of stub status, and its address on this machine.
//!
//! Invariant: a request to the address reaches the location, unless its own rules refuse it.

use super::log::StubLocation;
use super::tree::Directive;

/// Port of a server without `listen`.
const PORT: &str = "80";

/// Returns the first location that has an address. All locations of an nginx show the same numbers.
pub(super) fn find(servers: &[&Directive]) -> Option<StubLocation> {
    let mut all = servers.iter().enumerate();
    all.find_map(|(at, server)| {
        let authority = addresses(server).into_iter().find_map(|address| {
            let before = &servers[..at];
            is_default(&address, before, servers).then_some(address.authority)?
        })?;
        location(&server.block, &authority)
    })
}

/// An address on which a server listens.
struct Listen {
    /// As it is written, by which servers share it.
    text: String,
    is_default: bool,
    /// Beginning of a URL to it; `None` for one with TLS or another protocol.
    authority: Option<String>,
}

fn addresses(server: &Directive) -> Vec<Listen> {
    let listens = server.block.iter().filter(|found| found.name() == "listen");
    let mut addresses: Vec<Listen> = listens.filter_map(listen).collect();
    if addresses.is_empty() {
        addresses.push(Listen {
            text: PORT.to_owned(),
            is_default: false,
            authority: Some("http://127.0.0.1".to_owned()),
        });
    }
    addresses
}

fn listen(directive: &Directive) -> Option<Listen> {
    let parameters = directive.parameters();
    let (text, options) = parameters.split_first()?;
    let is_plain = !options
        .iter()
        .any(|option| matches!(*option, "ssl" | "quic" | "proxy_protocol"));
    Some(Listen {
        text: (*text).to_owned(),
        is_default: options.contains(&"default_server"),
        authority: is_plain.then(|| authority(text)).flatten(),
    })
}

/// Returns the beginning of a URL to an address of `listen`.
fn authority(address: &str) -> Option<String> {
    if address.starts_with("unix:/") {
        return Some(format!("{address}:"));
    }
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let (host, port) = match address.rsplit_once(':') {
        _ if is_port(address) => ("*", address),
        Some((host, port)) if is_port(port) => (host, port),
        _ => (address, PORT),
    };
    let host = match host {
        "*" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    let is_host = |next: char| next.is_ascii_alphanumeric() || "-.:[]".contains(next);
    if host.is_empty() || !host.chars().all(is_host) {
        return None;
    }
    Some(match port {
        PORT => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    })
}

/// Returns whether requests to an address without a known name go to the server behind `before`: nginx takes the one with
/// `default_server`, else the first.
fn is_default(address: &Listen, before: &[&Directive], all: &[&Directive]) -> bool {
    let shares = |server: &&&Directive| {
        let mut others = addresses(server).into_iter();
        others.any(|other| other.text == address.text)
    };
    let has_default = |server: &&Directive| {
        let mut others = addresses(server).into_iter();
        others.any(|other| other.text == address.text && other.is_default)
    };
    address.is_default
        || (!before.iter().any(|server| shares(&server)) && !all.iter().any(has_default))
}

/// Returns the first location with a fixed path.
fn location(inside: &[Directive], authority: &str) -> Option<StubLocation> {
    let locations = inside.iter().filter(|found| found.name() == "location");
    locations.clone().find_map(|found| {
        let path = match found.parameters().as_slice() {
            [path] | ["=" | "^~", path] if path.starts_with('/') => (*path).to_owned(),
            _ => return None,
        };
        let is_stub = found
            .block
            .iter()
            .any(|inner| inner.name() == "stub_status");
        if is_stub {
            return Some(StubLocation {
                url: format!("{authority}{path}"),
                place: found.place(),
            });
        }
        location(&found.block, authority)
    })
}

#[cfg(test)]
mod tests {
    use crate::diag::Report;
    use crate::servers::{Dump, nginx};

    fn find(servers: &str) -> Option<String> {
        let dump = format!("# configuration file /n:\nhttp {{\n{servers}\n}}\n");
        let files = Dump::read(&dump).unwrap();
        let found = nginx::read("/n", "/etc/nginx", &files, &mut Report::default());
        found.stub.map(|stub| stub.url)
    }

    #[test]
    fn a_location_is_found_with_its_address() {
        let check = |listen: &str, location: &str, expected: &str| {
            let server = format!("server {{ {listen} location {location} {{ stub_status; }} }}");
            assert_eq!(find(&server).as_deref(), Some(expected), "{server}");
        };
        check("", "/s", "http://127.0.0.1/s");
        check("listen 8080;", "= /s", "http://127.0.0.1:8080/s");
        check(
            "listen 127.0.0.1:8080 default_server;",
            "^~ /s",
            "http://127.0.0.1:8080/s",
        );
        check("listen *:80;", "/s", "http://127.0.0.1/s");
        check("listen [::]:81;", "/s", "http://[::1]:81/s");
        check("listen 192.0.2.1;", "/s", "http://192.0.2.1/s");
        check("listen localhost:81;", "/s", "http://localhost:81/s");
        check("listen 443 ssl; listen 80;", "/s", "http://127.0.0.1/s");
        check("listen unix:/run/s.sock;", "/s", "unix:/run/s.sock:/s");
        check("", "/a { location /a/s", "http://127.0.0.1/a/s");
    }

    #[test]
    fn a_location_that_no_address_reaches_is_left_out() {
        for server in [
            "server { listen 443 ssl; location /s { stub_status; } }",
            "server { location ~ ^/s { stub_status; } }",
            "server { location @s { stub_status; } }",
            "server { listen $port; location /s { stub_status; } }",
            // Another server is asked if no name matches.
            "server { location / { } } server { server_name a; location /s { stub_status; } }",
            "server { location /s { stub_status; } } server { listen 80 default_server; }",
            "server { location / { return 200; } }",
        ] {
            assert_eq!(find(server), None, "{server}");
        }
        let second = "server { } server { listen 127.0.0.1:81; location /s { stub_status; } }";
        assert_eq!(find(second).as_deref(), Some("http://127.0.0.1:81/s"));
    }
}
