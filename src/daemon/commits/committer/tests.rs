//! Tests of what is served when commits succeed, fail and succeed again.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::aggregate::{Accounts, Frames};
use crate::clock::ManualClock;
use crate::daemon::commits::thread::CommitThread;
use crate::daemon::shared_shard::tests::exemplars;
use crate::daemon::shared_shard::{self, Shards};
use crate::daemon::snapshot::Logs;
use crate::model::{Families, Family, Kind, SavedSource};
use crate::state::tests::simulated::Simulated;
use crate::state::{Directory, Durability, NewFile, Settings};
use crate::telemetry::Telemetry;

/// A directory in which files can be created, or not.
#[derive(Clone, Debug, Default)]
struct Fragile {
    is_broken: Arc<AtomicBool>,
    files: Simulated,
}

impl Directory for Fragile {
    fn path(&self) -> &Path {
        self.files.path()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.files.read(name)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.files.exists(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        if self.is_broken.load(Ordering::Acquire) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.files.create(name)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.files.sync_file(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.link(from, to)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn sync(&self) -> io::Result<()> {
        self.files.sync()
    }
}

struct Fixture {
    clock: Arc<ManualClock>,
    directory: Fragile,
    telemetry: Arc<Telemetry>,
    committer: Committer,
}

impl Fixture {
    fn new(is_behind: bool) -> Self {
        let clock = Arc::<ManualClock>::default();
        let telemetry = Arc::new(Telemetry::new("1", clock.wall()).unwrap());
        let directory = Fragile::default();
        let settings = Settings::default();
        let (store, _) = Store::load(Box::new(directory.clone()), settings).unwrap();
        let commits = Arc::new(Commits::new(
            telemetry.state().unwrap(),
            Durability::Power,
            is_behind,
        ));
        Self {
            committer: Committer::new(commits, store, [1, 2], is_behind, clock.clone()),
            clock,
            directory,
            telemetry,
        }
    }

    fn commit(&mut self, requests: u64, is_behind: bool) {
        let counts = [(Vec::new(), requests)];
        self.committer.commit_last(vec![SourceSnapshot {
            saved: SavedSource::default(),
            link: None,
            frames: Frames::default(),
            joined: vec![Family::from_counts("requests", "h", Kind::Counter, counts)],
            accounts: Accounts::default(),
            logs: Vec::new(),
            is_behind,
        }]);
    }

    /// Returns the requests that are served; `None` if what was counted is served as it is.
    fn served(&self) -> Option<u64> {
        let served = self.committer.commits.served(self.clock.monotonic())?;
        Some(served.get("requests").map_or(0, Family::total))
    }

    fn is_durable(&self) -> bool {
        let families = Families::new(self.telemetry.families());
        let durable = families.get("httplog_exporter_state_durable").unwrap();
        format!("{:?}", durable.series[0].value).contains("1.0")
    }
}

#[test]
fn only_what_was_committed_is_served_until_that_has_failed_for_a_minute() {
    let mut fixture = Fixture::new(false);
    fixture.commit(1, false);
    assert_eq!((fixture.served(), fixture.is_durable()), (Some(1), true));
    fixture.directory.is_broken.store(true, Ordering::Release);
    fixture.commit(2, false);
    assert_eq!((fixture.served(), fixture.is_durable()), (Some(1), false));
    fixture.clock.advance(VOLATILE_AFTER);
    fixture.commit(3, false);
    assert_eq!((fixture.served(), fixture.is_durable()), (None, false));
    fixture.directory.is_broken.store(false, Ordering::Release);
    fixture.commit(4, false);
    assert_eq!((fixture.served(), fixture.is_durable()), (Some(4), true));
}

/// Logs of a commit that failed are not kept open: they may be deleted meanwhile, and there may be any number of failures.
#[test]
fn after_a_failure_all_open_logs_are_wanted_again() {
    let mut fixture = Fixture::new(false);
    let wanted = |fixture: &Fixture| fixture.committer.commits.wanted_logs();
    assert_eq!(wanted(&fixture), Logs::Advanced);
    fixture.directory.is_broken.store(true, Ordering::Release);
    fixture.commit(1, false);
    assert_eq!(wanted(&fixture), Logs::All);
    fixture.directory.is_broken.store(false, Ordering::Release);
    fixture.commit(2, false);
    assert_eq!(wanted(&fixture), Logs::Advanced);
}

#[test]
fn a_disk_that_does_not_respond_is_waited_for_a_minute() {
    let mut fixture = Fixture::new(false);
    fixture.commit(1, false);
    fixture.clock.advance(VOLATILE_AFTER);
    assert_eq!((fixture.served(), fixture.is_durable()), (None, false));
}

#[test]
fn after_a_loss_of_the_last_checkpoint_nothing_is_served_before_all_logs_are_read() {
    let mut fixture = Fixture::new(true);
    let commits = Arc::clone(&fixture.committer.commits);
    commits.serve_recovered(|| panic!("more may have been served"));
    fixture.commit(7, true);
    assert_eq!(fixture.served(), Some(0));
    fixture.commit(9, false);
    assert_eq!(fixture.served(), Some(9));
    fixture.commit(10, true);
    assert_eq!(fixture.served(), Some(10));
}

#[test]
fn what_was_recovered_is_served_until_the_first_commit() {
    let mut fixture = Fixture::new(false);
    let commits = Arc::clone(&fixture.committer.commits);
    let counts = |count| {
        let counts = [(Vec::new(), count)];
        Families::new([Family::from_counts("requests", "h", Kind::Counter, counts)])
    };
    commits.serve_recovered(|| counts(5));
    assert_eq!(fixture.served(), Some(5));
    // A reload does not serve more than was committed.
    commits.serve_recovered(|| counts(6));
    assert_eq!(fixture.served(), Some(5));
    fixture.commit(7, false);
    assert_eq!(fixture.served(), Some(7));
}

#[test]
fn the_snapshots_of_the_end_are_committed_and_end_the_thread() {
    let fixture = Fixture::new(false);
    let (commits, directory) = (
        Arc::clone(&fixture.committer.commits),
        fixture.directory.clone(),
    );
    commits.finish(Vec::new());
    let shards = Shards::new(fixture.telemetry, fixture.clock);
    let thread = CommitThread {
        committer: fixture.committer,
        shards: Arc::new(shards),
    };
    thread.run();
    assert!(directory.read("state").unwrap().is_some());
}

#[test]
fn exemplars_of_a_commit_are_served_for_a_minute_though_nothing_is_committed_meanwhile() {
    let fixture = Fixture::new(false);
    fixture.clock.advance(Duration::from_hours(1));
    let shards = shared_shard::tests::counted(&fixture.clock);
    shards.commit_with(Arc::clone(fixture.committer.commits()));
    shards.serve_recovered();
    let served = || {
        fixture.committer.note_committed();
        exemplars(&shards.committed().unwrap())
    };
    assert_eq!(served(), 1);
    fixture.clock.advance(Duration::from_mins(1));
    assert_eq!(served(), 1);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(served(), 0);
}
