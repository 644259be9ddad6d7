use super::*;
use crate::status::{
    Exporter, Lines, OtherUse, Quantiles, Queue, Route, SeriesUse, Severity, Source, SourceState,
    State, StatusClass, Traffic, Trouble,
};

fn shown(document: &Document) -> String {
    let mut text = String::new();
    push_status(document, "http://127.0.0.1:9914", Paint::Plain, &mut text);
    text
}

fn check_snapshot(name: &str, document: &Document) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("status_{name}"), shown(document));
    });
}

fn troubles() -> Vec<Trouble> {
    vec![
        Trouble {
            code: "input_failing".into(),
            severity: Severity::Error,
            source: Some("nginx".into()),
            summary: "the log cannot be opened".into(),
            detail: Some("Permission denied (os error 13)".into()),
            remedy: "let the service read it".into(),
            command: Some("sudo systemctl edit httplog-exporter".into()),
        },
        Trouble {
            code: "series_full".into(),
            severity: Severity::Warning,
            source: None,
            summary: "the limit of series is reached".into(),
            detail: None,
            remedy: "raise limits.series".into(),
            command: None,
        },
    ]
}

fn sources() -> Vec<Source> {
    vec![
        Source {
            name: "nginx".into(),
            state: SourceState::Failing,
            reason: Some("Permission denied (os error 13)".into()),
            ..Source::default()
        },
        Source {
            name: "gunicorn".into(),
            state: SourceState::Open,
            lines: Lines {
                recorded: 1_234_567,
                rejected: 12,
                skipped: 3,
            },
            rejected: [("mismatch".to_owned(), 12)].into(),
            gaps: [("truncated".to_owned(), 1), ("deleted".to_owned(), 0)].into(),
            lines_per_second: Some(12.34),
            lag_bytes: 2_048,
            lag_seconds: 2.0,
            last_line: Some(998.5),
            ..Source::default()
        },
    ]
}

/// Returns a status with something of everything.
fn full() -> Document {
    let durations = Quantiles {
        p50: 0.012,
        p95: 0.25,
        p99: 1.5,
    };
    Document {
        version: VERSION,
        time: 1_000.0,
        verdict: Verdict::Broken,
        exporter: Exporter {
            version: "0.1.0".into(),
            uptime_seconds: 273_600.0,
        },
        troubles: troubles(),
        sources: sources(),
        traffic: Traffic {
            classes: vec![
                StatusClass {
                    class: "2xx".into(),
                    requests: vec![1_000, 234],
                },
                StatusClass {
                    class: "3xx".into(),
                    requests: vec![0, 0],
                },
                StatusClass {
                    class: "5xx".into(),
                    requests: vec![0, 7],
                },
            ],
            ..Traffic::default()
        },
        routes: vec![
            Route {
                route: "shop:checkout".into(),
                source: Some("gunicorn".into()),
                requests: 1_200,
                errors: 7,
                requests_per_second: Some(0.5),
                durations: Some(durations),
                ..Route::default()
            },
            Route {
                route: "\u{1b}[2Jhome".into(),
                source: Some("gunicorn".into()),
                requests: 41,
                ..Route::default()
            },
        ],
        routes_omitted: 3,
        queues: vec![Queue {
            source: "gunicorn".into(),
            requests: 900,
            waits: Some(durations),
            busy: Some(1.25),
            query: String::new(),
        }],
        series: SeriesUse {
            used: 10_000,
            limit: 10_000,
            overflow: 55,
        },
        other: vec![
            OtherUse {
                label: "route".into(),
                requests: 55,
            },
            OtherUse {
                label: "method".into(),
                requests: 0,
            },
        ],
        state: State {
            is_kept: true,
            is_durable: true,
            age_seconds: Some(3.0),
            ..State::default()
        },
        configuration: crate::status::Configuration {
            file: Some("/etc/httplog-exporter/config.toml".into()),
            loaded: Some(400.0),
            warnings: vec!["line 3: `start` has no effect".into()],
        },
    }
}

#[test]
fn everything_of_a_status_is_shown_and_nothing_controls_the_terminal() {
    check_snapshot("full", &full());
}

#[test]
fn a_status_without_traffic_is_short() {
    check_snapshot("empty", &Document::default());
}

#[test]
fn only_a_terminal_has_colours() {
    let mut text = String::new();
    push_status(&full(), "unix:/s", Paint::Coloured, &mut text);
    assert!(
        text.starts_with("\x1b[31mbroken\x1b[0m: 1 error, 1 warning\n"),
        "{text}"
    );
    assert!(!shown(&full()).contains('\x1b'));
}

#[test]
fn the_path_is_below_that_of_the_url() {
    for path in ["/", "", "/metrics", "/api/v1/status", "/?x"] {
        assert_eq!(path_of(path), PATH, "{path}");
    }
    for path in ["/logs", "/logs/", "/logs/metrics", "/logs/api/v1/status/"] {
        assert_eq!(path_of(path), "/logs/api/v1/status", "{path}");
    }
}

#[test]
fn the_address_is_that_of_a_configuration_whatever_else_is_in_it() {
    let check = |text: &str, expected: Option<&str>| {
        let listen = first_listen(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(listen.as_deref(), expected, "{text}");
    };
    let listen = "[web]\nlisten = ['unix:/run/x.sock', '127.0.0.1:1']\nfault = 1\n[x]\n";
    check(listen, Some("unix:/run/x.sock"));
    check("[web]\nlisten = []\n", None);
    check("[web]\nlisten = ['']\n", None);
    check("[[source]]\n", None);
    check("[web\n", None);
}

#[test]
fn a_terminal_is_not_scrolled() {
    let text = b"a\nb\nc\n";
    let check = |rows, expected: &[u8]| assert_eq!(first_rows(text, rows), expected);
    check(0, text);
    check(3, b"a\nb\n");
    check(4, text);
    check(80, text);
}

fn response(body: &str) -> Response {
    Response {
        status: StatusCode::OK,
        content_type: "application/json".into(),
        location: String::new(),
        body: body.into(),
    }
}

#[test]
fn a_document_of_another_program_or_version_is_refused_with_a_remedy() {
    let check = |body: &str, message: &str, help: &str| {
        let failure = received(&Target::default(), response(body)).err().unwrap();
        let failure = failure.to_string();
        assert!(
            failure.contains(message) && failure.contains(help),
            "{failure}"
        );
    };
    check("<html>", "is not a status (application/json)", "--url");
    check("{}", "is not a status", "--url");
    check(
        "{\"version\": 2}",
        "of version 2",
        "the program of the version that runs",
    );
    check(
        "{\"version\": 1}",
        "of another program",
        "the program of the version that runs",
    );
    let mut newer = serde_json::to_value(full()).unwrap();
    newer["added"] = true.into();
    let received = received(&Target::default(), response(&newer.to_string())).unwrap();
    assert_eq!(received.document, full());
}
