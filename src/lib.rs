//! Prometheus metrics for a Django site, from the access logs nginx and gunicorn already write.
//!
//! The core ([`model`], [`diag`], [`pattern`], [`route`], [`label`], [`aggregate`], [`metric`],
//! [`join`], [`expose`], [`pipeline`], [`servers`], [`status`], [`page`], [`compare`]) does no I/O, reads no clock and spawns no threads. The
//! edges, behind the feature `daemon`, follow files, serve HTTP and notify systemd. See `ARCHITECTURE.md`.

pub mod aggregate;
pub mod compare;
pub mod diag;
pub mod expose;
pub mod join;
pub mod label;
pub mod metric;
pub mod model;
pub mod page;
pub mod pattern;
pub mod pipeline;
pub mod route;
pub mod servers;
pub mod status;

#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod client;
#[cfg(feature = "daemon")]
pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
pub mod nginx_status;
#[cfg(feature = "daemon")]
pub mod source;
#[cfg(feature = "daemon")]
pub mod state;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod text_file;
#[cfg(feature = "daemon")]
pub mod unix_socket;
#[cfg(feature = "daemon")]
pub mod web_config;
