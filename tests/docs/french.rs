//! Tests of French texts: each English term of `glossary.txt` has one French term, in pages and in the program.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::markdown::{blocks_and_lines, root, text, without_code};

const GLOSSARY: &str = "tests/docs/glossary.txt";

/// A row of the glossary.
struct Term {
    english: String,
    french: String,
    forbidden: Vec<String>,
}

fn glossary() -> Vec<Term> {
    let rows = text(GLOSSARY);
    let rows = rows.lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| {
        let cells: Vec<_> = row.split(" |").map(str::trim).collect();
        let [english, french, forbidden] = cells[..] else {
            panic!("{GLOSSARY}: {row}");
        };
        let forbidden = forbidden.split(", ").filter(|word| !word.is_empty());
        Term {
            english: english.to_owned(),
            french: french.to_owned(),
            forbidden: forbidden.map(str::to_owned).collect(),
        }
    })
    .collect()
}

/// Returns what a page says: without code, targets of links, and names of an interface, which are in italics.
fn prose(page: &str) -> String {
    let (_, lines) = blocks_and_lines(page);
    let lines: Vec<_> = lines.iter().map(|line| without_code(line)).collect();
    let text = lines.join("\n");
    let target = Regex::new(r"\]\([^)]*\)|<https?:[^>]*>|[\w./]+\.md\b").unwrap();
    let name = Regex::new(r"(?s)(^|[^*])\*[^*\n]+(\n[^*\n]+)?\*").unwrap();
    let text = target.replace_all(&text, "]");
    name.replace_all(&text, "$1").replace('’', "'")
}

/// Returns pairs of texts in English and French: pages, and what the program says.
fn twins() -> Vec<(String, String, String)> {
    let mut twins = Vec::new();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(base) = name.strip_suffix(".fr.md") {
            let (english, french) = (format!("docs/{base}.md"), format!("docs/{name}"));
            twins.push((prose(&text(&english)), prose(&text(&french)), french));
        }
    }
    assert!(twins.len() >= 5, "only {} French pages", twins.len());
    let [english, french] =
        ["english", "french"].map(|name| said(&text(&format!("src/status/trouble/{name}.rs"))));
    twins.push((english, french, "src/status/trouble/french.rs".to_owned()));
    let words = text("src/page/words.rs");
    let (english, french) = words.split_once("static FRENCH").expect("French words");
    twins.push((
        said(english),
        said(french),
        "src/page/words.rs, French".to_owned(),
    ));
    twins
}

/// Returns the texts between double quotes in a source, without code spans and commands.
fn said(source: &str) -> String {
    let texts = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let texts = texts.flat_map(|line| line.split('"').skip(1).step_by(2));
    let text = texts.map(without_code).collect::<Vec<_>>().join("\n");
    // Placeholders and paths are not words of the language.
    let other = Regex::new(r"\{[^}]*\}|/\w+").unwrap();
    other.replace_all(&text, "").into_owned()
}

/// Returns whether a text has a word, in singular or plural.
fn has(text: &str, word: &str) -> bool {
    Regex::new(&format!(r"(?i)\b(?:{word})(s|x|es|d|ed)?\b"))
        .unwrap()
        .is_match(text)
}

#[test]
fn the_glossary_has_each_term_once() {
    let terms = glossary();
    let english: BTreeSet<_> = terms.iter().map(|term| &term.english).collect();
    let french: BTreeSet<_> = terms.iter().map(|term| &term.french).collect();
    assert_eq!((english.len(), french.len()), (terms.len(), terms.len()));
}

#[test]
fn french_texts_use_the_terms_of_the_glossary() {
    let mut faults = Vec::new();
    for (english, french, place) in twins() {
        for term in glossary() {
            for word in &term.forbidden {
                let found = Regex::new(&format!(r"(?i)\b{word}\b")).unwrap();
                for line in french.lines().filter(|line| found.is_match(line)) {
                    faults.push(format!("{place}: `{word}`, not `{}`: {line}", term.french));
                }
            }
            let stem = Regex::new(&format!(r"(?i)\b(?:{})", term.french)).unwrap();
            if has(&english, &term.english) && !stem.is_match(&french) {
                faults.push(format!("{place}: nothing for `{}`", term.english));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
