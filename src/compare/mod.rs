//! Compares the metrics of django-prometheus with those of the set `django`, and explains each difference.
//!
//! Invariant: a difference is explained by evidence of the pages alone, at most to the number that the evidence gives; the rest is
//! unexplained.

mod class;
mod comparison;
mod counts;
mod family;
mod interval;
mod ledger;
mod page;
mod result;

pub use class::Class;
pub use comparison::compare;
pub use family::FAMILIES;
pub use interval::{Moment, NotComparable, Pages};
pub use page::{NotPage, Page, Sample};
pub use result::{Comparison, FamilyResult, Reason, SeriesResult, Side, Sums};

#[cfg(test)]
mod tests;
