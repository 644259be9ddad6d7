//! Tests of the documentation: keys, metrics, presets, formats, messages and commands agree with the program; links lead
//! somewhere, and French terms are used throughout.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests and their helpers: a failure ends the test"
)]

#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/french.rs"]
mod french;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/messages.rs"]
mod messages;
#[path = "docs/metrics.rs"]
mod metrics;
#[path = "docs/recipes.rs"]
mod recipes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use httplog_exporter::config::{Checked, Config, Limits};
use httplog_exporter::diag::Fault;
use httplog_exporter::model::Field;
use httplog_exporter::pattern::{Preset, presets};

use markdown::{blocks, blocks_and_lines, markdown, root, rows, spans, text};

const CONFIGURATION: &str = "docs/configuration.md";
const GUIDES: [&str; 2] = ["docs/guide.md", "docs/guide.fr.md"];
const BACKFILL: [&str; 2] = ["docs/backfill.md", "docs/backfill.fr.md"];
const STATE: [&str; 2] = ["docs/state.md", "docs/state.fr.md"];
const MONITORING: [&str; 2] = ["docs/monitoring.md", "docs/monitoring.fr.md"];

/// A minimal source, for configurations without one.
const SOURCE: &str = "[[source]]\nname = 'x'\npaths = ['x.log']\npattern = 'nginx-combined'\n";
/// A key without a similar one, so that the fault lists all keys.
const NO_KEY: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";

fn parse(content: &str) -> Checked {
    Config::parse("config.toml", content, Path::new("/etc/httplog-exporter"))
}

// --- Configuration ----------------------------------------------------------------------------------

/// Returns the keys that the fault lists for `NO_KEY` in a configuration.
fn known_keys(content: &str) -> BTreeSet<String> {
    let checked = parse(content);
    let is_unknown = |fault: &&&Fault| {
        fault.message == format!("unknown key `{NO_KEY}`")
            || fault.message == format!("`{NO_KEY}` is not a field")
    };
    let faults = checked.report.faults();
    let fault = faults.iter().find(is_unknown).expect("a fault");
    let help = fault.help.as_deref().expect("the list of keys");
    let list = help.strip_prefix("one of: ").unwrap_or(help);
    list.split(", ").map(str::to_owned).collect()
}

/// Returns every key that can be set, as the documentation writes it.
fn all_keys() -> BTreeSet<String> {
    let sections = [
        ("web", "[web]\n", SOURCE),
        ("state", "[state]\n", SOURCE),
        ("source", "[[source]]\n", ""),
        (
            "routes.NAME",
            "[routes.x]\ntemplates = { '/' = 'home' }\n",
            SOURCE,
        ),
        ("metrics", "[metrics]\n", SOURCE),
        ("metric", "[[metric]]\n", SOURCE),
        ("capacity.NAME", "[capacity.x]\n", SOURCE),
        ("nginx_status", "[[nginx_status]]\n", SOURCE),
        ("limits", "[limits]\n", SOURCE),
        (
            "label.NAME",
            "[label.x]\nfield = 'status'\nvalues = ['200']\n",
            SOURCE,
        ),
        ("pattern.NAME", "[pattern.x]\nnginx = '$status'\n", SOURCE),
        (
            "pattern.NAME.example",
            "[pattern.x]\nnginx = '$status'\n[[pattern.x.example]]\nline = '200'\n",
            SOURCE,
        ),
    ];
    let top = known_keys(&format!("{NO_KEY} = 1\n{SOURCE}"));
    let probed: BTreeSet<String> = sections
        .iter()
        .map(|(name, ..)| name.split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(top, probed, "a table that this test does not check");
    let mut keys = BTreeSet::new();
    for (name, head, rest) in sections {
        for key in known_keys(&format!("{head}{NO_KEY} = 1\n{rest}")) {
            keys.insert(format!("{name}.{key}"));
        }
    }
    keys
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let keys = all_keys();
    let tables: BTreeSet<&str> = keys
        .iter()
        .filter_map(|key| key.split('.').next())
        .collect();
    let is_key = |name: &str| {
        name.split_once('.')
            .is_some_and(|(table, _)| tables.contains(table))
    };
    let documented: BTreeSet<String> = rows(CONFIGURATION)
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| is_key(name))
        .collect();
    assert_eq!(documented, keys);
}

#[test]
fn defaults_and_bounds_are_those_of_the_reader() {
    let default = parse(SOURCE).config.unwrap();
    let rows: BTreeMap<String, Vec<String>> = rows(CONFIGURATION).into_iter().collect();
    let check = |key: &str, default: String| {
        let (table, name) = key.split_once('.').unwrap();
        let faults = parse(&format!("[{table}]\n{name} = 0\n{SOURCE}"));
        let fault = &faults.report.faults()[0].message;
        let bounds = fault
            .strip_prefix("expected a whole number from ")
            .and_then(|rest| rest.strip_suffix(", found 0"))
            .unwrap_or_else(|| panic!("{fault}"));
        assert_eq!(
            rows[key],
            ["whole number", &default, bounds],
            "the row of {key}"
        );
    };
    check("limits.line_bytes", default.limits.line_bytes.to_string());
    check("limits.series", default.limits.series.to_string());
    check(
        "limits.pending_requests",
        Limits::PENDING_REQUESTS.to_string(),
    );
    check(
        "limits.pending_seconds",
        default.limits.pending_wait.as_secs().to_string(),
    );
    let faults = parse(&format!(
        "[routes.x]\ntemplates = {{ '/' = 'x' }}\nmax_routes = 0\n{SOURCE}"
    ));
    assert_eq!(
        faults.report.faults()[0].message,
        "expected a whole number from 1 to 100000, found 0"
    );
    assert_eq!(
        rows["routes.NAME.max_routes"],
        ["whole number", "all views", "1 to 100000"]
    );
    for (key, default, most) in [
        ("receive_buffer", "8388608", "65536 to 1073741824"),
        ("max_connections", "64", "1 to 1024"),
    ] {
        let address = "tcp://127.0.0.1:1";
        let faults = parse(&format!(
            "[[source]]\nname = 'x'\npattern = 'nginx-combined'\nsyslog = '{address}'\n{key} = 0\n"
        ));
        assert_eq!(
            faults.report.faults()[0].message,
            format!("expected a whole number from {most}, found 0")
        );
        let row = &rows[&format!("source.{key}")];
        assert_eq!(row[..2], ["whole number", default], "the row of {key}");
        assert!(row[2].starts_with(most), "the row of {key}");
    }
    let listen: Vec<String> = default
        .web
        .listen
        .iter()
        .map(|address| format!("\"{address}\""))
        .collect();
    assert_eq!(
        rows["web.listen"][1],
        format!("`[{}]`", listen.join(", ")),
        "the row of web.listen"
    );
}

#[test]
fn every_field_is_named() {
    let text = text(CONFIGURATION);
    let section = text.split("\n### Fields\n").nth(1).expect("Fields");
    let list = section.trim_start().split("\n\n").next().unwrap();
    let fields = Field::ALL.map(|field| field.name().to_owned()).into();
    assert_eq!(spans(list), fields);
    let example = format!(
        "[pattern.x]\nnginx = '$status'\n[[pattern.x.example]]\nline = '200'\nrecord = {{ {NO_KEY} = 1 }}\n{SOURCE}"
    );
    assert_eq!(known_keys(&example), fields);
}

#[test]
fn every_preset_has_its_row_with_its_engine_and_fields() {
    let text = text(CONFIGURATION);
    let section = text.split("\n## Presets\n").nth(1).expect("Presets");
    let mut rows = section.lines().filter(|line| line.starts_with("| `"));
    for preset in presets() {
        let row = rows.next().unwrap_or_default();
        let pattern = preset.pattern().unwrap();
        let begin = format!("| `{}` | {} | ", preset.name, pattern.engine().name());
        let fields: Vec<&str> = pattern.fields().iter().map(Field::name).collect();
        let middle = format!(" | {} | ", fields.join(", "));
        let rest = row
            .strip_prefix(&begin)
            .and_then(|row| row.strip_suffix(" |"));
        let columns = rest.and_then(|rest| rest.split_once(&middle));
        let (figure, server) = columns.unwrap_or_else(|| panic!("{row} is not {begin}…{middle}…"));
        assert!(figure.parse::<u32>().is_ok(), "no cost: {row}");
        // The server with its version.
        assert!(server.contains(|byte: char| byte.is_ascii_digit()), "{row}");
    }
    assert_eq!(rows.next(), None, "a row without a preset");
}

#[test]
fn every_configuration_shown_is_valid() {
    let mut seen = 0;
    for path in markdown(root()) {
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
        // Recipes are checked with the format that they are for.
        if path == recipes::PAGE {
            continue;
        }
        for block in blocks(path, "toml") {
            let whole = block.contains("[[source]]") || block.contains("source = [");
            let content = if whole {
                block
            } else {
                format!("{block}{SOURCE}")
            };
            let report = parse(&content).report;
            assert!(report.faults().is_empty(), "{path}:\n{content}\n{report}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "only {seen} TOML blocks");
}

#[test]
fn the_default_configuration_is_valid() {
    let checked = parse(&text("systemd/config.toml"));
    assert!(checked.config.is_some(), "{}", checked.report);
}

// --- Formats to paste -------------------------------------------------------------------------------

/// Returns the strings between `begin` and `end`, concatenated as nginx and Python do with adjacent strings.
fn joined(text: &str, begin: &str, end: &str) -> String {
    let inside = text.split(begin).nth(1).unwrap_or_default();
    let inside = inside.split(end).next().unwrap_or_default();
    inside.split('\'').skip(1).step_by(2).collect()
}

#[test]
fn the_formats_to_paste_are_those_of_the_presets() {
    let source = |name| Preset::find(name).unwrap().definition().unwrap().source;
    let (nginx, gunicorn) = (source("nginx-django"), source("gunicorn-django"));
    for path in GUIDES {
        let pasted = blocks(path, "nginx").concat();
        assert_eq!(joined(&pasted, "log_format django", ";\n"), nginx, "{path}");
        let pasted = blocks(path, "python").concat();
        assert_eq!(
            joined(&pasted, "access_log_format = (", "\n)"),
            gunicorn,
            "{path}"
        );
    }
    let nginx_file = text("deploy/nginx/httplog.conf");
    assert_eq!(joined(&nginx_file, "log_format django", ";\n"), nginx);
    let gunicorn_file = text("deploy/gunicorn/gunicorn.conf.py");
    assert_eq!(
        joined(&gunicorn_file, "access_log_format = (", "\n)"),
        gunicorn
    );
    let commented = text("systemd/config.toml").replace("\n#", "\n");
    assert_eq!(joined(&commented, "log_format django", ";\n"), nginx);
    assert_eq!(
        joined(&commented, "access_log_format = (", "\n   )"),
        gunicorn
    );
}

// --- Pages ------------------------------------------------------------------------------------------

#[test]
fn both_languages_show_the_same_commands() {
    for pages in [GUIDES, MONITORING, BACKFILL, STATE] {
        same_commands(pages.map(text));
    }
}

fn same_commands([english, french]: [String; 2]) {
    let ((english, english_lines), (french, french_lines)) =
        (blocks_and_lines(&english), blocks_and_lines(&french));
    assert_eq!(english, french);
    let headings = |lines: &[&str]| -> Vec<usize> {
        lines
            .iter()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.len() - line.trim_start_matches('#').len())
            .collect()
    };
    assert_eq!(headings(&english_lines), headings(&french_lines));
}
