//! Tests of logs with malformed lines: each is rejected, in bounded memory.

use std::fs;
use std::io::Write as _;

use crate::counts;
use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, append};

/// Upper bound of the daemon's memory, in bytes. A log held in memory would exceed it.
const MEMORY: u64 = 64 << 20;

/// Returns the number of lines of the source `access` that were rejected for this reason.
fn rejected(scrape: &Scrape, reason: &str) -> Option<f64> {
    scrape.value(
        "httplog_exporter_rejected_lines_total",
        &[("source", "access"), ("reason", reason)],
    )
}

#[test]
fn a_line_of_100_mb_is_one_reject_and_delays_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(line("GET", 200).as_bytes()).unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        log.write_all(&piece).unwrap();
    }
    // The line has not ended yet: it is skipped, and scrapes still work.
    crate::support::until(|| {
        let lag = daemon
            .scrape()
            .value("httplog_exporter_lag_bytes", &[("source", "access")]);
        (lag == Some(f64::from(100 << 20)))
            .then_some(())
            .ok_or(format!("{lag:?}"))
    });
    assert_eq!(rejected(&daemon.scrape(), "overlong"), Some(0.0));

    log.write_all(b"\n").unwrap();
    let good = line("POST", 201).repeat(50);
    log.write_all(good.as_bytes()).unwrap();
    let scrape = Scrape::parse(&daemon.metrics_after(&[("access", 52)]));
    assert_eq!(rejected(&scrape, "overlong"), Some(1.0));
    assert_eq!(
        scrape.requests("access"),
        counts::of_log((line("GET", 200) + &good).as_bytes())
    );
    assert_eq!(scrape.lines("access", None), 52);
    let peak = daemon.peak_memory();
    assert!(peak < MEMORY, "{peak} bytes");
}

#[test]
fn junk_is_rejected_and_other_lines_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(line("GET", 200).as_bytes()).unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    let good = line("GET", 200);
    let overlong = vec![b'\0'; 65_537];
    let odd: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\xff\xfe",
        b"\xc3\x28\xa0\xa1 \xe2\x28\xa1",
        b"\0\0\0\0",
        b"\x1b[31mred\x1b[0m",
        b"\x1f\x8b\x08\x00\x00",
        &good.as_bytes()[..40],
        b" ",
    ];
    for junk in odd.iter().chain([&overlong.as_slice()]) {
        log.write_all(junk).unwrap();
        log.write_all(b"\n").unwrap();
        log.write_all(good.as_bytes()).unwrap();
    }
    // A well-formed line may contain any byte.
    let bytes: Vec<u8> = (1..=255)
        .filter(|byte| !b"\n\r\"\\ ".contains(byte))
        .collect();
    let agent = good.replace("ua", "\0").into_bytes();
    let agent: Vec<u8> = agent
        .into_iter()
        .flat_map(|byte| if byte == 0 { bytes.clone() } else { vec![byte] })
        .collect();
    log.write_all(&agent).unwrap();
    // Windows' line ends, and empty lines.
    log.write_all(good.replace('\n', "\r\n").as_bytes())
        .unwrap();
    log.write_all(b"\n\r\n").unwrap();

    let scrape = Scrape::parse(&daemon.metrics_after(&[("access", 21)]));
    let outcome = |outcome| scrape.lines("access", Some(outcome));
    assert_eq!(
        [outcome("recorded"), outcome("rejected"), outcome("skipped")],
        [11, 8, 2]
    );
    assert_eq!(rejected(&scrape, "mismatch"), Some(7.0));
    assert_eq!(rejected(&scrape, "overlong"), Some(1.0));
    let said = daemon.said();
    assert!(!said.contains("red"), "the log quotes a line: {said}");
}

#[test]
fn a_hole_at_the_start_of_a_truncated_log_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    // A writer without O_APPEND continues at its old offset.
    let mut log = fs::File::create(&path).unwrap();
    log.write_all(line("GET", 200).repeat(100).as_bytes())
        .unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    daemon.metrics_after(&[("access", 100)]);
    log.set_len(0).unwrap();
    daemon.wait_until_said("was truncated");
    log.write_all(line("POST", 201).as_bytes()).unwrap();
    let scrape = Scrape::parse(&daemon.metrics_after(&[("access", 101)]));
    let all = line("GET", 200).repeat(100) + &line("POST", 201);
    scrape.assert_counted("access", &counts::of_log(all.as_bytes()));
}

#[test]
fn clients_cannot_create_series() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    let good = line("GET", 200);
    log.write_all(good.as_bytes()).unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    let scans: String = (0..5_000)
        .map(|n| {
            good.replace("GET /a", &format!("M{n} /scan{n}.php?{n}"))
                .replace("200 10", "404 10")
        })
        .collect();
    let found: String = (0..5_000)
        .map(|n| good.replace("/a", &format!("/word{}x", letters(n))))
        .collect();
    log.write_all((scans + &found).as_bytes()).unwrap();
    let scrape = Scrape::parse(&daemon.metrics_after(&[("access", 10_001)]));
    assert_eq!(scrape.lines("access", Some("recorded")), 10_001);
    let series = scrape
        .all()
        .filter(|sample| sample.name == "httplog_requests_total")
        .count();
    assert!(series <= 510, "{series} series");
    assert!(daemon.peak_memory() < MEMORY);
}

/// Writes a number in letters, which route folding keeps.
pub fn letters(mut number: u32) -> String {
    let mut text = String::new();
    for _ in 0..4 {
        text.extend(char::from_digit(10 + number % 26, 36));
        number /= 26;
    }
    text
}

/// Heaps of single threads would keep what other threads free in them: with glibc, they begin at a multiple of 64 MiB.
#[test]
fn all_threads_share_one_heap() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line("GET", 200)).unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    daemon.metrics_after(&[("access", 1)]);
    let maps = fs::read_to_string(format!("/proc/{}/maps", daemon.id())).unwrap();
    assert!(maps.contains("[heap]"), "{maps}");
    let start = |map: &&str| {
        let (start, rest) = map.split_once('-').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        rest.contains(" rw-p ") && start.is_multiple_of(64 << 20)
    };
    let others: Vec<&str> = maps.lines().filter(start).collect();
    assert!(others.is_empty(), "{others:?}");
}
