//! The logs of a Kubernetes node, as kubelet and containerd keep them.
//!
//! Invariant: a line that was written to standard output is in exactly one file at any time, until kubelet deletes that file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{append, rename};

/// Rotated files that kubelet keeps beside the current one and the one before: `containerLogMaxFiles` is 5.
const MOST_ROTATED: usize = 3;

/// Namespace, workload and container.
pub type Place = (String, String, String);

/// The directories `containers` and `pods` of a node, and the number of lines written to standard output by each container.
pub struct Node {
    dir: PathBuf,
    pub containers: Vec<Container>,
    pub written: BTreeMap<Place, u64>,
    /// Pieces of lines of standard error.
    pub errors: BTreeMap<Place, u64>,
    /// Numbers lines, containers, and seconds of the clock.
    tick: u64,
}

/// A running container and the files of its log.
pub struct Container {
    pub pod: String,
    place: Place,
    /// The directory of its logs in that of the pod.
    dir: PathBuf,
    /// Its restarts so far: the name of its log.
    attempt: u32,
    /// Its link, and that of the container before it, which kubelet keeps.
    links: Vec<(PathBuf, u32)>,
    file: File,
    /// The last piece of the line that standard output is within.
    pending: Option<String>,
}

impl Node {
    pub fn new(dir: &Path) -> Self {
        for name in ["containers", "pods"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        Self {
            dir: dir.to_owned(),
            containers: Vec::new(),
            written: BTreeMap::new(),
            errors: BTreeMap::new(),
            tick: 0,
        }
    }

    /// Starts a pod with these containers.
    pub fn start(&mut self, namespace: &str, pod: &str, workload: &str, containers: &[&str]) {
        self.tick += 1;
        let uid = format!("{:08x}-5b1c-4b57-9d6e-3f0a7c1e2d4b", self.tick);
        for container in containers {
            let name = format!("pods/{namespace}_{pod}_{uid}/{container}");
            let dir = self.dir.join(name);
            fs::create_dir_all(&dir).unwrap();
            self.containers.push(Container {
                pod: pod.to_owned(),
                place: (namespace.into(), workload.into(), (*container).into()),
                file: append(&dir.join("0.log")),
                dir,
                attempt: 0,
                links: Vec::new(),
                pending: None,
            });
            let started = self.containers.len() - 1;
            self.link(started);
        }
    }

    /// Links to the log of a container that has just started.
    fn link(&mut self, nth: usize) {
        self.tick += 1;
        let Container { pod, place, .. } = &self.containers[nth];
        let (namespace, _, container) = place;
        let id = format!("{:064x}", self.tick);
        let link = format!("containers/{pod}_{namespace}_{container}-{id}.log");
        let link = self.dir.join(link);
        let container = &mut self.containers[nth];
        symlink(container.log(), &link).unwrap();
        container.links.push((link, container.attempt));
    }

    /// Writes a request to standard output, in one piece or in several, as containerd cuts long lines.
    pub fn write(&mut self, nth: usize, line: &str) {
        self.begin(nth, line);
        self.end(nth);
    }

    /// Writes a request up to its last piece, while standard error writes too. That piece may be empty, as CRI-O writes it if
    /// its buffer ended at the newline.
    pub fn begin(&mut self, nth: usize, line: &str) {
        self.end(nth);
        let pieces = usize::try_from(self.tick % 4).unwrap();
        let size = line.len().checked_div(pieces).unwrap_or(line.len());
        let mut rest = line;
        for _ in 0..pieces {
            let (piece, after) = rest.split_at(size);
            self.put(nth, "stdout", "P", piece);
            self.error(nth);
            rest = after;
        }
        self.containers[nth].pending = Some(rest.to_owned());
        let place = self.containers[nth].place.clone();
        *self.written.entry(place).or_default() += 1;
    }

    /// Ends a request that `begin` has begun.
    fn end(&mut self, nth: usize) {
        if let Some(piece) = self.containers[nth].pending.take() {
            self.put(nth, "stdout", "F", &piece);
        }
    }

    /// Writes what looks like a request to standard error, in one piece or two.
    pub fn error(&mut self, nth: usize) {
        let text = "127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"GET /stderr HTTP/1.1\" 500 1 \"-\" \"ua\" \"-\"";
        let place = self.containers[nth].place.clone();
        let pieces = self.errors.entry(place).or_default();
        if self.tick.is_multiple_of(2) {
            *pieces += 2;
            self.put(nth, "stderr", "P", &text[..20]);
            self.put(nth, "stderr", "F", &text[20..]);
        } else {
            *pieces += 1;
            self.put(nth, "stderr", "F", text);
        }
    }

    fn put(&mut self, nth: usize, stream: &str, tag: &str, text: &str) {
        self.tick += 1;
        let (seconds, nanoseconds) = (self.tick / 1000, self.tick % 1000 * 1_000_003);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let line = format!(
            "2026-11-22T18:{minutes:02}:{seconds:02}.{nanoseconds:09}Z {stream} {tag} {text}\n"
        );
        let file = &mut self.containers[nth].file;
        file.write_all(line.as_bytes()).unwrap();
    }

    /// Rotates a log as kubelet does when it is large: the rotated ones are compressed, the log is renamed, and containerd opens it again.
    pub fn rotate(&mut self, nth: usize) {
        self.tick += 1;
        let tick = self.tick;
        let container = &mut self.containers[nth];
        let log = container.log();
        let mut rotated = container.rotated();
        let excess = rotated.len().saturating_sub(MOST_ROTATED);
        for file in rotated.drain(..excess) {
            fs::remove_file(file).unwrap();
        }
        for file in rotated {
            if file.extension().is_none_or(|it| it != "gz") {
                compress(&file);
            }
        }
        let (minutes, seconds) = (tick / 60 % 60, tick % 60);
        let suffix = format!("20261122-{:02}{minutes:02}{seconds:02}", tick / 3600);
        rename(&log, &PathBuf::from(format!("{}.{suffix}", log.display())));
        container.file = append(&log);
    }

    /// Ends a container and starts the next one in its place. kubelet keeps one that ended, with its log.
    pub fn restart(&mut self, nth: usize) {
        self.end(nth);
        let container = &mut self.containers[nth];
        if container.links.len() > 1 {
            let (link, attempt) = container.links.remove(0);
            fs::remove_file(link).unwrap();
            for file in container.files() {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                if name.starts_with(&format!("{attempt}.log")) {
                    fs::remove_file(file).unwrap();
                }
            }
        }
        container.attempt += 1;
        container.file = append(&container.log());
        self.link(nth);
    }

    /// Deletes a pod with all its files and links.
    pub fn delete(&mut self, pod: &str) {
        let (deleted, left): (Vec<_>, _) = std::mem::take(&mut self.containers)
            .into_iter()
            .partition(|container| container.pod == pod);
        assert!(!deleted.is_empty(), "{pod} is not running");
        self.containers = left;
        for container in &deleted {
            for (link, _) in &container.links {
                fs::remove_file(link).unwrap();
            }
        }
        fs::remove_dir_all(deleted[0].dir.parent().unwrap()).unwrap();
    }
}

impl Container {
    /// Returns its name in the pod.
    pub fn name(&self) -> &str {
        &self.place.2
    }

    fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.attempt))
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Returns the rotated files of the current log, the oldest first.
    fn rotated(&self) -> Vec<PathBuf> {
        let start = format!("{}.log.", self.attempt);
        let is_rotated = |file: &PathBuf| {
            file.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&start)
        };
        let mut files: Vec<_> = self.files().into_iter().filter(is_rotated).collect();
        files.sort();
        files
    }
}

/// Compresses a file under a temporary name, then gives it its name, and removes the file.
fn compress(file: &Path) {
    let [temporary, archive] = [".tmp", ".gz"].map(|suffix| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    });
    let mut encoder = GzEncoder::new(File::create(&temporary).unwrap(), Compression::default());
    io::copy(&mut File::open(file).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    rename(&temporary, &archive);
    fs::remove_file(file).unwrap();
}
