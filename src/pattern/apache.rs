//! Apache's `LogFormat` strings.
//!
//! Invariant: a directive's shape accepts everything Apache can write for it
//! (`modules/loggers/mod_log_config.c`, `mod_logio.c`, `modules/ssl/ssl_engine_vars.c`), and no bare `"` except the
//! two of `%u`.

use std::ops::Range;

use super::binding::{Binding, Query, TimeUnit};
use super::escape::Escaping;
use super::kind::Kind;
use super::template::{Item, Shape, Slot, Template};
use super::{Complaint, extract, header};
use crate::model::Field;

/// Every directive, as listed in a complaint.
const DIRECTIVES: &str = "%h %l %u %t %r %s %>s %b %B %O %I %S %D %T %{ms}T %{us}T %m %U %q %H %f %a %A %v %V %p \
     %P %X %k %L %R %^FB %{name}i %{name}o %{name}e %{name}C %{name}n %{name}x %{name}c %{name}^ti %{name}^to \
     %{format}t";
/// Stands for `^FB`, the microseconds to the first byte, among the letters of directives.
const FIRST_BYTE: char = '^';

/// A parsed directive.
struct Directive<'f> {
    letter: char,
    argument: Option<&'f str>,
    /// True if the value is written only for some statuses, and `-` for all others.
    is_conditional: bool,
    span: Range<usize>,
}

/// Compiles a format string, or a whole `LogFormat`.
pub(super) fn compile(source: &str) -> Result<Template, Complaint> {
    let pasted = extract::apache(source)?;
    let mut template =
        read(&pasted.text).map_err(|complaint| pasted.complaint_in_source(complaint))?;
    pasted.place_in_source(&mut template);
    Ok(template)
}

fn read(format: &str) -> Result<Template, Complaint> {
    let mut template = Template::new(Escaping::C);
    let mut complaints = Vec::new();
    let mut rest = 0;
    while let Some(percent) = format[rest..].find('%').map(|at| rest + at) {
        template.push_literal(&format[rest..percent]);
        if format[percent + 1..].starts_with('%') {
            template.push_literal("%");
            rest = percent + 2;
            continue;
        }
        let directive = match take(format, percent) {
            Ok(directive) => directive,
            Err(complaint) => {
                complaints.push(complaint);
                break;
            }
        };
        rest = directive.span.end;
        let name = format[percent + 1..rest].to_owned();
        complaints.extend(add(&directive, name, &mut template).err());
    }
    if let Some(complaint) = Complaint::all(complaints) {
        return Err(complaint);
    }
    template.push_literal(&format[rest..]);
    join_times(&mut template);
    template.dedupe_bindings(|slot| rank(&slot.name));
    template.checked("%")
}

/// Parses the directive at `percent` (`parse_log_item`).
fn take(format: &str, percent: usize) -> Result<Directive<'_>, Complaint> {
    let mut argument = None;
    let mut is_conditional = false;
    let mut is_trailer = false;
    let mut at = percent + 1;
    while let Some(next) = format[at..].chars().next() {
        at += next.len_utf8();
        match next {
            '!' | ',' | '0'..='9' => is_conditional = true,
            '<' | '>' => {}
            '^' => is_trailer = true,
            '{' => {
                let Some(length) = format[at..].find('}') else {
                    return Err(
                        Complaint::new("`%{` is never closed", percent..format.len())
                            .help("write `%{name}i`"),
                    );
                };
                argument = Some(&format[at..at + length]);
                at += length + 1;
            }
            'F' if is_trailer && format[at..].starts_with('B') => {
                return Ok(Directive {
                    letter: FIRST_BYTE,
                    argument,
                    is_conditional,
                    span: percent..at + 1,
                });
            }
            // `%{name}^ti` and `%{name}^to`: trailers.
            't' if is_trailer && format[at..].starts_with(['i', 'o']) => {
                return Ok(Directive {
                    letter: 'n',
                    argument,
                    is_conditional,
                    span: percent..at + 1,
                });
            }
            letter => {
                return Ok(Directive {
                    letter,
                    argument,
                    is_conditional,
                    span: percent..at,
                });
            }
        }
    }
    Err(
        Complaint::new("a `%` that starts no directive", percent..format.len())
            .help("a bare percent sign is written `%%`"),
    )
}

fn add(directive: &Directive<'_>, name: String, template: &mut Template) -> Result<(), Complaint> {
    // The query follows the path directly: both are one target.
    if directive.letter == 'q'
        && let Some(Item::Slot(path)) = template.items.last_mut()
        && path.binding == Some(Binding::Path(Query::None))
    {
        path.binding = Some(Binding::Path(Query::Behind));
        path.kind = Kind::PathAndQuery;
        path.name.push_str("%q");
        path.span.end = directive.span.end;
        return Ok(());
    }
    if directive.letter == 'l' {
        // identd's user, which is always missing. As a word, it would let `%h` include the text before
        // it.
        template.push_literal("-");
        return Ok(());
    }
    let (shape, binding) =
        describe(directive.letter, directive.argument).ok_or_else(|| unknown(directive))?;
    let is_bracketed = directive.letter == 't' && directive.argument.unwrap_or_default().is_empty();
    if is_bracketed && !directive.is_conditional {
        template.push_literal("[");
    }
    let (shape, kind) = if directive.is_conditional {
        (Shape::Escaped, Kind::Any)
    } else {
        (shape, kind(directive.letter, directive.argument))
    };
    let slot = Slot::new(name, shape, binding, directive.span.clone()).of_kind(kind);
    template.items.push(Item::Slot(slot));
    if is_bracketed && !directive.is_conditional {
        template.push_literal("]");
    }
    Ok(())
}

/// Returns the shape of a directive, and its binding if it fills a field.
fn describe(letter: char, argument: Option<&str>) -> Option<(Shape, Option<Binding>)> {
    use Binding::{Bytes, Duration, Text};
    Some(match (letter, argument) {
        ('h' | 'a', _) => (Shape::Word, Some(Text(Field::RemoteAddr))),
        ('A' | 'L' | 'X', _) | ('P', Some("hextid")) => (Shape::Word, None),
        ('u', _) => (Shape::User, Some(Text(Field::User))),
        ('r', _) => (Shape::Escaped, Some(Binding::Request)),
        ('m', _) => (Shape::Escaped, Some(Text(Field::Method))),
        ('U', _) => (Shape::Escaped, Some(Binding::Path(Query::None))),
        // Never contains a blank, so the end of a path with blanks, as `%U` writes it, is clear.
        ('H', _) => (Shape::Word, Some(Text(Field::Protocol))),
        ('q' | 'f' | 'R' | 'C' | 'n', _) | ('c' | 'x', Some(_)) => (Shape::Escaped, None),
        // `-` without `LogIOTrackTTFB` (`mod_logio.c`, `log_ttfb`).
        (FIRST_BYTE, _) => (Shape::DigitsOrDash, None),
        // `-` if there was none (`mod_log_config.c`, `pfmt`).
        ('s', _) => (Shape::StatusOrDash, Some(Binding::Status)),
        ('b', _) => (Shape::DigitsOrDash, Some(Bytes(Field::ResponseBytes))),
        ('B' | 'O', _) => (Shape::Digits, Some(Bytes(Field::ResponseBytes))),
        ('I', _) => (Shape::Digits, Some(Bytes(Field::RequestBytes))),
        ('S' | 'k' | 'p' | 'P', _) => (Shape::Digits, None),
        ('D', _) | ('T', Some("us")) => (Shape::Digits, Some(Duration(TimeUnit::Micros))),
        ('T', Some("ms")) => (Shape::Digits, Some(Duration(TimeUnit::Millis))),
        ('T', None | Some("s")) => (Shape::Digits, Some(Duration(TimeUnit::Seconds))),
        ('v' | 'V', _) => (Shape::Word, Some(Text(Field::Host))),
        ('t', _) => (time(argument.unwrap_or_default()), Some(Text(Field::Time))),
        ('i', Some(name)) => (Shape::Escaped, header::request(name)),
        ('o', Some(name)) => (Shape::Escaped, header::response(name)),
        ('e', Some(key)) => (Shape::Escaped, header::environ(key)),
        _ => return None,
    })
}

/// Joins the pieces of a time, such as `%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t`, to one value.
fn join_times(template: &mut Template) {
    /// Longest text between two pieces, in bytes.
    const BETWEEN: usize = 2;
    let is_piece =
        |item: Option<&Item>| matches!(item, Some(Item::Slot(slot)) if is_time_piece(slot));
    let mut at = 0;
    while at < template.items.len() {
        let is_near = |item: Option<&Item>| match item {
            Some(Item::Literal(text)) => text.len() <= BETWEEN && !text.contains(['"', '[', ']']),
            _ => false,
        };
        let items = &template.items;
        let next = if !is_piece(items.get(at)) {
            0
        } else if is_piece(items.get(at + 1)) {
            1
        } else if is_near(items.get(at + 1)) && is_piece(items.get(at + 2)) {
            2
        } else {
            0
        };
        if next == 0 {
            at += 1;
            continue;
        }
        let removed: Vec<Item> = template.items.drain(at + 1..=at + next).collect();
        if let (Some(Item::Slot(time)), Some(Item::Slot(last))) =
            (template.items.get_mut(at), removed.last())
        {
            time.span.end = last.span.end;
            time.shape = Shape::Escaped;
            time.name = format!("{}…%{}", time.name, last.name);
        }
    }
}

/// Returns whether a value is a time, or a piece of one.
fn is_time_piece(slot: &Slot) -> bool {
    slot.binding == Some(Binding::Text(Field::Time)) && slot.shape != Shape::ClfTime
}

/// Returns the type of a directive's value.
fn kind(letter: char, argument: Option<&str>) -> Kind {
    match (letter, argument) {
        ('r', _) => Kind::Request,
        ('m', _) => Kind::Method,
        ('U', _) => Kind::Path,
        ('q', _) => Kind::Query,
        ('v' | 'V', _) => Kind::Host,
        ('i', Some(name)) => header::request_kind(name),
        ('o', Some(name)) => header::response_kind(name),
        ('e', Some(key)) => header::environ_kind(key),
        _ => Kind::Any,
    }
}

/// Returns the shape of `%{…}t`: without an argument, with one of Apache's keywords, or with a format of
/// strftime.
fn time(format: &str) -> Shape {
    let format = ["begin:", "end:"]
        .into_iter()
        .find_map(|prefix| format.strip_prefix(prefix))
        .unwrap_or(format);
    match format {
        "" => Shape::ClfTime,
        "sec" | "msec" | "usec" | "msec_frac" | "usec_frac" => Shape::Digits,
        _ => Shape::Escaped,
    }
}

fn unknown(directive: &Directive<'_>) -> Complaint {
    let letter = directive.letter;
    let (message, help) = match (letter, directive.argument) {
        ('(', _) => (
            "`%(` starts no directive".to_owned(),
            "this looks like gunicorn's notation: give it as `gunicorn = …`".to_owned(),
        ),
        ('T', Some(unit)) => (
            format!("unknown unit `{unit}` of `%{{…}}T`"),
            "one of: ms, us, s".to_owned(),
        ),
        ('i' | 'o' | 'e' | 'x', None) => (
            format!("`%{letter}` without a name"),
            format!("write `%{{name}}{letter}`"),
        ),
        _ => {
            let swapped = if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            };
            let help = match directive.argument {
                argument if letter == swapped || describe(swapped, argument).is_none() => {
                    format!("one of: {DIRECTIVES}")
                }
                Some(argument) => format!("did you mean `%{{{argument}}}{swapped}`?"),
                None => format!("did you mean `%{swapped}`?"),
            };
            (format!("unknown directive `%{letter}`"), help)
        }
    };
    Complaint::new(message, directive.span.clone()).help(help)
}

/// Returns the rank of a directive without its percent sign: of several for the same field, the lowest
/// is read.
fn rank(name: &str) -> u8 {
    match name {
        "r" | "D" | "{us}T" | ">s" | "b" | "B" | "h" | "v" | "t" => 0,
        "{ms}T" | "s" | "O" | "a" | "V" => 1,
        "T" | "{s}T" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Pattern};
    use super::*;

    fn show(format: &str, line: &str, field: Field) -> Option<String> {
        let pattern = Pattern::compile("test", Dialect::Apache, format).unwrap();
        let record = pattern.parse(&mut pattern.scratch(), line.as_bytes());
        record
            .unwrap_or_else(|reject| panic!("{format}: {line}: {reject:?}"))
            .show(field)
    }

    #[test]
    fn every_directive_is_known() {
        for directive in DIRECTIVES.split_ascii_whitespace() {
            let format = format!("x {directive} %s");
            assert!(read(&format).is_ok(), "{directive}");
        }
    }

    #[test]
    fn values_are_read_with_their_units() {
        let check = |format: &str, line: &str, field, expected: Option<&str>| {
            assert_eq!(show(format, line, field).as_deref(), expected, "{format}");
        };
        let times = "%T %{ms}T %D";
        check(times, "0 12 12345", Field::Duration, Some("12.345ms"));
        check("%T %{ms}T", "0 12", Field::Duration, Some("12ms"));
        check("%{us}T %>s", "7 200", Field::Duration, Some("0.007ms"));
        check("%T", "3", Field::Duration, Some("3000ms"));
        check("%b %O", "- 300", Field::ResponseBytes, None);
        check("%O %b", "300 7", Field::ResponseBytes, Some("7"));
        check("%s %>s", "302 200", Field::Status, Some("200"));
        check("%v:%p %h", "a.test:80 ::1", Field::Host, Some("a.test"));
        check(
            "\"%m %U%q %H\" %s",
            "\"GET /a b?c HTTP/1.1\" 200",
            Field::Target,
            Some("/a b?c"),
        );
        let line = r#"::1 - "" [22/Nov/2026:18:53:07 +0000] "GET / HTTP/1.1" 200"#;
        check(r#"%h %l %u %t \"%r\" %>s"#, line, Field::User, Some("\"\""));
        let line = r#"x "a\"b\\" 200 "\\\"" 5%"#;
        check(
            r#"x "%{Referer}i" %s "%{User-Agent}i" %D%%"#,
            line,
            Field::Referer,
            Some(r#"a\"b\\"#),
        );
        check(
            "[%{%Y-%m-%d %T}t.%{msec_frac}t %{%z}t] %!200,304{Host}i %s",
            "[2026-11-22 18:53:07.123 +0000] - 200",
            Field::Time,
            Some("2026-11-22 18:53:07.123 +0000"),
        );
        check("%{Foo}^ti %s", "a b 200", Field::Status, Some("200"));
        check(
            "%r %s %b",
            "OPTIONS /dav/ HTTP/1.1 - 7",
            Field::Status,
            None,
        );
        check(
            "%{SSL_PROTOCOL}x %{SSL_CIPHER}x %{cn}c %^FB %s",
            "TLSv1.3 TLS_AES_256_GCM_SHA384 - 12 200",
            Field::Status,
            Some("200"),
        );
        check("\"%r\" %s", "\"-\" 408", Field::Target, None);
    }

    #[test]
    fn unknown_directives_are_named() {
        let check = |format: &str, message: &str, help: &str, span: &str| {
            let complaint = compile(format).unwrap_err();
            assert_eq!(complaint.message, message);
            assert!(
                complaint.help.as_deref().unwrap_or_default().contains(help),
                "{complaint:?}"
            );
            assert_eq!(&format[complaint.span], span);
        };
        check(
            "%h %d",
            "unknown directive `%d`",
            "did you mean `%D`?",
            "%d",
        );
        check(
            r#"LogFormat "%h \"%{Referer}i\" %{x}z" a"#,
            "unknown directive `%z`",
            "one of: %h",
            "%{x}z",
        );
        check("%(h)s", "`%(` starts no directive", "gunicorn = ", "%(");
        check(
            "%h %{Referer i",
            "`%{` is never closed",
            "%{name}i",
            "%{Referer i",
        );
        check("%h %i", "`%i` without a name", "%{name}i", "%i");
        check(
            "%{min}T",
            "unknown unit `min` of `%{…}T`",
            "ms, us, s",
            "%{min}T",
        );
        check("%h 5%", "a `%` that starts no directive", "%%", "%");
    }
}
