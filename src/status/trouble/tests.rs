use std::collections::BTreeSet;

use super::*;
use crate::model::{Family, Kind, Labels, Micros, Number, Series, Value};
use crate::status::setup::InputState;
use crate::status::{Status, Verdict};

const NOW: f64 = 1e9;

/// Facts of an exporter in which all is well, to be changed.
struct World {
    before: Vec<Family>,
    after: Vec<Family>,
    setup: Setup,
    circumstances: Circumstances,
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn counter(name: &str, pairs: &[(&str, &str)], count: u64) -> Family {
    Family::from_counts(name, "h", Kind::Counter, [(labels(pairs), count)])
}

fn gauge(name: &str, value: f64) -> Family {
    Family {
        name: name.into(),
        help: "h".into(),
        kind: Kind::Gauge,
        series: vec![Series {
            labels: Labels::new(),
            value: Value::Number(Number::Float(value)),
            created: None,
        }],
    }
}

fn of_source(name: &str, value: f64) -> Family {
    let mut family = gauge(name, value);
    family.series[0].labels = labels(&[("source", "nginx")]);
    family
}

fn lines(outcome: &str, count: u64) -> Family {
    let labels = [("outcome", outcome), ("source", "nginx")];
    counter("httplog_exporter_lines_total", &labels, count)
}

impl World {
    fn new() -> Self {
        Self {
            before: vec![lines("recorded", 0), lines("rejected", 0)],
            after: vec![gauge("httplog_exporter_state_durable", 1.0)],
            setup: Setup {
                file: Some("/etc/httplog-exporter/config.toml".into()),
                series_limit: 1_000,
                sources: vec![SourceSetup {
                    name: "nginx".into(),
                    input: vec!["/var/log/nginx/access.log".into()],
                    explain: Some("httplog-exporter explain".into()),
                    logs: Some("/var/log/nginx/access.log*".into()),
                    ..SourceSetup::default()
                }],
                ..Setup::default()
            },
            circumstances: Circumstances {
                time: NOW,
                inputs: vec![InputState {
                    state: SourceState::Open,
                    reason: None,
                }],
                ..Circumstances::default()
            },
        }
    }

    fn status(&self, language: Language) -> Status {
        let mut history = History::default();
        let all = self.before.iter().chain(&self.after).cloned();
        let (before, after) = (Families::new(self.before.clone()), Families::new(all));
        for (seconds, families) in [(0, &before), (10_000_000, &after)] {
            let now = Micros(seconds);
            history.sample(Some(families), &BTreeSet::new(), now, NOW);
        }
        Status::new(&after, &history, &self.setup, &self.circumstances, language)
    }

    /// Checks that there is one trouble, of this kind, in every language.
    fn check(&self, code: &str, verdict: Verdict) -> Trouble {
        let [english, french] = Language::ALL.map(|language| {
            let status = self.status(language);
            assert_eq!(status.verdict, verdict, "{:?}", status.troubles);
            let codes: Vec<_> = status
                .troubles
                .iter()
                .map(|trouble| &*trouble.code)
                .collect();
            assert_eq!(codes, [code]);
            status.troubles[0].clone()
        });
        assert_eq!(english.command, french.command);
        assert_ne!(english.summary, french.summary);
        assert_ne!(english.remedy, french.remedy);
        assert!(english.remedy.ends_with('.') && french.remedy.ends_with('.'));
        english
    }
}

/// Checks the trouble of a world with this change.
fn check(code: &str, verdict: Verdict, change: impl FnOnce(&mut World)) -> Trouble {
    let mut world = World::new();
    change(&mut world);
    world.check(code, verdict)
}

#[test]
fn nothing_is_wrong_where_all_is_well() {
    let status = World::new().status(Language::English);
    assert_eq!(
        (status.verdict, status.troubles),
        (Verdict::Well, Vec::new())
    );
}

#[test]
fn an_input_that_is_not_open_is_a_trouble() {
    let set = |state, reason: &str| {
        let reason = Some(reason.to_owned());
        move |world: &mut World| world.circumstances.inputs = vec![InputState { state, reason }]
    };
    let reason = "cannot read /var/log/nginx/access.log: Permission denied (os error 13)";
    let denied = check(
        "input_failing",
        Verdict::Broken,
        set(SourceState::Failing, reason),
    );
    assert!(denied.summary.ends_with("permission denied"), "{denied:?}");
    assert_eq!(
        denied.command.as_deref(),
        Some("namei -l /var/log/nginx/access.log")
    );
    assert_eq!(denied.detail.as_deref(), Some(reason));
    let failing = check(
        "input_failing",
        Verdict::Broken,
        set(SourceState::Failing, "in use"),
    );
    let config = "httplog-exporter check --config /etc/httplog-exporter/config.toml";
    assert_eq!(failing.command.as_deref(), Some(config));
    check(
        "input_waiting",
        Verdict::Attention,
        set(SourceState::Waiting, "no file"),
    );
}

#[test]
fn rejected_lines_of_the_hour_are_a_trouble_by_their_share() {
    let with = |recorded, rejected| {
        move |world: &mut World| {
            world
                .after
                .extend([lines("recorded", recorded), lines("rejected", rejected)]);
        }
    };
    let most = check("most_lines_rejected", Verdict::Broken, with(1, 2));
    assert_eq!(most.command.as_deref(), Some("httplog-exporter explain"));
    assert!(most.summary.contains("2 of 3 lines"), "{most:?}");
    let some = check("lines_rejected", Verdict::Attention, with(99, 1));
    assert!(
        some.command
            .unwrap()
            .ends_with("--reject mismatch /var/log/nginx/access.log*")
    );
    let mut world = World::new();
    with(100, 1)(&mut world);
    assert_eq!(world.status(Language::English).troubles, []);
    // Those from before the process do not count.
    world = World::new();
    world.before.push(lines("rejected", 500));
    assert_eq!(world.status(Language::English).troubles, []);
}

#[test]
fn a_source_that_is_late_lost_lines_or_is_silent_is_a_trouble() {
    let late = check("late", Verdict::Attention, |world| {
        world
            .after
            .push(of_source("httplog_exporter_lag_seconds", 31.0));
        world
            .after
            .push(of_source("httplog_exporter_lag_bytes", 7_000.0));
    });
    assert!(late.summary.contains("31 s behind: 7000 bytes"), "{late:?}");
    check("lines_lost", Verdict::Broken, |world| {
        let labels = [("reason", "gone"), ("source", "nginx")];
        world
            .after
            .push(counter("httplog_exporter_gap_events_total", &labels, 1));
    });
    check("silent", Verdict::Well, |world| {
        let last = NOW - 7_300.0;
        let name = "httplog_exporter_last_line_timestamp_seconds";
        world.after.push(of_source(name, last));
    });
}

#[test]
fn a_peer_without_lines_is_a_trouble() {
    let with = |joined, missing| {
        move |world: &mut World| {
            let joins = [("outcome", "joined"), ("source", "nginx")];
            world
                .after
                .push(counter("httplog_exporter_join_lines_total", &joins, joined));
            let reasons = [("reason", "missing"), ("source", "nginx")];
            world.after.push(counter(
                "httplog_unreached_requests_total",
                &reasons,
                missing,
            ));
        }
    };
    let silent = check("peer_silent", Verdict::Attention, with(9, 1));
    assert!(
        silent.summary.contains("passed 10 requests on"),
        "{silent:?}"
    );
    let mut world = World::new();
    with(91, 9)(&mut world);
    assert_eq!(world.status(Language::English).troubles, []);
}

#[test]
fn a_refused_configuration_is_a_trouble() {
    let reload = check("reload_refused", Verdict::Broken, |world| {
        world
            .after
            .push(gauge("httplog_exporter_config_last_reload_successful", 0.0));
        world.circumstances.reload_refusal = Some("2 errors".into());
    });
    assert_eq!(reload.detail.as_deref(), Some("2 errors"));
    check("web_config_refused", Verdict::Broken, |world| {
        world.after.push(gauge(
            "httplog_exporter_web_config_last_reload_successful",
            0.0,
        ));
    });
    check("urlconf_refused", Verdict::Attention, |world| {
        let name = "httplog_exporter_urlconf_last_reload_successful";
        world.after.push(of_source(name, 0.0));
    });
    let warning = check("configuration_warning", Verdict::Well, |world| {
        world.setup.warnings = vec!["config.toml:1:1: unused".into()];
    });
    assert_eq!(warning.detail.as_deref(), Some("config.toml:1:1: unused"));
}

#[test]
fn a_state_that_is_not_kept_is_a_trouble() {
    let failing = check("state_not_durable", Verdict::Broken, |world| {
        world.after = vec![gauge("httplog_exporter_state_durable", 0.0)];
        world.circumstances.commit_failure = Some("No space left on device".into());
    });
    assert_eq!(failing.detail.as_deref(), Some("No space left on device"));
    check("state_not_kept", Verdict::Well, |world| world.after.clear());
}

#[test]
fn limits_that_are_reached_are_troubles() {
    let series =
        |used| move |world: &mut World| world.after.push(gauge("httplog_exporter_series", used));
    check("series_full", Verdict::Broken, series(1_000.0));
    check("series_nearly_full", Verdict::Attention, series(900.0));
    // The budget is one for all sources.
    check("series_full", Verdict::Broken, |world| {
        let mut used = of_source("httplog_exporter_series", 10.0);
        used.series.extend(gauge("", 990.0).series);
        world.after.push(used);
    });
    check("series_full", Verdict::Broken, |world| {
        world
            .after
            .push(counter("httplog_exporter_series_overflow_total", &[], 5));
    });
    check("few_descriptors", Verdict::Attention, |world| {
        world.after.extend([
            gauge("process_open_fds", 95.0),
            gauge("process_max_fds", 100.0),
        ]);
    });
    check("messages_dropped", Verdict::Well, |world| {
        world.after.push(counter(
            "httplog_exporter_log_messages_dropped_total",
            &[],
            1,
        ));
    });
}

#[test]
fn a_certificate_that_ends_is_a_trouble() {
    let name = "httplog_exporter_certificate_not_after_timestamp_seconds";
    let until = |end: f64| move |world: &mut World| world.after.push(gauge(name, NOW + end));
    check("certificate_expired", Verdict::Broken, until(-1.0));
    let soon = check(
        "certificate_expires",
        Verdict::Attention,
        until(3.5 * 86_400.0),
    );
    assert!(soon.summary.contains("in 3 days"), "{soon:?}");
    let mut world = World::new();
    until(30.0 * 86_400.0)(&mut world);
    assert_eq!(world.status(Language::English).troubles, []);
}

#[test]
fn the_gravest_trouble_comes_first() {
    let mut world = World::new();
    world.after = vec![lines("recorded", 99), lines("rejected", 1)];
    world.after.push(gauge("httplog_exporter_series", 1_000.0));
    let status = world.status(Language::English);
    let codes: Vec<_> = status
        .troubles
        .iter()
        .map(|trouble| &*trouble.code)
        .collect();
    assert_eq!(codes, ["series_full", "lines_rejected", "state_not_kept"]);
}
