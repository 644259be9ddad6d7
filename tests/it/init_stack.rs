//! Runs a real nginx on each configuration of `fixtures/init`: the configuration that `init` generates counts every
//! request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::init::{FIXTURES, assert_passes, dump, lay_out};
use crate::nginx::{Nginx, nginx};
use crate::prometheus::free_port;
use crate::stack::send;
use crate::support::{Daemon, run, run_command};

/// Number of times each request is sent.
const TIMES: u64 = 25;

/// A request's host and path, and the source that counts it.
type Sent = (&'static str, &'static str, Option<&'static str>);

/// Returns the requests to send to a configuration.
fn traffic(name: &str) -> &'static [Sent] {
    match name {
        "debian" => &[("x", "/", Some("nginx")), ("y", "/none?q=1", Some("nginx"))],
        "vhosts" => &[
            ("blog.example.com", "/2024/x", Some("blog.example.com")),
            ("other.example.com", "/", Some("nginx")),
            ("www.shop.example.com", "/", None),
            ("shop.example.com", "/", Some("shop")),
            ("shop.example.com", "/api/1", Some("shop-api")),
        ],
        "json" => &[
            ("app.example.com", "/a/%22b?c=d", Some("json")),
            ("app.example.com", "/nginx_status", None),
        ],
        "ltsv" => &[
            ("ltsv.example.com", "/", Some("ltsv")),
            ("ltsv.example.com", "/app/x", Some("ltsv")),
            ("ltsv.example.com", "/shop/x", Some("ltsv")),
            ("ltsv.example.com", "/former/x", Some("ltsv")),
            ("ltsv.example.com", "/v2/x", Some("ltsv")),
            ("ltsv.example.com", "/a.css", None),
        ],
        "django" => &[
            ("shop.example.com", "/articles/2024/", Some("nginx")),
            ("shop.example.com", "/static/a.css", None),
            ("shop.example.com", "/favicon.ico", None),
            ("elsewhere.example.com", "/", Some("nginx")),
        ],
        "tree" => &[
            ("main.example.com", "/", Some("nginx")),
            ("main.example.com", "/healthz/live", None),
            ("main.example.com", "/static/x", None),
            ("ab.tenants.example.com", "/", Some("tenants")),
            ("cd.tenants.example.com", "/x", Some("tenants")),
            ("cd.tenants.example.com", "/robots.txt", None),
        ],
        other => panic!("no traffic for {other}"),
    }
}

#[test]
fn the_generated_configuration_counts_every_request() {
    for name in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        lay_out(dir.path(), &moved(&dump(name), dir.path(), port));
        let drawn = run(dir.path(), ["init", "-"], dumped(dir.path()));
        assert_eq!(drawn.code, Some(0), "{name}: {drawn:?}");
        assert_passes(dir.path(), &drawn.out);

        let nginx = Nginx::start(dir.path(), port);
        let config = drawn.out.replace("127.0.0.1:9914", "127.0.0.1:0");
        let config = config.replace("/var/lib/httplog-exporter", "state");
        // A glob may match nothing before the first request.
        let daemon = Daemon::waiting(dir.path(), &config);
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for (host, path, source) in traffic(name) {
            for _ in 0..TIMES {
                send(("127.0.0.1", port), host, path);
            }
            if let Some(source) = source {
                *expected.entry(source).or_default() += TIMES;
            }
        }
        nginx.stop();
        check(name, &daemon, &expected, &config);
    }
}

/// Asserts that every source has counted the lines sent to it, and that other sources do not exist.
fn check(name: &str, daemon: &Daemon, expected: &BTreeMap<&str, u64>, config: &str) {
    let drawn: Vec<&str> = config
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    let mut sources: Vec<&str> = drawn.clone();
    sources.sort_unstable();
    assert_eq!(
        sources,
        expected.keys().copied().collect::<Vec<_>>(),
        "{name}"
    );
    let lines: Vec<(&str, u64)> = expected
        .iter()
        .map(|(source, sent)| (*source, *sent))
        .collect();
    daemon.metrics_after(&lines);
    let scrape = daemon.scrape();
    for (source, sent) in lines {
        assert_eq!(
            scrape.lines(source, None),
            sent,
            "{name}: lines of {source}"
        );
        assert_eq!(
            scrape.lines(source, Some("recorded")),
            sent,
            "{name}: {source}"
        );
        let requests: u64 = scrape.requests(source).values().sum();
        assert_eq!(requests, sent, "{name}: requests of {source}");
    }
}

/// Changes a dump so that its paths point into a directory and its servers listen on one port.
fn moved(dump: &str, dir: &Path, port: u16) -> String {
    let here = dir.display();
    for folder in [
        "log/nginx/tenants",
        "run",
        "srv/tenants",
        "srv/main",
        "srv/www",
        "srv/html",
        "srv/app/static",
    ] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let moved = dump
        .replace("include /etc/nginx/", &format!("include {here}/etc/"))
        .replace("/var/log/nginx/", &format!("{here}/log/nginx/"))
        .replace("/var/www/html", &format!("{here}/srv/www"))
        .replace("/usr/share/nginx/html", &format!("{here}/srv/html"))
        .replace("unix:/run/", &format!("unix:{here}/run/"))
        .replace("/run/nginx.pid", &format!("{here}/run/nginx.pid"))
        .replace(" /srv/", &format!(" {here}/srv/"));
    let mut text = String::new();
    for line in moved.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // Workers create logs in a directory of the user who runs the tests. nginx ignores
            // `user` unless it is started by root.
            ["user", ..] => text.push_str("user root;"),
            ["listen", _, rest @ ..] => {
                let rest = if rest.is_empty() {
                    ";"
                } else {
                    " default_server;"
                };
                write!(text, "listen 127.0.0.1:{port}{rest}").unwrap();
            }
            ["http", "{"] => {
                text.push_str(line);
                for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
                    write!(text, " {kind}_temp_path {here}/run/{kind};").unwrap();
                }
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// Returns the output of `nginx -T`, which must succeed.
fn dumped(dir: &Path) -> String {
    let mut command = nginx(dir);
    command.arg("-T");
    let ended = run_command(command, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}
