//! Heuristics that classify a line or a piece of it, for explanations only.

use super::super::syslog;

/// A time format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// `22/Nov/2026:18:47:15 +0000`.
    Clf,
    /// `2026-11-22T18:47:15+00:00` and similar.
    Iso,
    /// Seconds since 1970.
    Epoch,
}

/// Returns whether a text begins with a match of the mask: `9` is a digit, `A` an upper-case letter,
/// `a` a lower-case letter, `?` any byte; other bytes are literal.
pub(super) fn begins(text: &[u8], mask: &str) -> bool {
    text.len() >= mask.len()
        && mask.bytes().zip(text).all(|(mask, byte)| match mask {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            b'?' => true,
            _ => mask == *byte,
        })
}

/// Returns the time format that a text begins with, after blanks and an opening bracket or quote.
pub(super) fn time(text: &[u8]) -> Option<Time> {
    let skipped = text
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'[' | b'"'))?;
    let text = &text[skipped..];
    if begins(text, "99/Aaa/9999") {
        Some(Time::Clf)
    } else if begins(text, "9999-99-99") || begins(text, "9999/99/99") {
        Some(Time::Iso)
    } else if begins(text, "9999999999") {
        Some(Time::Epoch)
    } else {
        None
    }
}

/// Names the program that writes lines like this one, if they are not from an access log.
pub(super) fn other_log(line: &[u8]) -> Option<&'static str> {
    const MASKS: [(&str, &str); 8] = [
        ("9999/99/99 99:99:99 [", "nginx's error log"),
        ("[9999-99-99 99:99:99 ?9999] [", "gunicorn's error log"),
        ("[Aaa Aaa 99 99:99:99", "Apache's error log"),
        (
            "[99/Aaa/9999 99:99:99] ",
            "Django's development server (runserver)",
        ),
        (
            "Traceback (most recent call last):",
            "a traceback of a Python program",
        ),
        ("  File \"", "a traceback of a Python program"),
        ("[pid: ", "uWSGI's request log"),
        ("Not Found: /", "Django's own log"),
    ];
    const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
    let known = MASKS.iter().find(|(mask, _)| begins(line, mask));
    if let Some((_, program)) = known {
        return Some(program);
    }
    let is_message = LEVELS.iter().any(|level| {
        line.strip_prefix(level.as_bytes())
            .is_some_and(|rest| rest.starts_with(b":") || rest.starts_with(b" "))
    });
    // uvicorn's access log starts with a level too.
    let is_request = line.windows(6).any(|window| window == b" HTTP/");
    (is_message && !is_request).then_some("log messages of a Python program")
}

/// Returns the length of a syslog header: of one that patterns skip, or of one that they do not (a
/// header without a priority, as rsyslog and journald write to files).
pub(super) fn syslog_header(line: &[u8]) -> Option<usize> {
    let frame = line.len() - syslog::strip(line).len();
    if frame > 0 {
        return Some(frame);
    }
    let priority = line.strip_prefix(b"<").and_then(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        ((1..=3).contains(&digits) && rest.get(digits) == Some(&b'>')).then_some(digits + 2)
    });
    let at = priority.unwrap_or_default();
    let rest = &line[at..];
    let time = if begins(rest, "Aaa ?9 99:99:99 ") {
        16
    } else if begins(rest, "9999-99-99T99:99:99") {
        word_starts(rest).next()?
    } else {
        return None;
    };
    // The tag ends in a colon; the host before it is optional (nginx's `nohostname`).
    let after = &rest[time..];
    word_starts(after)
        .take(2)
        .find(|start| after[..*start].ends_with(b": "))
        .map(|start| at + time + start)
}

/// Yields the offsets of the second and later words; words are separated by single blanks.
pub(super) fn word_starts(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(b' ', text).map(|blank| blank + 1)
}

/// Returns whether a line consists of tab-separated `label:value` pairs.
pub(super) fn is_ltsv(line: &[u8]) -> bool {
    let is_pair = |pair: &[u8]| {
        memchr::memchr(b':', pair).is_some_and(|colon| {
            let label = &pair[..colon];
            let is_label =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
            !label.is_empty() && label.iter().all(is_label)
        })
    };
    line.contains(&b'\t') && line.split(|byte| *byte == b'\t').all(is_pair)
}

/// Returns whether most of a line is not text.
pub(super) fn is_binary(line: &[u8]) -> bool {
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 11..=12 | 14..=26 | 28..=31 | 127);
    let controls = line.iter().filter(is_control).count();
    let high = line.iter().filter(|byte| !byte.is_ascii()).count();
    line.contains(&0) || controls * 10 > line.len() || high * 10 > line.len() * 4
}

/// Counts the unescaped quotes.
pub(super) fn bare_quotes(line: &[u8], backslash_escapes: bool) -> usize {
    memchr::memchr_iter(b'"', line)
        .filter(|at| !backslash_escapes || *at == 0 || line[at - 1] != b'\\')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syslog_headers_end_where_the_message_begins() {
        let check = |header: &str| {
            let line = format!("{header}192.0.2.7 - - [x]");
            assert_eq!(
                syslog_header(line.as_bytes()),
                (!header.is_empty()).then_some(header.len()),
                "{line}"
            );
        };
        check("");
        check("<190>Nov 22 18:47:14 vm nginx: ");
        check("<190>Nov  2 18:47:14 nginx: ");
        check("Nov 22 18:47:14 vm nginx[12]: ");
        check("2026-11-22T18:47:14.123456+00:00 vm nginx: ");
        check("<190>1 2026-11-22T18:47:14Z vm nginx 12 - - ");
        check("<190>1 2026-11-22T18:47:14Z vm nginx 12 - [x@1 a=\"b\"] ");
        check("<190>1 - vm nginx 12 - [x@1 a=\"\\] \"][y@1] ");
        check("<190>2026-11-22T18:47:14+00:00 vm nginx: ");
        for line in [
            "<",
            "<1",
            "<190>",
            "<190>1 2026-11-22T",
            "Nov 22 18:47:14 ",
            "<1>Nov 22 18:47:14 x",
        ] {
            assert_eq!(syslog_header(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn messages_are_distinguished_from_requests() {
        let check = |line: &str, found: bool| {
            assert_eq!(other_log(line.as_bytes()).is_some(), found, "{line}");
        };
        check("2026/11/22 18:47:15 [error] 12#12: *1 open() failed", true);
        check(
            "[2026-11-22 12:47:15 -0600] [8051] [INFO] Booting worker",
            true,
        );
        check("[22/Nov/2026 18:47:15] \"GET / HTTP/1.1\" 200 1204", true);
        check("INFO:     Started server process [1]", true);
        check("INFO:     127.0.0.1:5 - \"GET / HTTP/1.1\" 200 OK", false);
        check("INFORMATION", false);
        check("192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"", false);
    }

    #[test]
    fn lines_of_labels_and_tabs_are_ltsv() {
        assert!(is_ltsv(b"time:22/Nov/2026\thost:::1\tua:-"));
        assert!(!is_ltsv(b"time:22/Nov/2026"));
        assert!(!is_ltsv(b"a b:c\td"));
        assert!(!is_ltsv(b"\t"));
    }
}
