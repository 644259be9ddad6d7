//! Where the quotes of a line are.
//!
//! Invariant: both finders give the same answers; the indexed one has looked at the line before.

use memchr::memchr;

/// Finds quotes from left to right.
pub(super) trait FindQuote {
    /// The first `"` at or after `at`, the line's length if there is none. `at` never goes back.
    fn quote(&mut self, line: &[u8], at: usize) -> usize;

    /// For the line without its first `length` bytes.
    #[must_use]
    fn after(self, length: usize) -> Self;
}

/// Searches as it is asked.
pub(super) struct Searched;

/// A line whose quotes are known.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'i> {
    /// Places of quotes in the buffer that holds the line; those before the line are gone.
    quotes: &'i [u32],
    /// Where the line begins in that buffer.
    base: usize,
}

impl<'i> Indexed<'i> {
    /// `quotes` are places in a buffer in which the line begins at `base`; none is before it.
    pub fn new(quotes: &'i [u32], base: usize) -> Self {
        Self { quotes, base }
    }
}

impl FindQuote for Searched {
    #[inline]
    fn quote(&mut self, line: &[u8], at: usize) -> usize {
        line.get(at..)
            .and_then(|rest| memchr(b'"', rest))
            .map_or(line.len(), |length| at + length)
    }

    #[inline]
    fn after(self, _: usize) -> Self {
        self
    }
}

impl FindQuote for Indexed<'_> {
    #[inline]
    fn quote(&mut self, line: &[u8], at: usize) -> usize {
        while let [first, rest @ ..] = self.quotes {
            let place = *first as usize - self.base;
            if place >= at {
                return place.min(line.len());
            }
            self.quotes = rest;
        }
        line.len()
    }

    #[inline]
    fn after(mut self, length: usize) -> Self {
        if length > 0 {
            self.base += length;
            let passed = |quote: &&u32| (**quote as usize) < self.base;
            self.quotes = &self.quotes[self.quotes.iter().take_while(passed).count()..];
        }
        self
    }
}
