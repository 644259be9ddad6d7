//! Expressions over bytes in place of characters, for those that are too large otherwise: `\w{1,200}`.
//!
//! Characters beyond ASCII that no class of an expression distinguishes become one byte. A class of hundreds of ranges
//! is then one set of bytes, and a repetition of it a few kilobytes.
//!
//! Invariant: a narrowed expression matches a narrowed text where the expression matches the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, HirKind, Repetition,
};

/// First byte that stands for characters beyond ASCII.
const FIRST: u8 = 0x80;

/// A narrowed expression.
#[derive(Clone, Debug)]
pub(super) struct NarrowRegex {
    pub(super) regex: regex::bytes::Regex,
    alphabet: Alphabet,
}

/// Bytes of the characters beyond ASCII.
#[derive(Clone, Debug)]
struct Alphabet {
    /// First characters of ranges, ascending, and the byte of each range.
    ranges: Vec<(char, u8)>,
}

impl NarrowRegex {
    /// Compiles an expression of at most `size` bytes; the error is the reason why it cannot be compiled.
    pub(super) fn new(expression: &str, size: usize) -> Result<Self, String> {
        let parsed = regex_syntax::Parser::new().parse(expression);
        let hir = parsed.map_err(|error| error.to_string())?;
        let mut classes = Vec::new();
        collect(&hir, &mut classes);
        let alphabet = Alphabet::new(&classes).ok_or("it distinguishes too many characters")?;
        let narrowed = alphabet.narrow_expression(&hir).to_string();
        let regex = regex::bytes::RegexBuilder::new(&narrowed)
            .size_limit(size)
            .build();
        Ok(Self {
            regex: regex.map_err(|error| error.to_string())?,
            alphabet,
        })
    }

    /// Returns the narrowed text; `None` if the text is not UTF-8.
    pub(super) fn narrow<'t>(&self, text: &'t [u8]) -> Option<Cow<'t, [u8]>> {
        if text.is_ascii() {
            return Some(Cow::Borrowed(text));
        }
        let chars = std::str::from_utf8(text).ok()?.chars();
        Some(Cow::Owned(chars.map(|c| self.alphabet.byte(c)).collect()))
    }

    /// Returns the offset in a text of an offset in the narrowed text.
    pub(super) fn widen(text: &[u8], offset: usize) -> usize {
        let starts = |byte: &u8| !(0x80..0xc0).contains(byte);
        let mut places = text.iter().enumerate().filter(|(_, byte)| starts(byte));
        places.nth(offset).map_or(text.len(), |(place, _)| place)
    }
}

impl Alphabet {
    /// Makes the alphabet of classes; `None` if they distinguish more than 128 sets of characters.
    fn new(classes: &[ClassUnicode]) -> Option<Self> {
        let mut starts = vec!['\u{80}'];
        for range in classes.iter().flat_map(ClassUnicode::ranges) {
            starts.push(range.start());
            starts.extend(next_char(range.end()));
        }
        starts.retain(|start| !start.is_ascii());
        starts.sort_unstable();
        starts.dedup();
        let mut bytes: BTreeMap<Vec<bool>, u8> = BTreeMap::new();
        let mut ranges: Vec<(char, u8)> = Vec::new();
        for start in starts {
            let members: Vec<bool> = classes.iter().map(|class| has(class, start)).collect();
            let next = u8::try_from(bytes.len()).ok()?.checked_add(FIRST);
            let byte = match bytes.get(&members) {
                Some(known) => *known,
                None => *bytes.entry(members).or_insert(next?),
            };
            if ranges.last().is_none_or(|(_, last)| *last != byte) {
                ranges.push((start, byte));
            }
        }
        Some(Self { ranges })
    }

    fn byte(&self, c: char) -> u8 {
        if let Some(ascii) = u8::try_from(c).ok().filter(u8::is_ascii) {
            return ascii;
        }
        let after = self.ranges.partition_point(|(start, _)| *start <= c);
        let range = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.map_or(FIRST, |(_, byte)| *byte)
    }

    fn narrow_expression(&self, hir: &Hir) -> Hir {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => hir.clone(),
            HirKind::Literal(literal) => {
                let text = String::from_utf8_lossy(&literal.0);
                let bytes: Vec<u8> = text.chars().map(|c| self.byte(c)).collect();
                Hir::literal(bytes)
            }
            HirKind::Class(class) => {
                let class = unicode(class);
                let ascii = class
                    .ranges()
                    .iter()
                    .filter(|range| range.start().is_ascii());
                let ascii = ascii.map(|range| {
                    let end = u8::try_from(range.end()).unwrap_or(FIRST).min(FIRST - 1);
                    ClassBytesRange::new(u8::try_from(range.start()).unwrap_or(end), end)
                });
                let beyond = self.ranges.iter().filter(|(start, _)| has(&class, *start));
                let beyond = beyond.map(|(_, byte)| ClassBytesRange::new(*byte, *byte));
                Hir::class(Class::Bytes(ClassBytes::new(ascii.chain(beyond))))
            }
            HirKind::Repetition(repetition) => Hir::repetition(Repetition {
                sub: Box::new(self.narrow_expression(&repetition.sub)),
                ..repetition.clone()
            }),
            HirKind::Capture(capture) => Hir::capture(Capture {
                sub: Box::new(self.narrow_expression(&capture.sub)),
                ..capture.clone()
            }),
            HirKind::Concat(parts) => Hir::concat(self.narrow_all(parts)),
            HirKind::Alternation(parts) => Hir::alternation(self.narrow_all(parts)),
        }
    }

    fn narrow_all(&self, parts: &[Hir]) -> Vec<Hir> {
        parts
            .iter()
            .map(|part| self.narrow_expression(part))
            .collect()
    }
}

/// Appends the classes of an expression, and one for each character beyond ASCII of its literals.
fn collect(hir: &Hir, classes: &mut Vec<ClassUnicode>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            for c in text.chars().filter(|c| !c.is_ascii()) {
                let one = regex_syntax::hir::ClassUnicodeRange::new(c, c);
                push(ClassUnicode::new([one]), classes);
            }
        }
        HirKind::Class(class) => push(unicode(class), classes),
        HirKind::Repetition(repetition) => collect(&repetition.sub, classes),
        HirKind::Capture(capture) => collect(&capture.sub, classes),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                collect(part, classes);
            }
        }
    }
}

fn push(class: ClassUnicode, classes: &mut Vec<ClassUnicode>) {
    if !classes.contains(&class) {
        classes.push(class);
    }
}

/// Returns a class of characters: one of bytes is ASCII, since expressions match UTF-8.
fn unicode(class: &Class) -> ClassUnicode {
    match class {
        Class::Unicode(class) => class.clone(),
        Class::Bytes(class) => class.to_unicode_class().unwrap_or_else(ClassUnicode::empty),
    }
}

fn has(class: &ClassUnicode, c: char) -> bool {
    let ranges = class.ranges();
    let after = ranges.partition_point(|range| range.start() <= c);
    let range = after.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|range| c <= range.end())
}

fn next_char(c: char) -> Option<char> {
    if c == '\u{d7ff}' {
        return Some('\u{e000}');
    }
    char::from_u32(u32::from(c) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 16] = [
        "a",
        "é",
        "^",
        r"\w",
        r"\d+",
        "[^/]",
        "[à-ÿ]{1,3}",
        r"\s",
        "٣",
        "-",
        ".*?",
        "(?i:é)",
        "(b|ß)",
        "(?:a|é)?",
        r"\z",
        r"\W",
    ];

    proptest! {
        #[test]
        fn a_narrowed_expression_matches_where_the_expression_does(
            expression in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..7),
            text in r"[aébß٣²/ ÉK\u{2028}\u{1d7d8}-]{0,12}",
        ) {
            let expression = expression.concat();
            let narrow = NarrowRegex::new(&expression, 1 << 20).unwrap();
            let wide = regex::bytes::Regex::new(&expression).unwrap();
            let narrowed = narrow.narrow(text.as_bytes()).unwrap();
            let found = narrow.regex.find(&narrowed).map(|found| {
                let widen = |offset| NarrowRegex::widen(text.as_bytes(), offset);
                widen(found.start())..widen(found.end())
            });
            let expected = wide.find(text.as_bytes()).map(|found| found.range());
            prop_assert_eq!(found, expected, "{} on {:?}", expression, text);
        }
    }

    #[test]
    fn long_repetitions_of_unicode_classes_are_small() {
        let expression = r"\A(?:([\p{L}\p{N}_.@+\-]{1,254})-([\p{L}\p{N}_]{1,200}))\z";
        assert!(
            regex::bytes::RegexBuilder::new(expression)
                .size_limit(1 << 20)
                .build()
                .is_err()
        );
        let narrow = NarrowRegex::new(expression, 1 << 20).unwrap();
        let text = "é".repeat(254) + "-" + &"ß".repeat(200);
        let narrowed = narrow.narrow(text.as_bytes()).unwrap();
        assert!(narrow.regex.is_match(&narrowed));
        let long = narrow.narrow(text.as_bytes()).unwrap().into_owned();
        let long = [long, vec![b'a']].concat();
        assert!(!narrow.regex.is_match(&long));
    }
}
