//! Tests of two logs of the same requests, joined by request id.
//!
//! Invariant: every line of both logs has one outcome, whichever log is read first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use httplog_exporter::config::Limits;
use rustix::process::Signal;

use crate::scrape::Scrape;
use crate::support::{Daemon, Ended, HEAD, Source, append, program, run, until};

/// An id that no page and no log may show.
const CANARY: &str = "canary1d5b0f2c6e7a8d9f0a1b2c3d4e";

const QUEUE: &str = "httplog_queue_duration_seconds";

/// Returns a line of the pattern `nginx-django`.
fn nginx(id: &str, status: u16, times: &str) -> String {
    format!(
        "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" {status} 1204 \"-\" \"ua\" \
         rt=0.500 urt=\"{times}\" uct=\"{times}\" uht=\"{times}\" us=\"{status}\" host=\"h\" \
         scheme=https cl=- rid={id} view=\"-\"\n"
    )
}

/// Returns a line of the pattern `gunicorn-django`.
fn gunicorn(id: &str, seconds: &str) -> String {
    format!(
        " - - [22/Nov/2026:12:47:15 -0600] \"GET / HTTP/1.1\" 200 1204 \"-\" \"ua\" rt={seconds} \
         pid=<8051> host=\"h\" scheme=https cl=- rid={id} view=\"-\"\n"
    )
}

/// Returns the non-zero counts of linked lines, by `source reason` or `source outcome`.
pub fn counted(scrape: &Scrape) -> BTreeMap<String, f64> {
    let names = [
        "httplog_unreached_requests_total",
        "httplog_exporter_join_lines_total",
        "httplog_exporter_join_pending_lines",
    ];
    let samples = scrape
        .all()
        .filter(|sample| names.contains(&&*sample.name) && sample.value > 0.0);
    samples
        .map(|sample| {
            let label = |name| sample.labels.get(name).map_or("", String::as_str);
            let name = [label("reason"), label("outcome")].concat();
            let name = if name.is_empty() { "pending" } else { &name };
            (format!("{} {name}", label("source")), sample.value)
        })
        .collect()
}

fn check(scrape: &Scrape, expected: &[(&str, u32)]) {
    let expected: BTreeMap<String, f64> = expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), f64::from(*count)))
        .collect();
    assert_eq!(counted(scrape), expected);
}

/// Returns the number of observations in the queue of a source, and their sum in seconds.
fn queue(scrape: &Scrape, source: &str) -> (f64, f64) {
    let value = |end| {
        let labels = [("source", source)];
        scrape.value(&format!("{QUEUE}_{end}"), &labels).unwrap()
    };
    (value("count"), value("sum"))
}

/// Returns a configuration that joins two logs of a folder.
fn config(dir: &Path, limits: &str) -> String {
    let (front, back) = (dir.join("access.log"), dir.join("gunicorn.log"));
    let source = |name, pattern, log| Source { name, pattern, log }.toml();
    format!(
        "{HEAD}\n[limits]\n{limits}\n{}{}behind = 'web'\n",
        source("web", "nginx-django", &front),
        source("app", "gunicorn-django", &back),
    )
}

fn replay(dir: &Path, args: &[&str]) -> Ended {
    let args = [&["replay", "--config", "config.toml"], args].concat();
    run(dir, args, "")
}

#[test]
fn a_replay_joins_in_any_order_of_logs() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("config.toml", config(dir.path(), ""));
    let front = [
        nginx("a", 200, "0.300"),
        nginx("b", 200, "0.010, 0.120"),
        nginx("c", 502, "0.001"),
        nginx("d", 200, "-"),
        nginx("e", 304, "-"),
    ];
    write("access.log", front.concat());
    let back = [
        gunicorn("b", "0.100000"),
        gunicorn("a", "0.050000"),
        gunicorn("-", "0.001000"),
        gunicorn("z", "0.001000"),
    ];
    write("gunicorn.log", back.concat());
    for logs in [
        ["access.log", "gunicorn.log"],
        ["gunicorn.log", "access.log"],
    ] {
        let page = replay(dir.path(), &["--output", "metrics", logs[0], logs[1]]).succeeded();
        let scrape = Scrape::parse(&page);
        assert_eq!(queue(&scrape, "gunicorn-django"), (2.0, 0.27), "{page}");
        check(
            &scrape,
            &[("nginx-django bad_gateway", 1), ("nginx-django static", 2)],
        );
        let json = replay(dir.path(), &["--output", "json", logs[0], logs[1]]).succeeded();
        assert!(json.contains("httplog_exporter_join_lines_total"), "{json}");
        let table = replay(dir.path(), &[logs[0], logs[1]]).succeeded();
        let expected = "\ngunicorn-django: 2 requests joined, queued 135 ms on average, p95 \
                    ≤ 500 ms\n  nginx-django, unreached, bad_gateway: 1\n  nginx-django, \
                    unreached, static: 2\n";
        assert!(table.ends_with(expected), "{table}");
    }
    // One log alone is not joined.
    let page = replay(dir.path(), &["--output", "metrics", "access.log"]).succeeded();
    assert!(!page.contains("unreached"), "{page}");
}

#[test]
fn check_shows_which_source_is_behind_another() {
    let dir = tempfile::tempdir().unwrap();
    let check = |config: &str| {
        fs::write(dir.path().join("config.toml"), config).unwrap();
        run(dir.path(), ["check", "--config", "config.toml"], "")
    };
    for name in ["access.log", "gunicorn.log"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let good = config(dir.path(), "");
    let said = check(&good).succeeded();
    assert!(said.contains(" as gunicorn-django, behind web\n"), "{said}");
    let front = Source {
        name: "edge",
        pattern: "nginx-django",
        log: &dir.path().join("edge.log"),
    };
    let both = good.replace("behind = 'web'", "behind = ['web', 'edge']") + &front.toml();
    fs::write(dir.path().join("edge.log"), "").unwrap();
    let said = check(&both).succeeded();
    assert!(said.contains(", behind web, edge\n"), "{said}");
    let said = check(&good.replace("behind = 'web'", "behind = 'wep'")).failed(78);
    assert!(said.contains("did you mean `web`?"), "{said}");
}

#[test]
fn a_replay_recognises_a_log_with_a_custom_pattern_by_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let patterns = "[pattern.front]\nnginx = '$request_id $status $upstream_response_time'\n\
                    [pattern.back]\ngunicorn = '%({x-request-id}i)s %(L)s'\n";
    let sources = config(dir.path(), "")
        .replace("nginx-django", "front")
        .replace("gunicorn-django", "back");
    write("config.toml", &(sources + patterns));
    write("access.log", "a 200 0.300\n");
    write("gunicorn.log", "a 0.100000\n");
    let logs = ["--output", "metrics", "access.log", "gunicorn.log"];
    let page = replay(dir.path(), &logs).succeeded();
    assert_eq!(queue(&Scrape::parse(&page), "back"), (1.0, 0.2));
}

#[test]
fn a_replay_warns_of_lines_without_room() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "config.toml",
        &config(dir.path(), "pending_requests = 1000"),
    );
    let (mut front, mut back) = (String::new(), String::new());
    for id in 0..1_500 {
        write!(front, "{}", nginx(&format!("{id:x}"), 200, "0.300")).unwrap();
        write!(back, "{}", gunicorn(&format!("{id:x}"), "0.100000")).unwrap();
    }
    write("access.log", &front);
    write("gunicorn.log", &back);
    let ended = replay(dir.path(), &["-o", "metrics", "access.log", "gunicorn.log"]);
    let scrape = Scrape::parse(&ended.out);
    // The first lines of the other log evict entries that later lines would have been joined with.
    let (joined, _) = queue(&scrape, "gunicorn-django");
    assert!(joined < 1_500.0);
    let expected = "lines given up before the other line of the request was read: raise \
                limits.pending_requests";
    assert!(ended.err.contains(expected), "{}", ended.err);
}

#[test]
fn a_replay_keeps_more_waiting_lines_than_a_daemon() {
    const REQUESTS: usize = Limits::PENDING_REQUESTS + 1_000;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("config.toml", config(dir.path(), ""));
    let all = |line: &dyn Fn(&str) -> String| -> String {
        (0..REQUESTS).map(|id| line(&format!("{id:x}"))).collect()
    };
    write("access.log", all(&|id| nginx(id, 200, "0.300")));
    write("gunicorn.log", all(&|id| gunicorn(id, "0.100000")));
    let logs = ["-o", "metrics", "access.log", "gunicorn.log"];
    let page = replay(dir.path(), &logs).succeeded();
    let (joined, _) = queue(&Scrape::parse(&page), "gunicorn-django");
    assert_eq!(joined.to_string(), REQUESTS.to_string());
}

#[test]
fn a_reload_keeps_waiting_lines_and_the_wait_ends() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["access.log", "gunicorn.log"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let write = |name: &str, lines: &[String]| {
        let mut log = append(&dir.path().join(name));
        log.write_all(lines.concat().as_bytes()).unwrap();
    };
    let path = dir.path().join("config.toml");
    fs::write(&path, config(dir.path(), "pending_seconds = 3600")).unwrap();
    let mut command = program(["--log-level", "trace", "run", "--config"]);
    command.arg(&path);
    let daemon = Daemon::start(dir.path(), command);
    let front = [
        nginx(CANARY, 200, "0.300"),
        nginx("b", 504, "0.100"),
        nginx("c", 499, "0.100"),
        nginx("d", 404, "-"),
    ];
    write("access.log", &front);
    let reached = |expected: &[(&str, u32)]| {
        until(|| {
            let found = counted(&daemon.scrape());
            let all = expected
                .iter()
                .all(|(name, count)| found.get(*name) == Some(&f64::from(*count)));
            let enough = found.len() == expected.len() && all;
            enough.then_some(()).ok_or(format!("{found:?}"))
        });
    };
    reached(&[("web pending", 3), ("web local", 1), ("web unreached", 1)]);

    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded");
    write(
        "gunicorn.log",
        &[gunicorn(CANARY, "0.100000"), gunicorn("y", "0.1")],
    );
    reached(&[
        ("web pending", 2),
        ("web local", 1),
        ("web unreached", 1),
        ("web joined", 1),
        ("app joined", 1),
        ("app pending", 1),
    ]);
    assert_eq!(queue(&daemon.scrape(), "app"), (1.0, 0.2));

    fs::write(&path, config(dir.path(), "pending_seconds = 1")).unwrap();
    daemon.signal(Signal::HUP);
    reached(&[
        ("web local", 1),
        ("web timeout", 1),
        ("web client_closed", 1),
        ("web unreached", 3),
        ("web joined", 1),
        ("app joined", 1),
        ("app unfronted", 1),
    ]);
    for page in ["/", "/metrics"] {
        let url = format!("http://{}{page}", daemon.socket());
        assert!(!crate::support::get(&url).unwrap().contains("canary"));
    }
    assert!(!daemon.said().contains("canary"));
}

#[test]
fn one_server_behind_two_virtual_hosts_is_joined_with_both_over_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let log = |name: &str| dir.path().join(name);
    fs::write(
        log("shop.log"),
        nginx("a", 200, "0.300") + &nginx("b", 404, "-"),
    )
    .unwrap();
    fs::write(
        log("blog.log"),
        nginx("c", 200, "0.200") + &nginx("d", 502, "-"),
    )
    .unwrap();
    fs::write(log("gunicorn.log"), gunicorn("a", "0.100000")).unwrap();
    let source = |name, pattern, log: &str| {
        let log = &dir.path().join(log);
        Source { name, pattern, log }.toml()
    };
    let config = format!(
        "{}\n{}{}{}behind = ['shop', 'blog']\n",
        HEAD.replace("durability = \"none\"", "dir = 'state'"),
        source("shop", "nginx-django", "shop.log"),
        source("blog", "nginx-django", "blog.log"),
        source("app", "gunicorn-django", "gunicorn.log"),
    );
    let reached = |daemon: &Daemon, expected: &[(&str, u32)]| {
        until(|| {
            let found = counted(&daemon.scrape());
            let expected = expected.iter();
            let expected: BTreeMap<String, f64> = expected
                .map(|(name, count)| ((*name).to_owned(), f64::from(*count)))
                .collect();
            (found == expected)
                .then_some(())
                .ok_or(format!("{found:?}"))
        });
    };
    let before = [
        ("app joined", 1),
        ("blog bad_gateway", 1),
        ("blog pending", 1),
        ("blog unreached", 1),
        ("shop joined", 1),
        ("shop local", 1),
        ("shop unreached", 1),
    ];
    let daemon = Daemon::configured(dir.path(), &config);
    reached(&daemon, &before);
    let page = daemon.metrics();
    for front in ["shop", "blog"] {
        let info = format!("httplog_exporter_source_info{{behind=\"{front}\",source=\"app\"}} 1\n");
        assert!(page.contains(&info), "{page}");
    }
    drop(daemon); // SIGKILL
    let show = run(dir.path(), ["state", "show", "state"], "").succeeded();
    assert!(
        show.contains("blog, shop before app: 2 requests may be joined"),
        "{show}"
    );
    let daemon = Daemon::configured(dir.path(), &config);
    reached(&daemon, &before);
    let mut back = append(&log("gunicorn.log"));
    back.write_all(gunicorn("c", "0.150000").as_bytes())
        .unwrap();
    let mut after = before.map(|(name, count)| match name {
        "app joined" => (name, 2),
        "blog pending" => ("blog joined", 1),
        _ => (name, count),
    });
    after.sort_unstable();
    reached(&daemon, &after);
    assert_eq!(queue(&daemon.scrape(), "app"), (2.0, 0.25));
}

#[test]
fn a_source_that_is_unlinked_has_no_queue() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), nginx("a", 200, "0.300")).unwrap();
    fs::write(dir.path().join("gunicorn.log"), gunicorn("a", "0.100000")).unwrap();
    let joined = config(dir.path(), "");
    let daemon = Daemon::configured(dir.path(), &joined);
    daemon.metrics_after(&[("web", 1), ("app", 1)]);
    until(|| match queue(&daemon.scrape(), "app") {
        (1.0, _) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let alone = joined.replace("behind = 'web'\n", "");
    fs::write(dir.path().join("config.toml"), alone).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded");
    let page = daemon.metrics_after(&[("web", 1), ("app", 1)]);
    assert!(
        !page.contains(QUEUE) && !page.contains("join_lines"),
        "{page}"
    );
}
