//! Explains single lines to people: which values a pattern reads, or where it stops and why.
//!
//! Invariant: every byte sequence is explained, in time linear in its length; all spans lie inside
//! the line, and values are shown as [`Record::show`](crate::model::Record::show) writes them.

mod case;
mod detect;
mod diagnose;
mod explainer;
mod foreign;
mod keyed;
mod misfit;
mod outcome;
mod outline;
mod reader;
pub(super) mod stop;
mod words;

pub use explainer::Explainer;
pub use outcome::{Cause, Diagnosis, Explanation, Nearest, Outcome, Stop, Value};

#[cfg(test)]
mod tests;
