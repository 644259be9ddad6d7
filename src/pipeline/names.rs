//! Keys and the labels they stand for.
//!
//! Invariant: packing loses nothing that a family asks for; two keys are equal only if every label
//! that is shown or asked for is.

use std::sync::Arc;

use crate::aggregate::{Key, LabelValues, Names};
use crate::label::{Budget, Charset, HostId, Label, Method, OTHER, Scheme};
use crate::metric::MetricPlan;
use crate::model::Field;
use crate::route::{RouteId, Router};

const STATUS_AT: u32 = 4;
const HOST_AT: u32 = 14;
const ROUTE_AT: u32 = 24;
const SCHEME_AT: u32 = 56;
const UPSTREAM_AT: u32 = 58;
const CHARSET_AT: u32 = 59;

/// What is needed to name a source's keys.
#[derive(Debug)]
pub(super) struct SourceNames {
    source: Arc<str>,
    budget: Budget,
}

/// With the plan, and the routes known at the moment.
#[derive(Debug)]
pub(super) struct KeyNames<'n> {
    names: &'n SourceNames,
    plan: &'n MetricPlan,
    router: &'n Router,
}

/// Method in the lowest 4 bits, status (0 for none) in the next 10, route in the 32 behind the host's 10.
#[inline]
pub(super) fn pack(method: Method, status: Option<u16>, route: RouteId) -> u64 {
    method as u64 | u64::from(status.unwrap_or(0)) << STATUS_AT | u64::from(route.0) << ROUTE_AT
}

/// The host, in 10 bits before the route.
#[inline]
pub(super) fn pack_host(host: HostId) -> u64 {
    u64::from(host.number()) << HOST_AT
}

/// What is above: the scheme in 2 bits, whether an upstream was asked in 1, the charset in 5.
#[inline]
pub(super) fn pack_more(scheme: Scheme, upstream: bool, charset: Charset) -> u64 {
    (scheme as u64) << SCHEME_AT
        | u64::from(upstream) << UPSTREAM_AT
        | u64::from(charset.number()) << CHARSET_AT
}

/// The bits of a key that these labels are made of.
pub(super) fn mask(labels: impl Iterator<Item = Label>) -> u64 {
    labels.fold(0, |mask, label| {
        mask | match label {
            Label::Source => 0,
            Label::Method => 0xf,
            Label::Status => 0x3ff << STATUS_AT,
            Label::Host => 0x3ff << HOST_AT,
            Label::Route | Label::View => 0xffff_ffff << ROUTE_AT,
            Label::Scheme | Label::Transport => 0x3 << SCHEME_AT,
            Label::Upstream => 1 << UPSTREAM_AT,
            Label::Charset => 0x1f << CHARSET_AT,
        }
    })
}

impl SourceNames {
    pub(super) fn new(source: &str, budget: Budget) -> Self {
        Self {
            source: source.into(),
            budget,
        }
    }

    pub(super) fn with<'n>(&'n self, plan: &'n MetricPlan, router: &'n Router) -> KeyNames<'n> {
        KeyNames {
            names: self,
            plan,
            router,
        }
    }
}

impl KeyNames<'_> {
    /// The value of a label in a key of which only its part is given.
    pub(super) fn value_of(&self, part: u64, label: Label, other: &Arc<str>) -> Arc<str> {
        self.value(Key(part), label, other)
    }

    /// Whether lines bring a field.
    pub(super) fn brings(&self, field: Field) -> bool {
        self.plan.brings(field)
    }

    /// Every host that is told apart.
    pub(super) fn hosts(&self) -> impl Iterator<Item = HostId> {
        let numbers = (1..).take(self.plan.hosts().names().len());
        numbers.map(HostId::from_number)
    }

    /// Every route that is known whatever the lines say; `None` while routes are learned from them.
    pub(super) fn views(&self) -> Option<impl Iterator<Item = RouteId>> {
        self.router.views()
    }

    /// Most series of all sources.
    pub(super) fn limit(&self) -> usize {
        self.names.budget.limit()
    }

    /// Whether so many series may be made that no line asked for.
    pub(super) fn reserve(&self, series: usize) -> bool {
        self.names.budget.reserve(series)
    }

    /// The value of a label; `other` is what it says of one that is absent or not in its list.
    fn value(&self, key: Key, label: Label, other: &Arc<str>) -> Arc<str> {
        let low = key.0.to_le_bytes();
        let named: Option<&'static str> = match label {
            Label::Source => return Arc::clone(&self.names.source),
            Label::Status => match key.0 >> STATUS_AT & 0x3ff {
                0 => None,
                status => return status.to_string().into(),
            },
            Label::Route | Label::View => {
                let [_, _, _, a, b, c, d, _] = low;
                match RouteId(u32::from_le_bytes([a, b, c, d])) {
                    RouteId::OTHER => None,
                    route => return self.router.name(route),
                }
            }
            Label::Host => {
                let [low, high, ..] = (key.0 >> HOST_AT & 0x3ff).to_le_bytes();
                let host = HostId::from_number(u16::from_le_bytes([low, high]));
                let name = self.plan.hosts().name(host);
                return Arc::clone(name.unwrap_or(other));
            }
            Label::Method => Method::ALL
                .into_iter()
                .filter(|method| *method != Method::Other)
                .find(|method| *method as u8 == low[0] & 0xf)
                .map(Method::name),
            Label::Scheme | Label::Transport => Scheme::ALL
                .into_iter()
                .find(|scheme| *scheme as u8 == low[7] & 3)
                .and_then(Scheme::name),
            Label::Upstream => Some(if key.0 >> UPSTREAM_AT & 1 == 1 {
                "yes"
            } else {
                "no"
            }),
            Label::Charset => match Charset::from_number(low[7] >> 3) {
                Charset::ABSENT => None,
                charset => Some(charset.name().unwrap_or(OTHER)),
            },
        };
        named.map_or_else(|| Arc::clone(other), Into::into)
    }
}

impl Names for KeyNames<'_> {
    fn feeds(&self, key: Key, family: usize) -> bool {
        self.plan.families().get(family).is_some_and(|family| {
            family.when.iter().all(|condition| {
                let other = family.other(condition.label);
                condition.passes(&self.value(key, condition.label, &other))
            })
        })
    }

    fn labels(&self, key: Key, family: usize) -> LabelValues {
        let family = self.plan.families().get(family).into_iter();
        family
            .flat_map(|family| {
                let labels = family.labels.iter();
                labels.map(|label| self.value(key, *label, &family.other(*label)))
            })
            .collect()
    }

    fn overflow(&self, family: usize) -> LabelValues {
        let value = |label: &Label| match label {
            Label::Source => Arc::clone(&self.names.source),
            _ => OTHER.into(),
        };
        let family = self.plan.families().get(family).into_iter();
        family
            .flat_map(|family| family.labels.iter().map(value))
            .collect()
    }

    fn admit(&self, series: usize) -> bool {
        self.names.budget.take(series)
    }
}
