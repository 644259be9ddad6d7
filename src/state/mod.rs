//! Checkpoints on disk: what outlives the process.
//!
//! Invariants:
//! - After a commit of durability `power` has returned, a load yields its content, whatever happens to the process or the
//!   machine. During a commit, it yields the content before or the new one.
//! - After a commit of durability `process`, the same holds as long as the machine runs.
//! - Bytes become a [`Saved`] only through [`Untrusted::parse`] and [`Untrusted::validate`]: a file that was cut, changed
//!   or mixed of two is never taken for a checkpoint.
//! - Nothing that may hold counts is deleted: a copy that is not used is moved to `state.damaged-N`, and whatever this
//!   replaces is reported.
//!
//! | file | contents |
//! |---|---|
//! | `state` | the last checkpoint |
//! | `state.prev` | the one before |
//! | `state.tmp` | a checkpoint that was not finished; it is never read |
//! | `state.damaged-N` | a copy that could not be used |
//! | `lock` | see [`StateLock`] |
//!
//! [`choose`] holds the rule by which a copy is used.

mod aside;
mod check;
pub mod choose;
pub mod codec;
mod directory;
mod error;
mod header;
mod host;
mod inspect;
mod lock;
mod section;
mod store;
mod unusable;
mod version;

#[cfg(test)]
pub(crate) mod tests;

pub use aside::{Moved, reset};
pub use check::Inconsistency;
pub use codec::{Checkpoint, Untrusted};
pub use directory::{Directory, NewFile, RealDirectory};
pub use error::StoreError;
pub use header::{Durability, Header};
pub use host::Host;
pub use inspect::{Examined, Inspection, inspect};
pub use lock::{LockError, StateLock};
pub use section::{Kind, Writer};
pub use store::{Committed, Loaded, Settings, Store};
pub use unusable::{Damage, Unusable};
pub use version::Version;

#[cfg(doc)]
use crate::model::Saved;
