//! Tests of troubles that are planted in a running daemon: each is on the first screen of the page with its remedy, and in the JSON.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use httplog_exporter::status::{Severity, Status, Trouble};
use rustix::process::Signal;

use crate::recorded::line;
use crate::support::{Daemon, HEAD, Source, append, project, until};

/// Returns a configuration with one log of the pattern `nginx-combined`, which has a line, and these sections.
pub fn config(dir: &Path, more: &str) -> String {
    let log = dir.join("access.log");
    append(&log).write_all(line("GET", 200).as_bytes()).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    format!("{HEAD}{}{more}", source.toml())
}

fn status(daemon: &Daemon) -> Status {
    serde_json::from_str(&daemon.get("/api/v1/status").unwrap()).unwrap()
}

/// Returns a text as HTML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Waits until a daemon reports a trouble, and checks that the page has it before everything else.
fn find(daemon: &Daemon, code: &str, severity: Severity) -> Trouble {
    let trouble = until(|| {
        let status = status(daemon);
        let mut all = status.troubles.iter();
        let found = all.find(|trouble| trouble.code == code).cloned();
        found.ok_or_else(|| format!("no {code} in {:?}", status.troubles))
    });
    assert_eq!(trouble.severity, severity);
    until(|| {
        let page = daemon.get("/").unwrap();
        let (first, _) = page.split_once("<section id=\"sources\"").unwrap();
        let texts = [
            Some(&trouble.summary),
            Some(&trouble.remedy),
            trouble.command.as_ref(),
        ];
        let missing = texts
            .into_iter()
            .flatten()
            .find(|text| !first.contains(&escaped(text)));
        match missing {
            Some(text) => Err(format!("no {text:?} in {first}")),
            None => Ok(()),
        }
    });
    trouble
}

#[test]
fn a_log_that_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("loop.log");
    symlink(&log, &log).unwrap();
    let source = Source {
        name: "broken",
        pattern: "nginx-combined",
        log: &log,
    };
    let config = config(dir.path(), &source.toml());
    let daemon = Daemon::waiting(dir.path(), &config);
    let trouble = find(&daemon, "input_failing", Severity::Error);
    assert_eq!(trouble.source.as_deref(), Some("broken"));
    assert!(trouble.detail.unwrap().contains("symbolic links"));
    // It is gone once the log can be read.
    fs::remove_file(&log).unwrap();
    append(&log);
    until(|| {
        let troubles = status(&daemon).troubles;
        let is_gone = troubles
            .iter()
            .all(|trouble| trouble.code != "input_failing");
        is_gone.then_some(()).ok_or(format!("{troubles:?}"))
    });
}

#[test]
fn a_log_that_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("missing.log");
    let source = Source {
        name: "late",
        pattern: "nginx-combined",
        log: &log,
    };
    let config = config(dir.path(), &source.toml());
    let daemon = Daemon::waiting(dir.path(), &config);
    let trouble = find(&daemon, "input_waiting", Severity::Warning);
    assert!(trouble.detail.unwrap().contains("missing.log"));
    assert!(
        trouble
            .command
            .unwrap()
            .starts_with("httplog-exporter check --config ")
    );
}

#[test]
fn a_pattern_that_is_not_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "").replace("nginx-combined", "nginx-django");
    let daemon = Daemon::configured(dir.path(), &config);
    let trouble = find(&daemon, "most_lines_rejected", Severity::Error);
    let command = trouble.command.unwrap();
    assert!(command.starts_with("tail -n 1 ") && command.ends_with("--pattern nginx-django -"));
}

#[test]
fn a_few_rejected_lines() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "");
    let daemon = Daemon::configured(dir.path(), &config);
    let mut log = append(&dir.path().join("access.log"));
    log.write_all((line("GET", 200).repeat(8) + "junk\n").as_bytes())
        .unwrap();
    let trouble = find(&daemon, "lines_rejected", Severity::Warning);
    // The command prints the line that was rejected.
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    let command = trouble
        .command
        .unwrap()
        .replacen("httplog-exporter", program, 1);
    let ended = std::process::Command::new("sh")
        .args(["-c", &command])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout),
        "junk\n",
        "{command}: {ended:?}"
    );
}

#[test]
fn a_full_series_budget() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "\n[limits]\nseries = 100\n");
    let daemon = Daemon::configured(dir.path(), &config);
    let mut log = append(&dir.path().join("access.log"));
    let lines: String = (200..320).map(|status| line("GET", status)).collect();
    log.write_all(lines.as_bytes()).unwrap();
    let trouble = find(&daemon, "series_full", Severity::Error);
    assert!(trouble.remedy.contains("limits.series"));
}

#[test]
fn a_state_directory_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state"), "a file").unwrap();
    let config = config(dir.path(), "").replace(
        "durability = \"none\"",
        "dir = \"state\"\ndurability = \"process\"",
    );
    let daemon = Daemon::configured(dir.path(), &config);
    let trouble = find(&daemon, "state_not_durable", Severity::Error);
    assert!(trouble.remedy.contains("state.dir"));
}

#[test]
fn counts_that_end_with_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), ""));
    find(&daemon, "state_not_kept", Severity::Notice);
}

#[test]
fn a_server_behind_that_writes_no_lines() {
    let dir = tempfile::tempdir().unwrap();
    let front = dir.path().join("front.log");
    let [front, back] = [
        ("front", "nginx-django", &front),
        ("back", "gunicorn-django", &dir.path().join("back.log")),
    ]
    .map(|(name, pattern, log)| {
        append(log);
        Source { name, pattern, log }.toml()
    });
    let config =
        format!("{HEAD}\n[limits]\npending_seconds = 1\n{front}{back}behind = \"front\"\n");
    let daemon = Daemon::configured(dir.path(), &config);
    let passed = "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"ua\" \
        rt=0.5 urt=\"0.5\" uct=\"0.0\" uht=\"0.5\" us=\"200\" host=\"h\" scheme=https cl=- rid=5d41402abc4b2a76b9719d911017c592 view=\"-\"\n";
    append(&dir.path().join("front.log"))
        .write_all(passed.as_bytes())
        .unwrap();
    let trouble = find(&daemon, "peer_silent", Severity::Warning);
    assert_eq!(trouble.source.as_deref(), Some("front"));
}

#[test]
fn a_reload_that_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path(), "");
    let daemon = Daemon::configured(dir.path(), &good);
    fs::write(
        dir.path().join("config.toml"),
        good.clone() + "\n[metric]\n",
    )
    .unwrap();
    daemon.signal(Signal::HUP);
    let trouble = find(&daemon, "reload_refused", Severity::Error);
    assert!(trouble.detail.unwrap().contains("1 error in "));
    fs::write(dir.path().join("config.toml"), good).unwrap();
    daemon.signal(Signal::HUP);
    until(|| {
        let troubles = status(&daemon).troubles;
        let is_gone = troubles
            .iter()
            .all(|trouble| trouble.code != "reload_refused");
        is_gone.then_some(()).ok_or(format!("{troubles:?}"))
    });
}

#[test]
fn a_web_configuration_that_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web.yml");
    fs::write(&web, "rate_limit:\n  interval: 1ms\n  burst: 100000\n").unwrap();
    let config = config(dir.path(), "").replace("[web]\n", "[web]\nconfig_file = \"web.yml\"\n");
    let daemon = Daemon::configured(dir.path(), &config);
    fs::write(&web, "no_such_key: 1\n").unwrap();
    find(&daemon, "web_config_refused", Severity::Error);
}

#[test]
fn a_urlconf_that_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("urlconf.jsonl");
    fs::copy(project("fixtures/urlconf/rich.jsonl"), &dump).unwrap();
    let config = config(
        dir.path(),
        "routes = \"shop\"\n\n[routes.shop]\nurlconf = \"urlconf.jsonl\"\n",
    );
    let daemon = Daemon::configured(dir.path(), &config);
    fs::write(&dump, "junk").unwrap();
    let trouble = find(&daemon, "urlconf_refused", Severity::Warning);
    assert_eq!(trouble.source.as_deref(), Some("nginx"));
}

#[test]
fn lines_that_may_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), ""));
    daemon.metrics_after(&[("nginx", 1)]);
    let log = File::options()
        .write(true)
        .open(dir.path().join("access.log"));
    log.unwrap().set_len(0).unwrap();
    let trouble = find(&daemon, "lines_lost", Severity::Error);
    assert!(trouble.command.unwrap().starts_with("journalctl "));
}

#[test]
fn a_configuration_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "").replace("[web]\n", "[web]\nopen_health = true\n");
    let daemon = Daemon::configured(dir.path(), &config);
    let trouble = find(&daemon, "configuration_warning", Severity::Notice);
    let detail = trouble.detail.unwrap();
    assert!(
        detail.contains("config.toml:2:") && detail.contains("open_health"),
        "{detail}"
    );
}
