//! Files that are overwritten after they were read, and history that ends in half a line.

use super::*;

impl Bench {
    /// Overwrites a file with bytes that are not text, up to the end of its last block, as shred(1) does.
    fn shred(&self, name: &str) {
        let file = File::options().write(true).open(self.path(name)).unwrap();
        let size = file.metadata().unwrap().len().next_multiple_of(4096);
        let noise = (0..size).map(|at| u8::try_from(at * 7919 % 251).unwrap());
        (&file).write_all(&noise.collect::<Vec<_>>()).unwrap();
    }

    /// Writes a log, and makes it older than it is, so that its identity is certain.
    fn write_log(&self, name: &str, text: &str) {
        self.append(name, text);
        let file = File::options().append(true).open(self.path(name)).unwrap();
        let later = file.metadata().unwrap().modified().unwrap() + WAIT;
        file.set_modified(later).unwrap();
    }

    fn let_minutes_pass(&mut self) {
        for _ in 0..3 {
            self.clock.advance(WAIT);
            self.drain();
        }
    }

    /// Expects that nothing was counted and no loss reported.
    fn expect_nothing(&mut self) {
        self.let_minutes_pass();
        assert_eq!((self.lines.len(), self.overlong), (0, 0));
        assert!(self.events.iter().all(|event| event.gap().is_none()));
    }
}

const LINE: &str = "a line that is long enough to be known\n";

#[test]
fn a_closed_file_that_is_shredded_is_not_a_log() {
    for pattern in ["a.log", "a.log*", "*"] {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        bench.write_log("a.log", &LINE.repeat(20));
        assert_eq!(bench.take_lines().len(), 20);
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", "");
        bench.let_minutes_pass();
        assert_eq!(bench.source.open_files(), 1);
        for _ in 0..3 {
            bench.shred("a.log.1");
            bench.expect_nothing();
        }
        bench.rename("a.log.1", "00000");
        bench.expect_nothing();
        bench.shred("00000");
        bench.expect_nothing();
        File::create(bench.path("00000")).unwrap();
        bench.expect_nothing();
        remove_file(bench.path("00000")).unwrap();
        bench.expect_nothing();
        bench.append("a.log", LINE);
        assert_eq!(bench.take_lines().len(), 1);
    }
}

#[test]
fn an_open_rotated_file_that_is_shredded_is_not_a_log() {
    for pattern in ["a.log", "a.log*", "*"] {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        bench.write_log("a.log", &LINE.repeat(20));
        assert_eq!(bench.take_lines().len(), 20);
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", "");
        bench.drain();
        assert_eq!(bench.source.open_files(), 2);
        bench.shred("a.log.1");
        bench.drain();
        bench.rename("a.log.1", "00000");
        bench.drain();
        File::create(bench.path("00000")).unwrap();
        bench.drain();
        remove_file(bench.path("00000")).unwrap();
        bench.expect_nothing();
        assert_eq!(bench.source.open_files(), 1);
    }
}

#[test]
fn a_log_that_is_shredded_at_its_path_is_a_gap() {
    for pattern in ["a.log", "a.log*"] {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        bench.write_log("a.log", &LINE.repeat(20));
        assert_eq!(bench.take_lines().len(), 20);
        for _ in 0..3 {
            bench.shred("a.log");
            bench.let_minutes_pass();
        }
        let size = bench.path("a.log").metadata().unwrap().len();
        write(bench.path("a.log"), vec![0; usize::try_from(size).unwrap()]).unwrap();
        bench.let_minutes_pass();
        assert_eq!((bench.lines.len(), bench.overlong), (0, 0));
        let gaps = bench.events.iter().filter_map(FileEvent::gap).count();
        assert_eq!(gaps, 1);
        bench.append("a.log", LINE);
        assert_eq!(bench.take_lines().len(), 1);
        remove_file(bench.path("a.log")).unwrap();
        bench.append("a.log", LINE);
        assert_eq!(bench.take_lines().len(), 1);
    }
}

#[test]
fn an_open_rotated_file_that_is_emptied_lost_nothing() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", &LINE.repeat(20));
    assert_eq!(bench.take_lines().len(), 20);
    let mut writer = bench.writer("a.log");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    bench.drain();
    File::create(bench.path("a.log.1")).unwrap();
    bench.drain();
    assert!(bench.events.iter().all(|event| event.gap().is_none()));
    writer
        .write_all(b"a line of a server that is late\n")
        .unwrap();
    assert_eq!(bench.take_lines(), ["a line of a server that is late"]);
}

#[test]
fn unread_lines_that_were_overwritten_are_a_gap() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.write_log("a.log", &LINE.repeat(20));
    assert_eq!(bench.take_lines().len(), 20);
    bench.append("a.log", "half a line");
    bench.drain();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    bench.drain();
    bench.shred("a.log.1");
    bench.drain();
    let lost = bench.events.iter().find_map(FileEvent::gap).unwrap();
    assert_eq!((lost.reason.name, lost.at_least), ("truncated", 11));
    assert!(bench.lines.is_empty());
}

#[test]
fn half_a_line_of_history_is_not_a_line() {
    let (whole, half) = ("a line of history\n", "half a line of his");
    for pattern in ["a.log", "*.log", "a.log*"] {
        let mut bench = Bench::new(&[pattern], Start::End);
        for name in ["a.log", "a.log.1"] {
            bench.append(name, &(whole.repeat(30) + half));
        }
        bench.drain();
        bench.rename("a.log.1", "a.log.2");
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", "");
        bench.let_minutes_pass();
        std::fs::copy(bench.path("a.log.2"), bench.path("a.log.3")).unwrap();
        let text = std::fs::read(bench.path("a.log.2")).unwrap();
        write(bench.path("a.log.4.gz"), gzip(&text)).unwrap();
        bench.let_minutes_pass();
        assert!(bench.lines.is_empty(), "{pattern}: {:?}", bench.lines);
        for name in ["a.log.1", "a.log.2"] {
            bench.append(name, &format!("tory in {name}\nand a line\n"));
            bench.let_minutes_pass();
            let lines = [format!("{half}tory in {name}"), "and a line".to_owned()];
            assert_eq!(std::mem::take(&mut bench.lines), lines, "{pattern}");
        }
    }
}
