//! The alert on busy workers, with a real gunicorn, nginx and Prometheus.

use crate::support::{project, run_command};
use std::process::Command;

#[test]
fn busy_workers_are_measured_and_raise_an_alert() {
    let python = project(".venv/bin/python");
    let mut command = Command::new(python);
    command.arg(project("tests/saturation/run"));
    command.arg(env!("CARGO_BIN_EXE_httplog-exporter"));
    command.args(["--short", "--class", "gthread"]);
    let ended = run_command(command, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("gthread: the alert fires after "),
        "{}",
        ended.out
    );
}
