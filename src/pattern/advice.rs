//! Advice on formats that work but could be better.
//!
//! Invariant: every piece of advice points into the format and proposes a change.

use super::kind::Kind;
use super::readings::Unclear;
use super::template::{Item, Shape, Slot, Template};
use super::{Complaint, Dialect, Escaping, Form, Matcher, Pattern, nginx};
use crate::model::Field;

/// Reviews a pattern and the format from which it was compiled: a missing duration, values that let
/// clients forge log lines, lists whose end is ambiguous.
pub fn advice(pattern: &Pattern, dialect: Dialect, source: &str) -> Vec<Complaint> {
    let mut remarks = Vec::new();
    if let Some(Form::Template(template)) = pattern.form() {
        remarks.extend(unescaped(template, source));
        for item in &template.items {
            let Item::Slot(slot) = item else { continue };
            remarks.extend(injection(slot, pattern.dialect()));
            remarks.extend(decoded(slot, pattern.dialect()));
        }
        remarks.extend(unclear(pattern, dialect, source));
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

/// Returns warnings about names in a format that look like slips: each with the name and what it may stand for.
pub fn slips(dialect: Dialect, source: &str) -> Vec<Complaint> {
    match dialect {
        Dialect::Nginx => nginx::misspellings(source),
        _ => Vec::new(),
    }
}

/// Lists the fields without which requests cannot be distinguished: method, path, status.
pub fn lacking(pattern: &Pattern, dialect: Dialect) -> Vec<Complaint> {
    let (request, status) = match dialect {
        Dialect::Nginx => ("\"$request\"", "$status"),
        Dialect::Gunicorn => ("\"%(r)s\"", "%(s)s"),
        Dialect::Apache => ("\\\"%r\\\"", "%>s"),
        Dialect::Json | Dialect::Ltsv => ("request = \"…\"", "status = \"…\""),
        Dialect::Regex => ("(?<request>[^\"]*)", "(?<status>[0-9]{3})"),
    };
    let fields = pattern.fields();
    let all = [
        (
            fields.contains(Field::Method),
            "no method: requests cannot be counted by method",
            request,
        ),
        (
            fields.contains(Field::Target) || fields.contains(Field::View),
            "no path: requests have no route",
            request,
        ),
        (
            fields.contains(Field::Status),
            "no status: errors cannot be counted, and no route is learned",
            status,
        ),
    ];
    let lacking = all.into_iter().filter(|(is_there, ..)| !is_there);
    let complaints = lacking
        .map(|(_, message, add)| Complaint::new(message, 0..0).help(format!("add {add} to it")));
    complaints.collect()
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
            "if the lines hold one, name its key: duration = \"…\" for seconds, duration_ms, duration_us or duration_ns"
        }
        Dialect::Regex => {
            "if the lines hold one, name it: (?<duration>[0-9.]+) for seconds, duration_ms, duration_us or duration_ns"
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

/// Warns of a decoded path that its query follows.
fn decoded(slot: &Slot, dialect: Dialect) -> Option<Complaint> {
    (slot.kind == Kind::PathAndQuery && slot.binding.is_some()).then_some(())?;
    let name = dialect.written(&slot.name);
    let message =
        format!("`{name}` is decoded: a `?` that a client writes as %3F looks like the query's");
    let help = match dialect {
        Dialect::Apache => "log the request line, in Apache's LogFormat and in the pattern: \"%r\"",
        _ => "log it as received, in nginx's log_format and in the pattern: $request_uri",
    };
    Some(Complaint::new(message, slot.span.clone()).help(help))
}

/// Warns of a value whose end some lines leave unclear, and proposes a format without one.
fn unclear(pattern: &Pattern, dialect: Dialect, source: &str) -> Option<Complaint> {
    let Unclear { item, is_counted } = pattern.unclear()?;
    let setting = match dialect {
        Dialect::Nginx => "nginx's log_format",
        Dialect::Gunicorn => "gunicorn's access_log_format",
        _ => "Apache's LogFormat",
    };
    let Some(slot) = item.and_then(|item| pattern.slot(item)) else {
        let message = "the format is too long to find out where each value ends";
        return Some(Complaint::new(message, 0..source.len()).help("shorten it"));
    };
    let name = dialect.written(&slot.name);
    let effect = if is_counted {
        "lines that can be read in two ways are rejected"
    } else {
        "in some lines, addresses, users, referers or user agents may be read wrong; no metric uses them"
    };
    let message = format!("the end of `{name}` is ambiguous: {effect}");
    let help = match clear_format(pattern, dialect, source) {
        Some(clear) => {
            format!(
                "write it in quotes, in {setting} and in the pattern: {}",
                clear.trim()
            )
        }
        None => format!(
            "put a character behind it that it never contains, in {setting} and in the pattern"
        ),
    };
    Some(Complaint::new(message, slot.span.clone()).help(help))
}

/// Returns the format with quotes around the values whose ends are unclear.
fn clear_format(pattern: &Pattern, dialect: Dialect, source: &str) -> Option<String> {
    const VALUES: usize = 8;
    let mut pattern = pattern.clone();
    let mut source = source.to_owned();
    for _ in 0..VALUES {
        let item = pattern.unclear()?.item?;
        // Inside of a directive's own quotes, a quote has a backslash.
        let (next, compiled) = ["\"", r#"\""#].into_iter().find_map(|quote| {
            let next = quoted(&pattern, &source, item, quote)?;
            let compiled = Pattern::compile(pattern.name(), dialect, &next).ok()?;
            let left = compiled.unclear().and_then(|unclear| unclear.item);
            let is_later = |left| compiled.slots_before(left) > pattern.slots_before(item);
            left.is_none_or(is_later).then_some((next, compiled))
        })?;
        if compiled.unclear().is_none() {
            return Some(next);
        }
        (source, pattern) = (next, compiled);
    }
    None
}

/// Returns the format with quotes around one value. Inside of quotes, the value gets quotes of its own.
fn quoted(pattern: &Pattern, source: &str, item: usize, quote: &str) -> Option<String> {
    let slot = pattern.slot(item)?;
    let (before, value) = (
        source.get(..slot.span.start)?,
        source.get(slot.span.clone())?,
    );
    let after = source.get(slot.span.end..)?;
    let is_quoted = before.ends_with('"') && after.starts_with(['"', '\\']);
    if is_quoted {
        return None;
    }
    let literals = (0..item).filter_map(|item| pattern.literal(item));
    let quotes: usize = literals.map(|text| text.matches('"').count()).sum();
    if quotes.is_multiple_of(2) {
        return Some(format!("{before}{quote}{value}{quote}{after}"));
    }
    let next = pattern.slot(item + 1).or_else(|| pattern.slot(item + 2))?;
    let between = source.get(slot.span.end..next.span.start)?;
    let blank = if between.is_empty() { " " } else { between };
    let after = source.get(next.span.start..)?;
    Some(format!("{before}{value}{quote}{blank}{quote}{after}"))
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
        check(
            Dialect::Gunicorn,
            r#""%(r)s" "%(q)s" "%({raw_uri}e)s"|%(L)s"#,
            &[],
        );
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
        // The last of the values is the request's time.
        check(Dialect::Nginx, &format!("{list}, $request_time"), &[]);
        check(
            Dialect::Nginx,
            &format!("{list} $http_x|$request_time"),
            expected,
        );
    }

    #[test]
    fn a_value_without_a_clear_end_is_named_with_the_format_to_paste() {
        let check = |dialect, format: &str, span: &str, message: &str, clear: &str| {
            let pattern = Pattern::compile("test", dialect, format).unwrap();
            let remark = unclear(&pattern, dialect, format).unwrap_or_else(|| panic!("{format}"));
            assert_eq!(&format[remark.span.clone()], span, "{format}: {remark}");
            assert!(remark.message.contains(message), "{format}: {remark}");
            let help = remark.help.unwrap();
            assert!(help.ends_with(clear), "{format}: {help}");
            let pattern = Pattern::compile("test", dialect, clear).unwrap();
            assert_eq!(pattern.unclear(), None, "{clear}");
        };
        check(
            Dialect::Nginx,
            "$remote_addr $request $http_user_agent $status $request_time",
            "$request",
            "`$request` is ambiguous: lines that can be read in two ways are rejected",
            r#"$remote_addr "$request" $http_user_agent $status $request_time"#,
        );
        check(
            Dialect::Nginx,
            r#""$http_host$request_uri" $status"#,
            "$http_host",
            "rejected",
            r#""$http_host" "$request_uri" $status"#,
        );
        check(
            Dialect::Apache,
            r#"LogFormat "%r %{User-Agent}i %>s" x"#,
            "%r",
            "`%r`",
            r#"LogFormat "\"%r\" %{User-Agent}i %>s" x"#,
        );
        check(
            Dialect::Gunicorn,
            "%(r)s %(a)s %(s)s",
            "%(r)s",
            "`%(r)s`",
            r#""%(r)s" %(a)s %(s)s"#,
        );
        check(
            Dialect::Nginx,
            "$http_x_forwarded_for - $remote_user [$time_local] \"$request\"",
            "$http_x_forwarded_for",
            "no metric uses them",
            "\"$http_x_forwarded_for\" - $remote_user [$time_local] \"$request\"",
        );
    }

    #[test]
    fn values_that_their_types_divide_are_not_reported() {
        for format in [
            r#""$request_method $scheme://$host$request_uri $server_protocol" $status $request_time"#,
            "$host$uri $status $request_time",
            "$host $request_time $upstream_response_time",
            "$request_uri $status $request_time",
        ] {
            check(Dialect::Nginx, format, &[]);
        }
        check(Dialect::Apache, "%v%U %s %D", &[]);
    }

    #[test]
    fn a_decoded_path_before_its_query_is_reported() {
        let expected = &[("`$uri$is_args$args`", "$uri$is_args$args")];
        check(
            Dialect::Nginx,
            "$uri$is_args$args $status $request_time",
            expected,
        );
        check(Dialect::Apache, "%U%q %s %D", &[("`%U%q`", "%U%q")]);
    }
}
