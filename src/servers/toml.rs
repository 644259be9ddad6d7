//! A draft as TOML.
//!
//! Invariant: whatever the names, paths and formats hold, the text is TOML that says them.

use std::fmt::Write as _;

use super::draft::{Input, Source};
use super::formats::Own;
use super::names::printable;
use crate::diag::Place;

/// All of a configuration, its comments included.
pub(super) fn write(
    from: &[String],
    remarks: &[String],
    sources: &[Source],
    own: &[Own],
) -> String {
    let mut text = String::from("# Drawn up by `httplog-exporter init` from\n");
    for name in from {
        comment(&mut text, &format!("  {name}"));
    }
    text.push_str("# Try it: httplog-exporter check --config FILE\n");
    if !remarks.is_empty() {
        text.push('\n');
        for remark in remarks {
            comment(&mut text, remark);
        }
    }
    text.push_str("\n[web]\nlisten = [\"127.0.0.1:9914\"]\n");
    for source in sources {
        text.push('\n');
        for remark in &source.comments {
            comment(&mut text, remark);
        }
        let table = table(source);
        if source.is_live {
            text.push_str(&table);
        } else {
            table.lines().for_each(|line| comment(&mut text, line));
        }
        let handing = source.handing.comment(&source.name);
        if !handing.is_empty() {
            comment(&mut text, &handing);
        }
    }
    for own in own {
        text.push('\n');
        if let Some(place) = &own.place {
            comment(&mut text, &shown(place));
        }
        let (key, source) = (own.dialect.key(), string(&own.source));
        let _ = write!(text, "[pattern.{}]\n{key} = {source}\n", key_of(&own.name));
    }
    text
}

/// A place as compilers write it.
pub(super) fn shown(place: &Place) -> String {
    format!("{}:{}", place.text.name, place.line_and_column().0)
}

fn table(source: &Source) -> String {
    let mut text = format!("[[source]]\nname = {}\n", string(&source.name));
    match &source.input {
        Input::Path(glob) => {
            let _ = writeln!(text, "paths = [{}]", string(glob));
        }
        Input::Syslog(address) => {
            let _ = writeln!(text, "syslog = {}", string(address));
        }
        Input::Journal(unit) => {
            let _ = writeln!(text, "journal = {}", string(unit));
        }
    }
    let _ = writeln!(text, "pattern = {}", string(&source.pattern));
    if matches!(source.input, Input::Path(_)) {
        text.push_str("start = \"end\"\n");
    }
    if let Some(front) = &source.behind {
        let _ = writeln!(text, "behind = {}", string(front));
    }
    text
}

/// Lines of comment.
fn comment(text: &mut String, remark: &str) {
    for line in remark.split('\n') {
        let line = printable(line);
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}

/// A key, in quotes only where it needs them.
pub(super) fn key_of(name: &str) -> String {
    let is_bare = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else if name.contains('\'') && name.contains(['"', '\\']) {
        // A key cannot have three quotes.
        escaped(name)
    } else {
        string(name)
    }
}

/// A string, as readable as its text allows.
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

/// A string on one line, whatever its text holds.
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
    use super::{key_of, string};

    #[test]
    fn strings_come_back_as_they_were() {
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
            let document: toml::Table = format!("{} = 1", key_of(text)).parse().unwrap();
            assert_eq!(document.keys().collect::<Vec<_>>(), [text]);
        }
    }
}
