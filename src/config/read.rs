//! Reads a [`Config`] from TOML.
//!
//! Invariant: reading continues after a fault, so that one pass finds all of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::agreement::agree;
use super::behind;
use super::capacity;
use super::exemplars;
use super::families::FamilyOptions;
use super::keys::TABLES;
use super::labels::Labels;
use super::limits::Limits;
use super::metrics::Selection;
use super::nginx_status;
use super::patterns::{self, CompiledPresets, Patterns};
use super::routes::{Resolvers, Routes};
use super::source::{Definitions, RoutesByName, Source, Taken};
use super::state::State;
use super::web::Web;
use crate::diag::{Document, Fault, Report, Section, Spot, Text};
use crate::http::Address;
use crate::join::Linked;
use crate::metric::Metrics;
use crate::nginx_status::StubAddress;
use crate::pattern::Pattern;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Settings of the HTTP server.
    pub web: Web,
    /// Sources; at least one.
    pub sources: Vec<Source>,
    /// Settings of the state that is kept across restarts; `None` if nothing is.
    pub state: Option<State>,
    /// Bounds on input and memory.
    pub limits: Limits,
    /// Metrics of sources without `sets`.
    pub metrics: Metrics,
    /// True if OpenMetrics shows the time at which each series was created.
    pub shows_created: bool,
    /// Requests that the workers of a source handle at once, by the source's name.
    pub capacities: BTreeMap<String, u64>,
    /// nginx's stub status pages.
    pub nginx_status: Vec<Spot<StubAddress>>,
    /// Custom patterns by name, used or not.
    pub patterns: BTreeMap<String, Arc<Pattern>>,
    /// Routes by name, used or not.
    pub routes: BTreeMap<String, Arc<Routes>>,
    /// Warnings about it, each in one line.
    pub warnings: Vec<String>,
}

impl Config {
    /// Creates a configuration with these addresses and sources, and defaults for everything else.
    pub fn with_sources(listen: Vec<Address>, sources: Vec<Source>) -> Self {
        Self {
            web: Web::listening_on(listen),
            sources,
            state: None,
            limits: Limits::default(),
            metrics: Metrics::default(),
            shows_created: false,
            capacities: BTreeMap::new(),
            nginx_status: Vec::new(),
            patterns: BTreeMap::new(),
            routes: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns the sources whose lines are joined.
    pub fn linked(&self) -> Vec<Linked<'_>> {
        let sources = self.sources.iter();
        Linked::group(sources.flat_map(|source| {
            let fronts = source.behind.iter();
            fronts.map(|front| (front.as_str(), source.name.as_str()))
        }))
    }

    /// Loads the routes that sources use. Routes with a fault are missing; the fault is in the report.
    pub fn resolvers(&self, report: &mut Report) -> Resolvers {
        let used: BTreeMap<_, _> = (self.sources.iter())
            .filter_map(|source| source.routes.as_ref())
            .map(|routes| (routes.name.clone(), routes))
            .collect();
        used.into_iter()
            .filter_map(|(name, routes)| Some((name, routes.load(report)?)))
            .collect()
    }

    /// Reads a text; sources may name its patterns, `custom` ones and presets. `None` if the report has errors.
    pub(super) fn read(
        text: &Arc<Text>,
        custom: Vec<Pattern>,
        base: &Path,
        report: &mut Report,
    ) -> Option<Self> {
        let before = report.errors();
        let document = Document::parse(text, report).with_homes(&TABLES);
        let is_valid_toml = report.errors() == before;
        let mut root = document.root();
        if report.has_errors() && root.is_empty() {
            return None;
        }
        let web = root
            .section("web", report)
            .map_or_else(Web::default, |section| Web::read(section, base, report));
        let state = root
            .section("state", report)
            .and_then(|section| State::read(section, base, report));
        let mut patterns: Patterns = custom
            .into_iter()
            .map(|pattern| (pattern.name().to_owned(), Some(Arc::new(pattern))))
            .collect();
        let own = patterns::read(&mut root, report).into_iter();
        patterns.extend(own.map(|(name, pattern)| (name, pattern.map(Arc::new))));
        let mut routes = RoutesByName::new();
        for (name, section) in root.named("routes", report) {
            let read = Routes::read(&name, section, base, report);
            routes.insert(name.value, read.map(Arc::new));
        }
        let labels = Labels::read(&mut root, report);
        let metrics = Selection::read(&mut root, labels.list(), report);
        let known = Definitions {
            patterns: &patterns,
            presets: CompiledPresets::default(),
            routes: &routes,
            metrics: &metrics,
            labels: labels.list(),
            base,
            state: state.as_ref(),
        };
        let mut taken = Taken::default();
        let mut sources: Vec<Source> = Vec::new();
        let sections = root.sections("source", report);
        let count = sections.len();
        for section in sections {
            sources.extend(Source::read(section, &known, &mut taken, report));
        }
        // A source that has a fault may have the id.
        if let Some(which) = metrics
            .exemplars()
            .filter(|_| sources.len() == count && count > 0)
        {
            let sources = sources.iter();
            let counted = sources.map(|source| (&*source.pattern, &source.metrics));
            exemplars::check(which, &counted.collect::<Vec<_>>(), report);
        }
        let is_complete = sources.len() == count && is_valid_toml;
        agree(&labels, &mut sources, is_complete, report);
        behind::link(&taken.behinds, &taken.names, &mut sources, report);
        if !root.contains("source") && is_valid_toml {
            report.push(Fault::error("no source: nothing would be followed").at(root.place()).help(
                "add one:\n[[source]]\nname = \"nginx\"\npaths = [\"/var/log/nginx/access.log\"]\npattern = \"nginx-combined\"",
            ));
        }
        let capacities = capacity::read(&mut root, &taken.names, &sources, report);
        let nginx_status = nginx_status::read(&mut root, report);
        let limits = read_limits(&mut root, report);
        root.finish(report);
        (!report.has_errors()).then(|| Self {
            web,
            sources,
            state,
            limits,
            metrics: metrics.of_source(None, &FamilyOptions::default()),
            shows_created: metrics.shows_created(),
            capacities,
            nginx_status,
            patterns: good(patterns),
            routes: good(routes),
            warnings: report.lines(),
        })
    }
}

fn good<T>(definitions: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
    let definitions = definitions.into_iter();
    definitions
        .filter_map(|(name, definition)| Some((name, definition?)))
        .collect()
}

pub(super) fn read_limits(root: &mut Section<'_>, report: &mut Report) -> Limits {
    let section = root.section("limits", report);
    section.map_or_else(Limits::default, |section| Limits::read(section, report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Input;
    use crate::source::Start;
    use crate::state::Durability;

    fn faults(content: &str) -> Vec<String> {
        let checked = Config::parse("config.toml", content, Path::new("/etc/httplog-exporter"));
        let faults = checked.report.faults();
        let line = |fault: &Fault| {
            fault
                .place
                .as_ref()
                .map_or(0, |place| place.line_and_column().0)
        };
        assert_eq!(checked.config.is_none(), checked.report.has_errors());
        faults
            .iter()
            .map(|fault| format!("{}: {}", line(fault), fault.message))
            .collect()
    }

    const GOOD: &str =
        "[[source]]\nname = 'nginx'\npaths = ['access.log']\npattern = 'nginx-combined'\n";

    #[test]
    fn one_source_is_a_complete_configuration() {
        let config = Config::parse("c", GOOD, Path::new("/etc/x"))
            .config
            .unwrap();
        assert_eq!(config.web, Web::default());
        assert_eq!(config.limits, Limits::default());
        let source = &config.sources[0];
        let Input::Files(files) = &source.input else {
            panic!("{}", source.input)
        };
        assert_eq!(files.paths[0].as_path(), Path::new("/etc/x/access.log"));
        assert_eq!(
            (files.start, files.watch, source.pattern.name()),
            (Start::End, true, "nginx-combined")
        );
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let content = "\
[web]
listen = ['127.0.0.1', 'unix:/run/x.sock']
[[source]]
name = 'a'
paths = ['/var/log/[.log']
pattern = 'nginx-combind'
start = 'begining'
[[source]]
name = 'a'
pattren = 'x'
[pattern.mine]
nginx = '$status ${host'
[limits]
line_bytes = 10
serie = 5
[metrics]
sets = ['httplog', 'django2']
";
        assert_eq!(
            faults(content),
            [
                "2: `127.0.0.1` is not a valid listen address: `127.0.0.1` has no port; write for example `127.0.0.1:9914`",
                "5: `[.log` is not a glob for one name",
                "6: unknown pattern `nginx-combind`",
                "7: unknown start `begining`",
                "8: a source without `pattern`",
                "8: a source without an input",
                "9: two sources are named `a`",
                "10: unknown key `pattren`",
                "12: nginx format: `${` is never closed",
                "14: expected a whole number from 256 to 16777216, found 10",
                "15: unknown key `serie`",
                "17: unknown metric set `django2`",
            ]
        );
    }

    #[test]
    fn an_address_that_other_machines_may_reach_is_warned_of() {
        let listen = |addresses: &str| faults(&format!("[web]\nlisten = [{addresses}]\n{GOOD}"));
        assert_eq!(listen("'127.0.0.1:1', 'localhost:1', 'unix:/s'"), [""; 0]);
        assert_eq!(
            listen("'[::1]:1', ':9914'"),
            [
                "2: any host that can reach :9914 can read the metrics: there is neither TLS nor a password"
            ]
        );
    }

    #[test]
    fn hosts_are_names_that_a_browser_sends() {
        let hosts = |hosts: &str| faults(&format!("[web]\nhosts = [{hosts}]\n{GOOD}"));
        assert_eq!(hosts("'metrics.example.org', 'web1'"), [""; 0]);
        assert_eq!(
            hosts("'A', 'a', '*.example', 'http://b', '192.0.2.1'"),
            [
                "2: `a` is listed twice",
                "2: `*.example` is not the name of a host",
                "2: `http://b` is not the name of a host",
                "2: `192.0.2.1` is not the name of a host",
            ]
        );
    }

    #[test]
    fn names_are_printable() {
        let content = GOOD.replace("'nginx'", r#""a\u0000b""#)
            + "[pattern.\"x\\u001b\"]\nnginx = '$status $request_time \"$request\"'\n[routes.\"\\n\"]\ntemplates = { '/a' = \"\\u202e\" }\n";
        assert_eq!(
            faults(&content),
            [
                "2: the name of a source contains U+0000, which is not printable",
                "5: the name of a pattern contains U+001B, which is not printable",
                "7: the name of routes contains U+000A, which is not printable",
                "8: a view name must not contain control or invisible characters",
            ]
        );
    }

    #[test]
    fn a_custom_pattern_is_found_and_its_examples_are_run() {
        let own = "[pattern.mine]\nnginx = '$status $request_time \"$request\"'\n[[pattern.mine.example]]\nline = '200 0.012 \"\"'\nrecord = { status = 200, duration = '12ms' }\n";
        let source = GOOD.replace("nginx-combined", "mine");
        assert_eq!(faults(&format!("{source}{own}")), [""; 0]);
        let wrong = own.replace("12ms", "13ms");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["8: pattern `mine` reads its own example differently"]
        );
        let wrong = own.replace("200 0.012 \"\"'", "200'");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["8: pattern `mine` does not read its own example (mismatch)"]
        );
        let wrong = own.replace("nginx = '$status $request_time \"$request\"'", "");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["5: pattern `mine` has 0 formats"]
        );
    }

    #[test]
    fn state_that_is_not_kept_is_warned_of() {
        let state =
            |durability: &str| faults(&format!("[state]\ndurability = '{durability}'\n{GOOD}"));
        assert_eq!(state("none"), [""; 0]);
        let lost = "nothing is kept without a directory: counts restart at 0 with the process";
        assert_eq!(state("power"), [format!("2: {lost}")]);
        assert_eq!(state("pwer"), ["2: unknown durability `pwer`"]);
        let empty = faults(&format!("[state]\ndir = ''\n{GOOD}"));
        assert_eq!(empty, ["2: `dir` is empty: nothing would be kept"]);
    }

    #[test]
    fn state_survives_a_loss_of_power_unless_less_is_chosen() {
        let durability = |key: &str| {
            let text = format!("[state]\ndir = 's'\n{key}\n{GOOD}");
            let checked = Config::parse("c", &text, Path::new("/etc/x"));
            assert!(checked.report.faults().is_empty());
            let state = checked.config.unwrap().state.unwrap();
            assert_eq!(state.dir, Path::new("/etc/x/s"));
            state.durability
        };
        assert_eq!(durability(""), Some(Durability::Power));
        assert_eq!(durability("durability = 'power'"), Some(Durability::Power));
        assert_eq!(
            durability("durability = 'process'"),
            Some(Durability::Process)
        );
        assert_eq!(durability("durability = 'none'"), None);
    }

    #[test]
    fn a_configuration_without_a_source_is_a_fault() {
        assert_eq!(faults(""), ["1: no source: nothing would be followed"]);
        let torn = faults("[[source]\n");
        assert!(
            torn.iter().any(|fault| fault.contains("not valid TOML")),
            "{torn:?}"
        );
        assert!(
            !torn.iter().any(|fault| fault.contains("no source")),
            "{torn:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(content in r"(\[\[?(source|pattern\.x|web|limits)\]\]?\n|(name|paths|fifo|journal|syslog|socket_mode|stdin|pattern|nginx|listen|line_bytes) = ('[$a-z/*\[]{0,6}'|\[\]|\['a'\]|-?[0-9]{1,9}|\{\}|x)\n){0,8}") {
            faults(&content);
        }
    }
}
