//! YAML maps read key by key.
//!
//! Invariant: reading never stops at a fault. A value of the wrong type is reported with its place and read as absent, and
//! [`Map::finish`] reports the keys that were not read.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::node::{Node, Value};
use crate::diag::{Fault, Place, Report, Spot, Text};

/// Faults of a text, and the parts of it that they may show.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) text: Arc<Text>,
    pub(super) report: Report,
    /// Keys and values that are not secret, in bytes.
    pub(super) shown: Vec<Range<usize>>,
}

/// A map of a document.
#[derive(Debug)]
pub(super) struct Map<'n> {
    entries: Vec<(&'n str, &'n Rc<Node>, &'n Rc<Node>)>,
    span: Range<usize>,
    known: BTreeSet<&'static str>,
}

impl Reading {
    pub(super) fn new(text: Arc<Text>) -> Self {
        Self {
            text,
            report: Report::default(),
            shown: Vec::new(),
        }
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let text = Arc::clone(&self.text);
        Place { text, span }
    }

    pub(super) fn push(&mut self, fault: Fault) {
        self.report.push(fault);
    }

    /// Reads a node as a map; `what` names it in a fault. Nothing is an empty map.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<Map<'n>> {
        let empty = &[][..];
        let entries = match &node.value {
            Value::Map(entries) => &**entries,
            Value::Null => empty,
            _ => {
                self.mistyped(node, &format!("{what} has keys and values"));
                return None;
            }
        };
        let mut map = Map {
            entries: Vec::new(),
            span: node.span.start..node.span.start,
            known: BTreeSet::new(),
        };
        for (key, value) in entries {
            let Value::Scalar { text, .. } = &key.value else {
                self.mistyped(key, "a key is a text");
                continue;
            };
            self.shown.push(key.span.clone());
            if text == "<<" {
                let fault = Fault::error("merge keys are not supported").help("write the keys out");
                self.push(fault.at(self.place(key.span.clone())));
            } else if map.entries.iter().any(|(name, _, _)| name == text) {
                let fault = Fault::error(format!("`{text}` is set twice")).help("remove one");
                self.push(fault.at(self.place(key.span.clone())));
            } else {
                map.entries.push((text, key, value));
            }
        }
        Some(map)
    }

    /// Reads a node as a text, a number or a boolean as it is written. Nothing is absent.
    fn scalar(&mut self, node: &Node, expected: &str) -> Option<Spot<String>> {
        match &node.value {
            Value::Scalar { text, .. } => Some(Spot {
                value: text.clone(),
                place: self.place(node.span.clone()),
            }),
            Value::Null => None,
            _ => {
                self.mistyped(node, &format!("expected {expected}"));
                None
            }
        }
    }

    fn mistyped(&mut self, node: &Node, what: &str) {
        let fault = Fault::error(format!("{what}, found {}", node.type_name()));
        // The text of a list or map may be long, and hold secrets.
        let span = match &node.value {
            Value::Scalar { .. } | Value::Null => node.span.clone(),
            Value::List(_) | Value::Map(_) => node.span.start..node.span.start,
        };
        let fault = fault.at(self.place(span));
        self.push(fault.help("see docs/web.md for the format"));
    }
}

impl<'n> Map<'n> {
    /// Returns the keys and values with their nodes.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'n str, &'n Rc<Node>, &'n Rc<Node>)> {
        self.entries.iter().copied()
    }

    /// Returns the place of the key that the map belongs to.
    pub(super) fn place(&self, reading: &Reading) -> Place {
        reading.place(self.span.clone())
    }

    /// Returns the place of a key.
    pub(super) fn key(&self, name: &str, reading: &Reading) -> Option<Place> {
        let mut entries = self.entries.iter();
        let (_, key, _) = entries.find(|(found, _, _)| *found == name)?;
        Some(reading.place(key.span.clone()))
    }

    fn get(&mut self, name: &'static str) -> Option<&'n Rc<Node>> {
        self.known.insert(name);
        let mut entries = self.entries.iter();
        let (_, _, value) = entries.find(|(found, _, _)| *found == name)?;
        Some(value)
    }

    /// Reads a map.
    pub(super) fn map(&mut self, name: &'static str, reading: &mut Reading) -> Option<Map<'n>> {
        let node = self.get(name)?;
        let mut map = reading.map(node, &format!("`{name}`"))?;
        let mut entries = self.entries.iter();
        if let Some((_, key, _)) = entries.find(|(found, _, _)| *found == name) {
            map.span = key.span.clone();
        }
        Some(map)
    }

    /// Reads a text that faults may show.
    pub(super) fn string(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
    ) -> Option<Spot<String>> {
        let text = self.secret(name, reading)?;
        reading.shown.push(text.place.span.clone());
        Some(text)
    }

    /// Reads a text that no fault shows.
    pub(super) fn secret(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
    ) -> Option<Spot<String>> {
        let node = self.get(name)?;
        reading.scalar(node, "a string")
    }

    /// Reads a list of texts that faults may show.
    pub(super) fn strings(
        &mut self,
        name: &'static str,
        reading: &mut Reading,
    ) -> Option<Vec<Spot<String>>> {
        let node = self.get(name)?;
        match &node.value {
            Value::List(items) => {
                let texts: Vec<_> = items
                    .iter()
                    .filter_map(|item| reading.scalar(item, "a string"))
                    .collect();
                let spans = texts.iter().map(|text| text.place.span.clone());
                reading.shown.extend(spans);
                Some(texts)
            }
            Value::Null => None,
            _ => {
                reading.mistyped(node, "expected a list of strings");
                None
            }
        }
    }

    /// Reads a boolean, by any of YAML 1.1's names.
    pub(super) fn boolean(&mut self, name: &'static str, reading: &mut Reading) -> Option<bool> {
        let text = self.string(name, reading)?;
        match &*text.value.to_ascii_lowercase() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => {
                let fault = text.error(format!("expected true or false, found `{}`", text.value));
                reading.push(fault.help("write true or false"));
                None
            }
        }
    }

    /// Reports the keys that were not read.
    pub(super) fn finish(self, reading: &mut Reading) {
        for (name, key, _) in &self.entries {
            if !self.known.contains(name) {
                let fault = Fault::error(format!("unknown key `{name}`"))
                    .at(reading.place(key.span.clone()))
                    .suggest(name, self.known.iter().copied());
                reading.push(fault);
            }
        }
    }
}
