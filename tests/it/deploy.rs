//! Tests of `deploy/`: the files for Prometheus, Alertmanager, Grafana and containers, checked by their own tools and with a live site.

mod alert;
mod boards;
mod consoles;
mod containers;
mod receivers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{project, run_within};

const RULES: [&str; 4] = ["site", "slo", "django", "exporter"];

/// Most time that a tool may take: a recorded day of alerts is most of a minute of processor time.
const LONGEST: Duration = Duration::from_mins(3);

/// Runs a tool, which must succeed, and returns its output.
fn tool(name: &str, args: &[&str]) -> String {
    let mut command = Command::new(name);
    command.args(args).current_dir(project(""));
    let ended = run_within(command, "", LONGEST);
    assert_eq!(ended.code, Some(0), "{name} {args:?}: {ended:?}");
    ended.out + &ended.err
}

#[test]
fn promtool_and_amtool_accept_every_file() {
    let said = tool(
        "promtool",
        &["check", "config", "deploy/prometheus/prometheus.yml"],
    );
    assert!(said.contains("4 rule files found"), "{said}");
    for name in RULES {
        let path = format!("deploy/prometheus/rules/{name}.yml");
        tool(
            "promtool",
            &["check", "rules", "--lint=all", "--lint-fatal", &path],
        );
    }
    let said = tool(
        "amtool",
        &["check-config", "deploy/alertmanager/alertmanager.yml"],
    );
    assert!(said.contains("1 templates"), "{said}");
}

/// Checks each block of Prometheus's and of Alertmanager's configuration in the documentation by itself.
#[test]
fn promtool_and_amtool_accept_every_configuration_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prometheus.yml");
    let mut seen = 0;
    for page in ["docs/monitoring.md", "docs/guide.md", "README.md"] {
        let text = fs::read_to_string(project(page)).unwrap();
        let blocks = text.split("```yaml\n").skip(1);
        for block in blocks.filter_map(|rest| rest.split("```").next()) {
            // A list of targets is not a configuration; a configuration refers to it.
            let is_list = block.contains("\n- targets:");
            let whole = if is_list {
                let targets = dir.path().join("targets.yml");
                fs::write(&targets, block).unwrap();
                let head =
                    "scrape_configs:\n- job_name: a\n  file_sd_configs: [{files: [targets.yml]}]\n";
                head.to_owned()
            } else {
                block.to_owned()
            };
            let is_of_alertmanager = whole.contains("\nreceivers:");
            fs::write(&file, whole).unwrap();
            let path = file.to_str().unwrap();
            if is_of_alertmanager {
                tool("amtool", &["check-config", path]);
            } else {
                tool("promtool", &["check", "config", path]);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 7);
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let tests = RULES.into_iter().chain(["days", "saturation"]);
    let paths: Vec<_> = tests
        .map(|name| format!("deploy/prometheus/tests/{name}.yml"))
        .collect();
    // The files are independent of each other.
    std::thread::scope(|scope| {
        for path in &paths {
            scope.spawn(move || tool("promtool", &["test", "rules", path]));
        }
    });
}

#[test]
fn a_recorded_day_with_three_incidents_raises_three_pages() {
    let python = project(".venv/bin/python");
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    let said = tool(python.to_str().unwrap(), &["tests/stack/day.py", program]);
    eprintln!("{said}");
    assert!(said.contains("\n3 pages of 3 incidents, "), "{said}");
}

#[test]
fn boards_rules_and_documentation_agree_and_match_grafana_s_schemas() {
    let python = project(".venv/bin/python");
    let said = tool(python.to_str().unwrap(), &["tests/stack/monitoring.py"]);
    eprintln!("{said}");
    assert!(said.starts_with("5 boards, "), "{said}");
}

#[test]
fn generating_grafana_s_files_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().to_str().unwrap();
    tool("python3", &["deploy/grafana/generate.py", made]);
    for folder in ["grafana/dashboards", "prometheus/consoles"] {
        let [kept, generated] =
            [&project("deploy"), dir.path()].map(|base| files(&base.join(folder)));
        assert!(!kept.is_empty(), "{folder}");
        assert_eq!(
            kept.keys().collect::<Vec<_>>(),
            generated.keys().collect::<Vec<_>>()
        );
        for (name, text) in kept {
            assert!(
                generated[&name] == text,
                "{folder}/{} differs from the output of generate.py",
                name.display()
            );
        }
    }
    let rules = "grafana/provisioning/alerting/rules.json";
    let [kept, generated] =
        [&project("deploy"), dir.path()].map(|base| fs::read(base.join(rules)).unwrap());
    assert!(
        kept == generated,
        "{rules} differs from the output of generate.py"
    );
}

/// Returns the files below a directory by name.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(file, text)| (name.join(file), text)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}
