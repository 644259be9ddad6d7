//! What the format readers share.
//!
//! Invariant: no template leaves a reader with two neighbours whose border nothing tells.

use super::Complaint;
use super::template::{Item, Template};

/// Refuses a template that is empty, tells nothing, or has an untellable border.
pub(super) fn unambiguous(template: Template, sigil: &str) -> Result<Template, Complaint> {
    if let Some((first, second)) = template.ambiguity() {
        return Err(Complaint::new(
            format!("nothing separates `{}` from `{}`", first.name, second.name),
            first.span.start..second.span.end,
        )
        .help("put a blank, a quote or another fixed character between the two"));
    }
    if !template
        .items
        .iter()
        .any(|item| matches!(item, Item::Slot(_)))
    {
        return Err(Complaint::new(
            format!("no variable: every value begins with `{sigil}`"),
            0..0,
        )
        .help("paste the server's own format string, between single quotes"));
    }
    Ok(template)
}
