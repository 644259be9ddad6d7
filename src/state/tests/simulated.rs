//! A directory in memory that can lose power and fail.
//!
//! Operations that were not synced are in a list of pending ones. A loss of power keeps any subset of them, in their sequence, and of
//! a write also only its first or its second half. That is more than a file system allows itself, and so any is covered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use super::super::directory::{Directory, NewFile};

/// A simulated directory; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Simulated(Arc<Mutex<World>>);

/// A sync that reports success and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ignored {
    /// That of a file.
    File,
    /// That of the directory.
    Directory,
}

#[derive(Default)]
struct World {
    /// Contents as the processes see them, and as the disk holds them.
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending: Vec<Pending>,
    /// Operations since the last [`Simulated::restart`].
    operations: usize,
    killed_at: Option<usize>,
    failure: Option<(usize, Errno)>,
    ignored: Option<Ignored>,
    lacks_links: bool,
    /// Changes fail with this error.
    refusal: Option<Errno>,
}

#[derive(Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
}

/// An operation that is not durable.
enum Pending {
    Write {
        file: usize,
        at: usize,
        bytes: Vec<u8>,
    },
    Name {
        name: String,
        file: Option<usize>,
    },
    Rename {
        from: String,
        to: String,
        file: usize,
    },
}

impl Pending {
    /// Returns the file that it changes or names.
    fn file(&self) -> Option<usize> {
        match self {
            Self::Write { file, .. } | Self::Rename { file, .. } => Some(*file),
            Self::Name { file, .. } => *file,
        }
    }

    /// Number of results that a loss of power can have.
    fn results(&self) -> usize {
        match self {
            Self::Write { .. } => 4,
            Self::Name { .. } | Self::Rename { .. } => 2,
        }
    }
}

impl Simulated {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Creates a directory on a file system without second names for files.
    pub(crate) fn without_links() -> Self {
        let simulated = Self::default();
        simulated.world().lacks_links = true;
        simulated
    }

    /// Returns a copy that has its own fate.
    pub(crate) fn fork(&self) -> Self {
        let world = self.world();
        let named = world.names.values().chain(world.durable_names.values());
        let unwritten = world.pending.iter().map(Pending::file);
        let used: BTreeSet<_> = named.copied().chain(unwritten.flatten()).collect();
        let files = world.files.iter().enumerate().map(|(file, content)| {
            if !used.contains(&file) {
                return Content::default();
            }
            Content {
                cached: content.cached.clone(),
                durable: content.durable.clone(),
            }
        });
        let pending = world.pending.iter().map(|pending| match pending {
            Pending::Write { file, at, bytes } => Pending::Write {
                file: *file,
                at: *at,
                bytes: bytes.clone(),
            },
            Pending::Name { name, file } => Pending::Name {
                name: name.clone(),
                file: *file,
            },
            Pending::Rename { from, to, file } => Pending::Rename {
                from: from.clone(),
                to: to.clone(),
                file: *file,
            },
        });
        let copy = World {
            files: files.collect(),
            names: world.names.clone(),
            durable_names: world.durable_names.clone(),
            pending: pending.collect(),
            lacks_links: world.lacks_links,
            ..World::default()
        };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// Begins the life of a process, which is killed before this operation.
    pub(crate) fn restart(&self, killed_at: Option<usize>) {
        let mut world = self.world();
        world.operations = 0;
        world.killed_at = killed_at;
        world.failure = None;
    }

    /// Returns the number of operations since the process began.
    pub(crate) fn operations(&self) -> usize {
        self.world().operations
    }

    /// Makes the operation after this many fail.
    pub(crate) fn fail(&self, after: usize, errno: Errno) {
        let mut world = self.world();
        world.failure = Some((world.operations + after, errno));
    }

    /// Makes all syncs of one kind do nothing, or none of them.
    pub(crate) fn ignore(&self, ignored: Option<Ignored>) {
        self.world().ignored = ignored;
    }

    /// Makes all changes fail, or none: those that need room if the disk is full.
    pub(crate) fn refuse_changes(&self, errno: Option<Errno>) {
        self.world().refusal = errno;
    }

    /// Returns the content of a file.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        let file = world.names.get(name);
        file.map(|file| world.files[*file].cached.clone())
    }

    /// Removes a file as another program would, durably.
    pub(crate) fn take_away(&self, name: &str) {
        let mut world = self.world();
        world.names.remove(name);
        world.durable_names.remove(name);
    }

    /// Returns the number of results that a loss of power can have.
    pub(crate) fn power_losses(&self) -> usize {
        self.world().pending.iter().map(Pending::results).product()
    }

    /// Loses the power, with one of the results.
    pub(crate) fn lose_power(&self, mut result: usize) {
        let mut world = self.world();
        for pending in std::mem::take(&mut world.pending) {
            let chosen = result % pending.results();
            result /= pending.results();
            if chosen > 0 {
                world.persist(pending, chosen);
            }
        }
        world.names = world.durable_names.clone();
        for content in &mut world.files {
            content.cached.clone_from(&content.durable);
        }
    }

    /// Writes a file as another program would, durably.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut world = self.world();
        let file = world.files.len();
        world.files.push(Content {
            cached: bytes.to_vec(),
            durable: bytes.to_vec(),
        });
        world.names.insert(name.into(), file);
        world.durable_names.insert(name.into(), file);
    }

    /// Returns the names of the files.
    pub(crate) fn names(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }
}

impl World {
    /// Counts an operation, which fails if the process is killed or a failure is planned.
    fn begin(&mut self) -> io::Result<()> {
        let now = self.operations;
        self.operations += 1;
        if self.killed_at.is_some_and(|at| now >= at) {
            return Err(io::Error::other("killed"));
        }
        match self.failure {
            Some((at, errno)) if at == now => Err(errno.into()),
            _ => Ok(()),
        }
    }

    /// Counts an operation that changes something; `needs_room` if a full disk refuses it.
    fn change(&mut self, needs_room: bool) -> io::Result<()> {
        self.begin()?;
        match self.refusal {
            Some(errno) if needs_room || errno != Errno::NOSPC => Err(errno.into()),
            _ => Ok(()),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        Ok(*self.names.get(name).ok_or(Errno::NOENT)?)
    }

    fn set_name(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(name.into(), file),
            None => self.names.remove(name),
        };
        let name = name.into();
        self.pending.push(Pending::Name { name, file });
    }

    /// Makes an operation durable; a write whole (1), or its first (2) or second half (3).
    fn persist(&mut self, pending: Pending, chosen: usize) {
        match pending {
            Pending::Write { file, at, bytes } => {
                let durable = &mut self.files[file].durable;
                let end = at + bytes.len();
                let half = at + bytes.len() / 2;
                let (start, end) = match chosen {
                    1 => (at, end),
                    2 => (at, half),
                    _ => (half, end),
                };
                durable.resize(durable.len().max(end), 0);
                durable[start..end].copy_from_slice(&bytes[start - at..end - at]);
            }
            Pending::Name { name, file } => {
                match file {
                    Some(file) => self.durable_names.insert(name, file),
                    None => self.durable_names.remove(&name),
                };
            }
            Pending::Rename { from, to, file } => {
                self.durable_names.remove(&from);
                self.durable_names.insert(to, file);
            }
        }
    }

    /// Syncs what `is_meant`. If that fails, what was pending is never written, and a second sync does not notice.
    fn sync(&mut self, ignored: Ignored, is_meant: impl Fn(&Pending) -> bool) -> io::Result<()> {
        let begun = self.begin();
        if self.killed_at.is_some_and(|at| self.operations > at) {
            return begun;
        }
        if self.ignored == Some(ignored) {
            return begun;
        }
        for pending in std::mem::take(&mut self.pending) {
            if !is_meant(&pending) {
                self.pending.push(pending);
            } else if begun.is_ok() {
                self.persist(pending, 1);
            }
        }
        begun
    }

    fn sync_content(&mut self, wanted: usize) -> io::Result<()> {
        self.sync(
            Ignored::File,
            |pending| matches!(pending, Pending::Write { file, .. } if *file == wanted),
        )
    }
}

impl Directory for Simulated {
    fn path(&self) -> &Path {
        Path::new("/state")
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut world = self.world();
        world.begin()?;
        let file = world.names.get(name);
        Ok(file.map(|file| world.files[*file].cached.clone()))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        let mut world = self.world();
        world.begin()?;
        Ok(world.names.contains_key(name))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        let mut world = self.world();
        world.change(true)?;
        if world.names.contains_key(name) {
            return Err(Errno::EXIST.into());
        }
        let file = world.files.len();
        world.files.push(Content::default());
        world.set_name(name, Some(file));
        let world = self.clone();
        Ok(Box::new(SimulatedFile { world, file }))
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        let file = world.find(name)?;
        world.sync_content(file)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.change(false)?;
        if world.names.contains_key(name) {
            world.set_name(name, None);
        }
        Ok(())
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.change(false)?;
        let file = world.find(from)?;
        if world.lacks_links {
            return Err(Errno::PERM.into());
        }
        if world.names.contains_key(to) {
            return Err(Errno::EXIST.into());
        }
        world.set_name(to, Some(file));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.change(false)?;
        let file = world.find(from)?;
        world.names.remove(from);
        world.names.insert(to.into(), file);
        let (from, to) = (from.into(), to.into());
        world.pending.push(Pending::Rename { from, to, file });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.world().sync(Ignored::Directory, |pending| {
            !matches!(pending, Pending::Write { .. })
        })
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

struct SimulatedFile {
    world: Simulated,
    file: usize,
}

impl NewFile for SimulatedFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.world.world();
        let begun = world.change(true);
        let is_killed = world.killed_at.is_some_and(|at| world.operations > at);
        // A disk that is full takes a part.
        let taken = match begun {
            Ok(()) => bytes,
            Err(_) if is_killed => &[],
            Err(_) => &bytes[..bytes.len() / 3],
        };
        let file = self.file;
        let cached = &mut world.files[file].cached;
        let at = cached.len();
        cached.extend_from_slice(taken);
        if !taken.is_empty() {
            let bytes = taken.to_vec();
            world.pending.push(Pending::Write { file, at, bytes });
        }
        begun
    }

    fn sync(&mut self) -> io::Result<()> {
        self.world.world().sync_content(self.file)
    }
}
