//! Tests of labels, conditions and options of a configuration on lines of every notation.

use std::fs;

use rustix::process::Signal;

use crate::support::{Daemon, Ended, program, run_command};

/// Runs the program.
fn run<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Ended {
    run_command(program(args), "")
}

/// Counts lines by a configuration; returns the samples that contain all of `parts`, without their values if these are 1.
fn counted(config: &str, lines: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (config_path, log) = (
        dir.path().join("config.toml"),
        dir.path().join("access.log"),
    );
    fs::write(&config_path, config.replace("LOG", log.to_str().unwrap())).unwrap();
    fs::write(&log, lines).unwrap();
    let ended = run([
        "replay".as_ref(),
        "--config".as_ref(),
        config_path.as_os_str(),
        "--output".as_ref(),
        "metrics".as_ref(),
        log.as_os_str(),
    ]);
    let page = ended.succeeded();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.map(str::to_owned).collect()
}

/// Returns the samples of a counter.
fn requests(samples: &[String], name: &str) -> Vec<String> {
    let begins = |sample: &&String| sample.starts_with(&format!("{name}{{"));
    samples.iter().filter(begins).cloned().collect()
}

fn source(pattern: &str) -> String {
    format!("[[source]]\nname = 's'\npaths = ['LOG']\npattern = '{pattern}'\n")
}

/// A counter by one label.
fn by(label: &str) -> String {
    format!("[[metric]]\nname = 'by_total'\nhelp = 'h'\ntype = 'counter'\nlabels = ['{label}']\n")
}

#[test]
fn any_value_of_any_notation_becomes_a_label() {
    let label = |field: &str| {
        format!(
            "[label.x]\nfield = '{field}'\nvalues = ['one', '-']\n{}",
            by("x")
        )
    };
    let check = |pattern: &str, field: &str, lines: &str| {
        let config = source("own") + pattern + &label(field);
        let expected = [
            "by_total{x=\"-\"} 1",
            "by_total{x=\"<other>\"} 1",
            "by_total{x=\"one\"} 2",
        ];
        assert_eq!(
            requests(&counted(&config, lines), "by_total"),
            expected,
            "{pattern}"
        );
    };
    let each = |line: &str| {
        ["one", "one", "two", "-"]
            .map(|value| line.replace("VALUE", value))
            .concat()
    };
    check(
        "[pattern.own]\nnginx = '\"$request\" $status $request_time $upstream_cache_status'\n",
        "upstream_cache_status",
        &each("\"GET / HTTP/1.1\" 200 0.001 VALUE\n"),
    );
    check(
        "[pattern.own]\ngunicorn = '\"%(r)s\" %(s)s %(D)s %({x-tenant}i)s'\n",
        "{X-Tenant}i",
        &each("\"GET / HTTP/1.1\" 200 17 VALUE\n"),
    );
    check(
        "[pattern.own]\napache = '\"%r\" %>s %D %{SSL_PROTOCOL}x'\n",
        "{SSL_PROTOCOL}x",
        &each("\"GET / HTTP/1.1\" 200 17 VALUE\n"),
    );
    check(
        "[pattern.own]\nregex = '^\"(?<request>[^\"]*)\" (?<status>\\d{3}) (?<duration>[0-9.]+) (?<tenant>\\S+)$'\nfields = ['tenant']\n",
        "tenant",
        &each("\"GET / HTTP/1.1\" 200 0.1 VALUE\n"),
    );
    check(
        "[pattern.own]\njson = { request = 'r', status = 's', duration = 'd' }\n",
        "http.tenant",
        &each("{\"r\":\"GET / HTTP/1.1\",\"s\":200,\"d\":0.1,\"http\":{\"tenant\":\"VALUE\"}}\n"),
    );
    check(
        "[pattern.own]\njson = { request = 'r', status = 's', duration = 'd', tenant = 'http.tenant' }\nfields = ['tenant']\n",
        "tenant",
        &each("{\"r\":\"GET / HTTP/1.1\",\"s\":200,\"d\":0.1,\"http\":{\"tenant\":\"VALUE\"}}\n"),
    );
    check(
        "[pattern.own]\nltsv = { request = 'r', status = 's', duration = 'd' }\n",
        "tenant",
        &each("r:GET / HTTP/1.1\ts:200\td:0.1\ttenant:VALUE\n"),
    );
    check(
        "[pattern.own]\nnginx = '''log_format own escape=json '{\"r\":\"$request\",\"s\":$status,\"d\":$request_time,\"cache\":\"$upstream_cache_status\"}';'''\n",
        "upstream_cache_status",
        &each("{\"r\":\"GET / HTTP/1.1\",\"s\":200,\"d\":0.1,\"cache\":\"VALUE\"}\n"),
    );
}

#[test]
fn labels_are_added_to_the_families_of_the_sets() {
    let config = source("own")
        + "labels = { env = 'prod' }\n[pattern.own]\nnginx = '$remote_addr $server_name \"$request\" $status $request_time \"$http_user_agent\"'\n\
           [label.bot]\nfield = 'user_agent'\nmap = { '~*bot|crawler' = 'bot', '*' = 'person' }\n\
           [metrics]\nlabels = ['bot', 'host']\nhosts = ['a.example']\nwhen = { client = ['!10.0.0.0/8'] }\n\
           buckets = { httplog_request_duration_seconds = [0.5] }\n";
    let lines = "192.0.2.1 a.example \"GET / HTTP/1.1\" 200 0.100 \"Firefox\"\n\
                 192.0.2.1 b.example \"GET / HTTP/1.1\" 200 0.700 \"GoogleBot\"\n\
                 10.1.2.3 a.example \"GET / HTTP/1.1\" 200 0.100 \"kube-probe\"\n\
                 unix: a.example \"GET / HTTP/1.1\" 200 0.100 \"x\"\n";
    let samples = counted(&config, lines);
    let total = |bot: &str, host: &str| {
        format!(
            "httplog_requests_total{{bot=\"{bot}\",env=\"prod\",host=\"{host}\",method=\"GET\",route=\"/\",source=\"own\",status=\"200\"}}"
        )
    };
    assert_eq!(
        requests(&samples, "httplog_requests_total"),
        [
            format!("{} 1", total("bot", "<other>")),
            format!("{} 2", total("person", "a.example"))
        ]
    );
    assert_eq!(
        requests(&samples, "httplog_request_duration_seconds_bucket").len(),
        4
    );
}

#[test]
fn a_source_has_options_of_its_own() {
    let two = "[[source]]\nname = 'a'\npaths = ['LOG']\npattern = 'nginx-timed'\ndrop = ['httplog_response_size_bytes']\nwhen = { route = ['!/healthz'], httplog_request_duration_seconds = { status = ['2xx'] } }\n";
    let line = |path: &str, status: u16| {
        format!(
            "192.0.2.1 - - [22/Nov/2026:18:47:15 +0000] \"GET {path} HTTP/1.1\" {status} 10 \"-\" \"ua\" 0.012 0.001\n"
        )
    };
    let lines = [
        line("/a", 200),
        line("/a", 200),
        line("/healthz", 200),
        line("/a", 500),
    ]
    .concat();
    let samples = counted(two, &lines);
    let all = requests(&samples, "httplog_requests_total");
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|sample| sample.contains("route=\"/a\"")));
    assert!(requests(&samples, "httplog_response_size_bytes_count").is_empty());
    let observed = requests(&samples, "httplog_request_duration_seconds_count");
    assert_eq!(
        observed,
        [
            "httplog_request_duration_seconds_count{method=\"GET\",route=\"/a\",source=\"nginx-timed\"} 2"
        ]
    );
}

#[test]
fn a_constant_label_is_that_of_its_source_alone() {
    let dir = tempfile::tempdir().unwrap();
    let source = |name: &str, more: &str| {
        format!(
            "[[source]]\nname = '{name}'\npaths = ['{name}.log']\npattern = 'nginx-combined'\nstart = 'beginning'\n{more}\n"
        )
    };
    let line =
        "192.0.2.1 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" 200 10 \"-\" \"ua\"\n";
    for name in ["a.log", "b.log"] {
        fs::write(dir.path().join(name), line).unwrap();
    }
    let web = "[web]\nlisten = ['127.0.0.1:0']\n";
    let config = web.to_owned() + &source("a", "labels = { env = 'prod' }") + &source("b", "");
    let daemon = Daemon::configured(dir.path(), &config);
    let page = daemon.metrics_after(&[("a", 1), ("b", 1)]);
    for expected in [
        "{env=\"prod\",method=\"GET\",route=\"/\",source=\"a\"",
        "{method=\"GET\",route=\"/\",source=\"b\"",
    ] {
        assert!(
            page.contains(&format!("httplog_requests_total{expected}")),
            "{page}"
        );
    }
}

#[test]
fn the_lines_behind_an_own_label_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (config, log) = (
        dir.path().join("config.toml"),
        dir.path().join("access.log"),
    );
    let text = source("own").replace("LOG", log.to_str().unwrap())
        + "[pattern.own]\nnginx = '\"$request\" $status $request_time $upstream_cache_status'\n[label.cache]\nfield = 'upstream_cache_status'\nvalues = ['HIT', 'MISS']\n[metrics]\nlabels = ['cache']\n";
    fs::write(&config, text).unwrap();
    let hit = "\"GET /a HTTP/1.1\" 200 0.001 HIT\n";
    fs::write(&log, hit.to_owned() + &hit.replace("HIT", "MISS")).unwrap();
    let lines = |args: &[&str]| {
        let mut all = vec!["lines", "--config", config.to_str().unwrap()];
        all.extend(args);
        all.push(log.to_str().unwrap());
        run(all)
    };
    assert_eq!(lines(&["--where", "cache=HIT"]).succeeded(), hit);
    assert_eq!(
        lines(&["httplog_requests_total{cache=\"HIT\"}"]).succeeded(),
        hit
    );
    assert_eq!(
        lines(&["--fields", "cache,status"]).succeeded(),
        "HIT\t200\nMISS\t200\n"
    );
    let said = lines(&["--where", "cash=HIT"]).failed(64);
    assert!(
        said.contains("no metric of these logs has the label `cash`"),
        "{said}"
    );
    let said = lines(&["--where", "cache=HITS"]).failed(64);
    assert!(said.contains("no `cache` is `HITS`"), "{said}");
}

#[test]
fn counts_go_on_unless_the_meaning_of_a_label_changes() {
    let dir = tempfile::tempdir().unwrap();
    let line = "\"GET /a HTTP/1.1\" 200 0.001 HIT\n";
    fs::write(dir.path().join("access.log"), line).unwrap();
    fs::write(dir.path().join("other.log"), "").unwrap();
    let config = |label: &str, more: &str| {
        format!(
            "[web]\nlisten = ['127.0.0.1:0']\n[state]\ndir = 'state'\n[[source]]\nname = 's'\npaths = ['access.log']\npattern = 'own'\nstart = 'beginning'\n[pattern.own]\nnginx = '\"$request\" $status $request_time $upstream_cache_status'\n{label}[metrics]\nlabels = ['cache']\n{more}"
        )
    };
    let cache = |values: &str| {
        format!("[label.cache]\nfield = 'upstream_cache_status'\nvalues = [{values}]\n")
    };
    let counted = |config: &str| {
        let daemon = Daemon::configured(dir.path(), config);
        let page = daemon.metrics_after(&[("s", 1)]);
        let said = daemon.said();
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
        let requests = page
            .lines()
            .filter(|line| line.starts_with("httplog_requests_total{"));
        (requests.map(str::to_owned).collect::<Vec<_>>(), said)
    };
    let first = config(&cache("'HIT', 'MISS'"), "");
    let (before, _) = counted(&first);
    assert_eq!(before.len(), 1, "{before:?}");
    let other =
        "[[source]]\nname = 't'\npaths = ['other.log']\npattern = 'own'\nlabels = { team = 'x' }\n";
    let (after, said) = counted(&config(&cache("'HIT', 'MISS'"), other));
    assert_eq!(after, before, "{said}");
    let (after, said) = counted(&config(&cache("'MISS'"), ""));
    assert_eq!(after, [""; 0]);
    assert!(
        said.contains("httplog_requests_total starts at 0"),
        "{said}"
    );
}
