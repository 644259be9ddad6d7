//! nginx's `log_format` strings.
//!
//! Invariant: a variable's shape accepts everything nginx can write for it under the format's
//! `escape=` (`src/http/modules/ngx_http_log_module.c`).

use super::escape::Escaping;
use super::keys::Keys;
use super::template::{Item, Shape, Slot, Template};
use super::variable::{describe, misspelt, rank};
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
    let mut rest = 0;
    while let Some(dollar) = format[rest..].find('$').map(|at| rest + at) {
        template.push_literal(&format[rest..dollar]);
        let (name, end) = variable(format, dollar)?;
        if let Some(known) = misspelt(name) {
            let complaint = Complaint::new(format!("unknown variable `${name}`"), dollar..end);
            return Err(complaint.help(format!("did you mean `${known}`?")));
        }
        let (shape, binding) = describe(name);
        template.items.push(Item::Slot(Slot {
            name: name.to_owned(),
            shape: under(escaping, shape),
            binding,
            span: dollar..end,
        }));
        rest = end;
    }
    template.push_literal(&format[rest..]);
    Ok(template)
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
