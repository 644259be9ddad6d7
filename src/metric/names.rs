//! Names of labels, those of the exporter and those of a configuration.
//!
//! Invariant: a name that is not a label has a remedy.

use std::sync::Arc;

use crate::diag::{Fault, Report, Spot, distinct};
use crate::label::{Label, OwnLabel};
use crate::model::Field;

/// Finds a label by its name.
pub(super) fn label(name: &str, own: &[Arc<OwnLabel>]) -> Result<Label, Fault> {
    let defined = || own.iter().find(|own| *own.name == *name);
    let found = Label::from_name(name).or_else(|| Some(Label::Own(Arc::clone(defined()?))));
    found.ok_or_else(|| {
        if let Some(field) = Field::from_name(name) {
            return Fault::error(format!("`{name}` cannot be a label")).help(Label::refusal(field));
        }
        let names = Label::ALL.iter().map(Label::name);
        Fault::error(format!("unknown label `{name}`"))
            .suggest(name, names.chain(own.iter().map(|own| &*own.name)))
    })
}

/// Reads names of labels; returns these sorted by name.
pub fn read_labels(
    names: &[Spot<String>],
    own: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Vec<Label> {
    let mut labels = distinct(names, |name| label(name, own), report);
    labels.sort_by(|one, other| one.name().cmp(other.name()));
    labels
}
