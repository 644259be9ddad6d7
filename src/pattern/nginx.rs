//! nginx's `log_format` strings.
//!
//! Invariant: a variable's shape accepts everything nginx can write for it under the format's
//! `escape=` (`src/http/modules/ngx_http_log_module.c`).

use super::binding::{Binding, Query};
use super::escape::Escaping;
use super::keys::Keys;
use super::kind::Kind;
use super::template::{Item, Shape, Slot, Template};
use super::variable::{describe, kind, misspelt, rank};
use super::{Complaint, extract, json};

/// A compiled format string.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Text(Template),
    /// The keys of an object that `escape=json` writes.
    Json(Keys),
}

/// Compiles a format string, or a whole `log_format`.
pub(super) fn compile(source: &str) -> Result<Format, Complaint> {
    let pasted = extract::nginx(source)?;
    let escaping = match &pasted.escape {
        None => Escaping::Nginx,
        Some((escape, span)) => escaping(escape).ok_or_else(|| {
            Complaint::new(format!("unknown `escape={escape}`"), span.clone())
                .suggest(escape, ["default", "json", "none"])
        })?,
    };
    let mut template =
        read(&pasted.text, escaping).map_err(|complaint| pasted.complaint_in_source(complaint))?;
    pasted.place_in_source(&mut template);
    if escaping == Escaping::Json
        && let Some(keys) = json::lower(&template, |slot| rank(&slot.name))
    {
        return Ok(Format::Json(keys));
    }
    template.dedupe_bindings(|slot| rank(&slot.name));
    template.checked("$").map(Format::Text)
}

fn escaping(escape: &str) -> Option<Escaping> {
    Some(match escape {
        "default" => Escaping::Nginx,
        "json" => Escaping::Json,
        "none" => Escaping::None,
        _ => return None,
    })
}

fn read(format: &str, escaping: Escaping) -> Result<Template, Complaint> {
    let mut template = Template::new(escaping);
    let mut complaints = Vec::new();
    let mut rest = 0;
    while let Some(dollar) = format[rest..].find('$').map(|at| rest + at) {
        template.push_literal(&format[rest..dollar]);
        let (name, end) = match variable(format, dollar) {
            Ok(found) => found,
            Err(complaint) => {
                rest = complaint.span.end;
                complaints.push(complaint);
                continue;
            }
        };
        let (shape, binding) = describe(name);
        let slot = Slot::new(name, under(escaping, shape), binding, dollar..end);
        template.items.push(Item::Slot(slot.of_kind(kind(name))));
        rest = end;
    }
    if let Some(complaint) = Complaint::all(complaints) {
        return Err(complaint);
    }
    template.push_literal(&format[rest..]);
    join_path_and_query(&mut template);
    Ok(template)
}

/// Joins `$uri$is_args$args` to one value: a decoded path and its query.
fn join_path_and_query(template: &mut Template) {
    let name = |item: Option<&Item>| match item {
        Some(Item::Slot(slot)) => slot.name.clone(),
        _ => String::new(),
    };
    let mut at = 0;
    while at < template.items.len() {
        let [path, mark, query] = [0, 1, 2].map(|next| name(template.items.get(at + next)));
        let is_path = matches!(path.as_str(), "uri" | "document_uri");
        let is_query = matches!(query.as_str(), "args" | "query_string");
        if is_path
            && mark == "is_args"
            && is_query
            && let [Item::Slot(path), _, Item::Slot(query), ..] = &mut template.items[at..]
        {
            path.span.end = query.span.end;
            path.name.push_str("$is_args$");
            path.name.push_str(&query.name);
            path.binding = Some(Binding::Path(Query::OrDash));
            path.kind = Kind::PathAndQuery;
            template.items.drain(at + 1..at + 3);
        }
        at += 1;
    }
}

/// Returns a warning for each variable whose name nginx does not define, and that is one or two letters away from one that
/// fills a field. Such a variable is text: the configuration may define it.
pub(super) fn misspellings(source: &str) -> Vec<Complaint> {
    let Ok(pasted) = extract::nginx(source) else {
        return Vec::new();
    };
    let format = pasted.text.as_str();
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(dollar) = format[rest..].find('$').map(|at| rest + at) {
        let Ok((name, end)) = variable(format, dollar) else {
            break;
        };
        if let Some(known) = misspelt(name) {
            let complaint = Complaint::new(format!("unknown variable `${name}`"), dollar..end);
            let help = format!("did you mean `${known}`? Unless you define it, nginx refuses it");
            found.push(pasted.complaint_in_source(complaint.help(help)));
        }
        rest = end;
    }
    found
}

/// Returns a shape under `escape=`. Without nginx's default escaping, a missing value is empty, not `-`.
fn under(escaping: Escaping, shape: Shape) -> Shape {
    match (escaping, shape) {
        // These values are never missing.
        (_, Shape::Digits | Shape::Status | Shape::Decimal | Shape::ClfTime | Shape::IsoTime) => {
            shape
        }
        (Escaping::None, _) => Shape::Raw,
        (Escaping::Json, _) => Shape::Escaped,
        _ => shape,
    }
}

/// Returns the name after the `$` at `dollar`, and its end (`ngx_http_log_compile_format`).
fn variable(format: &str, dollar: usize) -> Result<(&str, usize), Complaint> {
    let after = &format[dollar + 1..];
    if let Some(braced) = after.strip_prefix('{') {
        return match braced.find('}') {
            Some(0) => Err(Complaint::new(
                "a variable without a name",
                dollar..dollar + 3,
            )),
            Some(close) => Ok((&braced[..close], dollar + 2 + close + 1)),
            None => Err(Complaint::new("`${` is never closed", dollar..format.len())
                .help("write `${name}`")),
        };
    }
    let length = after
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    if length == 0 {
        return Err(
            Complaint::new("a `$` without a variable's name", dollar..dollar + 1)
                .help("nginx cannot write a bare `$` in a log format"),
        );
    }
    Ok((&after[..length], dollar + 1 + length))
}
