//! gunicorn's `access_log_format` strings.
//!
//! Invariant: an atom's shape accepts everything gunicorn can write for it
//! (`gunicorn/glogging.py`, `Logger.atoms` and `SafeAtoms`, which writes `"` as `\"` and leaves a
//! backslash bare).

use super::binding::{Binding, Query, TimeUnit};
use super::escape::Escaping;
use super::kind::Kind;
use super::template::{Item, Shape, Slot, Template};
use super::{Complaint, extract, header};
use crate::model::Field;

/// Every atom of one letter.
const ATOMS: &str = "h l u t r m U q H s B b f a T M D L p";

/// Compiles a format string, or a whole `access_log_format = …`.
pub(super) fn compile(source: &str) -> Result<Template, Complaint> {
    let pasted = extract::gunicorn(source)?;
    let mut template =
        read(&pasted.text).map_err(|complaint| pasted.complaint_in_source(complaint))?;
    pasted.place_in_source(&mut template);
    Ok(template)
}

fn read(format: &str) -> Result<Template, Complaint> {
    let mut template = Template::new(Escaping::Quotes);
    let mut complaints = Vec::new();
    let mut rest = 0;
    while let Some(percent) = format[rest..].find('%').map(|at| rest + at) {
        template.push_literal(&format[rest..percent]);
        let after = &format[percent + 1..];
        if after.starts_with('%') {
            template.push_literal("%");
            rest = percent + 2;
            continue;
        }
        let Some(inside) = after.strip_prefix('(') else {
            complaints.push(
                Complaint::new("a `%` that starts no atom", percent..percent + 1)
                    .help("atoms are written `%(name)s`, a bare percent sign `%%`"),
            );
            rest = percent + 1;
            continue;
        };
        let Some(close) = inside.find(")s") else {
            complaints.push(
                Complaint::new("an atom that never ends", percent..format.len())
                    .help("atoms are written `%(name)s`"),
            );
            break;
        };
        let end = percent + 2 + close + 2;
        complaints.extend(atom(&inside[..close], percent..end, &mut template).err());
        rest = end;
    }
    if let Some(complaint) = Complaint::all(complaints) {
        return Err(complaint);
    }
    template.push_literal(&format[rest..]);
    template.dedupe_bindings(|slot| match slot.name.as_str() {
        "r" | "L" => 0,
        "D" => 1,
        "M" | "b" => 2,
        _ => 3,
    });
    template.checked("%(")
}

fn atom(
    name: &str,
    span: std::ops::Range<usize>,
    template: &mut Template,
) -> Result<(), Complaint> {
    let (shape, kind, binding) = match (name.strip_prefix('{'), name) {
        (Some(header), _) => match header.split_once('}') {
            // A request with another length is refused, and not logged (`http/message.py`, `set_body_reader`).
            Some((name, "i")) if name.eq_ignore_ascii_case("content-length") => {
                (Shape::DigitsOrDash, Kind::Any, header::request(name))
            }
            Some((name, "i")) => (
                Shape::SlashText,
                header::request_kind(name),
                header::request(name),
            ),
            Some((name, "o")) => (
                Shape::SlashText,
                header::response_kind(name),
                header::response(name),
            ),
            // `http` or `https` (`http/wsgi.py`, `create`).
            Some((key, "e")) if key == "wsgi.url_scheme" => {
                (Shape::Word, Kind::Scheme, header::environ(key))
            }
            Some((key, "e")) => (
                Shape::SlashText,
                header::environ_kind(key),
                header::environ(key),
            ),
            _ => {
                return Err(Complaint::new(format!("unknown atom `{name}`"), span).help(
                    "headers are `{name}i` (request), `{name}o` (response), `{name}e` (environ)",
                ));
            }
        },
        (None, "t") => {
            // gunicorn's `now()` includes the brackets.
            template.push_literal("[");
            let binding = Some(Binding::Text(Field::Time));
            let slot = Slot::new(name, Shape::ClfTime, binding, span);
            template.items.push(Item::Slot(slot));
            template.push_literal("]");
            return Ok(());
        }
        (None, "l") => {
            // Always `-`. As a word, it would let `%(h)s` include the text before it.
            template.push_literal("-");
            return Ok(());
        }
        (None, "p") => {
            template.push_literal("<");
            let slot = Slot::new(name, Shape::Digits, None, span);
            template.items.push(Item::Slot(slot));
            template.push_literal(">");
            return Ok(());
        }
        (None, _) => {
            let Some(known) = letter(name) else {
                let complaint = Complaint::new(format!("unknown atom `{name}`"), span);
                return Err(complaint.help(format!(
                    "one of: {}, each written `%(h)s`; headers are `%({{name}}i)s` and `%({{name}}o)s`",
                    ATOMS.replace(' ', ", ")
                )));
            };
            known
        }
    };
    let slot = Slot::new(name, shape, binding, span).of_kind(kind);
    template.items.push(Item::Slot(slot));
    Ok(())
}

/// Returns the shape and the type of an atom of one letter, and its binding if it fills a field.
fn letter(name: &str) -> Option<(Shape, Kind, Option<Binding>)> {
    use Binding::{Bytes, Text};
    let kind = match name {
        "f" => Kind::Word,
        "r" => Kind::Request,
        "m" => Kind::Method,
        "U" => Kind::Path,
        "q" => Kind::Args,
        _ => Kind::Any,
    };
    let (shape, binding) = match name {
        "h" => (Shape::WordOrNothing, Some(Text(Field::RemoteAddr))),
        "u" => (Shape::SlashText, Some(Text(Field::User))),
        "r" => (Shape::SlashText, Some(Binding::Request)),
        "m" => (Shape::Word, Some(Text(Field::Method))),
        "U" => (Shape::SlashText, Some(Binding::Path(Query::None))),
        "q" => (Shape::SlashText, None),
        "H" => (Shape::Word, Some(Text(Field::Protocol))),
        "s" => (Shape::Status, Some(Binding::Status)),
        "B" => (Shape::Word, Some(Bytes(Field::ResponseBytes))),
        "b" => (Shape::DigitsOrDash, Some(Bytes(Field::ResponseBytes))),
        "f" => (Shape::SlashText, Some(Text(Field::Referer))),
        "a" => (Shape::SlashText, Some(Text(Field::UserAgent))),
        "T" => (Shape::Digits, Some(Binding::Duration(TimeUnit::Seconds))),
        "M" => (Shape::Digits, Some(Binding::Duration(TimeUnit::Millis))),
        "D" => (Shape::Digits, Some(Binding::Duration(TimeUnit::Micros))),
        "L" => (Shape::Decimal, Some(Binding::Duration(TimeUnit::Seconds))),
        _ => return None,
    };
    Some((shape, kind, binding))
}
