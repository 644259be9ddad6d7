//! Deletes the log, as administrators do.

use super::play::{LOG, Play, WAIT};
use super::world::World;
use crate::clock::Clock;

impl<W: World> Play<W> {
    /// Deletes the log after it was opened. Servers go on writing to it for a while.
    pub(super) fn delete(&mut self) {
        if self.failing || !self.acts.is_empty() || self.world.file_at(LOG).is_none() {
            return;
        }
        self.heal_and_run();
        let file = self.world.file_at(LOG).unwrap();
        self.orphans.insert(file, self.clock.monotonic());
        self.world.remove(LOG);
        self.wake(true);
    }

    /// Has a server that is about to write open its log again if the file it writes to has no name and may be closed.
    pub(super) fn leave_orphan(&mut self, server: usize) {
        let now = self.clock.monotonic();
        let Some(writer) = &self.servers[server] else {
            return;
        };
        let file = self.world.file_of(writer);
        match self.orphans.get_mut(&file) {
            Some(written) if now.saturating_sub(*written) < WAIT && self.world.is_memory() => {
                *written = now;
            }
            Some(_) => self.reopen(server),
            None => {}
        }
    }
}
