//! What a segment that is no literal may be, or all that is left of a path.
//!
//! Invariant: a segment is taken if and only if the tokens of its pattern match the whole of it.

use super::path::{Path, Segment};
use super::token::{self, Run, Token};
use crate::model::digits;
use crate::model::vector::{AsciiMatcher, mask};

/// Longest form, in bytes.
const FORM: usize = 64;

/// What may stand where no literal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// Anything that is not empty.
    Any,
    /// So many digits, bounds included.
    Digits(u32, u32),
    Ascii(Box<Ascii>),
    Form(Box<Form>),
    Run(Box<Run>),
    Tokens(Box<[Token]>),
    /// What is left of a path from the segment on; the whole of it, or its beginning.
    Rest(Box<[Token]>, bool),
}

/// Characters of one class, all of ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ascii {
    class: AsciiMatcher,
    /// Bounds of its length, included.
    least: usize,
    most: usize,
}

/// Characters of one class in groups of fixed length with one mark between them, as a UUID or a
/// date is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    class: AsciiMatcher,
    mark: u8,
    /// One bit for each mark.
    marks: u64,
    length: usize,
}

impl Accepts {
    /// What tokens take that hold no `/`.
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        if let [Token::Run(run)] = &*tokens {
            if run.is_segment {
                return Self::Any;
            }
            if let Some((least, most)) = run.digits() {
                return Self::Digits(least, most);
            }
            return match Ascii::new(run) {
                Some(ascii) => Self::Ascii(Box::new(ascii)),
                None => Self::Run(Box::new(run.clone())),
            };
        }
        match Form::new(&tokens) {
            Some(form) => Self::Form(Box::new(form)),
            None => Self::Tokens(tokens.into()),
        }
    }

    /// Whether it takes an empty segment, or nothing that is left.
    pub(super) fn takes_nothing(&self) -> bool {
        match self {
            Self::Any | Self::Form(_) => false,
            Self::Digits(least, _) => *least == 0,
            Self::Ascii(ascii) => ascii.least == 0,
            Self::Run(run) => run.takes_segment(b""),
            Self::Tokens(tokens) => token::matches(tokens, true, b""),
            Self::Rest(tokens, is_whole) => token::matches(tokens, *is_whole, b""),
        }
    }

    /// Whether it takes a segment of a path.
    #[inline]
    pub(super) fn takes(&self, path: &Path<'_>, segment: Segment) -> bool {
        match self.takes_simply(path, segment) {
            Some(takes) => takes,
            None => self.takes_other(path, segment),
        }
    }

    /// Whether it takes a segment of a path, if that is seen at once.
    #[inline]
    pub(super) fn takes_simply(&self, path: &Path<'_>, segment: Segment) -> Option<bool> {
        let length = segment.length();
        match self {
            Self::Any => Some(length > 0),
            Self::Digits(least, most) if length <= 8 => {
                let is_long = (*least as usize..=*most as usize).contains(&length);
                Some(is_long & (digits::leading(path.word(segment.at)) >= length))
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn takes_other(&self, path: &Path<'_>, segment: Segment) -> bool {
        match self {
            Self::Ascii(ascii) => ascii.takes(path, segment),
            Self::Form(form) => form.takes(path, segment),
            Self::Rest(tokens, is_whole) => {
                token::matches(tokens, *is_whole, path.rest(segment.at))
            }
            _ => self.takes_text(path.text(segment)),
        }
    }

    fn takes_text(&self, segment: &[u8]) -> bool {
        match self {
            Self::Digits(least, most) => {
                (*least as usize..=*most as usize).contains(&segment.len())
                    && segment.iter().all(u8::is_ascii_digit)
            }
            Self::Run(run) => run.takes_segment(segment),
            Self::Tokens(tokens) => token::matches(tokens, true, segment),
            Self::Any | Self::Ascii(_) | Self::Form(_) | Self::Rest(..) => false,
        }
    }
}

impl Ascii {
    fn new(run: &Run) -> Option<Self> {
        let (least, most) = run.lengths();
        Some(Self {
            class: class(run)?,
            least,
            most,
        })
    }

    #[inline(never)]
    fn takes(&self, path: &Path<'_>, segment: Segment) -> bool {
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

impl Form {
    fn new(tokens: &[Token]) -> Option<Self> {
        let (mut marks, mut length) = (0, 0);
        let (mut class_run, mut mark) = (None, None);
        for token in tokens {
            match token {
                Token::Literal(literal) => {
                    let [byte] = **literal else { return None };
                    if *mark.get_or_insert(byte) != byte || length >= FORM {
                        return None;
                    }
                    marks |= 1 << length;
                    length += 1;
                }
                Token::Run(run) => {
                    let (least, most) = run.lengths();
                    if least != most || class_run.get_or_insert(run).class != run.class {
                        return None;
                    }
                    length = usize::saturating_add(length, least);
                }
                Token::Until(..) => return None,
            }
        }
        let mark = mark?;
        (0 < length && length <= FORM).then_some(Self {
            class: class(class_run?)?,
            mark,
            marks,
            length,
        })
    }

    #[inline(never)]
    fn takes(&self, path: &Path<'_>, segment: Segment) -> bool {
        if segment.length() != self.length {
            return false;
        }
        let (mut at, mut marks, mut left) = (segment.at, self.marks, self.length);
        loop {
            let marked = mask(path.sixteen(at), [self.mark]);
            let found = self.class.mask(path.sixteen(at));
            #[expect(clippy::cast_possible_truncation, reason = "of sixteen at a time")]
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

/// The class of a run, if it is of ASCII.
fn class(run: &Run) -> Option<AsciiMatcher> {
    Some(AsciiMatcher::new(run.class.ascii()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token::Class;
    use super::*;

    fn run(ranges: &[(char, char)], lengths: (u32, u32), limit: Option<u32>) -> Token {
        Token::Run(Run::new(Class::new(ranges), lengths, limit))
    }

    fn token() -> impl Strategy<Value = Token> {
        let class = prop::sample::select(vec![
            vec![('0', '9')],
            vec![('0', '9'), ('a', 'f')],
            vec![('-', '-'), ('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            vec![('\0', '.'), ('0', char::MAX)],
            vec![('a', 'z'), ('é', 'ü')],
        ]);
        let lengths = prop::sample::select(vec![
            (0, 1),
            (1, u32::MAX),
            (0, u32::MAX),
            (2, 2),
            (8, 8),
            (12, 12),
            (3, 40),
        ]);
        let limit = prop::sample::select(vec![None, None, Some(9)]);
        prop_oneof![
            2 => (class, lengths, limit).prop_map(|(class, lengths, limit)| run(&class, lengths, limit)),
            1 => prop::sample::select(vec!["-", "a", "-a"])
                .prop_map(|literal| Token::Literal(literal.as_bytes().into())),
        ]
    }

    fn check(tokens: &[Token], before: &str, segment: &str, after: &str) {
        let accepts = Accepts::new(tokens.to_vec());
        let text = format!("{before}{segment}{after}");
        let path = Path::decoded(text.as_bytes());
        let expected = token::matches(tokens, true, segment.as_bytes());
        let at = u32::try_from(before.len()).unwrap();
        let cut = path.segment(at, path.ends(at));
        assert_eq!(path.text(cut), segment.as_bytes());
        assert_eq!(accepts.takes(&path, cut), expected, "{tokens:?} {segment}");
        assert_eq!(
            accepts.takes_nothing(),
            token::matches(tokens, true, b""),
            "{tokens:?}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_segment_is_taken_as_its_tokens_take_it(
            tokens in prop::collection::vec(token(), 1..4),
            before in "/|/[a-z]{0,70}/",
            segment in prop_oneof!["[0-9a-z]{0,40}", "[0-9]{0,20}", "[0-9a-f]{2}-[0-9a-f]{2}", "[-a-zA-Z0-9_.éø]{0,20}"],
            after in "|/|/[a-z]{0,30}",
        ) {
            check(&tokens, &before, &segment, &after);
        }

        #[test]
        fn a_uuid_is_taken_and_nothing_like_it(
            before in "/|/[a-z]{0,50}/",
            at in 0..36_usize,
            other in "[-0-9a-gA-F]",
            after in "|/|/[a-z]{0,30}",
        ) {
            let group = |length| run(&[('0', '9'), ('a', 'f')], (length, length), None);
            let mark = || Token::Literal(b"-".as_slice().into());
            let tokens = [group(8), mark(), group(4), mark(), group(4), mark(), group(4), mark(), group(12)];
            prop_assert!(matches!(Accepts::new(tokens.to_vec()), Accepts::Form(_)));
            let mut uuid = String::from("0e984725-c51c-4bf4-9960-e1c80e27aba0");
            check(&tokens, &before, &uuid, &after);
            uuid.replace_range(at..=at, &other);
            check(&tokens, &before, &uuid, &after);
        }
    }
}
