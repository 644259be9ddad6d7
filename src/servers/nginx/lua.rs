//! Finds the end of Lua blocks in nginx's configuration.
//!
//! Invariant: braces in Lua strings and comments are ignored.

/// Returns the length of the block whose `{` precedes `source`, including its `}`. `None` if it is
/// unclosed.
pub(super) fn block(source: &[u8]) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let rest = &source[at..];
        at += match byte {
            b'{' => {
                depth += 1;
                1
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
                1
            }
            b'"' | b'\'' => string(rest, byte)?,
            b'[' => long(rest).unwrap_or(1),
            b'-' if rest.starts_with(b"--") => {
                let comment = &rest[2..];
                let line = || memchr::memchr(b'\n', comment);
                2 + long(comment).or_else(line).unwrap_or(comment.len())
            }
            _ => 1,
        };
    }
    None
}

/// Returns the length of the quoted string that `rest` begins with.
fn string(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        match *rest.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Returns the length of the `[[…]]` or `[==[…]==]` that `rest` begins with.
fn long(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(b"[")?;
    let level = body.iter().take_while(|byte| **byte == b'=').count();
    if body.get(level) != Some(&b'[') {
        return None;
    }
    let start = level + 2;
    let mut end = vec![b']'];
    end.resize(level + 1, b'=');
    end.push(b']');
    let found = memchr::memmem::find(&rest[start..], &end)?;
    Some(start + found + end.len())
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn braces_in_strings_and_comments_are_ignored() {
        let check = |source: &str| {
            let text = format!("{source}}} rest }}");
            assert_eq!(block(text.as_bytes()), Some(source.len() + 1), "{source}");
        };
        check("");
        check(" a = {} ");
        check(" a = '}' b = \"\\\"}\" ");
        check(" -- }\n ");
        check(" --[[ }\n} ]] ");
        check(" a = [==[ } ]] ]==] ");
        check(" a[b[1]] = c ");
        assert_eq!(block(b" '}"), None);
        assert_eq!(block(b"{}"), None);
    }
}
