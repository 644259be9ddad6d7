//! `deploy/`: what Prometheus, Alertmanager and Grafana are given, held to their own tools and to a live site.

mod alert;
mod boards;
mod receivers;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{project, run_command};

const RULES: [&str; 4] = ["site", "slo", "django", "exporter"];

/// A tool's output, after it succeeded.
fn tool(name: &str, args: &[&str]) -> String {
    let mut command = Command::new(name);
    command.args(args).current_dir(project(""));
    let ended = run_command(command, "");
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

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    for name in RULES {
        tool(
            "promtool",
            &[
                "test",
                "rules",
                &format!("deploy/prometheus/tests/{name}.yml"),
            ],
        );
    }
}

#[test]
fn boards_rules_and_documentation_agree_and_grafana_s_schemas_take_them() {
    let python = project(".venv/bin/python");
    let said = tool(python.to_str().unwrap(), &["tests/stack/monitoring.py"]);
    eprintln!("{said}");
    assert!(said.starts_with("2 boards, "), "{said}");
}

#[test]
fn generating_grafana_s_files_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().to_str().unwrap();
    tool("python3", &["deploy/grafana/generate.py", made]);
    let mut seen = 0;
    for folder in ["dashboards", "provisioning/alerting"] {
        for entry in fs::read_dir(dir.path().join(folder)).unwrap() {
            let name = Path::new(folder).join(entry.unwrap().file_name());
            let kept = fs::read(project("deploy/grafana").join(&name)).unwrap();
            assert!(
                kept == fs::read(dir.path().join(&name)).unwrap(),
                "{} is not what generate.py makes",
                name.display()
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}
