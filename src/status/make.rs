//! Makes a [`Status`].

use std::collections::BTreeMap;

use super::command::{Matchers, lines_query, p95_query, requests_query};
use super::document::{
    Configuration, Exporter, Lines, OtherUse, Queue, SeriesUse, Severity, Source, State, Status,
    StatusClass, Traffic, VERSION, Verdict,
};
use super::history::{History, INTERVAL, MINUTE};
use super::reading::{CLASSES, Reading, exact, gauge, number, series, source_of, sum, total};
use super::routes::routes;
use super::setup::{Circumstances, Setup};
use super::trouble;
use crate::model::{Families, Language, Series};

/// Labels whose values can be `<other>`, and how the metric sets spell it.
const OTHERS: [(&str, &str); 5] = [
    ("method", "<other>"),
    ("route", "<other>"),
    ("status", "<other>"),
    ("view", "<unnamed view>"),
    ("method", "<invalid method>"),
];

impl Status {
    /// Makes the status of an exporter whose metrics are `families`, with texts in this language.
    pub fn new(
        families: &Families,
        history: &History,
        setup: &Setup,
        circumstances: &Circumstances,
        language: Language,
    ) -> Self {
        let sources = sources(families, history, setup, circumstances);
        let troubles = trouble::find(families, history, setup, circumstances, &sources, language);
        let verdict = match troubles.first().map(|trouble| trouble.severity) {
            Some(Severity::Error) => Verdict::Broken,
            Some(Severity::Warning) => Verdict::Attention,
            Some(Severity::Notice) | None => Verdict::Well,
        };
        let (routes, routes_omitted) = routes(families, history, setup);
        Self {
            version: VERSION,
            time: circumstances.time,
            verdict,
            exporter: Exporter {
                version: setup.version.clone(),
                uptime_seconds: circumstances.uptime,
            },
            troubles,
            traffic: traffic(history),
            routes,
            routes_omitted,
            queues: queues(history, &sources),
            sources,
            series: SeriesUse {
                used: whole(Some(sum(families, "httplog_exporter_series"))),
                limit: setup.series_limit,
                overflow: total(families, "httplog_exporter_series_overflow_total"),
            },
            other: others(families, history.reading),
            state: state(families),
            configuration: Configuration {
                file: setup.file.clone(),
                loaded: gauge(
                    families,
                    "httplog_exporter_config_last_reload_success_timestamp_seconds",
                ),
                warnings: setup.warnings.clone(),
            },
        }
    }
}

fn sources(
    families: &Families,
    history: &History,
    setup: &Setup,
    circumstances: &Circumstances,
) -> Vec<Source> {
    let inputs = circumstances.inputs.iter().cloned();
    let inputs = inputs.chain(std::iter::repeat_with(Default::default));
    let mut sources: Vec<Source> = (setup.sources.iter().zip(inputs))
        .map(|(source, input)| Source {
            name: source.name.clone(),
            state: input.state,
            reason: input.reason,
            input: source.input.clone(),
            pattern: source.pattern.clone(),
            behind: source.behind.clone(),
            lines_per_second: (history.sources.get(&*source.name))
                .and_then(|source| history.a_second(source.lines.last(MINUTE))),
            explain: source.explain.clone(),
            query: lines_query(&Matchers::new([("source", Some(&*source.name))])),
            ..Source::default()
        })
        .collect();
    let places: BTreeMap<&str, usize> = (setup.sources.iter().enumerate())
        .map(|(at, source)| (&*source.name, at))
        .collect();
    let mut fill = |name: &str, fill: fn(&mut Source, &Series)| {
        for series in series(families, name) {
            if let Some(at) = places.get(source_of(series)) {
                fill(&mut sources[*at], series);
            }
        }
    };
    fill("httplog_exporter_lines_total", |source, series| {
        let Lines {
            recorded,
            rejected,
            skipped,
        } = &mut source.lines;
        match series.label("outcome") {
            Some("recorded") => *recorded = exact(series),
            Some("rejected") => *rejected = exact(series),
            Some("skipped") => *skipped = exact(series),
            _ => {}
        }
    });
    fill("httplog_exporter_rejected_lines_total", |source, series| {
        add_reason(&mut source.rejected, series);
    });
    fill("httplog_exporter_gap_events_total", |source, series| {
        add_reason(&mut source.gaps, series);
    });
    fill("httplog_exporter_lag_bytes", |source, series| {
        source.lag_bytes = whole(number(series));
    });
    fill("httplog_exporter_lag_seconds", |source, series| {
        source.lag_seconds = number(series).unwrap_or_default();
    });
    fill(
        "httplog_exporter_last_line_timestamp_seconds",
        |source, series| source.last_line = number(series),
    );
    sources
}

/// Adds the number of a series by its label `reason`, unless it is 0.
fn add_reason(to: &mut BTreeMap<String, u64>, series: &Series) {
    let count = exact(series);
    if let (Some(reason), true) = (series.label("reason"), count > 0) {
        to.insert(reason.to_owned(), count);
    }
}

fn traffic(history: &History) -> Traffic {
    let known = history.known();
    let classes = CLASSES.iter().zip(&history.classes);
    let class = |(class, ring): (&&str, &super::ring::Ring<_>)| StatusClass {
        class: (*class).to_owned(),
        requests: ring.last(known).concat(),
    };
    let reading = history.reading;
    Traffic {
        family: reading.map(|reading| reading.requests.to_owned()),
        interval_seconds: (INTERVAL.0 / 1_000_000),
        until: history.until,
        classes: classes.map(class).collect(),
        query: reading
            .map(|reading| requests_query(reading.requests, &Matchers::default()).concat()),
    }
}

fn queues(history: &History, sources: &[Source]) -> Vec<Queue> {
    let behind = sources.iter().filter(|source| !source.behind.is_empty());
    behind
        .filter_map(|source| {
            let hour = history.sources.get(&*source.name)?;
            let of = Matchers::new([("source", Some(&*source.name))]);
            let busy = history.a_second(hour.busy_millis.last(MINUTE));
            Some(Queue {
                source: source.name.clone(),
                requests: hour.waits.observations(),
                waits: hour.waits.quantiles(),
                busy: busy.map(|millis| millis / 1_000.0),
                query: p95_query("httplog_queue_duration_seconds", &of).concat(),
            })
        })
        .collect()
}

fn others(families: &Families, reading: Option<&Reading>) -> Vec<OtherUse> {
    let Some(reading) = reading else {
        return Vec::new();
    };
    let mut requests = [0; OTHERS.len()];
    for series in series(families, reading.requests) {
        for (label, value) in series
            .labels
            .iter()
            .filter(|(_, value)| value.starts_with('<'))
        {
            let at = OTHERS
                .iter()
                .position(|other| *other == (&**label, &**value));
            if let Some(at) = at {
                requests[at] += exact(series);
            }
        }
    }
    let used = OTHERS
        .iter()
        .zip(requests)
        .filter(|(_, requests)| *requests > 0);
    let other = |((label, _), requests): (&(&str, &str), u64)| OtherUse {
        label: (*label).to_owned(),
        requests,
    };
    used.map(other).collect()
}

fn state(families: &Families) -> State {
    let durable = gauge(families, "httplog_exporter_state_durable");
    let commits = |outcome| {
        let mut all = series(families, "httplog_exporter_state_commits_total").iter();
        all.find(|series| series.label("outcome") == Some(outcome))
            .map_or(0, exact)
    };
    State {
        is_kept: durable.is_some(),
        is_durable: durable == Some(1.0),
        age_seconds: gauge(families, "httplog_exporter_state_age_seconds"),
        commits: commits("success"),
        failures: commits("failure"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn whole(value: Option<f64>) -> u64 {
    value.unwrap_or_default() as u64
}
