//! Packs label values into keys of rows, and unpacks them.
//!
//! Invariant: packing loses nothing that a family asks for; two keys are equal if and only if every label that is shown
//! or tested is.

use std::sync::Arc;

use crate::aggregate::{Definition, Key, LabelValues};
use crate::label::{self, Charset, HostId, Label, Method, OTHER, Scheme};
use crate::metric::MetricPlan;
use crate::route::{RouteId, Router};

/// The bits of a key that hold one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    at: u32,
    width: u32,
}

/// [`Method`], as its discriminant.
pub(super) const METHOD: Bits = Bits { at: 0, width: 4 };
/// Status code, 0 for none.
pub(super) const STATUS: Bits = METHOD.then(10);
/// Number of a [`HostId`].
pub(super) const HOST: Bits = STATUS.then(10);
/// Number of a [`RouteId`].
pub(super) const ROUTE: Bits = HOST.then(32);
/// [`Scheme`], as its discriminant.
pub(super) const SCHEME: Bits = ROUTE.then(2);
/// 1 if an upstream received the request.
pub(super) const UPSTREAM: Bits = SCHEME.then(1);
/// Number of a [`Charset`].
pub(super) const CHARSET: Bits = UPSTREAM.then(5);

const _: () = assert!(CHARSET.at + CHARSET.width <= u64::BITS);

impl Bits {
    /// The bits above these.
    const fn then(self, width: u32) -> Self {
        Self {
            at: self.at + self.width,
            width,
        }
    }

    /// The bits that a label is made from; `None` if it is the same for all lines of a source.
    pub(super) const fn of(label: Label) -> Option<Self> {
        match label {
            Label::Source => None,
            Label::Method => Some(METHOD),
            Label::Status => Some(STATUS),
            Label::Host => Some(HOST),
            Label::Route | Label::View => Some(ROUTE),
            Label::Scheme | Label::Transport => Some(SCHEME),
            Label::Upstream => Some(UPSTREAM),
            Label::Charset => Some(CHARSET),
        }
    }

    /// Returns the bits set in a key.
    pub(super) const fn mask(self) -> u64 {
        (u64::MAX >> (u64::BITS - self.width)) << self.at
    }

    /// Returns the key that holds only this part; `value` must fit.
    #[inline]
    pub(super) fn pack(self, value: impl Into<u64>) -> u64 {
        value.into() << self.at
    }

    /// Returns the part of a key.
    #[expect(
        clippy::expect_used,
        reason = "a part is unpacked into the type it was packed from"
    )]
    fn unpack<T: TryFrom<u64>>(self, key: u64) -> T {
        let value = (key & self.mask()) >> self.at;
        T::try_from(value).ok().expect("a type as wide as the part")
    }
}

/// Returns the bits of a key that these labels are made from.
pub(super) fn mask(labels: impl Iterator<Item = Label>) -> u64 {
    labels
        .filter_map(Bits::of)
        .fold(0, |mask, bits| mask | bits.mask())
}

/// Makes label values from the keys of one source, with the routes known at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyNames<'n> {
    pub(super) source: &'n Arc<str>,
    pub(super) plan: &'n MetricPlan,
    pub(super) router: &'n Router,
}

impl KeyNames<'_> {
    /// Returns the label values of a key in each counted family; `None` if the key does not meet its conditions.
    pub(super) fn labels(&self, key: Key) -> Vec<Option<LabelValues>> {
        let mut named: Vec<(Label, Option<Arc<str>>)> = Vec::new();
        let values = |family: &Definition| {
            let mut value = |label| {
                let known = named.iter().position(|(known, _)| *known == label);
                let at = known.unwrap_or_else(|| {
                    named.push((label, self.named(key.0, label)));
                    named.len() - 1
                });
                let found = named[at].1.clone();
                found.unwrap_or_else(|| family.other_value(label))
            };
            let is_counted =
                (family.when.iter()).all(|condition| condition.passes(&value(condition.label)));
            is_counted.then(|| family.labels.iter().copied().map(value).collect())
        };
        self.plan.counted().map(values).collect()
    }

    /// Returns the value of a label. `other` is the text for a value that is absent or not in its list. Only the
    /// label's own part of the key is read.
    pub(super) fn value(&self, key: u64, label: Label, other: &Arc<str>) -> Arc<str> {
        let named = self.named(key, label);
        named.unwrap_or_else(|| Arc::clone(other))
    }

    /// Returns the value of a label; `None` if it is absent or not in its list.
    fn named(&self, key: u64, label: Label) -> Option<Arc<str>> {
        let named: Option<&'static str> = match label {
            Label::Source => return Some(Arc::clone(self.source)),
            Label::Status => match STATUS.unpack::<u16>(key) {
                0 => None,
                status => return Some(label::status_text(status)),
            },
            Label::Route | Label::View => match RouteId(ROUTE.unpack(key)) {
                RouteId::OTHER => None,
                route => return Some(self.router.name(route)),
            },
            Label::Host => {
                let host = HostId::from_number(HOST.unpack(key));
                return self.plan.hosts().name(host).cloned();
            }
            Label::Method => {
                let mut methods = Method::ALL.into_iter();
                let found = methods.find(|it| *it as u8 == METHOD.unpack::<u8>(key))?;
                return (found != Method::Other).then(|| found.text());
            }
            Label::Scheme | Label::Transport => Scheme::ALL
                .into_iter()
                .find(|scheme| *scheme as u8 == SCHEME.unpack::<u8>(key))
                .and_then(Scheme::name),
            Label::Upstream => Some(match UPSTREAM.unpack::<u8>(key) {
                0 => "no",
                _ => "yes",
            }),
            Label::Charset => match Charset::from_number(CHARSET.unpack(key)) {
                Charset::ABSENT => None,
                charset => Some(charset.name().unwrap_or(OTHER)),
            },
        };
        named.map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARTS: [Bits; 7] = [METHOD, STATUS, HOST, ROUTE, SCHEME, UPSTREAM, CHARSET];

    proptest! {
        #[test]
        fn parts_of_a_key_do_not_touch_each_other(numbers: [u64; 7]) {
            let parts = PARTS.iter().zip(numbers);
            let parts: Vec<(&Bits, u64)> = parts.map(|(bits, it)| (bits, it % (1 << bits.width))).collect();
            let key = parts.iter().fold(0, |key, (bits, value)| key | bits.pack(*value));
            for (bits, value) in parts {
                prop_assert_eq!(bits.unpack::<u64>(key), value);
                prop_assert_eq!(key & bits.mask(), bits.pack(value));
            }
        }
    }

    #[test]
    fn every_value_of_a_list_fits_its_part() {
        let fits = |bits: Bits, largest: usize| assert!(largest < 1 << bits.width, "{bits:?}");
        fits(METHOD, Method::ALL.len() - 1);
        fits(STATUS, 599);
        fits(HOST, label::Hosts::MOST);
        fits(SCHEME, Scheme::ALL.len() - 1);
        fits(CHARSET, Charset::NAMES.len() + 1);
    }
}
