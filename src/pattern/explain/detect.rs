//! Heuristics that classify a line or a piece of it, for explanations only.

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
    const MASKS: [(&str, &str); 7] = [
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
        ("Not Found: /", "Django's own log"),
    ];
    const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
    let known = MASKS.iter().find(|(mask, _)| begins(line, mask));
    // The access logs of Python's servers begin with a time or a level too.
    let is_request = line.windows(6).any(|window| window == b" HTTP/");
    if let Some((_, program)) = known
        && (!is_request || !program.starts_with("gunicorn"))
    {
        return Some(program);
    }
    let is_message = LEVELS.iter().any(|level| {
        line.strip_prefix(level.as_bytes())
            .is_some_and(|rest| rest.starts_with(b":") || rest.starts_with(b" "))
    });
    (is_message && !is_request).then_some("log messages of a Python program")
}

/// Yields the offsets of the second and later words; words are separated by single blanks.
pub(super) fn word_starts(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(b' ', text).map(|blank| blank + 1)
}

/// Returns whether a line consists of tab-separated `label:value` pairs.
pub(super) fn is_ltsv(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| *byte == b'\t');
    line.contains(&b'\t') && fields.all(|field| label(field).is_some())
}

/// Returns the label of a `label:value` pair.
pub(super) fn label(field: &[u8]) -> Option<&[u8]> {
    let label = &field[..memchr::memchr(b':', field)?];
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!label.is_empty() && label.iter().all(is_label)).then_some(label)
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
        check(
            "[2026-11-22 12:47:15 -0600] [8051] [INFO] 127.0.0.1:5 - \"GET / HTTP/1.1\" 200",
            false,
        );
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
