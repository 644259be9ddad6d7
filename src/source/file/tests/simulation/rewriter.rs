//! Puts the text of the log, or of a rotated file, elsewhere or changes it, as rsync, editors and administrators do.

use super::operation::{Rewrite, Way};
use super::play::{LOG, Play, WAIT, numbers};
use super::rotator::is_rotated;
use super::world::World;

/// Name of a file before it is renamed to another one's; no pattern of the simulation matches it.
const TEMPORARY: &str = "temporary";
/// Name of the replaced file; no pattern of the simulation matches it.
const KEPT: &str = "kept";
/// Fewest lines that prove a text: two different ones of 64 bytes, with room to spare.
const PROOF_LINES: usize = 5;
/// Bytes at the end of the log that no edit changes: by its last lines the rest is found again.
const UNTOUCHED_BYTES: usize = 400;
/// Bytes that prove what a file holds if its former one may have been rotated: 4,096 in whole lines.
const FORMER_PROOF_BYTES: usize = 4_096 + 64;
/// Names of copies. A glob finds all of them, a literal path those that a rotation may have made.
const COPIES: [&str; 6] = [
    "a.log.bak",
    "20261128-a.log",
    "old-a.log",
    "a.log~",
    "a.log.old",
    "a.1.log",
];

impl<W: World> Play<W> {
    /// Rewrites the log after all of it was read: of a text that was not read, nothing is known.
    pub(super) fn rewrite(&mut self, rewrite: Rewrite) {
        let is_ready = self.setting.appends && !self.failing && self.acts.is_empty();
        if !is_ready || self.world.file_at(LOG).is_none() {
            return;
        }
        self.reopen_all();
        self.heal_and_run();
        let text = self.world.read(LOG);
        // Less than this proves nothing (docs/rotation.md).
        if numbers(&text).count() < PROOF_LINES {
            return;
        }
        match rewrite {
            Rewrite::More { lines, way } => self.replace_by_more(text, lines, way),
            // Editors write whole lines.
            _ if self.owes_newline => {}
            Rewrite::Tail { part, way } => {
                let kept = &text[line_after(&text, part)..];
                if is_proven(kept.len(), way) && numbers(kept).count() >= PROOF_LINES {
                    self.replace(kept, way);
                }
            }
            Rewrite::Head { part, way } => {
                let kept = &text[..line_after(&text, part)];
                if is_proven(kept.len(), way) && numbers(kept).count() >= PROOF_LINES {
                    self.replace(kept, way);
                    self.wake(true);
                    // As long as it may be written to the end of the former text, it is not decided what it is.
                    self.heal_and_run();
                    self.pass(WAIT);
                }
            }
            Rewrite::Insert { part, way } => {
                let (before, behind) = text.split_at(line_after(&text, part));
                // All of the former text stands in the new one.
                if behind.len() >= UNTOUCHED_BYTES {
                    self.replace(&[before, b"# an inserted line\n", behind].concat(), way);
                }
            }
            Rewrite::Remove { part, way } => {
                let at = line_after(&text, part);
                let rest = &text[at..];
                let behind = &rest[line_after(rest, 0)..];
                let left = at + behind.len();
                if is_proven(left, way) && behind.len() >= UNTOUCHED_BYTES {
                    self.replace(&[&text[..at], behind].concat(), way);
                }
            }
            Rewrite::Copy(name) => {
                self.world.add(TEMPORARY, &text);
                let name = COPIES[usize::from(name) % COPIES.len()];
                self.world.rename(TEMPORARY, name);
                self.is_copied = true;
            }
            Rewrite::CopyUp => self.world.copy_up(LOG),
            Rewrite::Shred { removes } => self.shred(removes),
        }
        self.wake(true);
        self.heal_and_run();
    }

    fn reopen_all(&mut self) {
        for server in 0..self.servers.len() {
            self.reopen(server);
        }
    }

    /// Replaces the log by its text and more lines.
    fn replace_by_more(&mut self, mut text: Vec<u8>, lines: u8, way: Way) {
        if std::mem::take(&mut self.owes_newline) {
            text.push(b'\n');
        }
        for _ in 0..lines {
            text.extend(self.next_line());
        }
        self.replace(&text, way);
    }

    /// Gives the log another text.
    fn replace(&mut self, text: &[u8], way: Way) {
        match way {
            // A copy under a rotated name is taken for that of `copytruncate` (docs/rotation.md).
            Way::InPlace if self.is_copied && !text.starts_with(&self.world.read(LOG)) => {}
            Way::InPlace => {
                self.world.truncate(LOG, 0);
                self.world.add(LOG, text);
            }
            Way::Renamed => {
                self.world.add(TEMPORARY, text);
                self.world.rename(TEMPORARY, LOG);
                self.reopen_all();
            }
            Way::Kept => {
                self.world.rename(LOG, KEPT);
                self.world.add(LOG, text);
                self.reopen_all();
            }
        }
    }

    /// Overwrites the first rotated file in place, as `shred` does, which then may remove it.
    fn shred(&mut self, removes: bool) {
        let names = self.world.names();
        let Some(name) = names.iter().filter(|name| is_rotated(name)).min() else {
            return;
        };
        let text = self.world.read(name);
        // The end of a line that has no end was not read yet.
        let lines = text.iter().rposition(|byte| *byte == b'\n');
        self.may_miss
            .extend(numbers(&text[lines.map_or(0, |at| at + 1)..]));
        let size = text.len().next_multiple_of(4096);
        let mut state = size;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(size).collect();
        self.world.truncate(name, 0);
        self.world.add(name, &noise);
        if removes {
            self.wake(true);
            self.heal_and_run();
            self.world.remove(name);
        }
    }
}

/// Returns whether so many bytes of the log, in a file that replaces it in this way, prove that they are the former ones: a
/// file that was moved away may have been rotated.
fn is_proven(bytes: usize, way: Way) -> bool {
    way != Way::Kept || bytes >= FORMER_PROOF_BYTES
}

/// Returns where the line behind this part (of 256) of a text begins.
fn line_after(text: &[u8], part: u8) -> usize {
    let place = text.len() * usize::from(part) / 256;
    let newline = text[place..].iter().position(|byte| *byte == b'\n');
    newline.map_or(text.len(), |at| place + at + 1)
}
