//! The likely cause of a line that is not read.

use super::case::Case;
use super::outcome::Diagnosis;
use super::{foreign, misfit};

/// Finds the likely cause. The most certain checks come first.
pub(super) fn diagnose(case: &Case<'_>) -> Diagnosis {
    const CHECKS: [fn(&Case<'_>) -> Option<Diagnosis>; 18] = [
        foreign::empty,
        foreign::skipped,
        foreign::number,
        misfit::ambiguous,
        foreign::binary,
        foreign::container,
        foreign::keyed,
        foreign::other_log,
        foreign::stray,
        misfit::time_format,
        misfit::unit,
        misfit::dash,
        misfit::list,
        misfit::preset,
        foreign::before,
        misfit::quotes,
        misfit::more,
        misfit::fewer,
    ];
    let found = CHECKS.iter().find_map(|check| check(case));
    found.unwrap_or_else(|| misfit::unknown(case))
}
