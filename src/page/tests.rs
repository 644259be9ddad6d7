use std::sync::Arc;

use super::*;
use crate::model::Language;
use crate::status::{
    Logs, Pastes, Quantiles, Route, Severity, Source, Status, StatusClass, Traffic, Trend, Trouble,
};

const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}";

fn links() -> Links<'static> {
    Links {
        metrics: "metrics",
        status: "api/v1/status",
        healthy: "-/healthy",
        ready: "-/ready",
    }
}

fn html(status: &Status, language: Language) -> String {
    let mut html = String::new();
    write(status, language, &links(), &mut html);
    html
}

/// Returns a status whose every text is hostile.
fn hostile() -> Status {
    let text = || HOSTILE.to_owned();
    Status {
        troubles: vec![Trouble {
            code: text(),
            severity: Severity::Error,
            source: Some(text()),
            summary: text(),
            detail: Some(text()),
            remedy: text(),
            command: Some(text()),
        }],
        sources: vec![Source {
            name: text(),
            reason: Some(text()),
            input: vec![text()],
            pattern: text(),
            behind: vec![text()],
            rejected: [(text(), 1)].into(),
            gaps: [(text(), 1)].into(),
            explain: Some(text()),
            query: text(),
            ..Source::default()
        }],
        traffic: Traffic {
            family: Some(text()),
            interval_seconds: 10,
            until: Some(1e9),
            classes: vec![StatusClass {
                class: text(),
                requests: vec![1, 2, 3],
            }],
            query: Some(text()),
        },
        routes: vec![Route {
            route: text(),
            source: Some(text()),
            requests: 9,
            errors: 3,
            durations: Some(Quantiles::default()),
            trend: Trend {
                interval_seconds: 10,
                requests: vec![3, 3, 3],
                errors: vec![1, 1, 1],
                p95_micros: vec![5, 6, 7],
            },
            pastes: Pastes::new(
                HOSTILE,
                Some(HOSTILE),
                [(HOSTILE, Some(HOSTILE))],
                Some(Arc::new(Logs {
                    options: text(),
                    names: text(),
                })),
            ),
            ..Route::default()
        }],
        ..Status::default()
    }
}

#[test]
fn a_hostile_text_stays_text() {
    for language in Language::ALL {
        let html = html(&hostile(), language);
        // The page's own script, and no other.
        assert_eq!(html.matches("<script").count(), 1);
        assert!(!html.contains("alert(1)</script>"), "{html}");
        assert!(!html.contains('\u{202e}'));
        let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
        assert!(html.matches(escaped).count() >= 40, "{html}");
        let attribute = format!(" data-key=\"{escaped}&quot;'&amp;\u{fffd}\"");
        assert!(html.contains(&attribute), "{html}");
    }
}

#[test]
fn a_page_loads_nothing_and_has_no_inline_style_or_handler() {
    let html = html(&hostile(), Language::English);
    for foreign in [
        "http://",
        "https://",
        " src=",
        " style=",
        " onclick=",
        "url(",
        "@import",
    ] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for link in ["metrics", "api/v1/status", "-/healthy", "-/ready"] {
        assert!(html.contains(&format!("href=\"{link}\"")), "{link}");
    }
}

#[test]
fn a_page_of_nothing_says_so_in_every_language() {
    let status = Status::default();
    let english = html(&status, Language::English);
    assert!(english.contains("<html lang=\"en\">") && english.contains("No routes yet."));
    let french = html(&status, Language::French);
    assert!(french.contains("<html lang=\"fr\">") && french.contains("Aucune route"));
}

#[test]
fn every_id_is_unique_and_every_reference_has_one() {
    let html = html(&hostile(), Language::English);
    let values = |attribute: &str| -> Vec<String> {
        let attribute = format!(" {attribute}=\"");
        let parts = html.split(&attribute);
        let values = parts.skip(1).filter_map(|part| part.split('"').next());
        values.map(str::to_owned).collect()
    };
    let mut ids = values("id");
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for label in values("aria-labelledby") {
        assert!(ids.contains(&label), "{label}");
    }
    for link in values("href")
        .iter()
        .filter_map(|link| link.strip_prefix('#'))
    {
        assert!(ids.iter().any(|id| id == link), "{link}");
    }
}
