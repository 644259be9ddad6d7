//! Tests of lines from pipes and sockets, with well-behaved and hostile senders.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use httplog_exporter::clock::{Clock as _, SystemClock};
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;

use crate::counts;
use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, program, run, run_command, until};

/// Time for a reload or a stop on a busy machine.
const PROMPTLY: Duration = Duration::from_secs(4);
const BURST: u64 = 20_000;
/// Upper bound of the daemon's memory, in bytes; what is sent exceeds it by far.
const MEMORY: u64 = 64 << 20;

fn source(keys: &str) -> String {
    format!("{HEAD}\n[[source]]\nname = 'site'\npattern = 'nginx-combined'\n{keys}\n")
}

/// Returns a free address.
fn free_address() -> SocketAddr {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap()
}

/// Frames a line as nginx does; the date is fixed.
fn framed(line: &str) -> String {
    format!("<190>Nov 22 18:47:14 vm nginx: {}", line.trim_end())
}

fn gaps(scrape: &Scrape, reason: &str) -> f64 {
    let labels = [("source", "site"), ("reason", reason)];
    scrape
        .value("httplog_exporter_gap_events_total", &labels)
        .unwrap_or_else(|| panic!("no gap counter for {reason}"))
}

fn assert_all_counted(daemon: &Daemon, lines: u64) {
    let scrape = Scrape::parse(&daemon.metrics_after(&[("site", lines)]));
    let expected = counts::of_log(
        line("GET", 200)
            .repeat(usize::try_from(lines).unwrap())
            .as_bytes(),
    );
    scrape.assert_counted("site", &expected);
}

#[test]
fn a_burst_over_a_unix_datagram_socket_is_counted_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sock");
    let daemon = Daemon::configured(dir.path(), &source("syslog = 'unix:log.sock'"));
    let datagram = framed(&line("GET", 200));
    let sender = UnixDatagram::unbound().unwrap();
    // This sender blocks while the kernel's queue is full; nginx would drop the line.
    for _ in 0..BURST {
        sender.send_to(datagram.as_bytes(), &path).unwrap();
    }
    assert_all_counted(&daemon, BURST);
    assert!(gaps(&daemon.scrape(), "queue_full").abs() < 0.5);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    assert!(!path.exists(), "the socket file was not removed");
}

#[test]
fn a_burst_over_udp_is_counted_or_its_drops_are() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let daemon = Daemon::configured(dir.path(), &source(&format!("syslog = 'udp://{address}'")));
    let datagram = framed(&line("GET", 200));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..BURST {
        sender.send_to(datagram.as_bytes(), address).unwrap();
    }
    until(|| {
        let scrape = daemon.scrape();
        let counted = scrape.lines("site", None);
        let lost = gaps(&scrape, "kernel_drop") + gaps(&scrape, "queue_full");
        let all = f64::from(u32::try_from(counted).unwrap()) + lost;
        let expected = f64::from(u32::try_from(BURST).unwrap());
        assert!(all <= expected, "{counted} and {lost}");
        ((expected - all).abs() < 0.5)
            .then_some(())
            .ok_or(format!("{counted} counted, {lost} lost"))
    });
}

#[test]
fn a_reload_closes_no_socket_and_loses_no_datagram() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sock");
    let config = source("syslog = 'unix:log.sock'");
    let daemon = Daemon::configured(dir.path(), &config);
    let datagram = framed(&line("GET", 200));
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(&path).unwrap();
    for n in 0..2_000 {
        if n % 500 == 250 {
            daemon.signal(Signal::HUP);
        }
        sender.send(datagram.as_bytes()).unwrap();
    }
    assert_all_counted(&daemon, 2_000);
    // A change of the address keeps all counts.
    std::fs::write(
        dir.path().join("config.toml"),
        config.replace("log.sock", "other.sock"),
    )
    .unwrap();
    daemon.signal(Signal::HUP);
    let other = dir.path().join("other.sock");
    until(|| {
        other
            .exists()
            .then_some(())
            .ok_or_else(|| "no other.sock".into())
    });
    until(|| {
        let sent = UnixDatagram::unbound()
            .unwrap()
            .send_to(datagram.as_bytes(), &other);
        sent.map(drop).map_err(|error| error.to_string())
    });
    assert_all_counted(&daemon, 2_001);
    assert!(!path.exists());
}

#[test]
fn both_framings_over_connections_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    for keys in [
        format!("syslog = 'tcp://{address}'"),
        "syslog = 'unix-stream:stream.sock'".to_owned(),
    ] {
        let daemon = Daemon::configured(dir.path(), &source(&keys));
        let message = framed(&line("GET", 200));
        let counted = format!("{} {message}", message.len());
        let plain = format!("{message}\n");
        let nul = format!("{message}\0");
        for text in [counted, plain, nul, line("GET", 200)] {
            let text = text.repeat(1_000);
            if keys.contains("tcp") {
                let mut peer = TcpStream::connect(address).unwrap();
                peer.write_all(text.as_bytes()).unwrap();
            } else {
                let mut peer = UnixStream::connect(dir.path().join("stream.sock")).unwrap();
                peer.write_all(text.as_bytes()).unwrap();
            }
        }
        assert_all_counted(&daemon, 4_000);
    }
}

#[test]
fn hostile_peers_use_bounded_memory_and_lose_no_lines_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let daemon = Daemon::configured(dir.path(), &source(&format!("syslog = 'tcp://{address}'")));
    let mut good = TcpStream::connect(address).unwrap();
    // A connection that has sent a line keeps its place.
    good.write_all(line("GET", 200).as_bytes()).unwrap();
    daemon.metrics_after(&[("site", 1)]);
    // The start of a frame with the longest possible length.
    let mut giant = TcpStream::connect(address).unwrap();
    giant.write_all(b"999999999 <190>").unwrap();
    // A line without an end.
    let mut peer = TcpStream::connect(address).unwrap();
    let endless = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        // The connection may be closed for one of the crowd, which ends the line.
        let _ = (0..1024).try_for_each(|_| peer.write_all(&piece));
        let _ = peer.write_all(b"\n");
        peer
    });
    // More connections than the limit allows.
    let crowd: Vec<_> = (0..1_000).map(|_| TcpStream::connect(address)).collect();
    for _ in 0..999 {
        good.write_all(line("GET", 200).as_bytes()).unwrap();
    }
    // The connection stays open, and so counts toward the limit.
    let _endless = endless.join().unwrap();
    let overlong = || {
        let labels = [("source", "site"), ("reason", "overlong")];
        let scrape = daemon.scrape();
        let rejected = scrape.value("httplog_exporter_rejected_lines_total", &labels);
        (rejected == Some(2.0) && scrape.lines("site", Some("recorded")) == 1_000)
            .then_some(())
            .ok_or(format!(
                "{rejected:?} of {} lines",
                scrape.lines("site", None)
            ))
    };
    until(overlong);
    // At most 64 are open: the good one, the one with the giant frame, the one with the endless line, and 61 others.
    until(|| {
        let scrape = daemon.scrape();
        let refused = gaps(&scrape, "refused_connection") + gaps(&scrape, "displaced_connection");
        (refused >= 939.0)
            .then_some(())
            .ok_or(format!("{refused} refused"))
    });
    drop(crowd);
    let peak = daemon.peak_memory();
    assert!(peak < MEMORY, "{peak} bytes");
}

#[test]
fn a_fifo_is_read_across_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.fifo");
    let daemon = Daemon::waiting(dir.path(), &source("fifo = 'access.fifo'"));
    daemon.wait_until_said("No such file");
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    let write = |text: &str| {
        let mut writer = std::fs::File::options().write(true).open(&path).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    };
    for _ in 0..10 {
        write(&line("GET", 200).repeat(100));
    }
    write(line("GET", 200).trim_end());
    assert_all_counted(&daemon, 1_001);
}

/// Starts a daemon that reads this standard input.
fn on_stdin(dir: &Path, args: &[&str], stdin: impl Into<Stdio>) -> Daemon {
    let mut command = program(["run", "--listen", "127.0.0.1:0"]);
    command.args(args).stdin(stdin).current_dir(dir);
    Daemon::start(dir, command)
}

#[test]
fn counts_of_standard_input_are_served_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let text = line("GET", 200).repeat(5_000);
    std::fs::write(&log, &text).unwrap();
    let file = std::fs::File::open(&log).unwrap();
    let daemon = on_stdin(dir.path(), &["-"], file);
    daemon.wait_until_said("standard input has ended");
    let scrape = Scrape::parse(&daemon.metrics_after(&[("stdin", 5_000)]));
    scrape.assert_counted("stdin", &counts::of_log(text.as_bytes()));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn standard_input_without_an_end_of_a_line_delays_neither_a_reload_nor_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(&config, source("stdin = true")).unwrap();
    let zeros = std::fs::File::open("/dev/zero").unwrap();
    let daemon = on_stdin(dir.path(), &["--config", config.to_str().unwrap()], zeros);
    let clock = SystemClock::new();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded from");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    let took = clock.monotonic();
    assert!(took < PROMPTLY, "{took:?}");
}

#[test]
fn a_pipe_on_standard_input_is_read_as_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The first lines decide the format, and are counted too.
    writer.write_all(line("GET", 200).as_bytes()).unwrap();
    let daemon = on_stdin(dir.path(), &["-"], reader);
    daemon.metrics_after(&[("stdin", 1)]);
    writer
        .write_all(line("GET", 200).repeat(99).as_bytes())
        .unwrap();
    daemon.metrics_after(&[("stdin", 100)]);
    writer
        .write_all(line("GET", 200).trim_end().as_bytes())
        .unwrap();
    drop(writer);
    let scrape = Scrape::parse(&daemon.metrics_after(&[("stdin", 101)]));
    assert_eq!(scrape.lines("stdin", Some("recorded")), 101);

    let (reader, mut writer) = std::io::pipe().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(&config, source("stdin = true")).unwrap();
    let daemon = on_stdin(dir.path(), &["--config", config.to_str().unwrap()], reader);
    writer.write_all(line("GET", 200).as_bytes()).unwrap();
    assert_all_counted(&daemon, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0, "its input is still open");
}

#[test]
fn standard_input_in_an_unknown_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "--listen", "127.0.0.1:0", "-"];
    let said = run(dir.path(), args, "no log\nat all\n").failed(78);
    assert!(said.contains("none of the presets"), "{said}");
    let twice = ["run", "--pattern", "gunicorn", "-", "-"];
    let said = run(dir.path(), twice, "").failed(64);
    assert!(said.contains("once only"), "{said}");
}

#[test]
fn check_warns_about_problems_of_streams() {
    let dir = tempfile::tempdir().unwrap();
    let check = |keys: &str| {
        let config = dir.path().join("config.toml");
        std::fs::write(config, source(keys)).unwrap();
        run(dir.path(), ["check", "--config", "config.toml"], "")
    };
    let good = check("syslog = 'udp://127.0.0.1:5514'");
    assert!(
        good.out.contains("site: udp://127.0.0.1:5514 as"),
        "{good:?}"
    );
    let open = check("syslog = 'udp://0.0.0.0:5514'");
    assert_eq!(open.code, Some(0));
    assert!(
        open.out
            .contains("any host that can reach udp://0.0.0.0:5514"),
        "{open:?}"
    );
    let absent = check("fifo = 'f'");
    assert!(
        absent.out.contains("it is read as soon as it appears"),
        "{absent:?}"
    );
    std::fs::write(dir.path().join("f"), "").unwrap();
    assert!(check("fifo = 'f'").failed(78).contains("is a regular file"));
    std::fs::write(
        dir.path().join("config.toml"),
        source("journal = 'g.service'"),
    )
    .unwrap();
    let mut command = program(["check", "--config", "config.toml"]);
    command.current_dir(dir.path()).env("PATH", dir.path());
    let journal = run_command(command, "");
    assert!(
        journal.out.contains("journalctl is not on the PATH"),
        "{journal:?}"
    );
    assert!(
        journal
            .out
            .contains("the position in the journal is not saved"),
        "{journal:?}"
    );
    let none = check("stdin = false").failed(78);
    assert!(none.contains("a source without an input"), "{none}");
}
