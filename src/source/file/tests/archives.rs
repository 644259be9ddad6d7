//! Compressed rotated files: damaged ones, several members, and texts that begin alike.

use super::planted::{Fault, plant};
use super::*;

/// Lines that several texts begin with: more than identify a text by its beginning.
fn beginning() -> String {
    (0..300).fold(String::new(), |text, number| {
        text + &format!("a line number {number} that every text has\n")
    })
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

impl Bench {
    /// Makes a bench whose log is open and empty.
    fn empty() -> Self {
        let mut bench = Self::new(&["a.log"], Start::End);
        bench.append("a.log", "");
        bench.drain();
        bench.take_events();
        bench
    }

    /// Counts `text` as the log, which is rotated and closed then.
    fn count_and_close(&mut self, text: &str) {
        self.append("a.log", text);
        self.drain();
        self.rename("a.log", "a.log.1");
        self.append("a.log", "");
        self.let_pass(3);
        assert_eq!(
            lines(&std::mem::take(&mut self.lines).join("\n")),
            lines(text)
        );
        assert_eq!(self.source.open_files(), 1);
        self.take_events();
    }

    /// Lets so many minutes pass.
    fn let_pass(&mut self, minutes: u32) {
        for _ in 0..minutes {
            self.clock.advance(WAIT);
            self.drain();
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        write(self.path(name), bytes).unwrap();
    }

    /// Changes the time of the log, which is empty: something may have been written to it, and copied and cut off.
    fn touch_log(&self) {
        let modified = self.path("a.log").metadata().unwrap().modified().unwrap();
        let log = File::options().append(true).open(self.path("a.log"));
        let later = modified + Duration::from_millis(1);
        log.unwrap().set_modified(later).unwrap();
    }

    /// Expects these lines of an archive that appears, now and later.
    fn expect_of(&mut self, name: &str, archive: &[u8], expected: &str) {
        if !expected.is_empty() {
            self.touch_log();
        }
        self.put(name, archive);
        self.drain();
        self.let_pass(3);
        let read = std::mem::take(&mut self.lines);
        assert_eq!(lines(&read.join("\n")), lines(expected), "{name}");
    }
}

#[test]
fn an_archive_damaged_at_its_head_is_reported_once() {
    let mut bench = Bench::empty();
    let mut broken = gzip(beginning().as_bytes());
    broken[12..60].iter_mut().for_each(|byte| *byte ^= 0xa5);
    let kinds: [&[u8]; 4] = [&broken, b"", b"text\n", &gzip(b"cut off\n")[..12]];
    bench.touch_log();
    for (kind, number) in kinds.iter().zip(1..) {
        bench.put(&format!("a.log.{number}.gz"), kind);
    }
    bench.let_pass(3);
    let mut events = bench.take_events();
    events.sort();
    let damaged = (1..=4).map(|number| format!("Damaged a.log.{number}.gz"));
    assert_eq!(events, damaged.collect::<Vec<_>>());
    for number in (1..=4).rev() {
        bench.rename(
            &format!("a.log.{number}.gz"),
            &format!("a.log.{}.gz", number + 1),
        );
    }
    for _ in 0..20 {
        bench.clock.advance(Duration::from_hours(24));
        bench.drain();
    }
    assert!(bench.take_events().is_empty());
    bench.touch_log();
    bench.put("a.log.2.gz", &gzip(b"a line after all\n"));
    assert_eq!(bench.take_lines(), ["a line after all"]);
}

#[test]
fn a_damaged_archive_of_the_past_is_history() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "");
    bench.put("a.log.1.gz", b"not gzip");
    bench.put("a.log.2.gz", b"");
    bench.drain();
    bench.let_pass(3);
    assert_eq!(bench.take_events(), ["Opened a.log"]);
}

#[test]
fn an_archive_that_is_being_written_is_not_damaged() {
    let mut bench = Bench::empty();
    let text = beginning();
    let archive = gzip(text.as_bytes());
    bench.touch_log();
    bench.put("a.log.1.gz", b"");
    for piece in archive.chunks(archive.len() / 9) {
        bench.clock.advance(WAIT / 2);
        bench.drain();
        bench.writer("a.log.1.gz").write_all(piece).unwrap();
    }
    bench.let_pass(2);
    assert_eq!(std::mem::take(&mut bench.lines), lines(&text));
    let events = ["Opened a.log.1.gz", "Finished a.log.1.gz"];
    assert_eq!(bench.take_events(), events);
}

#[test]
fn the_size_in_a_trailer_does_not_decide() {
    let text = beginning();
    let (half, rest) = text.split_at(text.find("number 250 ").unwrap() - "a line ".len());
    let archives = |text: &str| {
        let (first, second) = text.split_at(7_000);
        let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
        let whole = gzip(text.as_bytes());
        [
            [whole.clone(), gzip(b"")].concat(),
            members,
            [whole.clone(), vec![0; 1_024]].concat(),
            [whole.clone(), b"garbage".to_vec()].concat(),
            whole,
        ]
    };
    for kind in 0..5 {
        let mut bench = Bench::empty();
        bench.count_and_close(half);
        bench.expect_of("a.log.2.gz", &archives(half)[kind], "");
        bench.expect_of("a.log.3.gz", &archives(&half[..8_000])[kind], "");
        bench.expect_of("a.log.4.gz", &archives(&text)[kind], rest);
        bench.expect_of("a.log.5.gz", &archives(&text)[kind], "");
        let events = bench.take_events();
        assert!(!events.iter().any(|event| event.starts_with("Damaged")));
    }
}

#[test]
fn a_text_that_begins_as_a_counted_one_is_another_text() {
    let counted = beginning() + "the end of what was counted\n";
    for (end, number) in [
        ("the end of another one......\n", 1),
        ("", 2),
        ("the end of another text that is longer\n", 3),
    ] {
        let cut = counted.len() / 2;
        let cut = cut + counted[cut..].find('\n').unwrap() + 1;
        let alike = if number == 2 {
            // Shorter, with another end of the same beginning.
            format!("{}a line of another text\n", &counted[..cut]).replace("number 14", "Number 14")
        } else {
            beginning() + end
        };
        let mut bench = Bench::empty();
        bench.count_and_close(&counted);
        bench.expect_of("a.log.2.gz", &gzip(alike.as_bytes()), &alike);
        bench.expect_of("a.log.3.gz", &gzip(counted.as_bytes()), "");
        bench.expect_of("a.log.4.gz", &gzip(alike.as_bytes()), "");
        bench.expect_of("a.log.5", alike.as_bytes(), "");
        bench.expect_of("a.log.6", counted.as_bytes(), "");
    }
}

#[test]
fn a_plain_copy_of_an_archive_that_was_read_is_compared_with_it() {
    let text = beginning() + "the end of the archive\n";
    let other = beginning() + "the end of another one\nand more\n";
    let mut bench = Bench::empty();
    bench.expect_of("a.log.2.gz", &gzip(text.as_bytes()), &text);
    bench.expect_of("a.log.3", text.as_bytes(), "");
    bench.expect_of(
        "a.log.4",
        (text.clone() + "one more\n").as_bytes(),
        "one more\n",
    );
    bench.expect_of("a.log.5", other.as_bytes(), &other);
}

#[test]
fn archives_of_the_past_and_their_copies_stay_history() {
    let text = beginning();
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "");
    let archive = [gzip(text.as_bytes()), gzip(b"the second member\n")].concat();
    bench.put("a.log.2.gz", &archive);
    bench.put("a.log.4.gz", &gzip(b"a text of one member\n"));
    bench.drain();
    bench.take_events();
    bench.expect_of("a.log.3.gz", &archive, "");
    bench.expect_of("a.log.5", b"a text of one member\n", "");
    // The size does not show that it is the same text, and its date does.
    let path = bench.path("a.log.2.gz");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    remove_file(&path).unwrap();
    let restored = File::create(bench.path("new")).unwrap();
    (&restored).write_all(text.as_bytes()).unwrap();
    (&restored).write_all(b"the second member\n").unwrap();
    restored.set_modified(modified).unwrap();
    bench.rename("new", "a.log.2");
    assert!(bench.take_lines().is_empty());
    assert!(bench.take_events().is_empty());
}

#[test]
fn what_may_be_a_copy_of_the_past_is_not_read_and_reported() {
    let text = beginning();
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "");
    bench.put("a.log.2.gz", &gzip(text.as_bytes()));
    let archive = File::options().append(true).open(bench.path("a.log.2.gz"));
    let long_ago = std::time::UNIX_EPOCH + Duration::from_hours(24);
    archive.unwrap().set_modified(long_ago).unwrap();
    bench.drain();
    bench.take_events();
    bench.expect_of("a.log.3", (text + "another end\n").as_bytes(), "");
    bench.let_pass(3);
    assert_eq!(bench.take_events(), ["Forgotten a.log"]);
}

#[test]
fn archives_are_compared_one_after_the_other_and_once() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    let names: Vec<_> = (0..20).map(|number| format!("{number}.log")).collect();
    for name in &names {
        bench.append(name, &(beginning() + name + "\n"));
    }
    bench.drain();
    for name in &names {
        bench.rename(name, &format!("{name}.1"));
        bench.append(name, "");
    }
    bench.let_pass(3);
    bench.lines.clear();
    for name in &names {
        bench.put(
            &format!("{name}.2.gz"),
            &gzip((beginning() + name + "\n").as_bytes()),
        );
    }
    bench.source.discover(&mut |event| bench.events.push(event));
    assert_eq!(bench.source.open_files(), 21, "one is being compared");
    bench.drain();
    assert!(bench.lines.is_empty());
    assert_eq!(bench.source.open_files(), 20);
    bench.take_events();
    bench.drain();
    let calls = bench.fs.calls();
    bench.drain();
    let calls = bench.fs.calls() - calls;
    // A scan's own calls: names and metadata, nothing opened or read.
    assert!(calls < 200, "{calls}");
}

/// Counts a text, then an archive of another one that begins alike, with lengths from a seed; returns whether all lines of
/// the other were counted once.
fn counts_another_text(seed: u32) -> bool {
    let text = |own: &str, lines: u32| {
        let line = |number| format!("line {number} of the {own} text\n");
        beginning() + &(0..lines).map(line).collect::<String>()
    };
    let mixed = seed.wrapping_mul(2_654_435_769);
    // Enough for a place to compare behind the common beginning.
    let first = text("first", 100 + (mixed >> 8) % 300);
    let other = text("other", 100 + (mixed >> 20) % 300);
    let mut bench = Bench::empty();
    bench.count_and_close(&first);
    bench.touch_log();
    bench.put("a.log.2.gz", &gzip(other.as_bytes()));
    bench.drain();
    bench.let_pass(3);
    std::mem::take(&mut bench.lines) == lines(&other)
}

#[test]
fn a_follower_that_does_not_compare_archives_is_found() {
    let wrong: Vec<u32> = (0..20).filter(|seed| !counts_another_text(*seed)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    plant(Some(Fault::NoArchiveTail));
    let found = (0..20).any(|seed| !counts_another_text(seed));
    plant(None);
    assert!(found);
}

/// A log that is cut holds the beginning of an earlier one, and nothing else.
#[test]
fn a_counted_file_is_not_the_copy_of_a_log_that_is_cut() {
    let mut bench = Bench::empty();
    bench.count_and_close(&(beginning() + "a line of the day before\n"));
    bench.append("a.log", &beginning());
    bench.drain();
    bench.lines.clear();
    bench.put("a.log", &beginning().as_bytes()[..100]);
    bench.let_pass(2);
    let before = "a line of the day before".to_owned();
    assert!(!bench.lines.contains(&before));
}

#[test]
fn an_old_archive_that_begins_as_a_log_that_is_cut_is_not_its_copy() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    let (known, other) = (
        beginning() + "a known line\n",
        beginning() + "another line\nand one that was not read\n",
    );
    bench.append("a.log", &known);
    bench.drain();
    bench.lines.clear();
    bench.restore(
        "a.log-20191128.gz",
        &gzip(other.as_bytes()),
        Duration::from_hours(24 * 30),
    );
    bench.drain();
    File::create(bench.path("a.log")).unwrap();
    bench.let_pass(3);
    assert!(bench.lines.is_empty(), "{:?}", bench.lines);
    bench.append("a.log", "a first line\n");
    assert_eq!(bench.take_lines(), ["a first line"]);
}

/// The log, of which a copy is open, was deleted and closed before.
#[test]
fn an_archive_that_is_longer_than_an_open_copy_is_read_on() {
    let mut bench = Bench::new(&["*a.log*"], Start::Beginning);
    bench.append("a.log", &beginning());
    bench.drain();
    bench.put("copy-a.log", beginning().as_bytes());
    bench.drain();
    remove_file(bench.path("a.log")).unwrap();
    bench.let_pass(3);
    assert_eq!(bench.source.open_files(), 1);
    bench.lines.clear();
    let text = beginning() + "a line that was not read\n";
    bench.put("a.log-20261128.gz", &gzip(text.as_bytes()));
    bench.let_pass(3);
    assert_eq!(bench.lines, ["a line that was not read"]);
}

/// A longer text that begins alike is compared up to one of the places of which fingerprints are kept.
#[test]
fn a_text_that_is_all_there_outweighs_a_longer_one_that_may_be() {
    let line = |number| format!("a line {number} of a text that is read\n");
    let text = |lines: std::ops::Range<u32>| lines.map(line).collect::<String>();
    for is_packed in [false, true] {
        let mut bench = Bench::empty();
        bench.count_and_close(&text(0..200));
        bench.rename("a.log.1", "elsewhere");
        bench.append("a.log", &text(0..20));
        bench.let_pass(1);
        bench.rename("a.log", "elsewhere too");
        bench.append("a.log", "");
        bench.let_pass(3);
        bench.lines.clear();
        let all = text(0..20) + "a line that was not read\n";
        let (name, bytes) = if is_packed {
            ("a.log.1.gz", gzip(all.as_bytes()))
        } else {
            ("a.log.1", all.into_bytes())
        };
        bench.put(name, &bytes);
        bench.let_pass(3);
        assert_eq!(bench.lines, ["a line that was not read"], "{is_packed}");
    }
}
