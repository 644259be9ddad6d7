//! Names of rotated files, and the path such a file had before.
//!
//! Invariant: only names that a rotation makes count as rotated. The forms are logrotate's: `a.log.1`, `a.log-20261122`
//! (`dateext`, any `dateformat` of digits), `a-20261122.log` (`extension .log`), each perhaps compressed; also `a.log.old`
//! and `a.log.0` of others. `a.1.log` (`extension .log` without `dateext`) may as well be the log of another program: only
//! [`Rotated::parse_any`] accepts it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::model::compressed_ending;

/// Compression of a rotated file, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packing {
    Plain,
    Gzip,
    /// Compressed in a way that cannot be read.
    Unsupported,
}

/// A name made by a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rotated<'n> {
    /// Parts of the original name before and after the mark of the rotation.
    base: (&'n OsStr, &'n OsStr),
    pub(super) packing: Packing,
    /// True if the mark stands before the extension. Other programs give such names to logs that are not rotated.
    pub(super) is_infix: bool,
}

impl<'n> Rotated<'n> {
    /// Parses a name; returns `None` if it was not made by a rotation.
    pub(super) fn parse(name: &'n OsStr) -> Option<Self> {
        Self::parse_with(name, is_date)
    }

    /// Parses a name that a rotation may have made: also `a.1.log`, to be judged by the text of the file.
    pub(super) fn parse_any(name: &'n OsStr) -> Option<Self> {
        Self::parse(name).or_else(|| Self::parse_with(name, is_number))
    }

    /// Parses a name; `is_infix` accepts the digits of a mark before the extension.
    fn parse_with(name: &'n OsStr, is_infix: fn(&[u8]) -> bool) -> Option<Self> {
        let (rest, packing) = unpacked(name.as_bytes());
        let suffixed = suffixed(rest);
        let (before, after) = suffixed.or_else(|| infixed(rest, is_infix))?;
        Some(Self {
            base: (OsStr::from_bytes(before), OsStr::from_bytes(after)),
            packing,
            is_infix: suffixed.is_none(),
        })
    }

    /// Returns the path that a rotated file had before; `None` if its name was not made by a rotation.
    pub(super) fn base_of(path: &Path) -> Option<PathBuf> {
        let rotated = Rotated::parse(path.file_name()?)?;
        Some(path.with_file_name(rotated.base()))
    }

    /// Returns the path without the ending of a compressed file.
    pub(super) fn unpacked(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default();
        path.with_file_name(OsStr::from_bytes(unpacked(name.as_bytes()).0))
    }

    /// Returns the text with which all names begin that a rotation makes of this one.
    pub(super) fn stem(name: &OsStr) -> &[u8] {
        let name = name.as_bytes();
        let dot = name.iter().rposition(|byte| *byte == b'.');
        &name[..dot.unwrap_or(name.len())]
    }

    /// Returns the original name.
    pub(super) fn base(&self) -> OsString {
        let (before, after) = self.base;
        let mut name = OsString::with_capacity(before.len() + after.len());
        name.push(before);
        name.push(after);
        name
    }

    /// Returns whether `name` is the original name.
    pub(super) fn was(&self, name: &OsStr) -> bool {
        let (before, after) = (self.base.0.as_bytes(), self.base.1.as_bytes());
        let name = name.as_bytes();
        name.len() == before.len() + after.len()
            && name.starts_with(before)
            && name.ends_with(after)
    }
}

/// Returns the path that a file had before it was rotated; `None` if its name is not one that a rotation can have made.
pub fn path_before_rotation(path: &Path) -> Option<PathBuf> {
    let rotated = Rotated::parse_any(path.file_name()?)?;
    Some(path.with_file_name(rotated.base()))
}

/// Strips the ending of a compressed file from a name.
fn unpacked(name: &[u8]) -> (&[u8], Packing) {
    let Some(ending) = compressed_ending(name) else {
        return (name, Packing::Plain);
    };
    let packing = if ending == ".gz" {
        Packing::Gzip
    } else {
        Packing::Unsupported
    };
    (&name[..name.len() - ending.len()], packing)
}

/// Parses names with the mark at their end: finds `a.log` in `a.log.1`, `a.log-20261122` and `a.log.old`.
fn suffixed(name: &[u8]) -> Option<(&[u8], &[u8])> {
    for old in [&b".old"[..], b".prev"] {
        if let Some(base) = name.strip_suffix(old) {
            return not_empty(base, b"");
        }
    }
    let base = name.len() - name.iter().rev().take_while(|byte| is_mark(**byte)).count();
    // The original name can contain marks too: `a-1.log.2`, `a.2026.log-20261122`. The leftmost mark that parses is the
    // longest, so dates with separators (`-2026-11-22`) are taken whole.
    (base..name.len()).find_map(|at| {
        let (base, mark) = name.split_at(at);
        let digits = match mark.split_first()? {
            (b'.', digits) if is_number(digits) || is_date(digits) => digits,
            (b'-' | b'_', digits) if is_date(digits) => digits,
            _ => return None,
        };
        not_empty(base, &digits[digits.len()..])
    })
}

/// Parses names with the mark before their extension: finds `a.log` in `a-20261122.log`. A number follows a dot, as
/// logrotate writes it.
fn infixed(name: &[u8], is_infix: fn(&[u8]) -> bool) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let (rest, extension) = name.split_at(dot);
    if extension[1..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let base = rest.len() - rest.iter().rev().take_while(|byte| is_mark(**byte)).count();
    (base..rest.len()).find_map(|at| {
        let (base, mark) = rest.split_at(at);
        let (first, digits) = mark.split_first()?;
        let is_mark = match first {
            b'.' => is_infix(digits),
            b'-' | b'_' => is_infix(digits) && is_date(digits),
            _ => false,
        };
        is_mark.then(|| not_empty(base, extension))?
    })
}

fn not_empty<'n>(before: &'n [u8], after: &'n [u8]) -> Option<(&'n [u8], &'n [u8])> {
    (!before.is_empty() || !after.is_empty()).then_some((before, after))
}

/// Returns whether a byte can be part of a mark.
fn is_mark(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'T')
}

/// Returns whether the digits are a rotation number: logrotate's have few digits.
fn is_number(digits: &[u8]) -> bool {
    (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Returns whether the text is a date, perhaps with a time, or seconds since 1970: six or more digits, perhaps with
/// separators between them.
fn is_date(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit)
        && text.last().is_some_and(u8::is_ascii_digit)
        && text.iter().filter(|byte| byte.is_ascii_digit()).count() >= 6
        && text.iter().all(|byte| is_mark(*byte) && *byte != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<(&str, Packing)>) {
        let read = Rotated::parse(OsStr::new(name)).map(|rotated| {
            let base = rotated.base();
            assert!(rotated.was(&base), "{name}");
            assert!(!rotated.was(OsStr::new(name)), "{name}");
            assert!(name.as_bytes().starts_with(Rotated::stem(&base)), "{name}");
            (base.display().to_string(), rotated.packing)
        });
        let expected = expected.map(|(base, packing)| (base.to_owned(), packing));
        assert_eq!(read, expected, "{name}");
    }

    #[test]
    fn names_made_by_rotation() {
        let plain = |base| Some((base, Packing::Plain));
        let gzip = |base| Some((base, Packing::Gzip));
        check("access.log.1", plain("access.log"));
        check("access.log.52.gz", gzip("access.log"));
        check("access.log.0", plain("access.log"));
        check("access.log.old", plain("access.log"));
        check("access.log-20261122", plain("access.log"));
        check("access.log-20261122.gz", gzip("access.log"));
        check("access.log-20261122-1795000000.gz", gzip("access.log"));
        check("access.log-2026-11-22", plain("access.log"));
        check("access.log-2026-11-22T03", plain("access.log"));
        check("access.log.2026-11-22", plain("access.log"));
        check("access.log-1795000000", plain("access.log"));
        check("access.log_20261122", plain("access.log"));
        check("access-20261122.log", plain("access.log"));
        check("access-20261122.log.gz", gzip("access.log"));
        check("access.20261122.log", plain("access.log"));
        check(
            "access.log.2.bz2",
            Some(("access.log", Packing::Unsupported)),
        );
        check("site-1.log.3", plain("site-1.log"));
        check("log-1", None);
        check("access-1.log.20261122", plain("access-1.log"));
    }

    #[test]
    fn a_number_before_the_extension_is_ambiguous() {
        let base = |name: &str| {
            let rotated = Rotated::parse_any(OsStr::new(name))?;
            Some(rotated.base().into_string().unwrap())
        };
        for (name, original) in [
            ("access.1.log", Some("access.log")),
            ("access.12.log.gz", Some("access.log")),
            ("access.2026112807.log", Some("access.log")),
            ("access.1.log.2", Some("access.1.log")),
            ("access-1.log", None),
            ("access.log", None),
            ("1.log", None),
        ] {
            assert_eq!(base(name).as_deref(), original, "{name}");
        }
    }

    #[test]
    fn names_of_other_logs_are_not_parsed() {
        for name in [
            "access.log",
            "access-2.log",
            "access.2.log",
            "error.log",
            "access.log.gz",
            "access.log.1.bak",
            "access.log.swp",
            "access.log-1",
            "access.log.123456x",
            "20261122",
            ".1",
            ".log",
            "",
        ] {
            check(name, None);
        }
    }
}
