//! Lines of linked sources and their outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::model::{Families, Field, Micros, Number, Record, Status, UpstreamList, Value};
use proptest::prelude::*;

const WAIT: Micros = Micros(10_000_000);

fn link(pending: usize) -> Arc<Link> {
    linked(&["nginx"], &["gunicorn", "other"], pending)
}

fn linked(fronts: &[&str], backs: &[&str], pending: usize) -> Arc<Link> {
    let between = Linked {
        fronts: fronts.to_vec(),
        backs: backs.to_vec(),
    };
    Arc::new(Link::new(&between, limits(pending)))
}

fn limits(pending: usize) -> Limits {
    Limits {
        pending,
        wait: WAIT,
    }
}

fn tap(link: &Arc<Link>, source: &str) -> Tap {
    link.end(source).unwrap().tap()
}

/// Creates a line of the front.
fn passed<'l>(id: &'l str, times: &'l str, status: &str) -> Record<'l> {
    Record {
        request_id: Some(id.as_bytes()),
        upstream_durations: (times != "-").then_some(UpstreamList(times.as_bytes())),
        status: Status::from_digits(status.as_bytes()),
        ..Record::default()
    }
}

/// Creates a line from behind the front.
fn worked(id: &str, micros: u64) -> Record<'_> {
    Record {
        request_id: Some(id.as_bytes()),
        duration: Some(Micros(micros)),
        ..Record::default()
    }
}

fn arrive(tap: &mut Tap, now: u64, records: &[Record<'_>]) {
    for record in records {
        tap.note(record);
    }
    tap.flush(Micros(now));
}

/// Returns every count that is not 0, by `source label`; histograms by count and sum.
fn counts(link: &Link) -> BTreeMap<String, u64> {
    let families = Families::new(link.families().into_iter().chain(link.outcomes()));
    let mut found = BTreeMap::new();
    for series in families.iter().flat_map(|family| &family.series) {
        let source = series.label("source").unwrap();
        let labels = ["reason", "outcome"].map(|name| series.label(name));
        let name = labels.into_iter().flatten().next().unwrap_or("pending");
        match &series.value {
            Value::Number(Number::Exact(count, _)) => {
                found.insert(format!("{source} {name}"), *count);
            }
            Value::Number(Number::Float(_)) => panic!("a float"),
            Value::Histogram(queue) => {
                found.insert(format!("{source} count"), queue.counts.iter().sum());
                found.insert(format!("{source} sum"), queue.sum);
            }
        }
    }
    found.retain(|_, count| *count > 0);
    found
}

fn check(link: &Link, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    assert_eq!(counts(link), expected);
}

#[test]
fn the_queue_is_the_fronts_wait_less_the_time_worked() {
    let link = link(100);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    arrive(&mut gunicorn, 1, &[worked("a", 12_345), worked("c", 5)]);
    arrive(
        &mut nginx,
        2,
        &[
            passed("a", "0.020", "200"),
            passed("b", "0.001, 0.300", "200"),
        ],
    );
    arrive(&mut gunicorn, 3, &[worked("b", 100_000)]);
    // nginx truncates its times to milliseconds.
    arrive(&mut nginx, 4, &[passed("c", "0.000", "200")]);
    check(
        &link,
        &[
            ("gunicorn count", 3),
            ("gunicorn joined", 3),
            ("gunicorn sum", 7_655 + 200_000),
            ("nginx joined", 3),
        ],
    );
}

#[test]
fn a_request_that_was_not_passed_on_is_unreached_at_once() {
    let link = link(100);
    let mut nginx = tap(&link, "nginx");
    let statuses = [
        "200", "206", "304", "301", "400", "444", "429", "503", "499", "502", "504",
    ];
    let records = statuses.map(|status| passed("-", "-", status));
    arrive(&mut nginx, 1, &records);
    check(
        &link,
        &[
            ("nginx static", 3),
            ("nginx local", 3),
            ("nginx limited", 2),
            ("nginx client_closed", 1),
            ("nginx bad_gateway", 1),
            ("nginx timeout", 1),
            ("nginx unreached", 11),
        ],
    );
}

#[test]
fn a_request_that_was_passed_on_is_unreached_after_the_wait() {
    let link = link(100);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    let mut other = tap(&link, "other");
    let records = [("a", "499"), ("b", "502"), ("c", "504"), ("d", "200")]
        .map(|(id, status)| passed(id, "0.100", status));
    arrive(&mut nginx, 5, &records);
    arrive(&mut gunicorn, 5, &[worked("e", 7)]);
    let end = Micros(WAIT.0 + 5);
    nginx.mark_read_until(end);
    gunicorn.mark_read_until(end);
    other.mark_read_until(Micros(end.0 - 1));
    check(&link, &[("nginx pending", 4), ("gunicorn pending", 1)]);
    other.mark_read_until(end);
    check(
        &link,
        &[
            ("nginx client_closed", 1),
            ("nginx bad_gateway", 1),
            ("nginx timeout", 1),
            ("nginx missing", 1),
            ("nginx unreached", 4),
            ("gunicorn unfronted", 1),
        ],
    );
}

#[test]
fn lines_that_are_read_late_are_waited_for() {
    let link = link(100);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    arrive(&mut nginx, 0, &[passed("a", "0.002", "200")]);
    nginx.mark_read_until(Micros(WAIT.0 * 9));
    arrive(&mut gunicorn, WAIT.0 * 9, &[worked("a", 1_000)]);
    check(
        &link,
        &[
            ("gunicorn count", 1),
            ("gunicorn joined", 1),
            ("gunicorn sum", 1_000),
            ("nginx joined", 1),
        ],
    );
}

#[test]
fn a_request_is_joined_once_with_the_last_attempt_before_it() {
    let link = link(100);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    let mut other = tap(&link, "other");
    arrive(&mut other, 1, &[worked("a", 30_000)]);
    arrive(&mut gunicorn, 1, &[worked("a", 1_000)]);
    let again = passed("a", "0.060, 0.005", "200");
    arrive(&mut nginx, 2, &[again, again]);
    arrive(&mut other, 3, &[worked("a", 1)]);
    check(
        &link,
        &[
            ("gunicorn count", 1),
            ("gunicorn joined", 1),
            ("gunicorn sum", 4_000),
            ("nginx duplicate", 1),
            ("nginx joined", 1),
            ("other duplicate", 2),
        ],
    );
}

#[test]
fn an_upgraded_connection_is_joined_without_a_time() {
    let link = link(10);
    let (mut front, mut back) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    let upgraded = |record| Record {
        status: Status::from_digits(b"101"),
        ..record
    };
    arrive(&mut front, 0, &[passed("a", "3600.000", "101")]);
    arrive(&mut back, 0, &[upgraded(worked("a", 3_000))]);
    check(&link, &[("nginx untimed", 1), ("gunicorn untimed", 1)]);
}

#[test]
fn a_line_without_a_time_or_an_id_has_an_outcome() {
    let link = link(100);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    arrive(
        &mut nginx,
        1,
        &[passed("a", "-, -", "502"), passed("-", "0.001", "200")],
    );
    let nameless = Record {
        request_id: None,
        ..worked("", 5)
    };
    arrive(&mut gunicorn, 1, &[worked("a", 7), worked("", 5), nameless]);
    check(
        &link,
        &[
            ("gunicorn no_id", 2),
            ("gunicorn untimed", 1),
            ("nginx no_id", 1),
            ("nginx untimed", 1),
        ],
    );
}

#[test]
fn a_request_is_joined_with_the_front_that_logged_it() {
    let link = wide_link(100);
    let (mut nginx, mut edge) = (tap(&link, "nginx"), tap(&link, "edge"));
    let mut gunicorn = tap(&link, "gunicorn");
    arrive(
        &mut gunicorn,
        1,
        &["a", "b", "c"].map(|id| worked(id, 1_000)),
    );
    arrive(
        &mut nginx,
        2,
        &[passed("a", "0.003", "200"), passed("x", "-", "404")],
    );
    // A server that passes requests on to another front logs an id for the second time.
    arrive(
        &mut edge,
        2,
        &[passed("b", "0.005", "200"), passed("a", "0.004", "200")],
    );
    arrive(&mut edge, 3, &[passed("d", "0.001", "504")]);
    link.finish();
    check(
        &link,
        &[
            ("edge duplicate", 1),
            ("edge joined", 1),
            ("edge timeout", 1),
            ("edge unreached", 1),
            ("gunicorn count", 2),
            ("gunicorn joined", 2),
            ("gunicorn sum", 6_000),
            ("gunicorn unfronted", 1),
            ("nginx joined", 1),
            ("nginx local", 1),
            ("nginx unreached", 1),
        ],
    );
}

#[test]
fn a_full_table_evicts_the_oldest_first() {
    let link = link(2);
    let (mut nginx, mut gunicorn) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    let lines = ["a", "b", "c"].map(|id| passed(id, "0.001", "200"));
    arrive(&mut nginx, 1, &lines);
    arrive(&mut gunicorn, 1, &[worked("c", 0), worked("a", 0)]);
    assert_eq!(link.evicted(), 2);
    link.set_limits(Limits {
        pending: 1,
        wait: WAIT,
    });
    check(
        &link,
        &[
            ("gunicorn count", 1),
            ("gunicorn joined", 1),
            ("gunicorn pending", 1),
            ("gunicorn sum", 1_000),
            ("nginx evicted", 2),
            ("nginx joined", 1),
        ],
    );
}

#[test]
fn a_link_is_between_its_sources_alone() {
    let link = link(2);
    let check = |fronts: &[&str], backs: &[&str], expected| {
        let between = Linked {
            fronts: fronts.to_vec(),
            backs: backs.to_vec(),
        };
        assert_eq!(link.is_between(&between), expected);
    };
    check(&["nginx"], &["gunicorn", "other"], true);
    check(&["nginx"], &["gunicorn"], false);
    check(&["gunicorn"], &["gunicorn", "other"], false);
    check(&["nginx", "edge"], &["gunicorn", "other"], false);
    assert!(link.end("else").is_none());
    let fields = link.end("nginx").unwrap().fields();
    assert!(fields.contains(Field::Status) && !fields.contains(Field::Duration));
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Front {
        id: u8,
        front: usize,
        times: &'static str,
        status: &'static str,
    },
    Back {
        id: u8,
        back: usize,
        micros: Option<u64>,
    },
    /// Time passes, and a side has read all its lines.
    Read { side: usize, after: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let times = prop::sample::select(vec!["-", "0.001", "0.250, 0.004", "-, -"]);
    let statuses = prop::sample::select(vec!["200", "499", "502", "504", "503", "301"]);
    prop_oneof![
        4 => (0..30_u8, 0..2_usize, times, statuses)
            .prop_map(|(id, front, times, status)| Step::Front { id, front, times, status }),
        4 => (0..30_u8, 0..2_usize, proptest::option::weighted(0.9, 0..10_000_u64))
            .prop_map(|(id, back, micros)| Step::Back { id, back, micros }),
        1 => (0..SOURCES.len(), 0..WAIT.0).prop_map(|(side, after)| Step::Read { side, after }),
    ]
}

const SOURCES: [&str; 4] = ["nginx", "edge", "gunicorn", "other"];
const FRONTS: usize = 2;

/// Makes a link of two fronts and two sources behind them.
fn wide_link(pending: usize) -> Arc<Link> {
    let (fronts, backs) = SOURCES.split_at(FRONTS);
    linked(fronts, backs, pending)
}

/// Plays the steps; returns the number of lines of each source. The id 0 stands for none.
fn play(link: &Arc<Link>, steps: &[Step]) -> [u64; 4] {
    play_from(link, 0, steps)
}

/// Plays the steps from this time on.
fn play_from(link: &Arc<Link>, mut now: u64, steps: &[Step]) -> [u64; 4] {
    let mut taps = SOURCES.map(|source| tap(link, source));
    let mut lines = [0; 4];
    for step in steps {
        let (side, name) = match step {
            Step::Front { id, front, .. } => (*front, *id),
            Step::Back { id, back, .. } => (FRONTS + back, *id),
            Step::Read { side, .. } => (*side, 0),
        };
        let name = if name == 0 {
            "-".to_owned()
        } else {
            format!("{name:x}")
        };
        let record = match step {
            Step::Front { times, status, .. } => passed(&name, times, status),
            Step::Back { micros, .. } => Record {
                duration: micros.map(Micros),
                ..worked(&name, 0)
            },
            Step::Read { after, .. } => {
                now += after;
                taps[side].mark_read_until(Micros(now));
                continue;
            }
        };
        lines[side] += 1;
        arrive(&mut taps[side], now, &[record]);
    }
    lines
}

#[test]
fn a_link_is_behind_while_requests_wait_that_arrived_before_all_sides_were_read() {
    let link = linked(&["nginx"], &["gunicorn"], 10);
    let (mut front, mut back) = (tap(&link, "nginx"), tap(&link, "gunicorn"));
    arrive(
        &mut front,
        1,
        &[passed("joined", "0.1", "200"), passed("lone", "0.1", "200")],
    );
    arrive(&mut back, 2, &[worked("joined", 1)]);
    front.mark_read_until(Micros(3));
    assert!(link.is_behind(), "not all sides were read");
    back.mark_read_until(Micros(3));
    assert!(link.is_behind(), "a request waits");
    arrive(&mut front, 4, &[passed("later", "0.1", "200")]);
    for tap in [&mut front, &mut back] {
        tap.mark_read_until(Micros(1 + WAIT.0));
    }
    assert!(!link.is_behind());
}

proptest! {
    #[test]
    fn every_line_has_one_outcome_or_waits(
        steps in proptest::collection::vec(step(), 0..120),
        pending in prop_oneof![1..8_usize, Just(1_000)],
    ) {
        let link = wide_link(pending);
        let lines = play(&link, &steps);
        for finished in [false, true] {
            if finished {
                link.finish();
            }
            let found = counts(&link);
            let count = |name: String| found.get(&name).copied().unwrap_or(0);
            let sum = |source, names: Vec<&str>| -> u64 {
                names.iter().map(|name| count(format!("{source} {name}"))).sum()
            };
            for (source, lines) in SOURCES.into_iter().zip(lines) {
                let outcomes = Outcome::ALL.map(Outcome::name);
                let waiting = count(format!("{source} pending"));
                prop_assert_eq!(sum(source, outcomes.to_vec()) + waiting, lines);
                prop_assert!(!finished || waiting == 0);
                if SOURCES[FRONTS..].contains(&source) {
                    prop_assert_eq!(
                        count(format!("{source} count")),
                        count(format!("{source} joined"))
                    );
                }
            }
            let (fronts, backs) = SOURCES.split_at(FRONTS);
            for (front, back) in fronts.iter().zip(backs) {
                let reasons = Reason::ALL.map(Reason::name);
                let unreached = count(format!("{front} unreached"));
                prop_assert_eq!(sum(front, reasons.to_vec()), unreached);
                prop_assert_eq!(count(format!("{front} unfronted")), 0);
                prop_assert_eq!(count(format!("{back} unreached")), 0);
            }
            for outcome in ["joined", "untimed"] {
                let of = |sources: &[&str]| -> u64 {
                    sources.iter().map(|source| count(format!("{source} {outcome}"))).sum()
                };
                prop_assert_eq!(of(fronts), of(backs));
            }
        }
    }

    #[test]
    fn a_resumed_link_goes_on_as_the_one_that_was_saved(
        before in proptest::collection::vec(step(), 0..60),
        mut after in proptest::collection::vec(step(), 0..60),
        pending in prop_oneof![1..8_usize, Just(1_000)],
    ) {
        // How far the sources have read is not saved: requests wait longer.
        after.retain(|step| !matches!(step, Step::Read { .. }));
        let times = before.iter().map(|step| match step {
            Step::Read { after, .. } => *after,
            Step::Front { .. } | Step::Back { .. } => 0,
        });
        let now = times.sum();
        let link = wide_link(pending);
        play(&link, &before);
        let saved = link.save(Micros(now));
        let limits = Limits { pending, wait: WAIT };
        let resumed = Arc::new(Link::resume(&saved, limits, Micros(now)));
        prop_assert_eq!(resumed.save(Micros(now)), saved);
        for link in [&link, &resumed] {
            play_from(link, now, &after);
            link.finish();
        }
        prop_assert_eq!(counts(&resumed), counts(&link));
    }

    /// The joined requests do not depend on which line was read first.
    #[test]
    fn order_does_not_matter_where_every_id_is_written_once_on_each_side(
        front in proptest::collection::btree_set(1..60_u8, 0..40),
        back in proptest::collection::btree_set(1..60_u8, 0..40),
        seed: prop::sample::Index,
        apart: bool,
    ) {
        let fronts = front.iter().map(|id| Step::Front {
            id: *id,
            front: usize::from(*id % 2),
            times: "0.009",
            status: "200",
        });
        let backs = back.iter().map(|id| Step::Back {
            id: *id,
            back: 0,
            micros: Some(u64::from(*id)),
        });
        let mut steps: Vec<Step> = fronts.chain(backs).collect();
        if !apart && !steps.is_empty() {
            // A different order for each seed.
            let start = seed.index(steps.len());
            steps.rotate_left(start);
            let (left, right) = steps.split_at(steps.len() / 2);
            steps = left.iter().zip(right).flat_map(|(a, b)| [b.clone(), a.clone()])
                .chain(right.iter().skip(left.len()).cloned()).collect();
        }
        let link = wide_link(1_000);
        play(&link, &steps);
        link.finish();
        let both: Vec<u64> = front.intersection(&back).map(|id| u64::from(*id)).collect();
        let found = counts(&link);
        let count = |name: &str| found.get(name).copied().unwrap_or(0);
        for (place, source) in SOURCES[..FRONTS].iter().enumerate() {
            let own = |id: &u64| usize::from(id % 2 == 1) == place;
            let joined = both.iter().copied().filter(own).count();
            let all = front.iter().map(|id| u64::from(*id)).filter(own).count();
            prop_assert_eq!(count(&format!("{source} joined")), joined as u64);
            prop_assert_eq!(count(&format!("{source} missing")), (all - joined) as u64);
        }
        prop_assert_eq!(count("gunicorn unfronted"), (back.len() - both.len()) as u64);
        let sum: u64 = both.iter().map(|id| 9_000 - id).sum();
        prop_assert_eq!(count("gunicorn sum"), sum);
    }
}
