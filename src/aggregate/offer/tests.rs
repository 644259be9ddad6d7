//! Exemplars against a model, and as a Prometheus takes them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::{Definition, Key, Kind, LabelValues, Ledger, Measure};
use crate::label::Label;
use crate::model::{Families, Record, Value};

const BOUNDS: [u64; 2] = [10, 20];

fn definition(name: &str, kind: Kind, labels: &[Label]) -> Definition {
    Definition {
        name: name.into(),
        help: "h".into(),
        kind,
        labels: labels.to_vec(),
        when: Vec::new(),
        other: Vec::new(),
        has_short_bounds: false,
        is_native: false,
    }
}

fn shard(which: ExemplarId) -> Shard {
    let seconds = Kind::Histogram(Measure::Duration, BOUNDS.into());
    let bytes = Kind::Histogram(Measure::ResponseBytes, BOUNDS.into());
    let definitions = vec![
        definition("requests", Kind::Lines, &[Label::Route]),
        definition("seconds", seconds, &[Label::Route]),
        definition("bytes", bytes, &[]),
    ];
    Shard::new("test".into(), definitions, Ledger::default()).with_exemplars(which)
}

/// A line: its route, duration and size, time and request id.
#[derive(Clone, Debug)]
struct Line {
    route: u64,
    duration: Option<u64>,
    bytes: Option<u64>,
    time: Option<u64>,
    id: String,
}

fn has_id(line: &Line) -> bool {
    line.id != "not an id"
}

fn count(shard: &mut Shard, line: &Line) {
    let key = Key(line.route);
    let labels = || -> Vec<Option<LabelValues>> {
        let route = || Some([line.route.to_string().into()].into());
        vec![route(), route(), Some([].into())]
    };
    let row = shard
        .find(key)
        .unwrap_or_else(|| shard.register(key, labels, |_| true));
    let values = Values::default()
        .with(Measure::Duration, line.duration)
        .with(Measure::ResponseBytes, line.bytes);
    let time = line.time.map(|time| time.to_string());
    let record = Record {
        request_id: Some(line.id.as_bytes()),
        time: time.as_ref().map(String::as_bytes),
        ..Record::default()
    };
    shard.count(row, &values, &record);
}

/// A bucket of a page: its family, route and place.
type Bucket = (String, String, usize);
/// An exemplar: its time, value and id.
type Example = (u64, u64, String);

fn shown(families: &Families) -> BTreeMap<Bucket, Example> {
    let mut found = BTreeMap::new();
    for family in families.iter() {
        for series in &family.series {
            let Value::Histogram(histogram) = &series.value else {
                continue;
            };
            for exemplar in &histogram.exemplars {
                let route = series.label("route").unwrap_or_default().to_owned();
                let [(_, id)] = &*exemplar.labels else {
                    panic!("{:?}", exemplar.labels)
                };
                let bucket = (family.name.to_string(), route, exemplar.bucket);
                let example = (exemplar.time, exemplar.value, id.to_string());
                assert_eq!(found.insert(bucket, example), None);
                assert!(histogram.counts[exemplar.bucket] > 0);
            }
        }
    }
    found
}

/// A step in the life of a shard.
#[derive(Clone, Debug)]
enum Action {
    Count(Line),
    /// Lets milliseconds pass.
    Wait(u64),
    /// A scrape.
    Scrape,
    /// A scrape of what is saved at the same time.
    Commit,
    /// A reload.
    Reload,
}

fn action() -> impl Strategy<Value = Action> {
    let number = || proptest::option::of(0..30_u64);
    let id = prop_oneof!["[a-z0-9]{1,3}", Just("not an id".to_owned())];
    // Lines come late, and from other machines' clocks.
    let time = proptest::option::of(prop_oneof![-3_000..2_000_i64, -90_000..90_000_i64]);
    let line = (0..4_u64, number(), number(), time, id);
    prop_oneof![
        12 => line.prop_map(|(route, duration, bytes, time, id)| Action::Count(Line {
            route,
            duration,
            bytes,
            time: time.map(|time| START.saturating_add_signed(time)),
            id,
        })),
        3 => prop_oneof![0..2_000_u64, 0..100_000_u64].prop_map(Action::Wait),
        2 => Just(Action::Scrape),
        2 => Just(Action::Commit),
        1 => Just(Action::Reload),
    ]
}

const START: u64 = 1_800_000_000_000;

/// Exemplars in maps.
#[derive(Default)]
struct Model(BTreeMap<Bucket, Example>);

impl Model {
    fn count(&mut self, line: &Line, now: u64) {
        let time = line.time.unwrap_or(now).min(now);
        let values = [
            ("seconds", line.route.to_string(), line.duration),
            ("bytes", String::new(), line.bytes),
        ];
        for (family, route, value) in values {
            let Some(value) = value.filter(|_| has_id(line) && time + 60_000 >= now) else {
                continue;
            };
            let place = BOUNDS.iter().filter(|bound| **bound < value).count();
            let example = (time, value, line.id.clone());
            let kept = (self.0)
                .entry((family.to_owned(), route, place))
                .or_insert_with(|| example.clone());
            if kept.0 < time {
                *kept = example;
            }
        }
    }

    fn shown(&self, now: u64) -> BTreeMap<Bucket, Example> {
        let young = (self.0.iter()).filter(|(_, (time, ..))| time + 60_000 >= now);
        let young = young.map(|(bucket, example)| (bucket.clone(), example.clone()));
        young.collect()
    }
}

proptest! {
    #[test]
    fn pages_show_the_latest_request_of_each_bucket_and_a_prometheus_takes_all(
        actions in proptest::collection::vec(action(), 0..60),
    ) {
        let mut now = START;
        let (mut shard, mut model) = (shard(ExemplarId::Request), Model::default());
        shard.set_now(now);
        // The exemplar that Prometheus has last for each bucket (`tsdb/exemplar.go`, `validateExemplar`).
        let mut taken: BTreeMap<Bucket, Example> = BTreeMap::new();
        for action in actions {
            let families = match action {
                Action::Count(line) => {
                    model.count(&line, now);
                    count(&mut shard, &line);
                    continue;
                }
                Action::Wait(millis) => {
                    now += millis;
                    shard.set_now(now);
                    continue;
                }
                Action::Reload => {
                    let mut next = self::shard(ExemplarId::Request);
                    next.set_now(now);
                    let changed = next.take_over(shard);
                    prop_assert!(changed.is_empty());
                    shard = next;
                    continue;
                }
                Action::Scrape => Families::new(shard.snapshot()),
                Action::Commit => {
                    let frames = shard.frames();
                    Families::new(frames.families(&shard.save()))
                }
            };
            let found = shown(&families);
            prop_assert_eq!(&found, &model.shown(now));
            for (bucket, example) in found {
                let before = taken.insert(bucket, example.clone());
                let is_taken = before.is_none_or(|before| before == example || before.0 < example.0);
                prop_assert!(is_taken, "{:?}", example);
            }
        }
    }
}

fn line(id: &str, time: u64) -> Line {
    Line {
        route: 1,
        duration: Some(5),
        bytes: None,
        time: Some(time),
        id: id.to_owned(),
    }
}

#[test]
fn exemplars_go_on_over_a_reload_unless_they_show_another_id() {
    let mut before = shard(ExemplarId::Request);
    before.set_now(START);
    count(&mut before, &line("a", START));
    let mut same = shard(ExemplarId::Request);
    same.set_now(START);
    same.take_over(before);
    assert_eq!(shown(&Families::new(same.snapshot())).len(), 1);
    let mut other = shard(ExemplarId::Trace);
    other.set_now(START);
    other.take_over(same);
    assert_eq!(shown(&Families::new(other.snapshot())).len(), 0);
}

#[test]
fn exemplars_go_on_after_the_clock_was_set_back() {
    let mut shard = shard(ExemplarId::Request);
    shard.set_now(START + 600_000);
    count(&mut shard, &line("a", START + 600_000));
    shard.set_now(START);
    count(&mut shard, &line("b", START));
    let found = shown(&Families::new(shard.snapshot()));
    let examples: Vec<&Example> = found.values().collect();
    assert_eq!(examples, [&(START, 5, "b".to_owned())]);
}

#[test]
fn a_million_ids_take_the_memory_of_one_a_bucket() {
    let mut shard = shard(ExemplarId::Request);
    let held = |shard: &Shard| -> usize {
        let exemplars = shard
            .tables
            .iter()
            .filter_map(|table| table.exemplars.as_ref());
        exemplars.map(|it| it.held_bytes()).sum()
    };
    let mut after_a_thousand = 0;
    for number in 0..1_000_000_u64 {
        let now = START + number;
        shard.set_now(now);
        count(
            &mut shard,
            &Line {
                route: number % 5,
                duration: Some(number % 30),
                bytes: Some(number % 30),
                ..line(&format!("{number:032x}"), now)
            },
        );
        if number == 1_000 {
            after_a_thousand = held(&shard);
        }
    }
    assert_eq!(held(&shard), after_a_thousand);
    // Six series with three buckets each.
    assert_eq!(shown(&Families::new(shard.snapshot())).len(), 18);
}
