//! Which preset wrote these lines?
//!
//! Invariant: a preset is named only when it reads nearly every line, none reads more of them or
//! the same with more fields, and none reads the same lines to mean something else.

use super::{Pattern, presets};
use crate::model::Record;

/// Lines looked at.
const SAMPLE_LINES: usize = 200;

/// What recognition found.
#[derive(Debug)]
pub enum Recognition {
    /// This one.
    Known(Pattern),
    /// None is good enough; the best two with the share of lines they read, in percent.
    Unknown(Vec<(&'static str, usize)>),
}

/// A preset and how it did.
struct Candidate {
    read: usize,
    fields: usize,
    name: &'static str,
    pattern: Pattern,
}

/// Tries every preset on the first 200 of `lines`. Lines that are blank do not count.
pub fn recognise<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Recognition {
    let lines: Vec<&[u8]> = lines
        .into_iter()
        .filter(|line| !line.is_empty())
        .take(SAMPLE_LINES)
        .collect();
    let mut candidates: Vec<Candidate> = presets()
        .iter()
        // A preset that does not compile is a broken build, and the tests say so.
        .filter_map(|preset| Some((preset.name, preset.pattern().ok()?)))
        .map(|(name, pattern)| Candidate {
            read: read_lines(&pattern, &lines).flatten().count(),
            fields: pattern.fields().iter().count(),
            name,
            pattern,
        })
        .filter(|candidate| candidate.read > 0)
        .collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.read, candidate.fields)));
    let mut best = candidates.into_iter();
    let (first, second) = (best.next(), best.next());
    let shares = [&first, &second].into_iter().flatten();
    let shares = shares
        .map(|candidate| (candidate.name, candidate.read * 100 / lines.len()))
        .collect();
    match first {
        Some(first) if first.read * 10 >= lines.len() * 9 => match second {
            Some(second) if first.is_rivalled(&second, &lines) => Recognition::Unknown(shares),
            _ => Recognition::Known(first.pattern),
        },
        _ => Recognition::Unknown(shares),
    }
}

impl Candidate {
    /// Whether another one does as well and reads something else: another unit, say.
    fn is_rivalled(&self, other: &Self, lines: &[&[u8]]) -> bool {
        (self.read, self.fields) == (other.read, other.fields)
            && !read_lines(&self.pattern, lines).eq(read_lines(&other.pattern, lines))
    }
}

fn read_lines<'a, 'l: 'a>(
    pattern: &'a Pattern,
    lines: &'a [&'l [u8]],
) -> impl Iterator<Item = Option<Record<'l>>> + 'a {
    let mut scratch = pattern.scratch();
    lines
        .iter()
        .map(move |line| pattern.parse(&mut scratch, line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_presets_own_examples_are_recognised() {
        for preset in presets() {
            let definition = preset.definition().unwrap();
            let lines = definition
                .examples
                .iter()
                .map(|example| example.line.as_bytes());
            match recognise(lines) {
                Recognition::Known(pattern) => assert_eq!(pattern.name(), preset.name),
                // A whole number of what? Nothing in the line tells.
                Recognition::Unknown(best) => {
                    assert_eq!(best, [("gunicorn-micros", 100), ("gunicorn-millis", 100)]);
                    assert!(
                        best.iter().any(|(name, _)| *name == preset.name),
                        "{}",
                        preset.name
                    );
                }
            }
        }
    }

    #[test]
    fn what_nobody_wrote_is_not_recognised() {
        let lines = [&b"hello"[..], b"", b"\xff\x00"];
        assert!(matches!(recognise(lines), Recognition::Unknown(best) if best.is_empty()));
        assert!(matches!(recognise([]), Recognition::Unknown(_)));
    }
}
