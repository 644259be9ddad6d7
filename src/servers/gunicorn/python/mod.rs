//! Reads the names that a `gunicorn.conf.py` assigns, without running it.
//!
//! Invariant: constants are computed as Python does; a name that anything else may change is unknown, with a reason.

mod assign;
mod call;
mod display;
mod eval;
mod flow;
mod literal;
mod merge;
mod operator;
mod reader;
mod state;
mod token;
mod value;

pub use state::Assumed;
pub(super) use state::{Bound, Surroundings};
pub(super) use value::Value;

use std::collections::BTreeSet;

use reader::Reader;
use state::{Names, Reason, State};

/// The names of a file after it has run.
#[derive(Debug)]
pub(super) struct Module {
    names: Names,
    /// Names that are not known whatever the file assigns, with the reason.
    shared: Vec<(String, Reason)>,
    /// Reason for which no name is known.
    unreadable: Option<Reason>,
}

impl Module {
    /// Returns whether the file itself assigns a name.
    pub(super) fn assigns(&self, name: &str) -> bool {
        self.names.all.contains_key(name)
    }

    /// Returns the value of a name; `None` if nothing can have assigned it.
    pub(super) fn get(&self, name: &str) -> Option<Bound> {
        let bound = self.names.all.get(name);
        let shared = self.shared.iter().find(|(shared, _)| shared == name);
        let anything = self.names.anything.as_ref().filter(|_| bound.is_none());
        let shared = shared.map(|(_, reason)| reason);
        match self.unreadable.as_ref().or(shared).or(anything) {
            Some((why, span)) => Some(Bound {
                value: Value::Unknown(why.clone()),
                span: bound.map_or(span, |bound| &bound.span).clone(),
                assumed: BTreeSet::new(),
            }),
            None => bound.cloned(),
        }
    }
}

/// Reads a file.
pub(super) fn read(source: &str, surroundings: &Surroundings) -> Module {
    let lines = token::lines(source);
    let mut reader = Reader::new(State::new(source, surroundings));
    for line in &lines {
        reader.find_shared(line);
    }
    reader.block(&lines);
    let shared = reader.state.shared.into_iter();
    Module {
        shared: shared.map(|(name, why)| (name.to_owned(), why)).collect(),
        unreadable: reader.state.unreadable,
        names: reader.state.names,
    }
}

#[cfg(test)]
mod tests;
