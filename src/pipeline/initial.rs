//! The series that are known before the first line.
//!
//! Invariant: of a family all known series are there, or, where the budget has no room for them, none
//! is added; a line finds its series by the same words.

use std::fmt;
use std::sync::Arc;

use super::Pipeline;
use super::names::{KeyNames, mask, pack, pack_host, pack_more};
use crate::aggregate::{Kind, LabelValues, Shard};
use crate::label::{Charset, HostId, Label, Method, Scheme};
use crate::metric::{Initial, Planned};
use crate::model::Field;
use crate::route::RouteId;

/// A family whose series are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialised {
    /// The family's name.
    pub family: Arc<str>,
    /// How many series are known of it.
    pub series: usize,
    /// Whether they are there; otherwise `limits.series` has no room for them.
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
            "{series} series of `{family}` do not start at 0: those without an event may take half of \
             limits.series"
        )
    }
}

/// The values of what labels are made of, each combination of which is a series.
#[derive(Debug)]
struct Known {
    dimensions: Vec<Dimension>,
    /// For each label, its dimension and what it says of each of its values.
    columns: Vec<(usize, Vec<Arc<str>>)>,
}

/// A part of a key; two labels may show the same one.
#[derive(Debug)]
struct Dimension {
    mask: u64,
    /// The parts that are known, and pass the filters that ask for them.
    keys: Vec<u64>,
}

impl Pipeline {
    /// Makes the series that are known without any line, at 0, where the metrics ask for that. What was
    /// counted stays. Tells each family of which some are known.
    pub fn initialise(&self, shard: &mut Shard) -> Vec<Initialised> {
        let Some(initial) = self.plan.initial() else {
            return Vec::new();
        };
        let names = self.names.with(&self.plan, &self.router);
        let families = self.plan.definitions().iter().zip(self.plan.families());
        let mut told = Vec::new();
        for (at, (definition, family)) in families.enumerate() {
            // Rejected lines are told by the ledger, from 0 on.
            if definition.kind == Kind::Rejected {
                continue;
            }
            let Some(known) = names.known_series(family, initial) else {
                continue;
            };
            let series = known.count();
            if series == 0 {
                continue;
            }
            // What cannot fit is not even made up.
            let is_there = series <= names.limit()
                && shard.initialise(at, known.label_sets(), |fresh| names.reserve(fresh));
            told.push(Initialised {
                family: Arc::clone(&definition.name),
                series,
                is_there,
            });
        }
        told
    }
}

impl Known {
    /// How many series there are.
    fn count(&self) -> usize {
        let sizes = self.dimensions.iter().map(|each| each.keys.len());
        sizes.fold(1, usize::saturating_mul)
    }

    /// Their labels.
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
                .map(|(dimension, words)| Arc::clone(&words[places[*dimension]]))
                .collect()
        })
        .collect()
    }
}

impl KeyNames<'_> {
    /// The series of a family that are known; `None` if some label's values are not.
    fn known_series(&self, family: &Planned, initial: &Initial) -> Option<Known> {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for label in &family.labels {
            let mask = mask([*label].into_iter());
            if dimensions.iter().all(|known| known.mask != mask) {
                let keys = self.known_values(*label, initial)?;
                dimensions.push(Dimension { mask, keys });
            }
        }
        for condition in &family.when {
            let other = family.other(condition.label);
            let passes =
                |key: &u64| condition.passes(&self.value_of(*key, condition.label, &other));
            let mask = mask([condition.label].into_iter());
            let shown = dimensions.iter_mut().find(|shown| shown.mask == mask);
            if let Some(shown) = shown {
                shown.keys.retain(passes);
                continue;
            }
            // What is asked but not shown only has to be possible.
            let possible = self.possible_values(condition.label);
            if possible.is_some_and(|keys| !keys.iter().any(passes)) {
                return None;
            }
        }
        let labels = family.labels.iter();
        let columns = labels.filter_map(|label| {
            let mask = mask([*label].into_iter());
            let at = dimensions.iter().position(|known| known.mask == mask)?;
            let other = family.other(*label);
            let keys = dimensions[at].keys.iter();
            let words = keys.map(|key| self.value_of(*key, *label, &other));
            Some((at, words.collect()))
        });
        let columns = columns.collect();
        Some(Known {
            dimensions,
            columns,
        })
    }

    /// What a label shows before the first line, as parts of keys; `None` if only lines tell.
    fn known_values(&self, label: Label, initial: &Initial) -> Option<Vec<u64>> {
        if let Some(only) = self.only_value(label) {
            return Some(vec![only]);
        }
        let listed = |keys: Vec<u64>| Some(keys).filter(|keys| !keys.is_empty());
        match label {
            Label::Source => Some(vec![0]),
            Label::Method => listed(initial.methods.iter().map(|it| of_method(*it)).collect()),
            Label::Status => listed(initial.statuses.iter().map(|it| of_status(*it)).collect()),
            Label::Route | Label::View => Some(self.views()?.map(of_route).collect()),
            Label::Scheme | Label::Transport => {
                Some([Scheme::Http, Scheme::Https].map(of_scheme).into())
            }
            Label::Upstream => Some([false, true].map(of_upstream).into()),
            Label::Host => listed(self.hosts().map(pack_host).collect()),
            // There are many, and a site has one or two.
            Label::Charset => None,
        }
    }

    /// Everything a label can be in a line, as parts of keys; `None` if nobody knows.
    fn possible_values(&self, label: Label) -> Option<Vec<u64>> {
        if let Some(only) = self.only_value(label) {
            return Some(vec![only]);
        }
        match label {
            Label::Source => Some(vec![0]),
            Label::Method => Some(Method::ALL.map(of_method).into()),
            Label::Status => Some([0].into_iter().chain(100..=599).map(of_status).collect()),
            // A line may name a view that the URLconf does not have.
            Label::Route | Label::View if self.brings(Field::View) => None,
            Label::Route | Label::View => {
                let views = [RouteId::OTHER].into_iter().chain(self.views()?);
                Some(views.map(of_route).collect())
            }
            Label::Host => {
                let hosts = [HostId::OTHER].into_iter().chain(self.hosts());
                Some(hosts.map(pack_host).collect())
            }
            Label::Scheme | Label::Transport => Some(Scheme::ALL.map(of_scheme).into()),
            Label::Upstream => Some([false, true].map(of_upstream).into()),
            Label::Charset => {
                let all = 0..=u8::try_from(Charset::NAMES.len() + 1).ok()?;
                let charsets = all.map(Charset::from_number);
                Some(charsets.map(of_charset).collect())
            }
        }
    }

    /// The value of a label whose field the source's lines do not bring.
    fn only_value(&self, label: Label) -> Option<u64> {
        let is_named = matches!(label, Label::Route | Label::View) && self.brings(Field::View);
        let field = label.field()?;
        (!self.brings(field) && !is_named).then_some(match label {
            Label::Upstream => of_upstream(false),
            _ => 0,
        })
    }
}

fn of_method(method: Method) -> u64 {
    pack(method, None, RouteId::OTHER)
}

fn of_status(status: u16) -> u64 {
    pack(Method::Other, Some(status), RouteId::OTHER)
}

fn of_route(route: RouteId) -> u64 {
    pack(Method::Other, None, route)
}

fn of_scheme(scheme: Scheme) -> u64 {
    pack_more(scheme, false, Charset::ABSENT)
}

fn of_upstream(is_asked: bool) -> u64 {
    pack_more(Scheme::Other, is_asked, Charset::ABSENT)
}

fn of_charset(charset: Charset) -> u64 {
    pack_more(Scheme::Other, false, charset)
}
