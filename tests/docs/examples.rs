//! Tests of examples: commands print what the pages show, and the package contains the files of the guide.

use std::fs;
use std::path::Path;
use std::process::Command;

use globset::{GlobBuilder, GlobMatcher};

use crate::markdown::{Block, blocks, blocks_and_lines, markdown, root, text};

const PATTERNS: &str = "docs/patterns.md";

/// Returns the sections of a page that begin with this mark: heading and blocks.
pub fn sections(page: &str, mark: &str) -> Vec<(String, Vec<Block>)> {
    let text = text(page);
    let mark = format!("\n{mark} ");
    let parts = text.split(&mark).skip(1);
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
pub fn run(directory: &Path, line: &str) -> (String, bool) {
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
    for (heading, blocks) in sections(PATTERNS, "##") {
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

/// Returns where the package puts a file of the project, below its root; `None` if it does not contain it.
fn packaged(path: &str) -> Option<String> {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"]
        .as_array()
        .unwrap();
    assets.iter().find_map(|asset| {
        let (from, to) = (asset[0].as_str().unwrap(), asset[1].as_str().unwrap());
        let is_one = glob(from).is_match(path);
        // cargo-deb keeps the directories from the first wildcard on.
        let wild = from.find('*').unwrap_or(from.len());
        let kept = from[..wild].rfind('/').map_or(0, |slash| slash + 1);
        is_one.then(|| format!("{to}{}", &path[kept..]))
    })
}

fn glob(text: &str) -> GlobMatcher {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.unwrap().compile_matcher()
}

/// Returns the files of the project below a directory, as paths from its root.
fn project_files(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap());
    names
        .flat_map(|entry| {
            let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                project_files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Commands of the documentation run in the directory of the package, where all files that they name have to be.
#[test]
fn the_package_contains_what_commands_name() {
    let folders = ["deploy", "metrics", "patterns", "systemd"];
    let files: Vec<String> = folders.into_iter().flat_map(project_files).collect();
    let mut seen = 0;
    for page in markdown(&root().join("docs")) {
        let page = page.strip_prefix(root()).unwrap().to_str().unwrap();
        for block in blocks(page, "sh") {
            // The package is built, or the tarball unpacked, in another directory.
            if block.contains("deploy/debian/build") || block.contains("755 httplog-exporter") {
                continue;
            }
            let words = block.split(|c: char| c.is_whitespace() || "\"';".contains(c));
            let is_of_the_project = |word: &&str| {
                folders
                    .iter()
                    .any(|folder| word.starts_with(&format!("{folder}/")))
            };
            for word in words.filter(is_of_the_project) {
                let named = glob(word);
                let named: Vec<_> = files.iter().filter(|path| named.is_match(path)).collect();
                assert!(!named.is_empty(), "{page}: {word} does not exist");
                // Those for containers are beside the image's, in the tarball.
                let for_containers = ["deploy/kubernetes/", "deploy/compose"];
                if for_containers.iter().any(|start| word.starts_with(start)) {
                    continue;
                }
                for path in named {
                    let place = format!("usr/share/httplog-exporter/{path}");
                    assert_eq!(packaged(path), Some(place), "{page}: {word}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} files");
}
