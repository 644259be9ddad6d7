//! The servers of a site, their logs and what was written to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read as _;
use std::time::Duration;

use super::operation::{Rotation, Setting};
use crate::source::simulation::gzip;
use crate::source::simulation::memory::{Memory, Writer};
use crate::source::simulation::world::World as _;

/// Number of logs.
pub(super) const LOGS: usize = 3;
/// Places of the linked logs.
pub(super) const FRONT: usize = 0;
pub(super) const BACK: usize = 1;
/// Names of the sources.
pub(super) const NAMES: [&str; LOGS] = ["front", "back", "lone"];
/// Methods and statuses that distinguish lines: the first status, and how many there are.
pub(super) const METHODS: [&str; 9] = [
    "GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];
pub(super) const STATUSES: (u32, u32) = (200, 400);

/// Time after which a server opens its log again that was renamed: less than a rotated log is followed.
const LATE: Duration = Duration::from_secs(30);
/// Longest time between the lines of a request.
const APART: Duration = Duration::from_secs(20);

/// The logs of a site, and what is known of their lines.
pub(super) struct Site {
    pub(super) memory: Memory,
    setting: Setting,
    writers: [Option<Writer>; LOGS],
    /// Time since which a server writes to a renamed log.
    stale: [Option<Duration>; LOGS],
    next: [u32; LOGS],
    next_request: u64,
    /// Lines of the front that are to be written, by time.
    owed: VecDeque<(Duration, u64)>,
    /// Lines that were written.
    pub(super) written: [BTreeSet<u32>; LOGS],
    /// Lines that may be counted or not: they were lost with the machine's power, with a file that was deleted, or counting
    /// started at 0 since.
    pub(super) free: [BTreeSet<u32>; LOGS],
    /// Time at which the logs were rotated last.
    pub(super) rotated: [Option<Duration>; LOGS],
    /// Requests of which both lines were written.
    pub(super) pairs: u64,
}

impl Site {
    pub(super) fn new(setting: Setting) -> Self {
        let mut site = Self {
            memory: Memory::new(setting.has_births),
            setting,
            writers: [None, None, None],
            stale: [None; LOGS],
            next: [0; LOGS],
            next_request: 0,
            owed: VecDeque::new(),
            written: Default::default(),
            free: Default::default(),
            rotated: [None; LOGS],
            pairs: 0,
        };
        site.reopen_all();
        site
    }

    /// Writes lines of requests that the other log does not know.
    pub(super) fn write(&mut self, log: usize, lines: u8) {
        for _ in 0..lines {
            let request = self.request();
            self.line(log, request, false);
        }
    }

    /// Writes the lines of a request to both logs.
    pub(super) fn pair(&mut self) {
        let request = self.request();
        self.line(BACK, request, true);
        self.line(FRONT, request, true);
        self.pairs += 1;
    }

    /// Writes the line of a request behind the front, whose own line follows.
    pub(super) fn late_pair(&mut self, now: Duration) {
        let request = self.request();
        self.line(BACK, request, true);
        self.owed.push_back((now + APART, request));
        self.pairs += 1;
    }

    /// Writes lines that are due, and has servers open their logs again.
    pub(super) fn catch_up(&mut self, now: Duration) {
        while self.owed.front().is_some_and(|(due, _)| *due <= now) {
            self.write_owed();
        }
        for log in 0..LOGS {
            if self.stale[log].is_some_and(|since| now >= since + LATE) {
                self.reopen(log);
            }
        }
    }

    /// Returns the time of the next call of [`Self::catch_up`] that changes anything.
    pub(super) fn due(&self) -> Option<Duration> {
        let owed = self.owed.front().map(|(due, _)| *due);
        let stale = self.stale.iter().flatten().map(|since| *since + LATE);
        owed.into_iter().chain(stale).min()
    }

    /// Writes all lines that are owed, and has all servers open their logs again.
    pub(super) fn write_rest(&mut self) {
        while !self.owed.is_empty() {
            self.write_owed();
        }
        self.reopen_all();
    }

    pub(super) fn reopen_all(&mut self) {
        for log in 0..LOGS {
            self.reopen(log);
        }
    }

    pub(super) fn reopen(&mut self, log: usize) {
        self.writers[log] = Some(self.memory.writer(&path(log), true));
        self.stale[log] = None;
    }

    /// Rotates a log, unless it is empty.
    pub(super) fn rotate(&mut self, log: usize, now: Duration) {
        self.reopen(log);
        let current = path(log);
        if self.memory.read(&current).is_empty() {
            return;
        }
        self.rotated[log] = Some(now);
        for number in (1..60).rev() {
            for ending in ["", ".gz"] {
                let (from, to) = (
                    format!("{current}.{number}{ending}"),
                    format!("{current}.{}{ending}", number + 1),
                );
                if self.memory.file_at(&from).is_some() {
                    self.memory.rename(&from, &to);
                }
            }
        }
        let second = format!("{current}.2");
        if self.setting.packs && self.memory.file_at(&second).is_some() {
            let packed = gzip(&self.memory.read(&second));
            self.memory.add(&format!("{second}.gz"), &packed);
            self.memory.remove(&second);
        }
        let first = format!("{current}.1");
        match self.setting.rotation {
            Rotation::Copied => {
                let text = self.memory.read(&current);
                self.memory.add(&first, &text);
                self.memory.truncate(&current, 0);
            }
            Rotation::Prompt => {
                self.memory.rename(&current, &first);
                self.reopen(log);
            }
            Rotation::Late => {
                self.memory.rename(&current, &first);
                self.stale[log] = Some(now);
            }
        }
    }

    /// Deletes the rotated log that was written last. Returns its lines, which no other file holds.
    pub(super) fn vanish(&mut self, log: usize) -> Vec<u32> {
        self.reopen(log);
        let first = format!("{}.1", path(log));
        if self.memory.file_at(&first).is_none() {
            return Vec::new();
        }
        let lines = numbers(&self.memory.read(&first));
        self.memory.remove(&first);
        self.free_missing();
        lines
    }

    /// Loses what the machine held in memory.
    pub(super) fn lose_power(&mut self, roll: impl FnMut(u64) -> u64) {
        self.memory.lose_power_by(roll);
        self.write_rest();
        self.free_missing();
    }

    /// Notes that counting starts at 0: what was written until now may be counted again, or not.
    pub(super) fn start_over(&mut self) {
        self.write_rest();
        self.free = self.written.clone();
    }

    /// Notes the lines that no file holds any more.
    fn free_missing(&mut self) {
        let mut there: [BTreeSet<u32>; LOGS] = Default::default();
        for name in self.memory.names() {
            let log = (0..LOGS).find(|log| name.starts_with(&path(*log)));
            there[log.unwrap()].extend(numbers(&self.text(&name)));
        }
        for (log, there) in there.iter().enumerate() {
            let missing = self.written[log].difference(there);
            self.free[log].extend(missing);
        }
    }

    fn text(&self, name: &str) -> Vec<u8> {
        let bytes = self.memory.read(name);
        if name.strip_suffix(".gz").is_none() {
            return bytes;
        }
        let mut text = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&bytes[..]);
        decoder.read_to_end(&mut text).unwrap();
        text
    }

    fn request(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }

    fn write_owed(&mut self) {
        if let Some((_, request)) = self.owed.pop_front() {
            self.line(FRONT, request, true);
        }
    }

    fn line(&mut self, log: usize, request: u64, is_passed: bool) {
        let number = self.next[log];
        self.next[log] += 1;
        self.written[log].insert(number);
        let method = METHODS[(number / STATUSES.1) as usize];
        let status = STATUSES.0 + number % STATUSES.1;
        let bytes = bytes_of(number);
        let upstream = if log == FRONT && is_passed {
            "0.009"
        } else {
            "-"
        };
        let text = format!(
            "\"{method} /orders/ HTTP/1.1\" {status} {bytes} rt=0.004 urt=\"{upstream}\" rid={request:032x}\n"
        );
        let writer = self.writers[log].as_mut().unwrap();
        self.memory.write(writer, text.as_bytes());
    }
}

/// Returns the size of the response of a line.
pub(super) fn bytes_of(number: u32) -> u64 {
    u64::from(number.wrapping_mul(0x9e37_79b1) >> 8)
}

/// Returns the name of a log.
pub(super) fn path(log: usize) -> String {
    format!("{}.log", NAMES[log])
}

/// Returns the numbers of the lines of a text.
fn numbers(text: &[u8]) -> Vec<u32> {
    let text = std::str::from_utf8(text).unwrap();
    let number = |line: &str| {
        let mut words = line.split(' ');
        let method = words.next()?.strip_prefix('"')?;
        let method = METHODS.iter().position(|known| *known == method)?;
        let status: u32 = words.nth(2)?.parse().ok()?;
        Some(u32::try_from(method).ok()? * STATUSES.1 + status - STATUSES.0)
    };
    text.lines().filter_map(number).collect()
}

/// Returns the lines of a log that were counted wrongly at the end.
pub(super) fn wrong(site: &Site, counted: &[BTreeMap<u32, u64>; LOGS]) -> Vec<String> {
    let mut wrong = Vec::new();
    for log in 0..LOGS {
        for number in &site.written[log] {
            let count = counted[log].get(number).copied().unwrap_or(0);
            let is_free = site.free[log].contains(number);
            if count != 1 && !(count == 0 && is_free) {
                wrong.push(format!(
                    "{} line {number} counted {count} times",
                    NAMES[log]
                ));
            }
        }
        let is_known = |number: &&u32| site.written[log].contains(number);
        let unknown = counted[log].keys().find(|number| !is_known(number));
        wrong.extend(unknown.map(|number| format!("{} line {number} was not written", NAMES[log])));
    }
    wrong
}
