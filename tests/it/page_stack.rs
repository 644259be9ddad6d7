//! The page in a browser: accessibility, keyboard, layout, numbers and updates, checked by `tests/page/`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Daemon, HEAD, Source, following, get, project, run_within, until};

/// Debian's browser, which `tests/run` installs.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Time limit of all checks, generous for a slow and busy machine.
const DEADLINE: Duration = Duration::from_mins(5);

/// Number of ordinary routes.
const ROUTES: u32 = 240;

/// Pictures that the documentation shows.
const PICTURES: [&str; 2] = ["full-320.png", "full-1280.png"];

/// Names of routes that a page must show as they are.
pub const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "it's \"quoted\" & <b>bold</b>",
    "</td></tr></table><h1>out</h1>",
    "javascript:alert(1)//${7*7}{{7*7}}",
    "متجر:الدفع",
    "🛒:корзина-購物車",
    "averylongnamewithoutanyplacewherealinecouldbebrokenaveryveryverylongnamewithoutanyplacewherealinecouldbebroken:index",
];

/// Returns a line of `nginx-timed`.
fn line(target: &str, status: u16, millis: u32) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let time = format!("{seconds}.{rest:03}");
    format!(
        "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET {target} HTTP/1.1\" {status} 512 \"-\" \"ua\" {time} {time}\n"
    )
}

/// An exporter to check, in a directory of its own.
struct Site {
    name: &'static str,
    daemon: Daemon,
    dir: tempfile::TempDir,
    /// Routes that the page has to show.
    routes: &'static [&'static str],
    /// A source that more is written for.
    source: Option<&'static str>,
}

impl Site {
    /// Starts an exporter on a log without a line.
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("access.log");
        fs::write(&log, "").unwrap();
        let source = Source {
            name: "nginx",
            pattern: "nginx-timed",
            log: &log,
        };
        Self {
            name: "empty",
            daemon: Daemon::follow(dir.path(), &[source]),
            dir,
            routes: &[],
            source: None,
        }
    }

    /// Starts an exporter on three sources, of which one has no log and one has lines in another format, with hundreds of
    /// routes, slow requests, errors, and more series than it may have.
    fn full() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [nginx, other, missing] =
            ["access.log", "other.log", "missing.log"].map(|name| dir.path().join(name));
        fs::write(&nginx, busy()).unwrap();
        fs::write(&other, mixed()).unwrap();
        let source = |name, log| Source {
            name,
            pattern: "nginx-timed",
            log,
        };
        let sources = [
            source("gunicorn", &other),
            source("late", &missing),
            source("nginx", &nginx),
        ];
        // The last source is the one with routes of templates.
        let mut config = following(&sources);
        config.push_str("routes = 'shop'\n\n[routes.shop.templates]\n");
        for (at, name) in HOSTILE.iter().enumerate() {
            writeln!(config, "\"/hostile/{at}/\" = {}", json!(name)).unwrap();
        }
        for at in 0..ROUTES {
            writeln!(config, "\"/shop/{at}/<int:id>/\" = \"shop:view-{at}\"").unwrap();
        }
        let config = config.replacen(HEAD, &format!("{HEAD}\n[limits]\nseries = 900\n"), 1);
        let daemon = Daemon::waiting(dir.path(), &config);
        Self {
            name: "full",
            daemon,
            dir,
            routes: &HOSTILE,
            source: Some("nginx"),
        }
    }

    /// Waits until the course of the last hour has every line that was written.
    fn wait_until_shown(&self) {
        let url = format!("http://{}/api/v1/status", self.daemon.socket());
        let Some(source) = self.source else {
            return;
        };
        let lines = busy().lines().count() as u64;
        self.daemon.metrics_after(&[(source, lines)]);
        until(|| {
            let status: Value = serde_json::from_str(&get(&url)?).unwrap();
            let routes = status["routes"].as_array().unwrap();
            let are_whole =
                (routes.iter()).all(|route| route["requests"] == route["requests_total"]);
            let is_shown = are_whole && !routes.is_empty();
            is_shown.then_some(()).ok_or_else(|| status.to_string())
        });
    }

    /// Describes the exporter for the checks.
    fn describe(&self) -> Value {
        json!({
            "name": self.name,
            "directory": self.dir.path(),
            "url": format!("http://{}/", self.daemon.socket()),
            "routes": self.routes,
            "log": self.source.map(|_| self.dir.path().join("access.log")),
            "source": self.source,
        })
    }
}

/// Returns a log of hundreds of routes, with slow requests and errors.
fn busy() -> String {
    let mut log = String::new();
    for at in 0..HOSTILE.len() {
        for _ in 0..400 {
            log += &line(&format!("/hostile/{at}/"), 200, 12);
        }
    }
    for at in 0..ROUTES {
        for id in 0..(ROUTES - at) {
            let status = match id {
                0..4 if at % 9 == 0 => 502,
                4..9 => 404,
                _ => 200,
            };
            let slow = if at % 7 == 0 { 2_400 } else { 20 };
            log += &line(&format!("/shop/{at}/{id}/"), status, slow + at);
        }
    }
    log
}

/// Returns a log of which a part is in another format, with paths that are folded.
fn mixed() -> String {
    let mut log = String::new();
    for at in 0..60 {
        log += &line(&format!("/%3Cscript%3E/{at}/"), 200, 5);
        log += &line("/\\x22quoted\\x22/", 200, 5);
        log += "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" 200\n";
    }
    log
}

#[test]
fn the_page_is_accessible_and_shows_the_numbers_of_the_metrics() {
    let sites = [Site::empty(), Site::full()];
    sites.iter().for_each(Site::wait_until_shown);
    let sites: Value = sites.iter().map(Site::describe).collect();
    let pictures = browse("run.mjs", &sites);
    keep_pictures(&pictures, &PICTURES);
}

/// Runs a script of `tests/page/`, which must succeed, on an input, and returns the directory of its pictures.
pub fn browse(script: &str, input: &Value) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let pictures = target.join("page");
    let mut node = Command::new("node");
    node.arg(script)
        .arg(CHROMIUM)
        .arg(&pictures)
        .current_dir(project("tests/page"));
    let ended = run_within(node, input.to_string(), DEADLINE);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    eprintln!("{}", ended.out);
    pictures
}

/// Copies pictures to the documentation if `UPDATE_PICTURES` is set.
pub fn keep_pictures(pictures: &Path, names: &[&str]) {
    if std::env::var_os("UPDATE_PICTURES").is_none() {
        return;
    }
    fs::create_dir_all(project("docs/pictures")).unwrap();
    for name in names {
        let shown = project("docs/pictures").join(name);
        fs::copy(pictures.join(name), shown).unwrap();
    }
}
