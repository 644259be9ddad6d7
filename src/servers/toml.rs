//! Keys and strings of TOML.
//!
//! Invariant: TOML reads back the same text, whatever it contains.

use std::fmt::Write as _;

/// Formats a key, quoted only if necessary.
pub(super) fn key(name: &str) -> String {
    let is_bare = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else if name.contains('\'') && name.contains(['"', '\\']) {
        // Keys cannot be triple-quoted.
        escaped(name)
    } else {
        string(name)
    }
}

/// Formats a string in the most readable notation possible.
pub(super) fn string(text: &str) -> String {
    let is_bare = !text.contains(char::is_control);
    if is_bare && !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else if is_bare && !text.contains('\'') {
        format!("'{text}'")
    } else if is_bare && !text.contains("'''") && !text.ends_with('\'') {
        format!("'''{text}'''")
    } else {
        escaped(text)
    }
}

/// Formats a string with escapes, on one line.
fn escaped(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{key, string};

    #[test]
    fn strings_and_keys_round_trip() {
        for text in [
            "",
            "a",
            "\"a\"",
            "it's \"b\"",
            "''' \"",
            "a'\"",
            "\t\r\n\u{7f}\u{85}\\",
            "'\\",
            "ü",
            "''\"",
        ] {
            let document: toml::Table = format!("a = {}", string(text)).parse().unwrap();
            assert_eq!(document["a"].as_str(), Some(text), "{}", string(text));
            let document: toml::Table = format!("{} = 1", key(text)).parse().unwrap();
            assert_eq!(document.keys().collect::<Vec<_>>(), [text]);
        }
    }
}
