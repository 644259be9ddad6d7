//! Compares the exporter with the django-prometheus of a real site behind real servers.
//!
//! Invariant: every difference has a cause, and the differences that each site is made for occur.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::resolve::dump;
use crate::stack::{Site, send};
use crate::support::{Daemon, HEAD, Source, get, run, until};

/// A site, the exporter that follows its log, and the pages of both before the traffic.
struct Bench {
    dir: tempfile::TempDir,
    site: Site,
    daemon: Daemon,
}

impl Bench {
    fn start(settings: &str, more: &str, start: impl FnOnce(&Path) -> Site) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let urlconf = dir.path().join("urlconf.jsonl");
        fs::write(&urlconf, dump(settings)).unwrap();
        let site = start(dir.path());
        let source = Source {
            name: "nginx",
            pattern: "nginx-django",
            log: &site.log("access.log"),
        };
        let config = format!(
            "{HEAD}\n{}sets = ['httplog', 'django']\nroutes = 'shop'\n[routes.shop]\nurlconf = '{}'\n{more}",
            source.toml(),
            urlconf.display()
        );
        let daemon = Daemon::configured(dir.path(), &config);
        let bench = Self { dir, site, daemon };
        bench.save("before");
        bench
    }

    fn theirs(&self) -> String {
        let response = send(self.site.address(), "localhost", "/metrics");
        let response = String::from_utf8(response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body.to_owned()
    }

    fn ours(&self) -> String {
        get(&format!("http://{}/metrics", self.daemon.socket())).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Saves the pages of both sides.
    fn save(&self, name: &str) {
        fs::write(self.path(&format!("theirs-{name}")), self.theirs()).unwrap();
        let page = self.complete_page();
        fs::write(self.path(&format!("ours-{name}")), page).unwrap();
    }

    /// Returns the page of the exporter when it has every line of the log.
    fn complete_page(&self) -> String {
        until(|| {
            let lines = fs::read(self.site.log("access.log")).unwrap();
            let lines = memchr::memchr_iter(b'\n', &lines).count();
            let page = self.ours();
            let wanted = format!(
                "httplog_exporter_lines_total{{outcome=\"recorded\",source=\"nginx\"}} {lines}\n"
            );
            if lines > 0 && page.contains(&wanted) {
                Ok(page)
            } else {
                Err(page)
            }
        })
    }

    /// Compares over the interval since the pages were saved; shows the tables, and returns the result. `django` is a file or an
    /// address.
    fn compare(&self, django: &str) -> Value {
        self.complete_page();
        let ours = format!("http://{}", self.daemon.socket());
        let before = [
            "--django-before",
            "theirs-before",
            "--ours-before",
            "ours-before",
        ];
        let args = ["compare", "--django", django, "--ours", &ours];
        let args = [&args[..], &before].concat();
        let tables = run(self.dir.path(), args.clone(), "");
        eprintln!("{}{}", tables.out, tables.err);
        let json = run(self.dir.path(), [&args[..], &["--json"]].concat(), "");
        let result: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(
            result["unexplained"],
            0,
            "{}",
            run(self.dir.path(), [&args[..], &["--series"]].concat(), "").out
        );
        assert_eq!((json.code, tables.code), (Some(0), Some(0)));
        result
    }

    /// Returns the address of the site's metrics.
    fn address(&self) -> String {
        format!("http://{}/metrics", self.site.address())
    }
}

fn classes(result: &Value) -> Vec<&str> {
    let classes = result["classes"].as_array().unwrap();
    classes
        .iter()
        .map(|class| class["name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_difference_from_a_site_of_one_process_is_explained() {
    const SETTINGS: &str = "shop.compared_settings";
    let bench = Bench::start(SETTINGS, "", |dir| Site::start_with(dir, &[SETTINGS]));
    bench.site.compare(600, 11).finish();
    let result = bench.compare(&bench.address());
    let found = classes(&result);
    for class in [
        "unreached",
        "middleware",
        "before_view",
        "rewritten",
        "raised",
        "method",
        "streamed",
        "clock",
        "bytes",
    ] {
        assert!(found.contains(&class), "{class} in {found:?}");
    }
    assert!(
        !found.contains(&"workers") && !found.contains(&"view"),
        "{found:?}"
    );
}

#[test]
fn every_difference_from_eight_workers_without_a_common_directory_is_explained() {
    const SETTINGS: &str = "shop.compared_settings";
    let bench = Bench::start(SETTINGS, "", |dir| {
        Site::start_with_workers(dir, SETTINGS, 8)
    });
    bench.site.drive_with(300, 12).finish();
    // Each of them is that of another worker.
    for number in 0..8 {
        let page = format!("theirs-{number}");
        fs::write(bench.path(&page), bench.theirs()).unwrap();
        let result = bench.compare(&page);
        let found = classes(&result);
        assert!(
            found.contains(&"workers") || found.contains(&"reset"),
            "{found:?}"
        );
    }
}

#[test]
fn workers_with_a_common_directory_have_no_difference_without_a_cause() {
    let bench = Bench::start("shop.settings", "", Site::start);
    bench.site.drive_with(300, 13).finish();
    let result = bench.compare(&bench.address());
    let found = classes(&result);
    assert!(
        !found.contains(&"workers") && !found.contains(&"reset"),
        "{found:?}"
    );
}
