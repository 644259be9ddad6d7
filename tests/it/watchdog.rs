//! systemd's watchdog: an exporter without lines and scrapes feeds it, whatever its timeout.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::fast_clock::{FastClock, until_rested};
use crate::lifecycle::{Manager, run_configured, set_up};
use crate::support::Daemon;

/// Name of the threads that work on sources.
const WORKERS: &str = "sources";

/// An idle exporter under a watchdog, with a clock that the test drives.
struct Idle {
    clock: FastClock,
    manager: Manager,
    daemon: Daemon,
    interval: Duration,
}

impl Idle {
    /// Starts an exporter that follows one log, which stays as it is.
    fn start(dir: &Path, timeout: Duration) -> Self {
        let clock = FastClock::new(dir);
        let manager = Manager::bind(&dir.join("notify"));
        set_up(dir);
        let mut command = run_configured(dir);
        clock.govern(&mut command);
        command
            .env("NOTIFY_SOCKET", dir.join("notify"))
            .env("WATCHDOG_USEC", timeout.as_micros().to_string());
        let daemon = Daemon::start(dir, command);
        // The first one is sent at the start.
        manager.receive_alive();
        Self {
            clock,
            manager,
            daemon,
            interval: timeout / 2,
        }
    }

    /// Lets half the timeout pass, after which the watchdog has to be notified.
    fn pass(&mut self) {
        self.clock.advance(self.interval);
        self.manager.receive_alive();
        let said = self.daemon.said();
        assert!(!said.contains("no progress"), "{said}");
        until_rested(self.daemon.id(), WORKERS);
    }

    /// Stops the exporter.
    fn end(self) {
        self.daemon.signal(Signal::TERM);
        assert_eq!(self.daemon.end(), 0);
    }
}

#[test]
fn the_watchdog_is_notified_of_an_idle_exporter() {
    for (timeout, number) in [(2, 80), (30, 20), (600, 8)] {
        let dir = tempfile::tempdir().unwrap();
        let mut idle = Idle::start(dir.path(), Duration::from_secs(timeout));
        for _ in 0..number {
            idle.pass();
        }
        idle.end();
    }
}

#[test]
fn a_pause_of_the_process_is_not_taken_for_a_stuck_thread() {
    let dir = tempfile::tempdir().unwrap();
    let mut idle = Idle::start(dir.path(), Duration::from_secs(30));
    for pause in [20, 29, 61, 24 * 3_600] {
        for _ in 0..4 {
            idle.pass();
        }
        idle.daemon.signal(Signal::STOP);
        idle.clock.advance(Duration::from_secs(pause));
        idle.daemon.signal(Signal::CONT);
        idle.manager.receive_alive();
        // On a busy machine, the workers go on a little later than the watchdog.
        until_rested(idle.daemon.id(), WORKERS);
        idle.pass();
    }
    idle.end();
}
