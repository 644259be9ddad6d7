//! Random histories against what was written: each line comes exactly once.

use proptest::prelude::*;

use super::*;

/// Something that happens to `a.log`.
#[derive(Clone, Debug)]
enum Operation {
    /// The server writes to the file it has open.
    Append(Text),
    /// logrotate renames the file; the server goes on writing to it until it reopens its log.
    Rotate,
    /// The server opens the path again.
    Reopen,
    /// A writer that opens the path for each text.
    AppendByPath(Text),
    Round,
    Discover,
    Advance(u64),
}

/// Text of one write: `line n`, longer by `padding`, with or without its newline.
#[derive(Clone, Debug)]
struct Text {
    padding: usize,
    is_whole: bool,
}

/// Lines longer than this are to be counted only.
const SHORT: usize = 40;

fn operation() -> impl Strategy<Value = Operation> {
    let text = || {
        (
            prop_oneof![4 => 0_usize..20, 1 => 25_usize..400],
            any::<bool>(),
        )
            .prop_map(|(padding, is_whole)| Text { padding, is_whole })
    };
    prop_oneof![
        6 => text().prop_map(Operation::Append),
        2 => text().prop_map(Operation::AppendByPath),
        2 => Just(Operation::Rotate),
        2 => Just(Operation::Reopen),
        4 => Just(Operation::Round),
        1 => Just(Operation::Discover),
        2 => (1_u64..50).prop_map(Operation::Advance),
    ]
}

/// Plays the history; `pattern` says what is followed.
fn play(operations: &[Operation], pattern: &str) -> Bench {
    let mut bench = Bench::reading(&[pattern], Start::Beginning, SHORT, 64);
    let follows_rotated = pattern.contains('*');
    let mut writer = bench.writer("a.log");
    let mut rotations = 0;
    // Time for which the server has had a file open that the path does not lead to.
    let mut stale_for = None;
    for (number, operation) in operations.iter().enumerate() {
        let render = |text: &Text| {
            let end = if text.is_whole { "\n" } else { "" };
            format!("<{number}{}>{end}", "-".repeat(text.padding))
        };
        match operation {
            Operation::Append(text) => writer.write_all(render(text).as_bytes()).unwrap(),
            Operation::AppendByPath(text) => bench.append("a.log", &render(text)),
            Operation::Rotate if bench.path("a.log").exists() => {
                if !follows_rotated {
                    // A file that comes and goes between two polls cannot be found by its path.
                    bench.round();
                }
                rotations += 1;
                stale_for.get_or_insert(Duration::ZERO);
                bench.rename("a.log", &format!("a.log.{rotations}"));
            }
            Operation::Rotate => {}
            Operation::Reopen => (writer, stale_for) = (bench.writer("a.log"), None),
            Operation::Round => {
                bench.round();
            }
            Operation::Discover => bench.source.discover(&mut |_| {}),
            Operation::Advance(seconds) => {
                let seconds = Duration::from_secs(*seconds);
                stale_for = stale_for.map(|stale| stale + seconds);
                if stale_for.is_some_and(|stale| stale >= WAIT) {
                    // It is slow to reopen, but not that slow.
                    (writer, stale_for) = (bench.writer("a.log"), None);
                }
                bench.clock.advance(seconds);
                bench.drain();
            }
        }
    }
    bench
}

/// Returns every line of every file, the unfinished last one of rotated files included if `finished`.
fn written(bench: &Bench, finished: bool) -> (Vec<String>, u64) {
    let (mut lines, mut overlong) = (Vec::new(), 0);
    for entry in std::fs::read_dir(bench.root.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.split_inclusive('\n') {
            let is_whole = line.ends_with('\n');
            let line = line.trim_end_matches('\n');
            let is_final = finished && !path.ends_with("a.log");
            if !is_whole && !is_final {
                continue;
            }
            if line.len() > SHORT {
                overlong += 1;
            } else {
                lines.push(line.to_owned());
            }
        }
    }
    lines.sort();
    (lines, overlong)
}

/// Returns the lines handed over, with lines over the limit only counted.
fn read(bench: &Bench) -> (Vec<String>, u64) {
    let (mut lines, long): (Vec<_>, Vec<_>) = bench
        .lines
        .iter()
        .cloned()
        .partition(|line| line.len() <= SHORT);
    lines.sort();
    (lines, bench.overlong + long.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rotated_files_in_the_glob_are_read_exactly_once(
        operations in proptest::collection::vec(operation(), 0..60),
    ) {
        let mut bench = play(&operations, "a.log*");
        bench.append("a.log", "");
        bench.drain();
        bench.clock.advance(2 * WAIT);
        bench.drain();
        prop_assert_eq!(read(&bench), written(&bench, true));
        prop_assert!(bench.source.open_files() <= 1);
    }

    #[test]
    fn rotated_files_out_of_sight_are_read_exactly_once_and_finished(
        operations in proptest::collection::vec(operation(), 0..60),
    ) {
        let mut bench = play(&operations, "a.log");
        bench.append("a.log", "");
        bench.drain();
        bench.clock.advance(2 * WAIT);
        bench.drain();
        prop_assert_eq!(read(&bench), written(&bench, true));
        prop_assert!(bench.source.open_files() <= 1);
    }
}
