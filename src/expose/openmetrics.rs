//! [OpenMetrics] 1.0.
//!
//! Invariant: a sample has the same name, labels and number, to the byte, as in the text format, so that a Prometheus that
//! changes from one to the other goes on with the same series. The text format has neither exemplars nor `_created` lines, which
//! are there on request. Prometheus reads exemplars in version 0.0.1 too: it has one parser for both.
//!
//! [OpenMetrics]: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md

use super::Options;
use super::text::{Encoder, Quoted, push_escaped};
use crate::model::{Families, Kind};

/// Appends families in OpenMetrics, and the `# EOF` that ends a page. A family without series is left out.
///
/// ```
/// use httplog_exporter::expose::{Options, encode_openmetrics};
/// use httplog_exporter::model::{Families, Family, Kind, Number, Series, Unit, Value};
///
/// let families = Families::new([Family {
///     name: "read_bytes_total".into(),
///     help: "Bytes read.".into(),
///     kind: Kind::Counter,
///     series: vec![Series {
///         labels: vec![("source".into(), "nginx".into())],
///         value: Value::Number(Number::Exact(7, Unit::Bytes)),
///         created: None,
///     }],
/// }]);
/// let mut out = Vec::new();
/// encode_openmetrics(&families, Options::default(), &mut out);
/// let text = String::from_utf8(out).unwrap();
/// assert!(text.starts_with("# TYPE read_bytes counter\n# UNIT read_bytes bytes\n"));
/// assert!(text.ends_with("read_bytes_total{source=\"nginx\"} 7\n# EOF\n"));
/// ```
pub fn encode_openmetrics(families: &Families, options: Options, out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(options).with_exemplars();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        push_head(&family.name, family.kind, &family.help, out);
        encoder.push_samples(family, out);
    }
    out.extend_from_slice(b"# EOF\n");
}

/// Appends the `TYPE`, `UNIT` and `HELP` lines. These name a counter without its `_total`; a counter without `_total` in
/// its name has the type `unknown`, since OpenMetrics requires the suffix.
pub(super) fn push_head(name: &str, kind: Kind, help: &str, out: &mut Vec<u8>) {
    let (name, kind) = match (kind, name.strip_suffix("_total")) {
        (Kind::Counter, Some(name)) => (name, "counter"),
        (Kind::Counter, None) => (name, "unknown"),
        (kind, _) => (name, kind.name()),
    };
    for part in ["# TYPE ", name, " ", kind, "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if let Some(unit) = unit(name) {
        for part in ["# UNIT ", name, " ", unit, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    for part in ["# HELP ", name, " "] {
        out.extend_from_slice(part.as_bytes());
    }
    push_escaped(help, Quoted::Yes, out);
    out.push(b'\n');
}

/// Returns the unit in a name, without `_total`.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    let mut units = ["seconds", "bytes"].into_iter();
    units.find(|unit| {
        name.strip_suffix(unit)
            .is_some_and(|name| name.ends_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expose::encode_text;
    use crate::model::{Exemplar, Family, Histogram, Number, Series, Unit, Value};

    fn family(name: &str, kind: Kind, value: Value) -> Family {
        Family {
            name: name.into(),
            help: "A \"help\".".into(),
            kind,
            series: vec![Series {
                labels: vec![("route".into(), "/\"\n".into())],
                value,
                created: None,
            }],
        }
    }

    fn families() -> Families {
        let number = |number| Value::Number(Number::Exact(number, Unit::One));
        let seconds = Value::Histogram(Histogram {
            bounds: [5_000, 1_000_000].into(),
            counts: vec![1, 0, 2],
            sum: 2_500_000,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: Vec::new(),
        });
        Families::new([
            family("a_total", Kind::Counter, number(1)),
            family("b_bytes", Kind::Counter, number(2)),
            family("c_seconds", Kind::Histogram, seconds),
            family("d", Kind::Gauge, Value::Number(Number::Float(0.5))),
            Family {
                series: Vec::new(),
                ..family("e", Kind::Gauge, number(0))
            },
        ])
    }

    #[test]
    fn a_page_has_types_units_and_an_end() {
        let mut out = Vec::new();
        encode_openmetrics(&families(), Options::default(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"# TYPE a counter
# HELP a A \"help\".
a_total{route="/\"\n"} 1
# TYPE b_bytes unknown
# UNIT b_bytes bytes
# HELP b_bytes A \"help\".
b_bytes{route="/\"\n"} 2
# TYPE c_seconds histogram
# UNIT c_seconds seconds
# HELP c_seconds A \"help\".
c_seconds_bucket{route="/\"\n",le="0.005"} 1
c_seconds_bucket{route="/\"\n",le="1.0"} 1
c_seconds_bucket{route="/\"\n",le="+Inf"} 3
c_seconds_sum{route="/\"\n"} 2.5
c_seconds_count{route="/\"\n"} 3
# TYPE d gauge
# HELP d A \"help\".
d{route="/\"\n"} 0.5
# EOF
"#
        );
    }

    #[test]
    fn series_show_on_request_when_they_were_created() {
        let number = || Value::Number(Number::Exact(1, Unit::One));
        let created = |family: Family| {
            let mut series = family.series;
            series[0].created = Some(1_800_000_000_007);
            Family { series, ..family }
        };
        let families = Families::new([
            created(family("a_total", Kind::Counter, number())),
            created(family("b_bytes", Kind::Counter, number())),
            created(families().get("c_seconds").unwrap().clone()),
            created(family("d", Kind::Gauge, number())),
            family("e_total", Kind::Counter, number()),
        ]);
        let lines = |options| {
            let mut out = Vec::new();
            encode_openmetrics(&families, options, &mut out);
            let page = String::from_utf8(out).unwrap();
            let created = page.lines().filter(|line| line.contains("_created"));
            created.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(lines(Options::default()).is_empty());
        let options = Options {
            shows_created: true,
        };
        assert_eq!(
            lines(options),
            [
                r#"a_created{route="/\"\n"} 1800000000.007"#,
                r#"c_seconds_created{route="/\"\n"} 1800000000.007"#,
            ]
        );
    }

    #[test]
    fn a_bucket_shows_its_exemplar() {
        let exemplar = |bucket, ids: &[(&str, &str)], value, time| Exemplar {
            bucket,
            labels: ids
                .iter()
                .map(|(name, id)| ((*name).into(), (*id).into()))
                .collect(),
            value,
            time,
        };
        let seconds = Value::Histogram(Histogram {
            bounds: [5_000, 1_000_000, 2_000_000].into(),
            counts: vec![1, 0, 2, 1],
            sum: 2_500_000,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: vec![
                exemplar(
                    0,
                    &[("span_id", "b7ad"), ("trace_id", "0af7")],
                    430,
                    1_732_950_000_123,
                ),
                exemplar(2, &[("trace_id", "1af7")], 1_500_000, 1_732_950_001_000),
                exemplar(3, &[("trace_id", "2af7")], 7_000_000, 1_732_950_001_007),
            ],
        });
        let families = Families::new([family("c_seconds", Kind::Histogram, seconds)]);
        let mut out = Vec::new();
        encode_openmetrics(&families, Options::default(), &mut out);
        let page = String::from_utf8(out).unwrap();
        let (_, samples) = page.split_once(".\n").unwrap();
        assert_eq!(
            samples,
            r#"c_seconds_bucket{route="/\"\n",le="0.005"} 1 # {span_id="b7ad",trace_id="0af7"} 0.00043 1732950000.123
c_seconds_bucket{route="/\"\n",le="1.0"} 1
c_seconds_bucket{route="/\"\n",le="2.0"} 3 # {trace_id="1af7"} 1.5 1732950001.000
c_seconds_bucket{route="/\"\n",le="+Inf"} 4 # {trace_id="2af7"} 7 1732950001.007
c_seconds_sum{route="/\"\n"} 2.5
c_seconds_count{route="/\"\n"} 4
# EOF
"#
        );
        let mut text = Vec::new();
        encode_text(&families, &mut text);
        assert!(!String::from_utf8(text).unwrap().contains("_id"));
    }

    #[test]
    fn samples_are_those_of_the_text_format_to_the_byte() {
        let (mut text, mut openmetrics) = (Vec::new(), Vec::new());
        encode_text(&families(), &mut text);
        encode_openmetrics(&families(), Options::default(), &mut openmetrics);
        let samples = |page: Vec<u8>| {
            let page = String::from_utf8(page).unwrap();
            let lines = page.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(samples(openmetrics), samples(text));
    }
}
