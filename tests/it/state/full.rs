//! Tests of a state directory without room: a real file system of its own, in a mount namespace.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{append_lines, assert_counted, kept};
use crate::scrape::Scrape;
use crate::support::{Daemon, program};

/// Inodes of the file system: those of its root, of `lock`, of the three copies and of two other files.
const INODES: usize = 7;

/// A small file system that exists in a namespace of its own, as long as a process in it runs.
struct Small {
    holder: Child,
    root: PathBuf,
}

impl Small {
    fn mount(on: &Path) -> Self {
        fs::create_dir(on).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=256k,mode=700,nr_inodes={INODES} none \"$0\" && echo mounted && exec cat"
        );
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(on)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let out = holder.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n");
        let inside = format!("/proc/{}/root", holder.id());
        let root = Path::new(&inside).join(on.strip_prefix("/").unwrap());
        Self { holder, root }
    }

    /// Takes all inodes that are left.
    fn fill_inodes(&self) {
        let create = |number| File::create(self.root.join(format!("filler-{number}")));
        let error = (0..).find_map(|number| create(number).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    /// Takes all space that is left.
    fn fill_space(&self) {
        let mut filler = File::create(self.root.join("filler-0")).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 512]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        for entry in fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("filler") {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// Starts a daemon that sees the file system.
    fn daemon(&self, dir: &Path, config: &str) -> Daemon {
        let path = dir.join("config.toml");
        fs::write(&path, config).unwrap();
        let exporter = program(["run", "--config"]);
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--mount", "--preserve-credentials", "--target"])
            .arg(self.holder.id().to_string())
            .arg(exporter.get_program())
            .args(exporter.get_args())
            .arg(path);
        Daemon::start(dir, command)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.holder.kill().unwrap();
        self.holder.wait().unwrap();
    }
}

fn assert_not_durable(daemon: &Daemon) {
    let durable = Scrape::parse(&daemon.metrics()).value("httplog_exporter_state_durable", &[]);
    assert_eq!(durable, Some(0.0));
}

#[test]
fn a_start_on_a_full_disk_counts_on_and_keeps_it_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let config = kept(&log);
    append_lines(&log, 3);
    let small = Small::mount(&dir.path().join("state"));
    small.fill_inodes();
    let daemon = small.daemon(dir.path(), &config);
    assert_not_durable(&daemon);
    for what in [
        "cannot lock the state directory",
        "No space left on device (os error 28): free space or inodes on the file system of",
        "nothing is kept there until then",
        "the state is not kept: cannot lock",
    ] {
        daemon.wait_until_said(what);
    }
    small.make_room();
    assert_counted(&daemon, 3);
    daemon.wait_until_said("the state is kept again");
    drop(daemon); // SIGKILL
    append_lines(&log, 2);
    small.fill_space();
    let daemon = small.daemon(dir.path(), &config);
    assert_not_durable(&daemon);
    daemon.wait_until_said("`state` is used");
    daemon.wait_until_said("the state is not kept: cannot write");
    small.make_room();
    assert_counted(&daemon, 5);
}
