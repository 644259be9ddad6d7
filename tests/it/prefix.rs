//! Tests of sites under a prefix (`FORCE_SCRIPT_NAME`, `SCRIPT_NAME`), whose logs have it or not.

use std::fs;
use std::path::Path;

use crate::support::run;

/// The dump of a site with `FORCE_SCRIPT_NAME = "/app"` and two views.
const DUMP: &str = r#"{"format": "httplog-exporter urlconf", "version": 2, "script_name": "/app", "languages": ["en"], "otherwise": "en"}
{"chain": [["lit-end", "login/", {}]], "view": "login", "route": "login/"}
{"chain": [["lit-end", "", {}]], "view": "home", "route": ""}
{"end": 2}
"#;

/// Writes the log of gunicorn for these paths, a dump, and a configuration.
fn set_up(dir: &Path, paths: &[&str], strip_prefix: &str) {
    let line = |path: &&str| {
        format!(
            "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET {path} HTTP/1.1\" 200 10 \"-\" \"ua\"\n"
        )
    };
    fs::write(
        dir.join("access.log"),
        paths.iter().map(line).collect::<String>(),
    )
    .unwrap();
    fs::write(dir.join("urlconf.jsonl"), DUMP).unwrap();
    let config = format!(
        "[[source]]\nname = 'site'\npaths = ['access.log']\npattern = 'gunicorn'\nroutes = 'shop'\n\
         [routes.shop]\nurlconf = 'urlconf.jsonl'\n{strip_prefix}"
    );
    fs::write(dir.join("config.toml"), config).unwrap();
}

/// Returns what `check`, `replay` and `explain` say.
fn said(dir: &Path) -> [String; 3] {
    let check = run(dir, ["check", "--config", "config.toml"], "");
    let replay = run(dir, ["replay", "--config", "config.toml", "access.log"], "");
    let log = fs::read(dir.join("access.log")).unwrap();
    let explain = run(
        dir,
        [
            "explain",
            "--config",
            "config.toml",
            "--pattern",
            "gunicorn",
            "-",
        ],
        log,
    );
    [check.out, replay.err, explain.out]
}

const WITHOUT: [&str; 6] = [
    "/login/",
    "/login/?next=/",
    "/",
    "/login/",
    "/",
    "/favicon.ico",
];
const WITH: [&str; 6] = [
    "/app/login/",
    "/app/",
    "/app/login/?x",
    "/app/",
    "/app/login/",
    "/robots.txt",
];

#[test]
fn a_log_without_the_script_name_is_recognised_and_the_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), &WITHOUT, "");
    for said in said(dir.path()) {
        assert!(said.contains("logged without the prefix `/app`"), "{said}");
        assert!(
            said.contains("  = help: routes.shop.strip_prefix = \"\""),
            "{said}"
        );
    }
    set_up(dir.path(), &WITHOUT, "strip_prefix = ''");
    for said in said(dir.path()) {
        assert!(!said.contains("prefix"), "{said}");
    }
}

#[test]
fn a_log_with_a_prefix_that_is_not_stripped_is_recognised_and_the_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path(), &WITH, "");
    for said in said(dir.path()) {
        assert!(!said.contains("prefix"), "{said}");
    }
    for wrong in ["strip_prefix = ''", "strip_prefix = '/shop'"] {
        set_up(dir.path(), &WITH, wrong);
        for said in said(dir.path()) {
            assert!(said.contains("logged with the prefix `/app`"), "{said}");
            assert!(
                said.contains("  = help: routes.shop.strip_prefix = \"/app\""),
                "{said}"
            );
        }
    }
}

#[test]
fn init_writes_the_prefix_of_gunicorns_environment() {
    let dir = tempfile::tempdir().unwrap();
    let init = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        run(dir.path(), ["init", "--gunicorn-config", name], "").out
    };
    let unit = "[Service]\nEnvironment=SCRIPT_NAME=/app\nExecStart=/usr/bin/gunicorn --access-logfile /a.log shop.wsgi\n";
    let said = init("gunicorn.service", unit);
    assert!(said.contains("SCRIPT_NAME is /app"), "{said}");
    assert!(said.contains("# strip_prefix = \"/app\""), "{said}");
    let conf = "accesslog = '/a.log'\nraw_env = ['A=b', 'SCRIPT_NAME=/app']\n\
        access_log_format = '%(h)s %(l)s %(u)s %(t)s \"%(m)s %(U)s\" %(s)s'\n";
    let said = init("gunicorn.conf.py", conf);
    assert!(said.contains("# strip_prefix = \"\""), "{said}");
}
