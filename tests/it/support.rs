//! The daemon as a child process, and the page it serves.
//!
//! Invariant: waits are for conditions, under a deadline; what a test started ends with the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use httplog_exporter::clock::{Clock, SystemClock, Waker};

use crate::counts::{self, Counts};

/// How long anything may take on a slow machine that does several things at once.
const DEADLINE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A file that the daemon is to follow from its beginning.
pub struct Source<'a> {
    pub name: &'a str,
    pub pattern: &'a str,
    pub log: &'a Path,
}

/// A running `httplog-exporter run`, killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    address: String,
}

/// One page of metrics.
pub struct Scrape {
    samples: Vec<Sample>,
}

/// One line of it.
#[derive(Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asks again and again until there is an answer; an error says what is missing yet.
pub fn until<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let clock = SystemClock::new();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(missing) if clock.monotonic() > DEADLINE => {
                panic!("after {DEADLINE:?} still {missing}")
            }
            Err(_) => Waker::default().wait(POLL_INTERVAL),
        };
    }
}

impl Daemon {
    /// Starts it on a free port with nothing but these sources, and waits until it is ready.
    pub fn follow(dir: &Path, sources: &[Source]) -> Self {
        let mut config =
            String::from("[web]\nlisten = [\"127.0.0.1:0\"]\n\n[state]\ndurability = \"none\"\n");
        for Source { name, pattern, log } in sources {
            write!(
                config,
                "\n[[source]]\nname = '{name}'\npaths = ['{}']\npattern = '{pattern}'\nstart = 'beginning'\n",
                log.display()
            )
            .unwrap();
        }
        let path = dir.join("config.toml");
        fs::write(&path, config).unwrap();
        Self::run(dir, &path)
    }

    fn run(dir: &Path, config: &Path) -> Self {
        let log = dir.join("exporter.log");
        let child = Command::new(env!("CARGO_BIN_EXE_httplog-exporter"))
            .args(["--log-format", "text", "run", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut daemon = Self {
            child,
            log,
            address: String::new(),
        };
        daemon.address = until(|| {
            let ended = daemon.child.try_wait().unwrap();
            assert_eq!(ended, None, "the daemon has ended");
            listening_on(&daemon.said()).ok_or_else(|| "no address".into())
        });
        until(|| daemon.get("/-/ready"));
        daemon
    }

    /// The current page of metrics, as text.
    pub fn metrics(&self) -> String {
        self.get("/metrics").unwrap()
    }

    /// The page once every source has counted the given number of lines, rejected ones included.
    pub fn metrics_after(&self, lines: &[(&str, u64)]) -> String {
        until(|| {
            let page = self.metrics();
            let scrape = Scrape::parse(&page);
            for (source, expected) in lines {
                let counted = scrape.lines(source, None);
                if counted < *expected {
                    return Err(format!("{counted} of {expected} lines of {source}"));
                }
            }
            Ok(page)
        })
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let answer = ureq::get(format!("{}{path}", self.address)).call();
        answer
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .map_err(|error| format!("{path}: {error}"))
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; that is the test's affair, not this one's.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon said:\n{}", self.said());
        }
    }
}

/// `listening on http://127.0.0.1:PORT`, in a whole line of the daemon's log.
fn listening_on(log: &str) -> Option<String> {
    let (_, after) = log.split_once("listening on ")?;
    let (line, _) = after.split_once('\n')?;
    let address = line.split_whitespace().next()?;
    Some(address.trim_end_matches(['/', '.', ',']).to_owned())
}

impl Scrape {
    /// Reads the text format 0.0.4.
    pub fn parse(page: &str) -> Self {
        let samples = page
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Sample::parse(line).unwrap_or_else(|| panic!("not a sample: {line}")));
        Self {
            samples: samples.collect(),
        }
    }

    /// The samples of a name whose labels include these.
    pub fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(name, value)| sample.label(name) == *value)
        })
    }

    /// Requests of a source, summed over routes; what was never seen is left out.
    pub fn requests(&self, source: &str) -> Counts {
        let mut counts = Counts::new();
        for sample in self.samples("httplog_requests_total", &[("source", source)]) {
            let labels = (
                sample.label("method").to_owned(),
                sample.label("status").to_owned(),
            );
            *counts.entry(labels).or_default() += sample.count();
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Lines read from a source, of one outcome or of all.
    pub fn lines(&self, source: &str, outcome: Option<&str>) -> u64 {
        self.samples("httplog_exporter_lines_total", &[("source", source)])
            .filter(|sample| outcome.is_none_or(|outcome| sample.label("outcome") == outcome))
            .map(Sample::count)
            .sum()
    }

    /// That a source counted exactly these requests, and lost or refused no line.
    pub fn assert_counted(&self, source: &str, expected: &Counts) {
        assert_eq!(self.requests(source), *expected, "requests of {source}");
        let lines = counts::total(expected);
        let outcomes = ["recorded", "rejected", "skipped"]
            .map(|outcome| (outcome, self.lines(source, Some(outcome))));
        assert_eq!(
            outcomes,
            [("recorded", lines), ("rejected", 0), ("skipped", 0)],
            "lines of {source}"
        );
        assert_eq!(self.lines(source, None), lines, "lines of {source}");
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let name_end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, quoted) = rest.split_once("=\"")?;
                let (value, after) = unquote(quoted)?;
                let repeated = labels.insert(label.to_owned(), value);
                assert_eq!(repeated, None, "a label twice: {line}");
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        Some(Self {
            name: name.to_owned(),
            labels,
            value: rest.split_whitespace().next()?.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number, and far below 2^53"
    )]
    fn count(&self) -> u64 {
        assert!(
            self.value >= 0.0 && self.value.fract() == 0.0,
            "not a count: {self:?}"
        );
        self.value as u64
    }
}

/// The text up to the closing quote, escapes undone, and what follows the quote.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            plain => value.push(plain),
        }
    }
}

#[test]
fn a_sample_is_read_with_its_labels_unescaped() {
    let sample = Sample::parse(r#"a_total{x="q\"\\\n{}, =",y=""} 12"#).unwrap();
    assert_eq!((sample.name.as_str(), sample.count()), ("a_total", 12));
    assert_eq!(sample.label("x"), "q\"\\\n{}, =");
    assert_eq!(sample.label("y"), "");
    assert_eq!(Sample::parse("up 1").unwrap().count(), 1);
    assert!(Sample::parse(r#"a{x="\q"} 1"#).is_none());
}

#[test]
fn the_address_is_taken_from_a_whole_line() {
    assert_eq!(listening_on("INFO listening on http://127.0.0.1:12"), None);
    assert_eq!(
        listening_on("a\nINFO x: listening on http://127.0.0.1:1234\nb\n").as_deref(),
        Some("http://127.0.0.1:1234")
    );
}
