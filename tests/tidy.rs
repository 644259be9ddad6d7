//! The house stays in order: who imports whom, how long files are, what every module says first.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests: what goes wrong ends the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines, tests apart.
const FILE_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The part of a file that is shipped: everything before its first test module.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let is_test = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
    if is_test {
        String::new()
    } else {
        text.split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap()
            .to_owned()
    }
}

/// The top module a source file belongs to.
fn module(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Who may import whom, as the block `layers` of ARCHITECTURE.md says.
fn layers() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = text
        .split("```layers\n")
        .nth(1)
        .expect("a block ```layers")
        .split("```")
        .next()
        .unwrap();
    let mut layers = BTreeMap::new();
    for line in block.lines() {
        let (modules, imports) = line.split_once("->").expect("MODULES -> IMPORTS");
        for module in modules.split_whitespace() {
            layers.insert(
                module.to_owned(),
                imports.split_whitespace().map(str::to_owned).collect(),
            );
        }
    }
    layers
}

/// The modules that a text names as `crate::module`, comments apart.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect()
        })
        .filter(|module: &String| !module.is_empty())
        .collect()
}

#[test]
fn imports_respect_the_layers() {
    let layers = layers();
    let mut seen = BTreeSet::new();
    for path in rust_files(&root().join("src")) {
        let module = module(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let allowed = layers
            .get(&module)
            .unwrap_or_else(|| panic!("{module} is not in ARCHITECTURE.md"));
        for import in imports(&shipped(&path)) {
            assert!(
                import == module || allowed.contains(&import),
                "{} imports {import}, which ARCHITECTURE.md does not allow",
                path.display()
            );
        }
        seen.insert(module);
    }
    let listed: BTreeSet<String> = layers.into_keys().collect();
    assert_eq!(
        listed, seen,
        "ARCHITECTURE.md lists other modules than there are"
    );
}

#[test]
fn files_are_short() {
    for folder in ["src", "tests"] {
        for path in rust_files(&root().join(folder)) {
            let lines = shipped(&path).lines().count();
            assert!(lines <= FILE_LINES, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for folder in ["src", "tests"] {
        for path in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let is_test = shipped(&path).is_empty();
            assert!(
                is_test || text.starts_with("//! "),
                "{} does not begin with `//! `",
                path.display()
            );
        }
    }
}

#[test]
fn the_core_has_no_edges() {
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
    const CORE: [&str; 10] = [
        "aggregate",
        "diag",
        "expose",
        "join",
        "label",
        "model",
        "pattern",
        "pipeline",
        "route",
        "servers",
    ];
    for path in rust_files(&root().join("src")) {
        if CORE.contains(&module(&path).as_str()) {
            let text = shipped(&path);
            let code: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            for edge in EDGES {
                assert!(
                    !code.iter().any(|line| line.contains(edge)),
                    "{} names {edge}",
                    path.display()
                );
            }
        }
    }
}
