//! Kills the follower, and starts it again from a state that it saved.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::super::FileSource;
use super::super::planted::leave_out;
use super::operation::Kill;
use super::play::{LOG, Play, numbers};
use super::rotator::is_rotated;
use super::world::World;
use crate::clock::ManualClock;
use crate::model::saved::files::SavedFiles;

/// A cut: the position in all files, and what was counted up to it.
pub(super) struct Save {
    files: SavedFiles,
    counted: BTreeMap<u32, u32>,
}

impl<W: World> Play<W> {
    /// Saves the state, as a commit does.
    pub(super) fn save(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        self.world.sync();
        self.saves.push_back(Save {
            files: source.save(),
            counted: self.counted.clone(),
        });
        if self.saves.len() > 2 {
            self.saves.pop_front();
        }
    }

    /// Kills the follower. What it counted since the state from which it will start is counted again.
    pub(super) fn kill(&mut self, kill: Kill) {
        if self.source.is_none() {
            return;
        }
        // Texts behind a hole begin alike: a copy is recognized only while its original is open.
        if self.saves.is_empty() || !self.setting.appends {
            self.saves.clear();
            self.save();
        }
        let is_older = kill == Kill::Older && self.saves.len() > 1;
        let save = if is_older {
            self.saves.pop_front()
        } else {
            self.saves.pop_back()
        };
        self.saves.clear();
        let save = save.unwrap();
        self.source = None;
        self.counted.clone_from(&save.counted);
        self.saves.push_back(save);
        if kill == Kill::Power && self.acts.is_empty() {
            self.world.lose_power();
            for server in 0..self.servers.len() {
                self.reopen(server);
            }
        }
        // Numbers of files are not used again in the tick of a birth.
        self.pass(Duration::from_millis(10));
        if !self.setting.appends {
            self.restart();
        }
    }

    /// Starts the follower from the saved state.
    pub(super) fn restart(&mut self) {
        if self.source.is_some() {
            return;
        }
        let there = self.readable();
        let gone = self
            .written
            .iter()
            .filter(|number| !self.counted.contains_key(number) && !there.contains(number));
        let gone: Vec<u32> = gone.copied().collect();
        self.may_miss.extend(gone);
        let named: BTreeSet<u64> = self
            .searched()
            .iter()
            .filter_map(|name| self.world.file_at(name))
            .collect();
        for server in 0..self.servers.len() {
            let file = self.servers[server]
                .as_ref()
                .map(|writer| self.world.file_of(writer));
            if file.is_none_or(|file| !named.contains(&file)) {
                self.reopen(server);
            }
        }
        let mut files = self.saves.back().unwrap().files.clone();
        leave_out(&mut files);
        // The clock of a process begins when it starts.
        self.own_clock = Arc::new(ManualClock::default());
        let source = FileSource::resume_with_read_bytes(
            &self.settings,
            self.world.fs(),
            self.own_clock.clone(),
            self.key,
            &files,
            self.setting.read_bytes,
        );
        let mut source = source.unwrap();
        source.set_lists_always(!self.world.is_memory());
        self.source = Some(source);
        (self.woken, self.names_changed) = (true, true);
        self.run(usize::MAX);
    }

    /// Returns whether the log can be changed by hand: nothing of it would be lost that was not read. That is so while the
    /// follower runs, which reads everything before.
    pub(super) fn is_read(&self) -> bool {
        self.source.is_some()
            || self
                .readable()
                .iter()
                .all(|number| self.counted.contains_key(number) || !self.written.contains(number))
    }

    fn searched(&self) -> Vec<String> {
        let mut names = self.world.names();
        names.retain(|name| name == LOG || is_rotated(name.strip_suffix(".gz").unwrap_or(name)));
        names
    }

    /// Returns the lines in the files that are searched.
    fn readable(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for name in self.searched() {
            let mut text = self.world.read(&name);
            if name.strip_suffix(".gz").is_some() {
                let packed = std::mem::take(&mut text);
                // What stands before damage is read.
                let _ = flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text);
            }
            found.extend(numbers(&text));
        }
        found
    }
}
