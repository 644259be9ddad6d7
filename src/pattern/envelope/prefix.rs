//! Prefixes of logging formatters: `2026-11-22 10:00:00,123 [INFO] `, `[2026-11-22 10:00:00 +0000] [17] [INFO] `,
//! `INFO:     `, `INFO:uvicorn.access:`, `2026-11-22 10:00:00,123 - uvicorn.access - INFO - `.
//!
//! Invariant: a prefix begins with a time or a level and consists of times, levels, numbers and names, each of which ends
//! in a bracket or a separator; behind each, the message may begin.

use super::places::Places;
use super::time::after_iso;

/// Largest number of parts of a prefix.
const PARTS: usize = 8;
/// Longest name of a logger, in bytes.
const NAME_BYTES: usize = 100;

/// A part of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Time,
    Level,
    /// A number, or a name in brackets.
    Other,
    /// A name that only what follows distinguishes from the beginning of a message.
    Name,
}

/// Adds the ends of the longest prefix at `start` and of the shorter ones in it, the longest first.
pub(super) fn places(line: &[u8], start: usize, places: &mut Places) {
    let text = line.get(start..).unwrap_or_default();
    if let Some(end) = uvicorns(text) {
        places.push(start + end);
        return;
    }
    // ` - ` behind the first word is the start of a server's own line: the address, then the identity. `Opening` relies on
    // this. An address does not begin with a capital letter, as a level does.
    let word = text.iter().position(|byte| *byte == b' ');
    let has_dash = word.is_some_and(|word| text[word..].starts_with(b" - "));
    if has_dash && !text[0].is_ascii_uppercase() {
        return;
    }
    let mut ends = [0; PARTS];
    let mut count = 0;
    let mut rest = text;
    while let Some((part, after)) = bracketed(rest).or_else(|| plain(rest)) {
        let is_anchored = count > 0 || matches!(part, Part::Time | Part::Level);
        let Some(separated) = after_separator(after, part).filter(|_| is_anchored) else {
            break;
        };
        rest = after_dash(separated);
        let Some(end) = ends.get_mut(count) else {
            break;
        };
        *end = start + text.len() - rest.len();
        count += 1;
    }
    for end in ends[..count].iter().rev() {
        places.push(*end);
    }
}

/// Returns a part in brackets, and the text behind it.
fn bracketed(text: &[u8]) -> Option<(Part, &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    if let Some(rest) = after_iso(inner)
        && let Some(rest) = rest.strip_prefix(b"]")
    {
        return Some((Part::Time, rest));
    }
    let close = inner
        .iter()
        .take(NAME_BYTES)
        .position(|byte| matches!(byte, b']' | b'\n'))?;
    let (word, rest) = (inner[..close].trim_ascii(), &inner[close..]);
    let rest = rest.strip_prefix(b"]")?;
    let part = match word {
        _ if is_level(word) || is_small_level(word) => Part::Level,
        [_, ..] if is_number(word) => Part::Other,
        [first, ..] if first.is_ascii_alphabetic() && word.iter().copied().all(is_of_name) => {
            Part::Other
        }
        _ => return None,
    };
    Some((part, rest))
}

/// Returns a part without brackets, and the text behind it.
fn plain(text: &[u8]) -> Option<(Part, &[u8])> {
    if let Some(rest) = after_iso(text) {
        return Some((Part::Time, rest));
    }
    let length = text
        .iter()
        .take(NAME_BYTES)
        .take_while(|byte| is_of_name(**byte))
        .count();
    let (word, rest) = text.split_at(length);
    let part = match word {
        _ if is_level(word) => Part::Level,
        [_, ..] if is_number(word) => Part::Other,
        [first, ..] if first.is_ascii_alphabetic() || *first == b'_' => Part::Name,
        _ => return None,
    };
    Some((part, rest))
}

/// Skips what separates a part from the next: a colon or a bar, and blanks. Behind a name stands one of the two, or a dash,
/// a bracket or a number follows: not so behind the address with which a line begins.
fn after_separator(text: &[u8], part: Part) -> Option<&[u8]> {
    let blanks = trimmed(text);
    let (has_sign, rest) = match blanks {
        [b'|', rest @ ..] => (true, rest),
        _ => match text {
            [b':', rest @ ..] => (true, rest),
            _ => (false, text),
        },
    };
    let rest = trimmed(rest);
    let is_separated = has_sign || rest.len() < text.len();
    let next = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_named = part != Part::Name
        || has_sign
        || next == b"-"
        || next.starts_with(b"[")
        || !next.is_empty() && is_number(next);
    (is_separated && is_named).then_some(rest)
}

fn is_number(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit)
}

/// Skips the dash between two parts, and blanks.
fn after_dash(text: &[u8]) -> &[u8] {
    match text {
        [b'-', b' ', rest @ ..] => trimmed(rest),
        _ => text,
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    &text[blanks..]
}

/// Returns whether a word is a level of Python's `logging` or of loguru.
pub(super) fn is_level(word: &[u8]) -> bool {
    matches!(
        word,
        b"DEBUG"
            | b"INFO"
            | b"WARNING"
            | b"WARN"
            | b"ERROR"
            | b"CRITICAL"
            | b"NOTICE"
            | b"TRACE"
            | b"SUCCESS"
    )
}

/// Returns whether a line begins with a level.
pub(super) fn begins_with_level(line: &[u8]) -> bool {
    let length = line.iter().position(|byte| !byte.is_ascii_uppercase());
    is_level(&line[..length.unwrap_or(line.len())])
}

/// Returns whether a word is a level of structlog.
fn is_small_level(word: &[u8]) -> bool {
    matches!(
        word,
        b"debug" | b"info" | b"warning" | b"error" | b"critical" | b"exception"
    )
}

/// Returns the end of `INFO:` and blanks before an address of IPv4, with which uvicorn's lines begin: no other part can follow.
pub(super) fn uvicorns(text: &[u8]) -> Option<usize> {
    let rest = trimmed(text.strip_prefix(b"INFO:")?);
    let is_address = matches!(
        rest,
        [b'0'..=b'9', b'.', ..]
            | [b'0'..=b'9', b'0'..=b'9', b'.', ..]
            | [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'.', ..]
    );
    is_address.then(|| text.len() - rest.len())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(line: &str) -> Option<&str> {
        let mut found = Places::default();
        places(line.as_bytes(), 0, &mut found);
        found.first().map(|at| &line[at..])
    }

    #[test]
    fn prefixes_of_formatters_are_skipped() {
        for prefix in [
            "2026-11-22 10:00:00,123 [INFO] ",
            "[2026-11-22 10:00:00 +0000] [17] [INFO] ",
            "INFO:     ",
            "[INFO] ",
            "2026-11-22 10:00:00,123 INFO:     ",
            "2026-11-22 10:00:00,123 INFO ",
            "2026-11-22 10:00:00,123 - uvicorn.access - INFO - ",
            "2026-11-22 10:00:00 | INFO     | uvicorn.protocols.http.h11_impl:send:477 - ",
            "INFO:uvicorn.access:",
            "INFO - uvicorn.access - ",
            "INFO 2026-11-22 10:00:00,123 h11_impl 17 1402 ",
            "2026-11-22T10:00:00.123Z INFO [uvicorn.access] ",
            "2026-11-22 10:00:00,123 ",
            "[2026-11-22 10:00:00,123: INFO/MainProcess] ",
            "[2026-11-22 10:00:00] ",
            "2026-11-22 10:00:00 [info     ] ",
        ] {
            // Celery's own notation is not known.
            let is_known = !prefix.contains("MainProcess");
            for message in [
                "192.0.2.7:5 - \"GET / HTTP/1.1\" 200",
                "[pid: 17|app: 0]",
                "{\"a\":1}",
            ] {
                let line = format!("{prefix}{message}");
                assert_eq!(first(&line) == Some(message), is_known, "{line}");
            }
        }
    }

    #[test]
    fn lines_of_servers_have_no_prefix() {
        for line in [
            "192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 10",
            "2026-11-22T10:00:00Z - - x",
            "::1 - -",
            "[pid: 17|app: 0|req: 1/1] 192.0.2.7 ()",
            "[17] x",
            "17 x",
            "shop.example.test:80 192.0.2.7",
            "INFORMATION x",
            "INFO",
            "",
        ] {
            assert_eq!(first(line), None, "{line}");
        }
    }

    #[test]
    fn shorter_prefixes_follow_the_longest() {
        let line = "[INFO] [2026-11-22 10:00:00 +0000] 192.0.2.7 - \"GET";
        let mut found = Places::default();
        places(line.as_bytes(), 0, &mut found);
        let texts: Vec<&str> = found.iter().map(|at| &line[at..]).collect();
        assert_eq!(
            texts,
            [
                "192.0.2.7 - \"GET",
                "[2026-11-22 10:00:00 +0000] 192.0.2.7 - \"GET"
            ]
        );
    }
}
