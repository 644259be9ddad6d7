//! The series that are known before the first line.
//!
//! Invariant: of a family, either all known series exist, or, if the budget has no room for them, none is added. A line
//! finds its series under the same label values.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::Pipeline;
use super::names::{Bits, KeyNames};
use crate::aggregate::{Definition, LabelValues, Shard};
use crate::label::{Charset, HttpVersion, Label, Method, Scheme};
use crate::metric::Initial;
use crate::model::Field;
use crate::route::RouteId;

/// A family with known series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialised {
    /// Name of the family.
    pub family: Arc<str>,
    /// Number of known series.
    pub series: usize,
    /// True if they exist; otherwise `limits.series` has no room for them.
    pub is_there: bool,
}

impl fmt::Display for Initialised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, series, .. } = self;
        if self.is_there {
            return write!(f, "{series} series of `{family}` start at 0");
        }
        write!(
            f,
            "{series} series of `{family}` do not start at 0: series without an event may take up to half of \
             limits.series"
        )
    }
}

/// The known series of a family: every combination of the values of its dimensions.
#[derive(Debug)]
struct KnownSeries {
    dimensions: Vec<Dimension>,
    /// By label: its dimension, and the text of each of the dimension's values.
    columns: Vec<(usize, Vec<Arc<str>>)>,
}

/// A part of the key; two labels may show the same one.
#[derive(Debug)]
struct Dimension {
    /// `None` for the label `source`.
    bits: Option<Bits>,
    /// The values known, as keys with this part alone, that meet the conditions on the part.
    keys: Vec<u64>,
}

impl Pipeline {
    /// Makes the series that are known without any line, at 0, if the metrics ask for that. Counts are kept. Returns
    /// each family with known series.
    pub fn initialise(&self, shard: &mut Shard) -> Vec<Initialised> {
        let Some(initial) = self.plan.initial() else {
            return Vec::new();
        };
        let names = self.names();
        let mut initialised = Vec::new();
        for (at, family) in self.plan.counted().enumerate() {
            let Some(known) = names.known_series(family, initial) else {
                continue;
            };
            let series = known.count();
            if series == 0 {
                continue;
            }
            // Label values that cannot fit are not even made.
            let is_there = series <= self.budget.limit()
                && shard.initialise(at, known.label_sets(), |fresh| self.budget.reserve(fresh));
            initialised.push(Initialised {
                family: Arc::clone(&family.name),
                series,
                is_there,
            });
        }
        initialised
    }
}

impl KnownSeries {
    /// Returns the number of series, capped at `usize::MAX`.
    fn count(&self) -> usize {
        let sizes = self.dimensions.iter().map(|each| each.keys.len());
        sizes.fold(1, usize::saturating_mul)
    }

    /// Removes values of dimensions that differ in no label, as patterns of one view do where only the view is shown.
    fn dedupe(&mut self) {
        for (at, dimension) in self.dimensions.iter_mut().enumerate() {
            let mut columns: Vec<&mut Vec<Arc<str>>> = (self.columns.iter_mut())
                .filter(|(of, _)| *of == at)
                .map(|(_, texts)| texts)
                .collect();
            let mut seen = HashSet::new();
            let is_first: Vec<bool> = (0..dimension.keys.len())
                .map(|value| {
                    let texts = columns.iter().map(|texts| Arc::clone(&texts[value]));
                    seen.insert(texts.collect::<Vec<_>>())
                })
                .collect();
            retain(&mut dimension.keys, &is_first);
            for texts in &mut columns {
                retain(texts, &is_first);
            }
        }
    }

    /// Returns the label values of each series.
    fn label_sets(&self) -> Vec<LabelValues> {
        let all = 0..self.count();
        all.map(|mut number| {
            let sizes = self.dimensions.iter().map(|each| each.keys.len());
            let places: Vec<usize> = sizes
                .map(|size| {
                    let place = number % size;
                    number /= size;
                    place
                })
                .collect();
            let columns = self.columns.iter();
            columns
                .map(|(dimension, texts)| Arc::clone(&texts[places[*dimension]]))
                .collect()
        })
        .collect()
    }
}

/// Keeps the elements at whose place `is_kept` is true.
fn retain<T>(elements: &mut Vec<T>, is_kept: &[bool]) {
    let mut kept = is_kept.iter();
    elements.retain(|_| kept.next() == Some(&true));
}

impl KeyNames<'_> {
    /// Returns the known series of a family; `None` if the values of a label are unknown, or no line can be counted.
    fn known_series(&self, family: &Definition, initial: &Initial) -> Option<KnownSeries> {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for label in &family.labels {
            let bits = self.layout.bits(label);
            if dimensions.iter().all(|known| known.bits != bits) {
                let keys = self.known_values(label, initial)?;
                dimensions.push(Dimension { bits, keys });
            }
        }
        for condition in &family.when {
            let label = &condition.label;
            let other = family.other_value(label);
            let passes = |key: &u64| condition.passes(&self.value(*key, label, &other));
            let bits = self.layout.bits(label);
            let shown = dimensions.iter_mut().find(|shown| shown.bits == bits);
            if let Some(shown) = shown {
                shown.keys.retain(passes);
                continue;
            }
            // A label that is tested but not shown only needs a possible value.
            let possible = self.possible_values(label);
            if possible.is_some_and(|keys| !keys.iter().any(passes)) {
                return None;
            }
        }
        let labels = family.labels.iter();
        let columns = labels.filter_map(|label| {
            let bits = self.layout.bits(label);
            let at = dimensions.iter().position(|known| known.bits == bits)?;
            let other = family.other_value(label);
            let keys = dimensions[at].keys.iter();
            let texts = keys.map(|key| self.value(*key, label, &other));
            Some((at, texts.collect()))
        });
        let columns = columns.collect();
        let mut known = KnownSeries {
            dimensions,
            columns,
        };
        known.dedupe();
        Some(known)
    }

    /// Returns the values of a label known before the first line, as parts of keys; `None` if only lines have them.
    fn known_values(&self, label: &Label, initial: &Initial) -> Option<Vec<u64>> {
        if let Some(only) = self.only_value(label) {
            return Some(vec![only]);
        }
        let listed = |keys: Vec<u64>| Some(keys).filter(|keys| !keys.is_empty());
        match label {
            Label::Source => Some(vec![0]),
            Label::Method | Label::HttpRequestMethod => {
                listed(self.keys(label, initial.methods.iter().map(|it| *it as u8)))
            }
            Label::Status | Label::HttpResponseStatusCode | Label::ErrorType => {
                listed(self.keys(label, initial.statuses.iter().copied()))
            }
            Label::Route | Label::View | Label::HttpRoute => {
                Some(self.keys(label, self.router.views()?.map(|it| it.0)))
            }
            Label::Scheme | Label::Transport | Label::UrlScheme => {
                Some(self.keys(label, [Scheme::Http, Scheme::Https].map(|it| it as u8)))
            }
            Label::Upstream => Some(self.keys(label, [false, true])),
            Label::Host | Label::Own(_) => listed(self.keys(label, self.listed(label))),
            // There are more than a site has.
            Label::Charset | Label::NetworkProtocolVersion => None,
        }
    }

    /// Returns every value that a label can have in a line, as parts of keys; `None` if that is unknown.
    fn possible_values(&self, label: &Label) -> Option<Vec<u64>> {
        if let Some(only) = self.only_value(label) {
            return Some(vec![only]);
        }
        Some(match label {
            Label::Source => vec![0],
            Label::Method | Label::HttpRequestMethod => {
                self.keys(label, Method::ALL.map(|it| it as u8))
            }
            Label::Status | Label::HttpResponseStatusCode | Label::ErrorType => {
                self.keys(label, [0].into_iter().chain(100..=599_u16))
            }
            // A line may name a view that the URLconf does not contain.
            Label::Route | Label::View | Label::HttpRoute
                if self.plan.is_available(Field::View) || self.router.folds() =>
            {
                return None;
            }
            Label::Route | Label::View | Label::HttpRoute => {
                let views = [RouteId::OTHER].into_iter().chain(self.router.views()?);
                self.keys(label, views.map(|route| route.0))
            }
            Label::Host | Label::Own(_) => {
                self.keys(label, [0].into_iter().chain(self.listed(label)))
            }
            Label::NetworkProtocolVersion => self.keys(label, HttpVersion::ALL.map(|it| it as u8)),
            Label::Scheme | Label::Transport | Label::UrlScheme => {
                self.keys(label, Scheme::ALL.map(|it| it as u8))
            }
            Label::Upstream => self.keys(label, [false, true]),
            Label::Charset => self.keys(label, (0_u8..).take(Charset::NAMES.len() + 2)),
        })
    }

    /// Returns the value of a label whose field the source's lines do not contain.
    fn only_value(&self, label: &Label) -> Option<u64> {
        if let Some(bits) = self.layout.bits(label)
            && let Label::Own(own) = label
            && self.layout.is_nowhere(own)
        {
            return Some(bits.pack(own.vocabulary()?.find(None)));
        }
        let is_route = matches!(label, Label::Route | Label::View | Label::HttpRoute);
        let is_named = is_route && self.plan.is_available(Field::View);
        let field = label.field()?;
        (!self.plan.is_available(field) && !is_named).then_some(0)
    }

    /// Returns the numbers of the values that the configuration lists.
    fn listed(&self, label: &Label) -> impl Iterator<Item = u16> {
        let values = match label {
            Label::Own(own) => own.vocabulary().map_or(0, |it| it.values().len()),
            _ => self.plan.hosts().names().len(),
        };
        (1..).take(values)
    }

    /// Returns the keys that hold one of these values of a label alone.
    fn keys<T: Into<u64>>(&self, label: &Label, values: impl IntoIterator<Item = T>) -> Vec<u64> {
        let bits = self.layout.bits(label);
        let values = values.into_iter();
        values
            .map(|value| bits.map_or(0, |bits| bits.pack(value)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
