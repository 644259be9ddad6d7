//! Rehearsals: starts from a saved position that only read.
//!
//! Invariant: files are found, judged and read by the follower itself, on a clock that runs ahead; nothing is counted or
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::event::FileEvent;
use super::follow::FileSource;
use super::fs::{FileError, FileId, Fs};
use super::open::{OpenFiles, ReadBuffer};
use super::saved::SavedFilesFault;
use super::settings::{FileSettings, Progress};
use super::shared::SharedFs;
use crate::clock::ManualClock;
use crate::model::saved::files::SavedFiles;
use crate::model::{Batch, GenerationId, SecretKey};

/// Time between two scans; doubts are decided after a few seconds.
const STEP: Duration = Duration::from_secs(10);
/// Number of scans: more than two minutes, after which everything about files that do not change is decided.
const STEPS: u32 = 14;

/// The files that a start would read, and what it would find.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// The files that were read when the position was saved, archives last.
    pub known: Vec<KnownFile>,
    /// Other files that are read.
    pub others: Vec<ReadFile>,
    /// Other events, in their sequence.
    pub events: Vec<FileEvent>,
}

/// A file that was read when the position was saved.
#[derive(Debug)]
pub struct KnownFile {
    /// Its path then.
    pub path: PathBuf,
    /// Bytes of it that were counted.
    pub offset: u64,
    /// Change of the file since.
    pub fate: Fate,
}

/// A file of which something is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// Its path.
    pub path: PathBuf,
    /// Offset from which it is read.
    pub from: u64,
    /// Bytes to read.
    pub bytes: u64,
}

/// Change of a file since the position was saved.
#[derive(Debug)]
pub enum Fate {
    /// It is read on from its offset, wherever it stands.
    GoesOn {
        /// The path at which it stands.
        path: PathBuf,
        /// Bytes to read.
        bytes: u64,
    },
    /// It is gone, and its text goes on in another file: a copy, or an archive.
    GoesOnIn(ReadFile),
    /// It is gone. What stands elsewhere of its text was counted.
    Counted,
    /// It is gone, and its text was not found. What was written to it since is lost.
    Lost {
        /// Bytes that are known to be lost.
        at_least: u64,
    },
    /// It was truncated.
    Truncated {
        /// The copy in which its text goes on. Without one, what was written since is lost.
        copy: Option<ReadFile>,
        /// Bytes that are known to be lost.
        at_least: u64,
        /// Offset from which it is read.
        from: u64,
        /// Bytes to read from there.
        bytes: u64,
    },
    /// It was rewritten with its last lines, and is read behind these.
    Rewritten {
        /// Offset from which it is read.
        from: u64,
        /// Bytes to read from there.
        bytes: u64,
    },
    /// It cannot be read; the cause is that of many files if there is none.
    Unreadable(Option<FileError>),
}

/// A file that was open at any time.
struct Seen {
    /// Identity of a plain file.
    file_id: Option<FileId>,
    path: PathBuf,
    base: PathBuf,
    from: u64,
    bytes: u64,
    offset: u64,
}

/// The files that were open, by their identifier, and the events of all.
#[derive(Default)]
struct Run {
    seen: BTreeMap<GenerationId, Seen>,
    events: Vec<FileEvent>,
}

impl Rehearsal {
    /// Lets a source go on from a saved position until everything is decided, and reads what it would read.
    pub fn run<F: Fs + Clone>(
        settings: &FileSettings,
        fs: F,
        key: SecretKey,
        saved: &SavedFiles,
    ) -> Result<Self, SavedFilesFault> {
        let clock = Arc::new(ManualClock::default());
        // As in the daemon, whose follower is the same code then.
        let fs = SharedFs::new(fs, Arc::clone(&clock) as _);
        let names = fs.clone();
        let mut source = FileSource::resume(settings, fs, Arc::clone(&clock) as _, key, saved)?;
        let closed = &source.open().closed;
        let plain = closed.files.iter();
        let plain = plain.map(|own| (Some(own.id), own.path.clone(), own.base.clone(), own.offset));
        let archives = closed.archives.iter();
        let archives = archives.map(|own| (None, own.path.clone(), own.base.clone(), own.offset));
        let known: Vec<_> = plain.chain(archives).collect();
        let mut run = Run::default();
        let mut buffer = ReadBuffer::default();
        for _ in 0..STEPS {
            source.discover(&mut |event| run.events.push(event));
            run.note(source.open());
            while run.poll(&mut source, &mut buffer) == Progress::More {}
            clock.advance(STEP);
        }
        let closed = &source.open().closed;
        let left = closed.files.iter().map(|own| own.path.clone());
        let left = left.chain(closed.archives.iter().map(|own| own.path.clone()));
        let left: BTreeSet<_> = left.collect();
        let known: Vec<_> = (known.into_iter())
            .map(|(id, path, base, offset)| {
                let file_id = id.and_then(|id| run.seen.get(&id)?.file_id);
                let fate = match run.fate(id, &path, &base, offset) {
                    Fate::Counted if left.contains(&path) => Fate::Unreadable(None),
                    Fate::GoesOn { path, bytes } => Fate::GoesOn {
                        path: file_id
                            .and_then(|id| place(&names, &path, id))
                            .unwrap_or(path),
                        bytes,
                    },
                    fate => fate,
                };
                KnownFile { path, offset, fate }
            })
            .collect();
        let others = run.seen.into_values().map(Seen::into_read);
        Ok(Self {
            known,
            others: others.collect(),
            events: run.events,
        })
    }
}

/// Returns the path of a file that was renamed in its directory; `None` if it has its path, or was moved elsewhere.
fn place<F: Fs>(fs: &F, path: &Path, id: FileId) -> Option<PathBuf> {
    let leads_to_it = |path: &Path| fs.stat(path).is_ok_and(|meta| meta.id == id);
    if leads_to_it(path) {
        return None;
    }
    let dir = path.parent()?;
    let mut names = Vec::new();
    fs.list(dir, &mut |entry| names.push(entry.name)).ok()?;
    let mut paths = names.into_iter().map(|name| dir.join(name));
    paths.find(|path| leads_to_it(path))
}

impl Run {
    /// Polls once, and notes what was read.
    fn poll<F: Fs>(&mut self, source: &mut FileSource<F>, buffer: &mut ReadBuffer) -> Progress {
        let (seen, events) = (&mut self.seen, &mut self.events);
        let mut sink = |batch: &Batch<'_>| {
            let end = batch.end();
            if let Some(file) = seen.get_mut(&end.generation) {
                file.read_until(end.offset);
            }
        };
        let progress = source.poll(buffer, &mut sink, &mut |event| events.push(event));
        self.note(source.open());
        progress
    }

    /// Notes the positions of the files that are open.
    fn note<F: Fs>(&mut self, open: &OpenFiles<F>) {
        for (id, path, base, offset) in open.positions() {
            let seen = self.seen.entry(id).or_insert_with(|| Seen {
                file_id: open.get(id).map(|own| own.file_id),
                path: path.to_owned(),
                base: base.to_owned(),
                from: offset,
                bytes: 0,
                offset,
            });
            path.clone_into(&mut seen.path);
            seen.go_to(offset);
        }
    }

    /// Returns what became of a file, and removes what belongs to it.
    fn fate(&mut self, id: Option<GenerationId>, path: &Path, base: &Path, offset: u64) -> Fate {
        let own = id.and_then(|id| self.seen.remove(&id));
        let now = own.as_ref().map_or(path, |own| &own.path).to_owned();
        let is_about = |event: &FileEvent| match event {
            FileEvent::Truncated { path: of, .. }
            | FileEvent::Rewritten { path: of, .. }
            | FileEvent::Unreadable { path: of, .. } => *of == path || *of == now,
            _ => false,
        };
        let is_gone =
            |event: &FileEvent| matches!(event, FileEvent::Gone { path: of, .. } if *of == path);
        let found = self.events.iter().position(is_gone);
        let found = found.or_else(|| self.events.iter().position(is_about));
        let event = found.map(|at| self.events.remove(at));
        match (own, event) {
            (_, Some(FileEvent::Gone { unread, .. })) => Fate::Lost { at_least: unread },
            (None, Some(FileEvent::Unreadable { error, .. })) => Fate::Unreadable(Some(error)),
            (
                own,
                Some(FileEvent::Truncated {
                    unread,
                    resume,
                    copy,
                    ..
                }),
            ) => {
                let copy = copy.map(|copy| self.take(&copy, offset));
                let bytes = own.map_or(0, |own| own.bytes);
                Fate::Truncated {
                    copy,
                    at_least: unread,
                    from: resume,
                    bytes,
                }
            }
            (Some(own), Some(FileEvent::Rewritten { resume, .. })) => Fate::Rewritten {
                from: resume,
                bytes: own.bytes,
            },
            (Some(own), event) => {
                self.events.extend(event);
                let Seen { path, bytes, .. } = own;
                Fate::GoesOn { path, bytes }
            }
            (None, event) => {
                self.events.extend(event);
                match self.take_continuation(base, offset) {
                    Some(ReadFile {
                        path: same, bytes, ..
                    }) if same == path => Fate::GoesOn { path: same, bytes },
                    other => other.map_or(Fate::Counted, Fate::GoesOnIn),
                }
            }
        }
    }

    /// Removes and returns what is read of a copy from this offset.
    fn take(&mut self, copy: &Path, offset: u64) -> ReadFile {
        let is_it = |seen: &Seen| seen.path == copy && seen.from == offset;
        let nothing = || ReadFile {
            path: copy.to_owned(),
            from: offset,
            bytes: 0,
        };
        self.remove(is_it).unwrap_or_else(nothing)
    }

    /// Removes and returns the file that is read from this offset, and was rotated from this path.
    fn take_continuation(&mut self, base: &Path, offset: u64) -> Option<ReadFile> {
        self.remove(|seen| seen.base == base && seen.from == offset && offset > 0)
    }

    fn remove(&mut self, is_it: impl Fn(&Seen) -> bool) -> Option<ReadFile> {
        let id = (self.seen.iter()).find_map(|(id, seen)| is_it(seen).then_some(*id))?;
        self.seen.remove(&id).map(Seen::into_read)
    }
}

impl Seen {
    /// Notes that everything before this offset was read.
    fn read_until(&mut self, end: u64) {
        self.bytes += end.saturating_sub(self.offset);
        self.offset = end;
    }

    /// Notes the position, which decisions about the file change, too.
    fn go_to(&mut self, offset: u64) {
        self.offset = offset;
        if self.bytes == 0 {
            self.from = offset;
        }
    }

    fn into_read(self) -> ReadFile {
        ReadFile {
            path: self.path,
            from: self.from,
            bytes: self.bytes,
        }
    }
}
