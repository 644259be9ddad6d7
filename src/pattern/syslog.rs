//! The frame of a syslog message.
//!
//! Invariant: the result is a suffix of the line, and the whole line unless it begins with a complete
//! frame.

/// Longest field of an RFC 5424 header, in bytes (its `APP-NAME` 48, `HOSTNAME` 255).
const FIELD_BYTES: usize = 255;

/// Strips an RFC 3164 frame as nginx writes it (`<190>Nov 22 18:47:14 vm nginx: `, without the host
/// under `nohostname`), gunicorn's frame (`<190>gunicorn.shop.access: [17] `), or an RFC 5424 frame,
/// byte order mark included.
#[inline]
pub fn strip(line: &[u8]) -> &[u8] {
    if line.first() == Some(&b'<') {
        unframe(line).unwrap_or(line)
    } else {
        line
    }
}

#[cold]
fn unframe(line: &[u8]) -> Option<&[u8]> {
    let rest = after_priority(line)?;
    match rest {
        [b'1', b' ', rest @ ..] => structured(rest),
        _ => traditional(rest).or_else(|| gunicorns(rest)),
    }
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

/// Skips `Mmm dd hh:mm:ss [host] tag: ` (RFC 3164, 4.1).
fn traditional(rest: &[u8]) -> Option<&[u8]> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (time, rest) = rest.split_at_checked(16)?;
    let is_month = MONTHS.chunks_exact(3).any(|month| time.starts_with(month));
    let is_shaped = time[3..]
        .iter()
        .zip(b" _d dd:dd:dd ")
        .all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'_' => *byte == b' ' || byte.is_ascii_digit(),
            _ => byte == shape,
        });
    if !is_month || !is_shaped {
        return None;
    }
    let (first, after) = field(rest)?;
    if is_tag(first) {
        return Some(after);
    }
    let (second, after) = field(after)?;
    is_tag(second).then_some(after)
}

/// Skips `gunicorn.NAME.access: [PID] `: Python's handler writes neither time nor host
/// (gunicorn's glogging.py).
fn gunicorns(rest: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = field(rest)?;
    let rest = rest.strip_prefix(b"[")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_gunicorns = tag.starts_with(b"gunicorn.") && is_tag(tag) && digits > 0;
    let message = rest.get(digits..)?.strip_prefix(b"] ")?;
    is_gunicorns.then_some(message)
}

/// Returns whether a word is a program's name, an optional process in brackets, and a colon.
fn is_tag(word: &[u8]) -> bool {
    word.len() > 1 && word.iter().position(|byte| *byte == b':') == Some(word.len() - 1)
}

/// Skips the rest of an RFC 5424 header: `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG]`.
fn structured(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..5 {
        (_, rest) = field(rest)?;
    }
    rest = match rest {
        [b'-', rest @ ..] => rest,
        _ => elements(rest)?,
    };
    let message = match rest {
        [] => rest,
        [b' ', message @ ..] => message,
        _ => return None,
    };
    Some(message.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(message))
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
                (b'\\', true) => at += 1,
                (b'"', _) => quoted = !quoted,
                (b']', false) => break,
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
            let found = String::from_utf8_lossy(strip(line.as_bytes()));
            assert_eq!(found, expected, "{line:?}");
        };
        let same = |line: &str| check(line, line);
        check("<190>Nov 22 18:47:14 vm nginx: 127.0.0.1 -", "127.0.0.1 -");
        check("<190>Nov  2 18:47:14 nginx: x", "x");
        check("<13>Jan  2 03:04:05 vm gunicorn[17]:  - - [", " - - [");
        check("<30>gunicorn.shop.wsgi.access: [17]  - - [", " - - [");
        same("<30>gunicorn.shop.access: 17 x");
        same("<30>gunicorn.shop.access: [] x");
        same("<30>other.shop.access: [17] x");
        check("<0>Dec 31 23:59:59 vm a: ", "");
        check("<165>1 2026-11-22T18:47:14Z host app 17 id - x y", "x y");
        check("<165>1 - - - - - - \u{feff}x", "x");
        check(
            r#"<165>1 2026-11-22T18:47:14.003Z h a - - [a@1 k="]\"\]" l="m"][b] x"#,
            "x",
        );
        check("<165>1 - - - - - -", "");
        same("<192>Nov 22 18:47:14 vm nginx: x");
        same("<019>Nov 22 18:47:14 vm nginx: x");
        same("<>Nov 22 18:47:14 vm nginx: x");
        same("<1900>Nov 22 18:47:14 vm nginx: x");
        same("<190>Nov 22 18:47:14 vm nginx x");
        same("<190>Foo 22 18:47:14 vm nginx: x");
        same("<190>Nov 22 18:47 vm nginx: x");
        same("<190>x");
        same("<190>");
        same("<8051> GET / 200");
        same("<165>2 - - - - - - x");
        same("<165>1 - - - - - x");
        same("<165>1 - - - - - [a k=\"] x");
        same("<165>1 - - - -  - x");
        same("Nov 22 18:47:14 vm nginx: x");
        same("");
    }

    proptest! {
        #[test]
        fn the_result_is_a_suffix_of_the_line(
            line in prop_oneof![
                any::<Vec<u8>>(),
                r"<[0-9]{0,4}>(1 )?[ -~]{0,40}".prop_map(String::into_bytes),
                r#"<165>1( -){5} [-\[\]"\\a= ]{0,20}"#.prop_map(String::into_bytes),
            ],
        ) {
            prop_assert!(line.ends_with(strip(&line)));
        }

        #[test]
        fn any_message_is_unframed(message: Vec<u8>, priority in 0..192_u8, value in "[ -~]{0,20}") {
            prop_assume!(!message.starts_with(b"\xEF\xBB\xBF"));
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
            for frame in [
                format!("<{priority}>Nov 22 18:47:14 vm nginx: "),
                format!("<{priority}>1 - vm nginx - - [a@1 k=\"{escaped}\"] "),
                format!("<{priority}>1 - vm nginx - - - \u{feff}"),
            ] {
                let line = [frame.as_bytes(), &message].concat();
                prop_assert_eq!(strip(&line), &message[..]);
            }
        }
    }
}
