//! Integration tests of the built binary, with real files and real servers.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests and their helpers: a failure ends the test and is shown"
)]

mod allocations;
mod backfill;
#[cfg(feature = "stack")]
mod backfill_stack;
mod cli;
mod compare;
#[cfg(feature = "stack")]
mod compare_stack;
mod containers;
mod counts;
mod demo;
#[cfg(feature = "stack")]
mod deploy;
#[cfg(feature = "stack")]
mod django;
mod exemplars;
#[cfg(feature = "stack")]
mod exemplars_stack;
mod explain;
mod fast_clock;
mod files;
mod follow;
mod forecast;
#[cfg(feature = "stack")]
mod formats;
mod generate;
mod hostile;
mod hosts;
mod init;
#[cfg(feature = "stack")]
mod init_real;
#[cfg(feature = "stack")]
mod init_stack;
mod initial;
mod join;
mod journal;
mod kubernetes;
mod labels;
mod lifecycle;
mod lines;
mod lines_follow;
mod many;
#[cfg(feature = "stack")]
mod native;
mod neighbours;
#[cfg(feature = "stack")]
mod nginx;
mod nginx_status;
#[cfg(feature = "stack")]
mod nginx_status_stack;
mod own_log;
#[cfg(feature = "stack")]
mod page_stack;
mod people;
mod prefix;
#[cfg(feature = "stack")]
mod prometheus;
mod protobuf;
#[cfg(feature = "stack")]
mod queue;
mod ready;
mod recorded;
mod reloads;
mod replay;
mod reported;
#[cfg(feature = "stack")]
mod resolve;
#[cfg(feature = "stack")]
mod rewrite_stack;
#[cfg(feature = "stack")]
mod rotation;
mod routes;
#[cfg(feature = "stack")]
mod saturation;
mod scrape;
#[cfg(feature = "stack")]
mod servers;
mod sockets;
#[cfg(feature = "stack")]
mod stack;
#[cfg(feature = "stack")]
mod stack_streams;
mod state;
mod status;
mod streams;
mod support;
#[cfg(feature = "stack")]
mod sweep;
mod text_files;
mod troubles;
mod watchdog;
mod web;
#[cfg(feature = "stack")]
mod web_stack;
