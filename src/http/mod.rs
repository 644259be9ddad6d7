//! The HTTP server: metrics, health, readiness, and the status for people.
//!
//! Invariant: a client cannot hold a connection or memory beyond [`Limits`], and no request text
//! reaches a metric or the log.
//!
//! Parse an [`Address`], [`Listener::bind_all`] before anything else is started, fill in
//! [`Routes`], then [`serve`] until stopped.

mod accept;
mod acceptor;
mod activation;
mod address;
mod buffers;
mod coding;
mod connection;
mod connections;
mod deadline;
mod defer;
mod event;
mod guard;
mod host;
mod host_name;
mod language;
mod lifecycle;
mod limits;
mod linger;
mod listener;
mod memory;
mod metrics_path;
mod names;
mod page;
mod paths;
mod policy;
mod representation;
mod response;
mod routes;
mod scrape;
mod server;
mod source;
mod tls;
mod transfer;

pub use address::{Address, AddressError};
pub use event::{HttpEvent, Observer, Page};
pub use guard::{Policies, PolicySource};
pub use host::Hosts;
pub use host_name::{HostName, HostNameError};
pub use lifecycle::{Lifecycle, ReloadOutcome};
pub use limits::Limits;
pub use listener::{BindError, Listener};
pub use metrics_path::{MetricsPath, MetricsPathError};
pub use policy::{Policy, Rate, Tls, User};
pub use routes::{Ready, Routes};
pub use server::{ServeError, serve};
pub use source::Scrape;

#[cfg(test)]
mod tests;
