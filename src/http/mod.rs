//! The web side: scrapes, health, and a page that says what this is.
//!
//! Invariant: no client can hold a connection, memory or the process for longer than [`Limits`]
//! allow, and no request text reaches a metric or the log.
//!
//! The order of use: parse an [`Address`], [`Listener::bind`] it before anything else is started,
//! build [`Routes`], then [`serve`] until told to stop.

mod address;
mod connection;
mod event;
mod guard;
mod limits;
mod listener;
mod page;
mod progress;
mod routes;
mod scrape;
mod server;

pub use address::{Address, AddressError};
pub use event::{Event, NoObserver, Observer, Page};
pub use limits::Limits;
pub use listener::{BindError, Listener};
pub use routes::{Ready, Routes};
pub use scrape::Scrape;
pub use server::{ServeError, serve};

#[cfg(test)]
mod tests;
