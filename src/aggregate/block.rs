//! Sums of the lines of a row since the tables were last brought up to date, in one block of small cells.
//!
//! Invariant: no cell overflows. A line adds 1 to a block's number of lines and at most 1 to each other count, and a
//! block is flushed when that number is [`FULL`]; a value that could make a sum overflow is not added in a block. What
//! several families count is counted once.

use super::buckets::Buckets;
use super::definition::{Definition, Kind, Measure, Values};
use super::key::Key;

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;
/// Number of lines at which a block is flushed.
const FULL: u8 = u8::MAX;
/// Largest value that is added to a sum in a block.
const MAX_ADDED: u64 = (u32::MAX / FULL as u32) as u64;
/// Bytes of a sum.
const SUM_BYTES: usize = size_of::<u32>();

/// Part of a block. A block begins with its key and its sums, so that most lines touch one part.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Part([u8; CACHE_LINE]);

/// The contents of the blocks of a shard: a key, the sum of each measure, the number of lines, and the buckets of each
/// histogram.
#[derive(Debug)]
pub(super) struct Layout {
    sums: Box<[Sum]>,
    histograms: Box<[Histogram]>,
    /// Offset of the number of lines.
    lines: usize,
    /// Number of parts of a block.
    parts: usize,
}

/// A sum in a block.
#[derive(Clone, Copy, Debug)]
struct Sum {
    measure: Measure,
    /// Number of the sum's four bytes, in the first part.
    word: usize,
}

/// A histogram in a block.
#[derive(Debug)]
struct Histogram {
    measure: Measure,
    buckets: Buckets,
    /// Offset of the first bucket's count.
    first: usize,
}

/// Offsets of what a family counts, in the bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Lines(usize),
    Sum(Measure, usize),
    Histogram {
        measure: Measure,
        /// Offset of the first bucket's count.
        first: usize,
        /// Offset of the sum.
        sum: usize,
    },
}

impl Part {
    pub(super) const EMPTY: Self = Self([0; CACHE_LINE]);
}

impl Layout {
    /// Works out the blocks of a shard with these families.
    pub(super) fn new(definitions: &[Definition]) -> Self {
        let mut measures: Vec<Measure> = Vec::new();
        let mut distinct: Vec<(Measure, &[u64])> = Vec::new();
        for definition in definitions {
            let measure = match &definition.kind {
                Kind::Lines | Kind::Rejected => continue,
                Kind::Sum(measure) => *measure,
                Kind::Histogram(measure, bounds) => {
                    if !distinct.contains(&(*measure, bounds)) {
                        distinct.push((*measure, bounds));
                    }
                    *measure
                }
            };
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        let words = size_of::<Key>() / SUM_BYTES..;
        let sums = measures.into_iter().zip(words);
        let sums: Box<[Sum]> = sums.map(|(measure, word)| Sum { measure, word }).collect();
        let lines = size_of::<Key>() + SUM_BYTES * sums.len();
        let mut end = lines + 1;
        let histograms = distinct.into_iter().map(|(measure, bounds)| {
            let buckets = Buckets::new(bounds);
            let first = end;
            end += buckets.count();
            Histogram {
                measure,
                buckets,
                first,
            }
        });
        Self {
            histograms: histograms.collect(),
            sums,
            lines,
            parts: end.div_ceil(CACHE_LINE),
        }
    }

    /// Returns the number of parts of a block.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// Returns the number of bytes of a block.
    pub(super) fn bytes(&self) -> usize {
        self.parts * CACHE_LINE
    }

    /// Returns the place of what a family counts, which is among the families that the layout was made for.
    pub(super) fn place(&self, definition: &Definition) -> Option<Place> {
        let sum = |measure| {
            let sum = self.sums.iter().find(|sum| sum.measure == measure);
            sum.map(|sum| SUM_BYTES * sum.word)
        };
        Some(match &definition.kind {
            Kind::Lines | Kind::Rejected => Place::Lines(self.lines),
            Kind::Sum(measure) => Place::Sum(*measure, sum(*measure)?),
            Kind::Histogram(measure, bounds) => {
                let mut histograms = self.histograms.iter();
                let found = histograms
                    .find(|it| it.measure == *measure && it.buckets.bounds() == &**bounds);
                Place::Histogram {
                    measure: *measure,
                    first: found?.first,
                    sum: sum(*measure)?,
                }
            }
        })
    }

    /// Counts a line. Returns whether the block must be flushed now; [`Self::is_added`] says for which values the sums
    /// are not in the block.
    #[expect(
        clippy::inline_always,
        reason = "once for each line, in two copies of the loop over lines: one watches"
    )]
    #[inline(always)]
    pub(super) fn count(&self, block: &mut [Part], values: &Values) -> bool {
        let mut must_flush = false;
        if let Some(Part(bytes)) = block.first_mut() {
            let lines = &mut bytes[self.lines % CACHE_LINE];
            *lines = lines.wrapping_add(1);
            must_flush = *lines == FULL;
            let (words, _) = bytes.as_chunks_mut::<SUM_BYTES>();
            for sum in &self.sums {
                if let Some(value) = values.get(sum.measure)
                    && let Some(word) = words.get_mut(sum.word)
                {
                    must_flush |= !is_added(value);
                    let added = u32::try_from(value).unwrap_or(0);
                    let added = if is_added(value) { added } else { 0 };
                    *word = u32::from_le_bytes(*word).wrapping_add(added).to_le_bytes();
                }
            }
        }
        for histogram in &self.histograms {
            if let Some(value) = values.get(histogram.measure) {
                let cell = histogram.first + histogram.buckets.find(value);
                if let Some(Part(bytes)) = block.get_mut(cell / CACHE_LINE) {
                    let count = &mut bytes[cell % CACHE_LINE];
                    *count = count.wrapping_add(1);
                }
            }
        }
        must_flush
    }

    /// Copies the bytes of a block and empties it. Returns false if it was empty.
    pub(super) fn take(&self, block: &mut [Part], bytes: &mut Vec<u8>) -> bool {
        let is_counted = block.first().is_some_and(|first| first.0[self.lines] != 0);
        if is_counted {
            bytes.clear();
            for part in block.iter() {
                bytes.extend_from_slice(&part.0);
            }
            let key = Self::key(block);
            block.fill(Part::EMPTY);
            Self::set_key(block, key);
        }
        is_counted
    }

    /// Returns the key of a block.
    #[inline]
    pub(super) fn key(block: &[Part]) -> Key {
        let first = block.first().and_then(|first| first.0.first_chunk());
        Key(first.map_or(0, |key| u64::from_le_bytes(*key)))
    }

    /// Sets the key of a block.
    pub(super) fn set_key(block: &mut [Part], key: Key) {
        if let Some(place) = block.first_mut().and_then(|it| it.0.first_chunk_mut()) {
            *place = key.0.to_le_bytes();
        }
    }
}

/// Returns whether a value is added to the sums of a block.
#[inline]
pub(super) fn is_added(value: u64) -> bool {
    value <= MAX_ADDED
}

/// Returns the sum at an offset in the bytes of a block.
pub(super) fn sum_at(bytes: &[u8], at: usize) -> u64 {
    let sum = bytes.get(at..).and_then(<[u8]>::first_chunk);
    sum.map_or(0, |sum| u64::from(u32::from_le_bytes(*sum)))
}
