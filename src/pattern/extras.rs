//! Values of a format that fill no field of a record, read for labels of the configuration.
//!
//! Invariant: they change neither which lines match nor the values of fields.

use std::sync::Arc;

use super::binding::Binding;
use super::template::{Item, Template};
use super::text::{Form, TextMatcher};
use super::{Complaint, Matcher, Pattern};
use crate::model::{EXTRAS, Field};

/// What a name stands for in the lines of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A field of the record with a text.
    Field(Field),
    /// A value that fills no field.
    Extra,
    /// A number, or the whole request line, whose parts are fields.
    Unfit,
}

impl Pattern {
    /// Returns what a name stands for: a field, or a variable, atom, group or key of the format, without its sign. `None`
    /// if the lines have no such value.
    pub fn named(&self, name: &str) -> Option<Named> {
        if let Some(field) = Field::from_name(name)
            && self.fields.contains(field)
        {
            return Some(of_field(field));
        }
        match &self.matcher {
            Matcher::Text(text) => match &text.form {
                Form::Template(template) => {
                    let slot = slot(template, name)?;
                    let Some(Item::Slot(slot)) = template.items.get(slot) else {
                        return None;
                    };
                    Some(slot.binding.map_or(Named::Extra, of_binding))
                }
                Form::Regex(_) => self.extra(name).map(|_| Named::Extra),
            },
            // Any object may have any key.
            Matcher::Json(_) | Matcher::Ltsv(_) => Some(Named::Extra),
        }
    }

    /// Returns whether it is known which names the lines have.
    pub fn has_all_names(&self) -> bool {
        matches!(self.matcher, Matcher::Text(_))
    }

    /// Returns the names by which [`Self::named`] finds values of the format.
    pub fn names(&self) -> Vec<&str> {
        let fields = self.fields.iter().map(|field| -> &str { field.name() });
        let own: Vec<&str> = match &self.matcher {
            Matcher::Text(text) => match &text.form {
                Form::Template(template) => (template.items.iter())
                    .filter_map(|item| match item {
                        Item::Slot(slot) => Some(slot.name.as_str()),
                        Item::Literal(_) => None,
                    })
                    .collect(),
                Form::Regex(_) => self.extras.iter().map(|extra| &**extra).collect(),
            },
            Matcher::Json(keys) | Matcher::Ltsv(keys) => keys.variables().collect(),
        };
        fields.chain(own).collect()
    }

    /// Returns the place of a value among [`Record::extras`](crate::model::Record::extras), if it is read.
    pub fn extra(&self, name: &str) -> Option<usize> {
        self.extras.iter().position(|extra| **extra == *name)
    }

    /// Reads these values too; names that do not stand for [`Named::Extra`] are left out. Fails if there are too many.
    pub fn reading(self, names: &[Arc<str>]) -> Result<Self, Complaint> {
        let extras: Vec<Arc<str>> = {
            let is_extra = |name: &&Arc<str>| self.named(name) == Some(Named::Extra);
            names.iter().filter(is_extra).cloned().collect()
        };
        if extras.is_empty() {
            return Ok(self);
        }
        if extras.len() > EXTRAS {
            return Err(Complaint::new(
                format!(
                    "{} values of the format become labels, more than {EXTRAS}",
                    extras.len()
                ),
                0..0,
            ));
        }
        let skip = self.skip.clone();
        let numbered = || {
            (0..)
                .zip(&extras)
                .map(|(at, name)| (Binding::Extra(at), name))
        };
        let pattern = match self.matcher {
            Matcher::Text(text) => match text.form {
                Form::Template(mut template) => {
                    for (binding, name) in numbered() {
                        if let Some(at) = slot(&template, name)
                            && let Some(Item::Slot(slot)) = template.items.get_mut(at)
                        {
                            slot.binding = Some(binding);
                        }
                    }
                    Self::from_template(&self.name, self.dialect, template)?
                }
                // Its own fields are always read.
                form @ Form::Regex(_) => {
                    return Ok(Self {
                        matcher: Matcher::Text(Box::new(TextMatcher { form, ..*text })),
                        ..self
                    });
                }
            },
            Matcher::Json(mut keys) => {
                numbered().for_each(|(binding, name)| keys.add_variable(name, binding));
                Self {
                    matcher: Matcher::Json(keys),
                    ..self
                }
            }
            Matcher::Ltsv(mut keys) => {
                numbered().for_each(|(binding, name)| keys.add_variable(name, binding));
                Self {
                    matcher: Matcher::Ltsv(keys),
                    ..self
                }
            }
        };
        Ok(Self {
            extras,
            skip,
            ..pattern
        })
    }
}

/// Returns the place of a value in a template. Names of headers have no case.
fn slot(template: &Template, name: &str) -> Option<usize> {
    let find = |is_it: &dyn Fn(&str) -> bool| {
        template
            .items
            .iter()
            .position(|item| matches!(item, Item::Slot(slot) if is_it(&slot.name)))
    };
    find(&|slot| slot == name)
        .or_else(|| find(&|slot| slot.starts_with('{') && slot.eq_ignore_ascii_case(name)))
}

fn of_field(field: Field) -> Named {
    match field {
        Field::Duration | Field::ResponseBytes | Field::RequestBytes | Field::ContentLength => {
            Named::Unfit
        }
        _ => Named::Field(field),
    }
}

fn of_binding(binding: Binding) -> Named {
    match binding {
        Binding::Text(field) | Binding::List(field) => Named::Field(field),
        Binding::Path(_) => Named::Field(Field::Target),
        Binding::Status => Named::Field(Field::Status),
        Binding::Extra(_) => Named::Extra,
        Binding::Request | Binding::Duration(_) | Binding::Bytes(_) => Named::Unfit,
    }
}
