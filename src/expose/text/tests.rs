//! Tests of the text format, against expected bytes and an independent parser.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{Kind, Number, Series};

fn written(families: &Families) -> String {
    let mut out = Vec::new();
    encode_text(families, &mut out);
    String::from_utf8(out).unwrap()
}

fn one(name: &str, kind: Kind, labels: &[(&str, &str)], value: Value) -> Family {
    Family {
        name: name.into(),
        help: format!("Help of {name}.").into(),
        kind,
        series: vec![Series {
            labels: labels
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            value,
            created: None,
        }],
    }
}

fn histogram(bounds: &[u64], counts: &[u64], sum: u64, unit: Unit) -> Value {
    Value::Histogram(Histogram {
        bounds: bounds.into(),
        counts: counts.to_vec(),
        sum,
        unit,
        has_short_bounds: false,
        native: None,
        exemplars: Vec::new(),
    })
}

fn check(family: Family, expected: &str) {
    assert_eq!(written(&Families::new([family])), expected);
}

#[test]
fn a_counter() {
    check(
        one(
            "httplog_requests_total",
            Kind::Counter,
            &[("method", "GET"), ("route", "/a/<int>")],
            Value::Number(Number::Exact(42, Unit::One)),
        ),
        "# HELP httplog_requests_total Help of httplog_requests_total.\n\
         # TYPE httplog_requests_total counter\n\
         httplog_requests_total{method=\"GET\",route=\"/a/<int>\"} 42\n",
    );
}

#[test]
fn a_gauge_without_labels() {
    check(
        one("lag", Kind::Gauge, &[], Value::Number(Number::Float(0.25))),
        "# HELP lag Help of lag.\n# TYPE lag gauge\nlag 0.25\n",
    );
}

#[test]
fn a_histogram_is_cumulative_and_in_seconds() {
    check(
        one(
            "seconds",
            Kind::Histogram,
            &[("route", "/")],
            histogram(
                &[5_000, 100_000, 2_500_000],
                &[1, 0, 2, 4],
                10_000_001,
                Unit::Micros,
            ),
        ),
        "# HELP seconds Help of seconds.\n\
         # TYPE seconds histogram\n\
         seconds_bucket{route=\"/\",le=\"0.005\"} 1\n\
         seconds_bucket{route=\"/\",le=\"0.1\"} 1\n\
         seconds_bucket{route=\"/\",le=\"2.5\"} 3\n\
         seconds_bucket{route=\"/\",le=\"+Inf\"} 7\n\
         seconds_sum{route=\"/\"} 10.000001\n\
         seconds_count{route=\"/\"} 7\n",
    );
}

#[test]
fn a_histogram_without_labels() {
    check(
        one(
            "size",
            Kind::Histogram,
            &[],
            histogram(&[1_024], &[0, 1], 2_000, Unit::Bytes),
        ),
        "# HELP size Help of size.\n\
         # TYPE size histogram\n\
         size_bucket{le=\"1024.0\"} 0\n\
         size_bucket{le=\"+Inf\"} 1\n\
         size_sum 2000\n\
         size_count 1\n",
    );
}

#[test]
fn bounds_of_one_family_do_not_leak_into_the_next() {
    let text = written(&Families::new([
        one(
            "a",
            Kind::Histogram,
            &[],
            histogram(&[1_000_000], &[0, 0], 0, Unit::Micros),
        ),
        one(
            "b",
            Kind::Histogram,
            &[],
            histogram(&[1_000_000], &[0, 0], 0, Unit::Bytes),
        ),
        one(
            "c",
            Kind::Histogram,
            &[],
            histogram(&[7, 8], &[0, 0, 0], 0, Unit::Bytes),
        ),
    ]));
    assert!(text.contains("a_bucket{le=\"1.0\"} 0\n"));
    assert!(text.contains("b_bucket{le=\"1e+06\"} 0\n"));
    assert!(
        text.contains("c_bucket{le=\"7.0\"} 0\nc_bucket{le=\"8.0\"} 0\nc_bucket{le=\"+Inf\"} 0\n")
    );
}

#[test]
fn help_and_labels_are_escaped() {
    let mut family = one(
        "x",
        Kind::Gauge,
        &[("path", "C:\\a \"b\"\nc")],
        Value::Number(Number::Exact(1, Unit::One)),
    );
    family.help = "back\\slash \"quotes\"\nline".into();
    check(
        family,
        "# HELP x back\\\\slash \"quotes\"\\nline\n\
         # TYPE x gauge\n\
         x{path=\"C:\\\\a \\\"b\\\"\\nc\"} 1\n",
    );
}

#[test]
fn a_family_without_series_is_left_out() {
    let mut family = one("x", Kind::Gauge, &[], Value::Number(Number::Float(0.0)));
    family.series.clear();
    check(family, "");
}

/// Parsed samples: name and labels, in the order of the page, to the text of the value.
type Samples = BTreeMap<(String, Vec<(String, String)>), String>;

/// Parses the text format, character by character.
fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text
        .split_terminator('\n')
        .filter(|line| !line.starts_with('#'))
    {
        let mut rest = line.chars().peekable();
        let mut name = String::new();
        while let Some(next) = rest.next_if(|c| *c != '{' && *c != ' ') {
            name.push(next);
        }
        let mut labels = Vec::new();
        if rest.next() == Some('{') {
            while rest.next_if_eq(&'}').is_none() {
                rest.next_if_eq(&',');
                let label: String = std::iter::from_fn(|| rest.next_if(|c| *c != '=')).collect();
                assert_eq!((rest.next(), rest.next()), (Some('='), Some('"')));
                let mut value = String::new();
                loop {
                    match rest.next().unwrap() {
                        '"' => break,
                        '\\' => value.push(match rest.next().unwrap() {
                            'n' => '\n',
                            escaped @ ('\\' | '"') => escaped,
                            other => panic!("unknown escape: {other}"),
                        }),
                        plain => value.push(plain),
                    }
                }
                labels.push((label, value));
            }
            assert_eq!(rest.next(), Some(' '));
        }
        let value = rest.collect();
        let earlier = samples.insert((name, labels), value);
        assert_eq!(earlier, None, "a repeated sample: {line}");
    }
    samples
}

fn histograms() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, u64)> {
    proptest::collection::btree_set(0..=1_u64 << 53, 0..12).prop_flat_map(|bounds| {
        let counts = proptest::collection::vec(0..u64::MAX / 16, bounds.len() + 1);
        (Just(bounds.into_iter().collect()), counts, any::<u64>())
    })
}

proptest! {
    #[test]
    fn any_label_value_and_count_survives_a_round_trip(values: Vec<(String, u64)>) {
        let series = values.iter().map(|(value, count)| Series {
            labels: vec![("a".into(), value.as_str().into()), ("b".into(), "".into())],
            value: Value::Number(Number::Exact(*count, Unit::One)),
 created: None, });
        let families = Families::new([Family {
            name: "x_total".into(),
            help: "h".into(),
            kind: Kind::Counter,
            series: series.collect(),
        }]);
        let mut expected = Samples::new();
        for series in families.iter().flat_map(|family| &family.series) {
            let Value::Number(Number::Exact(count, _)) = series.value else { unreachable!() };
            let value = series.label("a").unwrap().to_owned();
            let labels = vec![("a".to_owned(), value), ("b".to_owned(), String::new())];
            expected.insert(("x_total".to_owned(), labels), count.to_string());
        }
        prop_assert_eq!(parse(&written(&families)), expected);
    }

    #[test]
    fn buckets_are_cumulative_and_end_at_the_count((bounds, counts, sum) in histograms(), label: String) {
        let value = histogram(&bounds, &counts, sum, Unit::Bytes);
        let families = Families::new([one("x", Kind::Histogram, &[("l", &label)], value)]);
        let text = written(&families);
        let samples = parse(&text);
        let with_label = |le: Option<String>| {
            let mut labels = vec![("l".to_owned(), label.clone())];
            labels.extend(le.map(|le| ("le".to_owned(), le)));
            labels
        };
        let mut below = 0;
        for (at, count) in counts.iter().enumerate() {
            below += count;
            let mut le = b"+Inf".to_vec();
            if let Some(bound) = bounds.get(at) {
                le.clear();
                push_bound(*bound, Unit::Bytes, false, &mut le);
            }
            let le = String::from_utf8(le).unwrap();
            let sample = samples.get(&("x_bucket".to_owned(), with_label(Some(le))));
            prop_assert_eq!(sample, Some(&below.to_string()));
        }
        prop_assert_eq!(&samples[&("x_count".to_owned(), with_label(None))], &below.to_string());
        prop_assert_eq!(&samples[&("x_sum".to_owned(), with_label(None))], &sum.to_string());
        prop_assert_eq!(samples.len(), counts.len() + 2);
        prop_assert_eq!(written(&families.clone()), text);
    }
}

#[cfg(feature = "daemon")]
#[test]
fn agrees_with_the_prometheus_crate() {
    let registry = prometheus::Registry::new();
    let gauge = prometheus::GaugeVec::new(
        prometheus::Opts::new("x", "Help with \\ and\nlines."),
        &["a", "b"],
    )
    .unwrap();
    registry.register(Box::new(gauge.clone())).unwrap();
    let values = [("plain", 1.5), ("q\"uote", 0.1), ("back\\\nslash", -3.0)];
    let mut series = Vec::new();
    for (label, value) in values {
        gauge.with_label_values(&[label, ""]).set(value);
        series.push(Series {
            labels: vec![("a".into(), label.into()), ("b".into(), "".into())],
            value: Value::Number(Number::Float(value)),
            created: None,
        });
    }
    let theirs = prometheus::TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    let ours = written(&Families::new([Family {
        name: "x".into(),
        help: "Help with \\ and\nlines.".into(),
        kind: Kind::Gauge,
        series,
    }]));
    let sorted = |text: &str| {
        text.lines()
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
}
