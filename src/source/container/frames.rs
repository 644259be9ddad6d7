//! Recognises container logs by their first lines.
//!
//! Invariant: the decision follows from the first lines of a text alone, so that it is the same after a restart. Lines before
//! the first one with a wrapper are lines of their own.

use memchr::memchr;

use super::limits::FrameLimits;
use super::piece::Notation;
use super::unwrapper::{Behind, Carried, Unwrapper};
use super::{cri, docker};
use crate::model::Aside;
use crate::source::frame::Framer;

/// Lines by which a text is recognised.
const LINES: u8 = 4;

/// The wrapper of each line of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frame {
    /// Docker's or that of a CRI runtime, if one of the first lines of a text has it; else none.
    #[default]
    Auto,
    /// A time, the stream and tags, as runtimes of Kubernetes write them.
    Cri,
    /// An object of JSON, as Docker writes it.
    Docker,
    /// None.
    None,
}

/// Removes wrappers from the lines of one text.
#[derive(Clone, Debug)]
pub(in crate::source) struct Frames {
    frame: Frame,
    limits: FrameLimits,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Plain,
    /// So many lines had no wrapper.
    Undecided(u8),
    Wrapped(Box<Unwrapper>),
}

impl Frames {
    /// Creates the frames of a text that is read from its beginning, for lines of up to `line_bytes`.
    pub(in crate::source) fn new(frame: Frame, line_bytes: usize) -> Self {
        let mut frames = Self {
            frame,
            limits: FrameLimits::new(line_bytes),
            state: State::Plain,
        };
        frames.reset();
        frames
    }

    /// Begins at the beginning of a text.
    pub(in crate::source) fn reset(&mut self) {
        self.state = match self.frame {
            Frame::Auto => State::Undecided(0),
            Frame::Cri => self.wrapped(Notation::Cri),
            Frame::Docker => self.wrapped(Notation::Docker),
            Frame::None => State::Plain,
        };
    }

    /// Applies other settings to the rest of a text.
    pub(in crate::source) fn reconfigure(&mut self, frame: Frame, line_bytes: usize) -> bool {
        self.limits = FrameLimits::new(line_bytes);
        if let State::Wrapped(unwrapper) = &mut self.state {
            unwrapper.set_limits(self.limits);
        }
        let is_other = self.frame != frame;
        if is_other {
            self.frame = frame;
            self.reset();
        }
        is_other
    }

    fn wrapped(&self, notation: Notation) -> State {
        State::Wrapped(Box::new(Unwrapper::new(notation, self.limits)))
    }

    /// Returns whether lines are handed over as they are.
    #[inline]
    pub(in crate::source) fn are_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Returns whether lines have wrappers.
    pub(in crate::source) fn are_wrapped(&self) -> bool {
        matches!(self.state, State::Wrapped(_))
    }

    /// Returns whether no line was judged yet.
    pub(in crate::source) fn are_untouched(&self) -> bool {
        matches!(self.state, State::Undecided(0))
    }

    /// Returns the longest line that is to be read.
    pub(in crate::source) fn limit(&self) -> usize {
        match self.state {
            State::Plain => self.limits.line,
            _ => self.limits.physical,
        }
    }

    /// Returns the least size of a buffer, of which so many bytes are enough for lines as they are.
    pub(in crate::source) fn buffer(&self, plain: usize) -> usize {
        match self.state {
            State::Plain => plain,
            State::Undecided(_) => plain.max(Framer::longest_partial(self.limits.physical) + 1),
            State::Wrapped(_) => plain.max(self.limits.buffer()),
        }
    }

    /// Returns whether the parts of an over-long line are being skipped.
    pub(in crate::source) fn are_skipping(&self) -> bool {
        matches!(&self.state, State::Wrapped(unwrapper) if unwrapper.is_skipping())
    }

    /// Sets whether the parts of an over-long line are being skipped, if lines have wrappers.
    pub(in crate::source) fn set_skipping(&mut self, is_skipping: bool) {
        if let State::Wrapped(unwrapper) = &mut self.state {
            unwrapper.set_skipping(is_skipping);
        }
    }

    /// Returns the frames of another text, from its beginning.
    pub(in crate::source) fn fresh(&self) -> Self {
        Self::new(self.frame, self.limits.line)
    }

    /// Judges the first lines of a text, which were read before.
    pub(in crate::source) fn judge(&mut self, lines: &[u8]) {
        self.find(lines);
    }

    /// Removes the wrappers of whole lines; they go on with the line that is `carried`, if one is. Returns how many bytes of
    /// them were consumed, for [`Self::output`]; `None` if they are lines as they are.
    #[inline]
    pub(in crate::source) fn unwrap(
        &mut self,
        lines: &[u8],
        carried: Option<&Carried>,
        behind: Behind,
    ) -> Option<usize> {
        let plain = self.find(lines).unwrap_or(0);
        match &mut self.state {
            State::Wrapped(unwrapper) => {
                unwrapper.begin(&lines[..plain]);
                Some(plain + unwrapper.append(&lines[plain..], carried, behind))
            }
            State::Plain | State::Undecided(_) => None,
        }
    }

    /// Returns the lines of the last call without wrappers, and what stands among them.
    pub(in crate::source) fn output(&self) -> (&[u8], &[Aside]) {
        match &self.state {
            State::Wrapped(unwrapper) => unwrapper.output(),
            State::Plain | State::Undecided(_) => (&[], &[]),
        }
    }

    /// Returns the line that the last lines of a text leave open. Unlike [`Self::carry`], it leaves the output as it is.
    pub(in crate::source) fn rest(
        &self,
        lines: &[u8],
        carried: Option<&Carried>,
    ) -> Option<Carried> {
        match &self.state {
            State::Wrapped(unwrapper) => unwrapper.fresh().carry(lines, carried),
            State::Plain | State::Undecided(_) => None,
        }
    }

    /// Returns the line that the last lines of a file leave open.
    pub(in crate::source) fn carry(
        &mut self,
        lines: &[u8],
        carried: Option<&Carried>,
    ) -> Option<Carried> {
        match &mut self.state {
            State::Wrapped(unwrapper) => unwrapper.carry(lines, carried),
            State::Plain | State::Undecided(_) => None,
        }
    }

    /// Returns the start of the first part of a line that these lines leave open.
    pub(in crate::source) fn open_part(&mut self, lines: &[u8]) -> Option<usize> {
        match &mut self.state {
            State::Wrapped(unwrapper) => unwrapper.open_part(lines),
            State::Plain | State::Undecided(_) => None,
        }
    }

    /// Decides by lines, if that is not done; returns the bytes before the first line with a wrapper, if it is found now.
    #[inline]
    fn find(&mut self, lines: &[u8]) -> Option<usize> {
        let State::Undecided(judged) = self.state else {
            return None;
        };
        self.find_first(judged, lines)
    }

    #[cold]
    fn find_first(&mut self, mut judged: u8, lines: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut scratch = Vec::new();
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let is_short = length <= Framer::longest_partial(self.limits.physical);
            if is_short && is_wrapped(&rest[..length], &mut scratch) {
                self.state = self.wrapped(Notation::Either);
                return Some(at);
            }
            at += length + 1;
            // A longer one may be skipped before its end is read.
            judged += u8::from(is_short);
            if judged >= LINES {
                self.state = State::Plain;
                return None;
            }
        }
        self.state = State::Undecided(judged);
        None
    }
}

/// Returns whether a line has a wrapper.
pub(super) fn is_wrapped(line: &[u8], scratch: &mut Vec<u8>) -> bool {
    cri::unwrap(line).is_some() || docker::unwrap(line, scratch).is_some()
}
