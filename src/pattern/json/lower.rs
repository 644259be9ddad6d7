//! Lowers an nginx `log_format … escape=json` to the keys of the objects that it writes.
//!
//! Invariant: a template is lowered only if every line it can write is a JSON object with one key for
//! each variable; otherwise its lines are read as text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::keys::{KEY_BYTES, Keys};
use super::super::template::{Item, Shape, Slot, Template};

/// First of the private characters that stand for slots.
const FIRST: u32 = 0xF_0000;

/// Returns the keys of a template that is a JSON object; `None` if it is not. Of two variables for
/// the same field, the one with the lower rank is read.
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
    template.dedupe_bindings(rank);
    let mut keys = Keys::new();
    let slots = template.items.iter().filter_map(|item| match item {
        Item::Slot(slot) => Some(slot),
        Item::Literal(_) => None,
    });
    for (number, slot) in slots.enumerate() {
        let Some((path, _)) = paths.iter().find(|(_, of)| *of == number) else {
            continue;
        };
        match slot.binding {
            Some(binding) => keys.add(path, binding),
            None => keys.name(&slot.name, path),
        }
    }
    Some(keys)
}

/// Returns the template's text with a private character for each slot, quoted if the slot is not.
/// `None` if a slot without quotes may be anything but a number.
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
    // There are fewer private characters than slots.
    (number < 0xFFFD).then_some(text)
}

fn is_number(shape: Shape) -> bool {
    matches!(shape, Shape::Digits | Shape::Decimal | Shape::Status)
}

/// Collects the slots that are the whole value of a key, and counts all slots; `None` if a key is
/// repeated or contains a slot.
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
                    // The scanner does not distinguish the dots of nesting from those of a key.
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

/// A JSON value whose objects keep the order of their members, and repeated keys.
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
