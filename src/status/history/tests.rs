use super::*;
use crate::model::{Family, Histogram, Kind, Labels, Series, Unit, Value};

/// Requests and durations of a route, with statuses 200 and 502.
#[derive(Clone, Copy)]
struct Counts(&'static str, &'static str, u64, u64);

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn families(counts: &[Counts]) -> Families {
    let requests = counts.iter().flat_map(|Counts(source, route, good, bad)| {
        [("200", good), ("502", bad)].map(|(status, count)| {
            let labels = labels(&[("route", route), ("source", source), ("status", status)]);
            (labels, *count)
        })
    });
    let durations = counts
        .iter()
        .map(|Counts(source, route, good, bad)| Series {
            labels: labels(&[("route", route), ("source", source)]),
            value: Value::Histogram(Histogram {
                bounds: [100_000, 1_000_000].into(),
                counts: vec![*good, *bad, 0],
                sum: good * 50_000 + bad * 500_000,
                unit: Unit::Micros,
                has_short_bounds: false,
                native: None,
                exemplars: Vec::new(),
            }),
            created: None,
        });
    let durations = Family {
        name: "httplog_request_duration_seconds".into(),
        help: "h".into(),
        kind: Kind::Histogram,
        series: durations.collect(),
    };
    let lines = counts.iter().map(|Counts(source, _, good, bad)| {
        (
            labels(&[("outcome", "recorded"), ("source", source)]),
            good + bad,
        )
    });
    let count = |name, counts: Vec<_>| Family::from_counts(name, "h", Kind::Counter, counts);
    Families::new([
        count("httplog_requests_total", requests.collect()),
        count("httplog_exporter_lines_total", lines.collect()),
        durations,
    ])
}

/// Takes a sample at so many seconds.
fn sample(history: &mut History, seconds: u32, counts: &[Counts]) {
    let behind = BTreeSet::from(["gunicorn"]);
    let families = families(counts);
    let now = Micros(u64::from(seconds) * 1_000_000);
    history.sample(Some(&families), &behind, now, 1e9 + f64::from(seconds));
}

fn class(history: &History, class: &str) -> Vec<u32> {
    let at = CLASSES.iter().position(|known| *known == class).unwrap();
    history.classes[at].last(history.known()).concat()
}

fn route<'h>(history: &'h History, source: &str, name: &str) -> &'h RouteHistory {
    history.routes.get(source, name).unwrap()
}

#[test]
fn a_point_is_what_was_counted_since_the_one_before() {
    let mut history = History::default();
    sample(&mut history, 5, &[Counts("nginx", "home", 100, 10)]);
    assert_eq!((history.known(), history.until), (0, None));
    // Too early for a point.
    sample(&mut history, 14, &[Counts("nginx", "home", 105, 11)]);
    assert_eq!(history.known(), 0);
    sample(&mut history, 15, &[Counts("nginx", "home", 107, 11)]);
    sample(
        &mut history,
        25,
        &[
            Counts("nginx", "home", 107, 15),
            Counts("nginx", "new", 3, 0),
        ],
    );
    assert_eq!(class(&history, "2xx"), [7, 3]);
    assert_eq!(class(&history, "5xx"), [1, 4]);
    let home = route(&history, "nginx", "home");
    assert_eq!(home.until(130, 20), (12 + 8, 5 + 5));
    assert_eq!(home.requests.last(2).concat(), [8, 4]);
    assert_eq!(home.errors.last(2).concat(), [1, 4]);
    let p95 = home.p95_micros.last(2).concat();
    assert_eq!(p95, [640_000, 955_000]);
    assert_eq!(history.until, Some(1e9 + 25.0));
    let source = &history.sources["nginx"];
    assert_eq!(source.lines.last(2).concat(), [8, 7]);
    assert_eq!(source.busy_millis.last(2).concat(), [850, 2_150]);
}

#[test]
fn requests_of_a_source_behind_another_are_not_counted_twice() {
    let mut history = History::default();
    sample(&mut history, 0, &[]);
    let both = [
        Counts("gunicorn", "home", 4, 0),
        Counts("nginx", "home", 5, 0),
    ];
    sample(&mut history, 10, &both);
    assert_eq!(class(&history, "2xx"), [5]);
    assert_eq!(route(&history, "gunicorn", "home").requests.sum(), 4);
}

#[test]
fn counts_of_a_pause_belong_to_its_last_point_and_an_hour_forgets_all() {
    let mut history = History::default();
    sample(&mut history, 0, &[Counts("nginx", "home", 1, 0)]);
    sample(&mut history, 10, &[Counts("nginx", "home", 2, 0)]);
    sample(&mut history, 40, &[Counts("nginx", "home", 8, 0)]);
    assert_eq!(class(&history, "2xx"), [1, 0, 0, 6]);
    // Nothing was counted: a point without families.
    let now = Micros(50_000_000);
    history.sample(None, &BTreeSet::new(), now, 0.0);
    assert_eq!(class(&history, "2xx"), [1, 0, 0, 6, 0]);
    let later = Micros((50 + 3_600 * 24) * 1_000_000);
    history.sample(None, &BTreeSet::new(), later, 0.0);
    assert_eq!(class(&history, "2xx"), [0; POINTS]);
    let home = route(&history, "nginx", "home");
    assert_eq!(
        (
            home.requests.sum(),
            home.durations.observations(),
            home.until(8, 0).0
        ),
        (0, 0, 0)
    );
}

#[test]
fn an_hour_has_sixty_minutes() {
    let mut history = History::default();
    for minute in 0..=90 {
        sample(
            &mut history,
            minute * 60,
            &[Counts("nginx", "home", u64::from(minute) * 6, 0)],
        );
    }
    let home = route(&history, "nginx", "home");
    assert_eq!(home.requests.sum(), 360);
    // Slots of five minutes: the oldest one has just been dropped.
    assert_eq!(home.durations.observations(), 336);
    assert_eq!(history.sources["nginx"].recorded.sum(), 336);
}

#[test]
fn a_clock_that_stands_still_makes_no_points() {
    let mut history = History::default();
    sample(&mut history, 100, &[Counts("nginx", "home", 1, 0)]);
    for seconds in [100, 50, 0, 109] {
        sample(&mut history, seconds, &[Counts("nginx", "home", 9, 0)]);
    }
    assert_eq!(history.known(), 0);
}

#[test]
fn another_metric_set_begins_again() {
    let mut history = History::default();
    sample(&mut history, 0, &[Counts("nginx", "home", 5, 0)]);
    let django = Family::from_counts(
        "django_http_responses_total_by_status_view_method_total",
        "h",
        Kind::Counter,
        [(
            labels(&[("method", "GET"), ("status", "200"), ("view", "home")]),
            900,
        )],
    );
    let all = Families::new([django]);
    history.sample(Some(&all), &BTreeSet::new(), INTERVAL, 0.0);
    assert_eq!(class(&history, "2xx"), [0]);
    assert_eq!(route(&history, "", "home").until(901, 0), (1, 0));
}

#[test]
fn routes_beyond_the_limit_are_counted_and_not_kept() {
    let mut history = History::default();
    let names: Vec<String> = (0..MAX_ROUTES + 3)
        .map(|route| format!("r{route:05}"))
        .collect();
    let series = names
        .iter()
        .map(|name| (labels(&[("route", name), ("status", "200")]), 1));
    let requests = Family::from_counts("httplog_requests_total", "h", Kind::Counter, series);
    let all = Families::new([requests]);
    history.sample(Some(&all), &BTreeSet::new(), Micros(0), 0.0);
    assert_eq!(
        (history.routes.kept, history.routes.omitted),
        (MAX_ROUTES, 3)
    );
    // Those that are gone make room at the sample after.
    for seconds in [10, 20] {
        sample(&mut history, seconds, &[Counts("nginx", "home", 1, 0)]);
    }
    assert_eq!((history.routes.kept, history.routes.omitted), (1, 0));
}
