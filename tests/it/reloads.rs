//! Reloads under load, half of them of faulty configurations.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use httplog_exporter::clock::{Clock as _, SystemClock};

use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, append, get, rename, until};

/// Lines that are written at once, and their number between two rotations.
const BURST: usize = 20;
const ROTATION: usize = 2_000;
/// Time between two bursts: 2,000 lines a second.
const PAUSE: Duration = Duration::from_millis(10);

/// Writes lines until it is stopped, and rotates the log. Returns their number.
fn write(log: &Path, is_over: &AtomicBool) -> usize {
    let mut written = 0;
    let mut rotated = 0;
    let mut file = append(log);
    let clock = SystemClock::new();
    let mut due = Duration::ZERO;
    while !is_over.load(Ordering::Acquire) {
        let burst = line("GET", 200).repeat(BURST);
        file.write_all(burst.as_bytes()).unwrap();
        written += BURST;
        if written.is_multiple_of(ROTATION) {
            rotated += 1;
            rename(log, &log.with_extension(format!("log.{rotated}")));
            file = append(log);
        }
        due += PAUSE;
        thread::park_timeout(due.saturating_sub(clock.monotonic()));
    }
    written
}

/// Scrapes until it is stopped; no counter of the log's families may ever fall. Returns the number of scrapes.
fn scrape(address: &str, is_over: &AtomicBool) -> u64 {
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let mut scrapes = 0;
    while !is_over.load(Ordering::Acquire) {
        let page = Scrape::parse(&get(&format!("http://{address}/metrics")).unwrap());
        let counted = page.all().filter(|sample| {
            let is_counter = sample.name.ends_with("_total") || sample.name.ends_with("_bucket");
            let source = sample.labels.get("source");
            is_counter && source.is_some_and(|source| source == "nginx")
        });
        for sample in counted {
            let series = format!("{} {:?}", sample.name, sample.labels);
            let before = last.insert(series, sample.value).unwrap_or_default();
            assert!(sample.value >= before, "{sample:?} was {before}");
        }
        scrapes += 1;
    }
    scrapes
}

/// Asks for health until it is stopped. Returns the times that responses took, sorted.
fn probe(address: &str, is_over: &AtomicBool) -> Vec<Duration> {
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("http://{address}/-/healthy");
    let clock = SystemClock::new();
    let mut took = Vec::new();
    while !is_over.load(Ordering::Acquire) {
        let since = clock.monotonic();
        let mut response = agent.get(&url).call().unwrap();
        assert_eq!(response.body_mut().read_to_string().unwrap(), "ok\n");
        took.push(clock.monotonic().saturating_sub(since));
        thread::park_timeout(Duration::from_millis(2));
    }
    took.sort_unstable();
    took
}

/// `RELOADS` sets the number of reloads.
#[test]
fn reloads_under_load_lose_no_line_and_lower_no_counter() {
    let reloads: usize = std::env::var("RELOADS").map_or(100, |number| number.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(&log, "").unwrap();
    let base = format!(
        "[web]\nlisten = ['127.0.0.1:0']\nenable_lifecycle = true\n\
         [state]\ndir = '{}'\ndurability = 'process'\n\
         [[source]]\nname = 'nginx'\npattern = 'nginx-combined'\npaths = ['{}']\n",
        dir.path().join("state").display(),
        log.display(),
    );
    let added = "[[source]]\nname = 'other'\npattern = 'nginx-combined'\npaths = ['other.log']\n";
    let faulty = [
        base.replace("nginx-combined", "nginx-combind"),
        format!("{base}["),
        String::new(),
        format!("{base}routes = 'none'\n"),
        base.replace("name = 'nginx'", "nam = 'nginx'"),
    ];
    let daemon = Daemon::configured(dir.path(), &base);
    let config = dir.path().join("config.toml");
    let address = daemon.socket();
    let reload = |text: &str| {
        fs::write(&config, text).unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = ureq::Agent::from(agent.build());
        let url = format!("http://{address}/-/reload");
        agent.post(&url).send_empty().unwrap().status().as_u16()
    };
    let is_over = AtomicBool::new(false);
    let (written, scrapes, took) = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&log, &is_over));
        let scraper = scope.spawn(|| scrape(address, &is_over));
        let prober = scope.spawn(|| probe(address, &is_over));
        for nth in 0..reloads {
            let status = match nth % 4 {
                0 => reload(&(base.clone() + added)),
                2 => reload(&base),
                _ => reload(&faulty[nth % faulty.len()]),
            };
            let expected = if nth % 2 == 0 { 200 } else { 500 };
            if status != expected {
                is_over.store(true, Ordering::Release);
            }
            assert_eq!(status, expected, "reload {nth}");
        }
        is_over.store(true, Ordering::Release);
        let joined = (writer.join(), scraper.join(), prober.join());
        (joined.0.unwrap(), joined.1.unwrap(), joined.2.unwrap())
    });
    until(|| match daemon.scrape().lines("nginx", Some("recorded")) {
        counted if counted == written as u64 => Ok(()),
        counted => Err(format!("{counted} of {written} lines")),
    });
    let at = |share: usize| took[(took.len() - 1) * share / 1000];
    println!(
        "{reloads} reloads, {written} lines, {scrapes} scrapes, {} probes: median {:?}, p99 {:?}, worst {:?}",
        took.len(),
        at(500),
        at(990),
        at(1000)
    );
}
