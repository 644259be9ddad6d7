//! What a look costs when nothing happens, and what it must see though no directory tells.

use super::*;

/// More than a tick apart, so that what is not looked at again has been sure for a while.
const APART: Duration = Duration::from_secs(2);

impl Bench {
    /// A bench that trusts the dates of directories, as the daemon does.
    fn trusting(start: Start) -> Self {
        let mut bench = Self::new(&["a.log"], start);
        bench.source.directories.always = false;
        bench
    }

    fn settle(&mut self) {
        for _ in 0..4 {
            self.drain();
            self.clock.advance(APART);
        }
    }

    /// Writes a text into an existing file, so that its directory stays as it is.
    fn overwrite(&self, name: &str, bytes: &[u8]) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        (&file).write_all(bytes).unwrap();
    }
}

/// What a look and a round ask the file system for, with so many compressed files beside the log, all
/// handled.
fn calls_of_an_idle_look(start: Start, archives: u32) -> u64 {
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
    bench.settle();
    let before = bench.fs.calls();
    bench.drain();
    bench.fs.calls() - before
}

#[test]
fn an_idle_look_costs_the_same_whatever_history_is_compressed() {
    for start in [Start::End, Start::Beginning] {
        let one = calls_of_an_idle_look(start, 1);
        assert_eq!(calls_of_an_idle_look(start, 30), one, "{start:?}");
    }
}

#[test]
fn a_plain_file_of_the_past_is_read_on_when_it_grows() {
    let mut bench = Bench::trusting(Start::End);
    bench.append("a.log", "a line of today\n");
    bench.append("a.log.1", "a line of yesterday\n");
    bench.settle();
    bench.append("a.log.1", "one more\n");
    assert_eq!(bench.take_lines(), ["one more"]);
}

#[test]
fn an_archive_that_was_half_written_is_read_on_when_it_is_whole() {
    let mut bench = Bench::trusting(Start::End);
    bench.append("a.log", "a line of today\n");
    bench.settle();
    let lines: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    let archive = gzip((lines.join("\n") + "\n").as_bytes());
    write(bench.path("a.log.1.gz"), &archive[..archive.len() / 2]).unwrap();
    bench.settle();
    assert!(
        bench
            .take_events()
            .contains(&"Damaged a.log.1.gz".to_owned())
    );
    assert!(!bench.lines.is_empty());
    bench.overwrite("a.log.1.gz", &archive);
    assert_eq!(bench.take_lines(), lines);
}

#[test]
fn an_archive_that_breaks_off_before_what_is_new_does_not_make_the_old_new() {
    let mut bench = Bench::trusting(Start::Beginning);
    let lines: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    let (old, new) = lines.split_at(15_000);
    bench.append("a.log", &(old.join("\n") + "\n"));
    bench.settle();
    assert!(std::mem::take(&mut bench.lines) == old);
    let archive = gzip((lines.join("\n") + "\n").as_bytes());
    remove_file(bench.path("a.log")).unwrap();
    bench.append("a.log", "another text\n");
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.settle();
    }
    write(bench.path("a.log.1.gz"), &archive[..archive.len() / 2]).unwrap();
    bench.settle();
    let events = bench.take_events();
    assert!(events.contains(&"Damaged a.log.1.gz".to_owned()));
    bench.overwrite("a.log.1.gz", &archive);
    bench.settle();
    assert_eq!(bench.lines.remove(0), "another text");
    assert!(bench.lines == new);
}

#[test]
fn a_copy_of_what_was_compressed_is_read_on_when_it_grows() {
    let mut bench = Bench::trusting(Start::End);
    let text = "a line of yesterday\n";
    bench.append("a.log", "a line of today\n");
    write(bench.path("a.log.2.gz"), gzip(text.as_bytes())).unwrap();
    bench.settle();
    bench.append("a.log.1", text);
    bench.settle();
    assert!(bench.lines.is_empty());
    bench.append("a.log.1", "one more\n");
    assert_eq!(bench.take_lines(), ["one more"]);
}

#[test]
fn looks_become_seldom_when_nothing_happens_and_changes_are_told() {
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
    assert_eq!(rest(&mut bench), poll, "nobody tells");
    bench.source.set_watched(true);
    assert_eq!(rest(&mut bench), poll * 4);
    bench.append("a.log", "a line\n");
    bench.round();
    assert_eq!(bench.source.until_due(), poll, "something was written");
    assert_eq!(rest(&mut bench), poll * 4);
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
    assert_eq!(rest(&mut bench), poll * 4);
    let same = settings(&bench.root, &["a.log"], Start::End, LIMIT);
    bench.source.reconfigure(same, &mut |_| {});
    assert!(bench.source.until_due().is_zero());
}

#[test]
fn looks_do_not_become_seldom_where_changes_are_told_to_nobody() {
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
    assert_eq!(rest(&mut bench), poll * 4);
    for _ in 0..3 {
        bench.append("a.log", "told\n");
        bench.round();
        assert_eq!(rest(&mut bench), poll * 4);
    }
    // Through a hard link, or a file that is mounted elsewhere as well.
    bench.append("a.log", "untold\n");
    assert_eq!(rest(&mut bench), poll * 4, "it may have been told too late");
    bench.append("a.log", "untold\n");
    assert_eq!(rest(&mut bench), poll);
    assert_eq!(rest(&mut bench), poll);
    let same = settings(&bench.root, &["a.log"], Start::Beginning, LIMIT);
    bench.source.reconfigure(same, &mut |_| {});
    bench.drain();
    assert_eq!(rest(&mut bench), poll * 4);
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
    assert_eq!(homes, [bench.root.path(), &real]);
}
