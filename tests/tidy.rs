//! Tests of the structure of the source: imports between modules, lengths of files, circles of files, retired words.
//!
//! Shipped code is what the compiler reaches from `lib.rs` and `main.rs`, without test items.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests and their helpers: a failure ends the test"
)]

#[path = "tidy/graph.rs"]
mod graph;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::{SourceFile, crate_names, root, rust_files, shipped_files, without_tests};

/// Maximum number of shipped lines in a file. CONTRIBUTING.md repeats it.
const FILE_LINES: usize = 400;

/// Circles of files that stay, each with its reason.
const CIRCLES: [(&[&str], &str); 0] = [];

/// Modules and crates of the outside world, which the core does not name.
const EDGES: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::thread",
    "std::time",
    "std::env",
    "tokio",
    "notify",
    "warp",
    "prometheus::",
    "tracing",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Returns the top module that a file belongs to; `None` for `lib.rs` and `main.rs`.
fn top(file: &SourceFile) -> Option<&str> {
    file.module.first().map(String::as_str)
}

/// Returns the modules in the first column of ARCHITECTURE.md's table whose head begins with `core`.
fn core_modules() -> BTreeSet<String> {
    let text = read("ARCHITECTURE.md");
    let table = text
        .split("\n| core |")
        .nth(1)
        .expect("a table that begins with `| core |`");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        row.split('`')
            .nth(1)
            .expect("a module in backquotes")
            .to_owned()
    })
    .collect()
}

/// Returns the modules that each module may import, as listed in the block `layers` of ARCHITECTURE.md.
fn layers() -> BTreeMap<String, BTreeSet<String>> {
    let text = read("ARCHITECTURE.md");
    let block = text.split("```layers\n").nth(1).expect("a block ```layers");
    let mut layers = BTreeMap::new();
    for line in block.split("```").next().unwrap().lines() {
        let (modules, imports) = line.split_once("->").expect("MODULES -> IMPORTS");
        for module in modules.split_whitespace() {
            let imports = imports.split_whitespace().map(str::to_owned);
            layers.insert(module.to_owned(), imports.collect());
        }
    }
    layers
}

/// Iterates over the lines of a file's code, without comment lines.
fn code(file: &SourceFile) -> impl Iterator<Item = &str> {
    let lines = file.shipped.lines();
    lines.filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_respect_the_layers() {
    let layers = layers();
    let mut seen = BTreeSet::new();
    for file in shipped_files() {
        let Some(module) = top(file) else { continue };
        let allowed = layers
            .get(module)
            .unwrap_or_else(|| panic!("{module} is missing from ARCHITECTURE.md"));
        for import in crate_names(file.shipped.parse().unwrap()) {
            let is_own = import == module || !layers.contains_key(&import);
            assert!(
                is_own || allowed.contains(&import),
                "{} imports {import}, which ARCHITECTURE.md does not allow",
                file.path.display()
            );
        }
        seen.insert(module.to_owned());
    }
    let listed: BTreeSet<String> = layers.into_keys().collect();
    assert_eq!(
        listed, seen,
        "the modules in ARCHITECTURE.md differ from those of the source"
    );
}

#[test]
fn every_source_file_is_compiled() {
    let shipped: BTreeSet<&PathBuf> = shipped_files().iter().map(|file| &file.path).collect();
    for path in rust_files(Path::new("src")) {
        let is_test = path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        assert!(
            is_test || shipped.contains(&path),
            "{} is neither shipped nor named as a test (`tests.rs`, `tests/`)",
            path.display()
        );
    }
}

#[test]
fn files_are_short() {
    let limit = format!("at most {FILE_LINES} lines");
    assert!(
        read("CONTRIBUTING.md").contains(&limit),
        "CONTRIBUTING.md lacks: {limit}"
    );
    let shipped = shipped_files()
        .iter()
        .map(|file| (file.path.clone(), file.shipped.clone()));
    let tests = rust_files(Path::new("tests")).into_iter().map(|path| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    });
    let lengths = shipped
        .chain(tests)
        .map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > FILE_LINES).collect();
    assert!(long.is_empty(), "over {FILE_LINES} lines: {long:#?}");
}

#[test]
fn files_do_not_depend_on_each_other_in_circles() {
    let circles = graph::circles(&graph::edges(shipped_files()));
    let excused = CIRCLES
        .iter()
        .map(|(files, _)| files.iter().map(PathBuf::from).collect());
    let excused: BTreeSet<Vec<PathBuf>> = excused.collect();
    assert_eq!(
        circles, excused,
        "circles of files (left) differ from those with a reason (right)"
    );
}

#[test]
fn every_file_begins_with_its_purpose() {
    let tests = rust_files(Path::new("tests")).into_iter();
    for path in shipped_files()
        .iter()
        .map(|file| file.path.clone())
        .chain(tests)
    {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not begin with `//! `",
            path.display()
        );
    }
}

#[test]
fn the_core_has_no_edges() {
    let core = core_modules();
    for file in shipped_files() {
        if top(file).is_some_and(|module| core.contains(module)) {
            for edge in EDGES {
                let is_named = code(file).any(|line| line.contains(edge));
                assert!(!is_named, "{} names {edge}", file.path.display());
            }
        }
    }
}

#[test]
fn retired_words_stay_away() {
    let found = words::retired_words();
    assert!(
        found.is_empty(),
        "{} retired words:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// Nouns that follow a number in a text for people, where the number is never one.
const NEVER_ONE: [&str; 6] = [
    "{} times as long",
    "{granted} of the {requested} bytes",
    "(receive buffer: {} bytes)",
    "{given} formats",
    "{rate} lines a second",
    "{count} of {all} routes",
];

#[test]
fn numbers_and_nouns_agree() {
    let nouns = "errors|warnings|lines|files|paths|sources|routes|views|requests|connections|messages|threads|days|times|formats";
    let direct = regex::Regex::new(&format!(r"\{{[a-z_.]*\}} (more )?({nouns})\b")).unwrap();
    assert!(direct.is_match("{n} errors") && direct.is_match("{} more routes"));
    let mut found = Vec::new();
    for file in shipped_files() {
        let text = read(file.path.to_str().unwrap());
        let text = without_tests(&text);
        let lines = text.lines().filter(|line| direct.is_match(line));
        let lines = lines.filter(|line| !NEVER_ONE.iter().any(|known| line.contains(known)));
        found.extend(lines.map(|line| format!("{}: {}", file.path.display(), line.trim())));
    }
    assert!(
        found.is_empty(),
        "write `model::counted` or `model::plural`: {found:#?}"
    );
}

#[test]
fn test_items_are_cut_out_wherever_they_stand() {
    let text = "#[cfg(test)]\nmod tests;\nstruct A {\n    #[cfg(test)]\n    b: u8,\n    c: u8,\n}\nimpl A {\n    \
                /// Doc.\n    #[cfg(test)]\n    fn d() {\n    }\n    fn e() {}\n}\n";
    assert_eq!(
        without_tests(text),
        "struct A {\n    c: u8,\n}\nimpl A {\n    fn e() {}\n}\n"
    );
}

#[test]
fn imports_are_seen_in_groups_and_macros() {
    let text = "use crate::{clock::Clock, model as m, pattern::{self, Reject}}; fn f() { g!(crate::route::x()); }";
    let names: Vec<String> = crate_names(text.parse().unwrap()).into_iter().collect();
    assert_eq!(names, ["clock", "model", "pattern", "route"]);
}
