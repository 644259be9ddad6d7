//! Advice on formats that work but could be better.
//!
//! Invariant: every piece of advice points into the format and proposes a change.

use super::template::{Item, Shape, Slot, Template};
use super::{Complaint, Dialect, Escaping, Form, Matcher, Pattern};
use crate::model::Field;

/// Reviews a pattern and the format from which it was compiled: a missing duration, values that let
/// clients forge log lines, lists whose end is ambiguous.
pub fn advice(pattern: &Pattern, dialect: Dialect, source: &str) -> Vec<Complaint> {
    let mut remarks = Vec::new();
    if let Some(Form::Template(template)) = pattern.form() {
        remarks.extend(unescaped(template, source));
        for (at, item) in template.items.iter().enumerate() {
            let Item::Slot(slot) = item else { continue };
            remarks.extend(injection(slot, pattern.dialect()));
            remarks.extend(endless_list(slot, &template.items[at + 1..]));
        }
    }
    if let Matcher::Text(text) = &pattern.matcher
        && matches!(text.walk.get(), Some(None))
    {
        remarks.push(slow(source));
    }
    if !pattern.fields().contains(Field::Duration) {
        remarks.push(no_duration(pattern, dialect, source));
    }
    remarks
}

fn no_duration(pattern: &Pattern, dialect: Dialect, source: &str) -> Complaint {
    let piece = match dialect {
        Dialect::Nginx if pattern.dialect() == Dialect::Json => {
            "add `,\"request_time\":$request_time` to its object, in nginx's log_format and in the pattern"
        }
        Dialect::Nginx => {
            "add ` $request_time` at its end, in nginx's log_format and in the pattern"
        }
        Dialect::Gunicorn => {
            "add ` %(L)s` at its end, in gunicorn's access_log_format and in the pattern"
        }
        Dialect::Apache => "add ` %D` at its end, in Apache's LogFormat and in the pattern",
        Dialect::Json | Dialect::Ltsv => {
            "if the lines hold one, name its key: duration = \"…\" for seconds, duration_ms or duration_us"
        }
        Dialect::Regex => {
            "if the lines hold one, name it: (?<duration>[0-9.]+) for seconds, duration_ms or duration_us"
        }
    };
    let end = source.len();
    Complaint::new("no duration: response times will not be measured", end..end).help(piece)
}

/// Warns of an expression whose automaton is too large, so that the regex may backtrack.
fn slow(source: &str) -> Complaint {
    let message = "long lines may be slow to read: the expression can match in too many ways";
    Complaint::new(message, 0..source.len()).help(
        "describe the end of a value instead of its length: `[^\"]*` for `.{40}`, `+` for `{1,500}`; leave out `(?u)`",
    )
}

/// Warns of `escape=none`: nginx then writes quotes, and line breaks in decoded values, unescaped.
fn unescaped(template: &Template, source: &str) -> Option<Complaint> {
    const FLAG: &str = "escape=none";
    let takes_anything = |item: &Item| matches!(item, Item::Slot(slot) if slot.shape == Shape::Raw);
    if template.escaping != Escaping::None || !template.items.iter().any(takes_anything) {
        return None;
    }
    let at = source.find(FLAG).map_or(0..0, |at| at..at + FLAG.len());
    let message = format!(
        "`{FLAG}` lets clients forge log lines: quotes and line breaks are logged unescaped"
    );
    Some(Complaint::new(message, at).help("leave it out, in nginx's log_format and in the pattern"))
}

/// Warns of values that gunicorn decodes: a newline sent by a client ends the log line.
fn injection(slot: &Slot, dialect: Dialect) -> Option<Complaint> {
    let Dialect::Gunicorn = dialect else {
        return None;
    };
    let remedy = match slot.name.to_ascii_lowercase().as_str() {
        "u" if slot.name == "u" => {
            "write `-` instead, in gunicorn's access_log_format and in the pattern"
        }
        "u" | "{path_info}e" => {
            "take the path from \"%(r)s\", which is logged as received, in gunicorn's access_log_format and in the pattern"
        }
        "{remote_user}e" => "leave it out, in gunicorn's access_log_format and in the pattern",
        _ => return None,
    };
    let message = format!(
        "`%({})s` lets clients forge log lines: gunicorn decodes it, newlines included",
        slot.name
    );
    Some(Complaint::new(message, slot.span.clone()).help(remedy))
}

/// Warns of an upstream list that the text after it may continue.
fn endless_list(slot: &Slot, after: &[Item]) -> Option<Complaint> {
    let (Shape::List(_), [Item::Literal(literal), next @ ..]) = (slot.shape, after) else {
        return None;
    };
    let is_separator = [",", " ,", " :"]
        .iter()
        .any(|separator| literal.starts_with(separator));
    let is_free = matches!(
        next.first(),
        Some(Item::Slot(Slot {
            shape: Shape::Text | Shape::SlashText,
            ..
        }))
    );
    let is_ambiguous = is_separator || literal.trim_ascii().is_empty() && is_free;
    is_ambiguous.then(|| {
        let name = &slot.name;
        Complaint::new(
            format!(
                "the end of `${name}` is ambiguous: it may be a list, as in `0.001, 0.004 : 0.002`"
            ),
            slot.span.clone(),
        )
        .help(format!(
            "write it in quotes, in nginx's log_format and in the pattern: \"${name}\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, format: &str, expected: &[(&str, &str)]) {
        let pattern = Pattern::compile("test", dialect, format).unwrap();
        let remarks = advice(&pattern, dialect, format);
        let found: Vec<(&str, &str)> = remarks
            .iter()
            .map(|remark| {
                assert!(remark.help.is_some(), "{remark}");
                let message = remark.message.split([':', ' ']).next().unwrap();
                (message, &format[remark.span.clone()])
            })
            .collect();
        assert_eq!(found, expected, "{format}");
    }

    #[test]
    fn a_format_without_a_duration_is_reported() {
        check(Dialect::Nginx, "$status $request_time", &[]);
        check(Dialect::Nginx, "$status", &[("no", "")]);
        check(Dialect::Gunicorn, "%(s)s %(D)s", &[]);
        check(Dialect::Gunicorn, "%(s)s", &[("no", "")]);
        check(Dialect::Regex, "^(?<status>[0-9]{3})$", &[("no", "")]);
        check(Dialect::Regex, "^(?<duration_ms>[0-9]+)$", &[]);
    }

    #[test]
    fn a_value_that_lets_clients_forge_lines_is_reported() {
        check(Dialect::Gunicorn, "%(u)s %(L)s", &[("`%(u)s`", "%(u)s")]);
        check(
            Dialect::Gunicorn,
            "%(m)s %(U)s %(L)s",
            &[("`%(U)s`", "%(U)s")],
        );
        check(
            Dialect::Gunicorn,
            "%({PATH_INFO}e)s %(L)s",
            &[("`%({PATH_INFO}e)s`", "%({PATH_INFO}e)s")],
        );
        check(Dialect::Gunicorn, "%(r)s %(q)s %({raw_uri}e)s|%(L)s", &[]);
    }

    #[test]
    fn a_format_without_escaping_is_reported() {
        let format = |flag: &str, values: &str| format!("log_format x {flag}'{values}';");
        let expected = &[("`escape=none`", "escape=none")];
        let values = "$status \"$request\" $request_time";
        check(Dialect::Nginx, &format("escape=none ", values), expected);
        check(Dialect::Nginx, &format("escape=default ", values), &[]);
        check(Dialect::Nginx, &format("escape=json ", values), &[]);
        check(Dialect::Nginx, &format("", values), &[]);
        // None of these values comes from the client.
        let own = "$status $request_time";
        check(Dialect::Nginx, &format("escape=none ", own), &[]);
    }

    #[test]
    fn an_expression_without_a_bound_is_reported() {
        let slow = "^(?<host>.{60})a(?<duration>.*)$";
        check(Dialect::Regex, slow, &[("long", slow)]);
        check(Dialect::Regex, "^(?<host>.*) (?<duration>.*)$", &[]);
    }

    #[test]
    fn a_duration_is_added_in_the_notation_of_the_format() {
        let help = |dialect, format: &str| {
            let pattern = Pattern::compile("test", dialect, format).unwrap();
            let remarks = advice(&pattern, dialect, format);
            remarks[0].help.clone().unwrap()
        };
        let object = r#"log_format x escape=json '{"s":$status,"r":"$request"}';"#;
        assert!(help(Dialect::Nginx, object).starts_with("add `,\"request_time\":"));
        assert!(help(Dialect::Nginx, "$status").starts_with("add ` $request_time`"));
        assert!(help(Dialect::Apache, "%s").starts_with("add ` %D`"));
    }

    #[test]
    fn a_list_without_a_clear_end_is_reported() {
        let list = "$upstream_response_time";
        let expected = &[("the", list)];
        check(Dialect::Nginx, &format!("$request_time {list}"), &[]);
        check(Dialect::Nginx, &format!("\"{list}\", $request_time"), &[]);
        check(
            Dialect::Nginx,
            &format!("{list} \"$http_x\" $request_time"),
            &[],
        );
        check(
            Dialect::Nginx,
            &format!("{list} $status $request_time"),
            &[],
        );
        check(Dialect::Nginx, &format!("{list}, $request_time"), expected);
        check(Dialect::Nginx, &format!("{list} : $request_time"), expected);
        check(
            Dialect::Nginx,
            &format!("{list} $http_x|$request_time"),
            expected,
        );
    }
}
