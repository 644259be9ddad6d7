//! Tests of recipes: they are short, pass `check`, and make of real lines what the page shows.

use std::fs;
use std::path::Path;

use crate::examples::{run, sections};
use crate::markdown::{Block, blocks, root};

pub const PAGE: &str = "docs/recipes.md";
/// Most lines of a recipe.
const LINES: usize = 8;
/// Recipes that leave lines out, and a part of the samples that is missing then.
const LEFT_OUT: [(&str, &str); 5] = [
    ("Health checks", "route=\"/healthz\""),
    ("Monitoring and other clients inside", "route=\"/healthz\""),
    ("Static files", "route=\"/static/"),
    ("Errors alone, for a large site", "status=\"200\""),
    (
        "Top views by bytes",
        "httplog_response_size_bytes_count{route=\"/broken/<int>/\"",
    ),
];
/// Recipes whose lines are not those of the log of the page.
const OTHER_LINES: [&str; 14] = [
    "Tenants by a header",
    "Two virtual hosts, each with its own log",
    "One gunicorn behind several virtual hosts",
    "One source for all logs of a directory",
    "gunicorn behind nginx",
    "nginx without a log file",
    "gunicorn in the journal",
    "Prometheus on another machine",
    "An alert that sees the first error of a view",
    "WebSockets and event streams",
    "Boards of django-prometheus or prometheus-nginxlog-exporter",
    "Quantiles within a few per cent",
    "From a slow bucket to one request",
    "A large site",
];

/// Writes a configuration of the page's format and these blocks. Without a source of their own, one follows the log.
fn write_configuration(directory: &Path, blocks: &[&Block]) {
    let bodies: Vec<&str> = blocks.iter().map(|block| block.body.as_str()).collect();
    let mut toml = bodies.join("\n") + "\n";
    if !toml.contains("[[source]]") && !toml.contains("source = [") {
        toml += "[[source]]\nname = 'x'\npaths = ['site.log']\npattern = 'site'\n";
    }
    let format = blocks_of("nginx").remove(0);
    let toml = format!("{toml}[pattern.site]\nnginx = '''{format}'''\n");
    fs::write(directory.join("config.toml"), toml).unwrap();
    fs::write(directory.join("web.yml"), "{}\n").unwrap();
}

fn blocks_of(language: &str) -> Vec<String> {
    blocks(PAGE, language)
}

/// Returns the samples of the log by a configuration.
fn samples(directory: &Path) -> String {
    let log = root().join("fixtures/recipes/site.log");
    fs::copy(log, directory.join("site.log")).unwrap();
    let command = "httplog-exporter replay --config config.toml --output metrics site.log";
    let (page, is_good) = run(directory, command);
    assert!(is_good, "{page}");
    page
}

#[test]
fn every_recipe_is_short_and_makes_what_is_shown() {
    let mut counted = 0;
    let plain = tempfile::tempdir().unwrap();
    write_configuration(plain.path(), &[]);
    let plain = samples(plain.path());
    for (heading, blocks) in sections(PAGE, "###") {
        let of = |language: &str| -> Vec<&Block> {
            blocks
                .iter()
                .filter(|block| block.language == language)
                .collect()
        };
        let toml = of("toml");
        let lines: usize = toml.iter().map(|block| block.body.lines().count()).sum();
        assert!((1..=LINES).contains(&lines), "{heading}: {lines} lines");
        let directory = tempfile::tempdir().unwrap();
        write_configuration(directory.path(), &toml);
        let (said, is_good) = run(
            directory.path(),
            "httplog-exporter check --config config.toml",
        );
        assert!(is_good, "{heading}:\n{said}");
        let left_out = LEFT_OUT.iter().find(|(recipe, _)| *recipe == heading);
        let shown = of("text");
        if shown.is_empty() && left_out.is_none() {
            assert!(OTHER_LINES.contains(&&*heading), "{heading}: shows nothing");
            continue;
        }
        let page = samples(directory.path());
        for line in shown.iter().flat_map(|block| block.body.lines()) {
            assert!(
                page.lines().any(|sample| sample == line),
                "{heading}: {line}\n{page}"
            );
            let is_plain = plain.lines().any(|sample| sample == line);
            assert!(!is_plain || left_out.is_some(), "{heading}: {line}");
        }
        if let Some((_, part)) = left_out {
            assert!(
                plain.contains(part) && !page.contains(part),
                "{heading}\n{page}"
            );
        }
        counted += 1;
    }
    assert!(counted >= 24, "only {counted} recipes");
}
