//! The families, as nginx-prometheus-exporter has them.
//!
//! Invariant: a page without numbers has `nginx_up` 0 and no other series.

use super::address::StubAddress;
use super::stub::Stub;
use crate::model::{Family, Kind, Labels, Number, Series, Unit, Value};

/// A family: its name, its kind, its help, and its number.
type Definition = (&'static str, Kind, &'static str, fn(&Stub) -> u64);

const UP: (&str, &str) = ("nginx_up", "Status of the last metric scrape");

/// The families of a page with numbers.
const NUMBERS: [Definition; 7] = [
    (
        "nginx_connections_accepted",
        Kind::Counter,
        "Accepted client connections",
        |stub| stub.accepted,
    ),
    (
        "nginx_connections_active",
        Kind::Gauge,
        "Active client connections",
        |stub| stub.active,
    ),
    (
        "nginx_connections_handled",
        Kind::Counter,
        "Handled client connections",
        |stub| stub.handled,
    ),
    (
        "nginx_connections_reading",
        Kind::Gauge,
        "Connections where NGINX is reading the request header",
        |stub| stub.reading,
    ),
    (
        "nginx_connections_waiting",
        Kind::Gauge,
        "Idle client connections",
        |stub| stub.waiting,
    ),
    (
        "nginx_connections_writing",
        Kind::Gauge,
        "Connections where NGINX is writing the response back to the client",
        |stub| stub.writing,
    ),
    (
        "nginx_http_requests_total",
        Kind::Counter,
        "Total http requests",
        |stub| stub.requests,
    ),
];

/// Names of all families.
pub const FAMILIES: [&str; 8] = {
    let mut names = [UP.0; 8];
    let mut at = 0;
    while at < NUMBERS.len() {
        names[at] = NUMBERS[at].0;
        at += 1;
    }
    names
};

/// Returns the names that other metrics must not have. OpenMetrics' readers add `_total` to the name of a counter.
pub fn series_names() -> impl Iterator<Item = String> {
    let counters = NUMBERS
        .iter()
        .filter(|(_, kind, ..)| *kind == Kind::Counter);
    let counters = counters.filter(|(name, ..)| !name.ends_with("_total"));
    let names = FAMILIES.iter().map(|name| (*name).to_owned());
    names.chain(counters.map(|(name, ..)| format!("{name}_total")))
}

/// Returns the families of pages. As in nginx-prometheus-exporter, only several pages have the label `addr`.
pub fn families(pages: &[(&StubAddress, Option<Stub>)]) -> Vec<Family> {
    let labels = |address: &StubAddress| -> Labels {
        if pages.len() == 1 {
            return Vec::new();
        }
        vec![("addr".into(), address.as_str().into())]
    };
    let series = |address, value| Series {
        labels: labels(address),
        value: Value::Number(Number::Exact(value, Unit::One)),
        created: None,
    };
    let up = pages
        .iter()
        .map(|(address, stub)| series(address, u64::from(stub.is_some())));
    let (name, help) = UP;
    let mut families = vec![Family {
        name: name.into(),
        help: help.into(),
        kind: Kind::Gauge,
        series: up.collect(),
    }];
    families.extend(NUMBERS.iter().map(|(name, kind, help, number)| {
        let known = pages
            .iter()
            .filter_map(|(address, stub)| Some((address, stub.as_ref()?)));
        Family {
            name: (*name).into(),
            help: (*help).into(),
            kind: *kind,
            series: known
                .map(|(address, stub)| series(address, number(stub)))
                .collect(),
        }
    }));
    families
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expose::{Options, encode_openmetrics, encode_text};
    use crate::model::Families;

    fn stub() -> Stub {
        Stub {
            active: 1,
            accepted: 2,
            handled: 3,
            requests: 4,
            reading: 5,
            writing: 6,
            waiting: 7,
        }
    }

    fn samples(pages: &[(&StubAddress, Option<Stub>)]) -> Vec<String> {
        let mut page = Vec::new();
        encode_text(&Families::new(families(pages)), &mut page);
        let page = String::from_utf8(page).unwrap();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn one_page_has_no_label() {
        let address: StubAddress = "http://127.0.0.1/s".parse().unwrap();
        assert_eq!(
            samples(&[(&address, Some(stub()))]),
            [
                "nginx_connections_accepted 2",
                "nginx_connections_active 1",
                "nginx_connections_handled 3",
                "nginx_connections_reading 5",
                "nginx_connections_waiting 7",
                "nginx_connections_writing 6",
                "nginx_http_requests_total 4",
                "nginx_up 1",
            ]
        );
        assert_eq!(samples(&[(&address, None)]), ["nginx_up 0"]);
    }

    #[test]
    fn several_pages_are_told_apart_by_their_address() {
        let one: StubAddress = "http://127.0.0.1/s".parse().unwrap();
        let other: StubAddress = "unix:/run/s.sock:/s".parse().unwrap();
        let samples = samples(&[(&one, Some(stub())), (&other, None)]);
        assert!(
            samples
                .contains(&r#"nginx_connections_active{addr="http://127.0.0.1/s"} 1"#.to_owned())
        );
        let up: Vec<_> = samples
            .iter()
            .filter(|line| line.starts_with("nginx_up"))
            .collect();
        assert_eq!(
            up,
            [
                r#"nginx_up{addr="http://127.0.0.1/s"} 1"#,
                r#"nginx_up{addr="unix:/run/s.sock:/s"} 0"#
            ]
        );
    }

    #[test]
    fn counters_without_total_keep_their_name_in_openmetrics() {
        let address: StubAddress = "http://127.0.0.1/s".parse().unwrap();
        let mut page = Vec::new();
        let families = Families::new(families(&[(&address, Some(stub()))]));
        encode_openmetrics(&families, Options::default(), &mut page);
        let page = String::from_utf8(page).unwrap();
        assert!(
            page.contains("# TYPE nginx_connections_accepted unknown\n"),
            "{page}"
        );
        assert!(
            page.contains("# TYPE nginx_http_requests counter\n"),
            "{page}"
        );
        assert!(page.contains("\nnginx_connections_accepted 2\n"), "{page}");
    }
}
