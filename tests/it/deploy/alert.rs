//! Follows an alert from a slow view to Slack and a mailbox, and to its resolution; all but the receivers is real.
//!
//! Invariant: configurations and rules are the shipped ones, apart from the changes listed here.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use httplog_exporter::clock::{Clock as _, SystemClock};

use super::boards;
use super::consoles;
use super::receivers::Receiver;
use super::{RULES, tool};
use crate::prometheus::{Prometheus, free_port};
use crate::resolve::dump;
use crate::stack::Site;
use crate::support::{Daemon, HEAD, Source, get, project};

/// Longest time from the start of the slow requests to the last message.
const LIMIT: Duration = Duration::from_mins(1);
const ALERT: &str = "HttplogMeanLatencyHigh";
/// Histograms that the exporter also serves with native buckets.
const NATIVE: &str = "
[metrics]
native = [
    'httplog_request_duration_seconds', 'httplog_upstream_duration_seconds', 'httplog_response_size_bytes',
    'django_http_requests_latency_seconds_by_view_method', 'django_http_responses_body_total_bytes',
]

";
/// Number of clients that send requests without a pause.
const CLIENTS: usize = 3;

/// Paths with every kind of response: views, files, redirects, 4xx, 5xx, and requests that never reach Django.
const PATHS: [&str; 16] = [
    "/",
    "/articles/",
    "/articles/2026/",
    "/users/jane/",
    "/api/v1/users/",
    "/search/?q=a",
    "/form/",
    "/health/",
    "/redirect/",
    "/missing/",
    "/nope",
    "/boom/",
    "/unnamed/",
    "/down/",
    "/favicon.ico",
    "/limited/health/",
];

/// A real Alertmanager, killed when dropped.
struct Alertmanager(Child);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // Nothing has to be saved.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the text of a file with replacements; each replaced string must occur.
fn changed(path: &str, changes: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(project(path)).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{path} has no {from}");
        text = text.replace(from, to);
    }
    text
}

fn start_alertmanager(dir: &Path, port: u16, slack: &Receiver, mail: &Receiver) -> Alertmanager {
    let (mailbox, url) = (
        format!("\"{}\"", mail.address()),
        dir.join("slack_url").display().to_string(),
    );
    let text = changed(
        "deploy/alertmanager/alertmanager.yml",
        &[
            ("\"smtp.example.org:587\"", &mailbox),
            ("smtp_require_tls: true", "smtp_require_tls: false"),
            ("/etc/prometheus/slack_url", &url),
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_wait: 10s", "group_wait: 1s"),
            ("group_interval: 5m", "group_interval: 2s"),
            (
                "templates/*.tmpl",
                project("deploy/alertmanager/templates/*.tmpl")
                    .to_str()
                    .unwrap(),
            ),
        ],
    );
    fs::write(&url, format!("http://{}/services/slack", slack.address())).unwrap();
    let config = dir.join("alertmanager.yml");
    fs::write(&config, text).unwrap();
    tool("amtool", &["check-config", config.to_str().unwrap()]);
    let output = File::create(dir.join("alertmanager.out")).unwrap();
    let server = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.path={}",
            dir.join("alertmanager").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        // Single node: without a cluster.
        .arg("--cluster.listen-address=")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    Alertmanager(server)
}

/// Starts a Prometheus on the shipped configuration and rules, with other addresses, a scrape interval of one second and
/// the minutes of the rules turned into seconds by the shipped `rehearse.sed`.
fn start_prometheus(dir: &Path, exporter: &str, alertmanager: u16) -> Prometheus {
    let rules = dir.join("rules");
    fs::create_dir(&rules).unwrap();
    for name in RULES {
        let script = "deploy/prometheus/rehearse.sed";
        let path = format!("deploy/prometheus/rules/{name}.yml");
        let text = tool("sed", &["-E", "-f", script, &path]);
        fs::write(rules.join(format!("{name}.yml")), text).unwrap();
    }
    let port = free_port();
    let text = changed(
        "deploy/prometheus/prometheus.yml",
        &[
            ("interval: 15s", "interval: 1s"),
            ("127.0.0.1:9914", exporter),
            ("127.0.0.1:9090", &format!("127.0.0.1:{port}")),
            ("127.0.0.1:9093", &format!("127.0.0.1:{alertmanager}")),
        ],
    );
    let options = consoles::options(dir, "consoles");
    let options = options.each_ref().map(String::as_str);
    let prometheus = Prometheus::with_options(dir, port, &text, &options);
    for job in ["httplog", "prometheus", "alertmanager"] {
        prometheus.answer(&format!("up{{job=\"{job}\"}} == 1"));
    }
    prometheus
}

/// Starts a Prometheus beside that one, with the same rules, which stores native histograms.
fn start_native_prometheus(dir: &Path, exporter: &str) -> Prometheus {
    let own = dir.join("native");
    fs::create_dir(&own).unwrap();
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.yml']\n\
         scrape_configs:\n\
         - job_name: httplog\n  static_configs: [{{targets: ['{exporter}']}}]\n",
        dir.join("rules").display(),
    );
    let [templates, libraries] = consoles::options(&own, "consoles/native");
    let options = ["--enable-feature=native-histograms", &templates, &libraries];
    Prometheus::with_options(&own, free_port(), &text, &options)
}

/// Starts an exporter on the guide's two sources, joined, with a URLconf and the set `django`.
fn start_exporter(dir: &Path, site: &Site) -> Daemon {
    let urlconf = dir.join("urlconf.jsonl");
    fs::write(&urlconf, dump("shop.settings")).unwrap();
    let (access, gunicorn) = (site.log("access.log"), site.log("gunicorn.log"));
    let source = |name, pattern, log| Source { name, pattern, log }.toml();
    let config = format!(
        "{HEAD}{NATIVE}{}sets = ['httplog', 'django']\nroutes = 'shop'\n{}behind = 'nginx'\n\
         [capacity]\ngunicorn = {{ workers = 2, threads = 8 }}\n[routes.shop]\nurlconf = '{}'\n",
        source("nginx", "nginx-django", &access),
        source("gunicorn", "gunicorn-django", &gunicorn),
        urlconf.display(),
    );
    Daemon::configured(dir, &config)
}

/// Requests these paths in turn from all clients for as long as `work` takes.
fn while_requesting<T>(site: &Site, paths: &[&str], work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut paths = paths.iter().cycle();
                while !is_over.load(Ordering::Relaxed) {
                    let path = paths.next().unwrap();
                    // Some requests fail on purpose.
                    let _ = get(&format!("http://{}{path}", site.address()));
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The clients stop even after a panic.
        is_over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|fault| std::panic::resume_unwind(fault))
    })
}

#[test]
fn a_slow_view_alerts_slack_and_mail_and_is_resolved_within_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start_with(dir.path(), &[]);
    let exporter = start_exporter(dir.path(), &site);
    let (slack, mail) = (Receiver::slack(), Receiver::mail());
    let port = free_port();
    let _alertmanager = start_alertmanager(dir.path(), port, &slack, &mail);
    let prometheus = start_prometheus(dir.path(), exporter.socket(), port);
    let native = start_native_prometheus(dir.path(), exporter.socket());

    let clock = SystemClock::new();
    let firing = [
        "[FIRING:1]",
        ALERT,
        "(nginx on ",
        "What to do:",
        "https://runbooks.example.org/httplog-exporter/monitoring.md#",
    ];
    while_requesting(&site, &["/slow/"], || {
        for receiver in [&slack, &mail] {
            receiver.wait_for(&firing);
        }
        // The message leads to the board of this source.
        slack.wait_for(&[
            "[FIRING:1] HttplogMeanLatencyHigh: nginx (warning)",
            "/consoles/httplog-site.html?job=httplog",
            "source=nginx",
        ]);
    });
    let fired = clock.monotonic();
    // Without errors: an alert of errors is critical, and would inhibit this one.
    while_requesting(&site, &["/"], || {
        for receiver in [&slack, &mail] {
            receiver.wait_for(&["[RESOLVED]", ALERT, "(nginx on "]);
        }
    });
    let resolved = clock.monotonic();
    while_requesting(&site, &PATHS, || {
        boards::have_data(&prometheus);
        boards::have_native_data(&native);
        consoles::have_data(&prometheus, dir.path());
        consoles::have_data(&native, &dir.path().join("native"));
    });
    eprintln!("both receivers had the alert after {fired:?} and its resolution after {resolved:?}");
    assert!(resolved < LIMIT, "{resolved:?}");
}
