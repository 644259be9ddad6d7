//! Opens the consoles of a real Prometheus, in a browser too, on an hour and a half of a site's past.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use httplog_exporter::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::tool;
use crate::page_stack::{HOSTILE, browse, keep_pictures};
use crate::prometheus::{Prometheus, free_port};
use crate::support::{HEAD, project, run};

/// Length of the logs, in seconds: enough to compare with an hour ago.
const PAST: u64 = 100 * 60;

/// Step of the samples of a backfill, in seconds.
const STEP: u64 = 60;

/// Pictures that the documentation shows.
const PICTURES: [&str; 1] = ["console-site.png"];

/// A route of the site: its path and view, one request in how many seconds, and the usual duration in milliseconds.
const ROUTES: [(&str, &str, u64, u64); 5] = [
    ("/", "shop:home", 2, 30),
    ("/articles/", "shop:articles", 3, 80),
    ("/search/", "shop:search", 5, 200),
    ("/cart/", "shop:cart", 8, 120),
    ("/checkout/", "shop:checkout", 12, 400),
];

/// Returns Prometheus' options for consoles: the shipped ones of a kind, `consoles` or `consoles/native`.
pub fn options(dir: &Path, folder: &str) -> [String; 2] {
    // Those of native histograms link to the one of the exporter, which has none.
    let installed = dir.join("consoles");
    fs::create_dir(&installed).unwrap();
    let base = project("deploy/prometheus");
    let exporter = base.join("consoles/httplog-exporter.html");
    fs::copy(exporter, installed.join("httplog-exporter.html")).unwrap();
    for entry in fs::read_dir(base.join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, installed.join(path.file_name().unwrap())).unwrap();
        }
    }
    [
        format!("--web.console.templates={}", installed.display()),
        format!(
            "--web.console.libraries={}",
            base.join("console_libraries").display()
        ),
    ]
}

/// Asserts that the consoles that [`options`] has installed in a directory show data in every panel, and no series without a name.
pub fn have_data(prometheus: &Prometheus, dir: &Path) {
    let installed = fs::read_dir(dir.join("consoles")).unwrap();
    let names: Vec<_> = installed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let page = prometheus
            .page(&format!("/consoles/{name}?source=nginx"))
            .unwrap();
        let (shown, _) = page.split_once("<script>").unwrap();
        // A live site has no values of a day ago to compare with.
        let (shown, _) = shown
            .split_once("<h2>Top changes</h2>")
            .unwrap_or((shown, ""));
        for panel in shown.split("<div class=\"panel").skip(1) {
            assert!(!panel.contains(">no data<"), "{name}: {panel}");
            for nameless in ["<th scope=\"row\"></th>", "<small></small>", "NaN"] {
                assert!(!panel.contains(nameless), "{name}: {panel}");
            }
        }
    }
}

/// A sequence of numbers that look random.
struct Sequence(u64);

impl Sequence {
    /// Returns the next number below a bound.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// Returns a log of the site: a slow search for a quarter of an hour, and failing checkouts after that.
fn ordinary(now: u64) -> String {
    let (mut log, mut sequence) = (String::new(), Sequence(7));
    for time in now - PAST..now {
        let age = now - time;
        for (path, _, every, usual) in ROUTES {
            if sequence.below(every) > 0 {
                continue;
            }
            let slow = if path == "/search/" && (1500..2400).contains(&age) {
                4
            } else {
                1
            };
            let tail = if sequence.below(20) == 0 { 6 } else { 1 };
            let millis = usual * slow * tail * (50 + sequence.below(100)) / 100;
            let is_failing = path == "/checkout/" && (600..1200).contains(&age);
            let status = match sequence.below(100) {
                0 => 500,
                1..30 if is_failing => 503,
                1..5 => 404,
                5..9 => 302,
                _ => 200,
            };
            let method = if sequence.below(4) == 0 {
                "POST"
            } else {
                "GET"
            };
            let bytes = 200 + sequence.below(40_000);
            let retried = if sequence.below(30) == 0 {
                "0.002, "
            } else {
                ""
            };
            log += &line(time, method, path, status, bytes, retried, millis);
        }
    }
    log
}

/// Returns a log of the views with hostile names.
fn hostile(now: u64) -> String {
    let mut log = String::new();
    for time in (now - PAST..now).step_by(10) {
        for at in 0..HOSTILE.len() {
            log += &line(time, "GET", &format!("/hostile/{at}/"), 200, 512, "", 12);
        }
    }
    log
}

/// Returns a line, with the times of upstream attempts before the last one.
fn line(
    time: u64,
    method: &str,
    path: &str,
    status: u16,
    bytes: u64,
    retried: &str,
    millis: u64,
) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let took = format!("{seconds}.{rest:03}");
    format!("{time}.000 \"{method} {path} HTTP/1.1\" {status} {bytes} {took} {retried}{took}\n")
}

/// Writes two logs and makes blocks of them for Prometheus.
fn backfill(dir: &Path) {
    let now = SystemClock::new().wall().duration_since(UNIX_EPOCH);
    // The last step of samples has ended: Prometheus takes nothing that is older than its blocks.
    let now = now.unwrap().as_secs() / STEP * STEP;
    let mut config = format!("{HEAD}[metrics]\nsets = ['httplog', 'django']\n");
    for (name, log) in [("nginx", ordinary(now)), ("hostile", hostile(now))] {
        let path = dir.join(format!("{name}.log"));
        fs::write(&path, log).unwrap();
        // The label `source` of a backfill is the name of the pattern.
        writeln!(
            config,
            "[[source]]\nname = '{name}'\npaths = ['{}']\npattern = '{name}'\nroutes = 'shop'\n\
             [pattern.{name}]\n\
             nginx = '$msec \"$request\" $status $body_bytes_sent $request_time $upstream_response_time'",
            path.display()
        )
        .unwrap();
    }
    config += "[routes.shop.templates]\n";
    for (path, view, _, _) in ROUTES {
        writeln!(config, "\"{path}\" = \"{view}\"").unwrap();
    }
    for (at, name) in HOSTILE.iter().enumerate() {
        writeln!(config, "\"/hostile/{at}/\" = {}", json!(name)).unwrap();
    }
    fs::write(dir.join("config.toml"), config).unwrap();
    let args = "backfill --config config.toml --label job=httplog --label instance=web1:9914 --output past.prom nginx.log hostile.log";
    run(dir, args.split(' '), "").succeeded();
    let [past, blocks] = ["past.prom", "tsdb"].map(|name| dir.join(name).display().to_string());
    tool(
        "promtool",
        &[
            "tsdb",
            "create-blocks-from",
            "--max-block-duration=24h",
            "openmetrics",
            &past,
            &blocks,
        ],
    );
}

#[test]
fn the_consoles_draw_the_past_in_a_browser_and_escape_what_they_show() {
    let dir = tempfile::tempdir().unwrap();
    backfill(dir.path());
    let rules = project("deploy/prometheus/rules/slo.yml");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n",
        rules.display()
    );
    let options = options(dir.path(), "consoles");
    let options = options.each_ref().map(String::as_str);
    let prometheus = Prometheus::with_options(dir.path(), free_port(), &config, &options);
    // From a recording rule, over the values of the past.
    prometheus.answer("instance_source:httplog_slo_failed:ratio_rate1h");
    let consoles = json!({ "url": prometheus.url("/consoles/"), "routes": HOSTILE });
    let pictures = browse("consoles.mjs", &consoles);
    keep_pictures(&pictures, &PICTURES);
}
