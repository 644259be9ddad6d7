//! Exemplars, from a log to the page of a running daemon.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use httplog_exporter::clock::{Clock as _, SystemClock};
use rustix::process::Signal;

use crate::support::{Daemon, append, get, program, until};

/// A format with everything that identifies people, and both kinds of id.
pub const FORMAT: &str = r#"$remote_addr - $remote_user [$msec] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time tp="$http_traceparent" rid="$http_x_request_id""#;

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
const DURATION: &str = "httplog_request_duration_seconds_bucket";

/// Returns the time since 1970.
fn now() -> Duration {
    let wall = SystemClock::new().wall();
    wall.duration_since(UNIX_EPOCH).unwrap()
}

/// Returns the trace id of a number.
pub fn trace(number: u64) -> String {
    format!("{:032x}", u128::from(number) + (1 << 100))
}

/// Returns a line that was written so many milliseconds ago.
fn line(ago: u128, route: &str, seconds: &str, trace: &str, request: &str) -> String {
    let time = now().as_millis() - ago;
    format!(
        "192.0.2.77 - jane.roe [{}.{:03}] \"GET /{route}/?token=s3cr3tQuery HTTP/1.1\" 200 512 \"https://ref.example/jane\" \"CanaryAgent/1\" rt={seconds} tp=\"{trace}\" rid=\"{request}\"\n",
        time / 1_000,
        time % 1_000,
    )
}

/// Returns the configuration of a daemon that follows `access.log`.
fn config(dir: &Path, state: &str, metrics: &str) -> String {
    config_of(&dir.join("access.log"), state, metrics)
}

/// Returns the configuration of a daemon that follows a log.
pub fn config_of(log: &Path, state: &str, metrics: &str) -> String {
    format!(
        "[web]\nlisten = ['127.0.0.1:0']\n[state]\n{state}\n[metrics]\n{metrics}\n[[source]]\nname = 'web'\npaths = ['{}']\npattern = 'traced'\nstart = 'beginning'\n[pattern.traced]\nnginx = '{FORMAT}'\n",
        log.display()
    )
}

fn page(daemon: &Daemon, path: &str, accept: &str) -> String {
    let url = format!("http://{}{path}", daemon.socket());
    let mut answer = ureq::get(url).header("Accept", accept).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}

/// Returns the exemplars of the page by their sample, each as `labels value`, and checks their times.
fn exemplars(daemon: &Daemon) -> BTreeMap<String, String> {
    let page = page(daemon, "/metrics", OPENMETRICS);
    let mut found = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        if let Some((sample, exemplar)) = line.split_once(" # ") {
            let (exemplar, time) = exemplar.rsplit_once(' ').unwrap();
            let time: f64 = time.parse().unwrap();
            let age = now().as_secs_f64() - time;
            assert!((-1.0..61.0).contains(&age), "{line}");
            let (labels, _) = sample.rsplit_once(' ').unwrap();
            found.insert(labels.to_owned(), exemplar.to_owned());
        }
    }
    found
}

/// Waits until the bucket of a route has an exemplar, and returns it.
fn exemplar_of(daemon: &Daemon, route: &str, bound: &str, expected: &str) {
    let key = format!(r#"{DURATION}{{method="GET",route="{route}",source="web",le="{bound}"}}"#);
    until(|| match exemplars(daemon).remove(&key) {
        Some(found) if found == expected => Ok(()),
        found => Err(format!("{found:?} instead of {expected} at {key}")),
    });
}

#[test]
fn a_bucket_leads_to_its_latest_request_whatever_is_kept_on_disk() {
    for state in [
        "durability = 'none'",
        "dir = 'state'\ndurability = 'process'",
        "dir = 'state'\ndurability = 'power'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = append(&dir.path().join("access.log"));
        let config = config(dir.path(), state, "exemplars = 'trace_id'");
        let daemon = Daemon::configured(dir.path(), &config);
        assert_eq!(exemplars(&daemon), BTreeMap::new());
        let parent = format!("00-{}-00f067aa0ba902b7-01", trace(1));
        let lines = [
            line(500, "a", "0.300", &parent, "-"),
            // Of an hour ago: it is counted, and too old to be shown.
            line(3_600_000, "b", "0.300", &trace(2), "-"),
            line(400, "c", "0.300", "-", "-"),
            line(300, "d", "99.000", &trace(3), "-"),
        ];
        log.write_all(lines.concat().as_bytes()).unwrap();
        let both = format!(
            r#"{{span_id="00f067aa0ba902b7",trace_id="{}"}} 0.3"#,
            trace(1)
        );
        exemplar_of(&daemon, "/a/", "0.5", &both);
        exemplar_of(
            &daemon,
            "/d/",
            "+Inf",
            &format!(r#"{{trace_id="{}"}} 99"#, trace(3)),
        );
        let shown = exemplars(&daemon);
        assert!(
            !shown
                .keys()
                .any(|key| key.contains("/b/") || key.contains("/c/"))
        );
        // The size of the response is a histogram too, of all routes.
        assert!(
            shown
                .keys()
                .any(|key| key.starts_with("httplog_response_size_bytes_bucket"))
        );

        daemon.signal(Signal::HUP);
        daemon.wait_until_said("configuration reloaded");
        exemplar_of(&daemon, "/a/", "0.5", &both);
        // A later request takes the place, an earlier one does not.
        let lines = [
            line(100, "a", "0.400", &trace(4), "-"),
            line(200, "a", "0.450", &trace(5), "-"),
        ];
        log.write_all(lines.concat().as_bytes()).unwrap();
        exemplar_of(
            &daemon,
            "/a/",
            "0.5",
            &format!(r#"{{trace_id="{}"}} 0.4"#, trace(4)),
        );
        let text = page(&daemon, "/metrics", "text/plain;version=0.0.4");
        assert!(text.contains(DURATION) && !text.contains("trace_id"));
    }
}

#[test]
fn exemplars_are_off_by_default() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    let config = config(dir.path(), "durability = 'none'", "");
    let daemon = Daemon::configured(dir.path(), &config);
    log.write_all(line(0, "a", "0.300", &trace(1), "r").as_bytes())
        .unwrap();
    daemon.metrics_after(&[("web", 1)]);
    assert_eq!(exemplars(&daemon), BTreeMap::new());
    let page = page(&daemon, "/metrics", OPENMETRICS);
    assert!(!page.contains(" # ") && !page.contains("_id"));
}

#[test]
fn nothing_but_the_id_that_is_allowed_leaves_the_log() {
    const PERSONAL: [&str; 8] = [
        "192.0.2.77",
        "jane",
        "s3cr3tQuery",
        "ref.example",
        "CanaryAgent",
        "jane@example.org",
        "notan",
        "0123456789abcdefg",
    ];
    for (key, allowed, refused) in [
        ("trace_id", trace(1), "rid-1"),
        ("request_id", "rid-1".to_owned(), &*trace(1)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = append(&dir.path().join("access.log"));
        let metrics = format!("exemplars = '{key}'\nsets = ['httplog', 'django', 'nginxlog']");
        let path = dir.path().join("config.toml");
        fs::write(&path, config(dir.path(), "dir = 'state'", &metrics)).unwrap();
        let mut command = program(["--log-level", "trace", "run", "--config"]);
        command.arg(&path);
        let daemon = Daemon::start(dir.path(), command);
        let lines = [
            line(90, "a", "0.3", &trace(1), "rid-1"),
            // Values that a client made up.
            line(80, "a", "0.03", "0123456789abcdefg", "jane@example.org"),
            line(70, "a", "0.003", "jane@example.org", "notan id"),
            line(
                60,
                "a",
                "3.0",
                "00-notan-00f067aa0ba902b7-01",
                "notan\\x22id",
            ),
            line(50, "a", "9.0", "", &"notan".repeat(20)),
        ];
        log.write_all(lines.concat().as_bytes()).unwrap();
        daemon.metrics_after(&[("web", 5)]);
        let mut outputs = vec![daemon.said()];
        for accept in [OPENMETRICS, "text/plain", "*/*"] {
            outputs.push(page(&daemon, "/metrics", accept));
        }
        assert!(outputs[1].contains(&format!("{{{key}=\"{allowed}\"}} 0.3 ")));
        let others = outputs[1].matches("_id=\"").count();
        let shown = outputs[1].matches(&format!("{key}=\"{allowed}\"")).count();
        assert_eq!(others, shown, "{}", outputs[1]);
        outputs.push(get(&format!("http://{}/", daemon.socket())).unwrap());
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
        for file in fs::read_dir(dir.path().join("state")).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains(&allowed), "ids are not kept");
            outputs.push(text);
        }
        outputs.push(fs::read_to_string(dir.path().join("exporter.log")).unwrap());
        assert!(outputs.len() > 6);
        for output in outputs {
            for canary in PERSONAL.iter().chain([&refused]) {
                assert!(!output.contains(canary), "{canary} in {output}");
            }
        }
    }
}
