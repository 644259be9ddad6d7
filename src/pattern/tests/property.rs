//! For any format of nginx's variables, and any values that they can hold, the line that nginx writes is read right, or
//! `check` warns of the format.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::super::binding::Binding;
use super::super::variable;
use super::super::{Dialect, Pattern, Query, TargetForm, advice};
use crate::model::{Field, Record};

/// Formats tried by the ordinary test. `HTTPLOG_FORMATS` sets another number.
const FORMATS: usize = 1_500;

/// A variable, and a strategy for what nginx writes for it.
type Variable = (&'static str, BoxedStrategy<String>);

/// Variables, by the function of nginx that writes them.
fn variables() -> Vec<Variable> {
    // Text of a client, escaped by `ngx_http_log_escape`.
    let text = || r"(-|[a-c/?:, .\[\]-]{0,8}|\\x22|\\x5C|[0-9]\.[0-9]{3}|HTTP/1\.1| : | - ){0,3}";
    let path = r"/[a-b/ .-]{0,6}( HTTP/1\.1)?";
    let host = r"([a-c.:-]{0,6}|\[::1\]|~\^w\\x5Cd)";
    let list = |entry: &str| format!("({entry})((, | : )({entry})){{0,2}}( : )?").leak() as &str;
    let all: Vec<(&str, &str)> = vec![
        // ngx_http_variables.c, ngx_http_variable_request_line
        (
            "request",
            r"(|-|[A-Z]{1,4} /[a-b/ ?.]{0,6}( HTTP/[0-9]\.[0-9])?|\\x16\\x03|[a-b -]{0,5})",
        ),
        // ngx_http_variable_request_method
        ("request_method", "(-|[A-Z_-]{1,6})"),
        // ngx_http_variable_request (unparsed_uri, uri, args)
        ("request_uri", r"(-|/[a-b/ ?=.-]{0,6})"),
        ("uri", path),
        ("args", text()),
        // ngx_http_variable_is_args
        ("is_args", r"\??"),
        // ngx_http_variable_request (http_protocol)
        ("server_protocol", r"(-|HTTP/[0-9]\.[0-9])"),
        // ngx_http_variable_host
        ("host", host),
        // ngx_http_variable_header, ngx_http_variable_unknown_header_in
        ("http_host", text()),
        ("http_referer", text()),
        ("http_user_agent", text()),
        ("http_x_forwarded_for", text()),
        ("http_x_request_id", text()),
        ("http_x_other", text()),
        ("content_length", r"(-|[0-9]{1,3}|[a-b -]{0,4})"),
        // ngx_http_variable_remote_user
        ("remote_user", text()),
        // ngx_http_variable_scheme, ngx_http_variable_request_id
        ("scheme", "https?"),
        ("request_id", "[0-9a-f]{32}"),
        // ngx_http_variable_remote_addr, ngx_http_variable_server_port
        ("remote_addr", r"(192\.0\.2\.[0-9]|::1|unix:)"),
        ("server_port", "[0-9]{0,4}"),
        // ngx_http_log_module.c
        ("status", "[0-9]{3}"),
        ("request_time", r"[0-9]{1,2}\.[0-9]{3}"),
        ("body_bytes_sent", "[0-9]{1,4}"),
        ("request_length", "[0-9]{1,4}"),
        ("time_local", r"22/Nov/2026:1[0-9]:00:0[0-9] \+0000"),
        ("time_iso8601", r"2026-11-22T1[0-9]:00:00\+00:00"),
        ("msec", r"1795373235\.[0-9]{3}"),
        // ngx_http_upstream.c, ngx_http_upstream_response_time_variable and its neighbours
        ("upstream_response_time", list(r"-|[0-9]\.[0-9]{3}")),
        ("upstream_connect_time", list(r"-|[0-9]\.[0-9]{3}")),
        ("upstream_status", list("-|[0-9]{3}")),
        ("upstream_addr", list(r"192\.0\.2\.[0-9]:80|unix:/s|site")),
        // ngx_http_upstream_header_variable
        ("upstream_http_x_view_name", text()),
        ("sent_http_content_type", r"(-|text/html(; charset=utf-8)?)"),
        ("pipe", r"[p.]"),
    ];
    all.into_iter()
        .map(|(name, regex)| {
            let values = proptest::string::string_regex(regex).unwrap();
            (name, values.boxed())
        })
        .collect()
}

/// A piece of a format: a variable with a value, and the fixed text behind it.
type Piece = (&'static str, String, &'static str);

fn pieces() -> impl Strategy<Value = (Vec<Piece>, &'static str)> {
    let separators = select(vec![
        " ", " ", " ", "\" \"", "\" ", " \"", "", "", " - ", "] ", " [", "|", ":", "/", "://",
        ", ", " : ",
    ]);
    let variable = select(variables()).prop_flat_map(|(name, values)| (Just(name), values));
    let piece = (variable, separators).prop_map(|((name, value), behind)| (name, value, behind));
    (
        proptest::collection::vec(piece, 1..7),
        select(vec!["", "", "\"", "["]),
    )
}

/// Returns the fields that a line with these values has, in the variables that the pattern binds.
fn expected<'v>(pattern: &Pattern, values: &[(usize, &'v str)]) -> Record<'v> {
    let mut record = Record::default();
    let mut slots = (0..).map_while(|item| pattern.has_item(item).then(|| pattern.slot(item)));
    for (slot, (_, value)) in slots.by_ref().flatten().zip(values) {
        if let Some(binding) = slot.binding {
            let _ = binding.read(value.as_bytes(), &mut record);
        }
    }
    record
}

/// Tries one format and its values; returns whether it is read right without a warning.
fn is_read(pieces: &[Piece], lead: &str) -> Result<bool, TestCaseError> {
    let (mut format, mut line) = (lead.to_owned(), lead.to_owned());
    for (name, value, behind) in pieces {
        format.extend(["${", *name, "}", *behind]);
        line.extend([value.as_str(), *behind]);
    }
    let Ok(pattern) = Pattern::compile("test", Dialect::Nginx, &format) else {
        return Ok(false);
    };
    let remarks = advice(&pattern, Dialect::Nginx, &format);
    let is_warned = remarks
        .iter()
        .any(|remark| remark.message.contains("ambiguous") || remark.message.contains("decoded"));
    // Lines of 0 bytes are skipped, and a `\r` at the end is not part of a line.
    if is_warned || line.is_empty() {
        return Ok(false);
    }
    let scratch = &mut pattern.scratch();
    let found = pattern.parse(scratch, line.as_bytes());
    let Ok(found) = found else {
        return Err(TestCaseError::fail(format!(
            "{format} does not read {line}: {found:?}"
        )));
    };
    let joined = joined(pieces);
    let values: Vec<(usize, &str)> = joined.iter().map(String::as_str).enumerate().collect();
    let wanted = expected(&pattern, &values);
    for field in Field::ALL {
        prop_assert_eq!(
            found.show(field),
            wanted.show(field),
            "{:?} of {} in {}",
            field,
            line,
            format
        );
    }
    Ok(true)
}

/// Returns the values, with `$uri$is_args$args` as one.
fn joined(pieces: &[Piece]) -> Vec<String> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some((name, value, behind)) = pieces.get(at) {
        let next = (pieces.get(at + 1), pieces.get(at + 2));
        if (*name, *behind) == ("uri", "")
            && let (Some(("is_args", mark, "")), Some(("args", args, _))) = next
        {
            values.push(format!("{value}{mark}{args}"));
            at += 3;
        } else {
            values.push(value.clone());
            at += 1;
        }
    }
    values
}

#[test]
fn a_line_of_any_format_is_read_right_or_warned_of() {
    let formats = std::env::var("HTTPLOG_FORMATS").ok();
    let formats = formats.map_or(FORMATS, |number| number.parse().unwrap());
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (mut read, mut wrong) = (0, Vec::new());
    let strategy = pieces();
    for _ in 0..formats {
        let tree = strategy.new_tree(&mut runner).unwrap();
        let (pieces, lead) = tree.current();
        match is_read(&pieces, lead) {
            Ok(is_read) => read += usize::from(is_read),
            Err(fault) => wrong.push(fault.to_string()),
        }
    }
    let examples = wrong
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        wrong.is_empty(),
        "{} of {formats} wrong:\n{examples}",
        wrong.len()
    );
    assert!(
        read * 4 > formats,
        "only {read} of {formats} formats were read without a warning"
    );
}

#[test]
fn every_variable_of_the_property_is_nginxs() {
    for (name, _) in variables() {
        assert_eq!(variable::misspelt(name), None, "{name}");
    }
    let path = Pattern::compile("test", Dialect::Nginx, "$uri $status").unwrap();
    let form = TargetForm::Path {
        has_query: false,
        is_latin: false,
    };
    assert_eq!(path.target_form(), form);
    assert_eq!(
        path.slot(0).unwrap().binding,
        Some(Binding::Path(Query::None))
    );
}
