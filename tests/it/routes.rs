//! Tests of `routes`, and of counting by view in `replay` and `run`.

mod folded;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::recorded;
use crate::scrape::Scrape;
use crate::support::{
    Daemon, HEAD, Source, append, program, project, rename, run, run_command, until,
};

fn routes<'a>(dir: &Path, args: &[&'a str]) -> crate::support::Ended {
    let dump = project("fixtures/urlconf/rich.jsonl");
    let head = ["routes", "--urlconf"].map(OsStr::new);
    let args = args.iter().map(|arg: &&'a str| OsStr::new(*arg));
    let args: Vec<&OsStr> = head
        .into_iter()
        .chain([dump.as_ref()])
        .chain(args)
        .collect();
    run(dir, args, "")
}

#[test]
fn a_path_is_explained_by_its_patterns_and_near_misses() {
    let dir = tempfile::tempdir().unwrap();
    let ended = routes(dir.path(), &["/articles/2026/?page=2", "/de/kontakt/"]);
    assert_snapshot!(ended.succeeded(), @r"
    /articles/2026/?page=2: articles:year
      path: /articles/2026/
      language: en
      route: /articles/<int:year>/ (number 26, trie)
      patterns: lit `articles/`, re `^(?P<year>[0-9]+)/\Z`
      year: 2026
      near miss: articles:list matches `articles/` but not lit-end ``

    /de/kontakt/: contact
      path: /de/kontakt/
      language: de
      route: /de/kontakt/ (number 88, trie)
      patterns: lit `de/`, lit-end `kontakt/`
      near miss: about matches `de/` but not lit-end `about/`
    ");
}

#[test]
fn an_unresolved_path_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let check = |args: &[&str]| {
        let ended = routes(dir.path(), args);
        assert_eq!(ended.code, Some(1));
        ended.out + &ended.err
    };
    assert_snapshot!(check(&["/articles/x"]), @r"
    /articles/x: <unnamed view>
      path: /articles/x
      language: en
      near miss: articles:list matches `articles/` but not lit-end ``
      near miss: articles:year matches `articles/` but not re `^(?P<year>[0-9]+)/\Z`
      near miss: articles:detail matches `articles/` but not re `^(?P<year>[0-9]+)/(?P<month>[0-9]+)/(?P<slug>[-a-zA-Z0-9_]+)/\Z`
    error: the path does not resolve to a view
    ");
    assert_snapshot!(check(&["/", "/nope"]), @"
    /: home
      path: /
      language: en
      route: / (number 1, trie)
      patterns: lit-end ``

    /nope: <unnamed view>
      path: /nope
      language: en
    error: 1 of 2 paths not resolved to a view
    ");
    assert_snapshot!(check(&["--strip-prefix", "/app", "/x"]), @"
    /x: <unnamed view>
      reason: `/x` is outside /app
    error: the path does not resolve to a view
    ");
}

#[test]
fn a_rewritten_path_is_explained_by_the_path_that_django_receives() {
    let dir = tempfile::tempdir().unwrap();
    let rewrites = ["--rewrite", "/shop/=/articles/", "--rewrite=/app/=/"];
    let rewritten = |paths: &[&'static str]| routes(dir.path(), &[&rewrites[..], paths].concat());
    assert_snapshot!(rewritten(&["/sh%6fp/2026/?page=2", "/app/de/kontakt/"]).succeeded(), @r"
    /sh%6fp/2026/?page=2: articles:year
      path: /shop/2026/
      rewritten: /articles/2026/ (/shop/ to /articles/)
      language: en
      route: /articles/<int:year>/ (number 26, trie)
      patterns: lit `articles/`, re `^(?P<year>[0-9]+)/\Z`
      year: 2026
      near miss: articles:list matches `articles/` but not lit-end ``

    /app/de/kontakt/: contact
      path: /app/de/kontakt/
      rewritten: /de/kontakt/ (/app/ to /)
      language: de
      route: /de/kontakt/ (number 88, trie)
      patterns: lit `de/`, lit-end `kontakt/`
      near miss: about matches `de/` but not lit-end `about/`
    ");
    let ended = rewritten(&["--strip-prefix", "/site", "/app/x"]);
    assert_eq!(ended.code, Some(1));
    assert_snapshot!(ended.out + &ended.err, @r"
    /app/x: <unnamed view>
      path: /app/x
      rewritten: /x (/app/ to /)
      reason: `/x` is outside /site
    error: the path does not resolve to a view
    ");
    let list = rewritten(&[]).succeeded();
    let expected = "in the trie\n/shop/ is rewritten to /articles/\n/app/ is rewritten to /\n";
    assert!(list.contains(expected), "{list}");
    let odd = routes(dir.path(), &["--rewrite", "/app=/"]).succeeded();
    assert!(odd.contains("`/app/x` becomes `//x`"), "{odd}");
}

#[test]
fn an_invalid_rewrite_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (rewrite, why) in [
        ("/shop/", "expected FROM=TO, as in `/shop/=/store/`"),
        ("shop/=/", "a prefix must start with `/`: `/shop/=/`"),
        ("/shop/=", "a prefix must start with `/`: `/shop/=/`"),
    ] {
        let error = routes(dir.path(), &["--rewrite", rewrite, "/"]).failed(64);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn all_routes_are_listed_with_their_engines_and_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let list = routes(dir.path(), &[]).succeeded();
    for expected in [
        "trie          articles:year ",
        "backtracking  twice ",
        "regex         open ",
        "/de/kontakt/  (de)",
        "the converter `shop.rich_urls.Hex4` of view `hex` may reject",
        "3 warnings\n",
    ] {
        assert!(list.contains(expected), "no {expected:?} in {list}");
    }
}

#[test]
fn a_dump_that_cannot_be_used_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(dir.path(), ["routes", "--urlconf", "none.jsonl", "/"], "");
    assert_snapshot!(ended.failed(66), @"
    error: cannot read none.jsonl: No such file or directory (os error 2)
     = help: generate it: python manage.py shell < dump_urlconf.py > urlconf.jsonl
    ");
    fs::write(dir.path().join("bad.jsonl"), "{}\n").unwrap();
    let ended = run(dir.path(), ["routes", "--urlconf", "bad.jsonl", "/"], "");
    assert_snapshot!(ended.failed(78), @"
    error: not the first line of a URLconf dump
     --> bad.jsonl:1:1
      |
    1 | {}
      | ^^
      = help: generate it: python manage.py shell < dump_urlconf.py > urlconf.jsonl

    1 error
    ");
}

/// Returns a log line of a request for this path.
fn request(path: &str) -> String {
    recorded::line("GET", 200).replace("/a HTTP", &format!("{path} HTTP"))
}

#[test]
fn replay_counts_by_the_views_of_a_dump() {
    let dump = project("fixtures/urlconf/rich.jsonl");
    let lines = ["/articles/2026/?page=2", "/de/kontakt/", "/wp-login.php"].map(request);
    let args = [
        "replay",
        "--pattern",
        "nginx-combined",
        "--output",
        "metrics",
    ]
    .map(OsStr::new);
    let counted = |more: &[&OsStr]| {
        let args: Vec<&OsStr> = args
            .iter()
            .chain(more)
            .copied()
            .chain([OsStr::new("-")])
            .collect();
        let page = run(&project(""), args, lines.concat()).succeeded();
        Scrape::parse(&page).by("httplog_requests_total", "route")
    };
    assert_eq!(
        counted(&[OsStr::new("--routes"), dump.as_ref()]),
        [
            ("<unnamed view>", 1.0),
            ("articles:year", 1.0),
            ("contact", 1.0)
        ]
        .map(owned)
    );
    assert_eq!(
        counted(&[OsStr::new("--no-routes")]),
        [("<other>", 3.0)].map(owned)
    );
}

#[test]
fn replay_counts_rewritten_paths_by_their_views() {
    let dir = tempfile::tempdir().unwrap();
    let dump = project("fixtures/urlconf/rich.jsonl");
    let paths = [
        "/shop/2026/",
        "/shop/",
        "/app/about/",
        "/articles/2026/",
        "/shop",
    ];
    let log = dir.path().join("access.log");
    fs::write(&log, paths.map(request).concat()).unwrap();
    let config = format!(
        "{HEAD}[[source]]\nname = 'x'\npaths = ['access.log']\npattern = 'nginx-combined'\nroutes = 'site'\n\
         [routes.site]\nurlconf = '{}'\nrewrite = {{ '/shop/' = '/articles/', '/app/' = '/' }}\n",
        dump.display()
    );
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let args = [
        "--config",
        "config.toml",
        "--output",
        "metrics",
        "access.log",
    ];
    let ended = run(dir.path(), ["replay"].iter().chain(&args), "");
    assert_eq!(
        Scrape::parse(&ended.succeeded()).by("httplog_requests_total", "route"),
        [
            ("<unnamed view>", 1.0),
            ("about", 1.0),
            ("articles:list", 1.0),
            ("articles:year", 2.0),
        ]
        .map(owned)
    );
}

#[test]
fn replay_reads_each_log_with_the_routes_of_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, path: &str| fs::write(dir.path().join(name), request(path)).unwrap();
    write("shop.log", "/cart/1/");
    write("blog.log", "/cart/1/");
    write("copy.log", "/cart/1/");
    let source = |name: &str, pattern: &str| {
        format!(
            "[[source]]\nname = '{name}'\npaths = ['{name}.log']\npattern = '{pattern}'\nroutes = '{name}'\n\
             [routes.{name}]\ntemplates = {{ '/cart/<int:x>/' = '{name}:cart' }}\n"
        )
    };
    let config = |blog| HEAD.to_owned() + &source("shop", "nginx-combined") + &source("blog", blog);
    fs::write(dir.path().join("config.toml"), config("nginx-combined")).unwrap();
    let counted = |logs: &[&str]| {
        let args = ["replay", "--config", "config.toml", "--output", "metrics"];
        let page = run(dir.path(), args.iter().chain(logs), "").succeeded();
        let scrape = Scrape::parse(&page);
        (
            scrape.by("httplog_requests_total", "route"),
            scrape.by("httplog_requests_total", "source"),
        )
    };
    let (routes, sources) = counted(&["shop.log", "blog.log"]);
    assert_eq!(routes, [("blog:cart", 1.0), ("shop:cart", 1.0)].map(owned));
    let expected = [("nginx-combined", 1.0), ("nginx-combined (blog)", 1.0)];
    assert_eq!(sources, expected.map(owned));
    // A log at another path: the sources of its format disagree.
    assert_eq!(counted(&["copy.log"]).0, [("/cart/<int>/", 1.0)].map(owned));
    fs::write(dir.path().join("config.toml"), config("nginx-main")).unwrap();
    assert_eq!(counted(&["copy.log"]).0, [("shop:cart", 1.0)].map(owned));
}

#[test]
fn the_daemon_counts_by_the_views_of_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(
        &log,
        ["/articles/2026/", "/wp-login.php"].map(request).concat(),
    )
    .unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    let dump = project("fixtures/urlconf/rich.jsonl");
    let config = |dump: &Path| {
        let sections = "routes = 'shop'\n[routes.shop]\nurlconf =";
        format!("{HEAD}{}{sections} '{}'\n", source.toml(), dump.display())
    };
    let daemon = Daemon::configured(dir.path(), &config(&dump));
    let views = || daemon.scrape().by("httplog_requests_total", "route");
    until(|| {
        let expected = [("<unnamed view>", 1.0), ("articles:year", 1.0)].map(owned);
        let found = views();
        (found == expected)
            .then_some(())
            .ok_or(format!("{found:?}"))
    });
    // A broken dump changes nothing.
    let broken = dir.path().join("broken.jsonl");
    fs::write(&broken, "{\"format\": \"something else\"}\n").unwrap();
    fs::write(dir.path().join("config.toml"), config(&broken)).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration not reloaded");
    assert_eq!(views().len(), 2);
    // A daemon does not start with it either.
    let mut command = program(["run", "--config"]);
    command.arg(dir.path().join("config.toml"));
    assert!(run_command(command, "").failed(78).contains("broken.jsonl"));
}

#[test]
fn a_replaced_dump_applies_to_later_lines() {
    let dir = tempfile::tempdir().unwrap();
    let (log, dump) = (dir.path().join("access.log"), dir.path().join("shop.jsonl"));
    fs::write(&log, request("/articles/2026/")).unwrap();
    let text = fs::read_to_string(project("fixtures/urlconf/rich.jsonl")).unwrap();
    fs::write(&dump, &text).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    let sections = "routes = 'shop'\n[routes.shop]\nurlconf = 'shop.jsonl'";
    let config = format!("{HEAD}{}{sections}\n", source.toml());
    let daemon = Daemon::configured(dir.path(), &config);
    daemon.metrics_after(&[("nginx", 1)]);
    let state = || {
        let labels = [("source", "nginx")];
        let name = "httplog_exporter_urlconf_last_reload_successful";
        daemon.scrape().value(name, &labels).unwrap().to_string()
    };
    assert_eq!(state(), "1");
    let replace = |text: &str| {
        let other = dir.path().join("other");
        fs::write(&other, text).unwrap();
        rename(&other, &dump);
    };

    replace(&text.replace("articles:year", "articles:annual"));
    daemon.wait_until_said("URLconf reloaded");
    let mut lines = append(&log);
    lines
        .write_all(request("/articles/2025/").as_bytes())
        .unwrap();
    daemon.metrics_after(&[("nginx", 2)]);
    let views = || daemon.scrape().by("httplog_requests_total", "route");
    let expected = [("articles:annual", 1.0), ("articles:year", 1.0)].map(owned);
    assert_eq!(views(), expected);

    // A broken dump changes nothing.
    replace("{}\n");
    daemon.wait_until_said("shop.jsonl:1:1");
    assert_eq!(state(), "0");
    lines
        .write_all(request("/articles/2024/").as_bytes())
        .unwrap();
    daemon.metrics_after(&[("nginx", 3)]);
    let expected = [("articles:annual", 2.0), ("articles:year", 1.0)].map(owned);
    assert_eq!(views(), expected);
}

fn owned((name, value): (&str, f64)) -> (String, f64) {
    (name.to_owned(), value)
}
