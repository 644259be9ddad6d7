//! The resolver agrees with its slow reference on arbitrary routes and paths.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diag::Text;
use crate::route::urlconf::{Languages, Level, LevelKind};

fn level(kind: LevelKind, pattern: &str) -> Level {
    let converters = if pattern.contains("<n>") {
        vec![("n".to_owned(), "int".to_owned())]
    } else {
        Vec::new()
    };
    Level {
        kind,
        pattern: pattern.to_owned(),
        converters,
    }
}

fn route(chain: Vec<Level>, languages: Option<Vec<u16>>) -> Route {
    Route {
        view: "v".into(),
        shown: chain.iter().map(|level| level.pattern.as_str()).collect(),
        chain,
        languages,
    }
}

fn resolver(routes: Vec<Route>) -> Resolver {
    let urlconf = Urlconf {
        routes,
        languages: Languages {
            codes: vec!["en".into(), "de".into()],
            otherwise: Some("en".into()),
            fallbacks: Vec::new(),
        },
        int_digits: Some(6),
        ..Urlconf::default()
    };
    Resolver::new(urlconf, None, &mut Report::default())
}

/// Compiles the chains of all routes.
fn chains(urlconf: &Urlconf) -> Vec<Chain> {
    let routes = urlconf.routes.iter();
    let chains = routes.map(|route| Chain::compile(route, urlconf.int_digits));
    chains.collect::<Result<_, _>>().unwrap()
}

/// Resolves a path by trying every route in order.
fn reference(urlconf: &Urlconf, chains: &[Chain], path: &[u8]) -> Option<usize> {
    let left = &path[1..];
    let mut routes = urlconf.routes.iter().zip(chains);
    routes.position(|(route, chain)| {
        let language = urlconf.languages.detect(left);
        let is_language = match (&route.languages, language) {
            (Some(known), Some(language)) => known.contains(&language),
            _ => true,
        };
        is_language && chain.matches(left)
    })
}

/// Levels of includes.
const INCLUDES: [(LevelKind, &str); 29] = [
    (LevelKind::Search, ""),
    (LevelKind::Search, "ab?/"),
    (LevelKind::Search, "^a/?"),
    (LevelKind::Prefix, ""),
    (LevelKind::Prefix, "a/"),
    (LevelKind::Prefix, "a"),
    (LevelKind::Prefix, "a/b/"),
    (LevelKind::Prefix, "en/"),
    (LevelKind::Prefix, "de/"),
    (LevelKind::Search, "^(?P<n>[0-9]+)/"),
    (LevelKind::Search, "^(?P<n>[0-9]+)"),
    (LevelKind::Search, "^(?P<x>[^/]+)/"),
    (LevelKind::Search, "^(?P<x>[-a-z0-9_]+)-"),
    (LevelKind::Search, "^(?P<x>[a-z]+)-"),
    (LevelKind::Search, "^(?P<p>.+)/"),
    (LevelKind::Search, "^(?:a|b)/"),
    (LevelKind::Search, "^(?:a|ab)"),
    (LevelKind::Search, "^a(b)?/"),
    (LevelKind::Search, "b/"),
    (LevelKind::Search, r"^\w+/"),
    (LevelKind::Search, "^a+?"),
    (LevelKind::Search, "^(?!a)[a-z]+/"),
    (LevelKind::Search, "^"),
    // Around sixteen bytes, the length of two words; and literals that parameters match too.
    (LevelKind::Prefix, "abcdefg-fifteen/"),
    (LevelKind::Prefix, "abcdefgh-sixteen/"),
    (LevelKind::Prefix, "abcdefgh-sixteens/"),
    (LevelKind::Prefix, "abcdefg-é-sixte/"),
    (LevelKind::Prefix, "12/"),
    (LevelKind::Prefix, "/"),
];

/// Last levels.
const ENDPOINTS: [(LevelKind, &str); 50] = [
    (LevelKind::Full, r"^a\.(?P<format>[a-z0-9]+)/?$"),
    (
        LevelKind::Full,
        r"^a/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$",
    ),
    (LevelKind::Search, r"^a(?P<format>\.[a-z0-9]+/?)\Z"),
    (LevelKind::Full, r"^(?P<p>.+)/?$"),
    (LevelKind::Full, r"a-12/$"),
    (
        LevelKind::Full,
        r"^(?P<x>[\w.-]{1,200})\.(?P<y>\w{1,200})/?$",
    ),
    (
        LevelKind::Search,
        r"(?P<x>\w{1,150}-)(?P<n>[0-9]{1,9})(\w{0,150})",
    ),
    (LevelKind::Exact, ""),
    (LevelKind::Exact, "a/"),
    (LevelKind::Exact, "a"),
    (LevelKind::Exact, "b/a/"),
    (LevelKind::Exact, "é/"),
    (LevelKind::Search, r"^(?P<n>[0-9]+)/\Z"),
    (LevelKind::Search, r"^(?P<n>[0-9]+)\Z"),
    (LevelKind::Search, r"^(?P<x>[^/]+)/\Z"),
    (LevelKind::Search, r"^(?P<x>[^/]+)\Z"),
    (LevelKind::Search, r"^(?P<x>[-a-zA-Z0-9_]+)/(?P<n>[0-9]+)\Z"),
    (LevelKind::Search, r"^(?P<x>[-a-z]+)-(?P<n>[0-9]+)/\Z"),
    (LevelKind::Search, r"^a-(?P<n>[0-9]+)\.b/\Z"),
    (LevelKind::Search, r"^(?P<p>.+)\Z"),
    (LevelKind::Search, r"^(?P<p>.+)/a/\Z"),
    (LevelKind::Search, r"^b/(?P<p>.+)/\Z"),
    (LevelKind::Search, r"^(?P<p>.+)/(?P<q>.+)/\Z"),
    (LevelKind::Full, "^(?P<n>[0-9]{2})/$"),
    (LevelKind::Full, "^(?P<n>[0-9]{1,3})(?:/p-(?P<p>\\d+))?/$"),
    (LevelKind::Full, "(?P<u>.*)$"),
    (LevelKind::Full, r"^(\w+)/(\d+)$"),
    (LevelKind::Full, "^a/?$"),
    (LevelKind::Full, "^(?:a|b|ab)/$"),
    (LevelKind::Full, "^(?i)ab/$"),
    (LevelKind::Full, r"^(?P<x>[a-z]+)(?P=x)/$"),
    (LevelKind::Full, r"^(?P<x>\S+?)/$"),
    (LevelKind::Full, "a|b$"),
    (LevelKind::Search, "b/"),
    (LevelKind::Search, "^a"),
    (LevelKind::Search, "^a(b)?/"),
    (LevelKind::Search, "^(?P<n>[0-9]+)"),
    (LevelKind::Search, "^"),
    (LevelKind::Search, r"\Z"),
    (LevelKind::Search, r"^a\Zb?"),
    (LevelKind::Search, r"^[é-ü]+/\Z"),
    (LevelKind::Exact, "abcdefg-fifteen/"),
    (LevelKind::Exact, "abcdefgh-sixteen/"),
    (LevelKind::Exact, "abcdefgh-sixteen"),
    (LevelKind::Exact, "abcdefgh-sixteens"),
    (LevelKind::Exact, "abcdefgh-sixteén"),
    (LevelKind::Exact, "abcdefgh"),
    (LevelKind::Exact, "12/"),
    (LevelKind::Exact, "a//b"),
    (
        LevelKind::Exact,
        "a-long-title-of-a-page-that-someone-wrote-without-any-need-for-it-at/",
    ),
];

const PIECES: [&str; 41] = [
    "a",
    "b",
    "ab",
    "a/",
    "b/",
    "/",
    "//",
    "é",
    "é/",
    "12",
    "7/",
    "1234567/",
    "٣",
    "-",
    "a-12.b/",
    "A",
    "p-",
    "\n",
    "en/",
    "de/",
    "a/b/",
    "x_y/",
    ".",
    "\u{301}",
    "a-long-title-of-a-page-that-someone-wrote-without-any-need/",
    "ab-cd-efgh-ijkl/",
    "abcdefg-fifteen/",
    "abcdefgh-sixteen",
    "abcdefgh-sixteen/",
    "abcdefgh-sixteens",
    "abcdefgh-sixteens/",
    "abcdefgh-sixteén",
    "abcdefg-é-sixte/",
    "abcdefgh-sixteem/",
    "abcdefgh/",
    "abcdefgh",
    "12/",
    "a//b",
    "a-long-title-of-a-page-that-someone-wrote-without-any-need-for-it-at/",
    "a-title-of-thirty-one-bytes-or-/",
    "\u{ff}\u{7f}",
];

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let include = prop::sample::select(&INCLUDES[..]);
    let chain = (
        prop::collection::vec(include, 0..3),
        prop::sample::select(&ENDPOINTS[..]),
    );
    let languages =
        prop_oneof![6 => Just(None), 1 => Just(Some(vec![0])), 1 => Just(Some(vec![1]))];
    let one = (chain, languages).prop_map(|((before, last), languages)| {
        let levels = before.into_iter().chain([last]);
        let chain = levels.map(|(kind, pattern)| level(kind, pattern)).collect();
        route(chain, languages)
    });
    prop::collection::vec(one, 1..12)
}

fn paths() -> impl Strategy<Value = Vec<String>> {
    let path = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6);
    prop::collection::vec(
        path.prop_map(|pieces| format!("/{}", pieces.concat())),
        1..12,
    )
}

/// Levels of deep routes: words of about sixteen bytes, and parameters that match them too.
const DEEP: [(LevelKind, &str); 12] = [
    (LevelKind::Prefix, "abcdefg-fifteen/"),
    (LevelKind::Prefix, "abcdefgh-sixteen/"),
    (LevelKind::Prefix, "abcdefgh-sixteens/"),
    (LevelKind::Prefix, "abcdefg-é-sixte/"),
    (LevelKind::Prefix, "a-title-of-thirty-one-bytes-or-/"),
    (LevelKind::Prefix, "12345678/"),
    (LevelKind::Prefix, "1234567/"),
    (LevelKind::Prefix, "/"),
    (LevelKind::Search, "^(?P<x>[^/]+)/"),
    (LevelKind::Search, "^(?P<y>[-a-zA-Z0-9_]+)/"),
    (LevelKind::Search, "^(?P<n>[0-9]+)/"),
    (LevelKind::Search, r"^\w+/"),
];

/// Generates routes of many levels and paths for them, some changed slightly.
fn deep() -> impl Strategy<Value = (Vec<Route>, Vec<String>)> {
    let levels = prop::collection::vec(prop::sample::select(&DEEP[..]), 2..8);
    let one = (levels, prop::sample::select(&ENDPOINTS[..]));
    prop::collection::vec(one, 1..10).prop_flat_map(|chains| {
        let all = prop::collection::vec(prop::sample::select(&PIECES[..]), 8);
        let change = prop::sample::select(&["", "", "", "x", "/", "//", "-", "é"][..]);
        let path = (0..chains.len(), all, change, any::<prop::sample::Index>());
        let routes = chains.iter().map(|(before, last)| {
            let all = before.iter().chain([last]);
            route(all.map(|(kind, text)| level(*kind, text)).collect(), None)
        });
        let routes: Vec<_> = routes.collect();
        let paths = path.prop_map(move |(at, pieces, change, place)| {
            let mut path = String::from("/");
            let (before, last) = &chains[at];
            for ((kind, text), piece) in before.iter().chain([last]).zip(pieces) {
                let is_text = matches!(kind, LevelKind::Prefix | LevelKind::Exact);
                let text = if is_text { *text } else { piece };
                path.push_str(text);
                // A parameter's level ends with a slash.
                if !is_text && !text.ends_with('/') {
                    path.push('/');
                }
            }
            let places: Vec<_> = path.char_indices().map(|(at, _)| at).skip(1).collect();
            if !change.is_empty() && !places.is_empty() {
                path.insert_str(*place.get(&places), change);
            }
            path
        });
        (Just(routes), prop::collection::vec(paths, 1..12))
    })
}

/// Makes the chain of a route as large sites have them: levels without a text, without an anchor, and format suffixes.
fn large_chain((empty, open, kind, number): (usize, bool, usize, usize)) -> Vec<Level> {
    let empty = [
        None,
        Some((LevelKind::Prefix, "")),
        Some((LevelKind::Search, "")),
        Some((LevelKind::Search, "^")),
    ][empty];
    let mut chain: Vec<Level> = empty
        .map(|(kind, text)| level(kind, text))
        .into_iter()
        .collect();
    if open {
        chain.push(level(LevelKind::Search, &format!("u{}/", number % 3)));
    }
    let (kind, text) = match kind {
        0 => (
            LevelKind::Full,
            format!(r"^r{number}\.(?P<format>[a-z0-9]+)/?$"),
        ),
        1 => (
            LevelKind::Full,
            format!(r"^r{number}/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$"),
        ),
        2 => (
            LevelKind::Search,
            format!(r"^r{number}(?P<format>\.[a-z0-9]+/?)\Z"),
        ),
        3 => (LevelKind::Full, format!("w{number}/$")),
        4 => (LevelKind::Exact, format!("e{number}/")),
        5 => (LevelKind::Full, format!(r"\w+-{number}/$")),
        6 => (LevelKind::Full, format!(r"^r{number}-(?P<x>\w+)/$")),
        _ => (
            LevelKind::Full,
            r"^(?P<p>[a-z]+)\.(?P<format>[a-z0-9]+)$".to_owned(),
        ),
    };
    chain.push(level(kind, &text));
    chain
}

/// Generates more routes than a node or a search needs for its index, and paths for them.
fn large() -> impl Strategy<Value = (Vec<Route>, Vec<String>)> {
    let chain = (
        0..4_usize,
        prop::bool::weighted(0.3),
        0..8_usize,
        0..8_usize,
    )
        .prop_map(large_chain);
    let language = prop_oneof![9 => Just(None), 1 => Just(Some(vec![1]))];
    let one = (chain, language).prop_map(|(chain, language)| route(chain, language));
    let piece = prop_oneof![
        (
            prop::sample::select(&["u", "r", "w", "e", "-"][..]),
            0..8_usize
        )
            .prop_map(|(name, number)| format!("{name}{number}")),
        prop::sample::select(&["/", "/", ".json", ".", "x", "de/", "é", "a", "7"][..])
            .prop_map(str::to_owned),
    ];
    let path = prop::collection::vec(piece, 0..7);
    let paths = prop::collection::vec(
        path.prop_map(|pieces| format!("/{}", pieces.concat())),
        1..40,
    );
    (prop::collection::vec(one, 1..90), paths)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn routes_of_large_sites_resolve_like_the_reference((routes, paths) in large()) {
        let resolver = resolver(routes);
        let chains = chains(resolver.urlconf());
        let mut scratch = Vec::new();
        for path in paths {
            let expected = reference(resolver.urlconf(), &chains, path.as_bytes());
            prop_assert_eq!(resolver.resolve(path.as_bytes(), &mut scratch), expected, "{:?}", path);
        }
    }
}

#[test]
fn a_path_that_selects_many_slow_routes_resolves_like_the_reference() {
    let unanchored = |number: usize| {
        vec![
            level(LevelKind::Search, "a/"),
            level(LevelKind::Exact, &format!("b{number}/")),
        ]
    };
    let same = (0..100).map(|_| vec![level(LevelKind::Full, r"\w-same/$")]);
    let chains = (0..100).map(unanchored).chain(same);
    let resolver = resolver(chains.map(|chain| route(chain, None)).collect());
    let mut scratch = Vec::new();
    let all: Vec<String> = (0..100).map(|number| format!("b{number}/")).collect();
    let all = all.concat();
    for (path, expected) in [
        ("/x/a/b7/", Some(7)),
        ("/a/b99/", Some(99)),
        ("/x-same/", Some(100)),
        (&*format!("/{all}a/b98/"), Some(98)),
        (&*format!("/{all}"), None),
    ] {
        assert_eq!(
            resolver.resolve(path.as_bytes(), &mut scratch),
            expected,
            "{path}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn deep_routes_of_long_words_resolve_like_the_reference((routes, paths) in deep(), escapes: u64) {
        let resolver = resolver(routes);
        let chains = chains(resolver.urlconf());
        let mut scratch = Vec::new();
        for path in paths {
            let expected = reference(resolver.urlconf(), &chains, path.as_bytes());
            prop_assert_eq!(resolver.resolve(path.as_bytes(), &mut scratch), expected, "{:?}", path);
            let mut target = String::from("/");
            for (place, byte) in path.bytes().enumerate().skip(1) {
                let is_escaped = escapes.rotate_right(u32::try_from(place).unwrap()) & 1 == 1;
                if is_escaped || !byte.is_ascii() {
                    write!(target, "%{byte:02x}").unwrap();
                } else {
                    target.push(char::from(byte));
                }
            }
            for (before, after) in [("", ""), ("", "?a=/b#%41"), ("http://a.test:80", "#/é")] {
                let target = format!("{before}{target}{after}");
                let found = resolver.resolve(target.as_bytes(), &mut scratch);
                prop_assert_eq!(found, expected, "{:?}", target);
                let target = format!("{before}{path}{after}");
                let found = resolver.resolve(target.as_bytes(), &mut scratch);
                prop_assert_eq!(found, expected, "{:?}", target);
            }
        }
    }

    #[test]
    fn the_first_route_that_matches_wins(routes in routes(), paths in paths()) {
        let resolver = resolver(routes);
        let chains = chains(resolver.urlconf());
        let mut scratch = Vec::new();
        for path in paths {
            let expected = reference(resolver.urlconf(), &chains, path.as_bytes());
            let found = resolver.resolve_path(&Path::from_unescaped(path.as_bytes()));
            prop_assert_eq!(found, expected, "{:?}", path);
            // The pieces contain neither `?`, `#` nor `%`.
            prop_assert_eq!(resolver.resolve(path.as_bytes(), &mut scratch), expected, "{:?}", path);
        }
        let explanation = resolver.explain(b"/ab/a-12.b/");
        let found = explanation.route.unwrap_or(usize::MAX);
        prop_assert!(explanation.near_misses.iter().all(|near| near.route < found));
    }
}

#[test]
fn routes_without_backtracking_are_in_the_trie() {
    let check = |chain: &[(LevelKind, &str)], engine: &str| {
        let levels = chain.iter().map(|(kind, pattern)| level(*kind, pattern));
        let resolver = resolver(vec![route(levels.collect(), None)]);
        assert_eq!(resolver.engines()[0].name(), engine, "{chain:?}");
    };
    let admin = (LevelKind::Prefix, "admin/");
    check(&[(LevelKind::Exact, "a/")], "trie");
    check(
        &[admin, (LevelKind::Search, r"^(?P<id>.+)/change/\Z")],
        "trie",
    );
    check(&[admin, (LevelKind::Full, "(?P<url>.*)$")], "trie");
    check(&[(LevelKind::Search, ""), (LevelKind::Exact, "a/")], "trie");
    let suffix = r"^users/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$";
    check(
        &[(LevelKind::Prefix, ""), (LevelKind::Full, suffix)],
        "trie",
    );
    check(
        &[admin, (LevelKind::Search, r"^r/(?P<a>.+)/(?P<b>.+)/\Z")],
        "regex",
    );
    check(
        &[(
            LevelKind::Search,
            r"^(?P<s>[-a-zA-Z0-9_]+)-(?P<n>[0-9]+)/\Z",
        )],
        "regex",
    );
    check(
        &[(LevelKind::Search, r"^(?P<s>[a-z_]+)-(?P<n>[0-9]+)/\Z")],
        "trie",
    );
    check(
        &[(
            LevelKind::Full,
            r"^legacy/(?P<y>[0-9]{4})/(?:page-(?P<p>\d+)/)?$",
        )],
        "trie",
    );
    check(&[(LevelKind::Search, "^opt(ional)?/")], "trie");
    check(&[(LevelKind::Search, "open/")], "regex");
    check(
        &[(LevelKind::Search, "^(?:en|de)/"), (LevelKind::Exact, "a/")],
        "trie",
    );
    check(
        &[(LevelKind::Search, "^(?:a|ab)"), (LevelKind::Exact, "a/")],
        "regex",
    );
    check(&[(LevelKind::Full, r"^(?!admin)\w+/$")], "backtracking");
}

#[test]
fn a_level_is_matched_only_once() {
    let chain = vec![
        level(LevelKind::Search, "^(?P<x>[a-z]+)"),
        level(LevelKind::Exact, "b/"),
    ];
    // A single expression of both levels would backtrack by one letter.
    assert_eq!(
        resolver(vec![route(chain, None)]).resolve(b"/ab/", &mut Vec::new()),
        None
    );
}

#[test]
fn a_route_that_cannot_be_compiled_is_reported() {
    let urlconf = Urlconf {
        routes: vec![
            route(vec![level(LevelKind::Full, r"^\N{DIGIT ONE}$")], None),
            route(vec![level(LevelKind::Exact, "a")], None),
        ],
        ..Urlconf::default()
    };
    let mut report = Report::default();
    let resolver = Resolver::new(urlconf, None, &mut report);
    let message =
        r"the route `^\N{DIGIT ONE}$` of view `v` cannot be matched: unsupported escape `\N`";
    assert_eq!(report.faults()[0].message, message);
    assert_eq!(resolver.resolve(b"/a", &mut Vec::new()), Some(1));
}

#[test]
fn only_paths_under_the_prefix_resolve() {
    let urlconf = Urlconf {
        routes: vec![route(vec![level(LevelKind::Exact, "")], None)],
        script_name: Some("/app".into()),
        ..Urlconf::default()
    };
    let check = |prefix: Option<&str>, target: &str, is_found: bool| {
        let resolver = Resolver::new(urlconf.clone(), prefix, &mut Report::default());
        let found = resolver.resolve(target.as_bytes(), &mut Vec::new());
        assert_eq!(found.is_some(), is_found, "{prefix:?} {target}");
    };
    check(None, "/app/", true);
    check(None, "/app", true);
    check(None, "/%61pp/?x", true);
    check(None, "/", false);
    check(None, "/apple", false);
    check(Some(""), "/", true);
    check(Some("/shop/"), "/shop/", true);
}

/// Generates pairs of prefixes, some of which match generated paths.
fn rewrites() -> impl Strategy<Value = Vec<(String, String)>> {
    let prefix = || {
        let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..3);
        pieces.prop_map(|pieces| format!("/{}", pieces.concat()))
    };
    prop::collection::vec((prefix(), prefix()), 0..6)
}

/// Returns a path as a log may show it: some bytes escaped, with a query.
fn escaped(path: &str, every: usize) -> String {
    let bytes = path.bytes().enumerate();
    let bytes = bytes.map(|(place, byte)| {
        if place > 0 && (place.is_multiple_of(every) || !byte.is_ascii()) {
            format!("%{byte:02x}")
        } else {
            char::from(byte).to_string()
        }
    });
    bytes.collect::<String>() + "?next=/a/"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_rewritten_path_resolves_like_the_path_that_django_receives(
        routes in routes(),
        pairs in rewrites(),
        paths in paths(),
        prefix in prop::sample::select(vec!["", "/a"]),
        every in 1_usize..9,
    ) {
        let mut report = Report::default();
        let plain = Resolver::new(resolver(routes).urlconf().clone(), Some(prefix), &mut report);
        let all = pairs.iter().map(|(from, to)| Rewrite::new(from, to).unwrap());
        let rewriting = plain.clone().with_rewrites(Rewrites::new(all.collect()), &mut report);
        let (mut scratch, mut other) = (Vec::new(), Vec::new());
        for path in paths {
            let matching = pairs.iter().filter(|(from, _)| path.starts_with(from.as_str()));
            // The first of equal length.
            let longest = matching.rev().max_by_key(|(from, _)| from.len());
            let seen = longest.map_or(path.clone(), |(from, to)| path.replacen(from.as_str(), to, 1));
            let expected = plain.resolve(seen.as_bytes(), &mut other);
            for target in [path.clone(), escaped(&path, every), format!("http://x.test{path}")] {
                let found = rewriting.resolve(target.as_bytes(), &mut scratch);
                prop_assert_eq!(found, expected, "{:?} as {:?}", target, seen);
            }
            let explanation = rewriting.explain(path.as_bytes());
            prop_assert_eq!(explanation.route, expected);
            prop_assert_eq!(explanation.rewritten.is_some(), seen != path);
            prop_assert_eq!(explanation.rewritten.map_or(path, |(path, _)| path), seen);
        }
    }
}

#[test]
fn a_target_without_a_path_is_not_rewritten() {
    let all = Rewrites::new(vec![Rewrite::new("/", "/a/").unwrap()]);
    let resolver = resolver(vec![route(vec![level(LevelKind::Search, "^")], None)]);
    let resolver = resolver.with_rewrites(all, &mut Report::default());
    let found = |target: &[u8]| resolver.resolve(target, &mut Vec::new());
    assert_eq!((found(b"*"), found(b"x.test:443")), (None, None));
    assert_eq!((found(b"/"), found(b"http://x.test?/")), (Some(0), Some(0)));
}

/// Loads the dump of the site in `fixtures/site`.
fn dump() -> Resolver {
    let text = Arc::new(Text {
        name: "urlconf.jsonl".into(),
        content: include_str!("../../../fixtures/urlconf/rich.jsonl").into(),
    });
    let mut report = Report::default();
    let urlconf = Urlconf::read(&text, &mut report).unwrap();
    let resolver = Resolver::new(urlconf, None, &mut report);
    assert_eq!(report.errors(), 0, "{report}");
    resolver
}

#[test]
fn paths_of_a_dumped_site_resolve_to_the_views_of_django() {
    let resolver = dump();
    let check = |target, view| assert_eq!(resolver.view_of(target), view, "{target}");
    check("/", "home");
    check("/articles/2026/11/slug-17/?page=2", "articles:detail");
    check("/articles/archive/2020/", "articles:archive");
    check("/articles/archive/", "-");
    check("/articles/news/feed/", "articles:cat:feed");
    check("/admin/auth/user/7/change/", "admin:auth_user_change");
    check("/admin/auth/user/a/b/history/", "admin:auth_user_history");
    check("/admin/r/1/2/", "admin:view_on_site");
    check(
        "/admin/nope",
        "admin:django.contrib.admin.sites.catch_all_view",
    );
    check("/api/v2/users/7/", "v2:user-detail");
    check("/caf%C3%A9/", "cafe");
    check("/a%20b/", "space");
    check("/x/prefix-open/y", "open");
    check("/optional/x", "optional");
    check("/levels/7b/", "by-number:b");
    check("/levels/ab/xx", "by-slug:rest");
    check("/levels/ab/", "by-path:top");
    check("/about/", "about");
    check("/de/about/", "about");
    check("/en/about/", "-");
    check("/de/kontakt/", "contact");
    check("/kontakt/", "-");
    check("/nope", "-");
}

#[test]
fn the_trie_of_a_dumped_site_agrees_with_its_chains() {
    let resolver = dump();
    let chains = chains(resolver.urlconf());
    for (place, route) in resolver.urlconf().routes.iter().enumerate() {
        let text = route.shown.replace(['<', '>', '^', '$'], "");
        for path in [
            format!("/{text}"),
            format!("/{text}x"),
            format!("/de/{text}"),
            format!("/{place}{text}"),
        ] {
            let found = resolver.resolve_path(&Path::from_unescaped(path.as_bytes()));
            assert_eq!(
                found,
                reference(resolver.urlconf(), &chains, path.as_bytes()),
                "{path}"
            );
        }
    }
}
