//! Container logs, as Docker and the runtimes of CRI write them: the program's commands see the lines without wrappers.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};

use crate::counts;
use crate::recorded::RECORDED;
use crate::scrape::Scrape;
use crate::support::{Daemon, Ended, append, program, project, rename, run_command};

const TIME: &str = "2026-11-22T10:00:00.123456789Z";

/// Bytes after which the tests divide a line.
const PART: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    Docker,
    Cri,
}

/// Wraps a part of a line.
fn wrap(runtime: Runtime, stream: &str, text: &str, is_last: bool) -> String {
    match runtime {
        Runtime::Docker => {
            let end = if is_last { "\n" } else { "" };
            let log = serde_json::to_string(&format!("{text}{end}")).unwrap();
            format!("{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"{TIME}\"}}\n")
        }
        Runtime::Cri => {
            let tag = if is_last { "F" } else { "P" };
            format!("{TIME} {stream} {tag} {text}\n")
        }
    }
}

/// Returns the lines of the container log of a program that wrote `text` to stdout, with `stderr` of each kind in between.
fn wrapped(runtime: Runtime, text: &str, has_stderr: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut rest = line;
        while rest.len() > PART {
            let at = (0..=PART).rfind(|at| rest.is_char_boundary(*at)).unwrap();
            lines.push(wrap(runtime, "stdout", &rest[..at], false));
            rest = &rest[at..];
            if has_stderr {
                lines.push(wrap(
                    runtime,
                    "stderr",
                    &format!("part {number}"),
                    at % 2 == 0,
                ));
            }
        }
        lines.push(wrap(runtime, "stdout", rest, true));
        if has_stderr && number % 7 == 0 {
            lines.push(wrap(runtime, "stderr", &format!("[error] {number}"), true));
        }
    }
    lines
}

fn recorded(log: &str) -> String {
    let text = fs::read(project(log)).unwrap();
    // Docker replaces what is not UTF-8.
    String::from_utf8_lossy(&text).into_owned()
}

fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &str) -> Ended {
    run_command(program(args), input)
}

fn replayed(args: &[&str], log: &Path) -> String {
    let args = [&["replay", "--output", "metrics"], args].concat();
    let args = args.into_iter().map(OsStr::new);
    run(args.chain([log.as_os_str()]), "").out
}

/// Returns the account of the lines of a log.
fn account(log: &Path) -> String {
    let ended = run([OsStr::new("replay"), log.as_os_str()], "");
    ended.out.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn wrapped_corpora_give_the_page_of_bare_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (bare, log) = (dir.path().join("bare.log"), dir.path().join("log"));
    for (pattern, corpus) in RECORDED {
        let text = recorded(corpus);
        fs::write(&bare, &text).unwrap();
        for args in [
            &["--pattern", pattern][..],
            &["--pattern", pattern, "--threads", "2"],
        ] {
            let expected = replayed(args, &bare);
            assert!(
                expected.contains("httplog_requests_total"),
                "{corpus}: {expected}"
            );
            for runtime in [Runtime::Docker, Runtime::Cri] {
                fs::write(&log, wrapped(runtime, &text, false).concat()).unwrap();
                assert_eq!(replayed(args, &log), expected, "{corpus}, {runtime:?}");
            }
        }
    }
}

#[test]
fn lines_of_stderr_and_between_parts_change_nothing_but_the_number_of_skipped_lines() {
    let dir = tempfile::tempdir().unwrap();
    let (bare, log) = (dir.path().join("bare.log"), dir.path().join("log.gz"));
    let text = recorded("fixtures/corpora/nginx_timed.log");
    fs::write(&bare, &text).unwrap();
    let (expected, lines) = (replayed(&[], &bare), text.lines().count());
    for runtime in [Runtime::Docker, Runtime::Cri] {
        let physical = wrapped(runtime, &text, true);
        let stderr = physical.iter().filter(|line| line.contains("stderr"));
        let stderr = stderr.count();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(physical.concat().as_bytes()).unwrap();
        fs::write(&log, encoder.finish().unwrap()).unwrap();
        assert!(replayed(&[], &log) == expected, "{runtime:?}");
        let all = lines + stderr;
        let expected =
            format!("nginx-timed: {all} lines, {lines} recorded, 0 rejected, {stderr} skipped");
        assert_eq!(account(&log).replace(',', ""), expected.replace(',', ""));
    }
}

#[test]
fn what_conmon_wrote_is_read() {
    let log = project("fixtures/containers/conmon.log");
    let expected = "nginx-combined: 17 lines, 15 recorded, 0 rejected, 2 skipped";
    assert_eq!(account(&log), expected);
}

#[test]
fn damaged_lines_are_rejected_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let text = recorded("fixtures/corpora/nginx_combined.log");
    let lines = wrapped(Runtime::Docker, &text, false);
    let cut = &lines[3][..30];
    fs::write(
        &log,
        format!("{}{cut}\n{}", lines[..6].concat(), lines[6..].concat()),
    )
    .unwrap();
    assert!(account(&log).contains(" 1 rejected"), "{}", account(&log));
    let explained = run(["explain", cut], "");
    assert!(
        explained.out.contains("as Docker stores it"),
        "{explained:?}"
    );
    let explained = run(["explain", "-"], &(lines[..2].concat() + cut + "\n"));
    assert!(
        explained.out.contains("rejected, reason `frame`"),
        "{explained:?}"
    );
    let explained = run(
        [
            "explain",
            wrap(Runtime::Cri, "stdout", text.lines().next().unwrap(), true).trim_end(),
        ],
        "",
    );
    assert!(
        explained.out.contains("`nginx-combined` reads it"),
        "{explained:?}"
    );
}

/// Layout of a node.
struct Node {
    dir: tempfile::TempDir,
    rotations: usize,
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("containers")).unwrap();
        fs::create_dir_all(dir.path().join("pods/shop_web-5d4f8c7b9-x2x7z_uid/nginx")).unwrap();
        let node = Self { dir, rotations: 0 };
        let link = "containers/web-5d4f8c7b9-x2x7z_shop_nginx-3f4c0a1b2c3d4e5f.log";
        symlink(node.log(), node.dir.path().join(link)).unwrap();
        node
    }

    fn log(&self) -> std::path::PathBuf {
        self.dir
            .path()
            .join("pods/shop_web-5d4f8c7b9-x2x7z_uid/nginx/0.log")
    }

    fn write(&self, lines: &[String]) {
        append(&self.log())
            .write_all(lines.concat().as_bytes())
            .unwrap();
    }

    /// Rotates as kubelet does: all rotated logs but the newest are compressed.
    fn rotate(&mut self) {
        let name = |number: usize| format!("0.log.20261201-1212{number:02}");
        let before = self.log().with_file_name(name(self.rotations));
        if let Ok(text) = fs::read(&before) {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&text).unwrap();
            let (temporary, archive) = (
                before.with_extension("tmp"),
                format!("{}.gz", before.display()),
            );
            fs::write(&temporary, encoder.finish().unwrap()).unwrap();
            rename(&temporary, Path::new(&archive));
            fs::remove_file(&before).unwrap();
        }
        self.rotations += 1;
        rename(
            &self.log(),
            &self.log().with_file_name(name(self.rotations)),
        );
        append(&self.log());
    }
}

/// Returns the number of lines that can be counted, of those of which the last part was written.
fn readable(parts: &[String]) -> u64 {
    let (mut done, mut among, mut is_open) = (0, 0, false);
    for part in parts {
        if part.contains(" stderr ") {
            among += 1;
        } else {
            is_open = part.contains(" stdout P ");
        }
        if !is_open {
            done += std::mem::take(&mut among) + u64::from(part.contains(" stdout F "));
        }
    }
    done
}

#[test]
fn each_line_counts_once_over_rotations_and_kills_under_the_labels_of_its_path() {
    let text = recorded("fixtures/corpora/nginx_combined.log");
    let lines = wrapped(Runtime::Cri, &text, true);
    let mut node = Node::new();
    let dir = node.dir.path().to_owned();
    let config = format!(
        "[web]\nlisten = ['127.0.0.1:0']\n[state]\ndir = '{0}/state'\n[label.namespace]\nfield = 'kubernetes_namespace'\nvalues = ['shop']\n\
         [label.workload]\nfield = 'kubernetes_workload'\nvalues = ['web']\n\
         [label.container]\nfield = 'kubernetes_container'\nmap = {{ 'ng*' = 'server' }}\n\
         [metrics]\nlabels = ['namespace', 'workload', 'container']\n\
         [[source]]\nname = 'web'\npaths = ['{0}/containers/*.log']\npattern = 'nginx-combined'\nstart = 'beginning'\n",
        dir.display()
    );
    node.write(&lines[..1]);
    let mut daemon = Daemon::configured(&dir, &config);
    let mut written = 1;
    // Parts of one line are in different chunks, and in different files.
    for (number, chunk) in lines[1..].chunks(157).enumerate() {
        node.write(chunk);
        written += chunk.len();
        // A file is compressed after it was read: a line that goes on behind an archive is not joined.
        daemon.metrics_after(&[("web", readable(&lines[..written]))]);
        if number % 3 == 1 {
            drop(daemon);
            if number % 2 == 0 {
                node.rotate();
            }
            daemon = Daemon::configured(&dir, &config);
        }
        if number % 3 == 2 {
            node.rotate();
        }
    }
    let expected = counts::of_log(text.as_bytes());
    let total = counts::total(&expected);
    let stderr = lines.iter().filter(|line| line.contains("stderr")).count() as u64;
    let page = daemon.metrics_after(&[("web", total + stderr)]);
    let scrape = Scrape::parse(&page);
    let outcomes = ["recorded", "rejected", "skipped"];
    let outcomes = outcomes.map(|outcome| scrape.lines("web", Some(outcome)));
    assert_eq!(outcomes, [total, 0, stderr], "{}", daemon.said());
    assert_eq!(scrape.requests("web"), expected);
    let labels = "container=\"server\",method=\"GET\",namespace=\"shop\"";
    assert!(
        page.contains(labels) && page.contains("workload=\"web\""),
        "{page}"
    );
    assert!(!page.contains("namespace=\"<other>\""), "{page}");
}

#[test]
fn a_label_of_paths_is_refused_where_no_container_log_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    let text = "[label.namespace]\nfield = 'kubernetes_namespace'\nvalues = ['shop']\n[metrics]\nlabels = ['namespace']\n\
                [[source]]\nname = 'a'\npaths = ['/var/log/nginx/access.log']\npattern = 'nginx-json'\nframe = 'crio'\n";
    fs::write(&config, text).unwrap();
    let refused = run(["check", "--config", config.to_str().unwrap()], "");
    assert!(
        refused.err.contains("unknown frame `crio`")
            || refused.out.contains("unknown frame `crio`"),
        "{refused:?}"
    );
    fs::write(&config, text.replace("'crio'", "'cri'")).unwrap();
    let refused = run(["check", "--config", config.to_str().unwrap()], "");
    let said = refused.out.clone() + &refused.err;
    assert!(
        said.contains(
            "`kubernetes_namespace` is read from the paths of container logs, and `a` follows none"
        ),
        "{refused:?}"
    );
}

#[test]
fn rotated_logs_that_are_replayed_in_their_sequence_give_the_page_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let text = recorded("fixtures/corpora/nginx_timed.log");
    let bare = dir.path().join("bare.log");
    fs::write(&bare, &text).unwrap();
    for threads in ["1", "3"] {
        let args = ["--pattern", "nginx-timed", "--threads", threads];
        let expected = replayed(&args, &bare);
        for runtime in [Runtime::Docker, Runtime::Cri] {
            let lines = wrapped(runtime, &text, false);
            // Most rotations are between parts of a line.
            let mut logs = Vec::new();
            for (number, chunk) in lines.chunks(97).enumerate() {
                let log = dir.path().join(format!("0.log.20261201-1212{number:02}"));
                fs::write(&log, chunk.concat()).unwrap();
                logs.push(log);
            }
            let args = [&["replay", "--output", "metrics"], &args[..]].concat();
            let args = args.into_iter().map(OsStr::new);
            let page = run(args.chain(logs.iter().map(|log| log.as_os_str())), "").out;
            assert!(page == expected, "{runtime:?}, {threads}");
        }
    }
}
