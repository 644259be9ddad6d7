//! Finds and parses pages of the documentation.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block: the language after the fence, and the content.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    pub language: String,
    pub body: String,
}

/// Returns the fenced blocks of a text, and the lines outside them.
pub fn blocks_and_lines(text: &str) -> (Vec<Block>, Vec<&str>) {
    let (mut blocks, mut outside) = (Vec::new(), Vec::new());
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    body: String::new(),
                });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.body.push_str(line);
                block.body.push('\n');
                open = Some(block);
            }
            (None, None) => outside.push(line),
        }
    }
    assert!(open.is_none(), "a block that is never closed");
    (blocks, outside)
}

/// Returns the contents of a page's blocks of one language.
pub fn blocks(path: &str, language: &str) -> Vec<String> {
    let text = text(path);
    let (blocks, _) = blocks_and_lines(&text);
    blocks
        .into_iter()
        .filter(|block| block.language == language)
        .map(|block| block.body)
        .collect()
}

/// Returns the cells of every table row whose first cell is one code span, with the text of that span. Rows
/// of several tables with the same first cell follow each other.
pub fn rows(path: &str) -> Vec<(String, Vec<String>)> {
    let text = text(path);
    let (_, lines) = blocks_and_lines(&text);
    let mut rows = Vec::new();
    for line in lines {
        let Some(row) = line
            .strip_prefix("| `")
            .and_then(|row| row.strip_suffix(" |"))
        else {
            continue;
        };
        let mut cells = row.split(" | ");
        let first = cells.next().unwrap_or_default();
        if let Some(name) = first.strip_suffix('`') {
            rows.push((name.to_owned(), cells.map(str::to_owned).collect()));
        }
    }
    rows
}

/// Returns the code spans of a cell.
pub fn spans(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Returns a line without its code spans.
pub fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Returns every Markdown file below a directory.
pub fn markdown(folder: &Path) -> Vec<PathBuf> {
    let is_markdown = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    files(folder).into_iter().filter(is_markdown).collect()
}

/// Returns every file below a directory, or the file itself; without those that Git ignores, and hidden ones.
pub fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    let names = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let is_ours = |name: &OsString| {
        let is_ignored = ["target", "node_modules", "__pycache__"]
            .iter()
            .any(|it| name == it);
        !is_ignored && !name.to_string_lossy().starts_with('.')
    };
    let mut names: Vec<_> = names.filter(is_ours).collect();
    names.sort();
    names
        .iter()
        .flat_map(|name| files(&path.join(name)))
        .collect()
}
