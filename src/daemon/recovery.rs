//! Finds the state from which a start goes on.
//!
//! Invariant: a state is replaced only under the lock of its directory, and read under it unless the disk has no room for a
//! lock.

use std::path::Path;
use std::sync::Arc;

use super::error::{StartError, with_remedy};
use crate::config::State;
use crate::model::{Saved, SecretKey};
use crate::state::{
    Directory, Durability, Host, Loaded, LockError, RealDirectory, Settings, StateLock, Store,
    StoreError,
};

/// The state of an earlier process, and the means to replace it.
pub(super) struct Recovered {
    pub(super) lock: Option<Arc<StateLock>>,
    /// `None` if nothing is kept.
    pub(super) store: Option<(Store, Durability)>,
    pub(super) saved: Saved,
    /// True if more may have been served than the state holds.
    pub(super) is_behind: bool,
}

impl Recovered {
    /// Locks the directory of a configuration and loads what it holds.
    pub(super) fn load(state: Option<&State>) -> Result<Self, StartError> {
        let mut recovered = Self::nothing();
        let Some(state) = state else {
            return Ok(recovered);
        };
        recovered.lock = lock(&state.dir)?;
        let (Some(durability), Some(lock)) = (state.durability, &recovered.lock) else {
            return Ok(recovered);
        };
        let host = Host::read();
        let directory = RealDirectory::open_locked(&state.dir, Arc::clone(lock))
            .map_err(StoreError::io("open", &state.dir))?;
        let settings = Settings { durability, host };
        recovered.read(Box::new(directory), settings)?;
        Ok(recovered)
    }

    /// Recovers nothing: counting starts at 0.
    pub(super) fn nothing() -> Self {
        Self {
            lock: None,
            store: None,
            saved: Saved {
                key: SecretKey::random().0,
                ..Saved::default()
            },
            is_behind: false,
        }
    }

    /// Reads what a directory holds, and keeps what will be counted there.
    pub(super) fn read(
        &mut self,
        directory: Box<dyn Directory>,
        settings: Settings,
    ) -> Result<(), StoreError> {
        let Settings { durability, host } = settings;
        let (store, mut loaded) = Store::load(directory, settings)?;
        log(&mut loaded, host);
        self.is_behind = loaded.verdict.may_be_behind();
        self.store = Some((store, durability));
        if let Some(checkpoint) = loaded.checkpoint {
            self.is_behind |= checkpoint.may_be_rolled_back(&host);
            self.saved = checkpoint.into_parts().1;
            self.is_behind |= self.saved.is_behind;
        }
        Ok(())
    }
}

/// Locks a directory, now or before the first commit. One that this process cannot write is left alone, with a warning:
/// nothing is kept there then.
fn lock(dir: &Path) -> Result<Option<Arc<StateLock>>, LockError> {
    match StateLock::acquire_or_wait(dir) {
        Ok((lock, waits)) => {
            if let Some(error) = waits {
                let error = with_remedy(error.into());
                tracing::warn!("{error}; nothing is kept there until then");
            }
            Ok(Some(Arc::new(lock)))
        }
        Err(error) if error.is_unwritable() => {
            let error = with_remedy(error.into());
            tracing::warn!("{error}; nothing is kept there until the exporter is started again");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Logs which copy is used, and what an operator should look at.
fn log(loaded: &mut Loaded, host: Host) {
    for moved in &loaded.moved {
        let (from, to) = (moved.from.display(), moved.to.display());
        tracing::warn!("{from} cannot be used and is kept as {to}");
    }
    for failure in loaded.failures.drain(..) {
        // The lock's failure was logged.
        if !matches!(failure, StoreError::Lock(_)) {
            tracing::warn!("{}", with_remedy(failure));
        }
    }
    let verdict = &loaded.verdict;
    let Some(checkpoint) = &loaded.checkpoint else {
        tracing::info!("{verdict}");
        return;
    };
    if checkpoint.header().host.is_elsewhere(&host) {
        tracing::warn!(
            "the state was written on another machine: files are recognised by their text alone"
        );
    }
    if verdict.may_be_behind() {
        tracing::warn!("{verdict}");
    } else {
        tracing::info!("{verdict}");
    }
}
