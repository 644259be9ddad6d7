//! Tests of `docs/metrics.md`: families, reasons and routes agree with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use httplog_exporter::aggregate::Accounts;
use httplog_exporter::diag::Report;
use httplog_exporter::expose::encode_text;
use httplog_exporter::join::{Limits, Link, Linked, Outcome, Reason};
use httplog_exporter::label::{Budget, Method};
use httplog_exporter::metric::{Counts, Initial, Metrics, Set};
use httplog_exporter::model::{Batch, Families, Family, GenerationId, Micros, Position, Status};
use httplog_exporter::nginx_status::{self, Stub};
use httplog_exporter::pattern::{Dialect, Pattern};
use httplog_exporter::pipeline::{Pipeline, Settings};
use httplog_exporter::route::{PathTemplate, Resolver, Router, Urlconf};
use httplog_exporter::source::{FILE_GAP_REASONS, STREAM_GAP_REASONS};
use httplog_exporter::telemetry::{Metric, Telemetry};

use crate::markdown::{rows, spans, text};

const METRICS: &str = "docs/metrics.md";

/// A family in the text format.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shown {
    kind: String,
    labels: BTreeSet<String>,
    /// Upper bounds of buckets, without `+Inf`, as a person writes them: `1`, not `1.0`.
    bounds: Vec<String>,
}

/// Encodes families as `/metrics` does, and parses the result.
fn shown(families: &Families) -> BTreeMap<String, Shown> {
    let mut bytes = Vec::new();
    encode_text(families, &mut bytes);
    let page = String::from_utf8(bytes).unwrap();
    let mut all: BTreeMap<String, Shown> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            name.clone_into(&mut current);
            let family = all.entry(current.clone()).or_default();
            kind.clone_into(&mut family.kind);
        } else if !line.starts_with('#') {
            let family = all.get_mut(&current).unwrap();
            // A route may hold no brace, so the labels end at the last one.
            let labels = line
                .split_once('{')
                .and_then(|(_, rest)| rest.rsplit_once('}'))
                .map_or("", |(labels, _)| labels);
            for label in labels.split(',').filter(|label| !label.is_empty()) {
                let (name, value) = label.split_once('=').unwrap();
                if name != "le" {
                    family.labels.insert(name.to_owned());
                    continue;
                }
                let bound: f64 = value.trim_matches('"').parse().unwrap();
                let bound = bound.to_string();
                if bound != "inf" && !family.bounds.contains(&bound) {
                    family.bounds.push(bound);
                }
            }
        }
    }
    all
}

/// Returns settings with all sets, for a pattern with every field.
fn everything() -> Settings {
    let format = "\"$request\" $status $request_time $upstream_response_time $upstream_connect_time \
         $bytes_sent $request_length $content_length $scheme \"$sent_http_content_type\"";
    let pattern = Pattern::compile("x", Dialect::Nginx, format).unwrap();
    Settings {
        metrics: Metrics::new(Set::ALL.into_iter().flat_map(Set::metrics).collect()),
        ..Settings::new("x", Arc::new(pattern))
    }
}

/// Returns every family that a pipeline counts.
fn counted() -> Vec<Family> {
    let line = |status: u16| {
        format!(
            "\"GET /a HTTP/1.1\" {status} 0.012 0.001, 0.007 0.001 10 20 3 https \"text/html; charset=utf-8\"\n"
        )
    };
    let line = line(200) + &line(101);
    let mut pipeline = Pipeline::new(everything(), Budget::new(100));
    let mut shard = pipeline.shard();
    let end = Position {
        generation: GenerationId(0),
        offset: line.len() as u64,
    };
    pipeline.feed(&mut shard, &Batch::new(line.as_bytes(), 0, end));
    assert_eq!(shard.ledger().recorded, 2);
    let mut families = shard.snapshot();
    let mut accounts = Accounts::default();
    shard.account(&mut accounts);
    families.extend(accounts.into_families());
    families
}

/// Returns every family of joined logs.
fn joined() -> Vec<Family> {
    let limits = Limits {
        pending: 1,
        wait: Micros(1),
    };
    let between = Linked {
        fronts: vec!["x"],
        backs: vec!["y"],
    };
    let link = Link::new(&between, limits);
    let mut families = link.families();
    families.extend(link.outcomes());
    families
}

/// Returns every family of the exporter's own metrics, each event having happened once.
fn telemetry() -> Vec<Family> {
    let telemetry = Telemetry::new("0", UNIX_EPOCH).unwrap();
    let source = telemetry.source("x", &FILE_GAP_REASONS);
    source.set_last_line(UNIX_EPOCH);
    source.set_urlconf(Some(true));
    telemetry.set_fronts("x", &[]);
    telemetry.set_capacities(&[("x".to_owned(), 1)].into());
    telemetry.config_loaded(UNIX_EPOCH);
    telemetry.web_config_loaded(Some(UNIX_EPOCH));
    telemetry.http_request("/", 200);
    telemetry.state().unwrap().committed(Duration::ZERO, true);
    [telemetry.families(), telemetry.gap_families()].concat()
}

/// Returns every family of nginx's stub status, of two pages.
fn nginx() -> Vec<Family> {
    let addresses = ["http://127.0.0.1/a", "http://127.0.0.1/b"];
    let addresses = addresses.map(|address| address.parse().unwrap());
    let [one, other] = &addresses;
    nginx_status::families(&[(one, Some(Stub::default())), (other, None)])
}

#[test]
fn every_family_is_documented_correctly() {
    let all = [counted(), telemetry(), joined(), nginx()].concat();
    let families = shown(&Families::new(all));
    for metric in Metric::ALL {
        let family = families
            .get(metric.name())
            .unwrap_or_else(|| panic!("{} is not shown here", metric.name()));
        let labels = metric.labels().iter().map(|label| (*label).to_owned());
        assert_eq!(family.labels, labels.collect(), "{}", metric.name());
    }
    let kinds = ["counter", "gauge", "histogram"];
    let mut documented: BTreeMap<String, Shown> = BTreeMap::new();
    let rows = rows(METRICS);
    for (name, cells) in &rows {
        if kinds.contains(&cells[0].as_str()) {
            let family = documented.entry(name.clone()).or_default();
            family.kind.clone_from(&cells[0]);
            family.labels = spans(&cells[1]);
        }
    }
    for (name, cells) in &rows {
        let is_bounds = cells[0]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b". ".contains(&byte));
        if let Some(family) = documented.get_mut(name)
            && is_bounds
        {
            family.bounds = cells[0].split(' ').map(str::to_owned).collect();
        }
    }
    assert_eq!(documented, families);
}

#[test]
fn the_table_of_series_at_0_lists_what_starts_at_0() {
    let initial = Initial {
        methods: vec![Method::Get],
        statuses: vec![500],
        place: None,
    };
    let mut urlconf = Urlconf::default();
    let home = PathTemplate::parse("/", &BTreeMap::new()).unwrap();
    urlconf.routes.push(home.route("home").unwrap());
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let plain = everything();
    let settings = Settings {
        routes: Some(Arc::new(resolver)),
        metrics: plain.metrics.clone().starting_with(Some(Arc::new(initial))),
        ..plain
    };
    let pipeline = Pipeline::new(settings.clone(), Budget::new(1_000));
    let known = pipeline.initialise(&mut pipeline.shard());
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    for metric in settings.metrics.iter() {
        let shown = metric
            .labels
            .iter()
            .map(httplog_exporter::label::Label::name);
        let labels: Vec<String> = shown
            .filter(|label| *label != "source")
            .map(|label| format!("`{label}`"))
            .collect();
        let is_known = known.iter().any(|known| known.family == metric.name);
        let cell = match (metric.counts == Counts::Rejected, is_known) {
            (true, _) => "one, always".to_owned(),
            (false, false) => "none".to_owned(),
            (false, true) if labels.is_empty() => "one".to_owned(),
            (false, true) => labels.join(" "),
        };
        expected.insert(metric.name.to_string(), cell);
    }
    let page = text(METRICS);
    let table = page
        .split("\n| name | series at 0 |\n")
        .nth(1)
        .expect("table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let rows = rows.filter_map(|row| {
        let (name, cell) = row.strip_prefix("| `")?.split_once("` | ")?;
        Some((name.to_owned(), cell.strip_suffix(" |")?.to_owned()))
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn every_reason_is_documented() {
    let page = text(METRICS);
    let rejected = Families::new(counted());
    let rejected = rejected
        .get("httplog_exporter_rejected_lines_total")
        .unwrap();
    let reasons = rejected
        .series
        .iter()
        .map(|series| series.label("reason").unwrap())
        .chain(FILE_GAP_REASONS.map(|reason| reason.name))
        .chain(STREAM_GAP_REASONS.map(|reason| reason.name))
        .chain(Reason::ALL.map(Reason::name))
        .chain(Outcome::ALL.map(Outcome::name));
    for reason in reasons {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}

#[test]
fn every_gap_reason_is_documented_with_its_bounds() {
    let page = text(METRICS);
    for reason in FILE_GAP_REASONS.iter().chain(&STREAM_GAP_REASONS) {
        let row = format!("\n| `{}` | `", reason.name);
        let rest = page.split(&row).nth(1).expect(reason.name);
        let row = rest.lines().next().unwrap();
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let bounds = reason.bounds.iter().map(|bound| bound.name().to_owned());
        assert_eq!(spans(cell), bounds.collect(), "{}", reason.name);
    }
}

#[test]
fn every_route_shown_is_that_of_its_target() {
    let page = text(METRICS);
    let table = page.split("\n| target | route |\n").nth(1).expect("table");
    let mut seen = 0;
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let spans: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [target, expected] = spans[..] else {
            continue;
        };
        let mut router = Router::new(1);
        let status = Status::from_digits(b"200");
        let route = router.route(target.as_bytes(), status);
        assert_eq!(&*router.name(route), expected, "{target}");
        seen += 1;
    }
    assert!(seen > 3, "only {seen} rows");
}
