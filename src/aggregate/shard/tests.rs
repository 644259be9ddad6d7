//! Rows, series and the ledger of a shard, with keys that are route × 10 + status.

use super::*;
use crate::aggregate::Measure;
use crate::label::{Condition, Label};
use crate::model::{Families, Timeline};
use proptest::prelude::*;

mod naive;

/// Counts lines as a pipeline does; `left` more series may be made.
struct Site {
    left: usize,
}

impl Site {
    fn new(left: usize) -> Self {
        Self { left }
    }

    fn row(&mut self, shard: &mut Shard, key: Key) -> Row {
        if let Some(row) = shard.find(key) {
            return row;
        }
        let text = |label: &Label| match label {
            Label::Route => format!("/{}", key.0 / 10).into(),
            _ => (key.0 % 10).to_string().into(),
        };
        let is_odd = key.0 / 10 % 2 == 1;
        let tables = shard.tables.iter();
        let labels: Vec<Option<LabelValues>> = tables
            .map(|table| {
                let is_fed = table.frame.definition.when.is_empty() || is_odd;
                is_fed.then(|| table.frame.definition.labels.iter().map(text).collect())
            })
            .collect();
        let admit = |fresh| {
            let left = self.left.checked_sub(fresh);
            self.left = left.unwrap_or(self.left);
            left.is_some()
        };
        shard.register(key, || labels, admit)
    }
}

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

fn definitions() -> Vec<Definition> {
    let seconds = Kind::Histogram(Measure::Duration, [10, 20].into());
    vec![
        definition("requests", Kind::Lines, &[Label::Route, Label::Status]),
        definition("seconds", seconds, &[Label::Route]),
        definition("retries", Kind::Sum(Measure::UpstreamRetries), &[]),
    ]
}

fn shard() -> Shard {
    Shard::new("test".into(), definitions(), Ledger::default())
}

fn apply(shard: &mut Shard, lines: &[(u64, Option<u64>)], site: &mut Site) {
    for (key, duration) in lines {
        let values = Values::default()
            .with(Measure::Duration, *duration)
            .with(Measure::UpstreamRetries, Some(1));
        let row = site.row(shard, Key(*key));
        shard.count(row, &values, &Record::default());
    }
}

fn families(shard: &mut Shard) -> Families {
    Families::new(shard.snapshot())
}

#[test]
fn a_line_feeds_each_family_once() {
    let mut shard = shard();
    apply(
        &mut shard,
        &[(12, Some(10)), (13, Some(11)), (12, None), (25, Some(99))],
        &mut Site::new(100),
    );
    let families = families(&mut shard);
    assert_eq!(families.get("requests").unwrap().total(), 4);
    assert_eq!(families.get("requests").unwrap().series.len(), 3);
    assert_eq!(families.get("retries").unwrap().total(), 4);
    let seconds = families.get("seconds").unwrap();
    let values: Vec<_> = seconds
        .series
        .iter()
        .map(|series| (series.label("route").unwrap(), &series.value))
        .collect();
    let Value::Histogram(first) = values[0].1 else {
        panic!()
    };
    assert_eq!(
        (values[0].0, &*first.counts, first.sum),
        ("/1", &[1, 1, 0][..], 21)
    );
    let Value::Histogram(second) = values[1].1 else {
        panic!()
    };
    assert_eq!((&*second.counts, second.sum), (&[0, 0, 1][..], 99));
    assert_eq!(shard.series(), 3 + 2 + 1);
}

#[test]
fn over_the_cap_no_line_is_lost() {
    let mut shard = shard();
    let lines: Vec<_> = (0..50).map(|key| (key * 10, Some(1))).collect();
    apply(&mut shard, &lines, &mut Site::new(7));
    let families = families(&mut shard);
    let requests = families.get("requests").unwrap();
    assert_eq!(requests.total(), 50);
    assert_eq!(families.get("seconds").unwrap().total(), 50);
    // 3 series for the first line, 2 for each of the next two, and the overflow row.
    assert_eq!(requests.series.len(), 4);
    assert_eq!(shard.ledger().overflow, 47);
    apply(&mut shard, &[(490, None), (490, None)], &mut Site::new(0));
    assert_eq!(shard.ledger().overflow, 49);
    let other = requests
        .series
        .iter()
        .find(|series| series.label("route") == Some("<other>"));
    assert_eq!(other.unwrap().label("status"), Some("<other>"));
}

#[test]
fn a_series_that_exists_is_counted_in_over_the_cap() {
    let mut shard = shard().by_time();
    let mut site = Site::new(3);
    shard.begin_step(1);
    // More keys of one step than are remembered, half of them with the route of the first line.
    let keys = (10..20).chain((0..10).map(|route| 1_000 + route * 10));
    let lines: Vec<_> = keys.map(|key| (key, Some(1))).collect();
    apply(&mut shard, &lines, &mut site);
    apply(&mut shard, &lines, &mut site);
    assert_eq!(shard.ledger().overflow, 38);
    let counted = families(&mut shard);
    let lines_of = |family: &str, route: &str| {
        let series = counted.get(family).unwrap().series.iter();
        let mut of_route = series.filter(|series| series.label("route") == Some(route));
        match &of_route.next().unwrap().value {
            Value::Histogram(histogram) => histogram.observations(),
            Value::Number(Number::Exact(lines, _)) => *lines,
            Value::Number(Number::Float(_)) => panic!("{family}"),
        }
    };
    assert_eq!(lines_of("requests", "/1"), 2);
    assert_eq!(lines_of("requests", "<other>"), 38);
    assert_eq!(lines_of("seconds", "/1"), 20);
    assert_eq!(lines_of("seconds", "<other>"), 20);
    let timeline = Timeline::new(shard.take_timeline());
    assert_eq!(added_up(&timeline, |_| true), counted);
}

#[test]
fn rows_over_the_cap_are_recorded_before_they_are_used_again() {
    let mut shard = shard().by_time();
    // Each route has its series; its second status is counted in a row of its own, more than are remembered.
    let mut site = Site::new(1 + 2 * 20);
    for status in 0..2 {
        shard.begin_step(1);
        let lines: Vec<_> = (0..20)
            .map(|route| (route * 10 + status, Some(1)))
            .collect();
        apply(&mut shard, &lines, &mut site);
        shard.begin_step(2);
    }
    assert_eq!(shard.ledger().overflow, 20);
    let counted = families(&mut shard);
    let timeline = Timeline::new(shard.take_timeline());
    assert_eq!(added_up(&timeline, |_| true), counted);
}

#[test]
fn a_key_over_the_cap_is_remembered_until_its_series_may_exist() {
    let mut shard = shard();
    assert!(shard.initialise(1, vec![["/7".into()].into()], |_| true));
    let mut site = Site::new(0);
    let flood: Vec<_> = (0..1_000).map(|_| (12, Some(1))).collect();
    apply(&mut shard, &flood, &mut site);
    assert_eq!(shard.ledger().overflow, 1_000);
    assert!(shard.rows.find_overflow(Key(12)).is_some());
    // Once its series exist, its lines are counted in them.
    let series: [&[&str]; 3] = [&["/1", "2"], &["/1"], &[]];
    for (family, labels) in series.into_iter().enumerate() {
        let labels = labels.iter().map(|label| (*label).into()).collect();
        assert!(shard.initialise(family, vec![labels], |_| true));
    }
    apply(&mut shard, &flood, &mut site);
    assert_eq!(shard.ledger().overflow, 1_000);
    let families = families(&mut shard);
    let requests = families.get("requests").unwrap();
    let of_key = |series: &&Series| series.label("route") == Some("/1");
    let series = requests.series.iter().find(of_key).unwrap();
    assert_eq!(series.value, Value::Number(Number::Exact(1_000, Unit::One)));
}

#[test]
fn a_shard_that_takes_over_another_continues_its_counts() {
    let mut first = shard();
    apply(
        &mut first,
        &[(12, Some(10)), (25, None)],
        &mut Site::new(100),
    );
    first.reject("mismatch");
    let (counted, ledger) = (families(&mut first), first.ledger().clone());
    let mut second = shard();
    second.take_over(first);
    assert_eq!(families(&mut second), counted);
    assert_eq!(*second.ledger(), ledger);
    apply(&mut second, &[(12, Some(30))], &mut Site::new(0));
    assert_eq!(families(&mut second).get("requests").unwrap().total(), 3);
    assert_eq!(
        families(&mut second).get("requests").unwrap().series.len(),
        2
    );
    assert_eq!(second.ledger().lines(), 4);
    assert_eq!(second.ledger().overflow, 0);
}

#[test]
fn series_that_were_taken_over_are_counted_in_over_the_cap_too() {
    let mut first = shard();
    apply(
        &mut first,
        &[(12, Some(10)), (25, None)],
        &mut Site::new(100),
    );
    let mut second = shard();
    second.take_over(first);
    apply(
        &mut second,
        &[(99, None), (12, None), (25, None)],
        &mut Site::new(0),
    );
    assert_eq!(second.ledger().overflow, 1);
    let families = families(&mut second);
    let requests = families.get("requests").unwrap().series.iter();
    let counts: Vec<_> = requests.map(|series| series.value.clone()).collect();
    let counted = |lines| Value::Number(Number::Exact(lines, Unit::One));
    assert_eq!(counts, [counted(2), counted(2), counted(1)]);
}

#[test]
fn only_a_family_with_other_bounds_restarts_at_0() {
    let mut first = shard();
    apply(&mut first, &[(12, Some(10))], &mut Site::new(100));
    let mut other = definitions();
    other[1].kind = Kind::Histogram(Measure::Duration, [10, 30].into());
    let mut second = Shard::new("test".into(), other, Ledger::default());
    second.take_over(first);
    assert_eq!(families(&mut second).get("seconds").unwrap().total(), 0);
    assert_eq!(families(&mut second).get("requests").unwrap().total(), 1);
}

/// A shard with a family for odd routes and one for rejected lines as well.
fn with_odd_routes() -> Shard {
    let mut definitions = definitions();
    let mut odd = definition("odd", Kind::Lines, &[Label::Status]);
    odd.when = vec![Condition::new(Label::Route, ["*"]).unwrap()];
    definitions.push(odd);
    definitions.push(definition("rejects", Kind::Rejected, &[Label::Source]));
    Shard::new("test".into(), definitions, Ledger::default())
}

#[test]
fn rejected_lines_are_a_family_of_one_series() {
    let mut shard = with_odd_routes();
    shard.reject("mismatch");
    shard.reject("overlong");
    let families = families(&mut shard);
    let rejects = families.get("rejects").unwrap();
    assert_eq!((rejects.total(), rejects.series.len()), (2, 1));
    assert_eq!(rejects.series[0].label("source"), Some("test"));
}

/// Step of a line, with its key and duration; `None` for a rejected line.
type Dated = (u32, Option<(u64, Option<u64>)>);

fn lines_by_step() -> impl Strategy<Value = Vec<Dated>> {
    let line = (0..60_u64, proptest::option::of(0..30_u64));
    proptest::collection::vec((0..5_u32, proptest::option::weighted(0.9, line)), 1..80)
}

/// Adds up the changes of a timeline in some of its steps.
fn added_up(timeline: &Timeline, wanted: impl Fn(u32) -> bool) -> Families {
    Families::new(timeline.iter().map(|course| {
        Family {
            name: course.name.clone(),
            help: course.help.clone(),
            kind: course.kind,
            series: (course.tracks.iter())
                .map(|track| {
                    let mut value = track.zero.clone();
                    let changes = track.changes.iter();
                    changes
                        .filter(|change| wanted(change.step))
                        .for_each(|change| value.grow(*change));
                    Series {
                        labels: track.labels.clone(),
                        value,
                        created: None,
                    }
                })
                .collect(),
        }
    }))
}

proptest! {
    #[test]
    fn a_timeline_adds_up_to_the_counts_whatever_the_order(
        lines in lines_by_step(),
        cap in 0..40_usize,
    ) {
        let count = |wanted: &dyn Fn(u32) -> bool, by_time: bool| {
            let mut shard = if by_time { shard().by_time() } else { shard() };
            let mut site = Site::new(1_000);
            for (step, line) in lines.iter().filter(|(step, _)| wanted(*step)) {
                match line {
                    Some(line) => {
                        shard.begin_step(*step);
                        apply(&mut shard, &[*line], &mut site);
                    }
                    None => shard.reject("mismatch"),
                }
            }
            shard
        };
        let mut timed = count(&|_| true, true);
        let whole = families(&mut count(&|_| true, false));
        prop_assert_eq!(&families(&mut timed), &whole);
        let timeline = Timeline::new(timed.take_timeline());
        prop_assert_eq!(&added_up(&timeline, |_| true), &whole);
        for step in 0..5 {
            let only = families(&mut count(&|at| at == step, false));
            let found = added_up(&timeline, |at| at == step);
            for family in whole.iter() {
                let total = |all: &Families| all.get(&family.name).map_or(0, Family::total);
                prop_assert_eq!(total(&found), total(&only), "{}", &family.name);
            }
        }
        // This holds over the cap too.
        let mut capped = shard().by_time();
        let mut site = Site::new(cap);
        for (step, line) in &lines {
            if let Some(line) = line {
                capped.begin_step(*step);
                apply(&mut capped, &[*line], &mut site);
            }
        }
        let expected = families(&mut capped);
        let timeline = Timeline::new(capped.take_timeline());
        prop_assert_eq!(added_up(&timeline, |_| true), expected);
    }
}

proptest! {
    #[test]
    fn a_family_with_a_filter_counts_the_lines_that_pass_it(
        keys in proptest::collection::vec(0..100_u64, 0..60),
        left in 0..40_usize,
    ) {
        let mut shard = with_odd_routes();
        let lines: Vec<_> = keys.iter().map(|key| (*key, None)).collect();
        apply(&mut shard, &lines, &mut Site::new(left));
        let odd = keys.iter().filter(|key| *key / 10 % 2 == 1).count() as u64;
        prop_assert_eq!(families(&mut shard).get("odd").unwrap().total(), odd);
        prop_assert_eq!(families(&mut shard).get("requests").unwrap().total(), keys.len() as u64);
        let mut other = with_odd_routes();
        other.take_over(shard);
        prop_assert_eq!(families(&mut other).get("odd").unwrap().total(), odd);
    }

    #[test]
    fn order_and_splitting_do_not_matter(lines: Vec<(u8, Option<u16>)>, at: prop::sample::Index) {
        let lines: Vec<_> = lines.into_iter().map(|(key, value)| (u64::from(key), value.map(u64::from))).collect();
        let mut whole = shard();
        apply(&mut whole, &lines, &mut Site::new(10_000));
        let (one, two) = lines.split_at(if lines.is_empty() { 0 } else { at.index(lines.len()) });
        let (mut first, mut second) = (shard(), shard());
        apply(&mut first, two, &mut Site::new(10_000));
        second.take_over(first);
        apply(&mut second, one, &mut Site::new(10_000));
        prop_assert_eq!(families(&mut second), families(&mut whole));
        prop_assert_eq!(second.ledger(), whole.ledger());
    }
}
