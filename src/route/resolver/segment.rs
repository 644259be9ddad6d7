//! Patterns of one segment, or of the rest of a path.
//!
//! Invariant: a segment is accepted if and only if the tokens of its pattern match all of it.

use super::path::{Path, Segment};
use super::token::{self, CharRun, PathToken};
use crate::model::digits;
use crate::model::vector::{AsciiMatcher, mask};

/// Longest grouped form, in bytes: one bit each in [`Grouped::marks`].
const GROUPED_BYTES: usize = 64;

/// Pattern of a segment that is not a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SegmentPattern {
    /// Any segment that is not empty.
    Any,
    /// Digits; bounds of their number, inclusive.
    Digits(usize, usize),
    Ascii(Box<Ascii>),
    Grouped(Box<Grouped>),
    Run(Box<CharRun>),
    Tokens(Box<[PathToken]>),
    /// The rest of a path from the segment on: all of it if true, else its beginning.
    Rest(Box<[PathToken]>, bool),
}

/// Characters of one ASCII class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ascii {
    class: AsciiMatcher,
    /// Bounds of the length, inclusive.
    least: usize,
    most: usize,
}

/// Groups of fixed length of one ASCII class, separated by one mark, as in a UUID or a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grouped {
    class: AsciiMatcher,
    mark: u8,
    /// One bit for the position of each mark.
    marks: u64,
    length: usize,
}

impl SegmentPattern {
    /// Makes the pattern of tokens that match no `/`.
    pub(super) fn new(tokens: Vec<PathToken>) -> Self {
        if let [PathToken::Run(run)] = &*tokens {
            if run.is_segment {
                return Self::Any;
            }
            let (least, most) = run.lengths();
            if run.is_digits() {
                return Self::Digits(least, most);
            }
            return match ascii_class(run) {
                Some(class) => Self::Ascii(Box::new(Ascii { class, least, most })),
                None => Self::Run(Box::new(run.clone())),
            };
        }
        match Grouped::new(&tokens) {
            Some(grouped) => Self::Grouped(Box::new(grouped)),
            None => Self::Tokens(tokens.into()),
        }
    }

    /// Returns the literal that every accepted text begins with, if the pattern begins with one.
    pub(super) fn first_literal(&self) -> Option<&[u8]> {
        match self {
            Self::Tokens(tokens) | Self::Rest(tokens, _) => match tokens.first() {
                Some(PathToken::Literal(literal)) => Some(literal),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether the pattern accepts an empty segment, or an empty rest of a path.
    pub(super) fn accepts_empty(&self) -> bool {
        match self {
            Self::Any | Self::Grouped(_) => false,
            Self::Digits(least, _) => *least == 0,
            Self::Ascii(ascii) => ascii.least == 0,
            Self::Run(run) => run.matches_segment(b""),
            Self::Tokens(tokens) => token::matches(tokens, true, b""),
            Self::Rest(tokens, is_whole) => token::matches(tokens, *is_whole, b""),
        }
    }

    /// Returns whether the pattern accepts a segment of a path.
    #[inline]
    pub(super) fn accepts(&self, path: &Path<'_>, segment: Segment) -> bool {
        match self.accepts_quickly(path, segment) {
            Some(accepts) => accepts,
            None => self.accepts_slowly(path, segment),
        }
    }

    /// Returns whether the pattern accepts a segment; `None` if a few instructions cannot decide it.
    #[inline]
    pub(super) fn accepts_quickly(&self, path: &Path<'_>, segment: Segment) -> Option<bool> {
        let length = segment.length();
        match self {
            Self::Any => Some(length > 0),
            Self::Digits(least, most) if length <= 8 => {
                let is_long = (*least..=*most).contains(&length);
                Some(is_long & (digits::leading(path.word(segment.at)) >= length))
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn accepts_slowly(&self, path: &Path<'_>, segment: Segment) -> bool {
        match self {
            Self::Any => segment.length() > 0,
            Self::Digits(least, most) => {
                (*least..=*most).contains(&segment.length())
                    && path.text(segment).iter().all(u8::is_ascii_digit)
            }
            Self::Ascii(ascii) => ascii.accepts(path, segment),
            Self::Grouped(grouped) => grouped.accepts(path, segment),
            Self::Run(run) => run.matches_segment(path.text(segment)),
            Self::Tokens(tokens) => token::matches(tokens, true, path.text(segment)),
            Self::Rest(tokens, is_whole) => {
                token::matches(tokens, *is_whole, path.rest(segment.at))
            }
        }
    }
}

impl Ascii {
    #[inline(never)]
    fn accepts(&self, path: &Path<'_>, segment: Segment) -> bool {
        let mut left = segment.length();
        if left < self.least || left > self.most {
            return false;
        }
        let mut at = segment.at;
        loop {
            let found = self.class.mask(path.sixteen(at));
            if left <= 16 {
                return !found & ((1 << left) - 1) == 0;
            }
            if found != 0xffff {
                return false;
            }
            at += 16;
            left -= 16;
        }
    }
}

impl Grouped {
    fn new(tokens: &[PathToken]) -> Option<Self> {
        let (mut marks, mut length) = (0, 0);
        let (mut class_run, mut mark) = (None, None);
        for token in tokens {
            match token {
                PathToken::Literal(literal) => {
                    let [byte] = **literal else { return None };
                    if *mark.get_or_insert(byte) != byte || length >= GROUPED_BYTES {
                        return None;
                    }
                    marks |= 1 << length;
                    length += 1;
                }
                PathToken::Run(run) => {
                    let (least, most) = run.lengths();
                    if least != most || class_run.get_or_insert(run).class != run.class {
                        return None;
                    }
                    length = usize::saturating_add(length, least);
                }
                PathToken::Until(..) => return None,
            }
        }
        let mark = mark?;
        (0 < length && length <= GROUPED_BYTES).then_some(Self {
            class: ascii_class(class_run?)?,
            mark,
            marks,
            length,
        })
    }

    #[inline(never)]
    fn accepts(&self, path: &Path<'_>, segment: Segment) -> bool {
        if segment.length() != self.length {
            return false;
        }
        let (mut at, mut marks, mut left) = (segment.at, self.marks, self.length);
        loop {
            let marked = mask(path.sixteen(at), [self.mark]);
            let found = self.class.mask(path.sixteen(at));
            #[expect(clippy::cast_possible_truncation, reason = "sixteen bits at a time")]
            let wanted = marks as u32 & 0xffff;
            let right = marked & wanted | found & !wanted;
            if left <= 16 {
                return !right & ((1 << left) - 1) == 0;
            }
            if right != 0xffff {
                return false;
            }
            at += 16;
            left -= 16;
            marks >>= 16;
        }
    }
}

/// Returns the class of a run if it is ASCII.
fn ascii_class(run: &CharRun) -> Option<AsciiMatcher> {
    Some(AsciiMatcher::new(run.class.ascii()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token::CharClass;
    use super::*;

    fn run(ranges: &[(char, char)], lengths: (usize, usize), limit: Option<usize>) -> PathToken {
        PathToken::Run(CharRun::new(CharClass::new(ranges), lengths, limit))
    }

    fn token() -> impl Strategy<Value = PathToken> {
        let class = prop::sample::select(vec![
            vec![('0', '9')],
            vec![('0', '9'), ('a', 'f')],
            vec![('-', '-'), ('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            vec![('\0', '.'), ('0', char::MAX)],
            vec![('a', 'z'), ('é', 'ü')],
        ]);
        let lengths = prop::sample::select(vec![
            (0, 1),
            (1, usize::MAX),
            (0, usize::MAX),
            (2, 2),
            (8, 8),
            (12, 12),
            (3, 40),
        ]);
        let limit = prop::sample::select(vec![None, None, Some(9)]);
        prop_oneof![
            2 => (class, lengths, limit).prop_map(|(class, lengths, limit)| run(&class, lengths, limit)),
            1 => prop::sample::select(vec!["-", "a", "-a"])
                .prop_map(|literal| PathToken::Literal(literal.as_bytes().into())),
        ]
    }

    fn check(tokens: &[PathToken], before: &str, segment: &str, after: &str) {
        let pattern = SegmentPattern::new(tokens.to_vec());
        let text = format!("{before}{segment}{after}");
        let path = Path::from_unescaped(text.as_bytes());
        let expected = token::matches(tokens, true, segment.as_bytes());
        let at = u32::try_from(before.len()).unwrap();
        let cut = path.segment(at, path.ends(at));
        assert_eq!(path.text(cut), segment.as_bytes());
        assert_eq!(
            pattern.accepts(&path, cut),
            expected,
            "{tokens:?} {segment}"
        );
        assert_eq!(
            pattern.accepts_empty(),
            token::matches(tokens, true, b""),
            "{tokens:?}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_segment_is_accepted_if_its_tokens_match(
            tokens in prop::collection::vec(token(), 1..4),
            before in "/|/[a-z]{0,70}/",
            segment in prop_oneof!["[0-9a-z]{0,40}", "[0-9]{0,20}", "[0-9a-f]{2}-[0-9a-f]{2}", "[-a-zA-Z0-9_.éø]{0,20}"],
            after in "|/|/[a-z]{0,30}",
        ) {
            check(&tokens, &before, &segment, &after);
        }

        #[test]
        fn only_a_uuid_is_accepted_as_a_uuid(
            before in "/|/[a-z]{0,50}/",
            at in 0..36_usize,
            other in "[-0-9a-gA-F]",
            after in "|/|/[a-z]{0,30}",
        ) {
            let group = |length| run(&[('0', '9'), ('a', 'f')], (length, length), None);
            let mark = || PathToken::Literal(b"-".as_slice().into());
            let tokens = [group(8), mark(), group(4), mark(), group(4), mark(), group(4), mark(), group(12)];
            prop_assert!(matches!(SegmentPattern::new(tokens.to_vec()), SegmentPattern::Grouped(_)));
            let mut uuid = String::from("0e984725-c51c-4bf4-9960-e1c80e27aba0");
            check(&tokens, &before, &uuid, &after);
            uuid.replace_range(at..=at, &other);
            check(&tokens, &before, &uuid, &after);
        }
    }
}
