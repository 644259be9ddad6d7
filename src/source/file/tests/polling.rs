//! Cost of a poll while idle, and changes it must find although the directory did not change.

use super::*;
use crate::source::file::pace::SELDOM;

/// More than a tick, so that an unchanged modification time is conclusive.
const APART: Duration = Duration::from_secs(2);

impl Bench {
    /// Returns a bench that trusts the modification times of directories, as the daemon does.
    fn trusting(start: Start) -> Self {
        let mut bench = Self::new(&["a.log"], start);
        bench.source.set_lists_always(false);
        bench
    }

    fn come_to_rest(&mut self) {
        for _ in 0..4 {
            self.drain();
            self.clock.advance(APART);
        }
    }

    /// Writes into an existing file, so that its directory does not change.
    fn overwrite(&self, name: &str, bytes: &[u8]) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        (&file).write_all(bytes).unwrap();
    }
}

/// Returns the number of file system calls of a discovery and a round, with this many processed archives beside the
/// log.
fn calls_of_an_idle_poll(start: Start, archives: u32) -> u64 {
    let mut bench = Bench::trusting(start);
    bench.append("a.log", "a line of today\n");
    for number in 1..=archives {
        let text = format!("a line of the day {number}\n");
        write(
            bench.path(&format!("a.log.{number}.gz")),
            gzip(text.as_bytes()),
        )
        .unwrap();
    }
    bench.come_to_rest();
    let before = bench.fs.calls();
    bench.drain();
    bench.fs.calls() - before
}

#[test]
fn an_idle_poll_costs_the_same_however_many_archives_there_are() {
    for start in [Start::End, Start::Beginning] {
        let one = calls_of_an_idle_poll(start, 1);
        assert_eq!(calls_of_an_idle_poll(start, 30), one, "{start:?}");
    }
}

#[test]
fn a_plain_file_of_the_past_is_read_on_when_it_grows() {
    let mut bench = Bench::trusting(Start::End);
    bench.append("a.log", "a line of today\n");
    bench.append("a.log.1", "a line of yesterday\n");
    bench.come_to_rest();
    bench.append("a.log.1", "one more\n");
    assert_eq!(bench.take_lines(), ["one more"]);
}

#[test]
fn an_archive_that_was_half_written_is_read_on_when_it_is_whole() {
    let mut bench = Bench::trusting(Start::End);
    bench.append("a.log", "a line of today\n");
    bench.come_to_rest();
    bench.renew("a.log");
    let lines: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    let archive = gzip((lines.join("\n") + "\n").as_bytes());
    write(bench.path("a.log.1.gz"), &archive[..archive.len() / 2]).unwrap();
    bench.come_to_rest();
    assert!(!bench.lines.is_empty());
    let is_reported = |bench: &mut Bench| {
        let damaged = "Damaged a.log.1.gz".to_owned();
        bench.take_events().contains(&damaged)
    };
    assert!(!is_reported(&mut bench), "it may still be being written");
    bench.clock.advance(WAIT);
    bench.drain();
    assert!(is_reported(&mut bench));
    bench.overwrite("a.log.1.gz", &archive);
    assert_eq!(bench.take_lines(), lines);
}

#[test]
fn an_archive_that_breaks_off_before_what_is_new_does_not_make_the_old_new() {
    let mut bench = Bench::trusting(Start::Beginning);
    let lines: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    let (old, new) = lines.split_at(15_000);
    bench.append("a.log", &(old.join("\n") + "\n"));
    bench.come_to_rest();
    assert!(std::mem::take(&mut bench.lines) == old);
    let archive = gzip((lines.join("\n") + "\n").as_bytes());
    remove_file(bench.path("a.log")).unwrap();
    bench.append("a.log", "another text\n");
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.come_to_rest();
    }
    write(bench.path("a.log.1.gz"), &archive[..archive.len() / 2]).unwrap();
    bench.come_to_rest();
    // All that can be decoded was counted.
    assert!(!(bench.take_events().iter()).any(|event| event.starts_with("Damaged")));
    bench.overwrite("a.log.1.gz", &archive);
    bench.come_to_rest();
    assert_eq!(bench.lines.remove(0), "another text");
    assert!(bench.lines == new);
}

#[test]
fn a_copy_of_what_was_compressed_is_read_on_when_it_grows() {
    let mut bench = Bench::trusting(Start::End);
    let text = "a line of yesterday\n";
    bench.append("a.log", "a line of today\n");
    write(bench.path("a.log.2.gz"), gzip(text.as_bytes())).unwrap();
    bench.come_to_rest();
    bench.append("a.log.1", text);
    bench.come_to_rest();
    assert!(bench.lines.is_empty());
    bench.append("a.log.1", "one more\n");
    assert_eq!(bench.take_lines(), ["one more"]);
}

#[test]
fn polls_become_seldom_while_idle_if_changes_are_notified() {
    let poll = Duration::from_secs(1);
    let mut bench = Bench::trusting(Start::End);
    bench.append("a.log", "a line\n");
    let rest = |bench: &mut Bench| {
        for _ in 0..20 {
            bench.drain();
            bench.clock.advance(poll);
        }
        bench.drain();
        bench.source.until_due()
    };
    assert_eq!(rest(&mut bench), poll, "changes are not notified");
    bench.source.set_watched(true);
    assert_eq!(rest(&mut bench), poll * SELDOM);
    bench.append("a.log", "a line\n");
    bench.round();
    assert_eq!(bench.source.until_due(), poll, "something was written");
    assert_eq!(rest(&mut bench), poll * SELDOM);
    bench.rename("a.log", "a.log.1");
    bench.drain();
    assert_eq!(bench.source.until_due(), poll, "something was renamed");
    assert_eq!(
        rest(&mut bench),
        poll,
        "a path is empty, a rotated file is open"
    );
    bench.append("a.log", "a line\n");
    assert_eq!(rest(&mut bench), poll, "a rotated file is open");
    bench.clock.advance(WAIT);
    assert_eq!(rest(&mut bench), poll * SELDOM);
    let same = settings(&bench.root, &["a.log"], Start::End, LIMIT);
    bench.source.reconfigure(&same);
    assert!(bench.source.until_due().is_zero());
}

#[test]
fn polls_do_not_become_seldom_where_changes_are_not_notified() {
    let poll = Duration::from_secs(1);
    let mut bench = Bench::trusting(Start::Beginning);
    bench.source.set_watched(true);
    bench.append("a.log", "a line\n");
    let rest = |bench: &mut Bench| {
        for _ in 0..10 {
            bench.clock.advance(bench.source.until_due());
            bench.drain();
        }
        bench.source.until_due()
    };
    assert_eq!(rest(&mut bench), poll * SELDOM);
    for _ in 0..3 {
        bench.append("a.log", "notified\n");
        bench.round();
        assert_eq!(rest(&mut bench), poll * SELDOM);
    }
    // Through a hard link, or a file that is mounted elsewhere as well.
    bench.append("a.log", "missed\n");
    assert_eq!(
        rest(&mut bench),
        poll * SELDOM,
        "the notification may have been late"
    );
    bench.append("a.log", "missed\n");
    assert_eq!(rest(&mut bench), poll);
    assert_eq!(rest(&mut bench), poll);
    let same = settings(&bench.root, &["a.log"], Start::Beginning, LIMIT);
    bench.source.reconfigure(&same);
    bench.drain();
    assert_eq!(rest(&mut bench), poll * SELDOM);
}

#[test]
fn a_symbolic_links_file_is_watched_where_it_is() {
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().canonicalize().unwrap();
    write(real.join("0.log"), "a line\n").unwrap();
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    symlink(real.join("0.log"), real.join("current")).unwrap();
    symlink(real.join("current"), bench.path("a.log")).unwrap();
    bench.append("b.log", "another\n");
    bench.drain();
    let homes: Vec<&Path> = bench.source.directories().collect();
    let mut expected = [bench.root.path(), &real];
    expected.sort();
    assert_eq!(homes, expected);
}
