//! Tests of what `check` and `run` agree on: the files that they can open, and those of two sources.

use std::fs;
use std::process::Command;

use crate::recorded::line;
use crate::support::{HEAD, Source, run, run_command};

#[test]
fn a_log_that_two_sources_follow_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let source = |name: &str, paths: &str| {
        format!("[[source]]\nname = '{name}'\npaths = [{paths}]\npattern = 'nginx-combined'\n")
    };
    fs::write(dir.path().join("a.log"), line("GET", 200)).unwrap();
    fs::write(dir.path().join("b.log"), line("GET", 200)).unwrap();
    std::os::unix::fs::symlink("a.log", dir.path().join("link")).unwrap();
    let sources =
        source("one", "'link', 'a.log'") + &source("two", "'*.log'") + &source("three", "'b.log'");
    fs::write(dir.path().join("config.toml"), HEAD.to_owned() + &sources).unwrap();
    let said = run(dir.path(), ["check", "--config", "config.toml"], "").succeeded();
    let said = said.replace(dir.path().to_str().unwrap(), "DIR");
    let warnings = said.lines().filter(|line| line.starts_with("warning:"));
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(
        warnings,
        [
            "warning: source `two`: DIR/a.log is also followed by the source `one`; its lines are counted in both",
            "warning: source `three`: DIR/b.log is also followed by the source `two`; its lines are counted in both",
        ]
    );
}

#[test]
fn check_may_open_as_many_files_as_run() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..200 {
        fs::write(dir.path().join(format!("{number}.log")), "").unwrap();
    }
    let log = dir.path().join("*.log");
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    let config = HEAD.to_owned() + &source.toml();
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let check = |limits: &str| {
        let script = format!("ulimit {limits} && exec \"$0\" check --config config.toml");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_httplog-exporter")])
            .current_dir(dir.path());
        run_command(command, "").succeeded()
    };
    assert!(check("-S -n 100").contains("good, 1 source\n"));
    let few = check("-n 400");
    assert!(few.contains("good, 1 source, 1 warning\n"), "{few}");
    let waits = "100 files wait to be opened, among them ";
    assert!(few.contains(waits) && few.contains("LimitNOFILE="), "{few}");
}
