//! Runs a real nginx that rewrites paths in front of a real Django site.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::resolve::dump;
use crate::scrape::Scrape;
use crate::stack::{Site, send};
use crate::support::{HEAD, run};

const SETTINGS: &str = "shop.compared_settings";
const UNNAMED: &str = "<unnamed view>";

/// Locations of `fixtures/stack/nginx.conf` that rewrite paths, and `/`.
const LOCATIONS: [&str; 7] = [
    "/stripped/",
    "/moved/",
    "/moved/archive/",
    "/moved/kept/",
    "/former/",
    "/once/",
    "/",
];
const RESTS: [&str; 14] = [
    "",
    "2026/",
    "2026/?page=2",
    "2019/page-3/",
    "a/edit/",
    "%61/b/edit/",
    "news/feed/",
    "articles/2026/",
    "caf%C3%A9/",
    "100%25/",
    "de/kontakt/",
    "admin/auth/user/3/change/",
    "users/jos%C3%A9/",
    "nothing",
];

/// Counts how often Django resolved each view.
fn resolved(truth: &str) -> BTreeMap<String, f64> {
    let mut views = BTreeMap::new();
    let seen = truth
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    for request in seen.filter(|request| request.get("begins").is_none()) {
        let view = request["view"].as_str().unwrap_or(UNNAMED);
        *views.entry(view.to_owned()).or_default() += 1.0;
    }
    views
}

/// Returns the rewrites that `init` generated for the source of `combined.log`.
fn generated_rewrites(draft: &str) -> String {
    let (_, section) = draft.split_once("# [routes.combined.rewrite]\n").unwrap();
    let pairs = section.lines().map_while(|line| line.strip_prefix("# \""));
    pairs.flat_map(|pair| ["\"", pair, "\n"]).collect()
}

#[test]
fn rewritten_paths_are_counted_for_the_views_that_django_resolved() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("urlconf.jsonl"), dump(SETTINGS)).unwrap();
    let site = Site::start_with(dir.path(), &[SETTINGS]);
    for location in LOCATIONS {
        for rest in RESTS {
            let target = format!("{location}{rest}");
            let answer = send(site.address(), "localhost", &target);
            assert!(answer.starts_with(b"HTTP/1.1 "), "{target}");
        }
    }
    let log = site.log("combined.log");
    site.stop();

    let draft = run(dir.path(), ["init", "--nginx-config", "nginx.conf"], "");
    assert_eq!(draft.code, Some(0), "{draft:?}");
    let pairs = generated_rewrites(&draft.out);
    let counted = |pairs: &str| {
        let config = format!(
            "{HEAD}[[source]]\nname = 'x'\npaths = ['{}']\npattern = 'nginx-combined'\nroutes = 'site'\n\
             [routes.site]\nurlconf = 'urlconf.jsonl'\n[routes.site.rewrite]\n{pairs}",
            log.display()
        );
        fs::write(dir.path().join("config.toml"), config).unwrap();
        let args = ["replay", "--config", "config.toml", "--output", "metrics"];
        let args = args.iter().copied().chain(log.to_str());
        let page = run(dir.path(), args, "").succeeded();
        let views = Scrape::parse(&page).by("httplog_requests_total", "route");
        views.into_iter().collect::<BTreeMap<_, _>>()
    };
    let truth = fs::read_to_string(dir.path().join("truth.jsonl")).unwrap();
    let requests = LOCATIONS.len() * RESTS.len();
    assert_eq!(truth.lines().count(), 2 * requests, "two lines a request");
    let expected = resolved(&truth);
    assert_eq!(counted(&pairs), expected, "{pairs}");
    assert!(
        expected.len() > 10 && expected[UNNAMED] < 70.0,
        "{expected:?}"
    );
    // Without the rewrites, far fewer paths resolve to a view.
    assert!(counted("")[UNNAMED] > expected[UNNAMED] + 10.0);
}
