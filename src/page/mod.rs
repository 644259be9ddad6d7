//! The page at `/`: a status as HTML, for people.
//!
//! Invariant: every text of a status is escaped; the page loads nothing, and is whole without its script.

mod figures;
mod frame;
mod limits;
mod markup;
mod numbers;
mod routes;
mod sources;
mod traffic;
mod verdict;
mod words;
mod writer;

pub use frame::{Links, write};

/// The page's only style sheet.
pub const STYLE: &str = include_str!("page.css");
/// The page's only script. It replaces the numbers every ten seconds.
pub const SCRIPT: &str = include_str!("page.js");

#[cfg(test)]
mod tests;
