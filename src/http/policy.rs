//! The rules for clients that the web configuration sets.
//!
//! Invariant: a policy never changes; a changed configuration makes another one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use rustls::ServerConfig;

/// Rules for clients. The default admits everyone, without TLS.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// TLS; without it, connections are plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Users that may send requests; if there is none, everyone may.
    pub users: Vec<User>,
    /// Header fields of every response.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Rate at which requests are admitted.
    pub rate: Option<Rate>,
    /// True if `/-/healthy` and `/-/ready` need no credentials.
    pub open_health: bool,
}

/// TLS as the server speaks it.
pub struct Tls {
    /// Certificate, key, versions and the rest.
    pub config: Arc<ServerConfig>,
    /// Digest of everything that `config` was made of.
    pub identity: [u8; 32],
    /// Digest of what decides which clients are admitted.
    pub clients: [u8; 32],
}

/// A user with a hashed password.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Hash of the password, by bcrypt.
    pub hash: String,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one token is added.
    pub interval: Duration,
    /// Most tokens.
    pub burst: u32,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Shows neither the name nor the hash.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}
