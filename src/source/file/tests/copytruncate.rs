//! Every line is counted once, whenever the source polls while a log is copied, truncated and written again.

use super::*;

/// Steps of one rotation. The source may poll before each, and after the last.
const STEPS: u32 = 6;

/// One way in which rotations and polls can take turns.
#[derive(Clone, Copy, Debug)]
struct Course {
    pattern: &'static str,
    /// Name of the copy before its number, and behind it.
    copy: (&'static str, &'static str),
    /// Bit n: the source polls before step n.
    polls: u32,
    /// Bit n: that poll does not list directories, unless a known path changed.
    short: u32,
    /// Lines before each rotation that were not polled.
    unread: u32,
    /// Lines after each truncation: the log is smaller, as large, or larger than it was.
    written: [u32; 3],
    /// Time between two rotations.
    pause: Duration,
    has_births: bool,
}

/// Returns lines of equal length, each with a number.
fn lines(numbers: std::ops::Range<u32>) -> String {
    let line = |number| format!("line number {number:06} of a log that is copied\n");
    numbers.map(line).collect()
}

impl Bench {
    fn poll_at(&mut self, course: &Course, step: u32) {
        if course.polls >> step & 1 == 1 {
            if course.short >> step & 1 == 1 {
                while self.round() == Progress::More {}
            } else {
                self.drain();
            }
        }
    }

    /// Copies the log and truncates it, as logrotate does.
    fn copytruncate(&mut self, course: &Course) {
        let (before, behind) = course.copy;
        let name = |number: u32| format!("{before}{number}{behind}");
        self.poll_at(course, 0);
        for number in (1..3).rev() {
            if self.path(&name(number)).exists() {
                self.rename(&name(number), &name(number + 1));
            }
        }
        self.poll_at(course, 1);
        let text = std::fs::read(self.path("a.log")).unwrap();
        let mut copy = File::create(self.path(&name(1))).unwrap();
        self.poll_at(course, 2);
        let (first, rest) = text.split_at(text.len() / 2 + 10);
        copy.write_all(first).unwrap();
        self.poll_at(course, 3);
        copy.write_all(rest).unwrap();
        self.poll_at(course, 4);
        let log = File::options().write(true).open(self.path("a.log"));
        log.unwrap().set_len(0).unwrap();
        self.poll_at(course, 5);
    }
}

fn check(course: &Course) {
    let mut bench = Bench::new(&[course.pattern], Start::Beginning);
    bench.fs.set_births(course.has_births);
    let mut next = 20;
    let mut write = |bench: &Bench, count| {
        bench.append("a.log", &lines(next..next + count));
        next += count;
    };
    bench.append("a.log", &lines(0..20));
    bench.drain();
    for written in course.written {
        write(&bench, course.unread);
        bench.copytruncate(course);
        write(&bench, written);
        bench.poll_at(course, STEPS);
        bench.clock.advance(course.pause);
        bench.round();
    }
    for time in [course.pause, WAIT, WAIT, WAIT] {
        bench.drain();
        bench.clock.advance(time);
    }
    bench.lines.sort();
    let all: Vec<_> = lines(0..next).lines().map(str::to_owned).collect();
    let found = (bench.lines.len(), all.len());
    assert!(bench.lines == all, "{course:?}: {found:?}");
}

/// Checks all turns of rotations and polls, each with one of the other settings.
fn check_all(patterns: &[&'static str], copy: (&'static str, &'static str)) {
    let pauses = [0, 500, 1_000, 2_000].map(Duration::from_millis);
    for polls in 0..2_u32 << STEPS {
        let hash = polls.wrapping_mul(0x9e37_79b9_u32) >> 9;
        let roll = |shift: u32, sides: usize| (hash >> shift) as usize % sides;
        check(&Course {
            pattern: patterns[roll(2, patterns.len())],
            copy,
            polls,
            short: hash,
            unread: [0, 15][roll(7, 2)],
            written: [[20, 20, 20], [5, 30, 30]][roll(8, 2)],
            pause: pauses[roll(9, pauses.len())],
            has_births: roll(11, 4) != 0,
        });
    }
}

#[test]
fn a_copy_beside_a_log() {
    check_all(&["a.log"], ("a.log.", ""));
    check_all(&["a.log"], ("a.", ".log"));
}

#[test]
fn a_copy_with_a_rotated_name_in_a_glob() {
    check_all(&["a.log*", "*.log*", "**/*.log*"], ("a.log.", ""));
}

#[test]
fn a_copy_with_the_extension_of_the_log_in_a_glob() {
    check_all(&["*.log", "**/*.log*"], ("a.", ".log"));
}

#[test]
fn a_copy_with_a_name_of_its_own_in_a_glob() {
    check_all(&["*", "**/*.log*"], ("copy-", "-a.log"));
}

/// Copies and truncates a log, and renames it twice, before the source polls again; expects that each of the lines is counted once.
fn check_copy_and_renames(written: u32, is_down: bool) {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let mut next = 0;
    let mut write = |bench: &Bench, count| {
        bench.append("a.log", &lines(next..next + count));
        next += count;
    };
    write(&bench, 10);
    bench.drain();
    let saved = is_down.then(|| bench.source.save());
    write(&bench, 5);
    std::fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    let log = File::options().write(true).open(bench.path("a.log"));
    log.unwrap().set_len(0).unwrap();
    for _ in 0..2 {
        write(&bench, written);
        for number in (1..4).rev() {
            let [from, to] = [number, number + 1].map(|number| format!("a.log.{number}"));
            if bench.path(&from).exists() {
                bench.rename(&from, &to);
            }
        }
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", "");
    }
    write(&bench, 5);
    if let Some(saved) = saved {
        bench.resume(&saved);
    }
    for time in [Duration::from_millis(1_001), WAIT, WAIT, WAIT] {
        bench.drain();
        bench.clock.advance(time);
    }
    bench.lines.sort();
    let all: Vec<_> = lines(0..next).lines().map(str::to_owned).collect();
    let found = (bench.lines.len(), all.len());
    assert!(bench.lines == all, "{written} {is_down}: {found:?}");
    let gaps = bench.events.iter().filter_map(FileEvent::gap);
    let gaps: Vec<_> = gaps.map(|gap| gap.reason.name).collect();
    assert_eq!(gaps, ["copytruncate"], "{written} {is_down}");
}

#[test]
fn a_log_that_was_copied_truncated_and_renamed_twice_between_two_polls_is_read_whole() {
    for written in [1, 5, 9, 10, 11, 15, 40] {
        for is_down in [false, true] {
            check_copy_and_renames(written, is_down);
        }
    }
}
