//! TOML tables read key by key.
//!
//! Invariant: reading never stops at a fault. A value of the wrong type is reported with its place and
//! read as absent, and [`Section::finish`] reports the keys that were not read.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistyped::{Expected, named, remedy};
use super::scalar::{scalar, whole};
use super::syntax::Broken;
use super::{Fault, Place, Report, Spot, Text};

/// Keys of a table, with its header as it is written.
pub type Home = (&'static str, &'static [&'static str]);

/// A parsed TOML document.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t Arc<Text>,
    root: DeTable<'t>,
    broken: Broken,
    homes: &'static [Home],
}

/// A table of a document.
#[derive(Debug)]
pub struct Section<'d> {
    text: &'d Arc<Text>,
    table: &'d DeTable<'d>,
    header: Range<usize>,
    known: BTreeSet<String>,
    broken: &'d Broken,
    homes: &'static [Home],
}

impl<'t> Document<'t> {
    /// Parses a text. Syntax errors go to the report, and the valid parts are kept.
    pub fn parse(text: &'t Arc<Text>, report: &mut Report) -> Self {
        let (root, errors) = DeTable::parse_recoverable(&text.content);
        Self {
            text,
            root: root.into_inner(),
            broken: Broken::report(text, &errors, report),
            homes: &[],
        }
    }

    /// Sets the tables to which a key that stands in another one may belong.
    #[must_use]
    pub fn with_homes(self, homes: &'static [Home]) -> Self {
        Self { homes, ..self }
    }

    /// Returns the top-level table.
    pub fn root(&self) -> Section<'_> {
        Section {
            text: self.text,
            table: &self.root,
            header: 0..0,
            known: BTreeSet::new(),
            broken: &self.broken,
            homes: self.homes,
        }
    }
}

impl<'d> Section<'d> {
    /// Returns the place of the table's header.
    pub fn place(&self) -> Place {
        self.at(self.header.clone())
    }

    /// Reads a string.
    pub fn string(&mut self, key: &'static str, report: &mut Report) -> Option<Spot<String>> {
        let value = self.get(key)?;
        self.keyed(key, value, report, &Expected::String, string)
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, report: &mut Report) -> Option<Spot<bool>> {
        let value = self.get(key)?;
        self.keyed(key, value, report, &Expected::Boolean, DeValue::as_bool)
    }

    /// Reads a whole number within bounds.
    pub fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        report: &mut Report,
    ) -> Option<Spot<u64>> {
        let value = self.get(key)?;
        let expected = Expected::Whole(bounds.clone());
        self.keyed(key, value, report, &expected, |value| whole(value, &bounds))
    }

    /// Reads permissions of a file.
    pub fn mode(&mut self, key: &'static str, report: &mut Report) -> Option<Spot<u32>> {
        let value = self.get(key)?;
        self.keyed(key, value, report, &Expected::Mode, |value| {
            u32::try_from(whole(value, &(0..=0o777))?).ok()
        })
    }

    /// Reads a list of strings.
    pub fn strings(&mut self, key: &str, report: &mut Report) -> Option<Spot<Vec<Spot<String>>>> {
        self.list(key, (&Expected::Strings, "a string"), string, report)
    }

    /// Reads a string, or a list of strings.
    pub fn string_or_strings(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Spot<Vec<Spot<String>>>> {
        if self.get(key)?.get_ref().is_str() {
            let only = self.string(key, report)?;
            let place = only.place.clone();
            let value = vec![only];
            return Some(Spot { value, place });
        }
        let expected = (&Expected::StringOrStrings, "a string");
        self.list(key, expected, string, report)
    }

    /// Reads a list of numbers as they are written, without `_`.
    pub fn numbers(&mut self, key: &str, report: &mut Report) -> Option<Spot<Vec<Spot<String>>>> {
        let number = |item: &DeValue<'_>| {
            let is_number = matches!(item, DeValue::Integer(_) | DeValue::Float(_));
            is_number.then(|| scalar(item)).flatten()
        };
        self.list(key, (&Expected::Numbers, "a number"), number, report)
    }

    /// Reads a list. `expected` is the type of the list, and of an item in words.
    fn list(
        &mut self,
        key: &str,
        expected: (&Expected, &str),
        read: impl Fn(&DeValue<'_>) -> Option<String>,
        report: &mut Report,
    ) -> Option<Spot<Vec<Spot<String>>>> {
        let value = self.get(key)?;
        let items = self.keyed(key, value, report, expected.0, DeValue::as_array)?;
        let strings = items
            .value
            .iter()
            .filter_map(|item| self.typed(item, report, expected.1, &read))
            .collect();
        Some(Spot {
            value: strings,
            place: items.place,
        })
    }

    /// Reads a table.
    pub fn section(&mut self, key: &str, report: &mut Report) -> Option<Section<'d>> {
        let value = self.get(key)?;
        if let DeValue::Array(items) = value.get_ref()
            && let Some(item) = items.first()
            && item.get_ref().is_table()
            && self.header_at(item.span()).starts_with("[[")
        {
            let fault = Fault::error(format!("there is only one `[{key}]`"));
            let help = format!("write its header in single brackets: [{key}]");
            report.push(fault.at(self.at(item.span())).help(help));
            return None;
        }
        self.as_section(value, report)
    }

    /// Reads a list of tables (`[[key]]`); empty if the key is absent.
    pub fn sections(&mut self, key: &'static str, report: &mut Report) -> Vec<Section<'d>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        if value.get_ref().is_table() && self.header_at(value.span()).starts_with('[') {
            let fault = Fault::error(format!("each `{key}` is an item of a list"));
            let help = format!("write its header in double brackets: [[{key}]]");
            report.push(fault.at(self.at(value.span())).help(help));
            return Vec::new();
        }
        let Some(items) = self.typed(value, report, "a list of tables", DeValue::as_array) else {
            return Vec::new();
        };
        items
            .value
            .iter()
            .filter_map(|item| self.as_section(item, report))
            .collect()
    }

    /// Reads a table of tables with arbitrary names; empty if the key is absent.
    pub fn named(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Vec<(Spot<String>, Section<'d>)> {
        self.entries(key, report, Self::as_section)
    }

    /// Reads a table of scalars with arbitrary names; empty if the key is absent. Numbers and booleans
    /// are returned as they are written, without `_`.
    pub fn scalars(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Vec<(Spot<String>, Spot<String>)> {
        self.entries(key, report, |section, value, report| {
            section.typed(value, report, "a string or a number", scalar)
        })
    }

    /// Reads the entries of a table; those for which `read` returns `None` are left out.
    fn entries<T>(
        &mut self,
        key: &'static str,
        report: &mut Report,
        read: impl Fn(&Self, &'d Spanned<DeValue<'d>>, &mut Report) -> Option<T>,
    ) -> Vec<(Spot<String>, T)> {
        let Some(section) = self.section(key, report) else {
            return Vec::new();
        };
        let entries = section.table.iter().filter_map(|(name, value)| {
            let name = Spot {
                value: name.get_ref().to_string(),
                place: section.at(name.span()),
            };
            read(&section, value, report).map(|value| (name, value))
        });
        entries.collect()
    }

    /// Returns whether the table has no keys.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns whether the table has a key, without marking it as known.
    pub fn contains(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Returns whether the value of a key is a table.
    pub fn has_table(&self, key: &str) -> bool {
        self.table
            .get(key)
            .is_some_and(|value| value.get_ref().is_table())
    }

    /// Returns the keys whose values are tables.
    pub fn tables(&self) -> Vec<Spot<String>> {
        let tables = self
            .table
            .iter()
            .filter(|(_, value)| value.get_ref().is_table());
        tables
            .map(|(name, _)| Spot {
                value: name.get_ref().to_string(),
                place: self.at(name.span()),
            })
            .collect()
    }

    /// Returns whether the table lacks a key, as far as the document is valid.
    pub fn lacks(&self, key: &str) -> bool {
        self.broken.is_empty() && !self.contains(key)
    }

    /// Returns whether everything that the document says was read.
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Marks a key as known, so that [`Self::finish`] does not report it.
    pub fn skip(&mut self, key: &str) {
        self.known.insert(key.to_owned());
    }

    /// Reports the keys that were not read.
    pub fn finish(self, report: &mut Report) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            let is_broken = self.broken.covers(&key.span()) || self.broken.may_move(&key.span());
            if self.known.contains(name) || is_broken {
                continue;
            }
            let fault = Fault::error(format!("unknown key `{name}`")).at(self.at(key.span()));
            report.push(match self.homes_of(name) {
                Some(homes) => fault.help(format!("it belongs in {homes}")),
                None => fault.suggest(name, self.known.iter().map(String::as_str)),
            });
        }
    }

    /// Returns the tables to which a key belongs.
    fn homes_of(&self, name: &str) -> Option<String> {
        let homes = self.homes.iter().filter(|(_, keys)| keys.contains(&name));
        let homes: Vec<String> = homes.map(|(home, _)| format!("`{home}`")).collect();
        (!homes.is_empty()).then(|| homes.join(" or "))
    }

    fn header_at(&self, span: Range<usize>) -> &str {
        self.text.content.get(span).unwrap_or_default()
    }

    fn at(&self, span: Range<usize>) -> Place {
        Place {
            text: Arc::clone(self.text),
            span,
        }
    }

    fn get(&mut self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.insert(key.to_owned());
        self.table.get(key)
    }

    fn as_section(
        &self,
        value: &'d Spanned<DeValue<'d>>,
        report: &mut Report,
    ) -> Option<Section<'d>> {
        let span = value.span();
        let table = self.typed(value, report, "a table", DeValue::as_table)?;
        Some(Section {
            text: self.text,
            table: table.value,
            header: span,
            known: BTreeSet::new(),
            broken: self.broken,
            homes: self.homes,
        })
    }

    /// Reads the value of a key; of a wrong type, the remedy is the line with a right one.
    fn keyed<T>(
        &self,
        key: &str,
        value: &'d Spanned<DeValue<'d>>,
        report: &mut Report,
        expected: &Expected,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Option<Spot<T>> {
        let found = self.found(value, expected, read).map_err(|fault| {
            let written = self.text.content.get(value.span()).unwrap_or_default();
            let right = remedy(expected, value.get_ref(), written);
            fault.map(|fault| fault.help_if_known(right.map(|right| format!("{key} = {right}"))))
        });
        found.map_err(|fault| report.extend(fault)).ok()
    }

    fn typed<T>(
        &self,
        value: &'d Spanned<DeValue<'d>>,
        report: &mut Report,
        expected: impl Display,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Option<Spot<T>> {
        let found = self.found(value, expected, read);
        found.map_err(|fault| report.extend(fault)).ok()
    }

    /// Reads a value, or returns its fault; none for what a syntax error spoils, which is reported already.
    fn found<T>(
        &self,
        value: &'d Spanned<DeValue<'d>>,
        expected: impl Display,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Result<Spot<T>, Option<Fault>> {
        if self.broken.covers(&value.span()) && !value.get_ref().is_table() {
            return Err(None);
        }
        let place = self.at(value.span());
        if let Some(value) = read(value.get_ref()) {
            return Ok(Spot { value, place });
        }
        let found = named(value.get_ref());
        let fault = Fault::error(format!("expected {expected}, found {found}"));
        Err(Some(fault.at(place)))
    }
}

fn string(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str, body: impl FnOnce(&mut Section<'_>, &mut Report)) -> Vec<String> {
        let text = Arc::new(Text {
            name: "t".into(),
            content: content.into(),
        });
        let mut report = Report::default();
        let document = Document::parse(&text, &mut report);
        let mut root = document.root();
        body(&mut root, &mut report);
        root.finish(&mut report);
        report
            .faults()
            .iter()
            .map(|fault| fault.message.clone())
            .collect()
    }

    #[test]
    fn every_fault_is_found_in_one_pass() {
        let faults = read(
            "a = 1\nb = 'x'\nzz = 0\n[s]\nq = 1\n[[l]]\nn = -1\n",
            |root, report| {
                assert_eq!(root.string("a", report), None);
                assert_eq!(root.integer("b", 0..=9, report), None);
                let section = root.section("s", report).unwrap();
                section.finish(report);
                for mut item in root.sections("l", report) {
                    assert_eq!(item.integer("n", 0..=9, report), None);
                }
            },
        );
        assert_eq!(
            faults,
            [
                "expected a string, found 1",
                "expected a whole number from 0 to 9, found a string",
                "unknown key `zz`",
                "unknown key `q`",
                "expected a whole number from 0 to 9, found -1",
            ]
        );
    }

    #[test]
    fn values_have_their_place() {
        let faults = read(
            "n = 0x10\nl = ['a', 'b']\n[t.x]\nk = true\n[r]\ns = 200\n",
            |root, report| {
                assert_eq!(root.integer("n", 0..=99, report).unwrap().value, 16);
                let list = root.strings("l", report).unwrap();
                assert_eq!(list.value[1].value, "b");
                assert_eq!(list.value[1].place.line_and_column(), (2, 11));
                let (name, mut section) = root.named("t", report).pop().unwrap();
                assert_eq!(name.value, "x");
                assert!(section.boolean("k", report).unwrap().value);
                let (key, value) = root.scalars("r", report).pop().unwrap();
                assert_eq!((&*key.value, &*value.value), ("s", "200"));
            },
        );
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn broken_toml_is_reported_and_the_rest_is_read() {
        let faults = read("a = \nb = 1\n", |root, report| {
            root.integer("b", 0..=9, report);
            root.integer("a", 0..=9, report);
        });
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("not valid TOML")),
            "{faults:?}"
        );
    }
}
