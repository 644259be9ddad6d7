//! More files than may be open at one time, and paths that many files share a trouble with.

use super::*;

impl Bench {
    /// Makes a bench that may have `open_files` files open.
    fn with_room(patterns: &[&str], start: Start, open_files: usize) -> Self {
        let mut bench = Self::new(patterns, start);
        let mut few = settings(&bench.root, patterns, start, LIMIT);
        few.open_files = open_files;
        bench.source.reconfigure(&few);
        bench
    }

    fn most_open(&mut self, most: usize) {
        self.source.discover(&mut |event| self.events.push(event));
        loop {
            assert!(self.source.open_files() <= most);
            if self.round() == Progress::Idle {
                return;
            }
        }
    }
}

fn names(number: u32) -> impl Iterator<Item = String> {
    (0..number).map(|number| format!("{number:04}.log"))
}

#[test]
fn all_files_are_read_though_few_may_be_open() {
    let mut bench = Bench::with_room(&["*.log"], Start::Beginning, 7);
    for name in names(100) {
        bench.append(&name, &format!("first of {name}\n"));
    }
    bench.most_open(7);
    bench.lines.sort();
    let first: Vec<_> = names(100).map(|name| format!("first of {name}")).collect();
    assert_eq!(std::mem::take(&mut bench.lines), first);
    assert_eq!(bench.source.lag_bytes(), 0);
    for round in 0..3 {
        bench.clock.advance(WAIT);
        bench.most_open(7);
        assert!(bench.lines.is_empty());
        for name in names(100).step_by(3) {
            bench.append(&name, &format!("{round} of {name}\n"));
        }
        // A wake-up without a discovery is enough.
        while bench.round() == Progress::More {}
        assert_eq!(std::mem::take(&mut bench.lines).len(), 34);
    }
    let events = bench.take_events();
    assert_eq!(events.len(), 8, "{events:?}");
    assert!(events[7].starts_with("Waiting "));
}

#[test]
fn the_latest_files_come_first_and_the_others_are_lag() {
    let mut bench = Bench::with_room(&["*.log"], Start::Beginning, 2);
    for (name, age) in names(5).zip([3, 1, 4, 0, 2]) {
        bench.append(&name, &format!("{name}\npart"));
        let file = File::options().append(true).open(bench.path(&name));
        let day = Duration::from_hours(24);
        let modified = std::time::UNIX_EPOCH + day * (20_000 - age);
        file.unwrap().set_modified(modified).unwrap();
    }
    // None of them can be closed: a line is not complete.
    assert_eq!(bench.take_lines(), ["0003.log", "0001.log"]);
    let size = "0000.log\npart".len() as u64;
    assert_eq!(bench.source.lag_bytes(), 2 * 4 + 3 * size);
    bench.append("0003.log", "\n");
    assert_eq!(bench.take_lines(), ["part", "0004.log"]);
    remove_file(bench.path("0001.log")).unwrap();
    bench.drain();
    bench.clock.advance(WAIT);
    assert_eq!(bench.take_lines(), ["part", "0000.log"]);
}

#[test]
fn history_stays_history_though_few_files_may_be_open() {
    let mut bench = Bench::with_room(&["*.log"], Start::End, 3);
    for name in names(20) {
        bench.append(&name, "history\n");
    }
    assert!(bench.take_lines().is_empty());
    for name in names(20) {
        bench.append(&name, &format!("{name}\n"));
    }
    assert_eq!(bench.take_lines().len(), 20);
    // Weeks later too.
    for _ in 0..20 {
        bench.clock.advance(Duration::from_hours(24));
        bench.drain();
    }
    assert!(bench.take_lines().is_empty());
}

#[test]
fn files_that_were_closed_for_others_are_rotated() {
    let mut bench = Bench::with_room(&["*.log"], Start::Beginning, 3);
    for name in names(20) {
        bench.append(&name, &format!("1 of {name}\n"));
    }
    assert_eq!(bench.take_lines().len(), 20);
    for name in names(20) {
        bench.rename(&name, &format!("{name}.1"));
        bench.append(&name, "");
    }
    bench.drain();
    for name in names(20) {
        bench.append(&format!("{name}.1"), &format!("2 of {name}\n"));
        bench.append(&name, &format!("3 of {name}\n"));
    }
    for _ in 0..40 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    assert_eq!(bench.take_lines().len(), 40);
    assert_eq!(bench.source.lag_bytes(), 0);
}

#[test]
fn a_file_that_was_closed_for_others_is_truncated() {
    let mut bench = Bench::with_room(&["*.log"], Start::Beginning, 1);
    bench.append("a.log", &"a line of the day before\n".repeat(9));
    bench.append("b.log", "a line of another log\n");
    assert_eq!(bench.take_lines().len(), 10);
    for name in ["a.log", "b.log"] {
        std::fs::copy(bench.path(name), bench.path(&format!("{name}.1"))).unwrap();
        write(bench.path(name), "").unwrap();
        bench.append(name, &format!("a line of today in {name}\n"));
    }
    bench.lines.clear();
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    bench.lines.sort();
    let today = ["a line of today in a.log", "a line of today in b.log"];
    assert_eq!(bench.lines, today);
}

#[test]
fn a_trouble_of_many_paths_is_one_event() {
    let mut bench = Bench::new(&["*.log"], Start::Beginning);
    let count = |events: &[FileEvent]| {
        let files = |event: &FileEvent| match event {
            FileEvent::ManyUnreadable { files, .. } => *files,
            FileEvent::Unreadable { .. } => 1,
            other => panic!("{other:?}"),
        };
        events.iter().map(files).collect::<Vec<_>>()
    };
    for name in names(300) {
        bench.append(&name, "a line\n");
        bench.fs.refuse(bench.path(&name));
    }
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    assert_eq!(count(&std::mem::take(&mut bench.events)), [300]);
    assert_eq!(bench.source.lag_bytes(), 300 * 7);
    for name in names(500) {
        bench.fs.refuse(bench.path(&name));
        bench.append(&name, "");
    }
    bench.drain();
    assert_eq!(bench.events.len(), 0);
    for name in names(700) {
        bench.fs.refuse(bench.path(&name));
        bench.append(&name, "");
    }
    bench.drain();
    assert_eq!(count(&std::mem::take(&mut bench.events)), [700]);
    for name in names(700).skip(4) {
        remove_file(bench.path(&name)).unwrap();
    }
    bench.drain();
    assert_eq!(bench.events.len(), 0);
    bench.fs.allow_all();
    bench.drain();
    assert_eq!(bench.lines.len(), 4);
}
