//! Measures resolving a path to its view: `cargo bench --bench route`.

#![expect(
    clippy::unwrap_used,
    reason = "a failing benchmark should stop, and macros generate its main function"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use httplog_exporter::diag::{Report, Text};
use httplog_exporter::model::Status;
use httplog_exporter::route::{Level, LevelKind, PathTemplate, Resolver, Route, Router, Urlconf};

/// Number of paths in one round.
const PATHS: usize = 1_000;

/// Routes of one application and a path for each.
const APPLICATION: [(&str, &str); 10] = [
    ("", ""),
    ("new/", "new/"),
    ("<int:pk>/", "4711/"),
    ("<int:pk>/edit/", "4711/edit/?next=/"),
    ("<int:year>/<int:month>/<slug:slug>/", "2026/11/slug-17/"),
    ("by/<str:name>/", "by/jane.doe/"),
    (
        "item/<uuid:id>/",
        "item/0e984725-c51c-4bf4-9960-e1c80e27aba0/",
    ),
    ("search/", "search/?q=slug&page=2"),
    ("files/<path:name>", "files/a/b/report.pdf"),
    ("<slug:slug>/comments/", "a-long-title-of-17/comments/"),
];

/// Builds a router of `routes` routes, and paths for it, of which a few are frequent.
fn site(routes: usize) -> (Router, Vec<String>) {
    let mut urlconf = Urlconf::default();
    let mut paths = Vec::new();
    for number in 0..routes {
        let (route, path) = APPLICATION[number % APPLICATION.len()];
        let application = number / APPLICATION.len();
        let application = if application.is_multiple_of(3) {
            format!("api/v1/app{application}")
        } else {
            format!("application-{application}")
        };
        let template = PathTemplate::parse(&format!("/{application}/{route}"), &BTreeMap::new());
        let view = format!("view-{number}");
        urlconf.routes.push(template.unwrap().route(&view).unwrap());
        paths.push(format!("/{application}/{path}"));
    }
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let named = Router::from_urlconf(Arc::new(resolver), None);
    (named, popular(&paths))
}

/// Builds a router as large as a real site's: 2,200 views, of which 500 are routes with a format suffix, 200 are below
/// levels without an anchor, and 175 below levels without a text. Returns it with paths for routes of each kind.
fn large_site() -> (Router, [(&'static str, Vec<String>); 4]) {
    let level = |kind, pattern: String| Level {
        kind,
        pattern,
        converters: Vec::new(),
    };
    let prefix = |number: usize| level(LevelKind::Prefix, format!("application-{}/", number / 25));
    let mut urlconf = Urlconf::default();
    let mut paths: [(&str, Vec<String>); 4] =
        ["suffix", "unanchored", "empty", "plain"].map(|kind| (kind, Vec::new()));
    for number in 0..2_200 {
        let (kind, chain, path) = match number % 88 {
            at if at < 20 => {
                let expression =
                    format!(r"^model{number}/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$");
                let path = format!("/api/v1/model{number}/4711.json");
                let api = level(LevelKind::Prefix, "api/v1/".into());
                let collection = format!(r"^model{number}\.(?P<format>[a-z0-9]+)/?$");
                if at < 10 {
                    (0, vec![api, level(LevelKind::Full, expression)], path)
                } else {
                    let path = format!("/api/v1/model{number}.json");
                    (0, vec![api, level(LevelKind::Full, collection)], path)
                }
            }
            20..28 => {
                let open = level(LevelKind::Search, format!("section{number}/"));
                let last = level(LevelKind::Full, "^page-(?P<page>[0-9]+)/$".into());
                (1, vec![open, last], format!("/section{number}/page-7/"))
            }
            28..35 => {
                let empty = level(LevelKind::Search, String::new());
                let last = level(
                    LevelKind::Search,
                    format!(r"^empty{number}/(?P<x>[0-9]+)/\Z"),
                );
                (2, vec![empty, last], format!("/empty{number}/17/"))
            }
            _ => {
                let last = level(
                    LevelKind::Search,
                    format!(r"^view{number}/(?P<x>[-a-zA-Z0-9_]+)/\Z"),
                );
                let path = format!(
                    "/application-{}/view{number}/a-slug-of-17/?page=2",
                    number / 25
                );
                (3, vec![prefix(number), last], path)
            }
        };
        urlconf.routes.push(Route {
            view: format!("view-{number}"),
            shown: String::new(),
            chain,
            languages: None,
        });
        paths[kind].1.push(path);
    }
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let router = Router::from_urlconf(Arc::new(resolver), None);
    (router, paths.map(|(kind, paths)| (kind, popular(&paths))))
}

/// Picks paths as traffic does: the n-th comes about 1/n as often as the first.
fn popular(paths: &[String]) -> Vec<String> {
    let mut state: u64 = 42;
    let shares: Vec<u64> = (1..=paths.len() as u64)
        .map(|rank| 1_000_000 / rank)
        .collect();
    let mut pick = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut left = (state >> 32) % shares.iter().sum::<u64>();
        let rank = shares.iter().position(|share| {
            let is_it = left < *share;
            left = left.saturating_sub(*share);
            is_it
        });
        // Ranks are spread over the applications.
        paths[rank.unwrap() * 7 % paths.len()].clone()
    };
    (0..PATHS).map(|_| pick()).collect()
}

#[inline(never)]
fn resolve_all(router: &mut Router, paths: &[String], status: Option<Status>) {
    for path in paths {
        black_box(router.route(black_box(path.as_bytes()), status));
    }
}

fn route(criterion: &mut Criterion) {
    let status = Status::from_digits(b"200");
    let mut group = criterion.benchmark_group("route");
    group.throughput(Throughput::Elements(PATHS as u64));
    for routes in [50, 200, 1_000] {
        let (mut router, paths) = site(routes);
        let id = BenchmarkId::new("urlconf", routes);
        group.bench_function(id, |bencher| {
            bencher.iter(|| resolve_all(&mut router, &paths, status));
        });
    }
    let (mut router, paths) = site(50);
    let escaped: Vec<String> = paths.iter().map(|path| path.replace('a', "%61")).collect();
    group.bench_function("escaped", |bencher| {
        bencher.iter(|| resolve_all(&mut router, &escaped, status));
    });
    let unknown: Vec<String> = paths.iter().map(|path| format!("/x{path}")).collect();
    group.bench_function("unresolved", |bencher| {
        bencher.iter(|| resolve_all(&mut router, &unknown, status));
    });
    // Fifteen of its routes are not in the trie; the paths measured do not need them.
    let text = Arc::new(Text {
        name: "rich.jsonl".into(),
        content: include_str!("../fixtures/urlconf/rich.jsonl").into(),
    });
    let mut report = Report::default();
    let urlconf = Urlconf::read(&text, &mut report).unwrap();
    let resolver = Resolver::new(urlconf, None, &mut report);
    let mut rich = Router::from_urlconf(Arc::new(resolver), None);
    let paths = [
        "/",
        "/articles/2026/11/slug-17/",
        "/api/v1/users/4711/?page=2",
        "/admin/auth/user/7/change/",
        "/de/kontakt/",
    ];
    let repeated = paths.repeat(PATHS / paths.len());
    let paths: Vec<String> = repeated.into_iter().map(str::to_owned).collect();
    group.bench_function("rich", |bencher| {
        bencher.iter(|| resolve_all(&mut rich, &paths, status));
    });
    let (mut large, paths_of_large) = large_site();
    for (kind, paths) in paths_of_large {
        let id = BenchmarkId::new("large", kind);
        group.bench_function(id, |bencher| {
            bencher.iter(|| resolve_all(&mut large, &paths, status));
        });
    }
    let unknown: Vec<String> = (0..PATHS)
        .map(|number| format!("/wp-content/uploads/{number}.php"))
        .collect();
    group.bench_function("large/unresolved", |bencher| {
        bencher.iter(|| resolve_all(&mut large, &unknown, status));
    });
    let mut folding = Router::new(500);
    group.bench_function("folding", |bencher| {
        bencher.iter(|| resolve_all(&mut folding, &paths, status));
    });
    group.finish();
}

criterion_group!(routes, route);
criterion_main!(routes);
