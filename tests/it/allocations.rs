//! Counts allocations: the hot path makes none for a line whose labels are known.

use std::fs;
use std::sync::Arc;

use httplog_exporter::aggregate::Shard;
use httplog_exporter::diag::{Report, Text};
use httplog_exporter::join::{Limits, Link, Linked};
use httplog_exporter::label::Budget;
use httplog_exporter::metric::{Metric, Metrics, Set};
use httplog_exporter::model::{Batch, ExemplarId, Families, GenerationId, Micros, Position, Value};
use httplog_exporter::pattern::{Dialect, Pattern, Preset, presets};
use httplog_exporter::pipeline::{Pipeline, Settings};
use httplog_exporter::route::{Resolver, Rewrite, Rewrites, Urlconf};

use crate::recorded::RECORDED;
use crate::support::project;

/// Returns lines of a preset, from its recorded log or, without one, from its examples.
fn lines(preset: Preset) -> Vec<u8> {
    if let Some((_, log)) = RECORDED.iter().find(|(name, _)| *name == preset.name) {
        return fs::read(project(log)).unwrap();
    }
    let definition = preset.definition().unwrap();
    let lines = definition.examples.iter().map(|example| &*example.line);
    lines
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into()
}

/// Returns the number of allocations while a batch is counted.
fn allocations(pipeline: &mut Pipeline, shard: &mut Shard, bytes: &[u8]) -> u64 {
    let end = Position {
        generation: GenerationId(0),
        offset: bytes.len() as u64,
    };
    let batch = Batch::new(bytes, 1, end);
    allocation_counter::measure(|| pipeline.feed(shard, &batch)).count_total
}

#[test]
fn lines_with_known_labels_allocate_nothing() {
    for (preset, is_native) in presets().iter().zip([false, true].iter().cycle()) {
        let metrics = Set::DEFAULT.metrics().into_iter();
        let metrics = metrics.map(|metric| Metric {
            is_native: *is_native,
            ..metric
        });
        let settings = Settings {
            metrics: Metrics::new(metrics.collect()),
            ..Settings::new(preset.name, Arc::new(preset.pattern().unwrap()))
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
        let mut shard = pipeline.shard();
        let mut bytes = lines(*preset);
        let good = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        // Lines that are not requests allocate nothing either.
        bytes.extend(b"\nodd \xff\0\n");
        bytes.extend(std::iter::repeat_n(b'x', 65_537));
        bytes.push(b'\n');

        let first = allocations(&mut pipeline, &mut shard, &bytes);
        assert!(first > 0, "{}: nothing is measured", preset.name);
        // Events that are not requests are skipped, as is the empty line.
        let skipped: u64 = shard.ledger().skipped.values().sum();
        let recorded = shard.ledger().recorded;
        assert_eq!(recorded + skipped - 1, good, "{}", preset.name);
        assert!(10 * recorded > 9 * good, "{}: nothing is read", preset.name);
        // Routes learned in the first pass have their series from the second on.
        allocations(&mut pipeline, &mut shard, &bytes);
        let more = allocations(&mut pipeline, &mut shard, &bytes);
        assert_eq!(more, 0, "{}", preset.name);
        assert_eq!(shard.ledger().recorded, 3 * recorded, "{}", preset.name);
    }
}

#[test]
fn a_further_source_of_the_same_pattern_takes_a_few_kibibytes() {
    const SOURCES: i64 = 100;
    const MOST: i64 = 6 * 1024;
    let preset = Preset::find("nginx-combined").unwrap();
    let settings = Settings::new("nginx", Arc::new(preset.pattern().unwrap()));
    let source = |settings: Settings| {
        let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
        let mut shard = pipeline.shard();
        allocations(
            &mut pipeline,
            &mut shard,
            crate::recorded::line("GET", 200).as_bytes(),
        );
        assert_eq!(shard.ledger().recorded, 1);
        (pipeline, shard)
    };
    let _first = source(settings.clone());
    let mut further = Vec::with_capacity(100);
    let measured = allocation_counter::measure(|| {
        further.extend((0..SOURCES).map(|_| source(settings.clone())));
    });
    let each = measured.bytes_current / SOURCES;
    assert!(each <= MOST, "{each} bytes");
}

#[test]
fn rewritten_paths_allocate_nothing() {
    let text = Text {
        name: "urlconf.jsonl".into(),
        content: fs::read_to_string(project("fixtures/urlconf/rich.jsonl")).unwrap(),
    };
    let mut report = Report::default();
    let urlconf = Urlconf::read(&Arc::new(text), &mut report).unwrap();
    let rewrite = Rewrite::new("/shop/", "/articles/of/the/shop/").unwrap();
    let resolver = Resolver::new(urlconf, None, &mut report)
        .with_rewrites(Rewrites::new(vec![rewrite]), &mut report);
    let preset = Preset::find("nginx-combined").unwrap();
    let settings = Settings {
        routes: Some(Arc::new(resolver)),
        ..Settings::new("x", Arc::new(preset.pattern().unwrap()))
    };
    let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
    let mut shard = pipeline.shard();
    let paths = [
        "/shop/1/",
        "/sh%6fp/%C3%A9%ff/",
        "/articles/2026/",
        "/a%20b/",
    ];
    let long = format!("/shop/{}", "x".repeat(2_000));
    let lines = paths.iter().copied().chain([&*long]);
    let lines: String = lines
        .map(|path| crate::recorded::line("GET", 200).replace("/a HTTP", &format!("{path} HTTP")))
        .collect();
    allocations(&mut pipeline, &mut shard, lines.as_bytes());
    let more = allocations(&mut pipeline, &mut shard, lines.as_bytes());
    assert_eq!((more, shard.ledger().recorded), (0, 10));
}

/// Lines each of which is the exemplar of its buckets.
#[test]
fn ids_of_exemplars_take_the_memory_of_one_a_bucket() {
    const LINES: u64 = 1_000;
    const ROUNDS: u64 = 100;
    let format = "\"$request\" $status $body_bytes_sent $request_time $http_traceparent";
    let pattern = Pattern::compile("traced", Dialect::Nginx, format).unwrap();
    let settings = Settings {
        exemplars: Some(ExemplarId::Trace),
        ..Settings::new("web", Arc::new(pattern))
    };
    let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
    let mut shard = pipeline.shard();
    for round in 0..ROUNDS {
        let lines = round * LINES..(round + 1) * LINES;
        let lines: Vec<String> = lines
            .map(|number| {
                let route = ["a", "b", "c", "d", "e", "f", "g"][usize::try_from(number % 7).unwrap()];
                let seconds = number % 13;
                format!("\"GET /{route}/ HTTP/1.1\" 200 10 {seconds}.500 00-{number:031x}a-00f067aa0ba902b7-01\n")
            })
            .collect();
        let text = lines.concat();
        // Lines without a time are dated by that of reading.
        shard.set_now(1_000 * (round + 1));
        let more = allocations(&mut pipeline, &mut shard, text.as_bytes());
        assert!(round < 2 || more == 0, "{more} in round {round}");
    }
    assert_eq!(shard.ledger().recorded, ROUNDS * LINES);
    let page = Families::new(shard.snapshot());
    let family = page.get("httplog_request_duration_seconds").unwrap();
    let exemplars = family.series.iter().map(|series| match &series.value {
        Value::Histogram(histogram) => histogram.exemplars.len(),
        Value::Number(_) => 0,
    });
    assert!(exemplars.sum::<usize>() >= 7);
}

/// Requests that no other source logs, each with a different id.
#[test]
fn lines_that_wait_for_others_take_bounded_memory() {
    const PENDING: u64 = 1_000;
    const ROUNDS: u64 = 40;
    let limits = Limits {
        pending: usize::try_from(PENDING).unwrap(),
        wait: Micros(1),
    };
    let between = Linked {
        fronts: vec!["web"],
        backs: vec!["app"],
    };
    let link = Arc::new(Link::new(&between, limits));
    let preset = Preset::find("nginx-django").unwrap();
    let example = preset.definition().unwrap().examples[0].line.clone();
    let id = "04c1004c5033391b5e5e4531d2925e00";
    assert!(example.contains(id));
    let settings = Settings {
        join: link.end("web"),
        ..Settings::new("web", Arc::new(preset.pattern().unwrap()))
    };
    let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
    let mut shard = pipeline.shard();
    for round in 0..ROUNDS {
        let ids = round * PENDING..(round + 1) * PENDING;
        let text: String = ids
            .map(|number| example.replace(id, &format!("{number:032x}")) + "\n")
            .collect();
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        let batch = Batch::new(text.as_bytes(), 0, end);
        let more = allocation_counter::measure(|| {
            pipeline.feed(&mut shard, &batch);
            pipeline.flush_joins(Micros(round));
        });
        // The index reclaims the space of removed entries once.
        assert!(round < ROUNDS / 2 || more.count_total == 0, "round {round}");
    }
    assert_eq!(shard.ledger().recorded, ROUNDS * PENDING);
    assert_eq!(link.evicted(), (ROUNDS - 1) * PENDING);
}
