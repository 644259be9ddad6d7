//! Values of a format that fill no field of a record, read for labels of the configuration.
//!
//! Invariant: they change neither which lines match nor the values of fields.

use std::sync::Arc;

use super::binding::Binding;
use super::template::{Item, Template};
use super::text::Form;
use super::{Complaint, Dialect, Keys, Matcher, Pattern};
use crate::model::{EXTRAS, Field};

/// Meaning of a name in the lines of a pattern.
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
        // An expression reads its own fields in any case.
        if extras.is_empty() || self.dialect == Dialect::Regex {
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
        let add = |keys: &mut Keys| {
            numbered().for_each(|(binding, name)| keys.add_variable(name, binding));
        };
        let mut pattern = self;
        match &mut pattern.matcher {
            Matcher::Json(keys) | Matcher::Ltsv(keys) => add(keys),
            Matcher::Text(text) => {
                if let Form::Template(template) = &text.form {
                    let mut template = template.clone();
                    for (binding, name) in numbered() {
                        if let Some(at) = slot(&template, name)
                            && let Some(Item::Slot(slot)) = template.items.get_mut(at)
                        {
                            slot.binding = Some(binding);
                        }
                    }
                    pattern = Self::from_template(&pattern.name, pattern.dialect, template)?;
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Escaping;

    fn read(pattern: Pattern, names: &[&str], line: &str) -> Vec<Option<String>> {
        let names: Vec<Arc<str>> = names.iter().map(|name| (*name).into()).collect();
        let pattern = pattern.reading(&names).unwrap();
        let record = pattern
            .parse(&mut pattern.scratch(), line.as_bytes())
            .unwrap();
        let value = |name: &Arc<str>| {
            let text = pattern.extra(name).and_then(|at| record.extras[at])?;
            Some(String::from_utf8(text.to_vec()).unwrap())
        };
        names.iter().map(value).collect()
    }

    #[test]
    fn values_that_fill_no_field_are_read_beside_those_that_do() {
        let format =
            r#""$request" $status $upstream_cache_status "$http_accept" $host $server_name"#;
        let pattern = Pattern::compile("test", Dialect::Nginx, format).unwrap();
        assert_eq!(pattern.named("upstream_cache_status"), Some(Named::Extra));
        assert_eq!(pattern.named("server_name"), Some(Named::Extra));
        assert_eq!(pattern.named("host"), Some(Named::Field(Field::Host)));
        assert_eq!(pattern.named("request"), Some(Named::Unfit));
        assert_eq!(pattern.named("status"), Some(Named::Field(Field::Status)));
        assert_eq!(pattern.named("http_cookie"), None);
        let line = r#""GET / HTTP/1.1" 200 HIT "-" a.example b.example"#;
        let names = [
            "upstream_cache_status",
            "http_accept",
            "server_name",
            "host",
        ];
        let values =
            ["HIT", "", "b.example", ""].map(|text| (!text.is_empty()).then(|| text.to_owned()));
        assert_eq!(read(pattern, &names, line), values);
    }

    #[test]
    fn reading_more_changes_neither_the_fields_nor_what_is_skipped() {
        let format = r#""$request" $status $upstream_cache_status"#;
        let pattern = Pattern::compile("test", Dialect::Nginx, format).unwrap();
        let pattern = pattern.skipping("^#.*$").unwrap();
        let more = pattern
            .clone()
            .reading(&["upstream_cache_status".into()])
            .unwrap();
        assert_eq!(
            (more.fields(), more.name(), more.engine()),
            (pattern.fields(), pattern.name(), pattern.engine())
        );
        assert_eq!(more.escaping(), Escaping::Nginx);
        assert!(more.skips(b"# x"));
    }

    #[test]
    fn a_pattern_reads_a_bounded_number_of_values() {
        let variables: Vec<String> = (0..=EXTRAS).map(|at| format!("$v{at}")).collect();
        let format = variables.join(" ") + " $status";
        let pattern = Pattern::compile("test", Dialect::Nginx, &format).unwrap();
        let names: Vec<Arc<str>> = (0..=EXTRAS).map(|at| format!("v{at}").into()).collect();
        assert!(pattern.clone().reading(&names[..EXTRAS]).is_ok());
        let complaint = pattern.reading(&names).unwrap_err();
        assert_eq!(
            complaint.message,
            "9 values of the format become labels, more than 8"
        );
    }
}
