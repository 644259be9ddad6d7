//! Forms in which servers log a request's target.
//!
//! Invariant: a target made of a decoded path has that path when its escapes are undone.

use memchr::memchr3;

/// The form of a logged target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// As the client sent it: escaped, with its query.
    #[default]
    Requested,
    /// The path alone, its escapes undone: gunicorn's `%(U)s`, Apache's `%U`.
    Path {
        /// True if the query follows behind a `?`, as in Apache's `%U%q`.
        has_query: bool,
        /// True if each byte of the path was written as the character of that number, in UTF-8. gunicorn does: WSGI's
        /// `PATH_INFO` is decoded as Latin-1.
        is_latin: bool,
    },
}

impl TargetForm {
    /// Returns the target. `buffer` holds it where it differs from the logged text.
    #[inline]
    pub fn restore<'t>(self, text: &'t [u8], buffer: &'t mut Vec<u8>) -> &'t [u8] {
        match self {
            Self::Requested => text,
            Self::Path {
                has_query,
                is_latin,
            } => from_path(text, has_query, is_latin, buffer),
        }
    }
}

/// Escapes what ends a path or begins an escape.
#[cold] // Formats with `%(r)s` or `$request` need none of it.
#[inline(never)]
fn from_path<'t>(
    text: &'t [u8],
    has_query: bool,
    is_latin: bool,
    buffer: &'t mut Vec<u8>,
) -> &'t [u8] {
    let query = memchr::memchr(b'?', text).filter(|_| has_query);
    let (path, query) = text.split_at(query.unwrap_or(text.len()));
    if memchr3(b'%', b'?', b'#', path).is_none() && (!is_latin || path.is_ascii()) {
        return text;
    }
    buffer.clear();
    let latin = is_latin.then(|| latin_bytes(path)).flatten();
    for byte in latin.as_deref().unwrap_or(path) {
        match byte {
            b'%' => buffer.extend_from_slice(b"%25"),
            b'?' => buffer.extend_from_slice(b"%3F"),
            b'#' => buffer.extend_from_slice(b"%23"),
            byte => buffer.push(*byte),
        }
    }
    buffer.extend_from_slice(query);
    buffer
}

/// Returns the bytes of which each is a character of a text; `None` if the text has other characters.
fn latin_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(text: &str, has_query: bool, is_latin: bool) -> String {
        let form = TargetForm::Path {
            has_query,
            is_latin,
        };
        let mut buffer = Vec::new();
        let target = form.restore(text.as_bytes(), &mut buffer);
        String::from_utf8(target.to_vec()).unwrap()
    }

    #[test]
    fn a_decoded_path_becomes_a_target_that_decodes_to_it() {
        assert_eq!(restored("/a/b", false, true), "/a/b");
        assert_eq!(restored("/100%25?x#y", false, false), "/100%2525%3Fx%23y");
        assert_eq!(restored("/a%?q=100%&x?", true, false), "/a%25?q=100%&x?");
        assert_eq!(restored("/café", false, false), "/café");
        // As gunicorn writes `/café` and `/ሴ`.
        assert_eq!(restored("/cafÃ©", false, true), "/café");
        assert_eq!(restored("/á\u{88}´", false, true), "/ሴ");
        assert_eq!(restored("/ሴ", false, true), "/ሴ");
    }

    #[test]
    fn a_requested_target_is_unchanged() {
        let form = TargetForm::Requested;
        assert_eq!(form.restore(b"/a%3F?x", &mut Vec::new()), b"/a%3F?x");
    }
}
