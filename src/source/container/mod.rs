//! Container logs: removes what Docker and the runtimes of Kubernetes write around each line.
//!
//! Docker's json-file driver writes `{"log":"LINE\n","stream":"stdout","time":"…"}`, runtimes of CRI write
//! `TIME stdout F LINE`. Both divide long lines into parts.
//!
//! Invariant: however a text is divided into chunks, and a line into parts, the same lines come out. A line is handed over
//! whole: of one whose last part has not come, nothing is kept between two calls, and its parts are read again.

mod cri;
mod docker;
mod frames;
mod limits;
mod piece;
mod unwrapper;

pub use frames::Frame;
pub(super) use frames::Frames;
use frames::is_wrapped;
pub(super) use unwrapper::Behind;
pub(super) use unwrapper::Carried;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Returns the lines of stdout that a text begins with, without their wrappers; the text itself if it has none. A line whose
/// last part is missing is left out.
pub fn bare_lines(text: &[u8], frame: Frame, line_bytes: usize) -> Cow<'_, [u8]> {
    let mut frames = Frames::new(frame, line_bytes);
    match frames.unwrap(text, None, Behind::More) {
        Some(_) => Cow::Owned(frames.output().0.to_vec()),
        None => Cow::Borrowed(text),
    }
}

/// A line of a container log that one text leaves open, for the next one. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Carry(Arc<Mutex<Carrying>>);

#[derive(Debug, Default)]
struct Carrying {
    /// The text has wrappers.
    is_used: bool,
    line: Option<Carried>,
}

impl Carry {
    /// Returns whether the text that was begun to be read is a container log.
    pub fn is_used(&self) -> bool {
        self.lock().is_used
    }

    pub(super) fn begin(&self) {
        self.lock().is_used = true;
    }

    pub(super) fn put(&self, line: Option<Carried>) {
        self.lock().line = line;
    }

    pub(super) fn take(&self) -> Option<Carried> {
        self.lock().line.take()
    }

    fn lock(&self) -> MutexGuard<'_, Carrying> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a line has the wrapper of a container log.
pub fn has_wrapper(line: &[u8]) -> bool {
    is_wrapped(line, &mut Vec::new())
}

#[cfg(test)]
mod tests;
