//! When a rotated file is done with, and what is left of it.
//!
//! Invariant: a file is closed only when its end was read, and leaves what tells it again.

use std::path::Path;
use std::time::Duration;

use super::discover::Wanted;
use super::follow::FileSource;
use super::fs::Fs;
use super::generation::{Generation, Link};
use super::plant::{self, Fault};
use super::tomb::Tomb;
use super::unpack::{self, is_damage};
use crate::model::Batch;
use crate::source::FileEvent;

impl<F: Fs> FileSource<F> {
    /// Whether nobody will write to this file any more. It takes another discovery than the one
    /// that missed it, so that a file caught in the midst of a rename is not taken for gone; and
    /// another file at a path of its own, for a server without one goes on writing here.
    pub(super) fn is_over(&self, generation: &Generation<F::File>, now: Duration) -> bool {
        match generation.link {
            Link::Attached => false,
            Link::Detached { .. } if plant::is_planted(Fault::NoDrain) => true,
            Link::Detached {
                quiet_since,
                discovery,
            } => {
                self.discoveries > discovery
                    && now.saturating_sub(quiet_since) >= self.settings.rotate_wait
                    && self.is_succeeded(&generation.base)
            }
        }
    }

    /// Whether something else stands at this path, or nothing must.
    fn is_succeeded(&self, path: &Path) -> bool {
        let is_plain = |wanted: &Wanted| wanted.pattern.is_plain() && wanted.pattern.matches(path);
        !self.wanted.iter().any(is_plain)
            || self
                .known
                .get(path)
                .is_some_and(|known| !known.place.is_empty())
    }

    /// Remembers a file that is closed.
    pub(super) fn bury(&mut self, generation: &Generation<F::File>, now: Duration) {
        if plant::is_planted(Fault::NoDrain) {
            return;
        }
        let (base, path) = (generation.base.clone(), generation.path.clone());
        let prints = generation.prints(&self.printer);
        let tomb = Tomb::new(base, path, prints, generation.consumed(), now);
        self.tombs.bury(match generation.meta(&self.fs) {
            Ok(meta) => tomb.held_by(&meta),
            Err(_) => tomb,
        });
        // Its other names are known by it from now on.
        self.directories.unsettle();
    }

    /// Reads on in every compressed file; says whether there is more.
    pub(super) fn unpack(
        &mut self,
        now: Duration,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(FileEvent),
    ) -> bool {
        let mut has_more = false;
        let (tombs, printer) = (&mut self.tombs, &self.printer);
        self.archives.retain_mut(|archive| {
            let step = archive.read(sink);
            let fault = step.as_ref().err().filter(|error| !is_damage(error));
            archive.note_fault(fault).map(&mut *events);
            has_more |= matches!(step, Ok(unpack::Step::More));
            if fault.is_some() || matches!(step, Ok(unpack::Step::More)) {
                return true;
            }
            let (path, generation, offset) = (archive.path.clone(), archive.id, archive.offset);
            let prints = archive.prints(printer);
            let tomb = Tomb::new(archive.base.clone(), path.clone(), prints, offset, now);
            let tomb = tomb.held_by(&archive.meta);
            tombs.bury(if step.is_ok() { tomb.whole() } else { tomb });
            events(match step {
                Ok(_) => FileEvent::Finished {
                    path,
                    generation,
                    offset,
                },
                Err(error) => FileEvent::Damaged {
                    path,
                    generation,
                    offset,
                    error,
                },
            });
            false
        });
        has_more
    }
}
