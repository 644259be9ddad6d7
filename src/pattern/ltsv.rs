//! Labelled tab-separated values: `status:200<TAB>reqtime:0.012`.
//!
//! Invariant: every piece of an accepted line is a label, a colon and a value; of two pieces with
//! the same label the first is read.

use super::hints::{Hints, Member, Place};
use super::keys::{Found, Keys, Prefix};
use super::search::first_of;
use super::{Ahead, Complaint};
use crate::model::Record;
use crate::model::byte_set::ByteSet;

/// The bytes of a label (ltsv.org: `lbyte`).
static LABEL: ByteSet = ByteSet::ALPHANUMERIC.plus(b"_.-");

/// Refuses keys that cannot be labels.
pub(super) fn check(keys: &Keys) -> Result<(), Complaint> {
    let is_label = |name: &[u8]| name.iter().all(|byte| LABEL.contains(*byte));
    match keys.names().find(|name| !is_label(name)) {
        Some(name) => {
            let name = String::from_utf8_lossy(name);
            Err(
                Complaint::new(format!("`{name}` is not a valid label"), 0..0)
                    .help("labels consist of letters, digits, `_`, `.` and `-`"),
            )
        }
        None => Ok(()),
    }
}

/// Reads the line that `text` begins with, which ends at the first newline or the text's end.
/// [`Ahead::Undecided`] if a piece is not a label and a value.
#[inline]
pub(super) fn read<'l>(
    keys: &Keys,
    hints: &mut Hints,
    text: &'l [u8],
    record: &mut Record<'l>,
) -> Ahead {
    let place = Place::new(Prefix::ROOT, false);
    let mut found = Found::new(record);
    let mut at = 0;
    hints.rewind();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let hint = hints.find(rest, place);
        let Some((length, member)) = hint.or_else(|| label(keys, hints, rest, place)) else {
            return end_at_tabs(keys, &found, text, at);
        };
        let start = at + length;
        let end = first_of(text, start, [b'\t', b'\n']);
        if member.keys != 0 {
            keys.give(member.keys, text.get(start..end), &mut found);
        }
        if text.get(end) != Some(&b'\t') {
            return keys.finish(&found, end);
        }
        at = end + 1;
    }
}

/// Ends a line in which no label follows the pieces before `at`: further tabs may.
#[cold]
fn end_at_tabs(keys: &Keys, found: &Found<'_, '_>, text: &[u8], at: usize) -> Ahead {
    let rest = text.get(at..).unwrap_or_default();
    let tabs = rest.iter().take_while(|byte| **byte == b'\t').count();
    match rest.get(tabs) {
        None | Some(b'\n') if at > 0 => keys.finish(found, at + tabs),
        _ => Ahead::Undecided,
    }
}

/// Returns the length of a label and its colon, and the keys that the label is, without the nearest
/// hint.
#[inline(never)]
fn label(keys: &Keys, hints: &mut Hints, rest: &[u8], place: Place) -> Option<(usize, Member)> {
    if let Some(known) = hints.find_further(rest, place) {
        return Some(known);
    }
    let label = rest.iter().position(|byte| !LABEL.contains(*byte))?;
    if label == 0 || rest[label] != b':' {
        return None;
    }
    let member = Member {
        keys: keys.find(Prefix::ROOT, &rest[..label]),
        ..Member::NONE
    };
    hints.learn(&rest[..=label], place, member);
    Some((label + 1, member))
}

#[cfg(test)]
mod tests {
    use super::super::Reject;
    use super::*;
    use crate::model::Field;
    use proptest::prelude::*;

    fn ltsv() -> Keys {
        let mut keys = Keys::new();
        keys.bind("status", "status").unwrap();
        keys.bind("duration", "req-time").unwrap();
        keys.bind("user_agent", "ua").unwrap();
        check(&keys).unwrap();
        keys
    }

    fn parse<'l>(keys: &Keys, line: &'l str) -> Result<Record<'l>, Reject> {
        let mut record = Record::default();
        match read(keys, &mut Hints::new(), line.as_bytes(), &mut record) {
            Ahead::Line { length, outcome } if length == line.len() => outcome.map(|()| record),
            _ => Err(Reject::Mismatch),
        }
    }

    #[test]
    fn labels_stand_in_any_order_and_the_first_of_two_is_read() {
        let ltsv = ltsv();
        let check = |line: &str, expected: [Option<&str>; 3]| {
            let record = parse(&ltsv, line).unwrap();
            let found =
                [Field::Status, Field::Duration, Field::UserAgent].map(|field| record.show(field));
            assert_eq!(found.each_ref().map(Option::as_deref), expected, "{line:?}");
        };
        check("status:200", [Some("200"), None, None]);
        check(
            "a:b\tua:x:y z\treq-time:0.5\tstatus:404",
            [Some("404"), Some("500ms"), Some("x:y z")],
        );
        check("status:200\tstatus:500", [Some("200"), None, None]);
        check("status:-\tua:\treq-time:-", [None, None, None]);
        check("status:200\t", [Some("200"), None, None]);
        check("status:200\tua:x\t\t", [Some("200"), None, Some("x")]);
        let reject = |line: &str, reject| {
            assert_eq!(parse(&ltsv, line).err(), Some(reject), "{line:?}");
        };
        for line in [
            "",
            "status",
            "\tstatus:200",
            "status:200\tx",
            "status:200\t:x",
            "st atus:1\tstatus:200",
            "ua:x",
        ] {
            reject(line, Reject::Mismatch);
        }
        reject("status:200\treq-time:x", Reject::Number);
        reject("status:2000", Reject::Number);
    }

    #[test]
    fn a_key_that_cannot_be_a_label_is_refused() {
        let mut keys = Keys::new();
        keys.bind("status", "the status").unwrap();
        assert_eq!(
            check(&keys).unwrap_err().message,
            "`the status` is not a valid label"
        );
    }

    proptest! {
        #[test]
        fn pieces_are_read_as_splitting_reads_them(
            line in r"((status|req-time|ua|x|é|): ?[0-9.:]{0,4}[\t ]?){0,5}",
        ) {
            let pieces: Option<Vec<(&str, &str)>> = line
                .trim_end_matches('\t')
                .split('\t')
                .map(|piece| piece.split_once(':').filter(|(label, _)| {
                    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
                }))
                .collect();
            let value = |label| pieces.as_ref().and_then(|pieces| {
                pieces.iter().find(|(name, _)| *name == label).map(|(_, value)| *value)
            });
            match parse(&ltsv(), &line) {
                Ok(record) => {
                    let ua = value("ua").filter(|ua| !matches!(*ua, "" | "-"));
                    prop_assert_eq!(record.user_agent, ua.map(str::as_bytes));
                    prop_assert!(value("status").is_some());
                }
                Err(Reject::Mismatch) => prop_assert!(value("status").is_none()),
                Err(_) => prop_assert!(pieces.is_some()),
            }
        }
    }
}
