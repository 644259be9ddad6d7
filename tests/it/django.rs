//! A real Django site behind real servers: the exporter's views and counts agree with the site's own.
//!
//! Invariant: the site is run once; every test reads the results of that run.

mod causes;
mod exporter;
mod otel;
mod request;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use httplog_exporter::config::Config;
use httplog_exporter::pattern::Pattern;

use crate::resolve::{dump, resolver};
use crate::stack::Site;
use crate::support::{HEAD, project, run};

use exporter::{Exporters, Outputs};
use request::{Logged, Seen, cause};
use table::{Account, cells, sums};

const SETTINGS: &str = "shop.compared_settings";
const REQUESTS: usize = 5200;
const SEED: u64 = 4;

/// Section that enables the compared metrics.
const DJANGO: &str = "[metrics]\nsets = [\"httplog\", \"django\"]\n";

/// Queries that dashboards and alerts of a site use.
const QUERIES: [&str; 2] = [
    "rate(httplog_request_duration_seconds_sum{job=\"django\"}[1m]) \
     / rate(httplog_request_duration_seconds_count{job=\"django\"}[1m])",
    "sum by (route, status) (rate(httplog_requests_total{job=\"django\"}[1m])) > 0",
];
/// Queries for django-prometheus' names: a typical one, then those of django-mixin's dashboards.
const DJANGO_QUERIES: [&str; 4] = [
    "rate(django_http_requests_latency_seconds_by_view_method_sum{job=\"django\"}[1m]) \
     / rate(django_http_requests_latency_seconds_by_view_method_count{job=\"django\"}[1m])",
    "sum by (view, method, status) (rate(django_http_responses_total_by_status_view_method_total{\
     job=\"django\",view!~\"<unnamed view>|health_check:.*|prometheus-django-metrics\"}[1m])) > 0",
    "sum by (view, method) (rate(django_http_requests_total_by_view_transport_method_total{\
     job=\"django\",view!~\"<unnamed view>|health_check:.*|prometheus-django-metrics\"}[1m])) > 0",
    "histogram_quantile(0.95, sum by (view, method, le) (rate(\
     django_http_requests_latency_seconds_by_view_method_bucket{job=\"django\"}[1m])))",
];

/// Personal data that `compare.py` sends: an address, an e-mail, tokens in a query and a path, a
/// referer, an agent, a user's name.
const CANARIES: [&str; 7] = [
    "127.66.77.88",
    "canary.person",
    "canaryq7Qk2Zx9Lm4Pw8Rt6Yv",
    "canaryp3Hd8Sg5Jn1Bc7Fk9Tz",
    "canary-referer",
    "CanaryAgent",
    "canaryuser",
];

/// Logs of the same requests: file name and pattern.
const LOGS: [(&str, &str); 3] = [
    ("access.log", "nginx-django"),
    ("typed.log", "typed"),
    ("gunicorn.log", "gunicorn-django"),
];

/// Results of the run.
struct Run {
    seen: BTreeMap<String, Seen>,
    /// Ids that reached Django twice.
    retried: usize,
    /// The page of django-prometheus.
    theirs: String,
    logs: Vec<Log>,
    dump: String,
    /// Queries and the number of series that Prometheus returned while the exporter followed the logs.
    answers: Vec<(&'static str, usize)>,
    /// Everything that the exporter served, logged and wrote.
    outputs: Outputs,
}

struct Log {
    name: &'static str,
    pattern: &'static str,
    bytes: Vec<u8>,
    lines: Vec<Logged>,
}

static RUN: LazyLock<Run> = LazyLock::new(Run::make);

impl Run {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dump = dump(SETTINGS);
        let resolver = resolver(&dump, "");
        let site = Site::start_with(dir.path(), &[SETTINGS]);
        let file = dir.path().join("urlconf.jsonl");
        fs::write(&file, &dump).unwrap();
        let exporters = Exporters::start(dir.path(), &site, &file, DJANGO);
        site.compare(REQUESTS, SEED).finish();
        let logs = LOGS.map(|(name, pattern)| (name, pattern, site.log(name)));
        site.stop();
        let read = |file: &str| fs::read_to_string(dir.path().join(file)).unwrap();
        let (seen, retried) = Seen::read(&read("truth.jsonl"));
        let queries = [&QUERIES[..], &DJANGO_QUERIES].concat();
        let answers = exporters.ask(&queries);
        Self {
            seen,
            retried,
            theirs: read("theirs.txt"),
            logs: logs
                .into_iter()
                .map(|(name, pattern, path)| {
                    let bytes = fs::read(path).unwrap();
                    Log {
                        name,
                        pattern,
                        lines: Logged::read(&bytes, &compiled(pattern), &resolver),
                        bytes,
                    }
                })
                .collect(),
            dump,
            answers: answers
                .into_iter()
                .map(|(query, found)| (query, found.len()))
                .collect(),
            outputs: exporters.into_outputs(),
        }
    }
}

/// Compiles a preset, or the format `typed` of the servers' configuration.
fn compiled(pattern: &str) -> Pattern {
    let config = format!(
        "{}[[source]]\nname = 'x'\npaths = ['x']\npattern = '{pattern}'\n",
        typed_pattern()
    );
    let checked = Config::parse("config.toml", &config, Path::new("/"));
    eprintln!("{}", checked.report);
    let config = checked.config.unwrap();
    (*config.sources[0].pattern).clone()
}

/// Returns the format `typed` of nginx.conf as a pattern.
fn typed_pattern() -> String {
    let conf = fs::read_to_string(project("fixtures/stack/nginx.conf")).unwrap();
    let start = conf.find("log_format typed").unwrap();
    let end = start + conf[start..].find(';').unwrap();
    format!("[pattern.typed]\nnginx = '''{};'''\n", &conf[start..end])
}

#[test]
fn the_view_of_every_logged_request_is_the_one_that_django_resolved() {
    let run = &*RUN;
    assert!(run.seen.len() >= 4_500, "{} requests", run.seen.len());
    assert_eq!(run.retried, 0);
    for log in &run.logs {
        let mut wrong = Vec::new();
        let (mut same, mut unresolved, mut before, mut beyond) = (0, 0, 0, 0);
        for line in &log.lines {
            match line.id.as_ref().and_then(|id| run.seen.get(id)) {
                None => beyond += 1,
                Some(seen) if seen.inner.is_none() => before += 1,
                Some(seen) if seen.view == line.view => {
                    same += 1;
                    unresolved += usize::from(seen.view.is_none());
                }
                Some(seen) => wrong.push(format!(
                    "{}: {:?}, Django {:?}",
                    line.target.escape_ascii(),
                    line.view,
                    seen.view
                )),
            }
        }
        eprintln!(
            "{}: {} requests, {same} the same view ({unresolved} of them none), {before} refused \
             before they were resolved, {beyond} never reached Django, {} wrong",
            log.name,
            log.lines.len(),
            wrong.len()
        );
        wrong.truncate(30);
        assert_eq!(wrong, [""; 0]);
        assert_eq!(same + before, run.seen.len());
        assert!(unresolved > 100 && before > 10, "{unresolved}, {before}");
    }
    assert!(run.logs[0].lines.len() >= REQUESTS);
}

impl Run {
    /// Computes what each side counts of each request of a log.
    fn account(&self, log: &Log) -> Account {
        let mut account = Account::default();
        let mut rest = self.seen.clone();
        for line in &log.lines {
            let seen = line.id.as_ref().and_then(|id| rest.remove(id));
            let theirs = seen.as_ref().map(Seen::events).unwrap_or_default();
            account
                .add(&theirs, &line.events(), |family| {
                    cause(family, seen.as_ref(), Some(line))
                })
                .unwrap_or_else(|fault| panic!("{}: {fault} of {seen:?} and {line:?}", log.name));
        }
        assert_eq!(
            rest.len(),
            0,
            "requests that are not in {}: {rest:?}",
            log.name
        );
        account
    }
}

#[test]
fn what_django_prometheus_counts_follows_from_the_requests() {
    for log in &RUN.logs {
        let account = RUN.account(log);
        let (_, faults) = account.compare(&cells(&RUN.theirs), &account.ours, &request::FAMILIES);
        eprintln!("{}\n{}", log.name, account.summary());
        assert_eq!(faults, [""; 0], "{}", log.name);
    }
}

#[test]
fn queries_of_django_dashboards_return_data() {
    for (query, series) in &RUN.answers {
        eprintln!("{series} series: {query}");
        assert!(*series > 5, "{series} series: {query}");
    }
    assert!(RUN.answers.len() == QUERIES.len() + DJANGO_QUERIES.len());
}

#[test]
fn personal_data_in_logs_is_never_exposed() {
    let logged =
        |canary: &str, log: &Log| memchr::memmem::find(&log.bytes, canary.as_bytes()).is_some();
    let mut hits = Vec::new();
    for canary in CANARIES {
        assert!(
            RUN.logs.iter().any(|log| logged(canary, log)),
            "{canary} is not logged"
        );
        for (name, text) in &RUN.outputs {
            if memchr::memmem::find(text, canary.as_bytes()).is_some() {
                hits.push(format!("{canary} in {name}"));
            }
        }
    }
    // Request ids of nginx, by which lines are joined.
    let ids: Vec<&String> = RUN.seen.keys().step_by(50).collect();
    assert!(ids.len() > 80 && ids.iter().all(|id| id.len() == 32));
    for id in ids {
        assert!(
            RUN.logs.iter().all(|log| logged(id, log)),
            "{id} is not logged"
        );
        for (name, text) in &RUN.outputs {
            if memchr::memmem::find(text, id.as_bytes()).is_some() {
                hits.push(format!("the id {id} in {name}"));
            }
        }
    }
    let bytes: usize = RUN.outputs.iter().map(|(_, text)| text.len()).sum();
    eprintln!(
        "{} canaries, {} texts of {bytes} bytes, {} hits",
        CANARIES.len(),
        RUN.outputs.len(),
        hits.len()
    );
    assert_eq!(hits, [""; 0]);
    assert!(
        RUN.outputs.len() > 20
            && RUN
                .outputs
                .iter()
                .all(|(name, text)| !text.is_empty() || name.contains("log"))
    );
}

#[test]
fn every_family_equals_django_prometheus_s_but_for_documented_differences() {
    let sets = "[metrics]\nsets = [\"django\"]\n";
    for log in &RUN.logs {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path(log.name), &log.bytes).unwrap();
        fs::write(path("urlconf.jsonl"), &RUN.dump).unwrap();
        let config = format!(
            "{HEAD}{sets}{}[[source]]\nname = 'x'\npaths = ['{}']\npattern = '{}'\n",
            typed_pattern(),
            path(log.name),
            log.pattern
        );
        fs::write(path("config.toml"), config).unwrap();
        let args = [
            "replay",
            "--config",
            "config.toml",
            "--routes",
            "urlconf.jsonl",
            "--output",
            "metrics",
            log.name,
        ];
        let ended = run(dir.path(), args, "");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let ours = ended.out;
        let account = RUN.account(log);
        // A family exists if the log has its field.
        let families: Vec<&str> = request::FAMILIES
            .into_iter()
            .filter(|family| *family != request::BY_CHARSET || log.pattern == "typed")
            .collect();
        causes::assert_found(&account, [&RUN.theirs, &ours], dir.path());
        let (table, faults) = account.compare(&cells(&RUN.theirs), &cells(&ours), &families);
        eprintln!("{}\n{table}\n{}", log.name, account.summary());
        assert_eq!(faults, [""; 0], "{}", log.name);
        assert_latencies_are_upper_bounds(&account, &ours, log.name);
    }
}

/// Asserts that the time measured by a server is at least Django's own, up to the resolution of nginx.
fn assert_latencies_are_upper_bounds(account: &Account, ours: &str, log: &str) {
    const RESOLUTION: f64 = 0.001;
    let mut compared = 0;
    for family in [request::LATENCY, request::LATENCY_BY_VIEW] {
        let counts = cells(ours);
        let theirs: BTreeMap<_, _> = sums(&RUN.theirs, family).into_iter().collect();
        for (labels, sum) in sums(ours, family) {
            // django-prometheus counts some twice; nginx stops the clock when the client disconnects.
            let is_left = labels.get("view").is_some_and(|view| view == request::HELD);
            if is_left || family != request::LATENCY && account.differs(family, &labels) {
                continue;
            }
            let count = table::Cell {
                family: family.to_owned(),
                labels: labels.clone(),
                part: "count".to_owned(),
            };
            let their = theirs
                .get(&labels)
                .unwrap_or_else(|| panic!("{log}: {family} has no {labels:?} there"));
            let least = their - RESOLUTION * counts[&count];
            assert!(sum >= least, "{log}: {family}{labels:?} {sum} < {least}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{log}: {compared} sums compared");
}
