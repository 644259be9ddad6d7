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
    let places: Vec<_> = said.lines().filter(|line| line.contains("--> ")).collect();
    assert_eq!(
        places,
        ["  --> config.toml:12:10", "  --> config.toml:16:10"]
    );
    let warnings = said.lines().filter(|line| line.starts_with("warning:"));
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(
        warnings,
        [
            "warning: source `two`: DIR/a.log is also followed by the source `one` (config.toml:8:18); its lines are counted in both",
            "warning: source `three`: DIR/b.log is also followed by the source `two` (config.toml:12:10); its lines are counted in both",
        ]
    );
}

#[test]
fn a_path_that_is_not_a_log_is_reported_at_its_place_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let check = |path: &str, expected: &str| {
        let source =
            format!("[[source]]\nname = 'a'\npaths = ['{path}']\npattern = 'nginx-combined'\n");
        fs::write(dir.path().join("config.toml"), HEAD.to_owned() + &source).unwrap();
        let said = run(dir.path(), ["check", "--config", "config.toml"], "").failed(78);
        let said = said.replace(dir.path().to_str().unwrap(), "DIR");
        assert_eq!(said, expected);
    };
    check(
        "logs/",
        "error: source `a`: DIR/logs/ is a directory, not a regular file\n \
         --> config.toml:8:10\n  |\n8 | paths = ['logs/']\n  |          ^^^^^^^\n  \
         = help: name the logs in it: paths = [\"DIR/logs/*.log\"]\n\n1 error\n",
    );
    check(
        "socket",
        "error: source `a`: DIR/socket is a socket, not a regular file\n \
         --> config.toml:8:10\n  |\n8 | paths = ['socket']\n  |          ^^^^^^^^\n  \
         = help: the exporter makes the socket itself, in place of `paths`: syslog = \"unix:DIR/socket\"\n\n1 error\n",
    );
}

#[test]
fn check_looks_at_the_other_files_that_a_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line("GET", 200)).unwrap();
    let config = |state: &str| {
        format!(
            "[state]\ndir = '{state}'\n[[source]]\nname = 'a'\npaths = ['access.log']\n\
             pattern = 'nginx-combined'\nroutes = 'shop'\n[routes.shop]\nurlconf = 'absent'\n"
        )
    };
    fs::write(dir.path().join("config.toml"), config("access.log")).unwrap();
    let said = run(dir.path(), ["check", "--config", "config.toml"], "").failed(78);
    assert!(said.contains(" --> config.toml:9:11\n"), "{said}");
    assert!(said.contains("access.log is not a directory"), "{said}");
    fs::write(dir.path().join("config.toml"), config("a/b")).unwrap();
    let said = run(dir.path(), ["check", "--config", "config.toml"], "").failed(78);
    let above = format!("{}/a does not exist", dir.path().display());
    assert!(said.contains(&above), "{said}");
}

#[test]
fn mistakes_on_the_command_line_name_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line("GET", 200)).unwrap();
    let check = |args: &[&str], code: i32, expected: &str| {
        let ended = run(dir.path(), args, "");
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.err.contains(expected), "{args:?}: {ended:?}");
    };
    check(
        &["replay", "--threads", "0", "access.log"],
        64,
        "give a whole number from 1",
    );
    check(
        &["replay", "access.log", "./access.log"],
        64,
        "it is the same file as access.log",
    );
    check(
        &["explain", "access.log"],
        1,
        "tail -n 1 access.log | httplog-exporter explain -",
    );
    check(
        &["lines", "--between", "03:00", "access.log"],
        64,
        "--between takes two times",
    );
    check(
        &["lines", "--fields", "foo,bar", "access.log"],
        64,
        "2 errors",
    );
    let socket = format!("unix:{}/absent/s", dir.path().display());
    check(
        &["run", "--listen", &socket, "access.log"],
        74,
        "create the directory",
    );
}

#[test]
fn sources_that_wait_for_the_same_file_are_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let source = |name: &str, path: &str| {
        format!("[[source]]\nname = '{name}'\npaths = ['{path}']\npattern = 'nginx-combined'\n")
    };
    let sources = source("one", "a.log") + &source("two", ".//a.log");
    fs::write(dir.path().join("config.toml"), HEAD.to_owned() + &sources).unwrap();
    let said = run(dir.path(), ["check", "--config", "config.toml"], "").succeeded();
    let shared = "a.log is also followed by the source `one` (config.toml:8:10); its lines are counted in both";
    assert!(said.contains(shared), "{said}");
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
