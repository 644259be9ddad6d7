//! One look at everything: what came, went, moved, and what there is to tell of it.
//!
//! Invariant: what stays as it was is told once.

use std::collections::BTreeMap;
use std::path::Path;

use super::discover::{self, Listing};
use super::follow::{FileSource, base_of};
use super::fs::Fs;
use super::generation::Link;
use super::identity::FileId;
use super::place::{Known, Place, Trouble, may_lead};
use super::plant::{self, Fault};
use crate::source::FileEvent;

impl<F: Fs> FileSource<F> {
    /// Looks at all that is wanted, and takes up what is new.
    pub(super) fn look(&mut self, events: &mut dyn FnMut(FileEvent)) {
        let now = self.clock.monotonic();
        self.must_discover = false;
        self.discoveries += 1;
        self.busy_rounds = 0;
        self.tombs.expire(now);
        let mut listing = discover::look(&self.fs, &mut self.wanted, &mut self.directories, now);
        self.relink(&listing, events);
        self.open_unopened(&mut listing, events);
        self.take_up_rotated(&mut listing, events);
        self.take_up_grown(events);
        self.remember(listing, events);
    }

    /// Whether a known path leads elsewhere than at the last discovery.
    pub(super) fn has_changed(&self) -> bool {
        self.known
            .iter()
            .any(|(path, known)| Place::from(&discover::stat(&self.fs, path)) != known.place)
    }

    /// Finds out which generations are still led to, and by which path.
    fn relink(&mut self, listing: &Listing, events: &mut dyn FnMut(FileEvent)) {
        let mut paths_to: BTreeMap<FileId, Vec<&Path>> = BTreeMap::new();
        for (path, sighting) in &listing.sightings {
            if let Ok(meta) = &sighting.seen {
                paths_to.entry(meta.id).or_default().push(path);
            }
        }
        let detached = self.detached();
        for generation in &mut self.generations {
            if plant::is_planted(Fault::ByName)
                && let Ok(file) = self.fs.open(&generation.path)
                && let Ok(meta) = self.fs.fstat(&file)
            {
                generation.reopen(file, meta);
                continue;
            }
            let (id, path) = (generation.file_id, generation.path.as_path());
            let paths = paths_to.get(&id).map_or(&[][..], Vec::as_slice);
            let is_home = |to: &&Path| *to == base_of(&self.wanted, to);
            let homes: Vec<&Path> = paths.iter().copied().filter(is_home).collect();
            if homes.contains(&path) {
                generation.link = Link::Attached;
                continue;
            }
            let was_attached = generation.link == Link::Attached;
            let stays = if was_attached {
                paths.is_empty() && may_lead(&self.fs, path, id)
            } else {
                paths.is_empty() || paths.contains(&path)
            };
            if stays && homes.is_empty() {
                continue;
            }
            if !homes.is_empty() {
                generation.link = Link::Attached;
            } else if was_attached {
                generation.link = detached;
            }
            let moved_to = homes.first().or(paths.first()).map(|to| to.to_path_buf());
            let path = moved_to.clone().unwrap_or_else(|| path.to_path_buf());
            events(FileEvent::Rotated {
                path: std::mem::replace(&mut generation.path, path),
                generation: generation.id,
                moved_to,
            });
        }
    }

    /// Keeps what the next looks are compared with, and tells of troubles that weren't there.
    fn remember(&mut self, listing: Listing, events: &mut dyn FnMut(FileEvent)) {
        self.watched = listing.directories;
        self.known.clear();
        let mut faults = listing.faults;
        for (path, sighting) in listing.sightings {
            let known = Known {
                place: Place::from(&sighting.seen),
                size_at_first: sighting.size_at_first,
            };
            if let Err(error) = sighting.seen {
                faults.push((path.clone(), Some(error)));
            }
            self.known.insert(path, known);
        }
        let before = std::mem::take(&mut self.reported);
        for (path, error) in faults {
            let trouble = error.as_ref().map_or(Trouble::Missing, Trouble::from);
            if before.get(&path) != Some(&trouble) {
                let path = path.clone();
                events(match error {
                    Some(error) if trouble != Trouble::Missing => {
                        FileEvent::Unreadable { path, error }
                    }
                    _ => FileEvent::Missing { path },
                });
            }
            self.reported.insert(path, trouble);
        }
    }
}
