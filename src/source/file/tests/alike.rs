//! Equal lines are counted as often as they were written: a log may hold one line many times, and another log the same
//! lines.

use super::*;
use crate::source::file::doubt::REST;

/// A line without a time, as uvicorn writes it for a check of its health.
const CHECK: &str = "INFO:     127.0.0.1:0 - \"GET /health HTTP/1.1\" 200 OK\n";

impl Bench {
    /// Follows a log that holds a hundred equal lines.
    fn of_equal_lines(pattern: &str) -> Self {
        let mut bench = Self::new(&[pattern], Start::Beginning);
        bench.append("a.log", &CHECK.repeat(100));
        assert_eq!(bench.take_lines().len(), 100);
        bench
    }

    fn expect_equal(&mut self, count: usize) {
        let mut lines = self.take_lines();
        self.clock.advance(2 * WAIT);
        lines.extend(self.take_lines());
        assert_eq!(lines.len(), count);
    }
}

#[test]
fn equal_lines_are_counted_through_rotations() {
    for pattern in ["a.log", "a.log*"] {
        let mut bench = Bench::of_equal_lines(pattern);
        for day in 1..5 {
            bench.rename("a.log", &format!("a.log-2026112{day}"));
            bench.append("a.log", "");
            bench.expect_equal(0);
            for count in [1, 20, 90] {
                bench.append("a.log", &CHECK.repeat(count));
                bench.expect_equal(count);
            }
        }
    }
}

#[test]
fn equal_lines_are_counted_though_the_rotation_was_not_seen() {
    for pattern in ["a.log", "a.log*"] {
        let mut bench = Bench::of_equal_lines(pattern);
        for day in 1..5 {
            bench.append("a.log", &CHECK.repeat(30));
            bench.rename("a.log", &format!("a.log-2026112{day}"));
            bench.append("a.log", &CHECK.repeat(20));
            bench.expect_equal(50);
        }
    }
}

/// Returns lines of clients that ask for the same pages in the same second.
fn pages(count: u32) -> String {
    let line = |page: u32| format!("[18:47:15] GET /articles/{page}/\n");
    (1..=count).map(line).collect()
}

#[test]
fn a_log_that_begins_as_the_former_one_is_counted() {
    for pattern in ["a.log", "a.log*"] {
        for read in [3, 7] {
            let mut bench = Bench::new(&[pattern], Start::Beginning);
            bench.append("a.log", &pages(read));
            assert_eq!(bench.take_lines().len(), read as usize);
            bench.append("a.log", &pages(7)[pages(read).len()..]);
            for day in 1..5 {
                // The file before the last is compressed, and has no name then.
                let _ = remove_file(bench.path(&format!("a.log-2026112{}", day - 1)));
                bench.rename("a.log", &format!("a.log-2026112{day}"));
                bench.append("a.log", &pages(7));
                let unread = if day == 1 { 7 - read as usize } else { 0 };
                bench.expect_equal(7 + unread);
            }
        }
    }
}

/// The former log was moved to a place that is not searched, as `olddir` does.
#[test]
fn a_log_that_begins_or_ends_as_one_that_was_moved_away_is_counted() {
    let former = pages(14);
    let (first, last) = former.split_at(pages(9).len());
    let others = "[18:47:16] GET /\n[18:47:16] GET /login/\n";
    for text in [
        first.to_owned(),
        last.to_owned() + others,
        others.to_owned() + last,
    ] {
        let mut bench = Bench::new(&["a.log"], Start::Beginning);
        bench.append("a.log", &former);
        assert_eq!(bench.take_lines().len(), 14);
        bench.rename("a.log", "elsewhere");
        bench.append("a.log", &text);
        bench.drain();
        bench.clock.advance(REST);
        bench.expect_equal(text.lines().count());
    }
}

/// Rotations follow each other while new logs are in doubt: the former one has lost its name by then.
#[test]
fn a_log_that_begins_as_the_former_one_is_counted_though_that_is_compressed_at_once() {
    for pattern in ["a.log", "a.log*"] {
        for (former, next) in [(7, 7), (7, 14), (14, 7), (10, 7)] {
            for is_polled in 0..8_u8 {
                let mut bench = Bench::new(&[pattern], Start::Beginning);
                bench.append("a.log", &pages(former));
                assert_eq!(bench.take_lines().len(), former as usize);
                let poll = |bench: &mut Bench, step: u8| {
                    if is_polled & step != 0 {
                        bench.drain();
                    }
                };
                for day in 1..4 {
                    let name = |day| format!("a.log-2026112{day}");
                    if day > 1 {
                        let text = std::fs::read(bench.path(&name(day - 1))).unwrap();
                        let archive = bench.path(&format!("{}.gz", name(day - 1)));
                        write(archive, gzip(&text)).unwrap();
                        poll(&mut bench, 1);
                        remove_file(bench.path(&name(day - 1))).unwrap();
                        poll(&mut bench, 2);
                    }
                    bench.rename("a.log", &name(day));
                    bench.append("a.log", &pages(next));
                    poll(&mut bench, 4);
                    bench.drain();
                }
                bench.clock.advance(REST);
                bench.expect_equal(3 * next as usize);
            }
        }
    }
}

/// Two rotations between two scans: the log between them was never seen at its path, and the one before it has lost its
/// name.
#[test]
fn a_log_that_two_rotations_hid_is_counted_though_it_is_like_those_beside_it() {
    for pattern in ["a.log", "a.log*"] {
        for (former, hidden, next) in [
            (4, 5, 2),
            (4, 4, 4),
            (5, 4, 6),
            (4, 5, 1),
            (5, 4, 1),
            (4, 5, 6),
            (3, 4, 0),
            (60, 70, 90),
            (70, 70, 70),
        ] {
            let others = "[18:47:16] GET /\n[18:47:16] GET /login/\n";
            for (is_compressed, others) in
                [(true, ""), (false, ""), (true, others), (false, others)]
            {
                let mut bench = Bench::new(&[pattern], Start::Beginning);
                bench.append("a.log", &pages(7).repeat(former));
                assert_eq!(bench.take_lines().len(), 7 * former);
                bench.rename("a.log", "a.log.1");
                bench.append("a.log", &pages(7).repeat(hidden));
                if is_compressed {
                    let text = std::fs::read(bench.path("a.log.1")).unwrap();
                    write(bench.path("a.log.2.gz"), gzip(&text)).unwrap();
                    remove_file(bench.path("a.log.1")).unwrap();
                } else {
                    bench.rename("a.log.1", "a.log.2");
                }
                bench.rename("a.log", "a.log.1");
                bench.append("a.log", &(pages(7).repeat(next) + others));
                bench.drain();
                bench.clock.advance(REST);
                bench.expect_equal(7 * (hidden + next) + others.lines().count());
                bench.append("a.log", &pages(7));
                bench.expect_equal(7);
            }
        }
    }
}

#[test]
fn equal_lines_are_counted_through_copytruncate() {
    for pattern in ["a.log", "a.log*"] {
        let mut bench = Bench::of_equal_lines(pattern);
        for day in 1..5 {
            let copy = bench.path(&format!("a.log-2026112{day}"));
            std::fs::copy(bench.path("a.log"), copy).unwrap();
            File::create(bench.path("a.log")).unwrap();
            bench.expect_equal(0);
            bench.append("a.log", &CHECK.repeat(10 + day));
            bench.expect_equal(10 + day);
        }
    }
}

/// Two sites that are checked at the same time begin with the same lines.
#[test]
fn a_log_that_begins_like_another_is_counted() {
    for is_there in [true, false] {
        let mut bench = Bench::new(&["*.log"], Start::Beginning);
        let a = CHECK.repeat(2) + &"a line of the site a\n".repeat(30);
        let b = CHECK.repeat(2) + &"a line of the site b\n".repeat(10);
        bench.append("a.log", &a);
        if !is_there {
            bench.expect_equal(32);
        }
        bench.append("b.log", &b);
        bench.expect_equal(if is_there { 44 } else { 12 });
        bench.append("b.log", "a later line of the site b\n");
        bench.expect_equal(1);
    }
}
