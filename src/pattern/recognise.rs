//! Which preset wrote these lines?
//!
//! Invariant: a preset is named only when it reads nearly every line and none reads more of them,
//! or the same with more fields.

use super::{Pattern, presets};

/// Lines looked at.
pub const SAMPLE_LINES: usize = 200;

/// What recognition found.
#[derive(Debug)]
pub enum Recognition {
    /// This one.
    Known(Pattern),
    /// None is good enough; the best two with the share of lines they read, in percent.
    Unknown(Vec<(&'static str, usize)>),
}

/// Tries every preset on the first [`SAMPLE_LINES`] of `lines`. Lines that are blank do not count.
pub fn recognise<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Recognition {
    let lines: Vec<&[u8]> = lines
        .into_iter()
        .filter(|line| !line.is_empty())
        .take(SAMPLE_LINES)
        .collect();
    let mut candidates: Vec<(usize, usize, &'static str, Pattern)> = Vec::new();
    for preset in presets() {
        // A preset that does not compile is a broken build, and the tests say so.
        let Ok(pattern) = preset.pattern() else {
            continue;
        };
        let mut scratch = pattern.scratch();
        let read = lines
            .iter()
            .filter(|line| pattern.parse(&mut scratch, line).is_ok())
            .count();
        candidates.push((read, pattern.fields().iter().count(), preset.name, pattern));
    }
    candidates.sort_by_key(|(read, fields, ..)| std::cmp::Reverse((*read, *fields)));
    let best = candidates
        .iter()
        .map(|(read, _, name, _)| (*name, read * 100 / lines.len().max(1)));
    let best: Vec<_> = best.filter(|(_, percent)| *percent > 0).take(2).collect();
    match candidates.into_iter().next() {
        Some((read, .., pattern)) if read > 0 && read * 10 >= lines.len() * 9 => {
            Recognition::Known(pattern)
        }
        _ => Recognition::Unknown(best),
    }
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
                Recognition::Unknown(best) => panic!("{}: {best:?}", preset.name),
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
