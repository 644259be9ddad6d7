//! Tests of examples: commands print what the pages show, and recipes are short and pass `check`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::markdown::{Block, blocks_and_lines, text};

const PATTERNS: &str = "docs/patterns.md";
const RECIPES: &str = "docs/recipes.md";
/// Most lines of a recipe.
const LINES: usize = 8;

/// Returns the sections of a page: heading and blocks.
fn sections(page: &str) -> Vec<(String, Vec<Block>)> {
    let text = text(page);
    let parts = text.split("\n## ").skip(1);
    parts
        .map(|part| {
            let heading = part.lines().next().unwrap_or_default().to_owned();
            (heading, blocks_and_lines(part).0)
        })
        .collect()
}

/// Writes the configuration of a section's blocks. A block without a source gets one.
fn write_configuration(directory: &Path, blocks: &[Block]) {
    let mut toml: String = blocks
        .iter()
        .filter(|block| block.language == "toml")
        .map(|block| block.body.as_str())
        .collect();
    if !toml.contains("[[source]]") && !toml.contains("source = [") {
        toml.push_str("[[source]]\nname = 'x'\npaths = ['x.log']\npattern = 'nginx-django'\n");
    }
    fs::write(directory.join("config.toml"), toml).unwrap();
    fs::write(directory.join("web.yml"), "{}\n").unwrap();
}

/// Runs a line in a shell that finds the program, and returns what it prints.
fn run(directory: &Path, line: &str) -> (String, bool) {
    let program = Path::new(env!("CARGO_BIN_EXE_httplog-exporter"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let out = Command::new("sh")
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .env("PATH", path)
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    (said, out.status.success())
}

#[test]
fn commands_about_patterns_print_what_is_shown() {
    let mut seen = 0;
    for (heading, blocks) in sections(PATTERNS) {
        let directory = tempfile::tempdir().unwrap();
        write_configuration(directory.path(), &blocks);
        for block in blocks.iter().filter(|block| block.language == "console") {
            let (command, shown) = block.body.split_once('\n').unwrap();
            let command = command.strip_prefix("$ ").expect("a command");
            let (said, _) = run(directory.path(), command);
            assert_eq!(said, shown, "{heading}: {command}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "only {seen} commands");
}

#[test]
fn every_recipe_is_short_and_passes_check() {
    let mut seen = 0;
    for (heading, blocks) in sections(RECIPES) {
        let toml: Vec<_> = blocks
            .iter()
            .filter(|block| block.language == "toml")
            .collect();
        for block in toml {
            let lines = block.body.lines().count();
            assert!(lines <= LINES, "{heading}: {lines} lines");
            let directory = tempfile::tempdir().unwrap();
            write_configuration(directory.path(), std::slice::from_ref(block));
            let (said, is_good) = run(
                directory.path(),
                "httplog-exporter check --config config.toml",
            );
            assert!(is_good, "{heading}:\n{said}");
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} recipes");
}
