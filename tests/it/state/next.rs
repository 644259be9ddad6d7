//! Tests of what `state show` says of the next start, and of that start.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use flate2::{Compression, write::GzEncoder};
use rustix::process::Signal;
use serde_json::Value;

use super::append_lines;
use crate::support::{Daemon, HEAD, Source, rename, run};

/// Names of the sources; each follows a log that meets another fate.
const FATES: [&str; 8] = [
    "copied", "cut", "deleted", "grown", "replaced", "rotated", "same", "zipped",
];

fn config(dir: &Path, names: &[&str]) -> String {
    let mut config = HEAD.replace("durability = \"none\"", "dir = 'state'");
    for name in names {
        let source = Source {
            name,
            pattern: "nginx-combined",
            log: &dir.join(format!("{name}.log")),
        };
        config += &source.toml();
    }
    config
}

/// Compresses a log as logrotate does.
fn compress(log: &Path) {
    let text = fs::read(log).unwrap();
    let zipped = File::create(log.with_extension("log.1.gz")).unwrap();
    let mut encoder = GzEncoder::new(zipped, Compression::fast());
    encoder.write_all(&text).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(log).unwrap();
}

/// Lets the logs meet their fates while no exporter runs. Returns the length of a line.
fn meet_fates(dir: &Path) -> usize {
    let log = |name: &str| dir.join(format!("{name}.log"));
    let size = |name: &str| usize::try_from(fs::metadata(log(name)).unwrap().len()).unwrap();
    let length = size("same") / 3;
    for name in ["copied", "grown", "rotated", "zipped"] {
        append_lines(&log(name), 2);
        assert_eq!(size(name), 5 * length);
    }
    fs::copy(log("copied"), dir.join("copied.log.1")).unwrap();
    for name in ["copied", "cut"] {
        File::create(log(name)).unwrap();
        append_lines(&log(name), 1);
    }
    rename(&log("rotated"), &dir.join("rotated.log.1"));
    compress(&log("zipped"));
    for name in ["rotated", "zipped"] {
        append_lines(&log(name), 4);
    }
    fs::remove_file(log("deleted")).unwrap();
    fs::remove_file(log("replaced")).unwrap();
    fs::create_dir(log("replaced")).unwrap();
    length
}

fn text(length: usize, rest: &str) -> String {
    let mut text = rest.to_owned();
    for lines in (1..10).rev() {
        text = text.replace(&format!("{lines}L"), &(lines * length).to_string());
    }
    text
}

#[test]
fn what_is_said_of_the_next_start_is_what_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let configured = config(dir.path(), &FATES);
    for name in FATES {
        append_lines(&dir.path().join(format!("{name}.log")), 3);
    }
    let daemon = Daemon::configured(dir.path(), &configured);
    daemon.metrics_after(&FATES.map(|name| (name, 3)));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    let length = meet_fates(dir.path());

    let state = files(&dir.path().join("state"));
    let show = |args: &[&str]| run(dir.path(), [&["state", "show"], args].concat(), "").succeeded();
    let said = show(&["--config", "config.toml"]);
    let said = said.replace(&format!("{}/", dir.path().display()), "");
    let about = said
        .lines()
        .filter(|line| line.contains(".log ") || line.contains("next start"));
    let about: Vec<_> = about.map(str::trim).collect();
    let expected = text(
        length,
        "copied.log up to byte 3L: truncated, its text is in the copy copied.log.1, 2L bytes to read; \
         then from byte 0, 1L bytes to read\n\
         the next start has 3L bytes to read\n\
         cut.log up to byte 3L: truncated, and no copy was found; what was written since is lost; from byte 0, 1L bytes to read\n\
         the next start has 1L bytes to read\n\
         deleted.log up to byte 3L: gone, and its text was not found; what was written since is lost\n\
         the next start has nothing to read\n\
         grown.log up to byte 3L: 2L bytes to read\n\
         the next start has 2L bytes to read\n\
         replaced.log up to byte 3L: gone, and its text was not found; what was written since is lost\n\
         note: replaced.log is a directory, not a regular file\n\
         the next start has nothing to read\n\
         rotated.log up to byte 3L: renamed to rotated.log.1, 2L bytes to read\n\
         rotated.log from byte 0: 4L bytes to read\n\
         the next start has 6L bytes to read\n\
         same.log up to byte 3L: nothing to read\n\
         the next start has nothing to read\n\
         zipped.log up to byte 3L: gone, its text is in zipped.log.1.gz, 2L bytes to read\n\
         zipped.log from byte 0: 4L bytes to read\n\
         the next start has 6L bytes to read",
    );
    assert_eq!(about.join("\n"), expected);
    let shown: Value = serde_json::from_str(&show(&["--json", "--config", "config.toml"])).unwrap();
    for (pointer, value) in [
        ("/sources/3/files/0/next_start/file", Value::from("goes on")),
        ("/sources/3/files/0/next_start/bytes", (2 * length).into()),
        (
            "/sources/7/next_start/other_files/0/bytes",
            (4 * length).into(),
        ),
        ("/sources/7/next_start/bytes", (6 * length).into()),
    ] {
        assert_eq!(
            shown.pointer(pointer),
            Some(&value),
            "{pointer} in {shown:#}"
        );
    }
    // A directory alone does not say what is followed.
    assert!(!show(&["state"]).contains("to read"));
    assert_eq!(files(&dir.path().join("state")), state);

    // Without those whose logs are missing: the others become ready.
    let counted = ["copied", "cut", "grown", "rotated", "same", "zipped"];
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), &counted));
    let lines = [6, 4, 5, 9, 3, 9];
    let wanted: Vec<_> = counted.into_iter().zip(lines).collect();
    daemon.metrics_after(&wanted);
}

/// Returns the names, the sizes and the times of the files in a directory.
fn files(dir: &Path) -> Vec<(OsString, u64, SystemTime)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            (entry.file_name(), meta.len(), meta.modified().unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn sources_that_were_removed_and_added_are_named() {
    let dir = tempfile::tempdir().unwrap();
    append_lines(&dir.path().join("old.log"), 3);
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), &["old"]));
    daemon.metrics_after(&[("old", 3)]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    fs::write(dir.path().join("config.toml"), config(dir.path(), &["new"])).unwrap();
    let said = run(dir.path(), ["state", "show", "--config", "config.toml"], "").succeeded();
    assert!(
        said.contains("  it is not configured: the next start forgets it\n"),
        "{said}"
    );
    assert!(
        said.ends_with("new: the next start begins to count it\n"),
        "{said}"
    );
}
