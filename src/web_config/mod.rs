//! Reads the web configuration file, which has the format of Prometheus' exporter-toolkit: TLS, users, headers and a rate limit.
//!
//! Invariant: a policy is returned only if the file and the files that it names are without errors; all errors are found in one
//! pass; no fault shows a password, a hash or a key.

mod certificate;
mod client;
mod duration;
mod files;
mod headers;
mod map;
mod mask;
mod names;
mod node;
mod pem;
mod read;
mod tls;
mod users;

pub use files::Stamps;
pub use read::{Loaded, WebFile};
pub use users::{DEFAULT_COST, HashError, hash_password};

#[cfg(test)]
mod tests;
