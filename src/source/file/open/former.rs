//! Texts of files that were gone after a restart: another file may have taken their place.
//!
//! Invariant: a text is kept until it is decided from where the next file at its path is read.

use std::io;
use std::path::Path;

use super::closed::Former;
use super::{Generation, Link, OpenFiles};
use crate::source::file::consumed::Consumed;
use crate::source::file::fs::Fs;

impl<F: Fs> OpenFiles<F> {
    /// Keeps the text of a file that is gone, if it was at its path, or left it for another file.
    pub(in crate::source::file) fn keep_former(&mut self, own: &Generation<()>) {
        let is_replaced = match own.link {
            Link::Attached => true,
            Link::Detached { was_rotated, .. } => !was_rotated,
        };
        if is_replaced && own.path == own.base && own.consumed.seal().is_some() {
            self.formers.push(Former {
                path: own.path.clone(),
                consumed: own.consumed.clone(),
            });
        }
    }

    /// Returns the texts of the files that were at a path, the latest first.
    pub(in crate::source::file) fn formers_at(
        &self,
        path: &Path,
    ) -> impl Iterator<Item = &Consumed> {
        let at_path = self
            .formers
            .iter()
            .rev()
            .filter(move |own| own.path == *path);
        at_path.map(|own| &own.consumed)
    }

    /// Forgets the texts of the files that were at a path.
    pub(in crate::source::file) fn forget_formers(&mut self, path: &Path) {
        self.formers.retain(|own| own.path != *path);
    }
}

impl<F> Generation<F> {
    /// Returns the last lines of a text of which only fingerprints are known, if the file holds them.
    pub(in crate::source::file) fn last_lines_of<S: Fs<File = F>>(
        &self,
        fs: &S,
        text: &Consumed,
    ) -> io::Result<Vec<u8>> {
        match text.seal() {
            Some(sealed) => sealed.find_lines(fs, &self.file, self.size),
            None => Ok(text.last_lines().to_vec()),
        }
    }
}
