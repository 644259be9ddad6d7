//! Shards against a model that counts each line in one map per family at once.

use super::*;
use crate::model::{Histogram, NativeHistogram};
use std::collections::BTreeMap;

/// A line: its key, and the value of each measure of `MEASURES`.
type Line = (u64, [Option<u64>; 3]);

const MEASURES: [Measure; 3] = [
    Measure::Duration,
    Measure::ResponseBytes,
    Measure::UpstreamRetries,
];

/// A step in the life of shards that together count all lines.
#[derive(Clone, Debug)]
enum Action {
    /// Counts a line this many times, in the given shard.
    Count(usize, Line, u16),
    /// Copies a shard.
    Snapshot(usize),
    /// Merges a shard into an empty one with the same definitions, which takes its place.
    Reconfigure(usize),
    /// Saves a shard, and resumes it in an empty one, which takes its place.
    Restart(usize),
    /// Makes series at 0 for a route.
    Initialise(usize, u64),
}

fn number() -> impl Strategy<Value = u64> {
    // Around the largest value that a block adds, and its sum in a full block.
    let edge = (1_u64 << 24) + (1 << 16);
    prop_oneof![
        6 => 0..50_u64,
        2 => edge - 70_000..edge + 70_000,
        1 => Just(u64::from(u32::MAX)),
        1 => any::<u64>(),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let values = [number(), number(), number()].map(proptest::option::of);
    let line = (0..60_u64, values);
    let times = prop_oneof![4 => Just(1), 1 => 250..260_u16, 1 => 0..1_000_u16];
    prop_oneof![
        12 => (0..2_usize, line, times).prop_map(|(shard, line, times)| Action::Count(shard, line, times)),
        2 => (0..2_usize).prop_map(Action::Snapshot),
        1 => (0..2_usize).prop_map(Action::Reconfigure),
        1 => (0..2_usize).prop_map(Action::Restart),
        1 => (0..2_usize, 0..6_u64).prop_map(|(shard, route)| Action::Initialise(shard, route)),
    ]
}

/// Families of which several count the same, with conditions or not.
fn many_definitions() -> impl Strategy<Value = Vec<Definition>> {
    let measure = prop::sample::select(&MEASURES[..]);
    let bounds = prop::sample::select(vec![
        vec![],
        vec![10, 20],
        vec![1, 5, 30, 1 << 24, 1 << 40],
        (0..70).collect(),
    ]);
    let kind = prop_oneof![
        1 => Just(Kind::Lines),
        1 => measure.clone().prop_map(Kind::Sum),
        2 => (measure, bounds).prop_map(|(measure, bounds)| Kind::Histogram(measure, bounds.into())),
    ];
    let labels = prop::sample::subsequence(vec![Label::Route, Label::Status], 0..=2);
    let family = (kind, labels, any::<bool>(), any::<bool>());
    proptest::collection::vec(family, 1..7).prop_map(|families| {
        let named = families.into_iter().enumerate();
        let define = |(at, (kind, labels, has_filter, is_native)): (
            usize,
            (Kind, Vec<Label>, bool, bool),
        )| {
            let mut definition = definition(&format!("f{at}"), kind, &labels);
            definition.is_native = is_native;
            if has_filter {
                definition.when = vec![Condition::new(Label::Route, ["*"]).unwrap()];
            }
            definition
        };
        named.map(define).collect()
    })
}

/// The values of each series of a family, by label values.
type Model = BTreeMap<Vec<String>, Value>;

fn labels_of(definition: &Definition, key: u64) -> Vec<String> {
    let text = |label: &Label| match label {
        Label::Route => format!("/{}", key / 10),
        _ => (key % 10).to_string(),
    };
    definition.labels.iter().map(text).collect()
}

fn zero(definition: &Definition) -> Value {
    match &definition.kind {
        Kind::Lines | Kind::Rejected => Value::Number(Number::Exact(0, Unit::One)),
        Kind::Sum(measure) => Value::Number(Number::Exact(0, measure.unit())),
        Kind::Histogram(measure, bounds) => Value::Histogram(Histogram {
            bounds: Arc::clone(bounds),
            counts: vec![0; bounds.len() + 1],
            sum: 0,
            unit: measure.unit(),
            has_short_bounds: false,
            native: definition.is_native.then(NativeHistogram::new),
            exemplars: Vec::new(),
        }),
    }
}

/// Counts a line in the model of a family.
fn count_in(model: &mut Model, definition: &Definition, (key, numbers): &Line) {
    if !definition.when.is_empty() && key / 10 % 2 == 0 {
        return;
    }
    let series = model.entry(labels_of(definition, *key));
    let value = series.or_insert_with(|| zero(definition));
    let number = |measure: &Measure| {
        let at = MEASURES.iter().position(|it| it == measure).unwrap();
        numbers[at]
    };
    match (&definition.kind, value) {
        (Kind::Sum(measure), Value::Number(Number::Exact(sum, _))) => {
            *sum = sum.wrapping_add(number(measure).unwrap_or(0));
        }
        (Kind::Histogram(measure, bounds), Value::Histogram(histogram)) => {
            if let Some(number) = number(measure) {
                let bucket = bounds.iter().position(|bound| number <= *bound);
                histogram.counts[bucket.unwrap_or(bounds.len())] += 1;
                histogram.sum = histogram.sum.wrapping_add(number);
                if let Some(native) = &mut histogram.native {
                    native.observe(number, histogram.unit);
                }
            }
        }
        (_, Value::Number(Number::Exact(lines, _))) => *lines += 1,
        _ => panic!("{definition:?}"),
    }
}

/// Returns families as models; their series are without names of labels.
fn models(families: Vec<Family>) -> Vec<Model> {
    let model = |family: Family| -> Model {
        let series = family.series.into_iter();
        series
            .map(|series| {
                let labels = series.labels.into_iter();
                (
                    labels.map(|(_, value)| value.to_string()).collect(),
                    series.value,
                )
            })
            .collect()
    };
    families.into_iter().map(model).collect()
}

fn count_times(shard: &mut Shard, (key, numbers): &Line, times: u16) {
    let measures = MEASURES.into_iter().zip(numbers);
    let values = measures.fold(Values::default(), |values, (measure, number)| {
        values.with(measure, *number)
    });
    for _ in 0..times {
        let row = Site::new(usize::MAX).row(shard, Key(*key));
        shard.count(row, &values, &Record::default());
    }
}

proptest! {
    #[test]
    fn counts_are_those_of_a_map_per_family_whenever_blocks_are_flushed(
        definitions in many_definitions(),
        actions in proptest::collection::vec(action(), 0..40),
    ) {
        let empty = || Shard::new("test".into(), definitions.clone(), Ledger::default());
        let mut shards = [empty(), empty()];
        let mut expected = [vec![Model::new(); definitions.len()], vec![Model::new(); definitions.len()]];
        let mut lines = [0, 0];
        for action in &actions {
            match action {
                Action::Count(at, line, times) => {
                    count_times(&mut shards[*at], line, *times);
                    for _ in 0..*times {
                        for (model, definition) in expected[*at].iter_mut().zip(&definitions) {
                            count_in(model, definition, line);
                        }
                    }
                    lines[*at] += u64::from(*times);
                }
                Action::Snapshot(at) => {
                    prop_assert_eq!(&models(shards[*at].snapshot()), &expected[*at]);
                }
                Action::Reconfigure(at) => {
                    let old = std::mem::replace(&mut shards[*at], empty());
                    prop_assert!(shards[*at].take_over(old).is_empty());
                }
                Action::Restart(at) => {
                    let mut old = std::mem::replace(&mut shards[*at], empty());
                    let (families, ledger) = (old.save(), old.ledger().save());
                    let shown = Families::new(old.frames().families(&families));
                    prop_assert_eq!(shown, Families::new(old.snapshot()));
                    prop_assert!(shards[*at].resume(families, &ledger).is_empty());
                }
                Action::Initialise(at, route) => {
                    for (family, definition) in definitions.iter().enumerate() {
                        let labels = labels_of(definition, *route * 10);
                        let values = labels.iter().map(|label| label.as_str().into()).collect();
                        prop_assert!(shards[*at].initialise(family, vec![values], |_| true));
                        let series = expected[*at][family].entry(labels);
                        series.or_insert_with(|| zero(definition));
                    }
                }
            }
            prop_assert_eq!(shards.each_ref().map(|shard| shard.ledger().recorded), lines);
        }
        for (mut shard, expected) in shards.into_iter().zip(&expected) {
            prop_assert_eq!(&models(shard.snapshot()), expected);
        }
    }

    #[test]
    fn a_replica_counts_the_same_for_the_shard_that_absorbs_it(
        definitions in many_definitions(),
        lines in proptest::collection::vec(((0..2_usize), (0..30_u64, [number(), number(), number()].map(proptest::option::of)), 0..300_u16), 0..30),
    ) {
        let new = || Shard::new("test".into(), definitions.clone(), Ledger::default());
        let (mut whole, mut main, mut replica) = (new(), new(), new());
        main.keep_order();
        for (at, line, times) in &lines {
            count_times(&mut whole, line, *times);
            // Only the main shard registers rows.
            Site::new(usize::MAX).row(&mut main, Key(line.0));
            Site::new(usize::MAX).row(&mut whole, Key(line.0));
            for row in main.registrations(replica.registered()) {
                replica.adopt(&row);
            }
            count_times([&mut main, &mut replica][*at], line, *times);
        }
        main.absorb(&mut replica);
        prop_assert_eq!(main.snapshot(), whole.snapshot());
        prop_assert_eq!(main.ledger(), whole.ledger());
    }
}
