//! Words that the project no longer uses, each with its replacement.

use std::fs;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexSet};

use crate::source::root;

/// Expressions of retired words, and their replacements.
const RETIRED: [(&str, &str); 20] = [
    (r"[Tt]omb(s|_|[A-Z]|\b)", "finished file, history"),
    (r"(?i)\bbur(y|ied)\b", "close, finish"),
    (r"\b[Ll]ane\b", "worker, shard"),
    (r"(?i)\btold\b", "notified, given, distinguished, reported"),
    (r"(?i)\banew\b", "again, from scratch"),
    (
        r"(?i)\b(is|are|can be|be|was) no\b",
        "is not, does not exist, has no, cannot be",
    ),
    (r"(?i)\bone.s own\b", "custom"),
    (r"(?i)\bdrawn up\b", "generated"),
    (
        r"(?i)\b(nobody|whoever)\b",
        "name the program, the thread or the person",
    ),
    (r"(?i)\bspoilt\b", "undecided, incomplete"),
    (r"(?i)\bteach(es)?\b", "learn, add"),
    (
        r"(?i)\b(stop|end|exit|shut|finish)\w*( down)? in order\b",
        "cleanly",
    ),
    (r"(?i)\bordered stop\b", "clean shutdown"),
    (r"\bAnswers\b", "Responses"),
    (r"\bRuns for\b", "Uptime"),
    (r"(?i)95 % stay under|\bunder which 95", "p95 latency"),
    (
        r"\bfn (turn|settle|take_up|hear|tell|teach)",
        "a verb that names the operation",
    ),
    (r"\b(Printer|Print)\b", "fingerprint"),
    (r"(?i)\bhears? of\b", "receives, is notified"),
    (
        r"//[/!] (The same[,;: ]|Whoever|Those that)",
        "a sentence that is readable alone",
    ),
];

/// Files and folders that people read.
const READ: [&str; 14] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "README.md",
    "benches",
    "deploy",
    "docs",
    "fuzz/fuzz_targets",
    "metrics",
    "patterns",
    "src",
    "systemd",
    "tests",
];

/// Returns one message for each retired word that stands in a text of the project.
pub fn retired_words() -> Vec<String> {
    let retired: Vec<(Regex, &str)> = RETIRED
        .iter()
        .map(|(word, remedy)| (Regex::new(word).unwrap(), *remedy))
        .collect();
    let any = RegexSet::new(RETIRED.iter().map(|(word, _)| word)).unwrap();
    let mut found = Vec::new();
    for path in READ.iter().flat_map(|path| texts(Path::new(path))) {
        // Files that are not UTF-8 are images.
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        // The name of a Unix user.
        let text = text.replace("--reuid nobody", "");
        for (line, number) in text.lines().zip(1..) {
            for at in &any.matches(line) {
                let (word, remedy) = &retired[at];
                if let Some(word) = word.find(line) {
                    let (path, word) = (path.display(), word.as_str());
                    found.push(format!("{path}:{number}: `{word}`; write: {remedy}"));
                }
            }
        }
    }
    found
}

/// Returns the files below a path, except this one, which lists the words.
fn texts(path: &Path) -> Vec<PathBuf> {
    if path == Path::new("tests/tidy/words.rs") {
        return Vec::new();
    }
    if !root().join(path).is_dir() {
        return vec![path.to_path_buf()];
    }
    let entries = fs::read_dir(root().join(path)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    // Packages of the page's tests.
    names.retain(|name| name != "node_modules");
    names.sort();
    names
        .iter()
        .flat_map(|name| texts(&path.join(name)))
        .collect()
}
