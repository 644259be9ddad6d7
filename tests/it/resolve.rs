//! Compares the resolver with Django's own: both resolve every path to the same view by the same route.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use httplog_exporter::diag::{Report, Text};
use httplog_exporter::route::{Engine, Resolver, Urlconf};

use crate::support::project;

mod strange;

/// Number of paths for each script name.
const PATHS: usize = 30_000;
const SETTINGS: &str = "shop.rich_settings";

fn python(settings: &str) -> Command {
    let mut command = Command::new(project(".venv/bin/python"));
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DJANGO_SETTINGS_MODULE", settings);
    command
}

/// Dumps the URLconf of a site as the documentation describes, without what precedes the dump.
pub fn dump(settings: &str) -> String {
    let printed = dump_with_output(settings);
    // Some versions of the shell first list the objects that they imported.
    printed[printed.find('{').unwrap()..].to_owned()
}

/// Dumps the URLconf of a site, and returns everything that was printed.
fn dump_with_output(settings: &str) -> String {
    let script = fs::File::open(project("deploy/django/dump_urlconf.py")).unwrap();
    let output = python(settings)
        .env("SHOP_TRUTH", "/dev/null")
        .args(["manage.py", "shell"])
        .current_dir(project("fixtures/site"))
        .stdin(script)
        .output()
        .unwrap();
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && faults.is_empty(), "{faults}");
    String::from_utf8(output.stdout).unwrap()
}

/// Reads a dump.
fn urlconf(dump: &str) -> Urlconf {
    let text = Arc::new(Text {
        name: "urlconf.jsonl".into(),
        content: dump.into(),
    });
    let mut report = Report::default();
    let urlconf = Urlconf::read(&text, &mut report);
    eprintln!("{report}");
    urlconf.unwrap()
}

/// Builds the resolver of a dump.
pub fn resolver(dump: &str, prefix: &str) -> Resolver {
    let mut report = Report::default();
    let resolver = Resolver::new(urlconf(dump), Some(prefix), &mut report);
    eprintln!("{report}");
    resolver
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn the_fixture_is_the_dump_of_the_site() {
    let dump = dump(SETTINGS);
    let fixture = fs::read_to_string(project("fixtures/urlconf/rich.jsonl")).unwrap();
    let routes = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(routes(&fixture), routes(&dump));
}

#[test]
fn every_path_resolves_to_the_view_and_the_route_of_django() {
    let dump = dump(SETTINGS);
    for script_name in ["", "/app"] {
        let output = python(SETTINGS)
            .arg(project("tests/stack/resolve.py"))
            .arg(project("fixtures/site"))
            .args([SETTINGS, script_name, &PATHS.to_string(), "4"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        check(
            &resolver(&dump, script_name),
            &String::from_utf8(output.stdout).unwrap(),
        );
    }
}

fn check(resolver: &Resolver, answers: &str) {
    let (mut seen, mut answered, mut refused) = (0, 0, 0);
    let mut views = BTreeSet::new();
    let mut patterns = BTreeSet::new();
    let mut engines = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut scratch = Vec::new();
    for line in answers.lines() {
        let cells: Vec<Vec<u8>> = line.split('\t').map(unhex).collect();
        let [target, expected, pattern] = cells.try_into().unwrap();
        let [expected, pattern] = [expected, pattern].map(|text| String::from_utf8(text).unwrap());
        let found = resolver.resolve(&target, &mut scratch);
        let route = found.map(|found| &resolver.urlconf().routes[found]);
        let view = route.map_or("", |route| &route.view);
        seen += 1;
        answered += usize::from(!expected.is_empty());
        let shown = route.map_or("", |route| &route.shown);
        if view == expected && shown == pattern {
            patterns.insert((expected.clone(), pattern));
            engines.extend(found.map(|found| resolver.engines()[found].name()));
            views.insert(expected);
        } else if route.is_some_and(|route| route.refusing(resolver.urlconf()).next().is_some()) {
            refused += 1;
        } else {
            wrong.push(format!(
                "{}: {view:?} by {shown:?}, Django {expected:?} by {pattern:?}",
                target.escape_ascii()
            ));
        }
    }
    eprintln!(
        "{seen} paths, {answered} resolved to {} views by {} routes, {refused} refused by converters, {} wrong",
        views.len(),
        patterns.len(),
        wrong.len()
    );
    wrong.truncate(30);
    assert_eq!(wrong, [""; 0]);
    assert_eq!(seen, PATHS);
    assert!(patterns.len() > views.len(), "no view has two routes");
    assert!(answered > PATHS / 4 && refused < PATHS / 50 && refused > 0);
    let names = [Engine::Trie, Engine::Regex, Engine::Backtracking].map(Engine::name);
    assert_eq!(engines, names.into(), "an engine is untested");
}
