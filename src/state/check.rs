//! Examines the content of a checkpoint.
//!
//! Invariant: what is written was examined as what is read is, so that a commit never writes what a start would refuse.

use std::collections::HashSet;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::model::{Saved, SavedFamily, SavedLink, SavedRequest, SavedSide, SavedSource};

/// Contradiction in the content of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// Two sources have one name.
    #[error("two sources have the name `{0}`")]
    Source(String),
    /// Two families of a source have one name.
    #[error("source `{source_name}` has two families `{family}`")]
    Family {
        /// Name of the source.
        source_name: String,
        /// Name of the family.
        family: String,
    },
    /// The series of a family differ in their numbers of labels or of values, or two of them have the same labels.
    #[error("the series of family `{family}` of source `{source_name}` do not go together")]
    Series {
        /// Name of the source.
        source_name: String,
        /// Name of the family.
        family: String,
    },
    /// A route or a reason stands twice.
    #[error("source `{source_name}` has `{name}` twice")]
    Name {
        /// Name of the source.
        source_name: String,
        /// Name that stands twice.
        name: String,
    },
    /// A front source stands twice, or a request is of a source or an outcome that its link does not have.
    #[error("the requests behind source `{0}` do not go together")]
    Link(String),
    /// The encoder refuses it.
    #[error("it cannot be encoded")]
    NotEncodable,
}

/// Examines a content.
pub(super) fn check(saved: &Saved) -> Result<(), Inconsistency> {
    let names = saved.sources.iter().map(|source| &source.name);
    if let Some(name) = repeated(names) {
        return Err(Inconsistency::Source(name.clone()));
    }
    saved.sources.iter().try_for_each(check_source)?;
    let unsound = saved.links.iter().find(|link| !has_parts(link));
    let fronts: Vec<&str> = saved.links.iter().flat_map(SavedLink::fronts).collect();
    let twice = repeated(&fronts).copied();
    let front = unsound.map(|link| link.front.as_str()).or(twice);
    front.map_or(Ok(()), |front| Err(Inconsistency::Link(front.to_owned())))
}

fn check_source(source: &SavedSource) -> Result<(), Inconsistency> {
    let source_name = || source.name.clone();
    let ledger = &source.ledger;
    let rejected = ledger.rejected.iter().map(|(reason, _)| reason);
    let skipped = ledger.skipped.iter().map(|(rule, _)| rule);
    let gaps = source.gaps.iter().map(|gap| &gap.reason);
    let reason = repeated(rejected).or_else(|| repeated(skipped));
    let reason = reason.or_else(|| repeated(gaps));
    let route = repeated(&source.routes.names);
    if let Some(name) = reason.map(String::as_str).or(route.map(|route| &**route)) {
        return Err(Inconsistency::Name {
            source_name: source_name(),
            name: name.to_owned(),
        });
    }
    if let Some(family) = repeated(source.families.iter().map(|family| &family.name)) {
        return Err(Inconsistency::Family {
            source_name: source_name(),
            family: family.as_ref().to_owned(),
        });
    }
    match source.families.iter().find(|family| !go_together(family)) {
        Some(family) => Err(Inconsistency::Series {
            source_name: source_name(),
            family: family.name.as_ref().to_owned(),
        }),
        None => Ok(()),
    }
}

/// Returns whether the series of a family are alike and distinct.
fn go_together(family: &SavedFamily) -> bool {
    let Some(first) = family.series.first() else {
        return true;
    };
    let mut series = family.series.iter();
    !first.values.is_empty()
        && series.all(|one| {
            one.labels.len() == first.labels.len()
                && (one.values.len() == first.values.len() || family.is_native())
        })
        && repeated(family.series.iter().map(|one| &one.labels)).is_none()
}

/// Returns whether the sources and outcomes of all requests exist.
fn has_parts(link: &SavedLink) -> bool {
    let others = &link.others;
    let fronts = if others.fronts.is_empty() {
        0
    } else {
        link.requests.len()
    };
    let reasons = |front: usize| match front.checked_sub(1) {
        None => Some(link.unreached.len()),
        Some(other) => Some(others.fronts.get(other)?.unreached.len()),
    };
    let has_part = |(at, SavedRequest { side, .. }): (usize, &SavedRequest)| {
        let front = others.requests.get(at).map_or(0, |front| *front as usize);
        match side {
            SavedSide::Passed { reason, .. } => {
                reasons(front).is_some_and(|reasons| usize::from(*reason) < reasons)
            }
            SavedSide::Worked { back, .. } => front == 0 && (*back as usize) < link.backs.len(),
            SavedSide::Joined => front == 0,
        }
    };
    others.requests.len() == fronts && link.requests.iter().enumerate().all(has_part)
}

/// Returns an item that stands twice.
fn repeated<'i, T: Hash + Eq>(items: impl IntoIterator<Item = &'i T>) -> Option<&'i T> {
    let items = items.into_iter();
    let mut seen = HashSet::with_capacity_and_hasher(items.size_hint().0, RandomState::default());
    items.into_iter().find(|item| !seen.insert(*item))
}
