//! Many sources at once, and a system that gives no notifications.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::thread;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;

use crate::follow::Written;
#[cfg(feature = "stack")]
use crate::lifecycle::set_up;
use crate::recorded::line;
use crate::support::{Daemon, HEAD, Source, append, following, rename};

const SOURCES: usize = 100;

/// Returns the targets of the descriptors of a process.
fn descriptors(process: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let targets = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.collect()
}

/// Returns the names of the threads of a process.
fn threads(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // One may have ended since.
    let names = threads.filter_map(|it| fs::read_to_string(it.unwrap().path().join("comm")).ok());
    names.map(|name| name.trim_end().to_owned()).collect()
}

/// Returns the most threads that a daemon has apart from its inputs': the main thread, the log's, the one that accepts,
/// those that encode pages, and those that count.
fn most_threads() -> usize {
    3 + 4 + thread::available_parallelism().unwrap().get()
}

#[test]
fn streams_and_their_connections_are_received_on_one_thread() {
    const STREAMS: u64 = 50;
    const CONNECTIONS: u64 = 3;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut config = HEAD.to_owned();
    for nth in 0..STREAMS {
        for (name, input) in [
            ("connected", "syslog = 'unix-stream:connected"),
            ("datagrams", "syslog = 'unix:datagrams"),
            ("fifo", "fifo = 'fifo"),
        ] {
            let source = format!("\n[[source]]\nname = '{name}{nth}'\n{input}{nth}'");
            config += &(source + "\npattern = 'nginx-combined'\n");
        }
        mkfifoat(CWD, path(&format!("fifo{nth}")), Mode::RWXU).unwrap();
    }
    let daemon = Daemon::configured(dir.path(), &config);
    let mut peers = Vec::new();
    let mut expected = Vec::new();
    for nth in 0..STREAMS {
        let name = format!("connected{nth}");
        for _ in 0..CONNECTIONS {
            let mut peer = UnixStream::connect(path(&name)).unwrap();
            peer.write_all(line("GET", 200).as_bytes()).unwrap();
            peers.push(peer);
        }
        expected.push((name, CONNECTIONS));
        let name = format!("datagrams{nth}");
        let sender = UnixDatagram::unbound().unwrap();
        let datagram = line("GET", 200);
        sender.send_to(datagram.as_bytes(), path(&name)).unwrap();
        expected.push((name, 1));
        let name = format!("fifo{nth}");
        let mut writer = append(&path(&name));
        writer.write_all(line("GET", 200).as_bytes()).unwrap();
        expected.push((name, 1));
    }
    let counted = expected.iter().map(|(name, lines)| (name.as_str(), *lines));
    daemon.metrics_after(&counted.collect::<Vec<_>>());
    let names = threads(daemon.id());
    assert!(names.len() <= most_threads() + 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "streams").count(), 1);

    // Without streams, nothing of them is left.
    let log = path("access.log");
    fs::write(&log, line("GET", 200)).unwrap();
    let (name, pattern) = ("file", "nginx-combined");
    let file = Source {
        name,
        pattern,
        log: &log,
    }
    .toml();
    fs::write(path("config.toml"), HEAD.to_owned() + &file).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded from");
    daemon.metrics_after(&[("file", 1)]);
    let names = threads(daemon.id());
    assert!(!names.contains(&"streams".to_owned()), "{names:?}");
    assert!(!path("datagrams0").exists());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn threads_and_notifiers_do_not_grow_with_the_sources() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..SOURCES).map(|nth| format!("s{nth}")).collect();
    let logs: Vec<_> = (names.iter())
        .map(|name| dir.path().join(format!("{name}.log")))
        .collect();
    let sources = names.iter().zip(&logs).map(|(name, log)| Source {
        name,
        pattern: "nginx-combined",
        log,
    });
    for log in &logs {
        fs::write(log, line("GET", 200)).unwrap();
    }
    let daemon = Daemon::follow(dir.path(), &sources.collect::<Vec<_>>());
    let counted = |lines| names.iter().map(move |name| (name.as_str(), lines));
    daemon.metrics_after(&counted(1).collect::<Vec<_>>());

    let threads = threads(daemon.id()).len();
    // The notifier's.
    let most = most_threads() + 1;
    assert!(threads <= most, "{threads}");
    let notifiers = descriptors(daemon.id());
    let is_notifier = |target: &&PathBuf| target.to_string_lossy().contains("inotify");
    assert_eq!(notifiers.iter().filter(is_notifier).count(), 1);

    // All of them are rotated at once.
    for log in &logs {
        rename(log, &log.with_extension("log.1"));
        append(log)
            .write_all(line("GET", 200).repeat(2).as_bytes())
            .unwrap();
    }
    daemon.metrics_after(&counted(3).collect::<Vec<_>>());
}

#[test]
fn many_sources_are_followed_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..50).map(|n| format!("site-{n}")).collect();
    let paths: Vec<_> = names.iter().map(|name| dir.path().join(name)).collect();
    let sources: Vec<Source> = names
        .iter()
        .zip(&paths)
        .map(|(name, log)| Source {
            name,
            pattern: "nginx-combined",
            log,
        })
        .collect();
    let daemon = Daemon::waiting(dir.path(), &following(&sources));
    let written: Vec<Written> = names
        .iter()
        .zip(&paths)
        .zip(1..)
        .map(|((name, path), lines)| {
            let mut written = Written::new(name);
            written.write(&mut append(path), "GET", 200, lines);
            written
        })
        .collect();
    for written in written {
        written.check(&daemon);
    }
}

/// In a user namespace of its own, the limit of inotify instances can be set for one process (`user_namespaces(7)`).
#[cfg(feature = "stack")]
#[test]
fn without_notifications_the_limit_is_named_and_every_line_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c"]);
    command.arg("echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"");
    command.args([
        "sh",
        env!("CARGO_BIN_EXE_httplog-exporter"),
        "run",
        "--config",
    ]);
    command.arg(dir.path().join("config.toml"));
    let daemon = Daemon::start(dir.path(), command);
    daemon.wait_until_said("sysctl fs.inotify.max_user_instances=NUMBER");
    for written in 2..10 {
        let mut file = append(&dir.path().join("access.log"));
        file.write_all(line("GET", 200).as_bytes()).unwrap();
        let counted = daemon.scrape().lines("nginx", None);
        assert_eq!(counted, written);
    }
}
