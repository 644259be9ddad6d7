//! Any sequence of writing, rotating, compressing, deleting, reading and restarting, on a real file system.

use proptest::prelude::*;

use super::*;

/// A step of a log, of its server or of the exporter.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The server writes lines.
    Append(u8),
    /// The log is renamed, and its rotated files too. No other one is created.
    Rotate,
    /// The server opens the log again, if it was renamed.
    Reopen,
    /// The latest rotated file is compressed.
    Pack,
    /// The log is deleted, and its server opens another one.
    Delete,
    /// The exporter reads.
    Poll,
    /// Minutes pass.
    Wait,
    /// The exporter is stopped until its next poll.
    Stop,
}

/// A server and its log, and the exporter that follows it.
struct World {
    bench: Bench,
    server: File,
    saved: Option<SavedFiles>,
    written: u32,
    /// Numbers of lines of which the file was deleted before they were read.
    deleted: BTreeSet<u32>,
    /// Numbers of the lines in the log's file.
    present: Vec<u32>,
}

impl World {
    fn new(pattern: &str, births: bool) -> Self {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        bench.fs.set_births(births);
        let server = bench.writer("a.log");
        bench.drain();
        Self {
            bench,
            server,
            saved: None,
            written: 0,
            deleted: BTreeSet::new(),
            present: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        let bench = &mut self.bench;
        match step {
            Step::Append(count) => {
                for _ in 0..count {
                    writeln!(self.server, "line number {} of the log", self.written).unwrap();
                    self.present.push(self.written);
                    self.written += 1;
                }
            }
            Step::Rotate if bench.path("a.log").exists() => {
                for number in (1..9).rev() {
                    for suffix in ["", ".gz"] {
                        let name = format!("a.log.{number}{suffix}");
                        if bench.path(&name).exists() {
                            bench.rename(&name, &format!("a.log.{}{suffix}", number + 1));
                        }
                    }
                }
                bench.rename("a.log", "a.log.1");
                self.present.clear();
            }
            Step::Delete if bench.path("a.log").exists() => {
                remove_file(bench.path("a.log")).unwrap();
                self.deleted.extend(self.present.drain(..));
                self.server = bench.writer("a.log");
            }
            Step::Reopen if !bench.path("a.log").exists() => self.server = bench.writer("a.log"),
            Step::Pack if bench.path("a.log.1").exists() && bench.path("a.log").exists() => {
                bench.compress("a.log.1");
            }
            Step::Poll => {
                if let Some(saved) = self.saved.take() {
                    bench.resume(&saved);
                }
                bench.drain();
            }
            Step::Wait => bench.clock.advance(2 * WAIT),
            Step::Stop => {
                let saved = self.saved.take();
                self.saved = Some(saved.unwrap_or_else(|| bench.source.save()));
            }
            _ => {}
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..4).prop_map(Step::Append),
        4 => Just(Step::Rotate),
        2 => Just(Step::Reopen),
        1 => Just(Step::Pack),
        1 => Just(Step::Delete),
        3 => Just(Step::Poll),
        1 => Just(Step::Stop),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn each_line_is_counted_once_however_logs_are_rotated(
        steps in steps(),
        births in any::<bool>(),
        pattern in prop::sample::select(vec!["a.log", "a.log*", "*.log"]),
    ) {
        let mut world = World::new(pattern, births);
        for step in steps {
            world.take(step);
        }
        for _ in 0..3 {
            world.take(Step::Poll);
            world.bench.clock.advance(WAIT);
        }
        let mut counted = BTreeSet::new();
        for line in &world.bench.lines {
            let number: u32 = line.split(' ').nth(2).unwrap().parse().unwrap();
            prop_assert!(counted.insert(number), "{number} is counted twice");
        }
        let has_gap = world.bench.events.iter().any(|event| event.gap().is_some());
        for number in 0..world.written {
            let is_accounted = counted.contains(&number) || world.deleted.contains(&number);
            prop_assert!(is_accounted || has_gap, "{number} is lost");
        }
    }
}
