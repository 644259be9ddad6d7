//! Files that are renamed, replaced and deleted.

use super::*;

#[test]
fn rename_then_create_loses_no_line() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let mut earlier = bench.writer("a.log");
    earlier.write_all(b"1\n").unwrap();
    assert_eq!(bench.take_lines(), ["1"]);
    bench.rename("a.log", "a.log.1");
    earlier.write_all(b"2\n").unwrap();
    let mut later = bench.writer("a.log");
    later.write_all(b"3\n").unwrap();
    earlier.write_all(b"4\n").unwrap();
    // A wake-up without a discovery is enough.
    assert_eq!(bench.round(), Progress::Idle);
    assert_eq!(bench.lines, ["1", "2", "4", "3"][1..]);
    bench.lines.clear();
    earlier.write_all(b"5\n").unwrap();
    later.write_all(b"6\n").unwrap();
    assert_eq!(bench.take_lines(), ["5", "6"]);
    assert_eq!(
        bench.take_events(),
        ["Opened a.log", "Rotated a.log", "Opened a.log"]
    );
}

#[test]
fn old_generation_finishes_only_after_rotate_wait() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let mut earlier = bench.writer("a.log");
    earlier.write_all(b"1\n").unwrap();
    bench.drain();
    // Quiet time before the rotation does not count.
    bench.clock.advance(10 * WAIT);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    bench.drain();
    bench.clock.advance(WAIT / 2);
    bench.drain();
    earlier.write_all(b"2\n3").unwrap();
    bench.drain();
    bench
        .clock
        .advance(WAIT.saturating_sub(Duration::from_millis(1)));
    assert_eq!(bench.take_lines(), ["1", "2"]);
    assert_eq!(bench.source.open_files(), 2);
    bench.take_events();
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.take_lines(), ["3"]);
    assert_eq!(bench.take_events(), ["Finished a.log"]);
    assert_eq!(bench.source.open_files(), 1);
    // The one that is still there never finishes.
    bench.clock.advance(10 * WAIT);
    bench.append("a.log", "4");
    bench.drain();
    bench.clock.advance(10 * WAIT);
    assert!(bench.take_lines().is_empty());
}

#[test]
fn a_deleted_file_is_finished_like_a_rotated_one() {
    let mut bench = Bench::new(&["a.log", "*.txt"], Start::Beginning);
    let mut writers = [bench.writer("a.log"), bench.writer("b.txt")];
    bench.drain();
    remove_file(bench.path("a.log")).unwrap();
    remove_file(bench.path("b.txt")).unwrap();
    for writer in &mut writers {
        writer.write_all(b"late\nlast").unwrap();
    }
    assert_eq!(bench.take_lines(), ["late", "late"]);
    bench.clock.advance(WAIT);
    assert_eq!(bench.take_lines(), ["last", "last"]);
    let events = bench.take_events();
    assert!(events.contains(&"Missing a.log".to_owned()), "{events:?}");
    let mut last = events[events.len() - 2..].to_owned();
    last.sort();
    assert_eq!(last, ["Finished a.log", "Finished b.txt"]);
    assert_eq!(bench.source.open_files(), 0);
}

#[test]
fn a_file_is_not_finished_by_the_discovery_that_missed_it() {
    let mut bench = Bench::new(&["a.log*"], Start::Beginning);
    bench.source.reconfigure(&FileSettings {
        rotate_wait: Duration::ZERO,
        ..settings(&bench.root, &["a.log*"], Start::Beginning, LIMIT)
    });
    bench.append("a.log", "1\n");
    bench.drain();
    bench.rename("a.log", "elsewhere");
    bench.round();
    bench.rename("elsewhere", "a.log.1");
    bench.append("a.log.1", "2\n");
    assert_eq!(bench.take_lines(), ["1", "2"]);
}

#[test]
fn a_last_line_that_a_lower_limit_makes_overlong_is_counted() {
    let mut bench = Bench::reading(&["a.log"], Start::Beginning, 50 * LIMIT, 16);
    bench.append("a.log", &"x".repeat(40 * LIMIT));
    bench.drain();
    let lower = settings(&bench.root, &["a.log"], Start::Beginning, LIMIT);
    bench.source.reconfigure(&lower);
    remove_file(bench.path("a.log")).unwrap();
    bench.append("a.log", "");
    bench.drain();
    bench.clock.advance(WAIT);
    bench.drain();
    assert_eq!((bench.overlong, bench.lines.len()), (1, 0));
    assert_eq!(bench.source.open_files(), 1);
}

#[test]
fn an_overlong_last_line_of_a_rotated_file_is_counted() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", &"x".repeat(5 * LIMIT));
    bench.drain();
    remove_file(bench.path("a.log")).unwrap();
    bench.append("a.log", "");
    bench.drain();
    bench.clock.advance(WAIT);
    bench.drain();
    assert_eq!((bench.overlong, bench.lines.len()), (1, 0));
}

#[test]
fn glob_finds_files_and_reads_a_renamed_one_once() {
    let mut bench = Bench::new(&["*.log*"], Start::Beginning);
    let mut writer = bench.writer("a.log");
    writer.write_all(b"1\n2").unwrap();
    bench.append("b.log", "3\n");
    assert_eq!(bench.take_lines(), ["1", "3"]);
    bench.rename("a.log", "a.log.1");
    writer.write_all(b"2\n").unwrap();
    bench.append("a.log", "4\n");
    bench.append("a.log.2.gz", "not lines\n");
    assert_eq!(bench.take_lines(), ["22", "4"]);
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        assert!(bench.take_lines().is_empty());
    }
    let expected = [
        "Opened a.log",
        "Opened b.log",
        "Rotated a.log",
        "Opened a.log",
        "Damaged a.log.2.gz",
        "Finished a.log.1",
    ];
    assert_eq!(bench.take_events(), expected);
    let positions = bench.source.open().positions();
    let paths: Vec<_> = positions.map(|(_, path, ..)| path).collect();
    let expected = ["b.log", "a.log"].map(|name| bench.path(name));
    assert_eq!(paths, expected);
}

#[test]
fn a_file_with_several_paths_is_read_once() {
    let mut bench = Bench::new(&["a.log", "*.log", "other"], Start::Beginning);
    bench.append("a.log", "1\n");
    hard_link(bench.path("a.log"), bench.path("b.log")).unwrap();
    symlink("a.log", bench.path("other")).unwrap();
    assert_eq!(bench.take_lines(), ["1"]);
    remove_file(bench.path("a.log")).unwrap();
    bench.append("b.log", "2\n");
    bench.clock.advance(WAIT);
    assert_eq!(bench.take_lines(), ["2"]);
    bench.clock.advance(WAIT);
    bench.drain();
    assert_eq!(bench.source.open_files(), 1);
}

#[test]
fn a_symlink_that_is_switched_is_a_rotation() {
    let mut bench = Bench::new(&["current"], Start::Beginning);
    bench.append("monday", "1\n");
    symlink("monday", bench.path("current")).unwrap();
    bench.drain();
    symlink("tuesday", bench.path("next")).unwrap();
    bench.append("tuesday", "2\n");
    bench.rename("next", "current");
    bench.append("monday", "3\n");
    assert_eq!(bench.take_lines(), ["1", "3", "2"]);
}
