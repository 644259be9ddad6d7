//! From an nginx `log_format … escape=json` to the keys of the objects it writes.
//!
//! Invariant: a template is lowered only if every line it can write is a JSON object in which each
//! variable's text stands under a key of its own; else it stays text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::keys::{KEY_BYTES, Keys};
use super::super::template::{Item, Shape, Slot, Template};

/// The Nth slot is written as the Nth private character from here.
const FIRST: u32 = 0xF_0000;

/// The keys of a template that is a JSON object; `None` if it is something else. Of two variables
/// that tell the same field, the one that `rank`s lower is read.
pub(crate) fn lower(template: &Template, rank: impl Fn(&Slot) -> u8) -> Option<Keys> {
    let Node::Object(members) = serde_json::from_str(&written(template)?).ok()? else {
        return None;
    };
    let mut paths = Vec::new();
    let mut slots = 0;
    collect("", &members, &mut paths, &mut slots)?;
    let count = |item: &&Item| matches!(item, Item::Slot(_));
    if slots != template.items.iter().filter(count).count() {
        return None;
    }
    let mut template = template.clone();
    let mut number = 0;
    for item in &mut template.items {
        if let Item::Slot(slot) = item {
            if !paths.iter().any(|(_, of)| *of == number) {
                slot.binding = None;
            }
            number += 1;
        }
    }
    template.settle(rank);
    let mut keys = Keys::new();
    let slots = template.items.iter().filter_map(|item| match item {
        Item::Slot(slot) => Some(slot),
        Item::Literal(_) => None,
    });
    for (number, slot) in slots.enumerate() {
        let path = paths.iter().find(|(_, of)| *of == number);
        if let (Some(binding), Some((path, _))) = (slot.binding, path) {
            keys.add(path, binding);
        }
    }
    Some(keys)
}

/// The template's text with a character for each slot, in quotes where it has none. `None` where
/// a slot without quotes may be something other than a number.
fn written(template: &Template) -> Option<String> {
    let mut text = String::new();
    let mut is_quoted = false;
    let mut number = 0;
    for item in &template.items {
        match item {
            Item::Literal(literal) => {
                let mut characters = literal.chars();
                while let Some(character) = characters.next() {
                    text.push(character);
                    match character {
                        '"' => is_quoted = !is_quoted,
                        '\\' if is_quoted => text.extend(characters.next()),
                        _ => {}
                    }
                }
            }
            Item::Slot(slot) => {
                let character = char::from_u32(FIRST + number)?;
                number += 1;
                if is_quoted {
                    text.push(character);
                } else if is_number(slot.shape) {
                    text.extend(['"', character, '"']);
                } else {
                    return None;
                }
            }
        }
    }
    // More slots than private characters: no format anyone wrote.
    (number < 0xFFFD).then_some(text)
}

fn is_number(shape: Shape) -> bool {
    matches!(shape, Shape::Digits | Shape::Decimal | Shape::Status)
}

/// The slots that have a key to themselves, and how many slots there are in all; `None` where a
/// key stands twice or holds a slot.
fn collect(
    prefix: &str,
    members: &[(String, Node)],
    paths: &mut Vec<(String, usize)>,
    slots: &mut usize,
) -> Option<()> {
    for (at, (key, node)) in members.iter().enumerate() {
        let is_repeated = members[..at].iter().any(|(earlier, _)| earlier == key);
        let path = format!("{prefix}{key}");
        if is_repeated || slots_of(key).next().is_some() || path.len() > KEY_BYTES {
            return None;
        }
        match node {
            Node::Object(members) => collect(&format!("{path}."), members, paths, slots)?,
            Node::Text(text) => {
                *slots += slots_of(text).count();
                if let (Some(number), 1) = (slots_of(text).next(), text.chars().count()) {
                    // Dots of nesting and dots of a key's own are one to the scanner.
                    if paths.iter().any(|(earlier, _)| *earlier == path) {
                        return None;
                    }
                    paths.push((path, number));
                }
            }
            Node::Array(nodes) => {
                for node in nodes {
                    let inside = [(String::new(), node.clone())];
                    collect("", &inside, &mut Vec::new(), slots)?;
                }
            }
            Node::Other => {}
        }
    }
    Some(())
}

fn slots_of(text: &str) -> impl Iterator<Item = usize> {
    text.chars().filter_map(|character| {
        let number = u32::from(character).checked_sub(FIRST)?;
        (number < 0xFFFE).then_some(number as usize)
    })
}

/// A JSON value that keeps its members' order, and members of the same key.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}
