//! Bench on which files are written, rotated, truncated and removed, on a real file system.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, create_dir, hard_link, remove_dir, remove_file, write};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;
use crate::clock::ManualClock;
use crate::model::SecretKey;
use crate::model::saved::files::SavedFiles;
use crate::source::Frame;
use crate::source::frame::READ_BYTES;

mod alike;
mod archives;
mod containers;
mod copytruncate;
mod crowd;
mod descriptors;
mod faults;
mod known;
#[cfg(feature = "stack")]
mod logrotate;
mod model;
mod names;
mod overwritten;
pub(crate) mod planted;
mod polling;
mod reading;
mod rehearsals;
mod replaced;
mod restarts;
mod rotation;
mod sequences;
pub(crate) mod simulation;
mod trouble;
mod weeks;

const LIMIT: usize = 1_000;
const WAIT: Duration = Duration::from_mins(1);

/// Real file system that refuses some paths and counts its calls.
#[derive(Clone, Default)]
pub(super) struct Refusing {
    refused: Arc<Mutex<BTreeSet<PathBuf>>>,
    calls: Arc<AtomicU64>,
    lists: Arc<AtomicU64>,
    /// True if files have no time of birth.
    is_without_births: Arc<AtomicBool>,
}

impl Refusing {
    pub(super) fn refuse(&self, path: PathBuf) {
        self.refused.lock().unwrap().insert(path);
    }

    pub(super) fn allow_all(&self) {
        self.refused.lock().unwrap().clear();
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns how often a directory was listed.
    pub(super) fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    fn set_births(&self, has_births: bool) {
        self.is_without_births.store(!has_births, Ordering::Relaxed);
    }

    fn known(&self, mut meta: Meta) -> Meta {
        if self.is_without_births.load(Ordering::Relaxed) {
            meta.id.born = 0;
        }
        meta
    }

    fn enter(&self, path: &Path) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.refused.lock().unwrap().contains(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

impl Fs for Refusing {
    type File = (File, PathBuf);

    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()> {
        self.enter(dir)?;
        self.lists.fetch_add(1, Ordering::Relaxed);
        RealFs.list(dir, found)
    }

    /// Takes permission to search the directory, not to read the file.
    fn stat(&self, path: &Path) -> io::Result<Meta> {
        self.enter(path.parent().unwrap())?;
        Ok(self.known(RealFs.stat(path)?))
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        RealFs.link(path)
    }

    fn open(&self, path: &Path) -> Result<Self::File, FileError> {
        self.enter(path)?;
        Ok((RealFs.open(path)?, path.to_path_buf()))
    }

    fn fstat(&self, (file, _): &Self::File) -> io::Result<Meta> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(self.known(RealFs.fstat(file)?))
    }

    fn is_deleted(&self, (file, _): &Self::File) -> bool {
        RealFs.is_deleted(file)
    }

    fn read_at(&self, (file, path): &Self::File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.enter(path)?;
        RealFs.read_at(file, buffer, at)
    }

    fn log(&self, (file, _): &Self::File) -> io::Result<Box<dyn OpenLog>> {
        RealFs.log(file)
    }
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A directory, a source that follows files in it, and what it handed over.
struct Bench {
    root: TempDir,
    fs: Refusing,
    clock: Arc<ManualClock>,
    settings: FileSettings,
    key: SecretKey,
    read_bytes: usize,
    source: FileSource<Refusing>,
    buffer: ReadBuffer,
    lines: Vec<String>,
    overlong: u64,
    events: Vec<FileEvent>,
}

impl Bench {
    fn new(patterns: &[&str], start: Start) -> Self {
        Self::reading(patterns, start, LIMIT, READ_BYTES)
    }

    fn reading(patterns: &[&str], start: Start, line_bytes: usize, read_bytes: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (fs, clock) = (Refusing::default(), Arc::new(ManualClock::default()));
        let settings = settings(&root, patterns, start, line_bytes);
        let key = SecretKey::random();
        let mut source =
            FileSource::with_read_bytes(&settings, fs.clone(), clock.clone(), key, read_bytes);
        source.set_lists_always(true);
        Self {
            root,
            fs,
            clock,
            settings,
            key,
            read_bytes,
            source,
            buffer: ReadBuffer::default(),
            lines: Vec::new(),
            overlong: 0,
            events: Vec::new(),
        }
    }

    /// Starts another source from a saved state.
    fn resume(&mut self, saved: &SavedFiles) {
        let mut saved = saved.clone();
        planted::leave_out(&mut saved);
        self.clock = Arc::new(ManualClock::default());
        let source = FileSource::resume_with_read_bytes(
            &self.settings,
            self.fs.clone(),
            self.clock.clone(),
            self.key,
            &saved,
            self.read_bytes,
        );
        self.source = source.unwrap();
        self.source.set_lists_always(true);
    }

    /// Replaces the source by one that starts from its state.
    fn restart(&mut self) {
        let saved = self.source.save();
        self.resume(&saved);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        self.writer(name).write_all(text.as_bytes()).unwrap();
    }

    /// Returns a writer that keeps its inode when the path is renamed, as a server does.
    fn writer(&self, name: &str) -> File {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        options.open(self.path(name)).unwrap()
    }

    fn rename(&self, from: &str, to: &str) {
        #[expect(clippy::disallowed_methods, reason = "what logrotate does")]
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Puts an empty log in the place of the log, as a rotation does, and drains.
    fn renew(&mut self, name: &str) {
        self.rename(name, &format!("{name} moved away"));
        self.append(name, "");
        self.drain();
    }

    fn round(&mut self) -> Progress {
        let (lines, overlong) = (&mut self.lines, &mut self.overlong);
        self.source.poll(
            &mut self.buffer,
            &mut |batch| {
                *overlong += batch.overlong();
                let own = batch
                    .lines()
                    .map(|line| String::from_utf8_lossy(line).into_owned());
                lines.extend(own);
            },
            &mut |event| self.events.push(event),
        )
    }

    /// Discovers, and reads everything.
    fn drain(&mut self) {
        self.source.discover(&mut |event| self.events.push(event));
        while self.round() == Progress::More {}
    }

    /// Drains, and takes the lines handed over.
    fn take_lines(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.lines)
    }

    /// Takes the events, each as its name and that of the file.
    fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
            .iter()
            .map(|event| {
                let debug = format!("{event:?}");
                let name = debug.split(' ').next().unwrap();
                let path = match event {
                    FileEvent::Opened { path, .. }
                    | FileEvent::Rotated { path, .. }
                    | FileEvent::Finished { path, .. }
                    | FileEvent::Truncated { path, .. }
                    | FileEvent::Rewritten { path, .. }
                    | FileEvent::Missing { path }
                    | FileEvent::OpenedMany { path, .. }
                    | FileEvent::Waiting { path, .. }
                    | FileEvent::ManyMissing { path, .. }
                    | FileEvent::ManyUnreadable { path, .. }
                    | FileEvent::Unreadable { path, .. }
                    | FileEvent::Readable { path }
                    | FileEvent::Damaged { path, .. }
                    | FileEvent::Gone { path, .. }
                    | FileEvent::Forgotten { path, .. }
                    | FileEvent::Dropped { path, .. } => path,
                    FileEvent::Unwatched { .. } => unreachable!(),
                };
                format!("{name} {}", path.file_name().unwrap().display())
            })
            .collect()
    }

    fn offsets(&self) -> Vec<u64> {
        let positions = self.source.open().positions();
        positions.map(|(.., offset)| offset).collect()
    }
}

fn settings(root: &TempDir, patterns: &[&str], start: Start, line_bytes: usize) -> FileSettings {
    let path =
        |pattern: &&str| PathPattern::new(root.path().join(pattern).to_str().unwrap()).unwrap();
    FileSettings {
        paths: patterns.iter().map(path).collect(),
        start,
        line_bytes,
        frame: Frame::None,
        rotate_wait: WAIT,
        poll: Duration::from_secs(1),
        open_files: usize::MAX,
    }
}
