//! Tests of the state directory, which one daemon at a time uses.

mod command;

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::lifecycle::configuration;
use crate::support::{Daemon, program, run_command, until};

/// Returns a configuration with a log of one line and this state directory.
fn config(dir: &Path, state: &str) -> String {
    let state = format!("[state]\ndir = '{state}'");
    configuration(dir).replace("[state]", &state)
}

/// Starts a daemon with this state directory that ends at once, and returns its error.
fn refused(dir: &Path, state: &str) -> String {
    let path = dir.join("second.toml");
    fs::write(&path, config(dir, state)).unwrap();
    let mut command = program(["run", "--log-level", "error", "--config"]);
    command.arg(path);
    run_command(command, "").failed(74)
}

#[test]
fn a_second_daemon_is_refused_until_the_first_has_ended_however_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::KILL, Signal::TERM] {
        let first = Daemon::configured(dir.path(), &config(dir.path(), "state"));
        let error = refused(dir.path(), "state");
        let pid = first.id();
        assert!(
            error.contains(&format!("is in use by process {pid}")),
            "{error}"
        );
        assert!(error.contains("choose another state.dir"), "{error}");
        first.signal(Signal::HUP);
        first.wait_until_said("configuration reloaded from");
        assert!(refused(dir.path(), "state").contains("is in use"));
        first.signal(signal);
        until(|| match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            _ => Ok(()),
        });
    }
    let _last = Daemon::configured(dir.path(), &config(dir.path(), "state"));
}

#[test]
fn a_reload_to_the_directory_of_another_daemon_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = two.path().join("state");
    let first = Daemon::configured(one.path(), &config(one.path(), "state"));
    let second = Daemon::configured(two.path(), &config(two.path(), "state"));
    let reload = |state: &str, said: &str| {
        fs::write(one.path().join("config.toml"), config(one.path(), state)).unwrap();
        first.signal(Signal::HUP);
        first.wait_until_said(said);
    };
    let pid = second.id();
    reload(
        &state.display().to_string(),
        &format!(
            "the previous one stays in force: the state directory {} is in use by process {pid}",
            state.display()
        ),
    );
    assert!(refused(one.path(), "state").contains("is in use"));
    reload("other", "configuration reloaded from");
    // The first directory is free again.
    let _third = Daemon::configured(
        two.path(),
        &config(two.path(), &one.path().join("state").display().to_string()),
    );
}
