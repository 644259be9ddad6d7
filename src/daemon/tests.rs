//! Tests of reloads and stops that something holds up.

use std::fs;
use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::error::RunError;
use super::orders::{Order, Orders};
use super::reload::{Loader, Origin, ReloadLimits, load};
use super::shared_shard::{Shards, SharedShard};
use super::start::Daemon;
use super::stopping::{StopLimits, Web};
use super::worker::WorkerThread;
use super::workers::Workers;
use crate::aggregate::Shard;
use crate::clock::{Clock, SystemClock, Waker};
use crate::config::Config;
use crate::text_file::Accept;

pub(crate) mod planted;
mod simulation;
mod stuck;

const DEADLINE: Duration = Duration::from_secs(30);
const LINE: &str =
    "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /a/ HTTP/1.1\" 200 10 \"-\" \"ua\"\n";
const NO_LIMIT: ReloadLimits = ReloadLimits {
    load: Duration::from_mins(5),
    pause: Duration::from_mins(5),
    apply: Duration::from_mins(5),
};

/// A site with one log of one line, and a configuration that follows it.
struct Site {
    dir: tempfile::TempDir,
}

/// A daemon that runs in a thread.
struct Running {
    orders: UnboundedSender<Order>,
    address: String,
    thread: JoinHandle<Result<(), RunError>>,
}

/// Blocks the thread that loads a configuration until the test lets it go.
struct Gate {
    calls: Arc<AtomicUsize>,
    go: mpsc::Sender<()>,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::write(site.log(), LINE).unwrap();
        site.configure(&["site"]);
        site
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("access.log")
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    /// Writes a configuration with these sources.
    fn configure(&self, names: &[&str]) {
        let sources = names.iter().map(|name| {
            format!(
                "[[source]]\nname = '{name}'\npaths = ['access.log']\npattern = 'nginx-combined'\nstart = 'beginning'\n"
            )
        });
        let head = "[web]\nlisten = ['127.0.0.1:0']\n".to_owned();
        let text: String = std::iter::once(head).chain(sources).collect();
        fs::write(self.path(), text).unwrap();
    }

    /// Appends a line to the log.
    fn append(&self) {
        let mut log = fs::File::options().append(true).open(self.log()).unwrap();
        log.write_all(LINE.as_bytes()).unwrap();
    }

    /// Makes the worker of this shard wait for it, as for a disk that does not respond.
    fn hold_up<'s>(&self, shard: &'s SharedShard) -> MutexGuard<'s, Shard> {
        let held = shard.lock();
        let locks = shard.locks.load(Ordering::SeqCst);
        self.append();
        until("held up", || shard.locks.load(Ordering::SeqCst) > locks);
        held
    }

    fn daemon(&self, orders: Orders) -> Daemon {
        self.daemon_at(orders, Arc::new(SystemClock::new()))
    }

    /// Starts a daemon with a clock of its own.
    fn daemon_at(&self, orders: Orders, clock: Arc<dyn Clock>) -> Daemon {
        let config = Config::load(&self.path(), Accept::Regular).unwrap();
        let origin = Origin {
            path: self.path(),
            given: Vec::new(),
        };
        Daemon::start_with(&config.config.unwrap(), Some(origin), || Ok(orders), clock).unwrap()
    }

    /// Starts a daemon in a thread, after `prepare`.
    fn run(&self, prepare: impl FnOnce(&mut Daemon)) -> Running {
        let (orders, receiver) = Orders::without_signals();
        let mut daemon = self.daemon(receiver);
        prepare(&mut daemon);
        let address = daemon.addresses().remove(0);
        Running {
            orders,
            address: address.trim_start_matches("http://").to_owned(),
            thread: thread::spawn(move || daemon.run()),
        }
    }

    /// Runs a daemon whose first reload hangs at the gate.
    fn run_loading(&self) -> (Gate, Running) {
        let (gate, loader) = Gate::new();
        let running = self.run(|daemon| {
            daemon.workers.load = loader;
            daemon.workers.limits = NO_LIMIT;
        });
        running.orders.send(Order::Reload(None)).unwrap();
        until("loading", || gate.calls() == 1);
        (gate, running)
    }
}

impl Gate {
    fn new() -> (Self, Loader) {
        let (go, gate) = mpsc::channel();
        let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Mutex::new(gate));
        let counter = Arc::clone(&calls);
        let loader = move |path: &std::path::Path| {
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = gate.lock().unwrap().recv();
            load(path)
        };
        (Self { calls, go }, Arc::new(loader))
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Running {
    fn page(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }

    /// Returns the value of a series, which begins with this text.
    fn value(&self, series: &str) -> f64 {
        let page = self.page();
        let (_, after) = page.split_once(series).unwrap();
        after.lines().next().unwrap().parse().unwrap()
    }

    fn until_page(&self, what: &str) {
        until(what, || self.page().contains(what));
    }

    fn stop(self) -> Result<(), RunError> {
        self.orders.send(Order::Stop).unwrap();
        self.thread.join().unwrap()
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !is_so() {
        assert!(clock.monotonic() < DEADLINE, "not {what}");
        Waker::default().wait(Duration::from_millis(5));
    }
}

/// Handles events of a daemon's workers until `is_so`.
fn drive(daemon: &mut Daemon, what: &str, mut is_so: impl FnMut(&Workers) -> bool) {
    let runtime = Arc::clone(&daemon.runtime);
    let workers = &mut daemon.workers;
    let clock = SystemClock::new();
    while !is_so(workers) {
        assert!(clock.monotonic() < DEADLINE, "not {what}");
        // The condition can also become true without an event.
        let next = async { timeout(Duration::from_millis(5), workers.next()).await };
        if let Ok(event) = runtime.block_on(next) {
            // Handlers start timers.
            let _entered = runtime.enter();
            workers.handle(event);
        }
    }
}

/// Starts a daemon whose threads the test drives; returns it, with its counts, once it has counted this many lines.
fn counting(site: &Site, lines: u64) -> (Daemon, Arc<Shards>) {
    let (_orders, receiver) = Orders::without_signals();
    let mut daemon = site.daemon(receiver);
    let shards = daemon.shards();
    drive(&mut daemon, "opened", Workers::all_tried);
    until("counted", || shards.ledger().recorded == lines);
    (daemon, shards)
}

#[test]
fn a_scrape_holds_every_line_that_was_written_before_it() {
    let site = Site::new();
    // Without notifications, only the scrape makes the source poll in time.
    let mut config = fs::read_to_string(site.path()).unwrap();
    config.push_str("watch = false\n");
    fs::write(site.path(), config).unwrap();
    let running = site.run(|_| {});
    running.until_page("outcome=\"recorded\",source=\"site\"} 1\n");
    for written in 2..40 {
        site.append();
        let recorded = running.value("outcome=\"recorded\",source=\"site\"} ");
        assert!(recorded >= f64::from(written), "{recorded} of {written}");
    }
    running.stop().unwrap();
}

#[test]
fn sources_share_threads() {
    let site = Site::new();
    let names: Vec<_> = (0..50).map(|nth| format!("s{nth}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    site.configure(&names);
    let (daemon, _) = counting(&site, 50);
    let processors = thread::available_parallelism().unwrap().get();
    assert!(daemon.workers.threads() <= processors);
    assert_eq!(daemon.workers.names().count(), 50);
}

const LAST_LOAD: &str = "\nhttplog_exporter_config_last_reload_success_timestamp_seconds ";
const LAST_RELOAD: &str = "\nhttplog_exporter_config_last_reload_successful ";

#[test]
fn metrics_are_served_and_a_stop_is_obeyed_while_a_reload_hangs() {
    let site = Site::new();
    let (_gate, running) = site.run_loading();
    running.until_page("outcome=\"recorded\",source=\"site\"} 1\n");
    assert!(running.page().contains(&format!("{LAST_RELOAD}1\n")));
    running.stop().unwrap();
}

#[test]
fn reloads_do_not_overlap_and_the_last_one_wins() {
    let site = Site::new();
    let (gate, running) = site.run_loading();
    site.configure(&["site", "second"]);
    running.orders.send(Order::Reload(None)).unwrap();
    running.orders.send(Order::Reload(None)).unwrap();
    // This page was requested after the orders were sent, and so is served after them.
    running.page();
    assert_eq!(gate.calls(), 1);
    site.configure(&["site", "third"]);
    gate.go.send(()).unwrap();
    gate.go.send(()).unwrap();
    running.until_page("source=\"third\"");
    assert!(!running.page().contains("source=\"second\""));
    assert_eq!(gate.calls(), 2);
    running.stop().unwrap();
}

#[test]
fn a_reload_that_takes_too_long_is_refused_and_a_later_one_follows_it() {
    let site = Site::new();
    let (gate, loader) = Gate::new();
    let running = site.run(|daemon| {
        daemon.workers.load = loader;
        daemon.workers.limits.load = Duration::ZERO;
    });
    site.configure(&["second"]);
    running.orders.send(Order::Reload(None)).unwrap();
    running.until_page(&format!("{LAST_RELOAD}0\n"));
    // The configuration that comes late is not applied.
    gate.go.send(()).unwrap();
    assert!(running.page().contains("source=\"site\""));
    running.orders.send(Order::Reload(None)).unwrap();
    until("read again", || gate.calls() == 2);
    running.stop().unwrap();
}

/// Begins a reload.
fn reload(daemon: &mut Daemon) {
    let _entered = daemon.runtime.enter();
    daemon.workers.reload(None);
}

#[test]
fn a_worker_that_does_not_stop_for_a_reload_keeps_the_configuration_in_force() {
    let site = Site::new();
    let (mut daemon, shards) = counting(&site, 1);
    let shard = shards.all().remove(0);
    let held = site.hold_up(&shard);
    site.configure(&["second"]);
    daemon.workers.limits.pause = Duration::ZERO;
    reload(&mut daemon);
    drive(&mut daemon, "refused", |workers| !workers.is_reloading());
    assert_eq!(daemon.workers.names().collect::<Vec<_>>(), ["site"]);
    drop(held);
    // It may have stopped meanwhile: then it is started again, and counts on.
    site.append();
    drive(&mut daemon, "counted", |_| shards.ledger().recorded == 3);
}

#[test]
fn a_reload_that_the_system_has_no_thread_for_keeps_the_configuration_in_force() {
    let site = Site::new();
    let (mut daemon, shards) = counting(&site, 1);
    let threads = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&threads);
    daemon.workers.assembly.thread_maker = Arc::new(move || {
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        taken.map_err(|_| std::io::Error::from(std::io::ErrorKind::WouldBlock))?;
        WorkerThread::prepare()
    });
    site.configure(&["site", "second"]);
    // The first source cannot go on either.
    reload(&mut daemon);
    drive(&mut daemon, "refused", |workers| !workers.is_reloading());
    assert_eq!(daemon.workers.names().count(), 0);
    site.append();
    threads.store(1, Ordering::SeqCst);
    drive(&mut daemon, "counted", |_| shards.ledger().recorded == 2);
    assert_eq!(daemon.workers.names().collect::<Vec<_>>(), ["site"]);
    // One thread is enough for both.
    threads.store(1, Ordering::SeqCst);
    reload(&mut daemon);
    drive(&mut daemon, "reloaded", |workers| {
        workers.names().count() == 2 && workers.all_tried()
    });
    // The second source reads both lines, too.
    until("counted", || shards.ledger().recorded == 4);
}

/// Sends a text again and again until the other side is closed.
fn flood(mut to: impl Write + Send + 'static, text: &str) {
    let piece = text.repeat((1 << 18) / text.len()).into_bytes();
    thread::spawn(move || while to.write_all(&piece).is_ok() {});
}

#[test]
fn floods_delay_neither_a_reload_nor_the_stop() {
    // Without an end of a line, with the shortest lines that are not empty, and with empty ones.
    for text in ["A", "x\n", "\n"] {
        let site = Site::new();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let fifo = site.dir.path().join("access.fifo");
        mkfifoat(CWD, &fifo, Mode::RWXU).unwrap();
        let source = |name: &str, input: &str| {
            format!("[[source]]\nname = '{name}'\n{input}\npattern = 'nginx-combined'\n")
        };
        let tcp = source("tcp", &format!("syslog = 'tcp://{address}'"));
        let config =
            tcp + &source("fifo", "fifo = 'access.fifo'") + "[web]\nlisten = ['127.0.0.1:0']\n";
        fs::write(site.path(), config).unwrap();
        let running = site.run(|_| {});
        for name in ["fifo", "tcp"] {
            running.until_page(&format!(
                "httplog_exporter_files_open{{source=\"{name}\"}} 1\n"
            ));
        }
        for _ in 0..3 {
            flood(TcpStream::connect(address).unwrap(), text);
        }
        flood(fs::File::options().write(true).open(&fifo).unwrap(), text);
        let loaded = running.value(LAST_LOAD);
        running.orders.send(Order::Reload(None)).unwrap();
        until("reloaded", || running.value(LAST_LOAD) > loaded);
        // A stop that takes longer than its limits is an error.
        running.stop().unwrap();
    }
}

/// Stops workers of which one hangs, and returns the error.
fn stop_stuck(limits: StopLimits, second: bool) -> String {
    let site = Site::new();
    let (sender, receiver) = Orders::without_signals();
    let mut daemon = site.daemon(receiver);
    let runtime = Arc::clone(&daemon.runtime);
    let shards = daemon.shards();
    drive(&mut daemon, "opened", Workers::all_tried);
    until("counted", || shards.ledger().recorded == 1);
    let shard = shards.all().remove(0);
    let held = site.hold_up(&shard);
    let mut web = Web {
        server: None,
        stop: None,
    };
    if second {
        sender.send(Order::Stop).unwrap();
    }
    let Daemon {
        workers, orders, ..
    } = &mut daemon;
    let stopped = runtime.block_on(limits.stop(workers, &mut web, orders));
    drop(held);
    stopped.unwrap_err().to_string()
}

#[test]
fn a_stop_ends_at_its_deadline_and_names_what_has_not_ended() {
    let limits = StopLimits {
        all: Duration::ZERO,
        ..StopLimits::default()
    };
    let said = stop_stuck(limits, false);
    assert_eq!(said, "stopped after 0ns without waiting for source `site`");
}

#[test]
fn a_second_order_to_stop_is_obeyed_at_once() {
    let limits = StopLimits {
        all: DEADLINE,
        repeated: Duration::ZERO,
        ..StopLimits::default()
    };
    let said = stop_stuck(limits, true);
    assert_eq!(
        said,
        "stopped at a second signal without waiting for source `site`"
    );
}

#[test]
fn a_stop_while_the_sources_start_is_obeyed() {
    let site = Site::new();
    let (orders, receiver) = Orders::without_signals();
    orders.send(Order::Stop).unwrap();
    let config = Config::load(&site.path(), Accept::Regular).unwrap();
    // The start may also win: then the daemon stops as soon as it runs.
    let clock = Arc::new(SystemClock::new());
    match Daemon::start_with(&config.config.unwrap(), None, || Ok(receiver), clock) {
        Ok(daemon) => daemon.run().unwrap(),
        Err(error) => assert!(error.to_string().contains("stopped before"), "{error}"),
    }
}
