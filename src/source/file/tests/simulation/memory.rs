//! A file system in memory: inodes with names, or without while they are open; numbers that are used again; dates in
//! ticks; calls that fail.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::{Entry, FileError, FileId, Fs, Kind, Meta, OpenLog};
use super::world::{Failure, World};

/// Grain of a file's dates, as in kernels; nanoseconds.
const TICK: u64 = 4_000_000;
/// Time at which histories begin, in nanoseconds.
const BEGINNING: u64 = 1_000_000_000_000;

/// The file system; clones see the same files.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<State>>);

struct State {
    inodes: BTreeMap<u64, Inode>,
    /// By the directory's name and their own.
    names: BTreeMap<PathBuf, u64>,
    /// When names changed, and when the directory was made.
    directories: BTreeMap<PathBuf, (u64, u64)>,
    /// Numbers that no file has any more.
    free: Vec<u64>,
    now: u64,
    has_births: bool,
    failure: Option<Failure>,
    /// Calls since the failure began.
    calls: u64,
    made: u64,
    replaced: u32,
    device: u64,
    /// Syncs of the follower do nothing.
    ignores_syncs: bool,
}

struct Inode {
    number: u64,
    born: u64,
    modified: u64,
    data: Vec<u8>,
    links: u64,
    readers: u32,
    writers: u32,
    /// Bytes that are certainly on the disk.
    synced: usize,
}

/// An open file of the follower.
pub(crate) struct Reader(Memory, u64);

/// An open file of a server.
pub(crate) struct Writer(Memory, u64, Option<u64>);

impl Memory {
    /// `has_births`: whether it knows when a file was made.
    pub(crate) fn new(has_births: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            directories: [(PathBuf::from("/log"), (BEGINNING, 1))].into(),
            free: Vec::new(),
            now: BEGINNING,
            has_births,
            failure: None,
            calls: 0,
            made: 0,
            replaced: 0,
            device: 1,
            ignores_syncs: false,
        })))
    }

    /// Makes the syncs of the follower do nothing.
    pub(crate) fn ignore_syncs(&self) {
        self.state().ignores_syncs = true;
    }

    /// Loses the power: a part of what was written to a file since it was synced last is left, in whole lines. An archive is
    /// left whole, or it would be a damaged one. Devices have other numbers then.
    pub(crate) fn lose_power_by(&self, mut roll: impl FnMut(u64) -> u64) {
        let mut state = self.state();
        state.device += 1;
        let State { names, inodes, .. } = &mut *state;
        let is_archive = |path: &Path| path.extension().is_some_and(|ending| ending == "gz");
        for (_, key) in names.iter().filter(|(path, _)| !is_archive(path)) {
            let inode = inodes.get_mut(key).unwrap();
            let least = inode.synced.min(inode.data.len());
            let more = (inode.data.len() - least) as u64;
            let most = least + usize::try_from(roll(more + 1)).unwrap();
            let newline = inode.data[least..most].iter();
            let newline = newline.rev().position(|byte| *byte == b'\n');
            inode.data.truncate(newline.map_or(least, |at| most - at));
            inode.synced = inode.data.len();
        }
    }

    /// Returns the number of calls of the follower since the last failure was set or ended.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn refuse(&mut self, failures: &[Failure]) -> io::Result<()> {
        self.calls += 1;
        match self.failure {
            Some(failure @ Failure::OneOf(many)) if self.calls.is_multiple_of(many) => {
                Err(failure.error())
            }
            Some(failure) if failures.contains(&failure) => Err(failure.error()),
            _ => Ok(()),
        }
    }

    fn meta(&self, key: u64) -> Meta {
        let inode = &self.inodes[&key];
        Meta {
            id: FileId {
                dev: self.device,
                ino: inode.number,
                born: if self.has_births { inode.born } else { 0 },
            },
            size: inode.data.len() as u64,
            kind: Kind::Regular,
            modified: inode.modified,
        }
    }

    fn tick(&self) -> u64 {
        self.now / TICK * TICK
    }

    fn names_changed(&mut self) {
        let tick = self.tick();
        if let Some((modified, _)) = self.directories.get_mut(Path::new("/log")) {
            *modified = tick;
        }
    }

    fn make(&mut self, path: PathBuf) -> u64 {
        self.made += 1;
        let number = self.free.pop().unwrap_or(self.made);
        let tick = self.tick();
        let inode = Inode {
            number,
            born: tick,
            modified: tick,
            data: Vec::new(),
            links: 1,
            readers: 0,
            writers: 0,
            synced: 0,
        };
        self.inodes.insert(self.made, inode);
        self.names.insert(path, self.made);
        self.names_changed();
        self.made
    }

    fn unlink(&mut self, path: &Path) {
        let key = self.names.remove(path).unwrap();
        self.inodes.get_mut(&key).unwrap().links -= 1;
        self.names_changed();
        self.release(key);
    }

    fn release(&mut self, key: u64) {
        let inode = &self.inodes[&key];
        if inode.links == 0 && inode.readers == 0 && inode.writers == 0 {
            self.free.push(inode.number);
            self.inodes.remove(&key);
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new("/log").join(name)
}

impl Fs for Memory {
    type File = Reader;

    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()> {
        let mut state = self.state();
        state.refuse(&[Failure::List])?;
        if !state.directories.contains_key(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        for path in state.names.keys().filter(|path| path.parent() == Some(dir)) {
            found(Entry {
                name: path.file_name().unwrap().to_owned(),
                kind: Kind::Regular,
            });
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Meta> {
        let mut state = self.state();
        state.refuse(&[Failure::Stat])?;
        if let Some((modified, made)) = state.directories.get(path) {
            return Ok(Meta {
                id: FileId {
                    dev: state.device,
                    ino: 1_000_000 + made,
                    born: 0,
                },
                size: 0,
                kind: Kind::Directory,
                modified: *modified,
            });
        }
        let key = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.meta(*key))
    }

    fn link(&self, _: &Path) -> Option<PathBuf> {
        None
    }

    fn open(&self, path: &Path) -> Result<Reader, FileError> {
        let mut state = self.state();
        state.refuse(&[Failure::Open, Failure::Descriptors])?;
        let key = state.names.get(path).copied();
        let key = key.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        state.inodes.get_mut(&key).unwrap().readers += 1;
        Ok(Reader(self.clone(), key))
    }

    fn fstat(&self, file: &Reader) -> io::Result<Meta> {
        let mut state = self.state();
        state.refuse(&[])?;
        Ok(state.meta(file.1))
    }

    fn is_deleted(&self, file: &Reader) -> bool {
        self.state().inodes[&file.1].links == 0
    }

    fn read_at(&self, file: &Reader, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state();
        state.refuse(&[Failure::Read])?;
        let data = &state.inodes[&file.1].data;
        let rest = &data[usize::try_from(offset).unwrap().min(data.len())..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn log(&self, file: &Reader) -> io::Result<Box<dyn OpenLog>> {
        self.state().inodes.get_mut(&file.1).unwrap().readers += 1;
        Ok(Box::new(Reader(self.clone(), file.1)))
    }
}

impl OpenLog for Reader {
    fn device(&self) -> io::Result<u64> {
        Ok(self.0.state().device)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.state();
        state.refuse(&[])?;
        if !state.ignores_syncs {
            let inode = state.inodes.get_mut(&self.1).unwrap();
            inode.synced = inode.data.len();
        }
        Ok(())
    }

    fn sync_device(&self) -> io::Result<()> {
        self.0.clone().sync();
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inodes.get_mut(&self.1).unwrap().readers -= 1;
        state.release(self.1);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inodes.get_mut(&self.1).unwrap().writers -= 1;
        state.release(self.1);
    }
}

impl World for Memory {
    type Fs = Self;
    type Writer = Writer;

    fn fs(&self) -> Self {
        self.clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        path(name)
    }

    fn writer(&mut self, name: &str, appends: bool) -> Writer {
        let mut state = self.state();
        let path = path(name);
        let key = match state.names.get(&path) {
            Some(key) => *key,
            None => state.make(path),
        };
        let inode = state.inodes.get_mut(&key).unwrap();
        inode.writers += 1;
        let end = inode.data.len() as u64;
        Writer(self.clone(), key, (!appends).then_some(end))
    }

    fn write(&mut self, writer: &mut Writer, bytes: &[u8]) {
        let mut state = self.state();
        let tick = state.tick();
        let inode = state.inodes.get_mut(&writer.1).unwrap();
        inode.modified = tick;
        let Some(place) = &mut writer.2 else {
            inode.data.extend_from_slice(bytes);
            return;
        };
        let from = usize::try_from(*place).unwrap();
        let until = from + bytes.len();
        if inode.data.len() < until {
            inode.data.resize(until, 0);
        }
        inode.data[from..until].copy_from_slice(bytes);
        *place = until as u64;
    }

    fn file_of(&self, writer: &Writer) -> u64 {
        writer.1
    }

    fn file_at(&self, name: &str) -> Option<u64> {
        self.state().names.get(&path(name)).copied()
    }

    fn rename(&mut self, from: &str, to: &str) {
        let mut state = self.state();
        if state.names.contains_key(&path(to)) {
            state.unlink(&path(to));
        }
        let key = state.names.remove(&path(from)).unwrap();
        state.names.insert(path(to), key);
        state.names_changed();
    }

    fn remove(&mut self, name: &str) {
        self.state().unlink(&path(name));
    }

    fn copy_up(&mut self, name: &str) {
        let mut state = self.state();
        let (key, tick) = (state.names[&path(name)], state.tick());
        state.inodes.get_mut(&key).unwrap().born = tick;
    }

    fn truncate(&mut self, name: &str, size: u64) {
        let mut state = self.state();
        let (key, tick) = (state.names[&path(name)], state.tick());
        let inode = state.inodes.get_mut(&key).unwrap();
        inode.data.truncate(usize::try_from(size).unwrap());
        inode.synced = inode.synced.min(inode.data.len());
        inode.modified = tick;
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.inodes[&state.names[&path(name)]].data.clone()
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        let mut writer = self.writer(name, true);
        self.write(&mut writer, bytes);
    }

    fn age(&mut self, name: &str) {
        let mut state = self.state();
        let key = state.names[&path(name)];
        state.inodes.get_mut(&key).unwrap().modified = TICK;
    }

    fn names(&self) -> Vec<String> {
        let state = self.state();
        let own = state
            .names
            .keys()
            .filter_map(|path| path.strip_prefix("/log").ok());
        own.map(|name| name.to_str().unwrap().to_owned()).collect()
    }

    fn replace_directory(&mut self) {
        let mut state = self.state();
        state.replaced += 1;
        let away = PathBuf::from(format!("/away/{}", state.replaced));
        let names = std::mem::take(&mut state.names);
        state.names = names
            .into_iter()
            .map(|(path, key)| match path.strip_prefix("/log") {
                Ok(name) => (away.join(name), key),
                Err(_) => (path, key),
            })
            .collect();
        let (tick, made) = (state.tick(), u64::from(state.replaced) + 1);
        state.directories.insert("/log".into(), (tick, made));
    }

    fn is_followed(&self, file: u64) -> bool {
        self.state()
            .inodes
            .get(&file)
            .is_some_and(|inode| inode.readers > 0)
    }

    fn sync(&mut self) {
        for inode in self.state().inodes.values_mut() {
            inode.synced = inode.data.len();
        }
    }

    fn lose_power(&mut self) {
        let mut state = self.state();
        state.device += 1;
        let State { names, inodes, .. } = &mut *state;
        // An archive is there as a whole, or it would be a damaged one.
        let is_archive = |path: &Path| path.extension().is_some_and(|ending| ending == "gz");
        let plain = names.iter().filter(|(path, _)| !is_archive(path));
        for (_, key) in plain {
            let inode = inodes.get_mut(key).unwrap();
            // A line is lost as a whole.
            let least = inode.synced.min(inode.data.len());
            let most = least + (inode.data.len() - least) / 2;
            let newline = inode.data[least..most]
                .iter()
                .rposition(|byte| *byte == b'\n');
            inode
                .data
                .truncate(newline.map_or(least, |at| least + at + 1));
        }
    }

    fn fail(&mut self, failure: Option<Failure>) {
        let mut state = self.state();
        (state.failure, state.calls) = (failure, 0);
    }

    fn set_time(&mut self, nanoseconds: u64) {
        self.state().now = BEGINNING + nanoseconds;
    }

    fn is_memory(&self) -> bool {
        true
    }
}
