//! Parsing of lines: ahead of their end, as a whole, and without an envelope.
//!
//! Invariant: every way to read a line has the same outcome.

use super::hints::Hints;
use super::opening::Suspects;
use super::{Ahead, Complaint, Matcher, Pattern, Reject, Scratch, envelope, json, ltsv, regexp};
use crate::model::Record;

impl Pattern {
    /// Makes the pattern skip lines that it does not read and that this expression matches, whole.
    pub fn skipping(mut self, source: &str) -> Result<Self, Complaint> {
        self.skip = Some(regexp::anchored(source)?);
        Ok(self)
    }

    /// Returns whether a line that the pattern rejects does not stand for a request, by rule, with or without an envelope.
    #[cold]
    pub fn skips(&self, line: &[u8]) -> bool {
        self.skip.as_ref().is_some_and(|skip| {
            let places = self.places(line);
            let mut places = places.iter().chain([0]);
            places.any(|place| skip.is_match(&line[place..]))
        })
    }

    /// Finds the places in a line where the message may begin, behind an envelope.
    pub(super) fn places(&self, line: &[u8]) -> envelope::Places {
        envelope::places(line, self.opening.begins_with_blank)
    }

    /// Parses a line, given without its newline. `scratch` comes from this pattern.
    pub fn parse<'l>(&self, scratch: &mut Scratch, line: &'l [u8]) -> Result<Record<'l>, Reject> {
        let mut parse = |message| self.parse_message(scratch, message);
        let (outcome, is_enveloped) = self.unwrap(line, &mut parse);
        self.expect(scratch, is_enveloped);
        outcome
    }

    /// Reads the line that `text` begins with before its end is known. The outcome is the one that
    /// [`Pattern::parse`] has for that line; `record` has to be empty.
    #[inline]
    pub fn parse_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        if scratch.suspects.include(text) {
            return self.parse_suspect_ahead(scratch, text, record);
        }
        self.parse_whole_ahead(scratch, text, record)
    }

    /// Reads a line that may have an envelope.
    #[inline(never)]
    fn parse_suspect_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        if scratch.suspects.are_after_envelope() {
            return self.parse_enveloped_ahead(scratch, text, record);
        }
        if self.opening.stops(text) {
            return Ahead::Undecided;
        }
        self.parse_whole_ahead(scratch, text, record)
    }

    /// Reads a line from its first byte.
    #[inline]
    fn parse_whole_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        match self.read_ahead(scratch, text, record) {
            // The `\r` of a `\r\n` does not belong to the line.
            Ahead::Line { length, .. } if text[..length].ends_with(b"\r") => Ahead::Undecided,
            ahead => ahead,
        }
    }

    /// Reads a line like the one before it, which had an envelope.
    fn parse_enveloped_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        if !envelope::may_begin(text) {
            self.expect(scratch, false);
            return self.parse_ahead(scratch, text, record);
        }
        if self.opening.is_own(text) {
            return Ahead::Undecided;
        }
        let Some(place) = envelope::first_place(text, self.opening.begins_with_blank) else {
            return Ahead::Undecided;
        };
        let message = &text[place..];
        match self.parse_whole_ahead(scratch, message, record) {
            // Another place may be the message's.
            Ahead::Line {
                outcome: Err(Reject::Mismatch),
                ..
            }
            | Ahead::Undecided => Ahead::Undecided,
            Ahead::Line { length, outcome } => Ahead::Line {
                length: place + length,
                outcome,
            },
        }
    }

    /// Remembers whether the last line had an envelope: the next one is then expected to have one.
    fn expect(&self, scratch: &mut Scratch, envelope: bool) {
        scratch.suspects = if envelope {
            Suspects::after_envelope()
        } else {
            self.opening.suspects()
        };
    }

    /// Parses a whole line that [`Pattern::parse_ahead`] left undecided, as [`Pattern::parse`]
    /// does, but without a second attempt of the fast way. `line` ends where the text had its
    /// newline; a line from which a `\r` was cut goes to [`Pattern::parse`].
    pub fn parse_undecided<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        let was_tried = !scratch.suspects.are_after_envelope() && !self.opening.stops(line);
        let tried = was_tried.then_some(line);
        let mut parse = |message: &'l [u8]| match tried {
            Some(line) if line.len() == message.len() => self.parse_slowly(scratch, message),
            _ => self.parse_message(scratch, message),
        };
        let (outcome, is_enveloped) = self.unwrap(line, &mut parse);
        self.expect(scratch, is_enveloped);
        outcome
    }

    /// Parses a line by the regex alone: the reference for [`Pattern::parse`]. A pattern of keys
    /// parses the line without hints.
    pub fn parse_by_regex<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if let (Matcher::Text(text), Some(scratch)) = (&self.matcher, &mut scratch.text) {
            let mut parse = |message| text.parse_by_regex(scratch, message);
            self.unwrap(line, &mut parse).0
        } else {
            let mut scratch = Scratch {
                text: None,
                hints: Hints::default(),
                suspects: self.opening.suspects(),
            };
            self.parse(&mut scratch, line)
        }
    }

    #[inline]
    fn read_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        let hints = &mut scratch.hints;
        match &self.matcher {
            Matcher::Text(matcher) => match &matcher.plan {
                Some(plan) => plan.run(text, record),
                None => Ahead::Undecided,
            },
            Matcher::Json(keys) => json::read(keys, hints, text, record),
            Matcher::Ltsv(keys) => ltsv::read(keys, hints, text, record),
        }
    }

    /// Parses a line that the fast way does not read. A scanner of keys has no slower way.
    fn parse_slowly<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        match (&self.matcher, &mut scratch.text) {
            (Matcher::Text(text), Some(scratch)) => text.parse(scratch, line),
            _ => Err(Reject::Mismatch),
        }
    }

    /// Parses a message by the fast way, or else by the slower one.
    fn parse_message<'l>(
        &self,
        scratch: &mut Scratch,
        message: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        let mut record = Record::default();
        match self.read_ahead(scratch, message, &mut record) {
            Ahead::Line { length, outcome } if length == message.len() => outcome.map(|()| record),
            _ => self.parse_slowly(scratch, message),
        }
    }

    /// Parses a line as a whole and without its envelope, in the sequence that its beginning suggests, until one way
    /// matches. Returns also whether an envelope was removed that the first bytes show.
    #[inline]
    fn unwrap<'l>(
        &self,
        line: &'l [u8],
        parse: &mut impl FnMut(&'l [u8]) -> Result<Record<'l>, Reject>,
    ) -> (Result<Record<'l>, Reject>, bool) {
        let begins = envelope::may_begin(line);
        let is_whole_first = !begins || self.opening.is_own(line);
        if is_whole_first {
            let outcome = parse(line);
            if outcome != Err(Reject::Mismatch) {
                return (outcome, false);
            }
        }
        for place in self.places(line).iter() {
            let outcome = parse(&line[place..]);
            if outcome != Err(Reject::Mismatch) {
                return (outcome, begins);
            }
        }
        if is_whole_first || envelope::has_priority(line) {
            (Err(Reject::Mismatch), false)
        } else {
            (parse(line), false)
        }
    }
}
