//! Named fates of files, each with the count it must lead to: every line once.
//!
//! They include those that a random history cannot express.

use std::io::{Seek, SeekFrom};

use super::*;
use crate::model::GapBound;

impl Bench {
    /// Writes lines of these numbers.
    fn log(writer: &mut File, numbers: std::ops::Range<u32>) {
        for number in numbers {
            writeln!(writer, "line number {number}").unwrap();
        }
    }

    /// Drains until everything rotated is finished, and expects each line of these numbers once.
    fn expect(&mut self, numbers: std::ops::Range<u32>) {
        for _ in 0..3 {
            self.drain();
            self.clock.advance(WAIT);
        }
        let mut lines = std::mem::take(&mut self.lines);
        let mut expected: Vec<_> = numbers
            .map(|number| format!("line number {number}"))
            .collect();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
    }

    /// Compresses a file and removes it, as gzip does.
    pub(super) fn compress(&self, name: &str) {
        let text = std::fs::read(self.path(name)).unwrap();
        write(self.path(&format!("{name}.gz")), gzip(&text)).unwrap();
        remove_file(self.path(name)).unwrap();
    }

    /// Copies a file, as logrotate does with `copytruncate` before it truncates.
    fn copy(&self, from: &str, to: &str) {
        std::fs::copy(self.path(from), self.path(to)).unwrap();
    }

    fn truncate(&self, name: &str, size: u64) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        file.set_len(size).unwrap();
    }

    fn gaps(&self) -> Vec<&'static str> {
        self.events
            .iter()
            .filter_map(FileEvent::gap)
            .map(|gap| gap.reason.name)
            .collect()
    }
}

fn bench() -> (Bench, File) {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let writer = bench.writer("a.log");
    bench.drain();
    (bench, writer)
}

// --- Rotation while we follow ---

#[test]
fn a_server_that_reopens_thirty_seconds_late() {
    let (mut bench, mut early) = bench();
    Bench::log(&mut early, 0..10);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    for second in 10..40 {
        Bench::log(&mut early, second..second + 1);
        bench.clock.advance(Duration::from_secs(1));
        bench.drain();
    }
    Bench::log(&mut bench.writer("a.log"), 40..50);
    bench.expect(0..50);
}

#[test]
fn a_server_that_never_reopens() {
    let (mut bench, mut early) = bench();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    for round in 0..10 {
        // It is closed, and found to grow again.
        bench.clock.advance(2 * WAIT);
        bench.drain();
        bench.drain();
        Bench::log(&mut early, round..round + 1);
    }
    bench.expect(0..10);
}

#[test]
fn a_path_that_is_absent_for_ten_seconds() {
    let (mut bench, mut early) = bench();
    Bench::log(&mut early, 0..5);
    bench.rename("a.log", "a.log.1");
    for _ in 0..10 {
        bench.clock.advance(Duration::from_secs(1));
        bench.drain();
    }
    Bench::log(&mut early, 5..7);
    Bench::log(&mut bench.writer("a.log"), 7..9);
    bench.expect(0..9);
}

#[test]
fn three_rotations_between_two_polls() {
    let (mut bench, mut writer) = bench();
    for rotation in 0..3 {
        Bench::log(&mut writer, 10 * rotation..10 * rotation + 10);
        for number in (1..=rotation).rev() {
            bench.rename(&format!("a.log.{number}"), &format!("a.log.{}", number + 1));
        }
        bench.rename("a.log", "a.log.1");
        writer = bench.writer("a.log");
    }
    Bench::log(&mut writer, 30..40);
    bench.expect(0..40);
}

#[test]
fn rotations_compressed_at_once_between_two_polls() {
    let (mut bench, mut writer) = bench();
    for rotation in 0..3 {
        Bench::log(&mut writer, 10 * rotation..10 * rotation + 10);
        for number in (1..=rotation).rev() {
            let (from, to) = (
                format!("a.log.{number}.gz"),
                format!("a.log.{}.gz", number + 1),
            );
            bench.rename(&from, &to);
        }
        bench.rename("a.log", "a.log.1");
        writer = bench.writer("a.log");
        bench.compress("a.log.1");
    }
    Bench::log(&mut writer, 30..40);
    bench.expect(0..40);
    assert_eq!(bench.gaps(), [""; 0]);
}

#[test]
fn a_rotation_compressed_at_the_next_one() {
    let (mut bench, mut writer) = bench();
    for rotation in 0..4 {
        Bench::log(&mut writer, 10 * rotation..10 * rotation + 10);
        if rotation > 0 {
            bench.compress("a.log.1");
            for number in (1..=rotation).rev() {
                let (from, to) = (
                    format!("a.log.{number}.gz"),
                    format!("a.log.{}.gz", number + 1),
                );
                if bench.path(&from).exists() {
                    bench.rename(&from, &to);
                }
            }
        }
        bench.rename("a.log", "a.log.1");
        writer = bench.writer("a.log");
        bench.clock.advance(2 * WAIT);
        bench.drain();
    }
    bench.expect(0..40);
}

#[test]
fn dated_names_and_one_that_is_taken() {
    let (mut bench, mut writer) = bench();
    for (rotation, name) in ["a.log-20261122", "a.log-20261123"].into_iter().enumerate() {
        let first = 10 * u32::try_from(rotation).unwrap();
        Bench::log(&mut writer, first..first + 10);
        bench.rename("a.log", name);
        writer = bench.writer("a.log");
    }
    // logrotate leaves the log alone where the name is there already.
    Bench::log(&mut writer, 20..30);
    bench.expect(0..30);
}

#[test]
fn an_old_directory_on_another_file_system() {
    let (mut bench, mut early) = bench();
    Bench::log(&mut early, 0..10);
    bench.drain();
    create_dir(bench.path("old")).unwrap();
    Bench::log(&mut early, 10..15);
    bench.copy("a.log", "old/a.log.1");
    remove_file(bench.path("a.log")).unwrap();
    Bench::log(&mut early, 15..20);
    Bench::log(&mut bench.writer("a.log"), 20..25);
    bench.expect(0..25);
}

#[test]
fn fifty_hosts_rotated_by_one_script() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    let names: Vec<_> = (0..50).map(|host| format!("{host}.log")).collect();
    let mut writers: Vec<_> = names.iter().map(|name| bench.writer(name)).collect();
    bench.drain();
    for rotation in 0..2 {
        for (writer, host) in writers.iter_mut().zip(0..) {
            Bench::log(
                writer,
                100 * host + 10 * rotation..100 * host + 10 * rotation + 10,
            );
        }
        for name in &names {
            if rotation == 1 {
                bench.rename(&format!("{name}.1"), &format!("{name}.2"));
            }
            bench.rename(name, &format!("{name}.1"));
        }
        for (writer, host) in writers.iter_mut().zip(0..) {
            Bench::log(
                writer,
                100 * host + 20 + rotation..100 * host + 21 + rotation,
            );
        }
        writers = names.iter().map(|name| bench.writer(name)).collect();
    }
    bench.drain();
    let mut lines = std::mem::take(&mut bench.lines);
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 50 * 22);
}

#[test]
fn a_hundred_rotations_in_a_second() {
    let (mut bench, mut writer) = bench();
    for rotation in 0..100_u32 {
        Bench::log(&mut writer, 10 * rotation..10 * rotation + 9);
        bench.rename("a.log", &format!("a.log-20261122{rotation:03}"));
        Bench::log(&mut writer, 10 * rotation + 9..10 * rotation + 10);
        writer = bench.writer("a.log");
        bench.clock.advance(Duration::from_millis(10));
        if rotation % 7 == 0 {
            bench.round();
        }
    }
    bench.expect(0..1_000);
}

#[test]
fn a_copy_of_a_read_log_and_a_truncation() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    bench.drain();
    bench.copy("a.log", "a.log.1");
    bench.drain();
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 10..15);
    bench.expect(0..15);
    assert_eq!(bench.gaps(), ["copytruncate"]);
}

#[test]
fn a_copy_with_a_backlog_and_a_truncation() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    bench.drain();
    Bench::log(&mut writer, 10..500);
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 500..505);
    bench.expect(0..505);
    assert_eq!(bench.gaps(), ["copytruncate"]);
}

#[test]
fn two_copies_and_truncations_between_two_polls_the_first_compressed() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    bench.drain();
    Bench::log(&mut writer, 10..20);
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 20..30);
    bench.compress("a.log.1");
    bench.rename("a.log.1.gz", "a.log.2.gz");
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 30..35);
    bench.expect(0..35);
}

#[test]
fn lines_written_between_copy_and_truncation_are_lost_and_no_others() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    bench.drain();
    Bench::log(&mut writer, 10..20);
    bench.copy("a.log", "a.log.1");
    Bench::log(&mut writer, 99..103);
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 20..30);
    bench.expect(0..30);
    assert_eq!(bench.gaps(), ["copytruncate"]);
}

#[test]
fn bytes_that_a_copy_is_known_to_lack_are_lost_at_least() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    writer.write_all(b"half a line").unwrap();
    bench.drain();
    bench.copy("a.log", "a.log.1");
    let size = bench.path("a.log").metadata().unwrap().len();
    bench.truncate("a.log.1", size - 4);
    bench.truncate("a.log", 0);
    bench.drain();
    let gap = bench.events.iter().find_map(FileEvent::gap).unwrap();
    let bounds: Vec<_> = gap.bounds().collect();
    assert_eq!(
        (gap.reason.name, &bounds[..]),
        ("copytruncate", &[(GapBound::Min, 4)][..])
    );
}

#[test]
fn bytes_that_were_known_before_a_truncation_are_lost_at_least() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..10);
    writer.write_all(b"half a line").unwrap();
    bench.drain();
    bench.truncate("a.log", 0);
    bench.drain();
    bench.clock.advance(Duration::from_secs(1));
    bench.drain();
    let gap = bench.events.iter().find_map(FileEvent::gap).unwrap();
    let bounds: Vec<_> = gap.bounds().collect();
    assert_eq!(
        (gap.reason.name, &bounds[..]),
        ("truncated", &[(GapBound::Min, 11)][..])
    );
}

#[test]
fn a_log_that_grew_again_past_what_was_read_with_the_same_first_line() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..3);
    bench.drain();
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 0..1);
    Bench::log(&mut writer, 3..20);
    bench.drain();
    let first = bench
        .lines
        .iter()
        .filter(|line| *line == "line number 0")
        .count();
    assert_eq!((first, bench.lines.len()), (2, 3 + 18));
}

#[test]
fn a_log_truncated_to_a_part_of_what_was_read() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..100);
    bench.drain();
    bench.truncate("a.log", 13 * 7);
    bench.drain();
    Bench::log(&mut writer, 100..110);
    bench.expect(0..110);
    assert_eq!(bench.gaps(), ["truncated"]);
}

#[test]
fn a_log_cut_in_its_first_line_by_a_server_that_does_not_append() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let mut writer = File::create(bench.path("a.log")).unwrap();
    writer.write_all(b"line num").unwrap();
    bench.drain();
    bench.truncate("a.log", 0);
    bench.drain();
    Bench::log(&mut writer, 0..3);
    bench.expect(0..3);
}

#[test]
fn a_log_as_long_as_it_was_holding_something_else() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 10..20);
    bench.drain();
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log", 0);
    Bench::log(&mut writer, 20..30);
    assert_eq!(
        bench.path("a.log").metadata().unwrap().len(),
        bench.offsets()[0]
    );
    bench.expect(10..30);
}

// --- What the system refuses ---

#[test]
fn a_file_that_may_not_be_read_after_rotation_and_then_may() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..5);
    bench.drain();
    bench.rename("a.log", "a.log.1");
    writer = bench.writer("a.log");
    bench.fs.refuse(bench.path("a.log"));
    Bench::log(&mut writer, 5..10);
    bench.drain();
    bench.fs.allow_all();
    bench.expect(0..10);
}

#[test]
fn a_directory_that_is_replaced() {
    let mut bench = Bench::new(&["log/a.log"], Start::Beginning);
    create_dir(bench.path("log")).unwrap();
    let mut early = bench.writer("log/a.log");
    Bench::log(&mut early, 0..5);
    bench.drain();
    bench.rename("log", "log.old");
    create_dir(bench.path("log")).unwrap();
    Bench::log(&mut early, 5..10);
    Bench::log(&mut bench.writer("log/a.log"), 10..15);
    bench.expect(0..15);
}

// --- What stands in a file ---

#[test]
fn a_line_of_a_gibibyte() {
    let (mut bench, mut writer) = bench();
    writer.write_all(b"x").unwrap();
    writer.set_len(1 << 30).unwrap();
    writer.seek(SeekFrom::End(0)).unwrap();
    writer.write_all(b"\nline number 0\n").unwrap();
    bench.expect(0..1);
    assert_eq!(bench.overlong, 1);
}

#[test]
fn zero_bytes_in_a_line_and_lines_of_nothing_else_are_lines() {
    let (mut bench, mut writer) = bench();
    writer.write_all(b"a\0b\n\0\0\0\nc\n").unwrap();
    assert_eq!(bench.take_lines(), ["a\0b", "\0\0\0", "c"]);
}

#[test]
fn lines_that_are_no_text_empty_ones_and_ends_of_two_bytes() {
    let (mut bench, mut writer) = bench();
    writer.write_all(b"\xff\xfe\n\n\r\na\r\n\n").unwrap();
    assert_eq!(bench.take_lines(), ["\u{fffd}\u{fffd}", "", "", "a", ""]);
}

#[test]
fn the_last_line_of_an_archive_without_its_end() {
    let (mut bench, mut writer) = bench();
    Bench::log(&mut writer, 0..3);
    bench.drain();
    for number in [2, 1] {
        let (first, last) = (2 * number + 1, 2 * number + 2);
        let text = format!("line number {first}\nline number {last}");
        write(bench.path(&format!("a.log.{number}")), text).unwrap();
        bench.compress(&format!("a.log.{number}"));
    }
    bench.expect(0..7);
}

#[test]
fn lines_that_end_at_and_beside_the_end_of_a_read() {
    for length in [62, 63, 64, 65] {
        let mut bench = Bench::reading(&["a.log"], Start::Beginning, 100, 256);
        let line = "x".repeat(length);
        bench.append("a.log", &format!("{line}\n").repeat(50));
        assert_eq!(bench.take_lines(), vec![line; 50]);
    }
}

/// A text that was seen is distinguished by its file. (One that came and went between two polls and begins as another
/// does counts as its copy.)
#[test]
fn the_same_line_a_million_times_across_rotations() {
    let (mut bench, _) = bench();
    let some = "the same line\n".repeat(100_000);
    let mut counted = 0;
    for rotation in 0..10 {
        bench.append("a.log", &some);
        if rotation % 2 == 0 {
            counted += bench.take_lines().len();
        }
        bench.rename("a.log", &format!("a.log-202611220{rotation}"));
        bench.append("a.log", "");
        counted += bench.take_lines().len();
    }
    assert_eq!(counted, 1_000_000);
}
