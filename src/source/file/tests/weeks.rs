//! Rotated files that stand for weeks: their lines are counted once.

use super::consumed::Consumed;
use super::fs::{FileId, Meta};
use super::history::{FinishedFile, History, MOST_RECORDS};
use super::*;
use crate::model::SecretKey;

const DAY: Duration = Duration::from_hours(24);

impl Bench {
    /// Rotates as logrotate does with `rotate 14`, `compress` and `delaycompress`.
    fn rotate(&self) {
        let gz = |number: u32| format!("a.log.{number}.gz");
        let _ = remove_file(self.path(&gz(14)));
        for number in (2..14).rev() {
            if self.path(&gz(number)).exists() {
                self.rename(&gz(number), &gz(number + 1));
            }
        }
        if self.path("a.log.1").exists() {
            let text = std::fs::read(self.path("a.log.1")).unwrap();
            write(self.path(&gz(2)), gzip(&text)).unwrap();
            remove_file(self.path("a.log.1")).unwrap();
        }
        self.rename("a.log", "a.log.1");
        self.append("a.log", "");
    }

    /// Writes and rotates for some days, and expects each line once.
    fn live(&mut self, days: std::ops::Range<u32>) {
        for day in days {
            self.rotate();
            let line = |part: u32| format!("line {part} of the day {day}");
            for part in 0..3 {
                self.append("a.log", &(line(part) + "\n"));
                self.drain();
                self.clock.advance(2 * WAIT);
            }
            let lines = self.take_lines();
            assert_eq!(lines, [line(0), line(1), line(2)], "day {day}");
            self.clock.advance(DAY.saturating_sub(6 * WAIT));
        }
        assert_eq!(self.events.iter().find_map(FileEvent::gap), None);
    }
}

#[test]
fn a_log_rotated_daily_is_counted_once_over_a_month() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "");
    bench.drain();
    bench.live(0..31);
}

#[test]
fn rotated_files_of_the_past_stay_history_for_weeks() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.append("a.log", "");
    for number in [2, 3] {
        let text = format!("a line of history, {number} days ago\n").repeat(10);
        let path = bench.path(&format!("a.log.{number}.gz"));
        write(path, gzip(text.as_bytes())).unwrap();
    }
    bench.drain();
    bench.live(0..12);
}

#[test]
fn a_file_that_is_away_for_days_is_recognized() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.append("a.log", "a line of today\n");
    bench.drain();
    bench.renew("a.log");
    bench.append("a.log.1", "a line of yesterday\n");
    assert_eq!(bench.take_lines().len(), 2);
    for _ in 0..30 {
        bench.clock.advance(DAY);
        bench.drain();
    }
    bench.rename("a.log.1", "elsewhere");
    for _ in 0..6 {
        bench.clock.advance(DAY);
        bench.drain();
    }
    bench.rename("elsewhere", "a.log.2");
    assert!(bench.take_lines().is_empty());
}

/// With more rotated files than records, none is read again, and that is one event.
#[test]
fn files_of_dropped_records_are_not_read_again() {
    let mut bench = Bench::new(&["a.log"], Start::End);
    bench.source.set_history_limit(5);
    bench.append("a.log", "a line of today\n");
    for number in 1..=9 {
        let name = format!("a.log.{number}");
        bench.append(&name, &format!("a line of {number} days ago\n").repeat(3));
        let modified = std::time::UNIX_EPOCH + DAY * (20_000 - number);
        let file = File::options().append(true).open(bench.path(&name));
        file.unwrap().set_modified(modified).unwrap();
    }
    bench.drain();
    assert!(bench.take_lines().is_empty());
    assert!(matches!(
        bench.events[..],
        [
            FileEvent::Opened { .. },
            FileEvent::Forgotten { files: 4, .. }
        ]
    ));
    bench.take_events();
    for _ in 0..3 {
        bench.clock.advance(20 * DAY);
        bench.drain();
    }
    assert!(bench.take_lines().is_empty());
    assert!(bench.take_events().is_empty());
    bench.renew("a.log");
    bench.rename("a.log.9", "a.log.10");
    bench.append("a.log.11", "a line that came and went\n");
    assert_eq!(bench.take_lines(), ["a line that came and went"]);
    for _ in 0..3 {
        bench.clock.advance(WAIT);
        bench.drain();
    }
    // Its record took the place of another one.
    let events = bench.take_events();
    let expected = [
        "Rotated a.log",
        "Opened a.log",
        "Opened a.log.11",
        "Finished a.log",
        "Finished a.log.11",
        "Forgotten a.log",
    ];
    assert_eq!(events, expected);
    assert!(bench.take_lines().is_empty());
}

#[test]
fn a_file_in_a_directory_without_changes_is_recognized_after_weeks() {
    let mut bench = Bench::new(&["a.log"], Start::Beginning);
    bench.source.set_lists_always(false);
    bench.append("a.log", "a line of today\n");
    bench.drain();
    bench.renew("a.log");
    bench.append("a.log.1", "a line of yesterday\n");
    assert_eq!(
        bench.take_lines(),
        ["a line of today", "a line of yesterday"]
    );
    for _ in 0..30 {
        bench.clock.advance(DAY);
        bench.drain();
    }
    bench.rename("a.log.1", "a.log.2");
    bench.clock.advance(DAY);
    for _ in 0..3 {
        bench.clock.advance(DAY);
        assert!(bench.take_lines().is_empty());
    }
}

#[test]
fn the_records_of_twenty_thousand_rotated_files_take_less_than_eight_megabytes() {
    let head: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let ends = |history: &History| {
        let mut consumed = Consumed::default();
        consumed.append(&head, history.fingerprinter());
        consumed.ends(history.fingerprinter())
    };
    let file = |history: &History, number: u64| FinishedFile {
        base: "/var/log/nginx/access.log".into(),
        path: format!("/var/log/nginx/access.log-{number}").into(),
        ends: ends(history),
        consumed: 5_000,
        holder: Some(Meta {
            id: FileId {
                dev: 1,
                ino: number,
                born: number,
            },
            size: 5_000,
            kind: Kind::Regular,
            modified: number,
        }),
        is_whole: false,
        is_past: false,
        trailer: None,
        is_parked: false,
        partial: 0,
        begun: 0,
    };
    let mut history = History::new(MOST_RECORDS, SecretKey::random());
    let memory = allocation_counter::measure(|| {
        for number in 0..20_000 {
            let file = file(&history, number);
            history.record(file, Duration::ZERO);
        }
        history.expire(Duration::ZERO);
    });
    assert!(memory.bytes_current < 8_000_000, "{memory:?}");
    assert!(memory.bytes_current > 2_000_000, "{memory:?}");
}
