//! Rehearsals: what is said of a start is what the start then does.

use super::*;

fn lines(count: usize, of: &str) -> String {
    format!("{of} {of} {of} {of}\n").repeat(count)
}

/// Returns a bench whose source has read a log, with its position.
fn bench() -> (Bench, SavedFiles) {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    bench.append("a.log", "the first line\nand the second\n");
    bench.drain();
    let saved = bench.source.save();
    bench.lines.clear();
    bench.events.clear();
    (bench, saved)
}

/// Rehearses a start, then makes it, and returns what was said; both must read as much.
fn rehearse(bench: &mut Bench, saved: &SavedFiles) -> Vec<String> {
    let (settings, fs) = (&bench.settings, bench.fs.clone());
    let rehearsal = Rehearsal::run(settings, fs, bench.key, saved).unwrap();
    let mut said = Vec::new();
    let mut bytes = 0;
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let show = |read: &ReadFile| format!("{} {}+{}", name(&read.path), read.from, read.bytes);
    for KnownFile { path, offset, fate } in &rehearsal.known {
        let (fate, read) = match fate {
            Fate::GoesOn { path, bytes } => (format!("goes on at {}", name(path)), *bytes),
            Fate::GoesOnIn(file) => (format!("goes on in {}", show(file)), file.bytes),
            Fate::Counted => ("counted".to_owned(), 0),
            Fate::Lost { at_least } => (format!("lost {at_least}"), 0),
            Fate::Truncated {
                copy,
                at_least,
                from,
                bytes,
            } => {
                let copied = copy.as_ref().map_or(0, |copy| copy.bytes);
                let copy = copy.as_ref().map_or("none".to_owned(), show);
                let said = format!("truncated, copy {copy}, lost {at_least}, from {from}");
                (said, bytes + copied)
            }
            Fate::Rewritten { from, bytes } => (format!("rewritten, from {from}"), *bytes),
            Fate::Unreadable(error) => (format!("unreadable: {}", error.is_some()), 0),
        };
        bytes += read;
        said.push(format!("{} {offset}: {fate}, {read} to read", name(path)));
    }
    for file in &rehearsal.others {
        bytes += file.bytes;
        said.push(format!("and {}", show(file)));
    }
    bench.resume(saved);
    for _ in 0..2 {
        bench.drain();
        bench.clock.advance(2 * WAIT);
    }
    let read: usize = bench.lines.iter().map(|line| line.len() + 1).sum();
    assert_eq!(bytes, read as u64, "{said:?}");
    said
}

fn check(change: impl FnOnce(&mut Bench), expected: &[&str]) {
    let (mut bench, saved) = bench();
    change(&mut bench);
    assert_eq!(rehearse(&mut bench, &saved), expected);
}

#[test]
fn a_log_that_is_as_it_was_has_nothing_to_read() {
    check(|_| {}, &["a.log 30: goes on at a.log, 0 to read"]);
}

#[test]
fn a_log_that_grew_goes_on() {
    let grow = |bench: &mut Bench| bench.append("a.log", &lines(3, "b"));
    check(grow, &["a.log 30: goes on at a.log, 24 to read"]);
}

#[test]
fn a_rotated_log_goes_on_where_it_stands() {
    let rotate = |bench: &mut Bench| {
        bench.append("a.log", &lines(3, "b"));
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &lines(2, "c"));
    };
    let expected = ["a.log 30: goes on at a.log.1, 24 to read", "and a.log 0+16"];
    check(rotate, &expected);
}

#[test]
fn a_compressed_log_goes_on_in_its_archive() {
    let compress = |bench: &mut Bench| {
        bench.append("a.log", &lines(3, "b"));
        bench.rename("a.log", "a.log.1");
        bench.compress("a.log.1");
        bench.append("a.log", &lines(2, "c"));
    };
    let expected = [
        "a.log 30: goes on in a.log.1.gz 30+24, 24 to read",
        "and a.log 0+16",
    ];
    check(compress, &expected);
}

#[test]
fn an_archive_of_what_was_counted_has_nothing_to_read() {
    let compress = |bench: &mut Bench| {
        bench.rename("a.log", "a.log.1");
        bench.compress("a.log.1");
    };
    check(compress, &["a.log 30: counted, 0 to read"]);
}

#[test]
fn a_truncated_log_goes_on_in_its_copy_and_from_its_start() {
    let truncate = |bench: &mut Bench| {
        bench.append("a.log", &lines(3, "b"));
        std::fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
        write(bench.path("a.log"), lines(2, "c")).unwrap();
    };
    let said = "a.log 30: truncated, copy a.log.1 30+24, lost 0, from 0, 40 to read";
    check(truncate, &[said]);
    let truncate = |bench: &mut Bench| write(bench.path("a.log"), lines(2, "c")).unwrap();
    let said = "a.log 30: truncated, copy none, lost 0, from 0, 16 to read";
    check(truncate, &[said]);
}

#[test]
fn a_deleted_log_is_lost() {
    let delete = |bench: &mut Bench| remove_file(bench.path("a.log")).unwrap();
    check(delete, &["a.log 30: lost 0, 0 to read"]);
}

#[test]
fn a_log_that_cannot_be_read_is_said_to_be_so() {
    let refuse = |bench: &mut Bench| bench.fs.refuse(bench.path("a.log"));
    check(refuse, &["a.log 30: unreadable: true, 0 to read"]);
}
