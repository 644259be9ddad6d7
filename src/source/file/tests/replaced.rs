//! Logs whose text stands in another file, or is a part of what it was; files that lose or change their names.

use super::planted::{Fault, plant};
use super::*;
use crate::source::file::doubt::REST;

impl Bench {
    /// Replaces a file by another with this text, as `rsync` and editors do.
    fn replace(&self, name: &str, text: &str) {
        write(self.path("temporary"), text).unwrap();
        self.rename("temporary", name);
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    let lines: Vec<_> = numbers
        .map(|number| format!("line number {number}\n"))
        .collect();
    lines.concat()
}

fn expected(numbers: std::ops::Range<u32>) -> Vec<String> {
    lines(numbers).lines().map(str::to_owned).collect()
}

fn bench(text: &str) -> Bench {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", text);
    bench.drain();
    bench.lines.clear();
    bench
}

#[test]
fn a_deleted_log_is_closed_when_it_was_quiet_for_a_while() {
    let mut bench = bench(&lines(0..10));
    let mut server = bench.writer("a.log");
    remove_file(bench.path("a.log")).unwrap();
    bench.drain();
    for number in 10..13 {
        bench.clock.advance(WAIT / 2);
        server
            .write_all(lines(number..number + 1).as_bytes())
            .unwrap();
        assert_eq!(bench.take_lines(), expected(number..number + 1));
    }
    bench.clock.advance(WAIT);
    assert!(bench.take_lines().is_empty());
    assert_eq!(bench.source.open_files(), 0);
}

#[test]
fn a_file_keeps_its_place_under_another_path() {
    let mut bench = Bench::new(&["a/a.log"], Start::Beginning);
    create_dir(bench.path("a")).unwrap();
    symlink("a", bench.path("b")).unwrap();
    bench.append("a/a.log", &lines(0..10));
    assert_eq!(bench.take_lines(), expected(0..10));
    for paths in [["b/a.log"], ["b/*.log"], ["./a/a.log"]] {
        bench.append("a/a.log", &lines(10..11));
        let other = settings(&bench.root, &paths, Start::Beginning, LIMIT);
        bench.source.reconfigure(&other);
        bench.append("a/a.log", &lines(11..12));
        assert_eq!(bench.take_lines(), expected(10..12), "{paths:?}");
        assert_eq!(bench.source.open_files(), 1, "{paths:?}");
    }
    bench.rename("a/a.log", "a/a.log.1");
    bench.append("a/a.log.1", &lines(12..13));
    bench.append("a/a.log", &lines(13..14));
    assert_eq!(bench.take_lines(), expected(12..14));
}

#[test]
fn a_rotated_file_keeps_its_place_if_its_log_is_followed_by_another_path() {
    let mut bench = Bench::new(&["a/a.log"], Start::Beginning);
    create_dir(bench.path("a")).unwrap();
    symlink("a", bench.path("b")).unwrap();
    let mut server = bench.writer("a/a.log");
    bench.drain();
    bench.rename("a/a.log", "a/a.log.1");
    bench.append("a/a.log", "");
    bench.drain();
    server.write_all(lines(0..2).as_bytes()).unwrap();
    let other = settings(&bench.root, &["b/a.log"], Start::Beginning, LIMIT);
    bench.source.reconfigure(&other);
    assert_eq!(bench.take_lines(), expected(0..2));
    server.write_all(lines(2..4).as_bytes()).unwrap();
    assert_eq!(bench.take_lines(), expected(2..4));
    assert_eq!(bench.source.open_files(), 2);
}

// --- A file that took the place of the log ---

#[test]
fn a_file_with_the_same_lines_and_more_is_read_on() {
    let mut bench = bench(&lines(0..1_000));
    for round in 0..5 {
        let more = 1_000 + 10 * round..1_010 + 10 * round;
        let text = bench.text("a.log") + &lines(more.clone());
        bench.replace("a.log", &text);
        assert_eq!(bench.take_lines(), expected(more));
    }
    bench.clock.advance(2 * WAIT);
    assert!(bench.take_lines().is_empty());
    assert_eq!(bench.source.open_files(), 1);
}

#[test]
fn a_file_that_replaces_one_of_many_megabytes_is_compared_in_steps() {
    let mut bench = bench(&lines(0..2_000_000));
    bench.replace("a.log", &lines(0..2_000_001));
    bench.drain();
    assert_eq!(bench.take_lines(), expected(2_000_000..2_000_001));
}

#[test]
fn unread_lines_are_counted_once_in_whichever_file_they_stand() {
    let mut bench = bench(&lines(0..10));
    let mut server = bench.writer("a.log");
    server.write_all(lines(10..20).as_bytes()).unwrap();
    let text = bench.text("a.log");
    server.write_all(lines(20..23).as_bytes()).unwrap();
    server.write_all(b"half").unwrap();
    bench.replace("a.log", &(text + &lines(30..33)));
    bench.drain();
    server.write_all(b" a line\n").unwrap();
    let mut lines = bench.take_lines();
    lines.sort();
    let mut right: Vec<_> = [expected(10..23), expected(30..33)].concat();
    right.push("half a line".to_owned());
    right.sort();
    assert_eq!(lines, right);
}

#[test]
fn an_unfinished_line_is_finished_in_the_new_file_alone() {
    let mut bench = bench(&(lines(0..10) + "half"));
    bench.replace("a.log", &(lines(0..10) + "half a line\n"));
    assert_eq!(bench.take_lines(), ["half a line"]);
    bench.clock.advance(WAIT);
    assert!(bench.take_lines().is_empty());
}

#[test]
fn history_that_was_skipped_is_not_counted_in_another_file() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", &lines(0..1_000));
    bench.drain();
    bench.replace("a.log", &lines(0..1_001));
    assert_eq!(bench.take_lines(), expected(1_000..1_001));
}

#[test]
fn a_log_trimmed_to_its_last_lines_is_read_on() {
    for (kept, is_moved) in [(5, false), (500, false), (5, true), (500, true)] {
        let mut bench = bench(&lines(0..1_000));
        let text = lines(1_000 - kept..1_003);
        if is_moved {
            bench.replace("a.log", &text);
        } else {
            write(bench.path("a.log"), text).unwrap();
        }
        assert_eq!(bench.take_lines(), expected(1_000..1_003), "{kept}");
        bench.append("a.log", &lines(1_003..1_005));
        assert_eq!(bench.take_lines(), expected(1_003..1_005), "{kept}");
        bench.clock.advance(2 * WAIT);
        assert!(bench.take_lines().is_empty(), "{kept}");
        assert_eq!(bench.source.open_files(), 1);
    }
}

#[test]
fn a_log_cut_to_its_first_lines_by_another_file_is_read_on_behind_them() {
    let mut bench = bench(&lines(0..1_000));
    bench.replace("a.log", &lines(0..100));
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", &lines(2_000..2_003));
    assert_eq!(bench.take_lines(), expected(2_000..2_003));
    bench.clock.advance(2 * WAIT);
    assert!(bench.take_lines().is_empty());
    assert_eq!(bench.source.open_files(), 1);
}

#[test]
fn lines_removed_from_the_middle_or_inserted_are_not_those_at_the_end() {
    let mut bench = bench(&lines(0..1_000));
    bench.replace("a.log", &(lines(0..300) + &lines(700..1_001)));
    assert_eq!(bench.take_lines(), expected(1_000..1_001));
    let inserted = lines(0..300) + "inserted\n" + &lines(700..1_002);
    bench.replace("a.log", &inserted);
    assert_eq!(bench.take_lines(), expected(1_001..1_002));
}

#[test]
fn lines_removed_or_inserted_near_the_end_are_not_those_at_the_end() {
    for is_renamed in [false, true] {
        let mut bench = bench(&lines(0..1_000));
        let mut change = |text: String, next| {
            if is_renamed {
                bench.replace("a.log", &text);
            } else {
                write(bench.path("a.log"), text).unwrap();
            }
            assert_eq!(bench.take_lines(), expected(next..next + 1), "{is_renamed}");
        };
        change(lines(0..970) + &lines(971..1_001), 1_000);
        change(lines(0..980) + "inserted\n" + &lines(980..1_002), 1_001);
        change(lines(0..900) + &lines(960..1_003), 1_002);
    }
}

/// An editor renames the log, writes another one, and removes the old one.
#[test]
fn a_file_that_an_editor_writes_in_pieces_is_not_counted() {
    let mut bench = bench(&lines(0..1_000));
    bench.rename("a.log", "a.log~");
    bench.append("a.log", &lines(0..300));
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", &lines(300..1_001));
    assert_eq!(bench.take_lines(), expected(1_000..1_001));
    remove_file(bench.path("a.log~")).unwrap();
    bench.clock.advance(2 * WAIT);
    assert!(bench.take_lines().is_empty());
}

#[test]
fn a_file_that_an_editor_writes_slowly_is_not_counted() {
    for pattern in ["a.log", "*.log*"] {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        bench.append("a.log", &lines(0..1_000));
        bench.drain();
        bench.lines.clear();
        bench.rename("a.log", "a.log~");
        bench.append("a.log", &lines(0..50));
        for _ in 0..5 {
            assert!(bench.take_lines().is_empty(), "{pattern}");
            bench.clock.advance(Duration::from_secs(1));
        }
        bench.append("a.log", &lines(50..1_001));
        assert_eq!(bench.take_lines(), expected(1_000..1_001), "{pattern}");
    }
}

/// `sed -i.bak`, or a log that is put back.
#[test]
fn a_file_that_holds_all_of_a_renamed_one_is_read_on() {
    let mut bench = bench(&lines(0..1_000));
    bench.rename("a.log", "a.log.bak");
    bench.append("a.log", &lines(0..1_001));
    assert_eq!(bench.take_lines(), expected(1_000..1_001));
}

#[test]
fn a_log_that_is_put_back_after_it_was_deleted_and_closed_is_read_on() {
    let mut bench = bench(&lines(0..1_000));
    remove_file(bench.path("a.log")).unwrap();
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    assert_eq!(bench.source.open_files(), 0);
    bench.append("a.log", &lines(0..1_001));
    assert_eq!(bench.take_lines(), expected(1_000..1_001));
}

#[test]
fn another_text_is_read_from_its_start() {
    let mut bench = bench(&lines(0..1_000));
    bench.replace("a.log", &lines(2_000..4_000));
    assert_eq!(bench.take_lines(), expected(2_000..4_000));
}

#[test]
fn a_copy_of_a_replaced_log_is_known_once_both_are_closed() {
    let mut bench = bench(&lines(0..1_000));
    bench.replace("a.log", &lines(0..1_010));
    assert_eq!(bench.take_lines(), expected(1_000..1_010));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    for _ in 0..3 {
        bench.drain();
        bench.clock.advance(WAIT);
    }
    write(
        bench.path("a.log.1.gz"),
        gzip(bench.text("a.log.1").as_bytes()),
    )
    .unwrap();
    remove_file(bench.path("a.log.1")).unwrap();
    write(bench.path("a.log.2.gz"), gzip(lines(0..1_000).as_bytes())).unwrap();
    assert!(bench.take_lines().is_empty());
}

// --- A file that is written in place ---

#[test]
fn a_log_that_is_rewritten_in_place_with_its_last_lines_is_read_on() {
    for kept in [5, 500] {
        let mut bench = bench(&lines(0..1_000));
        write(bench.path("a.log"), "").unwrap();
        assert!(bench.take_lines().is_empty());
        bench.clock.advance(Duration::from_millis(900));
        bench.append("a.log", &lines(1_000 - kept..1_000));
        assert!(bench.take_lines().is_empty());
        bench.append("a.log", &lines(1_000..1_002));
        assert_eq!(bench.take_lines(), expected(1_000..1_002), "{kept}");
        assert_eq!(bench.take_events(), ["Opened a.log", "Rewritten a.log"]);
    }
}

#[test]
fn a_log_that_is_written_again_in_place_is_read_on() {
    let mut bench = bench(&lines(0..1_000));
    write(bench.path("a.log"), lines(0..300)).unwrap();
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", &lines(300..1_003));
    assert_eq!(bench.take_lines(), expected(1_000..1_003));
}

/// A copying program overwrites the log, and takes its time.
#[test]
fn a_log_that_is_written_again_slowly_is_read_on() {
    for (is_empty_first, first) in [(false, 20), (false, 300), (true, 20), (true, 300)] {
        let mut bench = bench(&lines(0..1_000));
        if is_empty_first {
            write(bench.path("a.log"), "").unwrap();
            bench.drain();
        }
        write(bench.path("a.log"), lines(0..first)).unwrap();
        for _ in 0..20 {
            assert!(bench.take_lines().is_empty());
            bench.clock.advance(Duration::from_secs(2));
        }
        bench.append("a.log", &lines(first..1_003));
        assert_eq!(bench.take_lines(), expected(1_000..1_003), "{first}");
    }
}

/// `cp backup a.log`
#[test]
fn a_log_that_is_overwritten_with_an_older_state_is_read_on() {
    for is_empty_first in [false, true] {
        for time in [Duration::ZERO, REST, 2 * WAIT] {
            let mut bench = bench(&lines(0..1_000));
            if is_empty_first {
                write(bench.path("a.log"), "").unwrap();
                bench.drain();
            }
            write(bench.path("a.log"), lines(0..600)).unwrap();
            bench.drain();
            bench.clock.advance(time);
            bench.append("a.log", &lines(2_000..2_003));
            let mut found = bench.take_lines();
            bench.clock.advance(REST);
            found.extend(bench.take_lines());
            assert_eq!(found, expected(2_000..2_003), "{is_empty_first} {time:?}");
        }
    }
}

/// Which of the former lines are left is known up to the last place whose fingerprint is kept.
#[test]
fn a_log_cut_to_its_first_lines_and_written_on_between_two_polls_loses_nothing() {
    for (kept, again) in [(600, 1_000 / 8), (900, 1_000 / 8), (100, 100)] {
        let mut bench = bench(&lines(0..1_000));
        write(
            bench.path("a.log"),
            lines(0..kept) + &lines(2_000..2_000 + 1_000),
        )
        .unwrap();
        bench.drain();
        bench.clock.advance(REST);
        let found = bench.take_lines();
        assert!(found.ends_with(&expected(2_000..3_000)), "{kept}");
        assert!(found.len() <= 1_000 + again, "{kept} {}", found.len());
    }
}

#[test]
fn a_log_that_was_emptied_and_begins_as_before_is_counted() {
    let mut bench = bench(&lines(0..1_000));
    write(bench.path("a.log"), "").unwrap();
    bench.drain();
    bench.append("a.log", &lines(0..10));
    bench.drain();
    bench.append("a.log", &lines(2_000..2_010));
    bench.drain();
    bench.clock.advance(REST);
    let all = [expected(0..10), expected(2_000..2_010)].concat();
    assert_eq!(bench.take_lines(), all);
}

/// The new lines begin as the former ones did up to a place that is compared.
#[test]
fn lines_of_a_log_that_was_cut_before_a_place_that_is_compared_are_counted() {
    let mut bench = bench(&lines(0..1_000));
    let log = File::options().write(true).open(bench.path("a.log"));
    log.unwrap().set_len(lines(0..262).len() as u64).unwrap();
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", &lines(2_600..2_603));
    let mut found = bench.take_lines();
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        found.extend(bench.take_lines());
    }
    assert_eq!(found, expected(2_600..2_603));
}

/// `copytruncate` rotates a log that was cut, and the copy is compressed before it can be opened. Its only new line begins as
/// the former one did at that place, up to a place that is compared.
#[test]
fn a_line_behind_the_rest_of_a_log_that_was_cut_is_counted_from_its_copy() {
    let mut bench = bench(&lines(0..1_000));
    write(bench.path("a.log"), lines(0..68)).unwrap();
    assert!(bench.take_lines().is_empty());
    write(bench.path("a.log"), "").unwrap();
    bench.fs.refuse(bench.path("a.log.1.gz"));
    write(
        bench.path("a.log.1.gz"),
        gzip((lines(0..68) + &lines(680..681)).as_bytes()),
    )
    .unwrap();
    bench.drain();
    bench.clock.advance(REST);
    bench.drain();
    bench.fs.allow_all();
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(bench.take_lines());
        bench.clock.advance(WAIT);
    }
    assert_eq!(found, expected(680..681));
}

/// Both the rest of the log and its former text are known.
#[test]
fn a_copy_of_a_log_that_was_cut_is_known_and_so_is_one_of_its_former_text() {
    for copied in [300, 400, 1_000] {
        for is_slow in [false, true] {
            let mut bench = Bench::new(&["*.log"], Start::Beginning);
            bench.append("a.log", &lines(0..1_000));
            bench.drain();
            bench.lines.clear();
            write(bench.path("a.log"), lines(0..300)).unwrap();
            bench.drain();
            bench.append("b.log", &lines(0..300));
            if is_slow {
                bench.drain();
            }
            bench.append("b.log", &lines(300..copied));
            for _ in 0..3 {
                assert!(bench.take_lines().is_empty(), "{copied} {is_slow}");
                bench.clock.advance(WAIT / 2);
            }
            bench.append("b.log", &lines(2_000..2_003));
            assert_eq!(bench.take_lines(), expected(2_000..2_003));
        }
    }
}

/// An archive of old begins as a log did that was cut, and goes on in another way.
#[test]
fn an_archive_of_another_text_is_not_read_behind_the_rest_of_a_log_that_was_cut() {
    let mut bench = bench(&lines(0..1_000));
    let archive = bench.path("a.log-20191128.gz");
    write(
        &archive,
        gzip((lines(0..900) + &lines(2_000..2_200)).as_bytes()),
    )
    .unwrap();
    let file = File::options().append(true).open(&archive).unwrap();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_hours(24 * 365);
    file.set_modified(long_ago).unwrap();
    assert!(bench.take_lines().is_empty());
    write(bench.path("a.log"), lines(0..100)).unwrap();
    assert!(bench.take_lines().is_empty());
    bench.replace("a.log", &lines(50..100));
    for _ in 0..5 {
        assert!(bench.take_lines().is_empty());
        bench.clock.advance(WAIT);
    }
}

/// Without times of birth, a file can have the number of one that was closed, and begin with its text.
#[test]
fn a_file_with_the_number_of_a_closed_one_is_compared_with_all_texts() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.fs.set_births(false);
    bench.append("a.log", &lines(0..10));
    bench.drain();
    bench.rename("a.log", "elsewhere");
    bench.append("a.log", &lines(0..12));
    for _ in 0..3 {
        bench.drain();
        bench.clock.advance(WAIT);
    }
    assert_eq!(bench.source.open_files(), 1);
    assert_eq!(std::mem::take(&mut bench.lines), expected(0..12));
    bench.append("a.log", &lines(12..20));
    assert_eq!(bench.take_lines(), expected(12..20));
    write(bench.path("elsewhere"), lines(0..15)).unwrap();
    bench.rename("elsewhere", "a.log");
    for _ in 0..3 {
        assert!(bench.take_lines().is_empty());
        bench.clock.advance(WAIT);
    }
    bench.append("a.log", &lines(20..22));
    assert_eq!(bench.take_lines(), expected(20..22));
}

/// Other lines of the same size take the place of the first ones before it is decided if more of the former text follows.
#[test]
fn lines_that_take_the_place_of_as_many_bytes_in_a_log_that_was_cut_are_counted() {
    let mut bench = bench(&lines(0..1_000));
    write(bench.path("a.log"), lines(0..5)).unwrap();
    assert!(bench.take_lines().is_empty());
    write(bench.path("a.log"), lines(5..10)).unwrap();
    let log = File::options().append(true).open(bench.path("a.log"));
    let log = log.unwrap();
    let later = log.metadata().unwrap().modified().unwrap() + Duration::from_secs(1);
    log.set_modified(later).unwrap();
    let mut found = Vec::new();
    for time in [REST, WAIT, WAIT, WAIT] {
        bench.clock.advance(time);
        found.extend(bench.take_lines());
    }
    assert_eq!(found, expected(5..10));
}

/// `cp b.log a.log`
#[test]
fn a_log_that_is_overwritten_with_another_known_text_is_not_counted_again() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..1_000));
    bench.append("b.log", &lines(2_000..2_500));
    bench.drain();
    bench.lines.clear();
    write(bench.path("a.log"), lines(2_000..2_500)).unwrap();
    for _ in 0..3 {
        assert!(bench.take_lines().is_empty());
        bench.clock.advance(REST);
    }
    bench.append("a.log", &lines(3_000..3_002));
    assert_eq!(bench.take_lines(), expected(3_000..3_002));
}

#[test]
fn a_log_that_is_edited_while_the_former_file_is_kept_elsewhere_is_read_on() {
    let edited = [
        lines(0..300) + &lines(301..1_003),
        lines(0..300) + "inserted\n" + &lines(300..1_003),
        lines(700..1_003),
    ];
    for text in edited {
        let mut bench = bench(&lines(0..1_000));
        bench.rename("a.log", "elsewhere");
        bench.append("a.log", &text);
        assert_eq!(bench.take_lines(), expected(1_000..1_003));
        bench.clock.advance(2 * WAIT);
        assert!(bench.take_lines().is_empty());
    }
}

/// `fallocate -c` removes blocks, and with them a part of a line.
#[test]
fn a_log_of_which_the_first_bytes_are_removed_is_read_on() {
    let mut bench = bench(&lines(0..1_000));
    let text = bench.text("a.log");
    let rest = text[4096..].to_owned() + &lines(1_000..1_002);
    write(bench.path("a.log"), rest).unwrap();
    assert_eq!(bench.take_lines(), expected(1_000..1_002));
}

#[test]
fn a_truncated_log_without_a_copy_is_read_after_a_second() {
    let mut bench = bench(&lines(0..1_000));
    write(bench.path("a.log"), lines(1_000..1_010)).unwrap();
    assert!(bench.take_lines().is_empty());
    assert_eq!(bench.source.until_due(), Duration::from_secs(1));
    bench.clock.advance(Duration::from_secs(1));
    bench.append("a.log", &lines(1_010..1_020));
    assert!(bench.source.until_due().is_zero());
    assert_eq!(bench.take_lines(), expected(1_000..1_020));
    assert_eq!(bench.take_events(), ["Opened a.log", "Truncated a.log"]);
}

// --- A text under other names ---

#[test]
fn copies_by_other_names_are_known() {
    let mut bench = Bench::new(&["**/*.log*"], Start::Beginning);
    create_dir(bench.path("old")).unwrap();
    bench.append("a.log", &(lines(0..1_000) + "half"));
    bench.drain();
    bench.lines.clear();
    let names = [
        "a.log.bak",
        "20261128-a.log",
        "a-1.log",
        "a.1.log",
        "old/a.log.1",
        "old/a.log",
        "a.log.1",
    ];
    for name in names {
        std::fs::copy(bench.path("a.log"), bench.path(name)).unwrap();
        assert!(bench.take_lines().is_empty(), "{name}");
    }
    bench.append("a.log", " a line\n");
    assert_eq!(bench.take_lines(), ["half a line"]);
    bench.append("a-1.log", " of its own\n");
    assert_eq!(bench.take_lines(), ["half of its own"]);
    for name in names {
        remove_file(bench.path(name)).unwrap();
    }
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        assert!(bench.take_lines().is_empty());
    }
    assert_eq!(bench.source.open_files(), 1);
}

#[test]
fn a_copy_of_unread_lines_is_read_on_behind_them() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..1_000));
    bench.drain();
    bench.append("a.log", &lines(1_000..1_100));
    std::fs::copy(bench.path("a.log"), bench.path("b.log")).unwrap();
    bench.append("b.log", &lines(2_000..2_001));
    let mut found = bench.take_lines();
    found.sort();
    let mut all = [expected(0..1_100), expected(2_000..2_001)].concat();
    all.sort();
    assert_eq!(found, all);
}

#[test]
fn a_copy_that_is_written_in_pieces_is_not_counted_and_what_follows_is() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..1_000));
    bench.drain();
    bench.append("b.log", "");
    bench.drain();
    bench.lines.clear();
    for piece in 0..10 {
        bench.append("b.log", &lines(100 * piece..100 * piece + 100));
        bench.clock.advance(WAIT / 2);
        assert!(bench.take_lines().is_empty(), "{piece}");
    }
    bench.append("b.log", &lines(2_000..2_003));
    assert_eq!(bench.take_lines(), expected(2_000..2_003));
}

#[test]
fn the_first_lines_of_a_log_in_a_file_of_their_own_are_known() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..1_000));
    bench.drain();
    bench.lines.clear();
    bench.append("first.log", &lines(0..100));
    bench.append("first-and-others.log", &lines(0..100));
    for _ in 0..3 {
        assert!(bench.take_lines().is_empty());
        bench.clock.advance(WAIT / 3);
    }
    bench.append("first-and-others.log", &lines(2_000..2_003));
    let all = [expected(0..100), expected(2_000..2_003)].concat();
    assert_eq!(bench.take_lines(), all, "it is another text");
    bench.clock.advance(WAIT);
    assert!(bench.take_lines().is_empty());
    bench.append("first.log", &lines(3_000..3_003));
    assert_eq!(bench.take_lines(), expected(3_000..3_003));
}

/// The log was closed before its copy was made.
#[test]
fn a_copy_of_a_closed_log_is_known() {
    let mut bench = Bench::new(&["*.log", "*.bak"], Start::Beginning);
    bench.append("a.log", &lines(0..1_000));
    bench.drain();
    bench.rename("a.log", "elsewhere");
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    assert_eq!(bench.source.open_files(), 0);
    bench.lines.clear();
    std::fs::copy(bench.path("elsewhere"), bench.path("b.bak")).unwrap();
    assert!(bench.take_lines().is_empty());
    bench.append("b.bak", &lines(1_000..1_003));
    assert_eq!(bench.take_lines(), expected(1_000..1_003));
}

#[test]
fn copytruncate_with_an_extension_under_a_glob_loses_and_repeats_nothing() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..100));
    bench.drain();
    for rotation in 1..4 {
        let first = 100 * rotation;
        bench.append("a.log", &lines(first..first + 50));
        for number in (1..rotation).rev() {
            let name = |number| format!("a.{number}.log");
            bench.rename(&name(number), &name(number + 1));
        }
        std::fs::copy(bench.path("a.log"), bench.path("a.1.log")).unwrap();
        File::options()
            .write(true)
            .open(bench.path("a.log"))
            .unwrap()
            .set_len(0)
            .unwrap();
        bench.append("a.log", &lines(first + 50..first + 100));
        bench.drain();
        bench.clock.advance(Duration::from_secs(1));
        bench.drain();
    }
    let mut found = bench.take_lines();
    found.sort();
    let mut all = expected(0..400);
    all.sort();
    assert_eq!(found, all);
}

/// The backup of a log is replaced by a later one.
#[test]
fn a_copy_that_takes_the_place_of_an_earlier_one_is_known() {
    let mut bench = Bench::new(&["*.log*"], Start::Beginning);
    for number in 0..5 {
        let new = 10 * number..10 * number + 10;
        bench.append("a.log", &lines(new.clone()));
        assert_eq!(bench.take_lines(), expected(new));
        bench.replace("a.log~", &bench.text("a.log"));
        for _ in 0..3 {
            assert!(bench.take_lines().is_empty(), "{number}");
            bench.clock.advance(REST);
        }
    }
}

/// A copy of the log stands under a rotated name when `copytruncate` makes another one, which is compressed at once.
#[test]
fn an_archive_of_a_log_of_which_an_older_copy_stands_is_read_behind_that() {
    for copy in ["a.log.old", "a.1.log"] {
        let mut bench = Bench::new(&["a.log"], Start::Beginning);
        bench.append("a.log", &lines(0..20));
        bench.append(copy, &lines(0..20));
        bench.drain();
        bench.lines.clear();
        let archive = gzip(lines(0..25).as_bytes());
        write(bench.path("a.log-20261128.gz"), archive).unwrap();
        File::create(bench.path("a.log")).unwrap();
        bench.append("a.log", &lines(25..27));
        let mut found = Vec::new();
        for _ in 0..5 {
            found.extend(bench.take_lines());
            bench.clock.advance(WAIT);
        }
        found.sort();
        assert_eq!(found, expected(20..27), "{copy}");
    }
}

#[test]
fn a_file_of_several_known_texts_is_known() {
    for order in [["a.log", "b.log", "c.log"], ["c.log", "a.log", "b.log"]] {
        let mut bench = Bench::new(&["*.log"], Start::Beginning);
        for (name, first) in order.into_iter().zip([0, 1_000, 2_000]) {
            bench.append(name, &lines(first..first + 400));
        }
        bench.drain();
        bench.lines.clear();
        let all: String = ["a.log", "b.log", "c.log"]
            .map(|name| bench.text(name))
            .concat();
        let (first, rest) = all.split_at(all.len() / 2);
        bench.append("all.log", first);
        assert!(bench.take_lines().is_empty(), "{order:?}");
        bench.append("all.log", rest);
        assert!(bench.take_lines().is_empty(), "{order:?}");
        bench.append("all.log", &lines(3_000..3_002));
        assert_eq!(bench.take_lines(), expected(3_000..3_002));
    }
}

/// Rotated files are moved to a directory of their own, which a glob matches, and compressed there.
#[test]
fn an_archive_in_another_directory_is_known() {
    for is_closed in [false, true] {
        let mut bench = Bench::new(&["**/*.log*"], Start::Beginning);
        create_dir(bench.path("old")).unwrap();
        bench.append("a.log", &lines(0..1_000));
        bench.drain();
        bench.lines.clear();
        bench.rename("a.log", "old/a.log.1");
        bench.append("a.log", &lines(1_000..1_010));
        assert_eq!(bench.take_lines(), expected(1_000..1_010));
        if is_closed {
            for _ in 0..3 {
                bench.clock.advance(WAIT);
                bench.drain();
            }
        }
        let packed = gzip(bench.text("old/a.log.1").as_bytes());
        bench.rename("old/a.log.1", "old/a.log.2");
        bench.drain();
        write(bench.path("old/a.log.2.gz"), packed).unwrap();
        remove_file(bench.path("old/a.log.2")).unwrap();
        for _ in 0..4 {
            assert!(bench.take_lines().is_empty(), "{is_closed}");
            bench.clock.advance(WAIT);
        }
    }
}

// --- Texts that prove nothing ---

#[test]
fn logs_that_are_written_at_the_same_time_are_both_read() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", &lines(0..100));
    bench.append("b.log", &lines(0..100));
    assert_eq!(bench.take_lines().len(), 200);
    for name in ["c.log", "d.log"] {
        bench.append(name, "");
    }
    bench.drain();
    for part in 0..3 {
        for name in ["c.log", "d.log"] {
            bench.append(name, &lines(1_000 + 100 * part..1_100 + 100 * part));
            assert_eq!(bench.take_lines().len(), 100, "{name}");
        }
    }
}

/// A server writes its lines to two logs, both of which are emptied.
#[test]
fn logs_with_the_same_lines_that_are_cut_at_the_same_time_are_both_read() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    for name in ["a.log", "b.log"] {
        bench.append(name, &lines(0..100));
    }
    assert_eq!(bench.take_lines().len(), 200);
    for name in ["a.log", "b.log"] {
        write(bench.path(name), "").unwrap();
    }
    bench.drain();
    for part in 1..20 {
        for name in ["a.log", "b.log"] {
            bench.append(name, &lines(100 * part..100 * part + 100));
        }
        bench.drain();
        bench.clock.advance(REST / 4);
    }
    bench.clock.advance(REST);
    assert_eq!(bench.take_lines().len(), 2 * 1_900);
}

#[test]
fn thousands_of_files_with_the_same_line_are_all_read() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append(
        "0.log",
        &"GET /health HTTP/1.1 200 17 - a line of a monitor\n".repeat(3),
    );
    bench.drain();
    for number in 1..2_000 {
        let name = format!("{number}.log");
        bench.append(&name, "GET /health HTTP/1.1 200 17 - a line of a monitor\n");
    }
    assert_eq!(bench.take_lines().len(), 3 + 1_999);
}

#[test]
fn a_text_that_repeats_itself_proves_nothing() {
    for text in [
        "the same line\n".repeat(10),
        "one line of a log\nanother line of a log\na third one of it\n".repeat(10),
        "one line\n".to_owned(),
        "1\n2\n".to_owned(),
    ] {
        for is_deleted in [false, true] {
            let mut bench = bench(&text);
            if is_deleted {
                remove_file(bench.path("a.log")).unwrap();
            } else {
                bench.rename("a.log", "a.log.1");
            }
            bench.append("a.log", &text);
            assert_eq!(bench.take_lines().len(), text.lines().count(), "{text}");
            bench.append("a.log", &text);
            assert_eq!(bench.take_lines().len(), text.lines().count(), "{text}");
        }
    }
}

/// A new log that begins as the one did that was renamed: it is read, at the latest after a second.
#[test]
fn a_new_log_that_begins_as_the_former_one_is_read() {
    let mut bench = bench(&lines(0..1_000));
    let mut count = 0;
    for rotation in 0..5 {
        bench.rename("a.log", &format!("a.log-2026112{rotation}"));
        bench.append("a.log", "");
        bench.drain();
        for part in 0..10 {
            bench.append("a.log", &lines(100 * part..100 * part + 90));
            count += bench.take_lines().len();
            bench.clock.advance(Duration::from_millis(300));
        }
        count += bench.take_lines().len();
    }
    assert_eq!(count, 5 * 900);
}

#[test]
fn a_follower_that_does_not_compare_replaced_logs_is_found() {
    let counts_new_lines_only = || {
        let mut bench = bench(&lines(0..10));
        bench.replace("a.log", &lines(0..12));
        bench.take_lines() == expected(10..12)
    };
    assert!(counts_new_lines_only());
    plant(Some(Fault::NoText));
    let is_missed = counts_new_lines_only();
    plant(None);
    assert!(!is_missed);
}
