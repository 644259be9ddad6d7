//! Lines through a whole pipeline.

mod otel;
mod sets;

use std::collections::BTreeMap;

use super::*;
use crate::diag::Report;
use crate::model::{Families, GenerationId, Position};
use crate::pattern::Preset;
use crate::route::Resolver;
use proptest::prelude::*;

fn pipeline(line_bytes: usize) -> Pipeline {
    let pattern = Arc::new(Preset::find("nginx-timed").unwrap().pattern().unwrap());
    let settings = Settings {
        line_bytes,
        ..Settings::new("test", pattern)
    };
    Pipeline::new(settings, Budget::new(1_000))
}

fn batch(bytes: &[u8], overlong: u64) -> Batch<'_> {
    Batch::new(
        bytes,
        overlong,
        Position {
            generation: GenerationId(0),
            offset: bytes.len() as u64,
        },
    )
}

const LINE: &str = "127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"GET /a/7 HTTP/1.1\" 200 10 \"-\" \"ua\" 0.012 0.001, 0.007\n";

#[test]
fn a_replica_counts_what_was_published_and_defers_everything_else() {
    let mut main = pipeline(1_000);
    let mut counts = main.shard();
    let settings = main.replica_settings(&mut counts).unwrap();
    // The first line of a route is counted before the route is learned.
    for _ in 0..2 {
        main.feed(&mut counts, &batch(LINE.as_bytes(), 0));
    }
    let mut learned = Learned::default();
    main.publish(&counts, &mut learned);
    let mut replica = Pipeline::replica(settings);
    let mut shard = replica.shard();
    replica.adopt(&mut shard, &learned);
    let other = LINE.replace("GET", "PUT");
    replica.feed(&mut shard, &batch((LINE.to_owned() + &other).as_bytes(), 0));
    assert_eq!(shard.ledger().recorded, 1);
    assert_eq!(replica.take_deferred(), other.as_bytes());
}

#[test]
fn a_line_reaches_every_family_its_fields_feed() {
    let mut pipeline = pipeline(1_000);
    let mut shard = pipeline.shard();
    pipeline.feed(&mut shard, &batch(LINE.as_bytes(), 0));
    let families = Families::new(shard.snapshot());
    let names: Vec<&str> = families.iter().map(|family| &*family.name).collect();
    assert_eq!(
        names,
        [
            "httplog_request_duration_seconds",
            "httplog_requests_total",
            "httplog_response_size_bytes",
            "httplog_upstream_duration_seconds",
            "httplog_upstream_retries_total",
        ]
    );
    assert!(families.iter().all(|family| family.total() == 1));
    let requests = &families.get("httplog_requests_total").unwrap().series[0];
    let label = |name| requests.label(name).unwrap();
    assert_eq!(
        [
            label("method"),
            label("route"),
            label("status"),
            label("source")
        ],
        ["GET", "/a/<int>", "200", "test"]
    );
}

#[test]
fn a_decoded_path_is_not_decoded_again() {
    use crate::pattern::Dialect;

    let routes = |dialect, format: &str, paths: &[&str]| {
        let pattern = Pattern::compile("test", dialect, format).unwrap();
        let settings = Settings {
            pattern: Arc::new(pattern),
            ..pipeline(1_000).settings
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(1_000));
        let mut shard = pipeline.shard();
        let lines = paths.iter().map(|path| format!("GET \"{path}\" 200\n"));
        let lines: String = lines.collect();
        pipeline.feed(&mut shard, &batch(lines.as_bytes(), 0));
        let families = Families::new(shard.snapshot());
        let requests = families.get("httplog_requests_total").unwrap();
        let routes = requests
            .series
            .iter()
            .map(|one| one.label("route").unwrap());
        routes.map(str::to_owned).collect::<Vec<_>>()
    };
    let paths = ["/a/", "/b/c?d/e@f", "/a#/x"];
    let folded = ["/<str>/x", "/a/", "/b/<str>/<email>"];
    let gunicorn = r#"%(m)s "%(U)s" %(s)s"#;
    assert_eq!(routes(Dialect::Gunicorn, gunicorn, &paths), folded);
    assert_eq!(routes(Dialect::Apache, r#"%m "%U" %>s"#, &paths), folded);
    // The query follows the path.
    let with_query = routes(Dialect::Apache, r#"%m "%U%q" %>s"#, &["/a/?b/c@d", "/a#b"]);
    assert_eq!(with_query, ["/<str>", "/a/"]);
    let requested = routes(Dialect::Apache, r#"%m "%{REQUEST_URI}e" %>s"#, &paths);
    assert_eq!(requested, ["/a", "/a/", "/b/c"]);
}

#[test]
fn a_view_that_the_line_names_comes_before_its_path() {
    let format = r#""$request" $status $upstream_http_x_view_name"#;
    let pattern = Pattern::compile("test", crate::pattern::Dialect::Nginx, format).unwrap();
    let settings = Settings {
        pattern: Arc::new(pattern),
        ..pipeline(1_000).settings
    };
    let mut pipeline = Pipeline::new(settings, Budget::new(1_000));
    let mut shard = pipeline.shard();
    let text = "\"GET /a/7 HTTP/1.1\" 200 shop:item\n\"GET /a/7 HTTP/1.1\" 200 -\n";
    pipeline.feed(&mut shard, &batch(text.as_bytes(), 0));
    let families = Families::new(shard.snapshot());
    let requests = families
        .get("httplog_requests_total")
        .unwrap()
        .series
        .iter();
    let routes: Vec<_> = requests
        .filter_map(|series| series.label("route"))
        .collect();
    assert_eq!(routes, ["/a/<int>", "shop:item"]);
}

#[test]
fn targets_are_routed_by_the_bytes_that_the_client_sent() {
    use crate::pattern::Dialect;
    let check = |dialect, format: &str, line: &str, route: &str| {
        let pattern = Pattern::compile("test", dialect, format).unwrap();
        let settings = Settings {
            pattern: Arc::new(pattern),
            ..pipeline(1_000).settings
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(1_000));
        let mut shard = pipeline.shard();
        pipeline.feed(&mut shard, &batch(format!("{line}\n").as_bytes(), 0));
        let families = Families::new(shard.snapshot());
        let requests = &families.get("httplog_requests_total").unwrap().series[0];
        assert_eq!(requests.label("route"), Some(route), "{line}");
    };
    let nginx = r#""$request" $status"#;
    check(
        Dialect::Nginx,
        nginx,
        r#""GET /u/jos\xC3\xA9/ HTTP/1.1" 200"#,
        "/u/<str>/",
    );
    check(
        Dialect::Nginx,
        nginx,
        r#""GET /\x61bc/7 HTTP/1.1" 200"#,
        "/abc/<int>",
    );
    let json = r#"log_format j escape=json '{"r":"$request","s":$status}';"#;
    check(
        Dialect::Nginx,
        json,
        r#"{"r":"GET \/a\/7\u003fx HTTP\/1.1","s":200}"#,
        "/a/<int>",
    );
    check(
        Dialect::Apache,
        r#""%r" %>s"#,
        r#""GET /a\x3fb HTTP/1.1" 200"#,
        "/a",
    );
    check(
        Dialect::Regex,
        "^(?<target>[^ ]*) (?<status>[0-9]{3})$",
        r"/\x61bc/ 200",
        "/<str>/",
    );
}

#[test]
fn quotes_in_a_syslog_frame_do_not_belong_to_the_line() {
    let frames = [
        "",
        "<190>Nov 22 18:47:14 vm nginx: ",
        "<190>Nov 22 18:47:14 \"vm\" nginx: ",
        "<165>1 - vm nginx - - [a@1 k=\"x\" l=\"\\\"\"] ",
    ];
    let text: String = frames.map(|frame| format!("{frame}{LINE}")).concat();
    let mut pipeline = pipeline(1_000);
    let mut shard = pipeline.shard();
    pipeline.feed(&mut shard, &batch(text.as_bytes(), 0));
    assert_eq!(shard.ledger().recorded, 4);
    let families = Families::new(shard.snapshot());
    let requests = &families.get("httplog_requests_total").unwrap().series;
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].label("route"), Some("/a/<int>"));
}

#[test]
fn every_kind_of_line_has_its_place_in_the_ledger() {
    let mut pipeline = pipeline(200);
    let mut shard = pipeline.shard();
    let long = "x".repeat(201);
    let overflow = LINE.replace("0.012", &format!("{}.0", "9".repeat(25)));
    let text = format!("{LINE}\nhello\n{long}\n{overflow}");
    pipeline.feed(&mut shard, &batch(text.as_bytes(), 2));
    let ledger = shard.ledger();
    assert_eq!(
        (ledger.recorded, ledger.skipped_lines(), ledger.lines()),
        (1, 1, 7)
    );
    assert_eq!(
        ledger.rejected,
        [
            ("ambiguous", 0),
            ("mismatch", 1),
            ("number", 1),
            ("overlong", 3),
        ]
        .into()
    );
    // A reader that skips the long line counts the same.
    assert_eq!(ledger.bytes, (text.len() - long.len() - 1) as u64);
}

#[test]
fn a_reconfigured_pipeline_keeps_its_routes() {
    let mut before = pipeline(1_000);
    let mut shard = before.shard();
    before.feed(&mut shard, &batch(LINE.as_bytes(), 0));
    let settings = before.settings.clone();
    let mut after = before.reconfigure(settings, Budget::new(1_000));
    let mut shard = after.shard();
    after.feed(&mut shard, &batch(LINE.replace("200", "404").as_bytes(), 0));
    let families = Families::new(shard.snapshot());
    assert_eq!(
        families.get("httplog_requests_total").unwrap().series[0].label("route"),
        Some("/a/<int>")
    );
}

/// Creates a pipeline with a URLconf of one view, which folds all other paths.
fn folding_unmatched() -> Pipeline {
    let pattern = Arc::new(Preset::find("nginx-timed").unwrap().pattern().unwrap());
    let mut urlconf = crate::route::Urlconf::default();
    let home = crate::route::PathTemplate::parse("/", &BTreeMap::new()).unwrap();
    urlconf.routes.push(home.route("home").unwrap());
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let settings = Settings {
        routes: Some(Arc::new(resolver.folding_unmatched(true))),
        ..Settings::new("test", pattern)
    };
    Pipeline::new(settings, Budget::new(1_000))
}

/// Returns the routes of the requests that were counted.
fn routes(shard: &mut Shard) -> Vec<String> {
    let families = Families::new(shard.snapshot());
    let series = &families.get("httplog_requests_total").unwrap().series;
    let routes = series.iter().map(|series| series.label("route").unwrap());
    routes.map(str::to_owned).collect()
}

#[test]
fn folded_paths_beside_views_survive_a_reload_and_a_new_urlconf() {
    let served = LINE.to_owned() + &LINE.replace("/a/7", "/");
    let absent = LINE.replace("200", "404");
    let mut before = folding_unmatched();
    let mut shard = before.shard();
    before.feed(&mut shard, &batch((absent.clone() + &served).as_bytes(), 0));
    assert_eq!(routes(&mut shard), ["/a/<int>", "<other>", "home"]);
    let resolver = before.settings.routes.clone().unwrap();
    before.set_views(resolver);
    let settings = before.settings.clone();
    let mut after = before.reconfigure(settings, Budget::new(1_000));
    let mut shard = after.shard();
    after.feed(&mut shard, &batch(absent.as_bytes(), 0));
    assert_eq!(routes(&mut shard), ["/a/<int>"]);
    let mut resumed = folding_unmatched();
    resumed.resume_routes(&after.save_routes());
    let mut shard = resumed.shard();
    resumed.feed(&mut shard, &batch(absent.as_bytes(), 0));
    assert_eq!(routes(&mut shard), ["/a/<int>"]);
}

#[test]
fn a_replica_defers_paths_that_are_not_folded_yet() {
    let mut main = folding_unmatched();
    let mut counts = main.shard();
    let settings = main.replica_settings(&mut counts).unwrap();
    let mut replica = Pipeline::replica(settings);
    let mut shard = replica.shard();
    replica.feed(&mut shard, &batch(LINE.as_bytes(), 0));
    assert_eq!(replica.take_deferred(), LINE.as_bytes());
    main.feed_deferred(&mut counts, Path::new("a.log"), LINE.as_bytes());
    let mut learned = Learned::default();
    main.publish(&counts, &mut learned);
    replica.adopt(&mut shard, &learned);
    replica.feed(&mut shard, &batch(LINE.as_bytes(), 0));
    assert_eq!(replica.take_deferred(), b"");
    assert_eq!(shard.ledger().recorded, 1);
    assert_eq!(routes(&mut counts), ["/a/<int>"]);
}

proptest! {
    #[test]
    fn lines_read_are_recorded_rejected_or_skipped(lines in proptest::collection::vec(prop_oneof![
        Just(LINE.trim_end().as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>().prop_filter("newline", |byte| *byte != b'\n'), 0..40),
    ], 0..20), overlong in 0..3u64) {
        let mut bytes = lines.join(&b'\n');
        if !lines.is_empty() {
            bytes.push(b'\n');
        }
        let mut pipeline = pipeline(1_000);
        let mut shard = pipeline.shard();
        pipeline.feed(&mut shard, &batch(&bytes, overlong));
        prop_assert_eq!(shard.ledger().lines(), lines.len() as u64 + overlong);
        let requests = Families::new(shard.snapshot()).get("httplog_requests_total").map_or(0, crate::model::Family::total);
        prop_assert_eq!(requests, shard.ledger().recorded);
    }

    #[test]
    fn over_the_cap_totals_and_existing_series_are_exact(
        lines in proptest::collection::vec((0..4_usize, 0..4_usize, 0..3_usize), 0..80),
        series in 0..60_usize,
    ) {
        let lines: Vec<String> = lines
            .iter()
            .map(|(method, route, status)| {
                LINE.replace("GET", ["GET", "POST", "PUT", "BREW"][*method])
                    .replace("/a/", ["/a/", "/b/", "/c/", "/d/"][*route])
                    .replace("200", ["200", "404", "503"][*status])
            })
            .collect();
        let (exact, none) = capped(10_000, &lines);
        prop_assert_eq!(none, 0);
        let (families, overflow) = capped(series, &lines);
        let mut others = 0;
        for family in families.iter() {
            let expected = exact.get(&family.name).unwrap();
            prop_assert_eq!(family.total(), expected.total());
            for series in &family.series {
                if is_overflow(series) {
                    others += 1;
                } else {
                    prop_assert!(expected.series.contains(series), "{}: {series:?}", family.name);
                }
            }
        }
        prop_assert!(overflow == 0 || others > 0);
    }
}

/// Counts lines with room for `series`, in families by method, route and status, and in some with fewer labels.
fn capped(series: usize, lines: &[String]) -> (Families, u64) {
    let mut pipeline = Pipeline::new(pipeline(1_000).settings, Budget::new(series));
    let mut shard = pipeline.shard();
    pipeline.feed(&mut shard, &batch(lines.concat().as_bytes(), 0));
    (Families::new(shard.snapshot()), shard.ledger().overflow)
}

fn is_overflow(series: &crate::model::Series) -> bool {
    let mut labels = series.labels.iter();
    let mut shown = labels.clone().filter(|(name, _)| &**name != "source");
    shown.next().is_some()
        && labels.all(|(name, value)| &**name == "source" || &**value == label::OTHER)
}

#[test]
fn over_the_cap_only_families_without_the_series_count_as_other() {
    let lines = [
        LINE.to_owned(),
        LINE.replace("200", "404"),
        LINE.replace("200", "404"),
    ];
    // The five series of the first line.
    let (families, overflow) = capped(5, &lines);
    assert_eq!(overflow, 2);
    for family in families.iter() {
        assert_eq!(family.total(), 3, "{}", family.name);
        let other = family.series.iter().filter(|series| is_overflow(series));
        let has_status = family.series[0].label("status").is_some();
        assert_eq!(other.count(), usize::from(has_status), "{}", family.name);
    }
}
