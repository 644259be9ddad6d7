//! A rotation by logrotate, one step at a time.

use std::collections::VecDeque;

use super::super::gzip;
use super::operation::{Packing, Rotation};
use super::play::{LOG, Play, numbers};
use super::world::World;

/// One step of a rotation.
pub(super) enum Act {
    Shift(String, String),
    Rename(String),
    Create,
    /// A server is signalled to reopen its log.
    Reopen(usize),
    CopyFirst(String),
    CopyRest(String),
    Truncate,
    PackFirst(String),
    PackRest(String),
    PackEnd(String),
}

impl<W: World> Play<W> {
    pub(super) fn rotate(&mut self, rotation: Rotation) {
        if !self.acts.is_empty() || self.world.file_at(LOG).is_none() {
            return;
        }
        self.rotations += 1;
        let first = if rotation.dates {
            format!("a.log-2026{:04}", self.rotations)
        } else {
            "a.log.1".to_owned()
        };
        let mut acts = VecDeque::new();
        if rotation.packing == Packing::Later {
            let names = self.world.names();
            let mut plain: Vec<_> = names.iter().filter(|name| is_rotated(name)).collect();
            plain.sort();
            for name in plain {
                acts.extend([
                    Act::PackFirst(name.clone()),
                    Act::PackRest(name.clone()),
                    Act::PackEnd(name.clone()),
                ]);
            }
        }
        if !rotation.dates {
            for number in (1..60_u32).rev() {
                acts.push_back(Act::Shift(
                    format!("a.log.{number}"),
                    format!("a.log.{}", number + 1),
                ));
            }
        }
        if rotation.copies {
            acts.extend([
                Act::CopyFirst(first.clone()),
                Act::CopyRest(first.clone()),
                Act::Truncate,
            ]);
        } else {
            acts.push_back(Act::Rename(first.clone()));
            if rotation.creates {
                acts.push_back(Act::Create);
            }
            acts.extend((0..self.servers.len()).map(Act::Reopen));
        }
        if rotation.packing == Packing::AtOnce {
            acts.extend([
                Act::PackFirst(first.clone()),
                Act::PackRest(first.clone()),
                Act::PackEnd(first),
            ]);
        }
        self.acts = acts;
    }

    pub(super) fn step(&mut self) {
        while let Some(act) = self.acts.pop_front() {
            if self.act(act) {
                self.wake(true);
                if !self.setting.appends {
                    // Texts behind a hole begin alike: a copy is recognized only while its original is open.
                    self.heal_and_run();
                }
                return;
            }
        }
    }

    /// Performs a step; returns whether there was anything to do.
    fn act(&mut self, act: Act) -> bool {
        let is_there = |world: &W, name: &str| world.file_at(name).is_some();
        match act {
            Act::Shift(from, to) => {
                let (packed, packed_to) = (format!("{from}.gz"), format!("{to}.gz"));
                for (from, to) in [(from, to), (packed, packed_to)] {
                    if is_there(&self.world, &from) {
                        self.world.rename(&from, &to);
                        return true;
                    }
                }
                false
            }
            Act::Rename(to) if is_there(&self.world, LOG) => {
                self.world.rename(LOG, &to);
                true
            }
            Act::Create if !is_there(&self.world, LOG) => {
                drop(self.world.writer(LOG, true));
                true
            }
            Act::Reopen(server) => {
                self.reopen(server);
                true
            }
            Act::CopyFirst(to) if is_there(&self.world, LOG) => {
                let text = self.world.read(LOG);
                self.copied = text.len() / 2;
                self.world.add(&to, &text[..self.copied]);
                true
            }
            Act::CopyRest(to) if is_there(&self.world, LOG) && is_there(&self.world, &to) => {
                let text = self.world.read(LOG);
                self.world.add(&to, &text[self.copied..]);
                self.copied = text.len();
                true
            }
            Act::Truncate if is_there(&self.world, LOG) => {
                // Lines written since the copying are those that copytruncate loses.
                let text = self.world.read(LOG);
                let hole = text.iter().take_while(|byte| **byte == 0).count();
                let since = self.copied.max(hole).min(text.len());
                self.may_miss.extend(numbers(&text[since..]));
                self.world.truncate(LOG, 0);
                true
            }
            Act::PackFirst(name) if is_there(&self.world, &name) => {
                let packed = gzip(&self.world.read(&name));
                self.world
                    .add(&format!("{name}.gz"), &packed[..packed.len() / 2]);
                true
            }
            Act::PackRest(name) if is_there(&self.world, &name) => {
                let to = format!("{name}.gz");
                let text = self.world.read(&name);
                let packed = gzip(&text);
                let there = self.world.read(&to).len();
                self.copied = text.len();
                // The archive is whole, with or without the lines written while the compressor ran.
                self.world.truncate(&to, 0);
                self.world.add(&to, &packed);
                there > 0
            }
            Act::PackEnd(name) if is_there(&self.world, &name) => {
                let file = self.world.file_at(&name).unwrap();
                let text = self.world.read(&name);
                if !self.world.is_followed(file) {
                    // Only servers that have not been signalled yet have it open.
                    self.may_miss
                        .extend(numbers(&text[self.copied.min(text.len())..]));
                    self.abandon(file);
                }
                self.world.remove(&name);
                true
            }
            _ => false,
        }
    }

    /// Makes the servers that have a file open reopen their log before its last path goes, as `sharedscripts` and
    /// `delaycompress` do: later writes to it would be out of reach.
    fn abandon(&mut self, file: u64) {
        for server in 0..self.servers.len() {
            let writes_there = |writer: &W::Writer| self.world.file_of(writer) == file;
            if self.servers[server].as_ref().is_some_and(writes_there) {
                self.reopen(server);
            }
        }
    }
}

/// Returns whether a file that is not compressed has a name that a rotation gives.
pub(super) fn is_rotated(name: &str) -> bool {
    let rest = name.strip_prefix(LOG).unwrap_or_default();
    rest.starts_with(['.', '-']) && rest.ends_with(|last: char| last.is_ascii_digit())
}
