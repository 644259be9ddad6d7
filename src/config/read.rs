//! From TOML to a [`Config`].
//!
//! Invariant: reading goes on after a fault, so that a person sees all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::behind::{self, Behind};
use super::input;
use super::metrics::{Wanted, read_sets};
use super::{Config, DEFAULT_LISTEN, Limits, Routes, Source};
use crate::diag::{Document, Fault, Report, Section, Spot, Text, distinct};
use crate::http::Address;
use crate::pattern::{Definition, Pattern, presets};

/// Reads a configuration; patterns come from it, from `pattern_texts` and from the presets.
pub(super) fn config(
    text: &Arc<Text>,
    pattern_texts: &[Arc<Text>],
    base: &Path,
    report: &mut Report,
) -> Option<Config> {
    let own = own_patterns(pattern_texts, report);
    let before = report.errors();
    let document = Document::parse(text, report);
    let torn = report.errors() > before;
    if report.has_errors() && document.root().is_empty() {
        return None;
    }
    let mut root = document.root();
    let listen = root
        .section("web", report)
        .map(|section| web(section, report));
    let state_dir = root
        .section("state", report)
        .and_then(|section| state(section, base, report));
    let mut patterns: BTreeMap<String, Arc<Pattern>> = BTreeMap::new();
    let mut broken: Vec<String> = Vec::new();
    for definition in own {
        patterns.insert(
            definition.pattern.name().to_owned(),
            Arc::new(definition.pattern),
        );
    }
    for (name, section) in root.named("pattern", report) {
        match Definition::read(&name, section, report) {
            Some(definition) => {
                patterns.insert(name.value, Arc::new(definition.pattern));
            }
            None => broken.push(name.value),
        }
    }
    let mut routes: BTreeMap<String, Arc<Routes>> = BTreeMap::new();
    let mut broken_routes: Vec<String> = Vec::new();
    for (name, section) in root.named("routes", report) {
        match Routes::read(&name, section, base, report) {
            Some(read) => {
                routes.insert(name.value, Arc::new(read));
            }
            None => broken_routes.push(name.value),
        }
    }
    let wanted = Wanted::read(&mut root, report);
    let mut sources: Vec<Source> = Vec::new();
    let sections = root.sections("source", report);
    let none_given = sections.is_empty() && !root.contains("source") && !torn;
    let mut taken = Taken::default();
    for section in sections {
        let known = Known {
            patterns: &patterns,
            broken: &broken,
            routes: &routes,
            broken_routes: &broken_routes,
            wanted: &wanted,
            base,
            state_dir: state_dir.as_deref(),
        };
        if let Some(source) = source(section, &known, &mut taken, report) {
            sources.push(source);
        }
    }
    behind::link(&taken.behinds, &taken.names, &mut sources, report);
    if none_given {
        report.push(Fault::error("no source: nothing would be followed").at(root.place()).help(
            "add one:\n[[source]]\nname = \"nginx\"\npaths = [\"/var/log/nginx/access.log\"]\npattern = \"nginx-combined\"",
        ));
    }
    let limits = root
        .section("limits", report)
        .map_or_else(Limits::default, |section| limits(section, report));
    root.finish(report);
    Some(Config {
        listen: listen.unwrap_or_else(default_listen),
        sources,
        limits,
        metrics: wanted.metrics(None),
        patterns,
        routes,
    })
}

/// The patterns of texts that hold nothing else.
pub(super) fn own_patterns(texts: &[Arc<Text>], report: &mut Report) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for text in texts {
        let document = Document::parse(text, report);
        let mut root = document.root();
        for (name, section) in root.named("pattern", report) {
            definitions.extend(Definition::read(&name, section, report));
        }
        root.finish(report);
    }
    definitions
}

/// The patterns of a configuration and its limits, whatever else is in it. Only the faults of
/// patterns are told.
pub(super) fn reading(text: &Arc<Text>, report: &mut Report) -> (Vec<Definition>, Limits) {
    let document = Document::parse(text, report);
    let mut root = document.root();
    let sections = root.named("pattern", report).into_iter();
    let patterns = sections
        .filter_map(|(name, section)| Definition::read(&name, section, report))
        .collect();
    let mut untold = Report::default();
    let found = root.section("limits", &mut untold);
    let limits = found.map_or_else(Limits::default, |section| limits(section, &mut untold));
    (patterns, limits)
}

/// What a source's words are looked for in.
struct Known<'k> {
    patterns: &'k BTreeMap<String, Arc<Pattern>>,
    broken: &'k [String],
    routes: &'k BTreeMap<String, Arc<Routes>>,
    broken_routes: &'k [String],
    wanted: &'k Wanted,
    /// What relative paths are relative to.
    base: &'k Path,
    state_dir: Option<&'k Path>,
}

/// What only one source can have.
#[derive(Default)]
struct Taken {
    names: BTreeSet<String>,
    inputs: input::Taken,
    behinds: Vec<Behind>,
}

fn default_listen() -> Vec<Address> {
    DEFAULT_LISTEN.parse().into_iter().collect()
}

fn web(mut section: Section<'_>, report: &mut Report) -> Vec<Address> {
    let listen = section.strings("listen", report);
    section.finish(report);
    let Some(listen) = listen else {
        return default_listen();
    };
    if listen.value.is_empty() {
        report.push(
            Fault::error("nowhere to listen")
                .at(listen.place)
                .help(format!("listen = [\"{DEFAULT_LISTEN}\"]")),
        );
        return Vec::new();
    }
    let address = |text: &str| {
        text.parse::<Address>().map_err(|error| {
            Fault::error(format!("`{text}` is not a valid listen address: {error}")).help(format!(
                "for example \"{DEFAULT_LISTEN}\" or \"unix:/run/httplog-exporter/metrics.sock\""
            ))
        })
    };
    distinct(&listen.value, address, report)
}

/// Reads what is to be kept; gives the directory for it.
fn state(mut section: Section<'_>, base: &Path, report: &mut Report) -> Option<PathBuf> {
    let dir = section.string("dir", report);
    let durability = section.string("durability", report);
    section.finish(report);
    if let Some(durability) = &durability
        && !["power", "process", "none"].contains(&durability.value.as_str())
    {
        report.push(
            Fault::error(format!("unknown durability `{}`", durability.value))
                .at(durability.place.clone())
                .suggest(&durability.value, ["power", "process", "none"]),
        );
    }
    let durable = durability
        .as_ref()
        .is_none_or(|durability| durability.value != "none");
    if let Some(place) = durability
        .map(|text| text.place)
        .or(dir.as_ref().map(|text| text.place.clone()))
        && durable
    {
        report.push(
            Fault::warning(
                "this version keeps its counts in memory only; they restart at 0 with the process",
            )
            .at(place)
            .help("say so: durability = \"none\""),
        );
    }
    dir.map(|dir| base.join(dir.value))
}

fn source(
    mut section: Section<'_>,
    known: &Known<'_>,
    taken: &mut Taken,
    report: &mut Report,
) -> Option<Source> {
    let place = section.place();
    let name = section.string("name", report);
    let keys = input::Keys::read(&mut section, report);
    let pattern = section.string("pattern", report);
    let routes = section.string("routes", report);
    let sets = section.strings("sets", report);
    let front = section.string("behind", report);
    for (key, missing) in [
        ("name", !section.contains("name")),
        ("pattern", !section.contains("pattern")),
    ] {
        if missing {
            report.push(Fault::error(format!("a source without `{key}`")).at(place.clone()));
        }
    }
    section.finish(report);
    if let Some(name) = &name {
        check_name(name, &mut taken.names, report);
        taken.behinds.extend(front.map(|front| Behind {
            name: name.value.clone(),
            front,
        }));
    }
    let pattern = pattern.and_then(|pattern| find(&pattern, known, report));
    let routes = routes.and_then(|routes| find_routes(&routes, known, report));
    let sets = sets.map(|sets| read_sets(&sets, report));
    let around = input::Around {
        section: place,
        base: known.base,
        state_dir: known.state_dir,
        name: name.as_ref().map(|name| name.value.as_str()),
    };
    let input = keys.input(&around, &mut taken.inputs, report);
    Some(Source {
        name: name?.value,
        input: input?,
        pattern: pattern?,
        routes,
        metrics: known.wanted.metrics(sets.as_deref()),
        behind: None,
    })
}

fn check_name(name: &Spot<String>, names: &mut BTreeSet<String>, report: &mut Report) {
    if name.value.is_empty() || name.value.len() > 64 {
        report.push(Fault::error("a source's name has 1 to 64 bytes").at(name.place.clone()));
    }
    if !names.insert(name.value.clone()) {
        report.push(
            Fault::error(format!("two sources are named `{}`", name.value))
                .at(name.place.clone())
                .help("the name is the label `source`; give each its own"),
        );
    }
}

fn find(wanted: &Spot<String>, known: &Known<'_>, report: &mut Report) -> Option<Arc<Pattern>> {
    if let Some(pattern) = known.patterns.get(&wanted.value) {
        return Some(Arc::clone(pattern));
    }
    if known.broken.contains(&wanted.value) {
        return None; // Its own fault is in the report.
    }
    let Some(preset) = presets().iter().find(|preset| preset.name == wanted.value) else {
        let names = known
            .patterns
            .keys()
            .map(String::as_str)
            .chain(presets().iter().map(|preset| preset.name));
        report.push(
            Fault::error(format!("unknown pattern `{}`", wanted.value))
                .at(wanted.place.clone())
                .suggest(&wanted.value, names),
        );
        return None;
    };
    match preset.pattern() {
        Ok(pattern) => Some(Arc::new(pattern)),
        Err(faults) => {
            report.extend(faults);
            None
        }
    }
}

fn find_routes(
    wanted: &Spot<String>,
    known: &Known<'_>,
    report: &mut Report,
) -> Option<Arc<Routes>> {
    let found = known.routes.get(&wanted.value).map(Arc::clone);
    if found.is_none() && !known.broken_routes.contains(&wanted.value) {
        report.push(
            Fault::error(format!("unknown routes `{}`", wanted.value))
                .at(wanted.place.clone())
                .suggest(&wanted.value, known.routes.keys().map(String::as_str)),
        );
    }
    found
}

fn limits(mut section: Section<'_>, report: &mut Report) -> Limits {
    let default = Limits::default();
    let pending = section.integer("pending_requests", 1_000..=16 << 20, report);
    let mut read = |key, bounds, default: usize| {
        let value = section.integer(key, bounds, report);
        value
            .and_then(|value| usize::try_from(value.value).ok())
            .unwrap_or(default)
    };
    let limits = Limits {
        line_bytes: read("line_bytes", 256..=16 << 20, default.line_bytes),
        series: read("series", 100..=Limits::MOST_SERIES as u64, default.series),
        pending_requests: pending.and_then(|pending| usize::try_from(pending.value).ok()),
        pending_wait: Duration::from_secs(read(
            "pending_seconds",
            1..=3_600,
            usize::try_from(default.pending_wait.as_secs()).unwrap_or(usize::MAX),
        ) as u64),
    };
    section.finish(report);
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Start;

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
    fn the_least_configuration_is_enough() {
        let config = Config::parse("c", GOOD, Path::new("/etc/x"))
            .config
            .unwrap();
        assert_eq!(config.listen, default_listen());
        assert_eq!(config.limits, Limits::default());
        let source = &config.sources[0];
        let files = source.input.files().unwrap();
        assert_eq!(files.paths[0].as_path(), Path::new("/etc/x/access.log"));
        assert_eq!(
            (files.start, files.watch, source.pattern.name()),
            (Start::End, true, "nginx-combined")
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
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
nginx = '$status $host$uri'
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
                "12: nginx format: nothing separates `host` from `uri`",
                "14: expected a whole number from 256 to 16777216, found 10",
                "15: unknown key `serie`",
                "17: unknown metric set `django2`",
            ]
        );
    }

    #[test]
    fn a_pattern_of_ones_own_is_found_and_its_examples_are_run() {
        let own = "[pattern.mine]\nnginx = '$status $request_time'\n[[pattern.mine.example]]\nline = '200 0.012'\nrecord = { status = 200, duration = '12ms' }\n";
        let source = GOOD.replace("nginx-combined", "mine");
        assert_eq!(faults(&format!("{source}{own}")), [""; 0]);
        let wrong = own.replace("12ms", "13ms");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["8: pattern `mine` reads its own example differently"]
        );
        let wrong = own.replace("200 0.012'", "200'");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["8: pattern `mine` does not read its own example (mismatch)"]
        );
        let wrong = own.replace("nginx = '$status $request_time'", "");
        assert_eq!(
            faults(&format!("{source}{wrong}")),
            ["5: pattern `mine` has 0 formats"]
        );
    }

    #[test]
    fn what_this_version_cannot_keep_it_does_not_promise() {
        let state =
            |durability: &str| faults(&format!("[state]\ndurability = '{durability}'\n{GOOD}"));
        assert_eq!(state("none"), [""; 0]);
        assert_eq!(state("power").len(), 1);
        assert_eq!(
            state("pwer"),
            [
                "2: unknown durability `pwer`",
                "2: this version keeps its counts in memory only; they restart at 0 with the process"
            ]
        );
    }

    #[test]
    fn nothing_to_follow_is_a_fault() {
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
