//! A site with branches that cannot be dumped, and with other routes in each language.

use std::collections::{BTreeMap, BTreeSet};

use httplog_exporter::diag::Report;
use httplog_exporter::route::Resolver;

use super::{dump, dump_with_output, python, urlconf};
use crate::support::{project, run};

const SETTINGS: &str = "shop.strange_settings";
const APPHOOKS: &str = "shop.apphook_settings";

/// Prints the view of each path on standard input in each language; a path that names one has only that.
const VIEWS: &str = r#"
import json, sys
import django
django.setup()
from django.urls import Resolver404, resolve
from django.utils import translation
for path in sys.argv[1:]:
    views = {}
    named = translation.get_language_from_path(path)
    for language in [named] if named else ["en", "de", "fr"]:
        with translation.override(language):
            try:
                views[language] = resolve(path).view_name
            except Resolver404:
                views[language] = "-"
    print(json.dumps({"path": path, "views": views}))
"#;

const PATHS: [&str; 23] = [
    "/",
    "/news/",
    "/aktuelles/",
    "/common/",
    "/broken/x/",
    "/kaputt/x/",
    "/lang-de/prices/",
    "/lang-xx/prices/",
    "/en/about/",
    "/de/about/",
    "/de/laden/7/",
    "/fr/laden/7/",
    "/fr/boutique/7/",
    "/en/boutique/7/",
    "/fr/common/",
    "/de/common/",
    "/de/aktuelles/",
    "/de/page-1/",
    "/about/",
    "/last/",
    "/nowhere/",
    "/en/news/",
    "/fr/nowhere/x/",
];

#[test]
fn a_strange_branch_is_lost_alone_and_named() {
    let dump = dump_with_output(SETTINGS);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("urlconf.jsonl"), &dump).unwrap();
    let args = ["routes", "--urlconf", "urlconf.jsonl"];
    let list = run(dir.path(), args, "").succeeded();
    for expected in [
        "the branch `own/` is not in the dump: the pattern class shop.strange_urls.OwnPattern is not derived from one of Django's",
        "the branch `^absent/` is not in the dump: ModuleNotFoundError: No module named 'shop.absent'",
        "the route `long/` is left out: a view name must have 1 to 256 bytes",
        "the branch `again/` is not in the dump: includes itself: deeper levels are left out",
        "the branch `^cassé(/` is not in the dump: ImproperlyConfigured:",
        "may match other paths: shop.strange_urls.OwnLocalePattern has its own match()",
        "the route `^digit/\\N{DIGIT ONE}/$` of view `digit` cannot be matched",
        "urlconf.jsonl: 5 branches left out, routes in use: ",
    ] {
        assert!(list.contains(expected), "no {expected:?} in {list}");
    }
    let resolved = run(dir.path(), args.iter().chain(&["/last/"]), "").succeeded();
    assert!(resolved.starts_with("/last/: last\n"), "{resolved}");
    // The same in `check`.
    let config = "[[source]]\nname = 'x'\npaths = ['x.log']\npattern = 'nginx-combined'\nroutes = 'shop'\n\
                  [routes.shop]\nurlconf = 'urlconf.jsonl'\n";
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    let checked = run(dir.path(), ["check", "--config", "config.toml"], "").succeeded();
    assert!(checked.contains("5 branches left out"), "{checked}");
    // Cut off anywhere, the dump is refused.
    let lines: Vec<&str> = dump.lines().collect();
    let cut = lines[..lines.len() / 2].join("\n");
    std::fs::write(dir.path().join("urlconf.jsonl"), cut + "\n").unwrap();
    let refused = run(dir.path(), args, "").failed(78);
    assert!(refused.contains("urlconf.jsonl is cut off"), "{refused}");
}

#[test]
fn routes_of_one_language_are_those_of_django() {
    let urlconf = urlconf(&dump(APPHOOKS));
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let output = python(APPHOOKS)
        .args(["-c", VIEWS])
        .args(PATHS)
        .current_dir(project("fixtures/site"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut views = BTreeSet::new();
    let mut seen = 0;
    for line in printed.lines().filter(|line| line.starts_with("{\"path")) {
        let answer: Answer = serde_json::from_str(line).unwrap();
        let found = resolver.resolve(answer.path.as_bytes(), &mut Vec::new());
        let view = found.map_or("-", |found| &resolver.urlconf().routes[found].view);
        let mut expected: BTreeSet<&str> = answer.views.values().map(String::as_str).collect();
        // Where a cookie or a header decides the language, the first route of any language counts.
        if expected.len() > 1 {
            expected.remove("-");
        }
        assert!(expected.contains(view), "{line}: {view}");
        views.insert(view.to_owned());
        seen += 1;
    }
    assert_eq!(
        seen,
        PATHS.len(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for view in [
        "news",
        "shop",
        "common-fr",
        "prices",
        "page",
        "broken",
        "last",
    ] {
        assert!(views.contains(view), "no path of {view}");
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    path: String,
    views: BTreeMap<String, String>,
}
