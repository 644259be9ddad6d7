//! A real Django site behind real servers: the views and the numbers in its logs are its own.
//!
//! Invariant: the site is run once; every test looks at what that run left behind.

mod request;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use httplog_exporter::config::Config;
use httplog_exporter::pattern::Pattern;

use crate::resolve::{dump, resolver};
use crate::stack::Site;
use crate::support::project;

use request::{Logged, Seen, cause};
use table::{Account, cells};

const SETTINGS: &str = "shop.compared_settings";
const REQUESTS: usize = 5200;
const SEED: u64 = 4;

/// Logs of the same requests: name, pattern.
const LOGS: [(&str, &str); 3] = [
    ("access.log", "nginx-django"),
    ("typed.log", "typed"),
    ("gunicorn.log", "gunicorn-django"),
];

/// What the run left behind.
struct Run {
    seen: BTreeMap<String, Seen>,
    /// Ids that came to Django twice.
    retried: usize,
    /// django-prometheus' own page.
    theirs: String,
    logs: Vec<Log>,
}

struct Log {
    name: &'static str,
    lines: Vec<Logged>,
}

static RUN: LazyLock<Run> = LazyLock::new(Run::make);

impl Run {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dump = dump(SETTINGS);
        let resolver = resolver(&dump, "");
        let site = Site::start_with(dir.path(), &[SETTINGS]);
        site.compare(REQUESTS, SEED).finish();
        let logs = LOGS.map(|(name, pattern)| (name, pattern, site.log(name)));
        site.stop();
        let read = |file: &str| fs::read_to_string(dir.path().join(file)).unwrap();
        let (seen, retried) = Seen::read(&read("truth.jsonl"));
        Self {
            seen,
            retried,
            theirs: read("theirs.txt"),
            logs: logs
                .into_iter()
                .map(|(name, pattern, path)| Log {
                    name,
                    lines: Logged::read(&fs::read(path).unwrap(), &compiled(pattern), &resolver),
                })
                .collect(),
        }
    }
}

/// A preset, or the format of the servers' configuration that none describes.
fn compiled(pattern: &str) -> Pattern {
    let config = format!(
        "{}[[source]]\nname = 'x'\npaths = ['x']\npattern = '{pattern}'\n",
        own_pattern()
    );
    let checked = Config::parse("config.toml", &config, Path::new("/"));
    eprintln!("{}", checked.report);
    let config = checked.config.unwrap();
    (*config.sources[0].pattern).clone()
}

/// The format `typed` of nginx.conf, as a pattern.
fn own_pattern() -> String {
    let conf = fs::read_to_string(project("fixtures/stack/nginx.conf")).unwrap();
    let start = conf.find("log_format typed").unwrap();
    let end = start + conf[start..].find(';').unwrap();
    format!("[pattern.typed]\nnginx = '''{};'''\n", &conf[start..end])
}

#[test]
fn the_view_of_every_logged_request_is_the_one_that_django_resolved() {
    let run = &*RUN;
    assert!(run.seen.len() >= 4_500, "{} requests", run.seen.len());
    assert_eq!(run.retried, 0);
    for log in &run.logs {
        let mut wrong = Vec::new();
        let (mut same, mut unresolved, mut before, mut beyond) = (0, 0, 0, 0);
        for line in &log.lines {
            match line.id.as_ref().and_then(|id| run.seen.get(id)) {
                None => beyond += 1,
                Some(seen) if seen.inner.is_none() => before += 1,
                Some(seen) if seen.view == line.view => {
                    same += 1;
                    unresolved += usize::from(seen.view.is_none());
                }
                Some(seen) => wrong.push(format!(
                    "{}: {:?}, Django {:?}",
                    line.target.escape_ascii(),
                    line.view,
                    seen.view
                )),
            }
        }
        eprintln!(
            "{}: {} requests, {same} the same view ({unresolved} of them none), {before} refused \
             before they were resolved, {beyond} never reached Django, {} wrong",
            log.name,
            log.lines.len(),
            wrong.len()
        );
        wrong.truncate(30);
        assert_eq!(wrong, [""; 0]);
        assert_eq!(same + before, run.seen.len());
        assert!(unresolved > 100 && before > 10, "{unresolved}, {before}");
    }
    assert!(run.logs[0].lines.len() >= REQUESTS);
}

impl Run {
    /// What each side counts of each request of a log.
    fn account(&self, log: &Log) -> Account {
        let mut account = Account::default();
        let mut rest = self.seen.clone();
        for line in &log.lines {
            let seen = line.id.as_ref().and_then(|id| rest.remove(id));
            let theirs = seen.as_ref().map(Seen::events).unwrap_or_default();
            account
                .add(&theirs, &line.events(), |family| {
                    cause(family, seen.as_ref(), Some(line))
                })
                .unwrap_or_else(|fault| panic!("{}: {fault} of {seen:?} and {line:?}", log.name));
        }
        assert_eq!(
            rest.len(),
            0,
            "requests that are not in {}: {rest:?}",
            log.name
        );
        account
    }
}

#[test]
fn what_django_prometheus_counts_follows_from_the_requests() {
    for log in &RUN.logs {
        let account = RUN.account(log);
        let (_, faults) = account.compare(&cells(&RUN.theirs), &account.ours, &request::FAMILIES);
        eprintln!("{}\n{}", log.name, account.summary());
        assert_eq!(faults, [""; 0], "{}", log.name);
    }
}
