//! Parses Python's string literals.

/// A string literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// A plain string.
    Plain(String),
    /// An f-string with braces: its source between the quotes, and whether it is raw.
    Format(String, bool),
    /// A string of bytes, or a template string.
    Bytes,
}

/// Parses the literal at `start`, including its prefix. Returns it and the offset after it; `None` if
/// the literal is missing or incomplete.
pub(super) fn read(source: &str, start: usize) -> Option<(Literal, usize)> {
    let rest = &source[start..];
    let mut bytes = rest.bytes().take(3);
    let length = bytes.position(|byte| matches!(byte, b'"' | b'\''))?;
    let prefix = rest[..length].to_ascii_lowercase();
    if !matches!(
        &*prefix,
        "" | "r" | "u" | "b" | "f" | "t" | "br" | "rb" | "fr" | "rf" | "tr" | "rt"
    ) {
        return None;
    }
    let quote = rest.get(length..=length)?;
    let thrice = quote.repeat(3);
    let is_triple = rest[length..].starts_with(&thrice);
    let quote = if is_triple { &*thrice } else { quote };
    let body = start + length + quote.len();
    let mut is_escaped = false;
    let end = source[body..].char_indices().find_map(|(offset, next)| {
        let is_end = !is_escaped && source[body + offset..].starts_with(quote);
        is_escaped = next == '\\' && !is_escaped;
        is_end.then_some(body + offset)
    })?;
    let inside = &source[body..end];
    if quote.len() == 1 && inside.replace("\\\n", "").contains('\n') {
        return None;
    }
    let is_format = prefix.contains('f');
    let literal = if prefix.contains('b') || prefix.contains('t') {
        Literal::Bytes
    } else if is_format && inside.contains(['{', '}']) {
        Literal::Format(inside.to_owned(), prefix.contains('r'))
    } else if prefix.contains('r') {
        Literal::Plain(inside.to_owned())
    } else {
        Literal::Plain(unescaped(inside))
    };
    Some((literal, end + quote.len()))
}

/// Replaces the escapes of a string that is not raw.
pub(super) fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('\n') => {}
            Some(same @ ('\\' | '\'' | '"')) => text.push(same),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('x') => {
                let digits: String = characters.clone().take(2).collect();
                match u8::from_str_radix(&digits, 16) {
                    Ok(byte) if digits.len() == 2 => {
                        text.push(char::from(byte));
                        characters.nth(1);
                    }
                    _ => text.push_str("\\x"),
                }
            }
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    text
}

/// Returns the offset of the brace that closes an expression of an f-string.
pub(super) fn closing(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, next) in source.bytes().enumerate() {
        match next {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_python_reads_them() {
        let check = |source: &str, expected: Option<(&str, usize)>| {
            let plain = |text: &str| Literal::Plain(text.to_owned());
            let expected = expected.map(|(text, end)| (plain(text), end));
            assert_eq!(read(source, 0), expected, "{source}");
        };
        check(r#""a\"b\t\x41\d\\" c"#, Some(("a\"b\tA\\d\\", 16)));
        check(r"r'a\'", None);
        check(r"R'\t'", Some(("\\t", 5)));
        check("'''a'b''' ", Some(("a'b", 9)));
        check("'' ''", Some(("", 2)));
        check("f'ab'", Some(("ab", 5)));
        check("x'ab'", None);
        check("'a\nb'", None);
        let format = Literal::Format("{x}".to_owned(), true);
        assert_eq!(read("fR'{x}'", 0), Some((format, 7)));
        assert_eq!(read("b'x'", 0), Some((Literal::Bytes, 4)));
    }
}
