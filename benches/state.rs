//! The cost of a checkpoint of 10,000 histograms: `cargo bench --bench state`.
//!
//! Commits are written to `target/`, whose file system determines what a sync costs.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark: a failure ends it, and macros write its main"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use httplog_exporter::model::{Saved, SavedFamily, SavedSeries, SavedSource};
use httplog_exporter::state::codec::encode;
use httplog_exporter::state::{
    Durability, Header, Host, RealDirectory, Settings, Store, Untrusted,
};

/// Number of series.
const SERIES: u64 = 10_000;
/// Buckets of a series, and its sum.
const VALUES: u64 = 14;

/// Returns histograms in which small buckets are frequent, as they are.
fn saved() -> Saved {
    let series = (0..SERIES).map(|number| SavedSeries {
        labels: ["GET", &format!("shop:view-{number}"), "nginx"]
            .map(Into::into)
            .into(),
        created: 1_800_000_000_000 + number,
        values: (0..VALUES)
            .map(|place| (number * 37 + place * 431) % (1 << (2 + 2 * place)))
            .collect(),
    });
    let family = SavedFamily {
        name: "httplog_request_duration_seconds".into(),
        definition: "histogram of duration by method, route, source".into(),
        series: series.collect(),
    };
    let source = SavedSource {
        name: "nginx".into(),
        families: vec![family],
        ..SavedSource::default()
    };
    Saved {
        sources: vec![source],
        ..Saved::default()
    }
}

fn codec(criterion: &mut Criterion) {
    let saved = saved();
    let header = Header::new(1, 0, Host::default(), Durability::Power);
    let bytes = encode(&header, &saved, 0).unwrap();
    let mut group = criterion.benchmark_group("checkpoint");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode(&header, black_box(&saved), bytes.len()).unwrap());
    });
    group.bench_function("decode", |bencher| {
        let read = || Untrusted::parse(black_box(&bytes)).unwrap().validate();
        bencher.iter_with_large_drop(|| read().unwrap());
    });
    group.finish();
}

fn commit(criterion: &mut Criterion) {
    let saved = saved();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&dir).unwrap();
    let mut group = criterion.benchmark_group("commit");
    for (name, durability) in [
        ("process", Durability::Process),
        ("power", Durability::Power),
    ] {
        let dir = tempfile::tempdir_in(&dir).unwrap();
        let directory = RealDirectory::open(dir.path()).unwrap();
        let settings = Settings {
            durability,
            host: Host::read(),
        };
        let (mut store, _) = Store::load(Box::new(directory), settings).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let now = SystemTime::UNIX_EPOCH;
                store.commit(&saved, now, &mut || Ok(())).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(state, codec, commit);
criterion_main!(state);
