//! Explains lines that a pattern of keys does not read: the byte and the cause, or the keys that are missing.
//!
//! Invariant: spans lie inside the line; time is linear in its length.

mod json;
mod ltsv;
mod refusal;

use super::super::keys::Keys;
use super::super::{Dialect, Reject};

use refusal::{Refusal, Values};

/// Explains why a pattern of keys refuses a line; `None` if the line is not of its kind at all.
pub(super) fn refusal(
    keys: &Keys,
    dialect: Dialect,
    line: &[u8],
    reject: Reject,
) -> Option<Refusal> {
    let mut values = Values::default();
    let is_object = line.trim_ascii_start().starts_with(b"{");
    let flaw = match dialect {
        Dialect::Json if is_object => json::read(line, &mut values),
        Dialect::Ltsv if ltsv::is_labelled(line) => ltsv::read(line, &mut values),
        _ => return None,
    };
    match flaw {
        Some(refusal) => Some(refusal),
        None if reject == Reject::Number => values.bad_number(keys, line),
        None => Some(values.missing(keys, line)),
    }
}
