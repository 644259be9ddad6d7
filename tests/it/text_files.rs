//! Tests of the files that the command line names: only regular files and pipes are read, at once.

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::support::{run, run_command};

#[test]
fn a_configuration_that_is_not_a_regular_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    make_fifo(&dir.path().join("fifo"));
    let fails = |args: &[&str]| run(dir.path(), args, "").failed(66);
    for command in ["check", "run", "replay", "explain"] {
        let refused = |file| {
            let more = (command == "replay").then_some("a.log");
            let args = [command, "--config", file].into_iter().chain(more);
            fails(
                &args
                    .chain((command == "explain").then_some("x"))
                    .collect::<Vec<_>>(),
            )
        };
        let is = "error: . is a directory, not a regular file\n";
        assert_eq!(refused("."), is, "{command}");
        let is = "error: /dev/zero is a device, not a regular file\n";
        assert_eq!(refused("/dev/zero"), is, "{command}");
        let is = match command {
            "run" => "error: fifo is a FIFO, not a regular file\n",
            _ => "error: fifo is a FIFO, and nothing was written to it\n",
        };
        assert_eq!(refused("fifo"), is, "{command}");
    }
    let routes = fails(&["routes", "--urlconf", "/dev/zero"]);
    assert_eq!(
        routes.lines().next(),
        Some("error: /dev/zero is a device, not a regular file")
    );
}

#[test]
fn a_custom_pattern_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let patterns = dir.path().join("patterns");
    fs::create_dir(&patterns).unwrap();
    make_fifo(&patterns.join("a.toml"));
    fs::write(patterns.join("b.toml"), b"# caf\xe9\n").unwrap();
    let source = "[[source]]\nname = 'x'\npaths = ['x.log']\npattern = 'nginx-combined'\n";
    fs::write(dir.path().join("config.toml"), source).unwrap();
    let refused = run(dir.path(), ["check", "--config", "config.toml"], "").failed(78);
    let refused = refused.replace(&format!("{}/", dir.path().display()), "");
    assert_snapshot!(refused, @r"
    error: not valid UTF-8
     --> patterns/b.toml:1:6
      |
    1 | # caf�
      |      ^
      = help: save the file as UTF-8

    error: patterns/a.toml is a FIFO, not a regular file

    2 errors
    ");
}

#[test]
fn a_configuration_comes_from_a_pipe_where_it_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.log"), "").unwrap();
    let source =
        "[[source]]\\nname = \"x\"\\npaths = [\"x.log\"]\\npattern = \"nginx-combined\"\\n";
    let mut shell = Command::new("bash");
    let here = dir.path().display();
    let source = source.replace("x.log", &format!("{here}/x.log"));
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    let script = format!("{program} check --config <(printf '{source}')");
    shell.args(["-c", &script]).current_dir(&dir);
    let said = run_command(shell, "").succeeded();
    assert!(said.contains("good, 1 source"), "{said}");
}

/// Makes a FIFO without a writer.
fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}
