//! Runs a real nginx in front of one real worker, with requests that wait for the worker or never reach it.
//!
//! The expected counts come from the requests sent, and from an independent reading of the logs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use httplog_exporter::clock::Waker;
use rustix::process::{Pid, Signal, kill_process};

use crate::join::counted;
use crate::stack::{Site, promtool_finds_no_fault};
use crate::support::{Daemon, HEAD, Source, until};

/// Number of concurrent requests for a view that takes at least [`SLOW`] seconds.
const TOGETHER: u32 = 8;
const SLOW: f64 = 0.2;
/// Numbers of requests sent, by kind.
const FILES: usize = 60;
const NO_CONTENT: usize = 5;
const CLOSED: usize = 10;
const OVER_LIMIT: usize = 3;
const DOWN: usize = 5;
const ABANDONED: usize = 4;
const UNANSWERED: usize = 2;
const PLAIN: usize = 200;
const DIRECT: usize = 3;

/// Time that a worker spends on a request before it is killed.
const AT_WORK: Duration = Duration::from_millis(80);

/// Sends a request and returns the status of the response, if there is one.
fn ask(mut server: impl Read + Write, path: &str, header: &str) -> Option<u16> {
    send(&mut server, path, header);
    let mut response = Vec::new();
    // A broken connection has no response.
    let _ = server.read_to_end(&mut response);
    let line = String::from_utf8_lossy(response.get(..12)?).into_owned();
    line.rsplit(' ').next()?.parse().ok()
}

fn send(server: &mut impl Write, path: &str, header: &str) {
    write!(
        server,
        "GET {path} HTTP/1.1\r\nHost: shop.example.test\r\nConnection: close\r\n{header}\r\n"
    )
    .unwrap();
}

fn get(site: &Site, path: &str) -> Option<u16> {
    ask(TcpStream::connect(site.address()).unwrap(), path, "")
}

/// Sends a number of requests and checks the status of each.
fn all(site: &Site, requests: usize, path: &str, status: Option<u16>) {
    for _ in 0..requests {
        assert_eq!(get(site, path), status, "{path}");
    }
}

/// Sends a request and closes the connection before there is a response.
fn leave(site: &Site, path: &str) {
    send(&mut TcpStream::connect(site.address()).unwrap(), path, "");
}

/// Returns the value after a word in a line, up to a blank, without quotes and brackets.
fn after<'l>(line: &'l str, word: &str) -> &'l str {
    let rest = line.split(word).nth(1).unwrap_or_default();
    let value = rest
        .strip_prefix('"')
        .map_or_else(|| rest.split(' ').next(), |quoted| quoted.split('"').next());
    value.unwrap_or_default().trim_matches(['<', '>'])
}

fn lines(log: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    text.lines().map(str::to_owned).collect()
}

/// Kills the busy worker until a client gets an error, and returns the number of such clients.
fn kill_workers(site: &Site) -> usize {
    until(|| {
        all(site, 1, "/health/", Some(200));
        let last = lines(&site.log("gunicorn.log")).pop().unwrap();
        let worker = Pid::from_raw(after(&last, " pid=").parse().unwrap()).unwrap();
        let address = site.address();
        let client =
            thread::spawn(move || ask(TcpStream::connect(address).unwrap(), "/once/slow/", ""));
        Waker::default().wait(AT_WORK);
        kill_process(worker, Signal::KILL).unwrap();
        match client.join().unwrap() {
            Some(502) => Ok(1),
            other => Err(format!("{other:?} instead of 502")),
        }
    })
}

/// Sends every request and returns the number of those that failed because a worker was killed.
fn drive(site: &Site, dir: &Path) -> usize {
    fs::create_dir_all(dir.join("static")).unwrap();
    fs::write(dir.join("static/site.css"), "body {}\n").unwrap();
    let limbo = UnixListener::bind(dir.join("limbo.sock")).unwrap();
    all(site, FILES, "/static/site.css", Some(200));
    all(site, NO_CONTENT, "/favicon.ico", Some(204));
    all(site, CLOSED, "/closed/", None);
    all(site, 1, "/limited/health/", Some(200));
    all(site, OVER_LIMIT, "/limited/health/", Some(503));
    all(site, DOWN, "/down/", Some(502));
    all(site, PLAIN, "/health/", Some(200));
    all(site, UNANSWERED, "/limbo/", Some(504));
    (0..ABANDONED).for_each(|_| leave(site, "/limbo/"));
    // The worker finishes these requests although nginx or the client has given up.
    all(site, 3, "/impatient/slow/", Some(504));
    (0..2).for_each(|_| leave(site, "/slow/"));
    let gunicorn = || UnixStream::connect(dir.join("gunicorn.sock")).unwrap();
    for direct in 0..DIRECT {
        let id = format!("X-Request-ID: direct-{direct}\r\n");
        assert_eq!(ask(gunicorn(), "/health/", &id), Some(200));
    }
    assert_eq!(ask(gunicorn(), "/health/", ""), Some(200));
    let start = Barrier::new(TOGETHER as usize);
    thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                start.wait();
                assert_eq!(get(site, "/slow/"), Some(200));
            });
        }
    });
    let killed = kill_workers(site);
    all(site, 1, "/health/", Some(200));
    drop(limbo);
    killed
}

/// Computes from the logs the counts that [`counted`] returns, and the front's joined lines with their time in the
/// queue.
fn expected<'l>(
    front: &'l [String],
    back: &[String],
) -> (BTreeMap<String, f64>, Vec<(&'l str, f64)>) {
    let mut worked: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in back {
        let time = after(line, " rt=").parse().unwrap();
        worked.entry(after(line, " rid=")).or_default().push(time);
    }
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    let mut count = |name: &str| *counts.entry(name.to_owned()).or_default() += 1.0;
    let mut queues = Vec::new();
    (0..worked.remove("-").map_or(0, |without| without.len())).for_each(|_| count("app no_id"));
    for line in front {
        let status = line.split("\" ").nth(1).unwrap().split(' ').next().unwrap();
        let times = after(line, " urt=");
        if let Some(attempts) = worked.remove(after(line, " rid=")) {
            let time: f64 = times
                .rsplit([',', ':'])
                .next()
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            queues.push((line.as_str(), (time - attempts[0]).max(0.0)));
            count("web joined");
            count("app joined");
            attempts[1..].iter().for_each(|_| count("app duplicate"));
            continue;
        }
        count("web unreached");
        count(match (status, times) {
            ("499", _) => "web client_closed",
            ("502", _) => "web bad_gateway",
            ("504", _) => "web timeout",
            ("503", "-") => "web limited",
            ("200" | "204", "-") => "web static",
            (_, "-") => "web local",
            _ => "web missing",
        });
    }
    worked
        .values()
        .flatten()
        .for_each(|_| count("app unfronted"));
    (counts, queues)
}

#[test]
fn every_request_has_waited_or_is_unreached_as_the_logs_show() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start_with_one_worker(dir.path());
    let (access, gunicorn) = (site.log("access.log"), site.log("gunicorn.log"));
    let source = |name, pattern, log| Source { name, pattern, log }.toml();
    let config = format!(
        "{HEAD}\n[limits]\npending_seconds = 10\n{}{}behind = 'web'\n",
        source("web", "nginx-django", &access),
        source("app", "gunicorn-django", &gunicorn),
    );
    let daemon = Daemon::configured(dir.path(), &config);
    let killed = drive(&site, dir.path());
    site.stop();

    let (front, back) = (lines(&access), lines(&gunicorn));
    let (counts, queues) = expected(&front, &back);
    let lines = [("web", front.len() as u64), ("app", back.len() as u64)];
    daemon.metrics_after(&lines);
    until(|| {
        let found = counted(&daemon.scrape());
        let rest = found.keys().find(|name| name.ends_with("pending"));
        rest.map_or(Ok(()), |rest| Err(format!("{rest}: {found:?}")))
    });
    let page = daemon.metrics();
    promtool_finds_no_fault(&page);
    let scrape = crate::scrape::Scrape::parse(&page);
    let found = counted(&scrape);
    eprintln!("{found:#?}");
    assert_eq!(found, counts);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let check =
        |name: &str, sent: usize| assert_eq!(found.get(name), Some(&(sent as f64)), "{name}");
    check("web static", FILES + NO_CONTENT);
    check("web local", CLOSED);
    check("web limited", OVER_LIMIT);
    check("web bad_gateway", DOWN + killed);
    check("web timeout", UNANSWERED);
    check("app unfronted", DIRECT);
    check("app no_id", 1);
    assert!(found["web client_closed"] >= f64::from(u32::try_from(ABANDONED).unwrap()));
    assert_eq!(found.get("web missing"), None);

    let value = |end: &str| {
        let name = format!("httplog_queue_duration_seconds_{end}");
        scrape.value(&name, &[("source", "app")]).unwrap()
    };
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let joined = queues.len() as f64;
    assert!((value("count") - joined).abs() < 0.5);
    let sum: f64 = queues.iter().map(|(_, queue)| queue).sum();
    assert!(
        (value("sum") - sum).abs() < 1e-6,
        "{} is not {sum}",
        value("sum")
    );
    // The second request waits for the first, the third for both; they start nearly together.
    let least = SLOW * f64::from(TOGETHER * (TOGETHER - 1) / 2) - 0.25 * f64::from(TOGETHER);
    let together = queues
        .iter()
        .filter(|(line, _)| line.contains("\"GET /slow/ HTTP/1.1\" 200 "));
    let together: Vec<f64> = together.map(|(_, queue)| *queue).collect();
    let waited: f64 = together.iter().sum();
    eprintln!("{waited} s in the queue of {sum} s, at least {least} s expected");
    assert!(
        together.len() == TOGETHER as usize && waited > least,
        "{together:?}"
    );
}
