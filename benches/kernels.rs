//! The cost of each stage of a line: `cargo bench --bench kernels`.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a benchmark: a failure ends it, and macros write its main"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use httplog_exporter::expose::{Format, Options, encode_text};
use httplog_exporter::label::Budget;
use httplog_exporter::metric::{Metric, Metrics, Set};
use httplog_exporter::model::{
    Batch, Families, Family, GenerationId, Histogram, Kind, Number, Position, Series, Status, Unit,
    Value,
};
use httplog_exporter::pattern::{Pattern, presets};
use httplog_exporter::pipeline::{Pipeline, Settings};
use httplog_exporter::route::Router;
use httplog_exporter::source::{Frame, LineReader};
use prometheus::{Encoder, HistogramOpts, HistogramVec, Registry, TextEncoder};

/// Longest line measured, in bytes: a few recorded targets have several thousand.
const LINE_BYTES: usize = 1_000;

/// Returns the recorded lines that a preset reads, from the file with most of them.
fn recorded(pattern: &Pattern) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut best: Vec<Vec<u8>> = Vec::new();
    for folder in ["corpora", "demo"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let text = std::fs::read(entry.unwrap().path()).unwrap();
            let mut scratch = pattern.scratch();
            let lines = text
                .split(|byte| *byte == b'\n')
                .filter(|line| line.len() < LINE_BYTES);
            let read: Vec<Vec<u8>> = lines
                .filter(|line| pattern.parse(&mut scratch, line).is_ok())
                .map(<[u8]>::to_vec)
                .collect();
            if read.len() > best.len() {
                best = read;
            }
        }
    }
    best.into_iter()
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect()
}

/// Measures parsing a line of each preset into all of its fields.
fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for preset in presets() {
        let pattern = preset.pattern().unwrap();
        let text = recorded(&pattern);
        let lines: Vec<&[u8]> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() {
            continue;
        }
        let mut scratch = pattern.scratch();
        group.throughput(Throughput::Elements(lines.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(preset.name), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    let _ = black_box(pattern.parse(&mut scratch, black_box(line)));
                }
            });
        });
    }
    group.finish();
}

/// Measures a whole batch: lines are split, parsed, routed and counted.
fn feed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("feed");
    for preset in presets() {
        let pattern = Arc::new(preset.pattern().unwrap());
        let text = recorded(&pattern);
        let lines = text.split_inclusive(|byte| *byte == b'\n').count();
        if lines == 0 {
            continue;
        }
        let settings = Settings::new(preset.name, pattern);
        let mut measure = |name: &str, settings: Settings| {
            let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
            let mut shard = pipeline.shard();
            let end = Position {
                generation: GenerationId(0),
                offset: 0,
            };
            group.throughput(Throughput::Elements(lines as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| pipeline.feed(&mut shard, &Batch::new(black_box(&text), 0, end)));
            });
        };
        measure(preset.name, settings.clone());
        // All histograms are native.
        if preset.name == "nginx-timed" {
            let metrics = Set::DEFAULT.metrics().into_iter().map(|metric| Metric {
                is_native: true,
                ..metric
            });
            let metrics = Metrics::new(metrics.collect());
            measure(
                "nginx-timed, native",
                Settings {
                    metrics,
                    ..settings
                },
            );
        }
    }
    group.finish();
}

fn route(criterion: &mut Criterion) {
    let targets = [
        "/",
        "/articles/",
        "/articles/2026/11/slug-17/",
        "/api/v1/users/4711/?page=2",
        "/static/css/site.css",
    ];
    let mut router = Router::new(500);
    let status = Status::from_digits(b"200");
    let mut group = criterion.benchmark_group("route");
    group.throughput(Throughput::Elements(targets.len() as u64));
    group.bench_function("fold", |bencher| {
        bencher.iter(|| {
            for target in targets {
                black_box(router.route(black_box(target.as_bytes()), status));
            }
        });
    });
    group.finish();
}

/// Measures a scrape of the recorded traffic.
fn scrape(criterion: &mut Criterion) {
    let pattern = Arc::new(
        presets()
            .iter()
            .find(|preset| preset.name == "nginx-timed")
            .unwrap()
            .pattern()
            .unwrap(),
    );
    let text = recorded(&pattern);
    let settings = Settings::new("nginx", pattern);
    let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
    let mut shard = pipeline.shard();
    pipeline.feed(
        &mut shard,
        &Batch::new(
            &text,
            0,
            Position {
                generation: GenerationId(0),
                offset: 0,
            },
        ),
    );
    let families = Families::new(shard.snapshot());
    let mut page = Vec::new();
    encode_text(&families, &mut page);
    let samples = page
        .split(|byte| *byte == b'\n')
        .filter(|line| line.first().is_some_and(|byte| *byte != b'#'))
        .count();
    let mut group = criterion.benchmark_group("scrape");
    group.throughput(Throughput::Elements(samples as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            page.clear();
            encode_text(black_box(&families), &mut page);
        });
    });
    group.bench_function("snapshot", |bencher| {
        bencher.iter(|| Families::new(black_box(&mut shard).snapshot()));
    });
    group.finish();
}

/// Number of histograms on the page of [`encode`].
const HISTOGRAMS: u32 = 7_143;

/// Measures encoding a page of 100,000 bucket series, beside `prometheus::TextEncoder` on the same series.
fn encode(criterion: &mut Criterion) {
    let bounds: Vec<u64> = [
        5, 10, 25, 50, 100, 200, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
    ]
    .map(|millis| millis * 1_000)
    .into();
    let (name, help) = ("httplog_request_duration_seconds", "Duration.");
    let seconds = bounds.iter().map(|micros| *micros as f64 / 1e6).collect();
    let opts = HistogramOpts::new(name, help).buckets(seconds);
    let vec = HistogramVec::new(opts, &["method", "route", "source"]).unwrap();
    let mut series = Vec::new();
    for number in 0..HISTOGRAMS {
        let route = format!("shop:view-{number}");
        let theirs = vec.with_label_values(&["GET", &route, "nginx"]);
        let mut counts = vec![0; bounds.len() + 1];
        let mut sum = 0;
        for observation in 0..40 {
            let micros = u64::from((number * 37 + observation * 431_000) % 20_000_000);
            counts[bounds.partition_point(|bound| *bound < micros)] += 1;
            sum += micros;
            theirs.observe(micros as f64 / 1e6);
        }
        let labels = [("method", "GET"), ("route", &route), ("source", "nginx")];
        series.push(Series {
            labels: labels
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            value: Value::Histogram(Histogram {
                bounds: bounds.as_slice().into(),
                counts,
                sum,
                unit: Unit::Micros,
                has_short_bounds: false,
                native: None,
                exemplars: Vec::new(),
            }),
            created: None,
        });
    }
    let families = Families::new([Family {
        name: name.into(),
        help: help.into(),
        kind: Kind::Histogram,
        series,
    }]);
    let registry = Registry::new();
    registry.register(Box::new(vec)).unwrap();
    let gathered = registry.gather();
    let mut page = Vec::new();
    let mut group = criterion.benchmark_group("encode");
    let samples = u64::from(HISTOGRAMS) * (bounds.len() as u64 + 3);
    group.throughput(Throughput::Elements(samples));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            page.clear();
            encode_text(black_box(&families), &mut page);
        });
    });
    group.bench_function("prometheus", |bencher| {
        bencher.iter(|| {
            page.clear();
            TextEncoder::new()
                .encode(black_box(&gathered), &mut page)
                .unwrap();
        });
    });
    group.finish();
}

/// Numbers of counters and of histograms on the page of [`formats`], which make 10,000 series of Prometheus.
const PAGE: (u64, u64) = (2_995, 467);

/// Measures encoding a page of 10,000 series in each format.
fn formats(criterion: &mut Criterion) {
    let bounds: Arc<[u64]> = [
        5, 10, 25, 50, 100, 200, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
    ]
    .map(|millis| millis * 1_000)
    .into();
    let (counters, histograms) = PAGE;
    let series = |number: u64, value: Value| {
        let statuses = if let Value::Number(_) = value { 3 } else { 1 };
        let route = format!("shop:view-{}", number / (2 * statuses));
        let method = if number.is_multiple_of(2) {
            "GET"
        } else {
            "POST"
        };
        let status = ["200", "302", "404"][(number % 3) as usize];
        let mut labels = vec![("method", method), ("route", &*route), ("source", "nginx")];
        if let Value::Number(_) = value {
            labels.push(("status", status));
        }
        Series {
            labels: labels
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            value,
            created: Some(1_790_000_000_000 + number * 977),
        }
    };
    let requests = (0..counters).map(|number| {
        let count = number * number * 31 % 100_003;
        series(number, Value::Number(Number::Exact(count, Unit::One)))
    });
    let durations = (0..histograms).map(|number| {
        let mut histogram = Histogram {
            bounds: Arc::clone(&bounds),
            counts: vec![0; bounds.len() + 1],
            sum: 0,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: Vec::new(),
        };
        for observation in 0..40 + number {
            let micros = (number * 37 + observation * observation * 431) % 2_000_000;
            histogram.counts[bounds.partition_point(|bound| *bound < micros)] += 1;
            histogram.sum += micros;
        }
        series(number, Value::Histogram(histogram))
    });
    let family = |name: &str, help: &str, kind, series: Vec<Series>| Family {
        name: name.into(),
        help: help.into(),
        kind,
        series,
    };
    let families = Families::new([
        family(
            "httplog_requests_total",
            "Requests.",
            Kind::Counter,
            requests.collect(),
        ),
        family(
            "httplog_request_duration_seconds",
            "Duration.",
            Kind::Histogram,
            durations.collect(),
        ),
    ]);
    assert_eq!(
        families
            .iter()
            .map(|it| it.series.len() as u64)
            .sum::<u64>(),
        counters + histograms
    );
    let mut page = Vec::new();
    let mut group = criterion.benchmark_group("formats");
    group.throughput(Throughput::Elements(counters + 15 * histograms));
    for (name, format, shows_created) in [
        ("text", Format::Text, false),
        ("openmetrics", Format::OpenMetrics, false),
        ("openmetrics, created", Format::OpenMetrics, true),
        ("protobuf", Format::Protobuf, false),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                page.clear();
                let options = Options { shows_created };
                format.encode(black_box(&families), options, &mut page);
            });
        });
    }
    group.finish();
}

/// Measures reading a line as it is, and in the wrappers of container logs.
fn read(criterion: &mut Criterion) {
    let pattern = presets()[0].pattern().unwrap();
    let bare = String::from_utf8(recorded(&pattern)).unwrap();
    let time = "2026-11-22T10:00:00.123456789Z";
    let cri = |line: &str| format!("{time} stdout F {line}\n");
    let docker = |line: &str| {
        let log = serde_json::to_string(&format!("{line}\n")).unwrap();
        format!("{{\"log\":{log},\"stream\":\"stdout\",\"time\":\"{time}\"}}\n")
    };
    let texts = [
        ("bare", bare.clone()),
        ("cri", bare.lines().map(cri).collect()),
        ("docker", bare.lines().map(docker).collect()),
    ];
    let mut group = criterion.benchmark_group("read");
    for (name, text) in texts {
        let text = text.repeat(100);
        group.throughput(Throughput::Elements(text.lines().count() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let reader = LineReader::new(text.as_bytes(), GenerationId(0), 65_536);
                let mut reader = reader.framed(Frame::Auto, 65_536, &[]);
                let mut bytes = 0;
                while let Some(batch) = reader.next_batch().unwrap() {
                    bytes += black_box(batch.bytes()).len();
                }
                bytes
            });
        });
    }
    group.finish();
}

criterion_group!(kernels, parse, read, feed, route, scrape, encode, formats);
criterion_main!(kernels);
