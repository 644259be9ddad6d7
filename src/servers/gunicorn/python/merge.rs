//! Joins the names of two ways through a program.
//!
//! Invariant: a name has a value only if both ways give it the same one.

use std::collections::BTreeSet;

use super::state::{Assumed, Bound, Names};
use super::value::Value;

/// Joins the names of two ways. `why` is the reason for names in which they differ.
pub(super) fn merge(one: Names, other: Names, why: &str) -> Names {
    if one.has_ended {
        return other;
    }
    if other.has_ended {
        return one;
    }
    let names: BTreeSet<String> = one.all.keys().chain(other.all.keys()).cloned().collect();
    let both = |name: String| {
        let (one, other) = (one.all.get(&name), other.all.get(&name));
        let bound = match (one, other) {
            (Some(one), Some(other)) => joined(one, other, why),
            (Some(only), None) | (None, Some(only)) => Bound {
                value: Value::Unknown(why.to_owned()),
                ..only.clone()
            },
            (None, None) => return None,
        };
        Some((name, bound))
    };
    Names {
        all: names.into_iter().filter_map(both).collect(),
        anything: one.anything.clone().or_else(|| other.anything.clone()),
        has_ended: false,
    }
}

fn joined(one: &Bound, other: &Bound, why: &str) -> Bound {
    let mut bound = match (&one.value, &other.value) {
        (Value::Unknown(_), _) => one.clone(),
        (_, Value::Unknown(_)) => other.clone(),
        (first, second) if first == second => one.clone(),
        _ => Bound {
            value: Value::Unknown(why.to_owned()),
            // The later assignment is the conditional one.
            ..if one.span.start > other.span.start {
                one
            } else {
                other
            }
            .clone()
        },
    };
    bound.assumed = one.assumed.union(&other.assumed).cloned().collect();
    bound
}

/// Notes what names depend on if a program would otherwise have taken another way.
pub(super) fn depending(names: Names, other: Names, assumed: &BTreeSet<Assumed>) -> Names {
    if assumed.is_empty() || other.has_ended {
        return names;
    }
    if names.has_ended {
        return other;
    }
    let mut names = names;
    for (name, there) in &other.all {
        let here = names.all.get(name);
        if here.is_none_or(|here| here.value != there.value) {
            let mut bound = here.cloned().unwrap_or_else(|| Bound {
                value: Value::Nothing,
                ..there.clone()
            });
            bound.assumed.extend(assumed.iter().cloned());
            names.all.insert(name.clone(), bound);
        }
    }
    for (name, here) in &mut names.all {
        if !other.all.contains_key(name) {
            here.assumed.extend(assumed.iter().cloned());
        }
    }
    names
}
