//! Tests of the protobuf format, against the text format.

use proptest::prelude::*;

use super::super::encode_text;
use super::super::wire::tests::{Read, read, read_bytes};
use super::*;

/// A sample as Prometheus makes it of a series: name, labels, the bound of a bucket, value.
type Sample = (String, Vec<(String, String)>, Option<u64>, u64);

/// The fields of a message.
type Message<'b> = Vec<(u64, Read<'b>)>;

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).unwrap().to_owned()
}

/// Returns the only field of a number, if there is one.
fn field<'b>(message: &[(u64, Read<'b>)], number: u64) -> Option<Read<'b>> {
    let mut found = message.iter().filter(|(at, _)| *at == number);
    let first = found.next().map(|(_, value)| value.clone());
    assert!(found.next().is_none(), "field {number} stands twice");
    first
}

fn bytes<'b>(message: &[(u64, Read<'b>)], number: u64) -> &'b [u8] {
    match field(message, number) {
        Some(Read::Bytes(bytes)) => bytes,
        other => panic!("field {number} is {other:?}"),
    }
}

fn double(message: &[(u64, Read<'_>)], number: u64) -> f64 {
    match field(message, number) {
        Some(Read::Double(double)) => double,
        other => panic!("field {number} is {other:?}"),
    }
}

fn integer(message: &[(u64, Read<'_>)], number: u64) -> u64 {
    match field(message, number) {
        Some(Read::Varint(integer)) => integer,
        other => panic!("field {number} is {other:?}"),
    }
}

/// Returns the messages of a repeated field.
fn repeated<'b>(message: &[(u64, Read<'b>)], number: u64) -> impl Iterator<Item = Message<'b>> {
    message
        .iter()
        .filter(move |(at, _)| *at == number)
        .map(|(_, value)| match value {
            Read::Bytes(bytes) => read(bytes),
            other => panic!("{other:?}"),
        })
}

/// Returns milliseconds since 1970.
fn millis(time: &[u8]) -> u64 {
    let time = read(time);
    let nanos = field(&time, 2).map_or(0, |_| integer(&time, 2));
    integer(&time, 1) * 1_000 + nanos / 1_000_000
}

fn labels(series: &[(u64, Read<'_>)]) -> Vec<(String, String)> {
    let pairs = repeated(series, 1);
    pairs
        .map(|pair| (text(bytes(&pair, 1)), text(bytes(&pair, 2))))
        .collect()
}

/// Reads a page as Prometheus does.
fn samples(mut page: &[u8]) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !page.is_empty() {
        let family = read(read_bytes(&mut page));
        let name = text(bytes(&family, 1));
        for series in repeated(&family, 4) {
            let labels = labels(&series);
            let mut add = |suffix: &str, bound: Option<f64>, value: f64| {
                let bound = bound.map(f64::to_bits);
                samples.push((
                    format!("{name}{suffix}"),
                    labels.clone(),
                    bound,
                    value.to_bits(),
                ));
            };
            match integer(&family, 3) {
                0 => add("", None, double(&read(bytes(&series, 3)), 1)),
                1 => add("", None, double(&read(bytes(&series, 2)), 1)),
                4 => {
                    let histogram = read(bytes(&series, 7));
                    #[expect(clippy::cast_precision_loss, reason = "as Prometheus does")]
                    let float = |integer: u64| integer as f64;
                    for bucket in repeated(&histogram, 3) {
                        let bound = double(&bucket, 2);
                        if bound.is_finite() {
                            add("_bucket", Some(bound), float(integer(&bucket, 1)));
                        }
                    }
                    let count = float(integer(&histogram, 1));
                    add("_bucket", Some(f64::INFINITY), count);
                    add("_sum", None, double(&histogram, 2));
                    add("_count", None, count);
                }
                other => panic!("type {other}"),
            }
        }
    }
    samples
}

/// Reads a page of the text format.
fn text_samples(page: &str) -> Vec<Sample> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, inner) = series.split_once('{').unwrap_or((series, "}"));
            let mut rest = inner.strip_suffix('}').unwrap();
            let (mut labels, mut bound) = (Vec::new(), None);
            while let Some((label, quoted)) = rest.split_once("=\"") {
                let (mut value, mut chars) = (String::new(), quoted.chars());
                loop {
                    match chars.next().unwrap() {
                        '"' => break,
                        '\\' => match chars.next().unwrap() {
                            'n' => value.push('\n'),
                            other => value.push(other),
                        },
                        other => value.push(other),
                    }
                }
                rest = chars.as_str().trim_start_matches(',');
                if label == "le" {
                    bound = Some(value.parse::<f64>().unwrap().to_bits());
                } else {
                    labels.push((label.to_owned(), value));
                }
            }
            let value: f64 = value.parse().unwrap();
            (name.to_owned(), labels, bound, value.to_bits())
        })
        .collect()
}

fn encoded(families: &Families) -> Vec<u8> {
    let mut out = Vec::new();
    encode_protobuf(families, &mut out);
    out
}

fn any_integer() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
}

fn any_unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![Unit::One, Unit::Micros, Unit::Bytes])
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let bounds = proptest::collection::btree_set(0..1_u64 << 53, 0..20);
    (
        bounds,
        proptest::collection::vec(0..1_u64 << 40, 20),
        any_integer(),
        any_unit(),
    )
        .prop_map(|(bounds, mut counts, sum, unit)| {
            let bounds: Arc<[u64]> = bounds.into_iter().collect();
            counts.truncate(bounds.len() + 1);
            Histogram {
                bounds,
                counts,
                sum,
                unit,
                has_short_bounds: false,
                native: None,
                exemplars: Vec::new(),
            }
        })
}

fn any_family() -> impl Strategy<Value = Family> {
    let number = prop_oneof![
        (any_integer(), any_unit()).prop_map(|(value, unit)| Number::Exact(value, unit)),
        (-1e9..1e9).prop_map(Number::Float),
    ];
    let value = prop_oneof![
        number
            .clone()
            .prop_map(|number| (Kind::Counter, Value::Number(number))),
        number.prop_map(|number| (Kind::Gauge, Value::Number(number))),
        any_histogram().prop_map(|histogram| (Kind::Histogram, Value::Histogram(histogram))),
    ];
    // Texts of any characters, and of lengths around those at which a length takes more bytes.
    let text = prop_oneof![6 => "\\PC{0,20}", 2 => any::<String>(), 1 => "x{100,140}"];
    let labels = proptest::collection::vec(proptest::collection::vec(text, 2), 0..20);
    ("[a-z]{1,8}", value, labels).prop_map(|(name, (kind, value), texts)| Family {
        name: name.into(),
        help: texts.concat().concat().into(),
        kind,
        series: texts
            .into_iter()
            .map(|texts| Series {
                labels: ["a", "route"]
                    .into_iter()
                    .zip(texts)
                    .map(|(name, text)| (name.into(), text.into()))
                    .collect(),
                value: value.clone(),
                created: None,
            })
            .collect(),
    })
}

proptest! {
    #[test]
    fn samples_are_those_of_the_text_format(families in proptest::collection::vec(any_family(), 0..6)) {
        let mut families = families;
        families.sort_by(|one, other| one.name.cmp(&other.name));
        families.dedup_by(|one, other| one.name == other.name);
        let families = Families::new(families);
        let mut page = Vec::new();
        encode_text(&families, &mut page);
        prop_assert_eq!(samples(&encoded(&families)), text_samples(std::str::from_utf8(&page).unwrap()));
    }
}

fn one(name: &str, kind: Kind, value: Value, created: Option<u64>) -> Families {
    Families::new([Family {
        name: name.into(),
        help: "Help.".into(),
        kind,
        series: vec![Series {
            labels: Vec::new(),
            value,
            created,
        }],
    }])
}

/// Returns the message of the only family, and that of its only series.
fn parts(page: &[u8]) -> (Message<'_>, Message<'_>) {
    let family = read(read_bytes(&mut &*page));
    let series = repeated(&family, 4).next().unwrap();
    (family, series)
}

fn seconds(native: Option<NativeHistogram>, exemplars: Vec<Exemplar>) -> Value {
    Value::Histogram(Histogram {
        bounds: [5_000, 1_000_000].into(),
        counts: vec![1, 0, 300],
        sum: 2_500_000,
        unit: Unit::Micros,
        has_short_bounds: false,
        native,
        exemplars,
    })
}

#[test]
fn a_family_has_a_type_a_help_text_and_the_unit_in_its_name() {
    for (name, unit) in [
        ("read_bytes_total", Some("bytes")),
        ("wait_seconds", Some("seconds")),
        ("seconds", None),
        ("requests_total", None),
    ] {
        let count = Value::Number(Number::Exact(1, Unit::One));
        let page = encoded(&one(name, Kind::Counter, count, None));
        let (family, _) = parts(&page);
        assert_eq!(text(bytes(&family, 1)), name);
        assert_eq!(text(bytes(&family, 2)), "Help.");
        assert_eq!(
            field(&family, 5),
            unit.map(|unit| Read::Bytes(unit.as_bytes()))
        );
    }
}

#[test]
fn a_counter_and_a_histogram_have_the_time_at_which_they_were_created() {
    let number = || Value::Number(Number::Exact(1, Unit::One));
    for created in [1_800_000_000_007, 1_800_000_000_000] {
        let page = encoded(&one("a_total", Kind::Counter, number(), Some(created)));
        let counter = read(bytes(&parts(&page).1, 3));
        assert_eq!(millis(bytes(&counter, 3)), created);
        let value = seconds(None, Vec::new());
        let page = encoded(&one("a_seconds", Kind::Histogram, value, Some(created)));
        let histogram = read(bytes(&parts(&page).1, 7));
        assert_eq!(millis(bytes(&histogram, 15)), created);
    }
    let page = encoded(&one("a", Kind::Gauge, number(), Some(1)));
    assert_eq!(read(bytes(&parts(&page).1, 2)).len(), 1);
}

#[test]
fn a_native_histogram_is_runs_of_buckets_and_differences_of_their_counts() {
    let native = NativeHistogram::from_parts(3, 7, vec![(-9, 200), (-8, 1), (-3, 5), (4, 95)]);
    let page = encoded(&one(
        "a_seconds",
        Kind::Histogram,
        seconds(native, Vec::new()),
        None,
    ));
    let histogram = read(bytes(&parts(&page).1, 7));
    assert_eq!(integer(&histogram, 5), zigzag(3));
    assert_eq!(double(&histogram, 6).to_bits(), 2_f64.powi(-128).to_bits());
    assert_eq!(integer(&histogram, 7), 7);
    let spans: Vec<_> = repeated(&histogram, 12)
        .map(|span| (integer(&span, 1), integer(&span, 2)))
        .collect();
    assert_eq!(spans, [(zigzag(-9), 2), (zigzag(4), 1), (zigzag(6), 1)]);
    let mut deltas = bytes(&histogram, 13);
    let mut found = Vec::new();
    while !deltas.is_empty() {
        found.push(super::super::wire::tests::read_varint(&mut deltas));
    }
    assert_eq!(found, [200, -199, 4, 90].map(zigzag));
    assert_eq!(repeated(&histogram, 3).count(), 2);
    assert_eq!(integer(&histogram, 1), 301);
}

#[test]
fn a_native_histogram_without_observations_is_told_from_a_classic_one() {
    let page = encoded(&one(
        "a_seconds",
        Kind::Histogram,
        seconds(Some(NativeHistogram::new()), Vec::new()),
        None,
    ));
    let histogram = read(bytes(&parts(&page).1, 7));
    assert!(double(&histogram, 6) > 0.0);
    assert_eq!(field(&histogram, 13), None);
}

#[test]
fn a_bucket_has_its_exemplar_and_the_last_one_is_there_for_it() {
    let exemplar = |bucket, value| Exemplar {
        bucket,
        labels: vec![("trace_id".into(), "ab12".into())],
        value,
        time: 1_800_000_000_007,
    };
    let page = encoded(&one(
        "a_seconds",
        Kind::Histogram,
        seconds(None, vec![exemplar(0, 4_500), exemplar(2, 2_000_000)]),
        None,
    ));
    let (_, series) = parts(&page);
    let histogram = read(bytes(&series, 7));
    let buckets: Vec<_> = repeated(&histogram, 3).collect();
    assert_eq!(
        buckets.iter().map(|it| integer(it, 1)).collect::<Vec<_>>(),
        [1, 1, 301]
    );
    let bounds: Vec<f64> = buckets.iter().map(|bucket| double(bucket, 2)).collect();
    assert_eq!(bounds, [0.005, 1.0, f64::INFINITY]);
    assert_eq!(field(&buckets[1], 3), None);
    let last = read(bytes(&buckets[2], 3));
    assert_eq!(labels(&last), [("trace_id".to_owned(), "ab12".to_owned())]);
    assert_eq!(double(&last, 2).to_bits(), 2_f64.to_bits());
    assert_eq!(millis(bytes(&last, 3)), 1_800_000_000_007);
    // The other numbers are the same as without exemplars.
    let plain = encoded(&one(
        "a_seconds",
        Kind::Histogram,
        seconds(None, Vec::new()),
        None,
    ));
    assert_eq!(samples(&page), samples(&plain));
}
