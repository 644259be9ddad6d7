//! Measures the walk beside the engines of `regex` and `regex-automata`, on expressions without a plan: `cargo bench --bench walk`.
//!
//! `walk` and `regex` also read the values of the fields; `onepass` and `backtrack` only find the groups.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark: a failure ends it, and macros write its main"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use httplog_exporter::pattern::{Dialect, Engine, Pattern};
use regex_automata::dfa::onepass;
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::backtrack::BoundedBacktracker;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// Custom expressions that have no plan.
const EXPRESSIONS: [(&str, &str); 2] = [
    (
        "optional",
        r#"^(?<remote_addr>\S+) \S+ \S+ \[(?<time>[^\]]+)\] "(?<method>[A-Z]+) (?<target>[^ "]+)[^"]*" (?<status>\d{3}) (?<response_bytes>\d+|-)(?: "[^"]*" "[^"]*")?$"#,
    ),
    (
        "greedy",
        r#"^(?<remote_addr>.*) - (?<user>.*) \[(?<time>.*)\] "(?<request>.*)" (?<status>\d+) (?<response_bytes>\d+|-) "(?<referer>.*)" "(?<user_agent>.*)"$"#,
    ),
];

/// A line of ordinary length.
const LINE: &str = r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /articles/2020/ HTTP/1.1" 200 1204 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0""#;

/// Memory for the backtracker's visited states, enough for a line of 64 KiB.
const VISITED_BYTES: usize = 16 << 20;

fn nfa(source: &str) -> NFA {
    NFA::compiler()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(NFA::config().utf8(false))
        .build(source)
        .unwrap()
}

fn walk(criterion: &mut Criterion) {
    // Input with as many ways to match as possible, and one with nearly as many but without a match.
    let hostile = r#" - [x] "GET /" 200 1 "a" "b""#.repeat(2_300);
    let mismatch = r#" [x] "GET /" 200 1 "a" "b""#.repeat(2_500);
    let lines = [
        ("line", LINE),
        ("hostile", &hostile),
        ("hostile-mismatch", &mismatch),
    ];
    for (name, source) in EXPRESSIONS {
        let pattern = Pattern::compile(name, Dialect::Regex, source).unwrap();
        assert_eq!(pattern.engine(), Engine::Regex);
        let mut scratch = pattern.scratch();
        // The one-pass engine refuses expressions in which a byte may have two transitions.
        let onepass = onepass::DFA::builder().build_from_nfa(nfa(source)).ok();
        let backtrack = BoundedBacktracker::builder()
            .configure(BoundedBacktracker::config().visited_capacity(VISITED_BYTES))
            .build_from_nfa(nfa(source))
            .unwrap();
        for (kind, line) in lines {
            let line = line.as_bytes();
            let input = || Input::new(black_box(line)).anchored(Anchored::Yes);
            let mut group = criterion.benchmark_group(format!("walk/{name}/{kind}"));
            group.throughput(Throughput::Bytes(line.len() as u64));
            group.bench_function("walk", |bencher| {
                bencher.iter(|| pattern.parse(&mut scratch, black_box(line)).is_ok());
            });
            group.bench_function("regex", |bencher| {
                bencher.iter(|| {
                    pattern
                        .parse_by_regex(&mut scratch, black_box(line))
                        .is_ok()
                });
            });
            if let Some(onepass) = &onepass {
                let mut cache = onepass.create_cache();
                let mut slots = vec![None; onepass.get_nfa().group_info().slot_len()];
                group.bench_function("onepass", |bencher| {
                    bencher.iter(|| onepass.try_search_slots(&mut cache, &input(), &mut slots));
                });
            }
            let mut cache = backtrack.create_cache();
            let mut slots = vec![None; backtrack.get_nfa().group_info().slot_len()];
            group.bench_function("backtrack", |bencher| {
                bencher.iter(|| {
                    backtrack
                        .try_search_slots(&mut cache, &input(), &mut slots)
                        .unwrap()
                });
            });
            group.finish();
        }
    }
}

criterion_group!(engines, walk);
criterion_main!(engines);
