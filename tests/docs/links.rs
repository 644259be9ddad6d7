//! Tests of links: pages, anchors and pictures exist, and the index leads to every page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::markdown::{blocks_and_lines, files, markdown, root, without_code};

/// Largest picture in the documentation, in bytes.
const PICTURE_BYTES: u64 = 512 * 1024;

/// A link or a picture: its text and its target.
#[derive(Debug)]
struct Link {
    text: String,
    target: String,
    is_picture: bool,
}

/// Returns the links of a page outside blocks and code spans, and the targets of reference definitions.
fn links(page: &str) -> Vec<Link> {
    let (_, lines) = blocks_and_lines(page);
    let mut found = Vec::new();
    for line in &lines {
        let line = without_code(line);
        if let Some((label, target)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            found.push(Link {
                text: label.to_owned(),
                target: target.trim().to_owned(),
                is_picture: false,
            });
        }
        for (at, _) in line.match_indices("](") {
            let text = &line[..at];
            // A picture may be the text of a link; no other text holds a bracket.
            let open = text.rfind('[').unwrap_or_default();
            let target = line[at + 2..].split(')').next().unwrap_or_default();
            found.push(Link {
                text: text[open..].trim_start_matches('[').to_owned(),
                target: target.to_owned(),
                is_picture: text[..open].ends_with('!'),
            });
        }
    }
    found
}

/// Returns the anchors of a page, as GitHub makes them: a heading that stands there twice gets a number.
fn anchors(page: &str) -> BTreeSet<String> {
    let (_, lines) = blocks_and_lines(page);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in lines.iter().filter(|line| line.starts_with('#')) {
        let anchor = anchor(line);
        let count = seen.entry(anchor.clone()).or_default();
        anchors.insert(match *count {
            0 => anchor,
            count => format!("{anchor}-{count}"),
        });
        *count += 1;
    }
    anchors
}

/// Returns the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Fails unless a target, relative to a directory, is a file, and its fragment an anchor of it.
fn assert_leads_somewhere(directory: &Path, page: &Path, target: &str) {
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() {
        page.to_path_buf()
    } else {
        directory.join(file)
    };
    assert!(linked.exists(), "{}: {target}", page.display());
    if !fragment.is_empty() {
        let text = fs::read_to_string(&linked).unwrap();
        let anchors = anchors(&text);
        assert!(
            anchors.contains(fragment),
            "{}: {target}; there are {anchors:?}",
            page.display()
        );
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut seen = 0;
    for path in markdown(root()) {
        let page = fs::read_to_string(&path).unwrap();
        for link in links(&page) {
            assert!(!link.text.is_empty(), "{}: {link:?}", path.display());
            if !link.target.contains("://") {
                assert_leads_somewhere(path.parent().unwrap(), &path, &link.target);
                seen += 1;
            }
        }
    }
    assert!(seen > 200, "only {seen} links");
}

#[test]
fn every_picture_is_one_and_is_described() {
    let mut shown = BTreeSet::new();
    for path in markdown(root()) {
        let page = fs::read_to_string(&path).unwrap();
        for link in links(&page) {
            let file = path.parent().unwrap().join(&link.target);
            let kind = file.extension().unwrap_or_default().to_owned();
            if kind != "png" && kind != "svg" {
                assert!(
                    !link.is_picture,
                    "{}: {link:?} is not a picture",
                    path.display()
                );
                continue;
            }
            let bytes = fs::read(&file).unwrap();
            let begin: &[u8] = if kind == "png" {
                b"\x89PNG\r\n\x1a\n"
            } else {
                b"<svg"
            };
            assert!(bytes.starts_with(begin), "{}", file.display());
            assert!(bytes.len() as u64 <= PICTURE_BYTES, "{}", file.display());
            if link.is_picture {
                let words = link.text.split_whitespace().count();
                assert!(words >= 4, "{}: {link:?}", path.display());
            }
            shown.insert(file.canonicalize().unwrap());
        }
    }
    let kept: BTreeSet<PathBuf> = ["docs/images", "docs/pictures"]
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path().canonicalize().unwrap())
        .collect();
    assert_eq!(shown, kept, "pictures that pages show, and those in docs/");
}

#[test]
fn the_index_leads_to_every_page() {
    let index = root().join("docs/README.md");
    let text = fs::read_to_string(&index).unwrap();
    let linked: BTreeSet<PathBuf> = links(&text)
        .iter()
        .map(|link| root().join("docs").join(&link.target))
        .collect();
    for page in markdown(&root().join("docs")) {
        assert!(
            page == index || linked.contains(&page),
            "{}",
            page.display()
        );
    }
}

/// Start of the addresses of runbooks, which an operator replaces by their own.
const RUNBOOKS: &str = "https://runbooks.example.org/httplog-exporter/";

/// Checks pages that the program, its rules and its units name, such as `docs/web.md#names`.
#[test]
fn every_page_that_the_project_names_exists() {
    let mut seen = 0;
    for folder in ["src", "deploy", "systemd", "patterns", "metrics"] {
        for path in files(&root().join(folder)) {
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            for start in ["docs/", RUNBOOKS] {
                for (at, _) in text.match_indices(start) {
                    let rest = &text[at + start.len()..];
                    let end =
                        rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/._-#".contains(c)));
                    let named = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
                    if named.contains(".md") {
                        assert_leads_somewhere(root(), &path, &format!("docs/{named}"));
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} pages are named");
}
