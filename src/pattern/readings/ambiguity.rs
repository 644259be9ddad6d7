//! Finds out whether a format has lines that can be read in two ways, and which value's end is then unclear.
//!
//! Two readings of a line are two paths that spell the same bytes: one through the automaton by which lines are read, one
//! through that of the lines which the server writes. The search follows both at once; it visits each pair of states once.

use super::super::binding::Binding;
use super::super::template::{Item, Template};
use super::automaton::Automaton;
use crate::model::Field;

/// Largest number of pairs visited.
const PAIRS: usize = 1 << 18;

/// A value whose end some lines leave unclear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
    /// Index of the value among the template's items; `None` if the format is too large to find out.
    pub(crate) item: Option<usize>,
    /// True if two readings differ in a field that metrics may use, and not only in an address, a user, a referer or a
    /// user agent.
    pub(crate) is_counted: bool,
}

/// Two paths that spell the same bytes.
struct Pair {
    states: (u16, u16),
    /// True if a byte is part of a value on one path and not on the other.
    differs: bool,
    /// Index of the pair before.
    before: Option<usize>,
}

/// Finds a value whose end is unclear if lines are read by the automaton `read` and written by `written`; each is `None` if
/// it would be too large. A difference in a counted field is preferred.
pub(super) fn unclear(
    template: &Template,
    read: Option<&Automaton>,
    written: Option<&Automaton>,
) -> Option<Unclear> {
    let unknown = Unclear {
        item: None,
        is_counted: true,
    };
    let (Some(read), Some(written)) = (read, written) else {
        return Some(unknown);
    };
    [true, false].into_iter().find_map(|is_counted| {
        match search(read, written, &matters(template, is_counted)) {
            Ok(None) => None,
            Ok(item) => Some(Unclear { item, is_counted }),
            Err(TooLarge) => Some(unknown),
        }
    })
}

/// Returns, by item, whether a difference in it matters: with `counted`, only one in a field that metrics may use does.
fn matters(template: &Template, counted: bool) -> Vec<bool> {
    let items = template.items.iter();
    let matters = items.map(|item| match item {
        Item::Slot(slot) => (slot.binding).is_some_and(|b| !counted || is_counted(b)),
        Item::Literal(_) => false,
    });
    matters.collect()
}

/// Returns whether metrics may use a field of the value.
pub(super) fn is_counted(binding: Binding) -> bool {
    let is_client = |field| {
        matches!(
            field,
            Field::RemoteAddr | Field::User | Field::Referer | Field::UserAgent
        )
    };
    matches!(binding, Binding::Extra(_)) || !binding.fields().iter().all(is_client)
}

/// The search visits too many pairs.
struct TooLarge;

/// Finds two readings that differ in an item that matters; returns the item in which they part.
fn search(
    read: &Automaton,
    written: &Automaton,
    matters: &[bool],
) -> Result<Option<usize>, TooLarge> {
    let width = written.items.len();
    let mut seen = vec![0_u64; (read.items.len() * width * 2).div_ceil(64)];
    let mut pairs: Vec<Pair> = Vec::new();
    let labels = |of: &Automaton| -> Vec<Option<u16>> {
        let items = of.items.iter();
        let labels = items.map(|item| matters[usize::from(*item)].then_some(*item));
        labels.collect()
    };
    let (read_labels, written_labels) = (labels(read), labels(written));
    let mut visit = |one: u16, two: u16, differs: bool, before, pairs: &mut Vec<Pair>| {
        let (a, b) = (usize::from(one), usize::from(two));
        let differs = differs || read_labels[a] != written_labels[b];
        let bit = (a * width + b) * 2 + usize::from(differs);
        if seen[bit / 64] >> (bit % 64) & 1 == 1 {
            return;
        }
        seen[bit / 64] |= 1 << (bit % 64);
        if !are_disjoint(&read.bytes[a], &written.bytes[b]) {
            pairs.push(Pair {
                states: (one, two),
                differs,
                before,
            });
        }
    };
    for one in &read.first {
        for two in &written.first {
            visit(*one, *two, false, None, &mut pairs);
        }
    }
    let mut at = 0;
    while let Some(&Pair {
        states: (one, two),
        differs,
        ..
    }) = pairs.get(at)
    {
        if differs && read.last.contains(one) && written.last.contains(two) {
            return Ok(Some(parting(read, written, &pairs, at)));
        }
        if pairs.len() > PAIRS {
            return Err(TooLarge);
        }
        for next in &read.follow[usize::from(one)] {
            for other in &written.follow[usize::from(two)] {
                visit(*next, *other, differs, Some(at), &mut pairs);
            }
        }
        at += 1;
    }
    Ok(None)
}

fn are_disjoint(a: &[u64; 4], b: &[u64; 4]) -> bool {
    (a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]) | (a[3] & b[3]) == 0
}

/// Returns the item in which the paths to a pair part.
fn parting(read: &Automaton, written: &Automaton, pairs: &[Pair], last: usize) -> usize {
    let mut item = 0;
    let mut at = Some(last);
    while let Some(pair) = at.and_then(|at| pairs.get(at)) {
        let (one, two) = pair.states;
        let items = [
            read.items[usize::from(one)],
            written.items[usize::from(two)],
        ];
        if items[0] != items[1] {
            item = items[0].min(items[1]);
        }
        at = pair.before;
    }
    usize::from(item)
}
