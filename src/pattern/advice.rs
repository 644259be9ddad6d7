//! What could be better about a format that works.
//!
//! Invariant: advice never refuses a format; each piece points at the format and says what to write.

use super::template::{Item, Shape, Slot, Template};
use super::{Complaint, Dialect, Escaping, Form, Matcher, Pattern};
use crate::model::Field;

/// Remarks on a pattern and the format it was compiled from, in the notation it was given: no
/// duration, values that let a client write lines of their own, lists whose end nobody can tell.
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
            "add `,\"request_time\":$request_time` to its object, in nginx's log_format and here"
        }
        Dialect::Nginx => "add ` $request_time` at its end, in nginx's log_format and here",
        Dialect::Gunicorn => "add ` %(L)s` at its end, in gunicorn's access_log_format and here",
        Dialect::Apache => "add ` %D` at its end, in Apache's LogFormat and here",
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

/// An expression that has no walk: the regex may try many ways at each byte.
fn slow(source: &str) -> Complaint {
    let message = "long lines may be slow to read: the expression can match in too many ways";
    Complaint::new(message, 0..source.len()).help(
        "say what ends a value instead of how long it is: `[^\"]*` for `.{40}`, `+` for `{1,500}`; leave out `(?u)`",
    )
}

/// nginx writes what a client sent as it came: quotes, and in decoded values line breaks.
fn unescaped(template: &Template, source: &str) -> Option<Complaint> {
    const FLAG: &str = "escape=none";
    let takes_anything = |item: &Item| matches!(item, Item::Slot(slot) if slot.shape == Shape::Raw);
    if template.escaping != Escaping::None || !template.items.iter().any(takes_anything) {
        return None;
    }
    let at = source.find(FLAG).map_or(0..0, |at| at..at + FLAG.len());
    let message = format!(
        "`{FLAG}` lets a client write log lines: quotes and line breaks stand in them as they came"
    );
    Some(Complaint::new(message, at).help("leave it out, in nginx's log_format and here"))
}

/// gunicorn decodes these: a newline that a client put into them ends the line.
fn injection(slot: &Slot, dialect: Dialect) -> Option<Complaint> {
    let Dialect::Gunicorn = dialect else {
        return None;
    };
    let remedy = match slot.name.to_ascii_lowercase().as_str() {
        "u" if slot.name == "u" => "write `-` instead, in gunicorn's access_log_format and here",
        "u" | "{path_info}e" => {
            "take the path from \"%(r)s\", which is logged as it came, in gunicorn's access_log_format and here"
        }
        "{remote_user}e" => "leave it out, in gunicorn's access_log_format and here",
        _ => return None,
    };
    let message = format!(
        "`%({})s` lets a client write log lines: gunicorn decodes it, newlines included",
        slot.name
    );
    Some(Complaint::new(message, slot.span.clone()).help(remedy))
}

/// An upstream list that what follows can prolong.
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
    let is_prolonged = is_separator || literal.trim_ascii().is_empty() && is_free;
    is_prolonged.then(|| {
        let name = &slot.name;
        Complaint::new(
            format!("the end of `${name}` cannot be told: it may be a list, as in `0.001, 0.004 : 0.002`"),
            slot.span.clone(),
        )
        .help(format!("write it in quotes, in nginx's log_format and here: \"${name}\""))
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
    fn a_format_without_a_duration_is_remarked() {
        check(Dialect::Nginx, "$status $request_time", &[]);
        check(Dialect::Nginx, "$status", &[("no", "")]);
        check(Dialect::Gunicorn, "%(s)s %(D)s", &[]);
        check(Dialect::Gunicorn, "%(s)s", &[("no", "")]);
        check(Dialect::Regex, "^(?<status>[0-9]{3})$", &[("no", "")]);
        check(Dialect::Regex, "^(?<duration_ms>[0-9]+)$", &[]);
    }

    #[test]
    fn a_value_that_a_client_can_break_lines_with_is_remarked() {
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
    fn a_format_that_escapes_nothing_is_remarked() {
        let format = |flag: &str, values: &str| format!("log_format x {flag}'{values}';");
        let remark = &[("`escape=none`", "escape=none")];
        let values = "$status \"$request\" $request_time";
        check(Dialect::Nginx, &format("escape=none ", values), remark);
        check(Dialect::Nginx, &format("escape=default ", values), &[]);
        check(Dialect::Nginx, &format("escape=json ", values), &[]);
        check(Dialect::Nginx, &format("", values), &[]);
        // Nothing in it is the client's.
        let own = "$status $request_time";
        check(Dialect::Nginx, &format("escape=none ", own), &[]);
    }

    #[test]
    fn an_expression_without_a_bound_is_remarked() {
        let slow = "^(?<host>.{60})a(?<duration>.*)$";
        check(Dialect::Regex, slow, &[("long", slow)]);
        check(Dialect::Regex, "^(?<host>.*) (?<duration>.*)$", &[]);
    }

    #[test]
    fn a_duration_is_added_as_the_format_is_written() {
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
    fn a_list_that_goes_on_into_its_neighbour_is_remarked() {
        let list = "$upstream_response_time";
        let remark = &[("the", list)];
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
        check(Dialect::Nginx, &format!("{list}, $request_time"), remark);
        check(Dialect::Nginx, &format!("{list} : $request_time"), remark);
        check(
            Dialect::Nginx,
            &format!("{list} $http_x|$request_time"),
            remark,
        );
    }
}
