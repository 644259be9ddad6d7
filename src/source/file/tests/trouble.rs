//! Files that are cut, and paths that lead to nothing readable.

use super::*;

#[test]
fn start_end_holds_for_a_file_that_could_not_be_opened_at_first() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "history\n");
    bench.fs.refuse(bench.path("a.log"));
    bench.drain();
    bench.append("a.log", "1\n");
    bench.drain();
    bench.fs.allow_all();
    assert_eq!(bench.take_lines(), ["1"]);
    assert_eq!(bench.take_events(), ["Unreadable a.log", "Opened a.log"]);
}

#[test]
fn truncation_restarts_at_zero_and_is_reported() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "one\ntwo\nthr");
    assert_eq!(bench.take_lines(), ["one", "two"]);
    write(bench.path("a.log"), "four\n").unwrap();
    assert_eq!(bench.take_lines(), ["four"]);
    let event = &bench.events[1];
    assert_eq!(event.gap().map(|gap| gap.reason.name), Some("truncated"));
    assert!(
        matches!(
            event,
            FileEvent::Truncated {
                offset: 8,
                unread: 3,
                resume: 0,
                ..
            }
        ),
        "{event:?}"
    );
    assert_eq!(bench.offsets(), [5]);
}

#[test]
fn a_file_regrown_past_what_was_read_is_seen_to_be_truncated() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "one\ntwo\n");
    bench.drain();
    write(bench.path("a.log"), "three\nfour\nfive\n").unwrap();
    assert_eq!(bench.take_lines(), ["one", "two", "three", "four", "five"]);
    assert_eq!(bench.take_events(), ["Opened a.log", "Truncated a.log"]);
}

#[test]
fn the_hole_of_a_writer_that_does_not_append_is_no_line() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let mut writer = File::create(bench.path("a.log")).unwrap();
    writer.write_all("line\n".repeat(1_000).as_bytes()).unwrap();
    bench.drain();
    bench.lines.clear();
    File::options()
        .write(true)
        .open(bench.path("a.log"))
        .unwrap()
        .set_len(0)
        .unwrap();
    writer.write_all(b"after\n").unwrap();
    assert_eq!(bench.take_lines(), ["after"]);
    assert_eq!(bench.overlong, 0);
    assert_eq!(bench.take_events(), ["Opened a.log", "Truncated a.log"]);
}

#[test]
fn a_file_cut_behind_what_was_read_goes_on_there() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "one\ntwo\npart");
    bench.drain();
    File::options()
        .write(true)
        .open(bench.path("a.log"))
        .unwrap()
        .set_len(10)
        .unwrap();
    bench.append("a.log", "\nthree\n");
    bench.lines.clear();
    bench.drain();
    // Grown past its earlier size, the cut cannot be seen and does no harm.
    assert_eq!(bench.lines, ["pa", "three"]);
    bench.append("a.log", "four");
    bench.drain();
    File::options()
        .write(true)
        .open(bench.path("a.log"))
        .unwrap()
        .set_len(19)
        .unwrap();
    bench.take_events();
    bench.drain();
    assert!(
        matches!(
            bench.events[..],
            [FileEvent::Truncated {
                offset: 17,
                unread: 2,
                resume: 17,
                ..
            }]
        ),
        "{:?}",
        bench.events
    );
    bench.append("a.log", "\n");
    bench.lines.clear();
    assert_eq!(bench.take_lines(), ["fo"]);
}

#[test]
fn unreadable_then_readable() {
    let mut bench = Bench::new(&["a.log", "b.log"], Start::End);
    create_dir(bench.path("a.log")).unwrap();
    symlink("b.log", bench.path("b.log")).unwrap();
    for _ in 0..3 {
        bench.drain();
    }
    assert_eq!(
        bench.take_events(),
        ["Unreadable a.log", "Unreadable b.log"]
    );
    remove_dir(bench.path("a.log")).unwrap();
    remove_file(bench.path("b.log")).unwrap();
    let _listener = UnixListener::bind(bench.path("b.log")).unwrap();
    for _ in 0..3 {
        bench.drain();
    }
    assert_eq!(bench.take_events(), ["Missing a.log", "Unreadable b.log"]);
    remove_file(bench.path("b.log")).unwrap();
    bench.append("a.log", "1\n");
    bench.append("b.log", "2\n");
    assert_eq!(bench.take_lines(), ["1", "2"]);
    assert_eq!(bench.take_events(), ["Opened a.log", "Opened b.log"]);
}

#[test]
fn fifo_or_directory_at_the_path_never_blocks() {
    let mut bench = Bench::new(&["a.log", "b.log", "*.txt"], Start::Beginning);
    let fifo = |name: &str| {
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mkfifoat(rustix::fs::CWD, bench.path(name), mode).unwrap();
    };
    fifo("a.log");
    fifo("c.txt");
    create_dir(bench.path("b.log")).unwrap();
    create_dir(bench.path("d.txt")).unwrap();
    bench.drain();
    bench.drain();
    let expected = [
        "Missing *.txt",
        "Unreadable a.log",
        "Unreadable b.log",
        "Unreadable c.txt",
    ];
    let mut events = bench.take_events();
    events.sort();
    assert_eq!(events, expected[1..]);
    assert!((bench.source.open_files() == 0));
}

#[test]
fn a_path_that_becomes_a_directory_leaves_its_file_to_be_finished() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "1\nlast");
    bench.drain();
    remove_file(bench.path("a.log")).unwrap();
    create_dir(bench.path("a.log")).unwrap();
    bench.drain();
    bench.clock.advance(WAIT);
    assert_eq!(bench.take_lines(), ["1", "last"]);
    assert!((bench.source.open_files() == 0));
}

#[test]
fn a_directory_that_can_not_be_searched_closes_no_file() {
    let mut bench = Bench::new(&["a.log", "*.txt"], Start::Beginning);
    bench.append("a.log", "1\n");
    bench.append("b.txt", "2\n");
    bench.drain();
    bench.take_events();
    bench.fs.refuse(bench.root.path().to_path_buf());
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    assert_eq!(bench.source.open_files(), 2);
    bench.append("a.log", "3\n");
    bench.append("b.txt", "4\n");
    bench.fs.allow_all();
    assert_eq!(bench.take_lines(), ["1", "2", "3", "4"]);
    assert!(
        bench
            .take_events()
            .iter()
            .all(|event| event.starts_with("Unreadable"))
    );
}

#[test]
fn a_read_that_fails_is_reported_once_and_tried_again() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "1\n");
    bench.drain();
    bench.fs.refuse(bench.path("a.log"));
    bench.append("a.log", "2\n");
    bench.drain();
    bench.drain();
    bench.fs.allow_all();
    assert_eq!(bench.take_lines(), ["1", "2"]);
    assert_eq!(
        bench.take_events(),
        ["Opened a.log", "Unreadable a.log", "Readable a.log"]
    );
}

#[test]
fn an_archive_that_can_not_be_read_for_a_while_is_read_on() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "a line of today\n");
    bench.drain();
    bench.renew("a.log");
    bench.take_events();
    let lines: Vec<_> = (0..200_000)
        .map(|number| format!("line {number}"))
        .collect();
    let archive = gzip((lines.join("\n") + "\n").as_bytes());
    write(bench.path("a.log.1.gz"), archive).unwrap();
    bench.source.discover(&mut |event| bench.events.push(event));
    for refused_after in [0, 1, 3] {
        for _ in 0..refused_after {
            assert_eq!(bench.round(), Progress::More);
        }
        bench.fs.refuse(bench.path("a.log.1.gz"));
        for _ in 0..3 {
            bench.drain();
        }
        bench.fs.allow_all();
    }
    assert!(bench.lines.len() < lines.len());
    assert!(bench.take_lines() == lines);
    let reported = ["Unreadable a.log.1.gz", "Readable a.log.1.gz"];
    let mut expected = vec!["Opened a.log.1.gz"];
    expected.extend(reported.repeat(3));
    expected.push("Finished a.log.1.gz");
    assert_eq!(bench.take_events(), expected);
}

#[test]
fn what_may_be_a_copy_waits_for_a_log_that_can_not_be_opened() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.drain();
    bench.append("a.log", "one\ntwo\nthree\n");
    bench.append("a.log.1", "one\ntwo\n");
    write(bench.path("a.log.2.gz"), gzip(b"one\n")).unwrap();
    bench.append("a.log.3", "more than the log holds\n");
    bench.fs.refuse(bench.path("a.log"));
    assert_eq!(bench.take_lines(), ["more than the log holds"]);
    bench.fs.allow_all();
    assert_eq!(bench.take_lines(), ["one", "two", "three"]);
    bench.append("a.log", "four\n");
    assert_eq!(bench.take_lines(), ["four"]);
}

#[test]
fn a_file_truncated_within_an_overlong_line_begins_with_a_line() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", &"x".repeat(5 * LIMIT));
    bench.drain();
    write(bench.path("a.log"), "one\ntwo\n").unwrap();
    assert_eq!(bench.take_lines(), ["one", "two"]);
    assert_eq!(bench.overlong, 0);
}
