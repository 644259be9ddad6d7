//! Files that were read to their end and closed.
//!
//! Invariant: what was counted of a file is never counted again while its tomb stands, whatever its name,
//! compressed or not; what was written after that is told from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fs::Meta;
use super::identity::FileId;
use super::print::{Head, Print, Printer};

/// How long a tomb stands.
const STANDS: Duration = Duration::from_hours(7 * 24);
/// How many stand; the oldest falls first. As many rotated files as a busy host has, with room to spare:
/// some 10 MB at most.
const MOST: usize = 50_000;
/// How long a writer may come back to a file without a change of its directory being needed to see it.
const YOUNG: Duration = Duration::from_hours(1);
/// How many identities a text can have: plain, compressed, and what came before it was moved elsewhere.
const NAMES: usize = 4;

/// A file that was read to its end.
#[derive(Clone, Debug)]
pub(super) struct Tomb {
    /// The followed path whose text it was.
    pub(super) base: PathBuf,
    /// The path it was seen under last.
    pub(super) path: PathBuf,
    /// The files that hold it, the latest last, and what they were like when they were looked at.
    looks: Vec<(FileId, u64, u64)>,
    /// The first bytes.
    pub(super) head: Head,
    /// The last of those that were read.
    pub(super) tail: Print,
    /// How much of the text was counted, in bytes; of history, what it held.
    pub(super) counted: u64,
    /// Nothing more is written to the file that holds it.
    is_whole: bool,
    buried: Duration,
}

/// All tombs of a source.
#[derive(Debug, Default)]
pub(super) struct Tombs {
    /// By the number of their making.
    all: BTreeMap<u64, Tomb>,
    /// Which one the files that hold its text have.
    files: BTreeMap<FileId, u64>,
    /// Those to which a writer may come back unseen.
    growing: BTreeSet<u64>,
    made: u64,
}

impl Tomb {
    /// What is left of a text of `base` that stood at `path`, of which so many bytes are counted. No file
    /// is known to hold it.
    pub(super) fn new(
        base: PathBuf,
        path: PathBuf,
        prints: (Head, Print),
        counted: u64,
        now: Duration,
    ) -> Self {
        Self {
            base,
            path,
            looks: Vec::new(),
            head: prints.0,
            tail: prints.1,
            counted,
            is_whole: false,
            buried: now,
        }
    }

    /// The same of a text that a file holds, which was like this when it was looked at.
    #[must_use]
    pub(super) fn held_by(mut self, meta: &Meta) -> Self {
        self.note(meta);
        self
    }

    /// The same of a text that an archive holds from beginning to end.
    #[must_use]
    pub(super) fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    /// Remembers where a file that holds this text was seen, and what it was like.
    fn seen_as(&mut self, path: &Path, meta: &Meta) {
        path.clone_into(&mut self.path);
        self.note(meta);
    }

    fn note(&mut self, meta: &Meta) {
        self.looks.retain(|(id, ..)| *id != meta.id);
        if self.looks.len() == NAMES {
            self.looks.remove(0);
        }
        self.looks.push((meta.id, meta.size, meta.modified));
    }

    /// Whether this file holds its text, as far as its identity tells.
    pub(super) fn is_of(&self, id: FileId) -> bool {
        self.looks.iter().any(|(own, ..)| *own == id)
    }

    /// Whether the file was looked at when it was like this.
    pub(super) fn has_seen(&self, meta: &Meta) -> bool {
        self.looks.contains(&(meta.id, meta.size, meta.modified))
    }
}

impl Tombs {
    /// Adds one.
    pub(super) fn bury(&mut self, tomb: Tomb) {
        if self.all.len() == MOST {
            self.fall();
        }
        self.made += 1;
        for (id, ..) in &tomb.looks {
            self.files.insert(*id, self.made);
        }
        if !tomb.is_whole {
            self.growing.insert(self.made);
        }
        self.all.insert(self.made, tomb);
    }

    /// Lets the oldest fall; to those that aren't young any more nobody comes back unseen.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some((_, tomb)) = self.all.first_key_value()
            && now.saturating_sub(tomb.buried) > STANDS
        {
            self.fall();
        }
        let is_young = |tomb: &Tomb| now.saturating_sub(tomb.buried) < YOUNG;
        while let Some(number) = self.growing.first()
            && !self.all.get(number).is_some_and(is_young)
        {
            self.growing.pop_first();
        }
    }

    fn fall(&mut self) {
        if let Some((number, tomb)) = self.all.pop_first() {
            for (id, ..) in tomb.looks {
                if self.files.get(&id) == Some(&number) {
                    self.files.remove(&id);
                }
            }
        }
    }

    /// The tomb of a file, by its identity, and its number.
    pub(super) fn of(&self, id: FileId) -> Option<(u64, &Tomb)> {
        let number = *self.files.get(&id)?;
        Some((number, self.all.get(&number)?))
    }

    /// The tomb of a text of `base` that begins with `head`: of those that may be, the one that knows most of
    /// it; the latest.
    pub(super) fn of_text(
        &self,
        base: &Path,
        head: &[u8],
        printer: &Printer,
    ) -> Option<(u64, &Tomb)> {
        let tombs = self.all.iter().map(|(number, tomb)| (*number, tomb));
        tombs
            .filter(|(_, tomb)| tomb.base == base && printer.begins(head, &tomb.head))
            .max_by_key(|(_, tomb)| tomb.head.bytes().min(head.len()))
    }

    /// Remembers that a file holds the text of the tomb of this number, and what it was like.
    pub(super) fn seen(&mut self, number: u64, path: &Path, meta: &Meta) {
        if let Some(tomb) = self.all.get_mut(&number) {
            tomb.seen_as(path, meta);
            self.files.insert(meta.id, number);
        }
    }

    /// The text of the tomb of this number stands in a file that a writer may come back to.
    pub(super) fn may_grow(&mut self, number: u64) {
        self.growing.insert(number);
    }

    /// A file is followed from here on, and has no tomb. The text that it, or another file of its number,
    /// held keeps one: it may still be found in others.
    pub(super) fn open(&mut self, id: FileId) {
        if let Some(number) = self.files.remove(&id)
            && let Some(tomb) = self.all.get_mut(&number)
        {
            tomb.looks.retain(|(own, ..)| *own != id);
        }
    }

    /// Those to which a writer may come back unseen, the latest first; of archives only those that broke off.
    pub(super) fn growing(&self) -> impl Iterator<Item = &Tomb> {
        let numbers = self.growing.iter().rev();
        numbers.filter_map(|number| self.all.get(number))
    }
}
