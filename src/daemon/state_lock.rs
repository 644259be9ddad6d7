//! The lock of the configured state directory.

use std::path::Path;

use crate::state::{LockError, StateLock};

/// Locks the directory of a configuration, if it has one, unless `held` locks it already. One that this process cannot
/// write is left alone, with a warning: nothing is kept there then.
pub(super) fn acquire_configured(
    dir: Option<&Path>,
    held: Option<&StateLock>,
) -> Result<Held, LockError> {
    let Some(dir) = dir else {
        return Ok(Held::None);
    };
    match StateLock::acquire(dir, held) {
        Ok(Some(lock)) => Ok(Held::New(lock)),
        Ok(None) => Ok(Held::Same),
        Err(error) if error.is_unwritable() => {
            let error = anyhow::Error::new(error);
            tracing::warn!("{error:#}: nothing is kept there");
            Ok(Held::None)
        }
        Err(error) => Err(error),
    }
}

/// The lock of a configuration.
#[derive(Debug)]
pub(super) enum Held {
    /// None is needed, or possible.
    None,
    /// The one that is held already.
    Same,
    New(StateLock),
}

impl Held {
    /// Replaces the lock that is held.
    pub(super) fn apply(self, held: &mut Option<StateLock>) {
        match self {
            Self::None => *held = None,
            Self::Same => {}
            Self::New(lock) => *held = Some(lock),
        }
    }
}
