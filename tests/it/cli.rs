//! Tests of error messages and exit codes.
//!
//! Invariant: a failure has one exit code and one message, with the place of the fault and a remedy.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::{allow_duplicates, assert_snapshot};

use crate::lifecycle::configuration;
use crate::recorded::line;
use crate::support::{HEAD, Source, append, program, project, run, run_command, until};

/// A configuration with five faults of different kinds.
const FIVE_FAULTS: &str = r#"[web]
listen = ["127.0.0.1"]
lisen = "x"

[[source]]
name = "a"
paths = ["access.log"]
pattern = "nginx-combind"

[[source]]
name = "b"
paths = ["b.log"]
pattern = "mine"
start = "begining"

[pattern.mine]
regex = '(?P<status>\d+'
"#;

/// Error report for `FIVE_FAULTS`.
const FIVE_REPORTED: &str = r#"error: `127.0.0.1` is not a valid listen address: `127.0.0.1` has no port; write for example `127.0.0.1:9914`
 --> config.toml:2:11
  |
2 | listen = ["127.0.0.1"]
  |           ^^^^^^^^^^^
  = help: for example "127.0.0.1:9914" or "unix:/run/httplog-exporter/metrics.sock"

error: unknown key `lisen`
 --> config.toml:3:1
  |
3 | lisen = "x"
  | ^^^^^
  = help: did you mean `listen`?

error: unknown pattern `nginx-combind`
 --> config.toml:8:11
  |
8 | pattern = "nginx-combind"
  |           ^^^^^^^^^^^^^^^
  = help: did you mean `nginx-combined`?

error: unknown start `begining`
  --> config.toml:14:9
   |
14 | start = "begining"
   |         ^^^^^^^^^^
   = help: did you mean `beginning`? One of: beginning, end

error: regex format: unclosed group
  --> config.toml:17:10
   |
17 | regex = '(?P<status>\d+'
   |          ^
   = help: the syntax: https://docs.rs/regex/1/regex/#syntax

5 errors
"#;

/// Runs the program without input in an empty directory and returns its standard error.
fn fails(args: &[&str], code: i32) -> String {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), args, "").failed(code)
}

/// Runs `run` on a log with this content and returns its standard error.
fn run_refuses(log: impl AsRef<[u8]>, code: i32) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), log).unwrap();
    run(
        dir.path(),
        ["run", "--listen", "127.0.0.1:0", "access.log"],
        "",
    )
    .failed(code)
}

/// Writes a configuration that is valid apart from its listen address, and returns its path.
fn listening_on(dir: &Path, address: &str) -> String {
    configuration(dir).replace("127.0.0.1:0", address)
}

#[test]
fn wrong_usage_is_64() {
    assert_snapshot!(fails(&["frobnicate"], 64), @"
    error: unrecognized subcommand 'frobnicate'

    Usage: httplog-exporter [OPTIONS] <COMMAND>

    For more information, try '--help'.
     = help: one of: run, demo, replay, lines, status, compare, backfill, check, explain, patterns, routes, init, state, web
    ");
    assert_snapshot!(fails(&["run", "--config", "c", "access.log"], 64), @"
    error: the argument '--config <FILE>' cannot be used with '[LOG]...'

    Usage: httplog-exporter run --config <FILE> [LOG]...

    For more information, try '--help'.
    ");
    assert_snapshot!(fails(&["run", "--listen", "nope", "access.log"], 64), @"
    error: invalid value 'nope' for '--listen <ADDR>': `nope` has no port; write for example `nope:9914`

    For more information, try '--help'.
    ");
    assert_snapshot!(fails(&["demo", "--rate", "99999999"], 64), @"
    error: invalid value '99999999' for '--rate <LINES>': 99999999 is not in 20..=1000000

    For more information, try '--help'.
    ");
    assert_snapshot!(fails(&["run", "/dev/null", "/dev/../dev/null"], 64), @"
    error: /dev/../dev/null is given twice: it is the same file as /dev/null
     = help: each line would count twice; give every log once
    ");
    fails(&[], 64);
    fails(&["replay"], 64);
    fails(&["--log-format", "xml", "demo"], 64);
}

#[test]
fn an_unknown_preset_suggests_the_nearest_one() {
    assert_snapshot!(fails(&["patterns", "nginx-combind"], 64), @"
    error: unknown preset `nginx-combind`
     = help: did you mean `nginx-combined`?
    ");
    assert_snapshot!(fails(&["replay", "--pattern", "nginx-timd", "-"], 78), @"
    error: unknown pattern `nginx-timd`
      = help: did you mean `nginx-timed`?

    1 error
    ");
}

#[test]
fn all_faults_are_reported_at_once_each_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), FIVE_FAULTS).unwrap();
    for command in ["check", "run"] {
        let ended = run(dir.path(), [command, "--config", "config.toml"], "");
        assert_eq!(ended.failed(78), FIVE_REPORTED);
    }
}

#[test]
fn a_valid_configuration_passes_check() {
    let dir = tempfile::tempdir().unwrap();
    let config = listening_on(dir.path(), "127.0.0.1:0");
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let command = ["check", "--config", "config.toml", "--verbose"];
    let ended = run(dir.path(), command, "");
    let log = dir.path().join("access.log");
    assert_eq!(
        ended.succeeded(),
        format!(
            "config.toml: good, 1 source\n  nginx: {} as nginx-combined\n    \
             httplog_requests_total: at most 10000 series by limits.series of 2515020 (10 method x 502 route x 501 status)\n    \
             httplog_response_size_bytes: at most 502 series (502 route)\n",
            log.display()
        )
    );
}

#[test]
fn paths_are_relative_to_the_configuration_even_in_an_oddly_named_directory() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(r"a b/[x]{y}*\z");
    fs::create_dir_all(&odd).unwrap();
    fs::write(odd.join("access.log"), line("GET", 200)).unwrap();
    for path in ["access.log", "*.log"] {
        let source = Source {
            name: "nginx",
            pattern: "nginx-combined",
            log: Path::new(path),
        };
        fs::write(odd.join("config.toml"), HEAD.to_owned() + &source.toml()).unwrap();
        let out = run(&odd, ["check", "--config", "config.toml"], "").succeeded();
        assert!(
            out.starts_with("config.toml: good, 1 source\n"),
            "{path}: {out}"
        );
    }
}

#[test]
fn an_invalid_address_is_a_fault_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let config = listening_on(dir.path(), "127.0.0.1:99140");
    fs::write(dir.path().join("config.toml"), config).unwrap();
    assert_snapshot!(run(dir.path(), ["run", "--config", "config.toml"], "").failed(78), @r#"
    error: `127.0.0.1:99140` is not a valid listen address: `99140` in `127.0.0.1:99140` is not a port from 0 to 65535; write for example `127.0.0.1:9914`
     --> config.toml:2:11
      |
    2 | listen = ["127.0.0.1:99140"]
      |           ^^^^^^^^^^^^^^^^^
      = help: for example "127.0.0.1:9914" or "unix:/run/httplog-exporter/metrics.sock"

    1 error
    "#);
}

#[test]
fn a_missing_configuration_is_66() {
    for command in ["check", "run"] {
        allow_duplicates!(
            assert_snapshot!(fails(&[command, "--config", "absent.toml"], 66), @"
        error: cannot read absent.toml: No such file or directory (os error 2)
         = help: name the configuration with --config FILE, or follow logs without one: run LOG…
        ")
        );
    }
}

#[test]
fn a_missing_log_is_66() {
    assert_snapshot!(fails(&["run", "access.log"], 66), @"
    error: cannot read access.log: No such file or directory (os error 2)
     = help: to wait for a log that does not exist yet, name its format with --pattern
    ");
    assert_snapshot!(fails(&["replay", "access.log"], 66), @"error: cannot read access.log: No such file or directory (os error 2)");
}

#[test]
fn an_unreadable_log_is_66() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(&log, line("GET", 200)).unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    let refused = |args: &[&str]| {
        let mut command = without_privileges(program(args));
        command.current_dir(&dir);
        run_command(command, "").failed(66)
    };
    assert_snapshot!(refused(&["run", "--listen", "127.0.0.1:0", "access.log"]), @"
    error: cannot read access.log: Permission denied (os error 13)
     = help: on Debian, the group `adm` can read nginx's logs
    ");
    assert_snapshot!(refused(&["replay", "access.log"]), @"
    error: cannot read access.log: Permission denied (os error 13)
     = help: on Debian, the group `adm` can read nginx's logs
    ");
}

/// Wraps a command so that it runs without root's capability to read every file.
fn without_privileges(command: Command) -> Command {
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    let mut bounded = Command::new("setpriv");
    bounded
        .args(["--bounding-set=-all", "--inh-caps=-all"])
        .arg(command.get_program())
        .args(command.get_args());
    bounded
}

#[test]
fn a_log_that_is_not_a_file_is_66() {
    assert_snapshot!(fails(&["run", "."], 66), @"
    error: cannot read .: it is a directory
     = help: to follow the files of a directory, use a configuration: paths = [\"DIR/*.log\"]
    ");
    assert_snapshot!(fails(&["replay", "."], 66), @"
    error: cannot read .: is a directory
     = help: name the logs in it: ./*.log
    ");
    // Standard input is a pipe here.
    assert_snapshot!(fails(&["run", "/dev/stdin"], 66), @"
    error: cannot read /dev/stdin: it is not a regular file
     = help: to read a FIFO, use a configuration: fifo = \"PATH\"; for standard input, use `-`
    ");
}

#[test]
fn a_log_without_a_whole_line_is_66() {
    let half = &line("GET", 200)[..40];
    for log in ["", half] {
        allow_duplicates!(assert_snapshot!(run_refuses(log, 66), @"
        error: access.log has no complete line yet
         = help: name its format with --pattern (the list: httplog-exporter patterns)
        "));
    }
}

#[test]
fn a_log_in_an_unknown_format_is_78() {
    assert_snapshot!(run_refuses("hello\nworld\n", 78), @r#"
    error: the format of access.log is not recognised: none of the presets reads its lines
     = help: `uvicorn` stops in line 1 at byte 6, expecting ` - "`
             likely cause: the line has fewer fields than the format: `request` is missing; the line may predate a change of your expression, or come from another `access_log`; give each format its own file
             to see it: sed -n 1p access.log | httplog-exporter explain --pattern uvicorn -
             name its pattern with --pattern, or define one in a configuration: [pattern.mine] nginx = '…'
    "#);
    assert_snapshot!(run_refuses(line("GET", 200) + "hello\n", 78), @"
    error: the format of access.log is not recognised: nginx-combined reads 50 % of its first lines, gunicorn reads 50 % of its first lines
     = help: `nginx-combined` stops in line 2 at byte 6, expecting ` - `
             likely cause: the line has fewer fields than the format: `$remote_user` is missing; the line may predate a change of nginx's log_format, or come from another `access_log`; give each format its own file
             to see it: sed -n 2p access.log | httplog-exporter explain --pattern nginx-combined -
             name its pattern with --pattern, or define one in a configuration: [pattern.mine] nginx = '…'
    ");
}

#[test]
fn an_archive_is_not_followed() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(line("GET", 200).as_bytes()).unwrap();
    assert_snapshot!(run_refuses(gzip.finish().unwrap(), 66), @"
    error: cannot read access.log: it is compressed and will not grow
     = help: `replay` reads compressed logs
    ");
}

#[test]
fn a_busy_address_is_74() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line("GET", 200)).unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let ended = run(
        dir.path(),
        [
            "--log-level",
            "warn",
            "run",
            "--listen",
            &address,
            "access.log",
        ],
        "",
    );
    assert_eq!(
        ended.failed(74),
        format!(
            "error: cannot listen on {address}: address already in use\n \
             = help: stop the process that listens there, or choose another address with --listen or web.listen\n"
        )
    );
}

#[test]
fn a_closed_output_pipe_is_not_a_failure() {
    let timed = project("fixtures/corpora/nginx_timed.log");
    let timed = timed.to_str().unwrap();
    for args in [
        &["replay", "--output", "metrics", timed][..],
        &["replay", "--output", "json", timed],
        &["replay", timed],
        &["patterns"],
        &["patterns", "nginx-django"],
        &["--help"],
    ] {
        let mut child = program(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        drop(out);
        until(|| match child.try_wait().unwrap() {
            Some(_) => Ok(()),
            None => Err(format!("{args:?} runs")),
        });
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{args:?}");
        assert!(!first.is_empty(), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_74() {
    let timed = project("fixtures/corpora/nginx_timed.log");
    let full = append(Path::new("/dev/full"));
    let mut replay = program(["replay", "--output", "metrics"]);
    let output = replay.arg(timed).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"error: cannot write the output: No space left on device (os error 28)");
}
