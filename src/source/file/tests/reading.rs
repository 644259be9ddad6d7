//! Reading of files that stay at their path.

use super::*;

#[test]
fn partial_last_line_waits_for_its_newline() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "one\ntw");
    assert_eq!(bench.take_lines(), ["one"]);
    assert_eq!((bench.offsets(), bench.source.lag_bytes()), (vec![4], 2));
    bench.append("a.log", "o");
    assert!(bench.take_lines().is_empty());
    bench.append("a.log", "\n");
    assert_eq!(bench.take_lines(), ["two"]);
    assert_eq!((bench.offsets(), bench.source.lag_bytes()), (vec![8], 0));
}

#[test]
fn a_line_written_into_allocated_space_is_read_at_once() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "one\n");
    assert_eq!(bench.take_lines(), ["one"]);
    // Allocated by fallocate(2) or ftruncate(2); over NFS a write in progress appears like this.
    let mut writer = OpenOptions::new()
        .write(true)
        .open(bench.path("a.log"))
        .unwrap();
    writer.set_len(12).unwrap();
    assert!(bench.take_lines().is_empty());
    writer.write_all(b"one\ntwo\n").unwrap();
    assert_eq!(bench.take_lines(), ["two"]);
    writer.write_all(b"t").unwrap();
    assert!(bench.take_lines().is_empty());
    writer.write_all(b"hr\n").unwrap();
    assert_eq!(bench.take_lines(), ["thr"]);
    assert_eq!(bench.offsets(), [12]);
}

#[test]
fn a_file_that_appears_later_is_read_from_its_start() {
    let mut bench = Bench::new(&["a.log", "*.txt"], Start::End);
    bench.drain();
    assert_eq!(bench.take_events(), ["Missing *.txt", "Missing a.log"]);
    bench.append("a.log", "1\n");
    bench.append("b.txt", "2\n");
    assert_eq!(bench.take_lines(), ["1", "2"]);
    assert_eq!(bench.take_events(), ["Opened a.log", "Opened b.txt"]);
}

#[test]
fn start_end_skips_what_was_there() {
    let mut bench = Bench::new(&["a.log", "b.log", "c.log", "d.log", "e.log"], Start::End);
    bench.append("a.log", &"history\n".repeat(1_000));
    bench.append("b.log", "history\nunfin");
    bench.append("c.log", "unfin");
    bench.append("d.log", &"x".repeat(3 * LIMIT));
    assert!(bench.take_lines().is_empty());
    for name in ["a.log", "b.log", "c.log", "d.log", "e.log"] {
        bench.append(name, "ished\n");
    }
    // The latest file is opened first: that depends on the clock.
    let mut lines = bench.take_lines();
    lines.sort();
    assert_eq!(lines, ["ished", "ished", "unfinished", "unfinished"]);
    assert_eq!(bench.overlong, 1);
    assert_eq!(bench.source.lag_bytes(), 0);
}

#[test]
fn a_huge_line_is_skipped_in_bounded_memory() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "before\n");
    bench.drain();
    let held = bench.buffer.capacity();
    for _ in 0..50 {
        bench.append("a.log", &"x".repeat(100_000));
        bench.drain();
        assert_eq!(bench.offsets(), [7]);
    }
    assert_eq!(bench.overlong, 0);
    bench.append("a.log", "end\nafter\n");
    assert_eq!(bench.take_lines(), ["before", "after"]);
    assert_eq!((bench.overlong, bench.offsets()), (1, vec![5_000_017]));
    assert_eq!(bench.buffer.capacity(), held);
    assert!(held < 2 * READ_BYTES);
}

#[test]
fn a_discovery_is_due_at_first_after_a_while_and_after_other_settings() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let poll = Duration::from_secs(1);
    assert!(bench.source.until_due().is_zero());
    bench.drain();
    assert_eq!(bench.source.until_due(), poll);
    // A change that a round finds does not replace the discovery that is due.
    bench.clock.advance(poll / 2);
    bench.append("a.log", "1\n");
    bench.round();
    assert_eq!((bench.lines.len(), bench.source.until_due()), (1, poll / 2));
    bench.clock.advance(poll);
    assert!(bench.source.until_due().is_zero());
    bench.drain();
    let same = settings(&bench.root, &["a.log"], Start::Beginning, LIMIT);
    bench.source.reconfigure(&same);
    assert!(bench.source.until_due().is_zero());
}

#[test]
fn many_files_one_firehose_is_fair() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("0.log", &"firehose\n".repeat(400_000));
    for n in 1..1_000 {
        bench.append(&format!("{n}.log"), "drop\n");
    }
    assert_eq!(bench.round(), Progress::More);
    let drops = bench.lines.iter().filter(|line| *line == "drop").count();
    assert_eq!(drops, 999);
    assert!(bench.lines.len() * "firehose\n".len() < 2 * READ_BYTES);
    while bench.round() == Progress::More {}
    assert_eq!(bench.lines.len(), 400_999);
}

#[test]
fn reconfiguring_keeps_what_is_still_wanted() {
    let mut bench = Bench::new(&["a.log", "b.log"], Start::End);
    bench.append("a.log", "history\n");
    bench.append("b.log", "history\n");
    bench.append("c.log", "history\n");
    bench.drain();
    bench.append("a.log", "1\n2");
    bench.append("b.log", "unread\n");
    let settings = settings(&bench.root, &["?.log", "d/*.log"], Start::End, LIMIT / 2);
    bench.drain();
    bench.append("b.log", "3\n");
    bench.source.reconfigure(&settings);
    bench.append("c.log", "c\n");
    assert_eq!(bench.take_lines(), ["1", "unread", "3"]);
    bench.append("c.log", "4\n");
    bench.append("a.log", "2\n");
    assert_eq!(bench.take_lines(), ["22", "4"]);
    bench.take_events();
    let fewer = FileSettings {
        paths: vec![PathPattern::literal(bench.path("c.log"))],
        ..settings
    };
    bench.source.reconfigure(&fewer);
    bench.append("c.log", "5\n");
    assert_eq!(bench.take_lines(), ["5"]);
    assert_eq!(bench.take_events(), ["Dropped a.log", "Dropped b.log"]);
}

#[test]
fn a_pattern_that_is_kept_keeps_its_first_scan() {
    let mut bench = Bench::new(&["*.log"], Start::End);
    bench.drain();
    bench.append("a.log", "1\n");
    let settings = settings(&bench.root, &["*.log", "b.txt"], Start::End, LIMIT);
    bench.append("b.txt", "history\n");
    bench.source.reconfigure(&settings);
    assert_eq!(bench.take_lines(), ["1"]);
}

#[test]
fn a_source_can_be_given_to_a_thread() {
    fn check<T: Send>() {}
    check::<FileSource<RealFs>>();
    check::<Watch>();
}

#[test]
fn directories_are_those_where_files_can_appear_and_change() {
    let mut bench = Bench::new(&["logs/*.log", "a.log"], Start::End);
    create_dir(bench.path("logs")).unwrap();
    bench.drain();
    let directories: Vec<_> = bench.source.directories().map(Path::to_path_buf).collect();
    assert_eq!(
        directories,
        [bench.root.path().to_path_buf(), bench.path("logs")]
    );
}
