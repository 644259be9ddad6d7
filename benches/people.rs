//! The cost of the page for 500 routes, and of a point of the history: `cargo bench --bench people`.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use httplog_exporter::model::{
    Families, Family, Histogram, Kind, Labels, Language, Micros, Series, Unit, Value,
};
use httplog_exporter::page::{self, Links};
use httplog_exporter::status::{Circumstances, History, INTERVAL, Setup, SourceSetup, Status};

const ROUTES: u64 = 500;
/// Points of an hour.
const POINTS: u64 = 360;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// Returns what a site has counted at a point: two methods and three statuses of each route.
fn families(point: u64) -> Families {
    let (mut requests, mut durations) = (Vec::new(), Vec::new());
    for route in 0..ROUTES {
        let name = format!("shop:view-{route}");
        for method in ["GET", "POST"] {
            let mut sum = 0;
            for (status, one_in) in [("200", 1), ("404", 10), ("502", 50)] {
                let count = (route + point) * point / one_in;
                sum += count;
                let labels = labels(&[
                    ("method", method),
                    ("route", &name),
                    ("source", "nginx"),
                    ("status", status),
                ]);
                requests.push((labels, count));
            }
            durations.push(Series {
                labels: labels(&[("method", method), ("route", &name), ("source", "nginx")]),
                value: Value::Histogram(Histogram {
                    bounds: (1..=12).map(|bound| bound * bound * 10_000).collect(),
                    counts: (1..=13).map(|bucket| sum / bucket).collect(),
                    sum: sum * 50_000,
                    unit: Unit::Micros,
                    has_short_bounds: false,
                    native: None,
                    exemplars: Vec::new(),
                }),
                created: None,
            });
        }
    }
    let lines = labels(&[("outcome", "recorded"), ("source", "nginx")]);
    Families::new([
        Family::from_counts("httplog_requests_total", "h", Kind::Counter, requests),
        Family::from_counts(
            "httplog_exporter_lines_total",
            "h",
            Kind::Counter,
            [(lines, point)],
        ),
        Family {
            name: "httplog_request_duration_seconds".into(),
            help: "h".into(),
            kind: Kind::Histogram,
            series: durations,
        },
    ])
}

fn cost(c: &mut Criterion) {
    let mut history = History::default();
    for point in 0..=POINTS {
        let now = Micros(point * INTERVAL.0);
        history.sample(Some(&families(point)), &BTreeSet::new(), now, 1e9);
    }
    let last = families(POINTS);
    let setup = Setup {
        file: Some("/etc/httplog-exporter/config.toml".into()),
        series_limit: 10_000,
        sources: vec![SourceSetup {
            name: "nginx".into(),
            logs: Some("/var/log/nginx/access.log*".into()),
            ..SourceSetup::default()
        }],
        ..Setup::default()
    };
    let circumstances = Circumstances {
        time: 1e9,
        ..Circumstances::default()
    };
    let make = || Status::new(&last, &history, &setup, &circumstances, Language::English);
    let links = Links {
        metrics: "metrics",
        status: "api/v1/status",
        healthy: "-/healthy",
        ready: "-/ready",
    };
    let mut html = String::new();
    c.bench_function("page of 500 routes", |bencher| {
        bencher.iter(|| {
            html.clear();
            page::write(&make(), Language::English, &links, &mut html);
            black_box(html.len())
        });
    });
    let status = make();
    c.bench_function("page of a status of 500 routes", |bencher| {
        bencher.iter(|| {
            html.clear();
            page::write(&status, Language::English, &links, &mut html);
            black_box(html.len())
        });
    });
    c.bench_function("status of 500 routes", |bencher| {
        bencher.iter(|| black_box(make()));
    });
    let mut point = POINTS;
    c.bench_function("point of the history of 500 routes", |bencher| {
        bencher.iter(|| {
            point += 1;
            let now = Micros(point * INTERVAL.0);
            history.sample(Some(&last), &BTreeSet::new(), now, 1e9);
        });
    });
}

criterion_group!(benches, cost);
criterion_main!(benches);
