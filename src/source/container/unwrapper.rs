//! Removes the wrappers of lines, and joins their parts.
//!
//! Invariant: between two calls nothing is kept of a text. A line whose last part has not come is not consumed, nor what
//! stands behind its first part, unless it is over-long already: then only that is kept.

use memchr::memchr;

use super::limits::FrameLimits;
use super::piece::{Notation, Output, Piece};
use super::{cri, docker};
use crate::model::{Aside, AsideKind};
use crate::source::frame::Framer;

/// Removes the wrappers of one container log.
#[derive(Clone, Debug)]
pub(super) struct Unwrapper {
    notation: Notation,
    limits: FrameLimits,
    /// Lines without their wrappers, each with a newline.
    out: Vec<u8>,
    asides: Vec<Aside>,
    /// Text of the line whose last part has not come.
    chain: Vec<u8>,
    /// Its parts are skipped up to the last one: it is over-long.
    skipping: bool,
}

/// The beginning of a line of stdout that the next file goes on with: the last parts in a rotated log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct Carried {
    /// Text of its parts.
    text: Vec<u8>,
    /// Lines of stderr and other asides behind its first part.
    asides: Vec<Aside>,
    /// Damaged lines behind its first part.
    lines: Vec<u8>,
    /// Bytes of the file from its first part on.
    extent: usize,
    /// It is over-long already: the rest is skipped.
    is_overlong: bool,
}

impl Carried {
    /// Returns the beginning of a line that is over-long.
    pub(in crate::source) fn overlong() -> Self {
        Self {
            is_overlong: true,
            ..Self::default()
        }
    }
}

/// Text that follows the lines that are unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Behind {
    /// Perhaps more lines.
    More,
    /// A line of the file that is over-long and was skipped.
    Overlong,
    /// Nothing: the file does not grow any more.
    End,
}

impl Behind {
    /// Returns what follows the lines that a framer has cut.
    pub(in crate::source) fn of(is_end: bool, framer: &Framer) -> Self {
        match framer.is_inside_overlong() {
            _ if is_end => Self::End,
            true => Self::Overlong,
            false => Self::More,
        }
    }
}

/// Start of a line whose last part has not come.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// Bytes of the given lines before it.
    start: usize,
    /// Bytes and asides of the output before it.
    out: usize,
    asides: usize,
    /// Bytes of the file before, from its first part on.
    before: usize,
}

impl Unwrapper {
    pub(super) fn new(notation: Notation, limits: FrameLimits) -> Self {
        Self {
            notation,
            limits,
            out: Vec::new(),
            asides: Vec::new(),
            chain: Vec::new(),
            skipping: false,
        }
    }

    /// Returns an unwrapper of the same text with an output of its own.
    pub(super) fn fresh(&self) -> Self {
        Self {
            skipping: self.skipping,
            ..Self::new(self.notation, self.limits)
        }
    }

    /// Returns whether the parts of an over-long line are being skipped.
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Sets whether the parts of an over-long line are being skipped.
    pub(super) fn set_skipping(&mut self, is_skipping: bool) {
        self.skipping = is_skipping;
    }

    /// Applies other bounds.
    pub(super) fn set_limits(&mut self, limits: FrameLimits) {
        self.limits = limits;
    }

    /// Returns the lines without wrappers, and what stands among them.
    pub(super) fn output(&self) -> (&[u8], &[Aside]) {
        (&self.out, &self.asides)
    }

    /// Empties the output, and puts lines into it that have no wrappers.
    pub(super) fn begin(&mut self, lines: &[u8]) {
        self.asides.clear();
        self.out.clear();
        self.out.extend_from_slice(lines);
    }

    /// Appends whole lines to the output, the last of which may lack its newline if nothing is behind it. They go on with a
    /// line of another file, if one is `carried`. Returns the number of bytes that were consumed: 0 if a carried line was not.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        carried: Option<&Carried>,
        behind: Behind,
    ) -> usize {
        let mut chain = carried.and_then(|carried| self.resume(carried));
        let mut at = 0;
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, start) = (&rest[..length], at);
            at = lines.len().min(at + length + 1);
            if line.len() > Framer::longest_partial(self.limits.physical) {
                self.give_up_for_overlong(&mut chain);
                self.aside(AsideKind::Overlong, 0);
            } else {
                self.line(line, start, &mut chain);
            }
            if let Some(open) = &chain
                && open.before + (at - open.start) > self.limits.extent
            {
                self.skip(&mut chain);
            }
        }
        match (behind, chain) {
            (Behind::Overlong, _) => self.give_up_for_overlong(&mut chain),
            (Behind::End, Some(_)) => {
                // Nothing can go on with it.
                let text = std::mem::take(&mut self.chain);
                self.damaged(&text);
            }
            (Behind::End, None) if std::mem::take(&mut self.skipping) => {
                self.aside(AsideKind::Overlong, 0);
            }
            (Behind::More, Some(open)) => {
                self.out.truncate(open.out);
                self.asides.truncate(open.asides);
                at = open.start;
            }
            (Behind::More | Behind::End, None) => {}
        }
        self.chain.clear();
        if at == 0 && carried.is_some_and(|carried| carried.is_overlong) {
            self.skipping = false;
        }
        at
    }

    /// Returns the line that these lines, the last ones of a file, leave open.
    pub(super) fn carry(&mut self, lines: &[u8], carried: Option<&Carried>) -> Option<Carried> {
        self.begin(&[]);
        let mut chain = carried.and_then(|carried| self.resume(carried));
        let mut at = 0;
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            self.line(&rest[..length], at, &mut chain);
            at = lines.len().min(at + length + 1);
        }
        if self.skipping {
            return Some(Carried::overlong());
        }
        let open = chain?;
        Some(Carried {
            text: std::mem::take(&mut self.chain),
            asides: self.asides.clone(),
            lines: std::mem::take(&mut self.out),
            extent: open.before + lines.len() - open.start,
            is_overlong: false,
        })
    }

    /// Goes on with a line of another file.
    fn resume(&mut self, carried: &Carried) -> Option<Chain> {
        if carried.is_overlong {
            self.skipping = true;
            return None;
        }
        let chain = Chain {
            start: 0,
            out: self.out.len(),
            asides: self.asides.len(),
            before: carried.extent,
        };
        self.chain.clone_from(&carried.text);
        for aside in &carried.asides {
            self.asides.push(Aside {
                at: aside.at + chain.out,
                ..*aside
            });
        }
        self.out.extend_from_slice(&carried.lines);
        Some(chain)
    }

    /// Returns the start of the first part of a line that these lines leave open.
    pub(super) fn open_part(&mut self, lines: &[u8]) -> Option<usize> {
        self.begin(&[]);
        let mut chain = None;
        let mut at = 0;
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            self.line(&rest[..length], at, &mut chain);
            at += length + 1;
        }
        self.chain.clear();
        self.skipping = false;
        chain.map(|open: Chain| open.start)
    }

    /// Unwraps a line that begins at `start`.
    fn line(&mut self, line: &[u8], start: usize, chain: &mut Option<Chain>) {
        let before = self.out.len();
        let is_object = line.first() == Some(&b'{');
        let piece = match self.notation {
            Notation::Docker => docker::unwrap(line, &mut self.out),
            Notation::Either if is_object => docker::unwrap(line, &mut self.out),
            Notation::Cri | Notation::Either => cri::unwrap(line).map(|(piece, text)| {
                if piece.output == Output::Stdout {
                    self.out.extend_from_slice(text);
                }
                piece
            }),
        };
        match piece {
            Some(Piece {
                output: Output::Stdout,
                is_last: true,
            }) if chain.is_none() && !self.skipping => self.out.push(b'\n'),
            Some(Piece {
                output: Output::Stdout,
                is_last,
            }) => self.part(before, is_last, start, chain),
            Some(_) => {
                self.out.truncate(before);
                self.stderr(chain.map_or(0, |open| open.asides));
            }
            None => {
                self.out.truncate(before);
                match line.strip_suffix(b"\r").unwrap_or(line) {
                    [] => self.out.push(b'\n'),
                    line => self.damaged(line),
                }
            }
        }
    }

    /// Handles a part of a line, which the output holds from `before` on.
    #[cold]
    fn part(&mut self, before: usize, is_last: bool, start: usize, chain: &mut Option<Chain>) {
        if self.skipping {
            self.out.truncate(before);
            if is_last {
                self.skipping = false;
                self.aside(AsideKind::Overlong, 0);
            }
            return;
        }
        let open = chain.get_or_insert(Chain {
            start,
            out: before,
            asides: self.asides.len(),
            before: 0,
        });
        debug_assert!(open.out <= before, "the output only grows");
        self.chain.extend_from_slice(&self.out[before..]);
        self.out.truncate(before);
        if self.chain.len() > Framer::longest_partial(self.limits.line) {
            self.skip(chain);
            if is_last {
                self.skipping = false;
                self.aside(AsideKind::Overlong, 0);
            }
        } else if is_last {
            self.out.extend_from_slice(&self.chain);
            self.out.push(b'\n');
            self.chain.clear();
            *chain = None;
        }
    }

    /// Skips an over-long line up to its last part.
    #[cold]
    fn skip(&mut self, chain: &mut Option<Chain>) {
        *chain = None;
        self.chain.clear();
        self.skipping = true;
    }

    /// Ends a line before one of the file that is over-long: that one may be its last part.
    #[cold]
    fn give_up_for_overlong(&mut self, chain: &mut Option<Chain>) {
        if chain.take().is_some() {
            self.chain.clear();
            self.aside(AsideKind::Overlong, 0);
        }
    }

    /// Counts a line of stderr; asides before `from` stay as they are.
    fn stderr(&mut self, from: usize) {
        let at = self.out.len();
        if self.asides.len() > from
            && let Some(Aside {
                at: last,
                kind: AsideKind::Stderr(lines),
            }) = self.asides.last_mut()
            && *last == at
        {
            *lines += 1;
        } else {
            self.aside(AsideKind::Stderr(1), 0);
        }
    }

    fn damaged(&mut self, line: &[u8]) {
        self.out.extend_from_slice(line);
        self.aside(AsideKind::Damaged(line.len()), line.len());
        self.out.push(b'\n');
    }

    /// Adds an aside so many bytes before the end of the output.
    fn aside(&mut self, kind: AsideKind, back: usize) {
        let at = self.out.len() - back;
        self.asides.push(Aside { at, kind });
    }
}
