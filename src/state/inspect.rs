//! Reads the copies of a state.

use std::io;

use super::choose::{Copy, Found, Verdict, choose};
use super::codec::{Checkpoint, Untrusted};
use super::directory::Directory;
use super::unusable::Unusable;

/// Content of a state directory.
#[derive(Debug)]
pub struct Inspection {
    /// Content of `state`.
    pub current: Examined,
    /// Content of `state.prev`.
    pub previous: Examined,
    /// The copy that a start uses, and why.
    pub verdict: Verdict,
}

/// Content of a copy.
#[derive(Debug)]
pub enum Examined {
    /// The file does not exist.
    Missing,
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The content cannot be used.
    Unusable(Unusable),
    /// A valid checkpoint.
    Valid(Box<Checkpoint>),
}

/// Reads both copies and changes nothing.
pub fn inspect(directory: &dyn Directory) -> Inspection {
    let [current, previous] = Copy::ALL.map(|copy| examine(directory, copy));
    let verdict = choose(&current.found(), &previous.found());
    Inspection {
        current,
        previous,
        verdict,
    }
}

fn examine(directory: &dyn Directory, copy: Copy) -> Examined {
    let bytes = match directory.read(copy.name()) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Examined::Missing,
        Err(error) => return Examined::Unreadable(error),
    };
    let checkpoint = Untrusted::parse(&bytes).and_then(Untrusted::validate);
    checkpoint.map_or_else(Examined::Unusable, |valid| Examined::Valid(Box::new(valid)))
}

impl Inspection {
    /// Returns the checkpoint that a start uses.
    pub fn used(&self) -> Option<&Checkpoint> {
        let examined = match self.verdict.used()? {
            Copy::Current => &self.current,
            Copy::Previous => &self.previous,
        };
        match examined {
            Examined::Valid(checkpoint) => Some(checkpoint),
            _ => None,
        }
    }
}

impl Examined {
    pub(super) fn found(&self) -> Found {
        match self {
            Self::Missing => Found::Missing,
            Self::Unreadable(_) => Found::Unreadable,
            Self::Unusable(Unusable::Foreign) => Found::Foreign,
            Self::Unusable(Unusable::Damaged { .. }) => Found::Damaged,
            Self::Unusable(Unusable::Newer { version, writer }) => Found::Newer {
                version: *version,
                writer: writer.clone(),
            },
            Self::Valid(checkpoint) => Found::Valid {
                number: checkpoint.header().number,
            },
        }
    }

    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Valid(checkpoint) => checkpoint.header().number,
            _ => 0,
        }
    }

    pub(super) fn into_checkpoint(self) -> Option<Checkpoint> {
        match self {
            Self::Valid(checkpoint) => Some(*checkpoint),
            _ => None,
        }
    }
}
