//! Plays a history and checks each page that is served.

use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::Sabotage;
use super::operation::{Damage, Disk, Operation, Setting};
use super::page::{Counts, Page, first_less, outcomes};
use super::process::{Process, Surroundings, THREADS};
use super::site::{BACK, FRONT, LOGS, NAMES, Site, wrong};
use crate::clock::{Clock as _, ManualClock};
use crate::model::{Families, Saved};
use crate::source::simulation::operation::Dice;
use crate::state::tests::simulated::{Ignored, Simulated};
use crate::state::{Durability, Host, Settings, Store, Untrusted};

/// Intervals at which two scrapers ask, and when they begin.
const SCRAPERS: [(Duration, Duration); 2] = [
    (Duration::from_secs(15), Duration::from_secs(1)),
    (Duration::from_secs(10), Duration::from_secs(4)),
];
/// Time without a commit after which counts are served that are not durable.
const VOLATILE: Duration = Duration::from_mins(1);
/// Longer than a rotated log is followed, and than a request waits.
const WAIT: Duration = Duration::from_secs(61);

pub(super) struct Play<'s> {
    with: &'s Surroundings,
    setting: Setting,
    dice: Dice,
    clock: Arc<ManualClock>,
    site: Site,
    directory: Simulated,
    disk: Disk,
    /// Number of times that the machine was started.
    boots: u64,
    process: Option<Process>,
    /// Operation of the next commit or start at which the process is killed.
    kill_at: Option<usize>,
    /// Next scrape of each scraper.
    scrapes: [Duration; SCRAPERS.len()],
    /// Time at which all that was counted was committed last.
    committed: Duration,
    /// The file of the last commit, or of the copy that was recovered, and its lines.
    kept: (Vec<u8>, Counts),
    /// Last page that was served of what was committed.
    durable: Page,
    /// Last page that this process has served.
    last: Page,
    /// Copies of the state were changed since the last commit.
    is_damaged: bool,
    /// A checkpoint was committed.
    is_kept: bool,
    /// Nothing happens while a commit is made.
    is_quiet: bool,
}

type Outcome = Result<(), String>;

impl<'s> Play<'s> {
    pub(super) fn new(with: &'s Surroundings, setting: Setting) -> Self {
        let directory = if setting.lacks_links {
            Simulated::without_links()
        } else {
            Simulated::default()
        };
        let site = Site::new(setting);
        if Sabotage::NoLogSync.is_on() {
            site.memory.ignore_syncs();
        }
        if Sabotage::NoFileSync.is_on() {
            directory.ignore(Some(Ignored::File));
        }
        if Sabotage::NoDirectorySync.is_on() {
            directory.ignore(Some(Ignored::Directory));
        }
        Self {
            with,
            setting,
            dice: Dice::new(setting.seed),
            clock: Arc::default(),
            site,
            directory,
            disk: Disk::Well,
            boots: 1,
            process: None,
            kill_at: None,
            scrapes: SCRAPERS.map(|(_, begin)| begin),
            committed: Duration::ZERO,
            kept: Default::default(),
            durable: Page::default(),
            last: Page::default(),
            is_damaged: false,
            is_kept: false,
            is_quiet: false,
        }
    }

    /// Plays all operations, then lets everything come to rest.
    pub(super) fn play(&mut self, operations: &[Operation]) -> Outcome {
        self.start()?;
        for (at, operation) in operations.iter().enumerate() {
            let step = self.operate(*operation);
            step.map_err(|error| format!("{error} (operation {at}, {operation:?})"))?;
        }
        self.finish()
            .map_err(|error| format!("{error} (at the end)"))
    }

    fn operate(&mut self, operation: Operation) -> Outcome {
        let now = self.clock.monotonic();
        match operation {
            Operation::Write { log, lines } => self.site.write(log, lines),
            Operation::Pair => self.site.pair(),
            Operation::LatePair => self.site.late_pair(now),
            Operation::Rotate { log } => self.site.rotate(log, now),
            Operation::Reopen { log } => self.site.reopen(log),
            Operation::Run => self.process.iter_mut().for_each(Process::run),
            Operation::RunOnce { thread } => {
                if let Some(process) = &mut self.process {
                    process.run_once(thread);
                }
            }
            Operation::Pass(millis) => self.pass(Duration::from_millis(millis.into()))?,
            Operation::Weeks(days) => self.jump(Duration::from_hours(24 * u64::from(days))),
            Operation::Kill => self.kill(),
            Operation::KillAt(at) => self.kill_at = Some(at.into()),
            Operation::PowerLoss => self.lose_power(),
            Operation::Start => self.start()?,
            Operation::Damage { damage, place } => self.damage(damage, place),
            Operation::Vanish { log } => self.vanish(log)?,
            Operation::Disk(disk) => self.set_disk(disk),
        }
        Ok(())
    }

    /// Lets everything be read, and compares each series with the lines.
    fn finish(&mut self) -> Outcome {
        self.set_disk(Disk::Well);
        self.kill_at = None;
        self.is_quiet = true;
        self.start()?;
        self.site.write_rest();
        for log in 0..LOGS {
            self.site.write(log, 1);
        }
        for _ in 0..3 {
            self.jump(Duration::from_millis(1_001));
        }
        for _ in 0..4 {
            self.jump(WAIT);
        }
        self.scrape()?;
        let Some(process) = &self.process else {
            return Err("the process does not run".to_owned());
        };
        let families = process.shards.committed();
        let families = families.ok_or("nothing was committed")?;
        let wrong = wrong(&self.site, &Page::new(&families).lines);
        if !wrong.is_empty() {
            return Err(wrong.join(", "));
        }
        self.check_joined(&families)
    }

    /// Compares the joined requests with those of which both lines were written.
    fn check_joined(&self, families: &Families) -> Outcome {
        let free = &self.site.free;
        let is_exact = free[FRONT].is_empty() && free[BACK].is_empty();
        let pairs = self.site.pairs;
        for log in [FRONT, BACK] {
            let joined = outcomes(families, log, "joined");
            if joined > pairs || is_exact && joined != pairs {
                let name = NAMES[log];
                return Err(format!(
                    "{joined} lines of {name} are joined, and not {pairs}"
                ));
            }
        }
        Ok(())
    }

    // --- Time ---

    /// Lets time pass: what is due meanwhile is done when it is.
    fn pass(&mut self, time: Duration) -> Outcome {
        let end = self.clock.monotonic() + time;
        loop {
            let now = self.clock.monotonic();
            let committer = self.process.as_ref().map(|process| &process.committer);
            let commit = committer.map(|committer| now + committer.until_due(false));
            let events = self
                .scrapes
                .into_iter()
                .chain(commit)
                .chain(self.site.due());
            let next = events.min().unwrap_or(end).clamp(now, end);
            self.advance(next.saturating_sub(now));
            if let Some(process) = &mut self.process {
                let many = if process.was_behind { 2 } else { 4 };
                if !self.dice.one_in(many) {
                    process.run();
                }
                if process.committer.until_due(false).is_zero() {
                    self.commit(false);
                }
            }
            let now = self.clock.monotonic();
            for (at, (interval, _)) in SCRAPERS.into_iter().enumerate() {
                if self.scrapes[at] <= now {
                    self.scrapes[at] = now + interval;
                    self.scrape()?;
                }
            }
            if self.clock.monotonic() >= end {
                return Ok(());
            }
        }
    }

    /// Lets time pass in which nothing happens.
    fn jump(&mut self, time: Duration) {
        self.site.write_rest();
        self.process.iter_mut().for_each(Process::run);
        self.advance(time);
        self.process.iter_mut().for_each(Process::run);
        self.scrapes = SCRAPERS.map(|(_, begin)| self.clock.monotonic() + begin);
    }

    fn advance(&mut self, time: Duration) {
        self.clock.advance(time);
        let now = self.clock.monotonic();
        let nanos = u64::try_from(now.as_nanos()).unwrap();
        crate::source::simulation::world::World::set_time(&mut self.site.memory, nanos);
        self.site.catch_up(now);
    }

    // --- The process ---

    fn settings(&self) -> Settings {
        Settings {
            durability: self.setting.durability,
            host: Host {
                machine: 1,
                boot: self.boots,
            },
        }
    }

    /// Starts the process, unless it runs or is killed meanwhile.
    fn start(&mut self) -> Outcome {
        if self.process.is_some() {
            return Ok(());
        }
        let must_start_over = self.must_start_over();
        if must_start_over {
            self.site.start_over();
        }
        // Numbers of files are not used again in the tick of a birth.
        self.advance(Duration::from_millis(10));
        let settings = self.settings();
        let killed_at = self.kill_at.take();
        let memory = &self.site.memory;
        let started = Process::start(
            self.with,
            memory,
            &self.directory,
            settings,
            &self.clock,
            killed_at,
        )?;
        let Some(process) = started else {
            return Ok(());
        };
        if process.starts_over {
            if !must_start_over {
                return Err("counting starts at 0".to_owned());
            }
            self.durable = Page::default();
            self.is_kept = false;
        }
        if process.was_behind {
            // What no file holds any more can only be in the copy that was lost, and so are gaps that are not found again.
            self.durable.forget(&self.site.free);
        }
        self.committed = self.clock.monotonic();
        self.last = Page::default();
        self.process = Some(process);
        self.check_served()?;
        if must_start_over || self.dice.one_in(2) {
            self.process.iter_mut().for_each(Process::run);
        }
        Ok(())
    }

    /// Returns whether no state exists, or the history has damaged both copies.
    fn must_start_over(&self) -> bool {
        let is_valid = |name: &&str| {
            let bytes = self.directory.get(name);
            bytes.is_some_and(|bytes| Untrusted::parse(&bytes).is_ok())
        };
        let can_be_lost = self.is_damaged || !self.is_kept;
        can_be_lost && !["state", "state.prev"].iter().any(is_valid)
    }

    fn kill(&mut self) {
        self.process = None;
        self.directory.restart(None);
    }

    fn lose_power(&mut self) {
        // Without syncs, counts may go back.
        if self.setting.durability == Durability::Process {
            return self.kill();
        }
        self.process = None;
        self.directory.restart(None);
        self.boots += 1;
        let result = self.dice.roll(u64::MAX);
        self.directory.lose_power(usize::try_from(result).unwrap());
        let dice = &mut self.dice;
        self.site.lose_power(|bound| dice.roll(bound));
    }

    fn set_disk(&mut self, disk: Disk) {
        self.disk = disk;
        self.directory.refuse_changes(match disk {
            Disk::Full => Some(Errno::NOSPC),
            Disk::ReadOnly => Some(Errno::ROFS),
            Disk::Well | Disk::Slow => None,
        });
    }

    /// Kills the process, and changes copies of the state.
    fn damage(&mut self, damage: Damage, place: u16) {
        self.kill();
        let change = |name: &str, change: &dyn Fn(&mut Vec<u8>, usize)| {
            if let Some(mut bytes) = self.directory.get(name) {
                let at = usize::from(place) * bytes.len() / (1 << 16);
                if at < bytes.len() {
                    change(&mut bytes, at);
                }
                self.directory.put(name, &bytes);
            }
        };
        let cut = |bytes: &mut Vec<u8>, at| bytes.truncate(at);
        match damage {
            Damage::Cut => change("state", &cut),
            Damage::Bit => change("state", &|bytes, at| bytes[at] ^= 1 << (place % 8)),
            Damage::Gone => self.directory.take_away("state"),
            Damage::Previous => change("state.prev", &cut),
            Damage::Both => {
                change("state", &cut);
                change("state.prev", &cut);
            }
        }
        self.is_damaged = true;
    }

    /// Deletes a rotated log while no process runs; a part of it that was not read is a gap.
    fn vanish(&mut self, log: usize) -> Outcome {
        if self.process.is_some() || self.is_damaged || self.disk != Disk::Well {
            return Ok(());
        }
        self.kill_at = None;
        let saved = self.recoverable(&self.directory)?;
        let (recovered, before) = (Page::lines_of(&saved), Page::gaps_of(&saved, log));
        let lines = self.site.vanish(log);
        let is_read = |number: &&u32| recovered[log].contains_key(*number);
        let read = lines.iter().filter(is_read).count();
        // Of a file that was rotated before, it is not known that it was written to.
        let was_current = self.site.rotated[log].is_some_and(|at| at > self.committed);
        let is_known = was_current && read > 0 && read < lines.len();
        self.start()?;
        for _ in 0..2 {
            self.jump(WAIT);
        }
        if is_known && self.process.is_some() && self.with.gaps(log) <= before {
            return Err(format!("no gap is reported for {}", NAMES[log]));
        }
        Ok(())
    }

    // --- Commits and scrapes ---

    /// Commits as the thread does that is asked for it, or not.
    fn commit(&mut self, is_asked: bool) {
        let Some(process) = &mut self.process else {
            return;
        };
        // There may be more to read than a scrape waits for, after a start above all.
        let most = match (self.is_quiet, process.was_behind) {
            (true, _) => 1,
            (false, false) => 8,
            (false, true) => 16,
        };
        match self.dice.roll(most) {
            0..6 if is_asked => process.run(),
            6..8 => {
                process.run_once(0);
            }
            _ => {}
        }
        let revision = process.shards.revision();
        if !process.committer.needs_commit(revision) {
            self.committed = self.clock.monotonic();
            return process.committer.rest();
        }
        let mut snapshots = Vec::new();
        for thread in 0..THREADS {
            if thread > 0 && !self.is_quiet && self.dice.one_in(3) {
                // The threads go on.
                self.site.pair();
                self.site.write(2, 1);
                process.run();
            }
            snapshots.extend(process.cut(thread));
        }
        let killed_at = self.kill_at.take();
        self.directory.restart(killed_at);
        process.committer.commit(revision, snapshots);
        if killed_at.is_some_and(|at| self.directory.operations() > at) {
            // The commit may be in force.
            self.committed = self.clock.monotonic();
            return self.kill();
        }
        self.directory.restart(None);
        if !process.committer.commits().is_failing() {
            self.committed = self.clock.monotonic();
            (self.is_damaged, self.is_kept) = (false, true);
        }
        process.committer.rest();
    }

    /// Asks for a commit and for the page, as a scraper does.
    fn scrape(&mut self) -> Outcome {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let until_due = process.committer.until_due(true);
        if self.disk == Disk::Slow {
            // It is served before the commit is made.
            self.check_served()?;
        }
        self.advance(until_due);
        self.commit(true);
        self.check_served()
    }

    /// Checks what is served now.
    fn check_served(&mut self) -> Outcome {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let committed = process.shards.committed();
        let is_volatile = committed.is_none();
        let age = self.clock.monotonic().saturating_sub(self.committed);
        if is_volatile != (age >= VOLATILE) {
            return Err(format!("{age:?} after a commit, volatile is {is_volatile}"));
        }
        let families = committed.unwrap_or_else(|| process.shards.counted());
        let page = Page::new(&families);
        let is_empty = page == Page::default();
        if is_empty && process.was_behind {
            return Ok(());
        }
        page.check(&families)?;
        page.follows(&self.durable)?;
        page.follows(&self.last)?;
        if !is_volatile {
            if self.dice.one_in(4) {
                self.check_durable(&page)?;
            }
            self.durable = page.clone();
        }
        self.last = page;
        Ok(())
    }

    /// Checks that a page is contained in what a start would recover, also after a loss of power.
    fn check_durable(&mut self, page: &Page) -> Outcome {
        let fork = self.directory.fork();
        if self.setting.durability == Durability::Power {
            let result = self.dice.roll(u64::MAX);
            fork.lose_power(usize::try_from(result).unwrap());
        }
        // The file of the last commit is read once.
        let found = fork.get("state").unwrap_or_default();
        if found != self.kept.0 {
            self.kept = (found, Page::lines_of(&self.recoverable(&fork)?));
        }
        match first_less(&page.lines, &self.kept.1) {
            Some(line) => Err(format!("{line} is served and not durable")),
            None => Ok(()),
        }
    }

    /// Returns what a start would recover from a directory.
    fn recoverable(&self, directory: &Simulated) -> Result<Saved, String> {
        let fork = directory.fork();
        let loaded = Store::load(Box::new(fork), self.settings());
        let (_, loaded) = loaded.map_err(|error| error.to_string())?;
        let saved = loaded.checkpoint.map(|found| found.into_parts().1);
        Ok(saved.unwrap_or_default())
    }
}
