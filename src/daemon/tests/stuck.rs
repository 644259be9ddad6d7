//! Tests of the heartbeats that feed the watchdog: of workers that wait, of workers and reloads that hang.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::super::orders::Orders;
use super::super::shared_shard::Shards;
use super::super::start::Daemon;
use super::super::watchdog::{Heartbeat, Supervised, Watchdog};
use super::super::worker::WorkerThread;
use super::super::workers::Workers;
use super::{NO_LIMIT, Site, drive, reload, until};
use crate::clock::{Clock as _, ManualClock};

const TIMEOUTS: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(30),
    Duration::from_mins(10),
];

/// A daemon whose time only the test lets pass.
struct Timeless {
    site: Site,
    clock: Arc<ManualClock>,
    daemon: Daemon,
    shards: Arc<Shards>,
}

impl Timeless {
    /// Starts a daemon that has counted the line of its log.
    fn start() -> Self {
        let (site, clock) = (Site::new(), Arc::<ManualClock>::default());
        let (_orders, receiver) = Orders::without_signals();
        let mut daemon = site.daemon_at(receiver, clock.clone());
        let shards = daemon.shards();
        drive(&mut daemon, "opened", Workers::all_tried);
        until("counted", || shards.ledger().recorded == 1);
        Self {
            site,
            clock,
            daemon,
            shards,
        }
    }

    /// Returns the only heartbeat.
    fn latest_heartbeat(&self) -> Heartbeat {
        let beats = self.daemon.workers.latest_heartbeats();
        assert_eq!(beats.len(), 1);
        beats[0]
    }

    /// Lets time pass until the worker polls as seldom as it does at all; returns its heartbeat then.
    fn until_at_rest(&self) -> Heartbeat {
        until("at rest", || {
            self.clock.advance(Duration::from_secs(2));
            self.shards.threads()[0].waker.wake();
            self.latest_heartbeat().due > self.clock.monotonic() + Duration::from_secs(50)
        });
        self.latest_heartbeat()
    }

    /// Returns the time that has passed when a thread without a further heartbeat is found to be stuck.
    fn found_after(&self, timeout: Duration, beat: Heartbeat) -> Duration {
        let mut watchdog = Watchdog::new(Some(timeout));
        let begin = self.clock.monotonic();
        let mut now = begin;
        while watchdog.check(now, &[beat]).is_empty() {
            now += watchdog.interval();
        }
        now.saturating_sub(begin)
    }
}

#[test]
fn a_worker_is_not_stuck_before_its_next_poll() {
    let timeless = Timeless::start();
    let beat = timeless.until_at_rest();
    let wait = beat.due.saturating_sub(timeless.clock.monotonic());
    for timeout in TIMEOUTS {
        let found = timeless.found_after(timeout, beat);
        assert!(found > wait, "{timeout:?}: {found:?} of {wait:?}");
        assert!(
            found <= wait + timeout,
            "{timeout:?}: {found:?} of {wait:?}"
        );
    }
}

#[test]
fn a_worker_that_is_woken_and_hangs_is_stuck() {
    let timeless = Timeless::start();
    timeless.until_at_rest();
    let shard = timeless.shards.all().remove(0);
    let held = timeless.site.hold_up(&shard);
    let beat = timeless.latest_heartbeat();
    for timeout in TIMEOUTS {
        let found = timeless.found_after(timeout, beat);
        assert!(found <= timeout, "{timeout:?}: {found:?}");
    }
    drop(held);
    until("going on", || timeless.latest_heartbeat().due > beat.due);
}

#[test]
fn a_reload_that_hangs_is_stuck() {
    let mut timeless = Timeless::start();
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let workers = &mut timeless.daemon.workers;
    workers.limits = NO_LIMIT;
    workers.assembly.thread_maker = Arc::new(move || {
        let _ = gate.lock().unwrap().recv();
        WorkerThread::prepare()
    });
    reload(&mut timeless.daemon);
    drive(&mut timeless.daemon, "applying", Workers::is_applying);
    let beat = timeless.latest_heartbeat();
    assert_eq!(beat.thread, Supervised::Reload);
    for timeout in TIMEOUTS {
        let found = timeless.found_after(timeout, beat);
        assert!(found <= NO_LIMIT.apply + timeout, "{timeout:?}: {found:?}");
    }
    drop(go);
    drive(&mut timeless.daemon, "applied", |workers| {
        !workers.is_reloading()
    });
    assert_ne!(timeless.latest_heartbeat().thread, Supervised::Reload);
}
