//! Plays a history, and checks which lines were counted.
//!
//! Every line has a number of its own. The law: each is counted once; those that the history itself put
//! out of reach (see [`Play::may_miss`]) at most once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::{FileSettings, FileSource, PathPattern, Progress, ReadBuffer, Start, gzip};
use super::operation::{MOST_DAYS, Operation, Setting};
use super::restarter::Save;
use super::rotator::{Act, is_rotated};
use super::world::World;
use crate::clock::{Clock, ManualClock};
use crate::model::SecretKey;
use crate::source::Frame;
use crate::source::file::doubt::REST;
use crate::source::file::fingerprint::HEAD_BYTES;
use crate::source::file::pace::SELDOM;

pub(super) const LOG: &str = "a.log";
/// Longest line, in bytes.
const LIMIT: usize = 100;
/// Most lines of servers that do not append: the holes they leave are then shorter than the beginnings that identify
/// texts.
const MOST_LINES: usize = 60;
/// Lines of a file that is restored: more than a burst.
const RESTORED_LINES: usize = 140;
pub(super) const WAIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_secs(1);
/// More polls than pass before they become seldom.
const QUIET_POLLS: u32 = 8;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each can be so or not at any time"
)]
pub(super) struct Play<W: World> {
    pub(super) world: W,
    pub(super) setting: Setting,
    pub(super) clock: Arc<ManualClock>,
    /// The follower; `None` while it does not run.
    pub(super) source: Option<FileSource<W::Fs>>,
    pub(super) settings: FileSettings,
    pub(super) key: SecretKey,
    /// The clock of its process.
    pub(super) own_clock: Arc<ManualClock>,
    /// The last states that it saved, the latest last.
    pub(super) saves: VecDeque<Save>,
    buffer: ReadBuffer,
    pub(super) servers: Vec<Option<W::Writer>>,
    /// The first server owes the end of a line.
    pub(super) owes_newline: bool,
    pub(super) acts: VecDeque<Act>,
    pub(super) rotations: u32,
    /// Bytes of the log, or of the file being compressed, that were copied.
    pub(super) copied: usize,
    next: u32,
    pub(super) written: BTreeSet<u32>,
    pub(super) counted: BTreeMap<u32, u32>,
    pub(super) may_miss: BTreeSet<u32>,
    pub(super) woken: bool,
    pub(super) names_changed: bool,
    unnotified: bool,
    pub(super) failing: bool,
    /// The log was copied.
    pub(super) is_copied: bool,
    /// Files without a name that servers may write to, and when they were written last.
    pub(super) orphans: BTreeMap<u64, Duration>,
}

impl<W: World> Play<W> {
    fn new(mut world: W, setting: Setting) -> Self {
        let mut next = 0;
        if setting.has_history {
            for (name, packed) in [(LOG, false), ("a.log.1", false), ("a.log.2.gz", true)] {
                let text: Vec<u8> = (0..20).flat_map(|_| line(&mut next)).collect();
                world.add(name, &if packed { gzip(&text) } else { text });
            }
        }
        let clock = Arc::new(ManualClock::default());
        let pattern = world.path(if setting.glob { "*a.log*" } else { LOG });
        let settings = settings(
            &pattern,
            if setting.has_history {
                Start::End
            } else {
                Start::Beginning
            },
        );
        let (fs, read_bytes) = (world.fs(), setting.read_bytes);
        let (key, own_clock) = (SecretKey::random(), Arc::new(ManualClock::default()));
        let mut source =
            FileSource::with_read_bytes(&settings, fs, own_clock.clone(), key, read_bytes);
        source.set_lists_always(!world.is_memory());
        let mut play = Self {
            servers: (0..setting.servers).map(|_| None).collect(),
            world,
            setting,
            clock,
            source: Some(source),
            settings,
            key,
            own_clock,
            saves: VecDeque::new(),
            buffer: ReadBuffer::default(),
            owes_newline: false,
            acts: VecDeque::new(),
            rotations: 0,
            copied: 0,
            next,
            written: BTreeSet::new(),
            counted: BTreeMap::new(),
            may_miss: BTreeSet::new(),
            woken: true,
            names_changed: true,
            unnotified: false,
            failing: false,
            is_copied: false,
            orphans: BTreeMap::new(),
        };
        play.run(usize::MAX);
        for server in 0..setting.servers {
            play.reopen(server);
        }
        play
    }

    /// Plays all operations, then lets everything come to rest.
    fn play(&mut self, operations: &[Operation]) {
        for operation in operations {
            self.operate(*operation);
        }
        self.world.fail(None);
        self.failing = false;
        self.unnotified = false;
        self.restart();
        while !self.acts.is_empty() {
            self.step();
        }
        for server in 0..self.servers.len() {
            self.write(server, 1);
            self.reopen(server);
        }
        self.write(0, 1);
        for _ in 0..3 {
            self.pass(POLL + Duration::from_millis(1));
        }
        for _ in 0..4 {
            self.pass(WAIT + Duration::from_millis(1));
        }
        if self.setting.is_watched {
            self.be_late();
        }
    }

    /// Writes without a notification while polls are seldom: the next one must find it.
    fn be_late(&mut self) {
        self.rest();
        self.unnotified = true;
        self.write(0, 1);
        self.write(0, 1);
        self.pass(POLL * SELDOM + Duration::from_millis(1));
    }

    /// Days pass. A server that has not reopened its log by then is out of scope.
    fn weeks(&mut self, days: u16) {
        let passed = self.clock.monotonic().as_secs() / (24 * 60 * 60);
        let days = u64::from(days).min(MOST_DAYS.saturating_sub(passed + 1));
        for server in 0..self.servers.len() {
            self.reopen(server);
        }
        self.pass(POLL);
        self.pass(Duration::from_hours(24 * days));
        self.pass(POLL);
    }

    fn rest(&mut self) {
        for _ in 0..=QUIET_POLLS {
            self.pass(POLL + Duration::from_millis(1));
        }
    }

    fn operate(&mut self, operation: Operation) {
        match operation {
            Operation::Write { server, lines } => self.write(server, lines),
            Operation::WritePart => self.write_part(),
            Operation::Rotate(rotation) => self.rotate(rotation),
            Operation::Step => self.step(),
            Operation::Reopen { server } => self.reopen(server),
            Operation::Run => self.run(usize::MAX),
            Operation::RunOnce => self.run(1),
            Operation::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
            Operation::Rest => self.rest(),
            Operation::Weeks(days) => self.weeks(days),
            Operation::Mute => self.unnotified = true,
            Operation::Notify => self.unnotified = false,
            Operation::Fail(failure) => {
                self.world.fail(Some(failure));
                self.failing = true;
            }
            Operation::Heal => {
                self.world.fail(None);
                self.failing = false;
            }
            Operation::Delete => self.delete(),
            Operation::ReplaceDirectory => self.replace_directory(),
            Operation::Save => self.save(),
            Operation::Kill(kill) => self.kill(kill),
            Operation::Restart => self.restart(),
            Operation::Cut(_) | Operation::Restore(_) | Operation::Rewrite(_)
                if !self.is_read() => {}
            Operation::Cut(part) => {
                self.cut(part);
                self.saves_are_too_old();
            }
            Operation::Restore(kind) => {
                self.restore(kind);
                self.saves_are_too_old();
            }
            Operation::Rewrite(rewrite) => {
                self.rewrite(rewrite);
                self.saves_are_too_old();
            }
        }
    }

    /// Notes that the log was changed after all of it was read: what a state knows that was saved before may be less.
    fn saves_are_too_old(&mut self) {
        if self.source.is_none() {
            self.restart();
            // As long as the former text may be written to its end, it is not decided what the log holds.
            self.heal_and_run();
            self.pass(WAIT);
        }
        self.saves.clear();
    }

    // --- Servers ---

    fn write(&mut self, server: usize, lines: u8) {
        self.leave_orphan(server);
        let is_enough = !self.setting.appends && self.written.len() > MOST_LINES;
        if is_enough && !self.owes_newline {
            return;
        }
        if self.servers.get(server).is_none_or(Option::is_none) {
            return;
        }
        let mut text = Vec::new();
        if std::mem::take(&mut self.owes_newline) {
            text.push(b'\n');
        }
        for _ in 0..lines {
            text.extend(self.next_line());
        }
        if let Some(writer) = &mut self.servers[server] {
            self.world.write(writer, &text);
        }
        self.wake(false);
    }

    /// Returns a line that is to be counted.
    pub(super) fn next_line(&mut self) -> Vec<u8> {
        self.written.insert(self.next);
        line(&mut self.next)
    }

    fn write_part(&mut self) {
        self.leave_orphan(0);
        if !self.setting.appends && self.written.len() > MOST_LINES {
            return;
        }
        let Some(writer) = self.servers[0].as_mut() else {
            return;
        };
        let mut text = Vec::new();
        if self.owes_newline {
            text.push(b'\n');
        }
        self.written.insert(self.next);
        text.extend(line(&mut self.next));
        text.pop();
        self.owes_newline = true;
        self.world.write(writer, &text);
        self.wake(false);
    }

    pub(super) fn reopen(&mut self, server: usize) {
        let writer = self.world.writer(LOG, self.setting.appends);
        if let Some(before) = &self.servers[server] {
            // Only an end of the file ends a line that has no end.
            self.owes_newline &= self.world.file_of(before) == self.world.file_of(&writer);
        }
        self.servers[server] = Some(writer);
        self.wake(true);
    }

    /// Cuts the log after all of it was read, as an administrator would.
    fn cut(&mut self, part: u8) {
        if self.failing || !self.acts.is_empty() || self.world.file_at(LOG).is_none() {
            return;
        }
        self.heal_and_run();
        let text = self.world.read(LOG);
        let place = text.len() * usize::from(part) / 256;
        let size = text[..place]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        // An unfinished line is gone before it was counted.
        let lines = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.may_miss.extend(numbers(&text[lines..]));
        // A copy under a rotated name is taken for that of `copytruncate` (docs/rotation.md).
        if size == text.len() || self.is_copied {
            return;
        }
        self.owes_newline = false;
        self.world.truncate(LOG, size as u64);
        self.heal_and_run();
    }

    /// Puts a file of the past beside the log, which stands there: none of its lines is to be counted.
    fn restore(&mut self, kind: u8) {
        if self.failing || !self.acts.is_empty() || self.world.file_at(LOG).is_none() {
            return;
        }
        // The log must be known, and younger than the file by more than the file system's clock may lag.
        self.pass(3 * POLL);
        self.write(0, 1);
        self.heal_and_run();
        // Where `copytruncate` cut a log before it was read, the beginning of its text is a text of its own, behind which any
        // other is read.
        let begins_alike = kind >= 4 && !self.setting.rotation.copies;
        let mut text = if begins_alike {
            self.known_beginning()
        } else {
            Vec::new()
        };
        text.extend((0..RESTORED_LINES).flat_map(|_| line(&mut self.next)));
        let number = self.next;
        let (name, is_packed) = match kind {
            0 => (format!("a.log.{number}"), false),
            1 => (format!("a.log.{number}.gz"), true),
            2 => (format!("a.{number}.log"), false),
            _ => (format!("a.log-2019{number:04}.gz"), true),
        };
        let bytes = if is_packed { gzip(&text) } else { text };
        self.world.add(&name, &bytes);
        self.world.age(&name);
        // A compressor of this world does not keep the date.
        self.heal_and_run();
    }

    /// Returns the beginning of a file that was read, as far as beginnings distinguish texts; nothing if it is
    /// shorter.
    fn known_beginning(&self) -> Vec<u8> {
        let names = self.world.names();
        let rotated = names.iter().filter(|name| is_rotated(name)).max();
        let text = self.world.read(rotated.map_or(LOG, String::as_str));
        let newline = text.iter().skip(HEAD_BYTES).position(|byte| *byte == b'\n');
        newline.map_or(Vec::new(), |at| text[..=HEAD_BYTES + at].to_vec())
    }

    fn replace_directory(&mut self) {
        if !self.acts.is_empty() || self.failing {
            return;
        }
        // A file that was not opened yet is out of reach then. It is found a poll later at the latest.
        self.heal_and_run();
        self.pass(POLL);
        self.world.replace_directory();
        self.wake(true);
        for server in 0..self.servers.len() {
            self.reopen(server);
        }
    }

    // --- The follower, as the thread that owns it drives it ---

    pub(super) fn wake(&mut self, names: bool) {
        if !self.unnotified {
            self.woken = true;
            self.names_changed |= names;
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        self.own_clock.advance(time);
        let now = u64::try_from(self.clock.monotonic().as_nanos()).unwrap();
        self.world.set_time(now);
        self.run(usize::MAX);
    }

    pub(super) fn run(&mut self, rounds: usize) {
        let Some(source) = &mut self.source else {
            return;
        };
        let is_due = source.until_due().is_zero();
        if !self.woken && !is_due {
            return;
        }
        self.woken = false;
        if is_due || std::mem::take(&mut self.names_changed) {
            source.discover(&mut |_| {});
            source.set_watched(self.setting.is_watched);
        }
        for _ in 0..rounds {
            let counted = &mut self.counted;
            let mut sink = |batch: &crate::model::Batch<'_>| {
                for number in batch.lines().flat_map(numbers) {
                    *counted.entry(number).or_default() += 1;
                }
            };
            if source.poll(&mut self.buffer, &mut sink, &mut |_| {}) == Progress::Idle {
                return;
            }
        }
        // It reads on at its next run.
        self.woken = true;
    }

    /// Scans and reads everything.
    pub(super) fn heal_and_run(&mut self) {
        self.world.fail(None);
        self.failing = false;
        (self.woken, self.names_changed) = (true, true);
        self.run(usize::MAX);
        let until_examined = self.source.as_ref().and_then(FileSource::until_examined);
        if until_examined.is_some_and(|until| until <= REST) {
            self.pass(REST);
        }
    }

    /// Returns an error that lists the lines counted wrongly.
    fn verdict(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        for number in &self.written {
            let counted = self.counted.get(number).copied().unwrap_or(0);
            let is_right = counted == 1 || (counted == 0 && self.may_miss.contains(number));
            if !is_right {
                wrong.push(format!("line {number} counted {counted} times"));
            }
        }
        for number in self
            .counted
            .keys()
            .filter(|number| !self.written.contains(number))
        {
            wrong.push(format!("line {number} is history"));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join(", "))
        }
    }
}

/// Returns the settings of a source that follows one pattern.
pub(super) fn settings(pattern: &Path, start: Start) -> FileSettings {
    FileSettings {
        paths: vec![PathPattern::new(pattern.to_str().unwrap()).unwrap()],
        start,
        line_bytes: LIMIT,
        frame: Frame::Auto,
        rotate_wait: WAIT,
        poll: POLL,
        open_files: usize::MAX,
    }
}

/// Plays a history in a world; returns the number of lines written, or an error that lists those counted wrongly.
pub(super) fn judge<W: World>(
    world: W,
    setting: Setting,
    operations: &[Operation],
) -> Result<usize, String> {
    let mut play = Play::new(world, setting);
    play.play(operations);
    play.verdict().map(|()| play.written.len())
}

fn line(next: &mut u32) -> Vec<u8> {
    let text = format!("<{next:06}>{}\n", "-".repeat(padding(*next)));
    *next += 1;
    text.into_bytes()
}

/// Returns a padding that makes a line long enough to identify a text.
fn padding(number: u32) -> usize {
    10 + number as usize % 37
}

/// Returns the numbers of whole lines.
pub(super) fn numbers(text: &[u8]) -> impl Iterator<Item = u32> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let text = std::str::from_utf8(line).ok()?;
        let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
        let number: u32 = number.parse().ok()?;
        (rest.len() == padding(number)).then_some(number)
    })
}
