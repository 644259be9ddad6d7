//! Families as a JSON document.
//!
//! Invariant: the output is valid JSON with exact decimals and keys in a fixed order. Numbers are written
//! without `serde_json`, which has no exact decimals.

use std::io::Write as _;

use super::number::{push_exact, push_integer, push_number};
use crate::model::{Families, Family, Histogram, NativeHistogram, Number, Series, Value};

/// Appends one JSON object and a line feed, with one line for each series.
///
/// A family is `{"name", "help", "type", "series"}`; a series has `labels` and either `value`, or
/// `buckets` (cumulative, as in the text format), `sum` and `count`, and `native` if the metric has native
/// buckets: their `schema`, the observations of 0 as `zero`, and `buckets` by their `index`, not cumulative.
/// Durations are in seconds. Numbers that JSON cannot express are strings: `"+Inf"`, `"-Inf"`, `"NaN"`. A family without series is left
/// out.
pub fn encode_json(families: &Families, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"families\":[");
    let shown = families.iter().filter(|family| !family.series.is_empty());
    for (at, family) in shown.enumerate() {
        out.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        push_family(family, out);
    }
    out.extend_from_slice(b"\n]}\n");
}

fn push_family(family: &Family, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    push_string(&family.name, out);
    out.extend_from_slice(b",\"help\":");
    push_string(&family.help, out);
    out.extend_from_slice(b",\"type\":");
    push_string(family.kind.name(), out);
    out.extend_from_slice(b",\"series\":[");
    for (at, series) in family.series.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\n  " } else { b",\n  " });
        push_series(series, out);
    }
    out.extend_from_slice(b"\n]}");
}

fn push_series(series: &Series, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"labels\":{");
    for (at, (name, value)) in series.labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(name, out);
        out.push(b':');
        push_string(value, out);
    }
    out.push(b'}');
    match &series.value {
        Value::Number(number) => {
            out.extend_from_slice(b",\"value\":");
            push_json_number(*number, out);
        }
        Value::Histogram(histogram) => push_histogram(histogram, out),
    }
    out.push(b'}');
}

fn push_histogram(histogram: &Histogram, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"buckets\":[");
    for (bound, count) in histogram.bounds.iter().zip(histogram.cumulative()) {
        out.extend_from_slice(b"{\"le\":");
        push_exact(*bound, histogram.unit, out);
        out.extend_from_slice(b",\"count\":");
        push_integer(count, out);
        out.extend_from_slice(b"},");
    }
    let all = histogram.observations();
    out.extend_from_slice(b"{\"le\":\"+Inf\",\"count\":");
    push_integer(all, out);
    out.extend_from_slice(b"}],\"sum\":");
    push_exact(histogram.sum, histogram.unit, out);
    out.extend_from_slice(b",\"count\":");
    push_integer(all, out);
    if let Some(native) = &histogram.native {
        push_native(native, out);
    }
}

fn push_native(native: &NativeHistogram, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        ",\"native\":{{\"schema\":{},\"zero\":{},\"buckets\":[",
        native.schema(),
        native.zero()
    );
    for (at, (index, count)) in native.buckets().iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}{{\"index\":{index},\"count\":{count}}}");
    }
    out.extend_from_slice(b"]}");
}

fn push_json_number(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::Float(value) if !value.is_finite() => {
            out.push(b'"');
            push_number(number, out);
            out.push(b'"');
        }
        _ => push_number(number, out),
    }
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::model::Unit;

    fn family(name: &str, kind: Kind, series: Vec<Series>) -> Family {
        Family {
            name: name.into(),
            help: "Says \"what\".".into(),
            kind,
            series,
        }
    }

    #[test]
    fn each_kind_has_its_form_and_numbers_are_exact() {
        let labels = vec![("route".into(), "a\"b\n".into())];
        let families = Families::new([
            family("nothing", Kind::Gauge, vec![]),
            family(
                "odd",
                Kind::Gauge,
                vec![Series {
                    labels: vec![],
                    value: Value::Number(Number::Float(f64::NAN)),
                    created: None,
                }],
            ),
            family(
                "requests_total",
                Kind::Counter,
                vec![Series {
                    labels: labels.clone(),
                    value: Value::Number(Number::Exact(u64::MAX, Unit::One)),
                    created: None,
                }],
            ),
            family(
                "seconds",
                Kind::Histogram,
                vec![Series {
                    labels,
                    value: Value::Histogram(Histogram {
                        bounds: [5_000, 1_000_000].into(),
                        counts: vec![1, 2, 3],
                        sum: 9_007_199_254_740_993,
                        unit: Unit::Micros,
                        has_short_bounds: false,
                        native: NativeHistogram::from_parts(3, 1, vec![(-54, 2), (3, 3)]),
                        exemplars: Vec::new(),
                    }),
                    created: None,
                }],
            ),
        ]);
        let mut out = Vec::new();
        encode_json(&families, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#"{"families":[
{"name":"odd","help":"Says \"what\".","type":"gauge","series":[
  {"labels":{},"value":"NaN"}
]},
{"name":"requests_total","help":"Says \"what\".","type":"counter","series":[
  {"labels":{"route":"a\"b\n"},"value":18446744073709551615}
]},
{"name":"seconds","help":"Says \"what\".","type":"histogram","series":[
  {"labels":{"route":"a\"b\n"},"buckets":[{"le":0.005,"count":1},{"le":1,"count":3},{"le":"+Inf","count":6}],"sum":9007199254.740993,"count":6,"native":{"schema":3,"zero":1,"buckets":[{"index":-54,"count":2},{"index":3,"count":3}]}}
]}
]}
"#
        );
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            document["families"][1]["series"][0]["value"],
            serde_json::json!(u64::MAX)
        );
    }

    #[test]
    fn a_scrape_without_families_is_a_document() {
        let mut out = Vec::new();
        encode_json(&Families::default(), &mut out);
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document, serde_json::json!({"families": []}));
    }
}
