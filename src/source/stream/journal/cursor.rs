//! Positions in the journal.

/// Longest cursor accepted, in bytes; the journal's have some 130.
pub(super) const CURSOR_BYTES: usize = 1024;

/// Returns whether a text has the form of a cursor, `s=…;i=…`, and is safe as an argument of a program.
pub(in crate::source::stream) fn is_cursor(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b';' | b'-');
    !text.is_empty() && text.len() <= CURSOR_BYTES && text.bytes().all(is_plain)
}
