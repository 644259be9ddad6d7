//! Headers of syslog.
//!
//! Invariant: a header is complete, and its end lies inside the line.

use super::prefix::is_level;
use super::time::{after_iso, after_month, after_shape};

/// Longest field of an RFC 5424 header, in bytes (its `APP-NAME` 48, `HOSTNAME` 255).
const FIELD_BYTES: usize = 255;

/// Length to which rsyslog's `RSYSLOG_TraditionalForwardFormat` cuts a tag, which then lacks its colon.
const CUT_TAG_BYTES: usize = 32;

/// Returns the end of the header that a line begins with: that of RFC 3164, as nginx (`<190>Nov 22 18:47:14 vm nginx: `,
/// without the host under `nohostname`), rsyslog and syslog-ng write it, gunicorn's (`<190>gunicorn.shop.access: [17] `),
/// or that of RFC 5424, byte order mark included; each also without its priority, as in files. A second blank after a
/// header belongs to the message.
pub(super) fn header(line: &[u8]) -> Option<usize> {
    let rest = match line.first()? {
        b'<' => {
            let rest = after_priority(line)?;
            structured(rest)
                .or_else(|| traditional(rest))
                .or_else(|| tagged(rest))
        }
        b'1' if line.get(1) == Some(&b' ') => {
            // Without a priority, only a time shows that this is a header.
            after_iso(&line[2..])?;
            structured(line)
        }
        _ => traditional(line),
    }?;
    Some(line.len() - rest.len())
}

/// Returns the end of the priority that a line begins with, without the rest of a header.
pub(super) fn priority(line: &[u8]) -> Option<usize> {
    line.starts_with(b"<")
        .then(|| after_priority(line))?
        .map(|rest| line.len() - rest.len())
}

/// Returns the end of the tag that a line begins with, without time and host: `nginx: `, `gunicorn[17]: `.
pub(super) fn tag(line: &[u8]) -> Option<usize> {
    Some(line.len() - tagged(line)?.len())
}

/// Skips `<0>` to `<191>` without leading zeros (RFC 5424, 6.2.1).
fn after_priority(line: &[u8]) -> Option<&[u8]> {
    let close = line.iter().take(5).position(|byte| *byte == b'>')?;
    let digits = line.get(1..close)?;
    let mut priority = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        priority = priority * 10 + u32::from(digit - b'0');
    }
    let is_plain = matches!(digits, [_] | [b'1'..=b'9', ..]);
    (is_plain && priority <= 191).then(|| &line[close + 1..])
}

/// Skips `Mmm dd hh:mm:ss [host] tag: ` (RFC 3164, 4.1), with any time of `time.rs`. rsyslog puts its own host before that
/// of a message from `/dev/log`, so there may be two. An object needs no tag before it.
fn traditional(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = after_iso(rest)
        .or_else(|| after_month(rest))?
        .strip_prefix(b" ")?;
    for words in 0..3 {
        if words > 0 && rest.starts_with(b"{") {
            return Some(rest);
        }
        let (word, after) = field(rest)?;
        if is_tag(word) || word.len() == CUT_TAG_BYTES {
            return Some(after_cookie(after_process(word, after)));
        }
        rest = after;
    }
    None
}

/// Skips a tag without time and host, as Python's `SysLogHandler` writes it (gunicorn: `gunicorn.NAME.access: [PID] `),
/// and templates of the tag and the message.
fn tagged(rest: &[u8]) -> Option<&[u8]> {
    let (tag, after) = field(rest)?;
    let name = tag.iter().take_while(|byte| is_of_tag(**byte)).count();
    let is_program = tag.first().is_some_and(u8::is_ascii_alphabetic) && {
        let process = &tag[name..];
        process == b":"
            || process
                .strip_prefix(b"[")
                .and_then(|process| process.strip_suffix(b"]:"))
                .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
    };
    (is_program && is_tag(tag)).then(|| after_cookie(after_process(tag, after)))
}

fn is_of_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/')
}

/// Skips the cookie `@cee:`, by which rsyslog marks objects.
fn after_cookie(message: &[u8]) -> &[u8] {
    let skip = || {
        let rest = message.strip_prefix(b" ").unwrap_or(message);
        let rest = rest.strip_prefix(b"@cee:")?;
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        rest.starts_with(b"{").then_some(rest)
    };
    skip().unwrap_or(message)
}

/// Skips the `[PID] ` with which gunicorn's messages begin, with the blank that rsyslog may put before it.
fn after_process<'l>(tag: &[u8], message: &'l [u8]) -> &'l [u8] {
    let skip = || {
        let rest = message.strip_prefix(b" ").unwrap_or(message);
        let rest = rest.strip_prefix(b"[")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest.get(digits..)?
            .strip_prefix(b"] ")
            .filter(|_| digits > 0)
    };
    let is_gunicorns = tag.starts_with(b"gunicorn.");
    is_gunicorns.then(skip).flatten().unwrap_or(message)
}

/// Returns whether a word is a program's name, an optional process in brackets, and a colon. A level is part of a prefix.
fn is_tag(word: &[u8]) -> bool {
    word.len() > 1
        && word.iter().position(|byte| *byte == b':') == Some(word.len() - 1)
        && !is_level(&word[..word.len() - 1])
}

/// Skips an RFC 5424 header behind its priority: `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG]`.
fn structured(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = after_shape(rest, b"1 ")?;
    let mut program: &[u8] = b"";
    for at in 0..5 {
        let (word, after) = field(rest)?;
        if at == 2 {
            program = word;
        }
        rest = after;
    }
    rest = match rest {
        [b'-', rest @ ..] => rest,
        _ => elements(rest)?,
    };
    let message = match rest {
        [] | [b'\n', ..] => rest,
        [b' ', message @ ..] => message,
        _ => return None,
    };
    let message = message.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(message);
    Some(after_cookie(after_process(program, message)))
}

/// Returns a printable word of a header, and the text after its blank.
fn field(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = rest
        .iter()
        .take(FIELD_BYTES + 1)
        .position(|byte| *byte == b' ')?;
    let word = &rest[..length];
    let is_word = length > 0 && word.iter().all(u8::is_ascii_graphic);
    is_word.then(|| (word, &rest[length + 1..]))
}

/// Skips `[id name="value" …]` elements; inside a value, a backslash escapes `"`, `]` and `\`.
fn elements(rest: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while rest.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            at += 1;
            match (*rest.get(at)?, quoted) {
                (b'\\', true) if rest.get(at + 1) != Some(&b'\n') => at += 1,
                (b'"', _) => quoted = !quoted,
                (b']', false) => break,
                (b'\n', _) => return None,
                _ => {}
            }
        }
        at += 1;
    }
    (at > 0).then(|| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_stripped_and_nothing_else_is() {
        let check = |line: &str, expected: &str| {
            let found = header(line.as_bytes()).map(|end| &line[end..]);
            assert_eq!(found, Some(expected), "{line:?}");
            // Only the length of the line decides about the end of a header, not what follows the line.
            let text = format!("{line}\nx");
            let found = header(text.as_bytes()).map(|end| &line[end..]);
            assert_eq!(found, Some(expected), "{text:?}");
        };
        let same = |line: &str| assert_eq!(header(line.as_bytes()), None, "{line:?}");
        check("<190>Nov 22 18:47:14 vm nginx: 127.0.0.1 -", "127.0.0.1 -");
        check("<190>Nov  2 18:47:14 nginx: x", "x");
        check("<13>Jan  2 03:04:05 vm gunicorn[17]:  - - [", " - - [");
        check("<30>gunicorn.shop.wsgi.access: [17]  - - [", " - - [");
        check("<30>gunicorn.shop.access: 17 x", "17 x");
        check("<30>gunicorn.shop.access: [] x", "[] x");
        check("<30>other.shop.access: [17] x", "[17] x");
        check("<0>Dec 31 23:59:59 vm a: ", "");
        check("<165>1 2026-11-22T18:47:14Z host app 17 id - x y", "x y");
        check("<165>1 - - - - - - \u{feff}x", "x");
        check("<165>1 - - - - - -  x", " x");
        check(
            r#"<165>1 2026-11-22T18:47:14.003Z h a - - [a@1 k="]\"\]" l="m"][b] x"#,
            "x",
        );
        check("<165>1 - - - - - -", "");
        // rsyslog's RSYSLOG_ForwardFormat, syslog-ng with ts-format(iso).
        check(
            "<190>2026-11-28T07:00:00.123456+01:00 web1 nginx: x y",
            "x y",
        );
        check(
            "<190>2026-11-28T07:00:00Z web1.example.org nginx[12]: x",
            "x",
        );
        check("<190>2026-11-28T07:00:00-04:00 nginx: x", "x");
        // syslog-ng with frac-digits(3), and with ts-format(full).
        check("<190>Nov 28 07:00:00.123 web1 nginx: x", "x");
        check("<190>2026 Nov  8 07:00:00 web1 nginx[12]: x", "x");
        // nginx's own host, by way of /dev/log and rsyslog's imuxsock.
        check("<190>Nov 28 07:00:00 web1 web1 nginx: x", "x");
        // gunicorn's header inside that of a relay.
        check("<30>Nov 28 07:00:00 web1 gunicorn.shop.access: [17] x", "x");
        check(
            "<30>2026-11-28T07:00:00Z web1 gunicorn.shop.access: [17]  - - [",
            " - - [",
        );
        check("<30>1 - web1 gunicorn.shop.access - - -  [17] x", "x");
        check("<30>1 - web1 shop - - - [17] x", "[17] x");
        // A tag that rsyslog cut to 32 bytes.
        check(
            "<30>Nov 28 07:00:00 web1 gunicorn.example-shop-production [17] x",
            "x",
        );
        // Without a zone, with journalctl's, and with a blank.
        check("<190>2026-11-28T07:00:00 web1 nginx: x", "x");
        check("<190>2026-11-28T07:00:00+0100 web1 nginx: x", "x");
        check("<190>2026-11-28 07:00:00Z web1 nginx: x", "x");
        check("<190>Nov 28 2026 07:00:00 web1 nginx: x", "x");
        // In files, without the priority.
        check("Nov 28 07:00:00 web1 nginx: x", "x");
        check("2026-11-28T07:00:00.123456+00:00 web1 nginx[2869]: x", "x");
        check("2026-11-28T07:00:00+0000 web1 nginx[2869]:  x", " x");
        check("2026 Nov  8 07:00:00 web1 nginx: x", "x");
        check("1 2026-11-28T07:00:00Z web1 nginx 12 - -  x", " x");
        // A tag alone, and objects with and without one.
        check("<190>nginx: x", "x");
        check("Nov 28 07:00:00 web1 {\"a\":1}", "{\"a\":1}");
        check("Nov 28 07:00:00 web1 nginx: @cee: {\"a\":1}", "{\"a\":1}");
        check("<190>nginx: @cee:{\"a\":1}", "{\"a\":1}");
        assert_eq!(tag(b"nginx[2869]:  x"), Some(13));
        assert_eq!(tag(b"shop.example.test:80 x"), None);
        same("nginx: x");
        same("shop.example.test:80 192.0.2.7 - -");
        same("2001:db8::1: x");
        same("1 2026-11-28 web1 nginx 12 - - x");
        same("1 - - - - - - x");
        same("2026-11-28T07:00:00Z - - - x");
        same("nginx[x]: y");
        same("nginx:x y");
        same("<190>Nov 28 07:00:00. web1 nginx: x");
        same("<190>Nov 28 07:00:00 web1 web1 web1 nginx: x");
        same("<192>Nov 22 18:47:14 vm nginx: x");
        same("<019>Nov 22 18:47:14 vm nginx: x");
        same("<>Nov 22 18:47:14 vm nginx: x");
        same("<1900>Nov 22 18:47:14 vm nginx: x");
        same("<190>Nov 22 18:47:14 vm nginx x");
        same("<190>Foo 22 18:47:14 vm nginx x");
        same("<190>Nov 22 18:47 vm nginx x");
        same("<190>x");
        same("<190>");
        same("<8051> GET / 200");
        same("<165>2 - - - - - - x");
        same("<165>1 - - - - - x");
        same("<165>1 - - - - - [a k=\"] x");
        same("<165>1 - - - -  - x");
        same("");
    }

    proptest! {
        #[test]
        fn the_end_is_inside_the_line(
            line in prop_oneof![
                any::<Vec<u8>>(),
                r"<[0-9]{0,4}>(1 )?[ -~]{0,40}".prop_map(String::into_bytes),
                r#"<165>1( -){5} [-\[\]"\\a= ]{0,20}"#.prop_map(String::into_bytes),
            ],
        ) {
            prop_assert!(header(&line).unwrap_or_default() <= line.len());
        }

        #[test]
        fn any_message_is_unframed(message: Vec<u8>, priority in 0..192_u8, value in "[ -~]{0,20}") {
            prop_assume!(!message.starts_with(b"\xEF\xBB\xBF") && !message.starts_with(b"@") && !message.starts_with(b" @"));
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
            for frame in [
                format!("<{priority}>Nov 22 18:47:14 vm nginx: "),
                format!("<{priority}>1 - vm nginx - - [a@1 k=\"{escaped}\"] "),
                format!("<{priority}>1 - vm nginx - - - \u{feff}"),
            ] {
                let line = [frame.as_bytes(), &message].concat();
                let end = header(&line).unwrap_or_default();
                prop_assert_eq!(&line[end..], &message[..]);
            }
        }
    }
}
