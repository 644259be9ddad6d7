//! Tests of the exporter's own metrics, from the handles to the families.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use super::*;
use crate::model::{Families, GapBound, Kind, Number, Value};

const TRUNCATED: GapReason = GapReason {
    name: "truncated",
    bounds: &[GapBound::Min],
};
const VANISHED: GapReason = GapReason {
    name: "vanished",
    bounds: &[GapBound::Max],
};

fn telemetry() -> Telemetry {
    Telemetry::new("1.2.3", UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap()
}

/// Returns all families, those of gaps included.
fn all(telemetry: &Telemetry) -> Families {
    Families::new(
        telemetry
            .families()
            .into_iter()
            .chain(telemetry.gap_families()),
    )
}

fn value(telemetry: &Telemetry, metric: Metric, labels: &[(&str, &str)]) -> Option<f64> {
    let families = all(telemetry);
    let series = families.get(metric.name())?.series.iter().find(|series| {
        series.labels.len() == labels.len()
            && labels
                .iter()
                .all(|(name, value)| series.label(name) == Some(value))
    })?;
    match series.value {
        Value::Number(Number::Float(value)) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "the numbers of tests are small")]
        Value::Number(Number::Exact(value, _)) => Some(value as f64),
        _ => None,
    }
}

#[test]
fn names_are_distinct_and_prefixed_and_help_is_a_sentence() {
    let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), Metric::ALL.len());
    for metric in Metric::ALL {
        // A capacity is a fact of the site.
        let prefix = match metric {
            Metric::WorkerCapacity => "httplog_",
            _ => "httplog_exporter_",
        };
        assert!(metric.name().starts_with(prefix));
        assert!(metric.help().ends_with('.'));
    }
}

#[test]
fn every_metric_is_among_the_families() {
    let telemetry = telemetry();
    telemetry.set_capacities(&[("x".to_owned(), 10)].into());
    let source = telemetry.source("nginx", &[TRUNCATED]);
    source.set_last_line(UNIX_EPOCH);
    source.set_urlconf(Some(true));
    telemetry.set_fronts("nginx", &[]);
    telemetry.state().unwrap().set(Duration::from_secs(2), true);
    telemetry.config_loaded(UNIX_EPOCH);
    telemetry.web_config_loaded(Some(UNIX_EPOCH));
    telemetry.http_request("/metrics", 200);
    let families = all(&telemetry);
    for metric in Metric::ALL {
        let family = families.get(metric.name()).unwrap();
        assert_eq!(&*family.help, metric.help());
        assert_eq!(
            family.kind == Kind::Counter,
            metric.name().ends_with("_total")
        );
    }
    assert_eq!(
        value(&telemetry, Metric::BuildInfo, &[("version", "1.2.3")]),
        Some(1.0)
    );
}

#[test]
fn gaps_of_known_reasons_start_at_zero() {
    let telemetry = telemetry();
    let source = telemetry.source("nginx", &[TRUNCATED, VANISHED]);
    source.gap(&Gap {
        reason: TRUNCATED,
        count: 1,
        at_least: 7,
        at_most: 9,
    });
    let gaps = |reason| {
        value(
            &telemetry,
            Metric::GapEvents,
            &[("source", "nginx"), ("reason", reason)],
        )
    };
    assert_eq!(gaps("truncated"), Some(1.0));
    assert_eq!(gaps("vanished"), Some(0.0));
    let bytes = |reason, bound| {
        let labels = [("source", "nginx"), ("reason", reason), ("bound", bound)];
        value(&telemetry, Metric::GapBytes, &labels)
    };
    assert_eq!(bytes("truncated", "min"), Some(7.0));
    assert_eq!(bytes("truncated", "max"), None);
    assert_eq!(bytes("vanished", "max"), Some(0.0));
}

#[test]
fn saved_gaps_go_on() {
    let gap = Gap {
        reason: TRUNCATED,
        count: 2,
        at_least: 7,
        at_most: 9,
    };
    let former = telemetry().source("nginx", &[TRUNCATED, VANISHED]);
    former.gap(&gap);
    let telemetry = telemetry();
    // A source of another kind does not have the other reason.
    let source = telemetry.source("nginx", &[TRUNCATED]);
    source.resume_gaps(&former.save_gaps());
    source.gap(&gap);
    let labels = [("source", "nginx"), ("reason", "truncated")];
    assert_eq!(value(&telemetry, Metric::GapEvents, &labels), Some(4.0));
    let labels = [&labels[..], &[("bound", "min")]].concat();
    assert_eq!(value(&telemetry, Metric::GapBytes, &labels), Some(14.0));
    assert_eq!(source.save_gaps().len(), 1);
    telemetry.forget_source("nginx");
    assert_eq!(value(&telemetry, Metric::GapBytes, &labels), None);
}

#[test]
fn a_source_without_a_line_has_no_time_of_the_last_one() {
    let telemetry = telemetry();
    let source = telemetry.source("nginx", &[]);
    let last = || {
        value(
            &telemetry,
            Metric::LastLineTimestamp,
            &[("source", "nginx")],
        )
    };
    assert_eq!(last(), None);
    source.set_last_line(UNIX_EPOCH + Duration::from_millis(1_500));
    assert_eq!(last(), Some(1.5));
}

#[test]
fn a_source_without_a_urlconf_has_no_series_for_it() {
    let telemetry = telemetry();
    let source = telemetry.source("nginx", &[]);
    let check = |is_taken, expected| {
        source.set_urlconf(is_taken);
        let labels = [("source", "nginx")];
        let metric = Metric::UrlconfReloadSuccessful;
        assert_eq!(value(&telemetry, metric, &labels), expected);
    };
    check(None, None);
    check(Some(true), Some(1.0));
    check(Some(false), Some(0.0));
    check(None, None);
}

#[test]
fn a_source_has_a_series_for_each_of_its_fronts() {
    let telemetry = telemetry();
    let check = |behind, expected| {
        let labels = [("source", "shop"), ("behind", behind)];
        assert_eq!(value(&telemetry, Metric::SourceInfo, &labels), expected);
    };
    telemetry.set_fronts("shop", &[]);
    check("", Some(1.0));
    telemetry.set_fronts("shop", &["nginx".into(), "edge".into()]);
    check("nginx", Some(1.0));
    check("edge", Some(1.0));
    check("", None);
    telemetry.set_fronts("shop", &["edge".into()]);
    check("nginx", None);
    telemetry.forget_source("shop");
    check("edge", None);
}

#[test]
fn a_removed_source_has_no_metrics() {
    let telemetry = telemetry();
    let source = telemetry.source("nginx", &[TRUNCATED]);
    source.set_lag_bytes(Bytes(7));
    source.set_lag(Duration::from_millis(250));
    source.set_files_open(2);
    let labels = [("source", "nginx")];
    assert_eq!(value(&telemetry, Metric::LagBytes, &labels), Some(7.0));
    assert_eq!(value(&telemetry, Metric::LagSeconds, &labels), Some(0.25));
    assert_eq!(value(&telemetry, Metric::FilesOpen, &labels), Some(2.0));
    telemetry.forget_source("nginx");
    for metric in [Metric::LagBytes, Metric::LagSeconds, Metric::FilesOpen] {
        assert_eq!(value(&telemetry, metric, &labels), None);
    }
    assert!(all(&telemetry).get(Metric::GapEvents.name()).is_none());
}

#[test]
fn a_failed_reload_keeps_the_time_of_the_last_success() {
    let telemetry = telemetry();
    telemetry.config_loaded(UNIX_EPOCH + Duration::from_secs(9));
    telemetry.config_refused();
    assert_eq!(value(&telemetry, Metric::ReloadSuccessful, &[]), Some(0.0));
    assert_eq!(
        value(&telemetry, Metric::ReloadSuccessTimestamp, &[]),
        Some(9.0)
    );
}

#[test]
fn connections_and_scrapes_are_counted() {
    let telemetry = telemetry();
    telemetry.http_connection_opened();
    telemetry.http_connection_opened();
    telemetry.http_connection_closed();
    telemetry.http_connection_rejected();
    telemetry.scraped(Duration::from_millis(2));
    assert_eq!(value(&telemetry, Metric::HttpConnections, &[]), Some(1.0));
    assert_eq!(
        value(&telemetry, Metric::HttpConnectionsRejected, &[]),
        Some(1.0)
    );
    let families = Families::new(telemetry.families());
    assert_eq!(
        families.get(Metric::ScrapeDuration.name()).unwrap().total(),
        1
    );
}

#[test]
fn the_process_is_described() {
    let families = Families::new(telemetry().families());
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
        // Of a process that has run for less than a second, too.
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_threads",
        "process_virtual_memory_bytes",
    ] {
        match families.get(name).unwrap().series[0].value {
            Value::Number(Number::Float(value)) => assert!(value > 0.0, "{name}"),
            _ => panic!("{name} is not a number"),
        }
    }
}
