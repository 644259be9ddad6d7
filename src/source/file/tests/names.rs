//! Files that have the name of a rotated one: read only if a rotation made them.

use super::*;

const DAY: Duration = Duration::from_hours(24);

impl Bench {
    /// Lines of a text of its own.
    fn lines_of(text: &str, lines: std::ops::Range<u32>) -> String {
        let line = |line: u32| format!("{text} {line} of a line long enough\n");
        lines.map(line).collect()
    }

    /// Puts a file in its place at once, last modified so long ago.
    pub(super) fn restore(&self, name: &str, bytes: &[u8], ago: Duration) {
        write(self.path("restored"), bytes).unwrap();
        let file = File::options().append(true).open(self.path("restored"));
        let modified = crate::clock::Clock::wall(&crate::clock::SystemClock::new()) - ago;
        file.unwrap().set_modified(modified).unwrap();
        self.rename("restored", name);
    }

    fn expect_lines(&mut self, expected: &str) {
        let mut lines = Vec::new();
        for _ in 0..3 {
            lines.extend(self.take_lines());
            self.clock.advance(2 * WAIT);
        }
        let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
        let gaps: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| event.gap().map(|gap| gap.reason.name))
            .collect();
        assert_eq!(gaps, [""; 0]);
    }

    /// Rotates so many times without a poll, `name` giving the name of a rotation; returns the lines.
    fn rotate_unseen(&self, log: &str, times: u32, name: impl Fn(u32) -> String) -> String {
        let mut all = String::new();
        for time in 0..times {
            let text = Self::lines_of(&format!("generation {time}"), 0..5);
            self.append(log, &text);
            all += &text;
            for number in (1..=time).rev() {
                self.rename(&name(number), &name(number + 1));
            }
            self.rename(log, &name(1));
        }
        let text = Self::lines_of("the last generation", 0..3);
        self.append(log, &text);
        all + &text
    }
}

fn followed(start: Start) -> Bench {
    let mut bench = Bench::new(&["a.log"], start);
    bench.append("a.log", &Bench::lines_of("the log", 0..3));
    bench.drain();
    bench.lines.clear();
    bench
}

#[test]
fn a_restored_file_is_history() {
    let old = Bench::lines_of("last month", 0..50);
    for ago in [Duration::ZERO, 27 * DAY] {
        let mut bench = followed(Start::Beginning);
        bench.restore("a.log.8", old.as_bytes(), ago);
        let archive = gzip(old.replace("last", "another").as_bytes());
        bench.restore("a.log-20261101.gz", &archive, ago);
        bench.restore("a.7.log", old.replace("last", "one").as_bytes(), ago);
        let new = Bench::lines_of("the log", 3..6);
        bench.append("a.log", &new);
        bench.expect_lines(&new);
    }
}

#[test]
fn a_file_restored_in_the_course_of_a_rotation_is_history_by_its_age() {
    let mut bench = followed(Start::End);
    let new = bench.rotate_unseen("a.log", 2, |number| format!("a.log.{number}"));
    let old = Bench::lines_of("last month", 0..50);
    bench.restore("a.log.8", old.as_bytes(), 27 * DAY);
    bench.restore("a.log.9.gz", &gzip(b"yesterday's last line\n"), DAY);
    bench.expect_lines(&new);
}

#[test]
fn a_file_that_is_restored_in_pieces_is_history() {
    let mut bench = followed(Start::Beginning);
    let old = Bench::lines_of("last month", 0..50);
    bench.append("a.log.8", "");
    bench.drain();
    for piece in old.as_bytes().chunks(300) {
        bench.writer("a.log.8").write_all(piece).unwrap();
        bench.clock.advance(Duration::from_secs(1));
        bench.drain();
    }
    bench.expect_lines("");
    bench.rename("a.log.8", "a.log.9");
    bench.expect_lines("");
}

#[test]
fn a_generation_that_could_not_be_read_at_first_is_read_later() {
    let mut bench = followed(Start::Beginning);
    let new = bench.rotate_unseen("a.log", 2, |number| format!("a.log.{number}"));
    bench.fs.refuse(bench.path("a.log.1"));
    for _ in 0..20 {
        bench.drain();
        bench.clock.advance(WAIT);
    }
    bench.fs.allow_all();
    bench.expect_lines(&new);
}

#[test]
fn rotations_with_the_number_before_the_extension_lose_nothing() {
    let mut bench = followed(Start::Beginning);
    bench.append("a.1.log", &Bench::lines_of("an older generation", 0..3));
    bench.rename("a.1.log", "a.5.log");
    bench.drain();
    let new = bench.rotate_unseen("a.log", 4, |number| format!("a.{number}.log"));
    bench.expect_lines(&new);
}

#[test]
fn the_log_of_another_program_with_such_a_name_is_not_read() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "");
    let others = ["a.2.log", "a-100234.log"];
    for other in others {
        bench.append(other, &Bench::lines_of(other, 0..3));
    }
    bench.drain();
    for other in others {
        bench.append(other, &Bench::lines_of(other, 3..6));
    }
    bench.drain();
    // All are rotated by one logrotate.
    for log in ["a.log", others[0], others[1]] {
        bench.rename(log, &format!("{log}.1"));
        bench.append(log, &Bench::lines_of("after the rotation", 0..3));
    }
    bench.expect_lines(&Bench::lines_of("after the rotation", 0..3));
}

#[test]
fn generations_beside_the_target_of_a_link_are_read() {
    for pattern in ["logs/a.log", "logs/*.log", "*/a.log"] {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        for dir in ["logs", "links", "disk"] {
            create_dir(bench.path(dir)).unwrap();
        }
        bench.append("disk/0.log", "the first line of the log\n");
        symlink("../disk/0.log", bench.path("links/b.log")).unwrap();
        symlink("../links/b.log", bench.path("logs/a.log")).unwrap();
        bench.expect_lines("the first line of the log\n");
        let disk = bench.path("disk").canonicalize().unwrap();
        assert!(
            bench.source.directories().any(|dir| dir == disk),
            "{pattern}"
        );
        let new = bench.rotate_unseen("disk/0.log", 4, |number| format!("disk/0.log.{number}"));
        bench.expect_lines(&new);
    }
}

#[test]
fn a_copy_beside_the_target_of_a_link_is_found() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    create_dir(bench.path("disk")).unwrap();
    bench.append("disk/0.log", "the first line of the log\n");
    symlink("disk/0.log", bench.path("a.log")).unwrap();
    bench.drain();
    bench.append("disk/0.log", "the second line of the log\n");
    std::fs::copy(bench.path("disk/0.log"), bench.path("disk/0.log.1")).unwrap();
    write(bench.path("disk/0.log"), "another\n").unwrap();
    let lines = bench.take_lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn a_link_that_is_switched_leads_to_another_log() {
    let mut bench = Bench::new(&["current"], Start::Beginning);
    for dir in ["1", "2"] {
        create_dir(bench.path(dir)).unwrap();
    }
    bench.append("1/a.log", "the first release\n");
    symlink("1/a.log", bench.path("current")).unwrap();
    bench.drain();
    bench.append("1/a.log", "the last of the first release\n");
    bench.append("2/a.log", "the second release\n");
    remove_file(bench.path("current")).unwrap();
    symlink("2/a.log", bench.path("current")).unwrap();
    bench.expect_lines("the first release\nthe last of the first release\nthe second release\n");
}

/// Hourly files and logs of tenants: they are followed as long as they grow, whatever the digits in their names.
#[test]
fn names_with_digits_under_a_glob_are_logs_of_their_own() {
    for start in [Start::Beginning, Start::End] {
        for with_log in [false, true] {
            let mut bench = Bench::new(&["*.log"], start);
            bench.source.set_lists_always(false);
            if with_log {
                bench.append("tenant.log", "");
            }
            let tenants = [
                "tenant-100234.log",
                "tenant-100235.log",
                "tenant.2026112807.log",
            ];
            for tenant in tenants {
                bench.append(tenant, "the same first line of all\n");
            }
            bench.drain();
            bench.lines.clear();
            for hours in [0, 1, 5, 50] {
                bench.clock.advance(Duration::from_hours(hours));
                bench.drain();
                let mut all = String::new();
                for tenant in tenants {
                    let line = format!("after {hours} hours of {tenant}\n");
                    bench.append(tenant, &line);
                    all += &line;
                }
                bench.expect_lines(&all);
            }
            let later = Bench::lines_of("a later tenant", 0..3);
            bench.append("tenant-100236.log", &later);
            bench.expect_lines(&later);
            let new = bench.rotate_unseen("tenant-100234.log", 3, |number| {
                format!("tenant-100234.log.{number}")
            });
            bench.expect_lines(&new);
        }
    }
}

#[test]
fn hourly_files_behind_a_link_are_read_once() {
    let mut bench = Bench::new(&["*.log"], Start::End);
    for hour in 0..5 {
        let name = format!("a.20261128{hour:02}.log");
        let text = Bench::lines_of(&name, 0..4);
        bench.append(&name, &text[..text.len() / 2]);
        if hour == 0 {
            symlink(&name, bench.path("a.log")).unwrap();
            bench.drain();
            assert!(std::mem::take(&mut bench.lines).is_empty());
            bench.append(&name, &text[text.len() / 2..]);
            bench.expect_lines(&Bench::lines_of(&name, 2..4));
            continue;
        }
        bench.drain();
        let _ = remove_file(bench.path("a.log"));
        symlink(&name, bench.path("a.log")).unwrap();
        bench.append(&name, &text[text.len() / 2..]);
        bench.expect_lines(&text);
    }
}

/// Nothing was seen at the path of the log: it was made, rotated and compressed between two polls.
#[test]
fn an_archive_of_a_log_that_was_never_seen_is_read_if_it_is_new() {
    for (ago, expected) in [(Duration::ZERO, true), (30 * DAY, false)] {
        let mut bench = Bench::new(&["*.log*"], Start::Beginning);
        bench.append("b.log", "");
        bench.drain();
        let text = Bench::lines_of("unseen", 0..5);
        bench.restore("a.log-20261128.gz", &gzip(text.as_bytes()), ago);
        bench.expect_lines(if expected { &text } else { "" });
    }
}
