//! Packs label values into keys of rows, and unpacks them.
//!
//! Invariant: packing loses nothing that a family asks for; two keys are equal if and only if every label that is shown
//! or tested is.

use std::sync::Arc;

use crate::aggregate::{Definition, Key, LabelValues};
use crate::label::{
    self, Charset, FileField, HostId, HttpVersion, Label, Method, OTHER, Origin, OwnLabel, Scheme,
};
use crate::metric::MetricPlan;
use crate::model::Field;
use crate::pattern::{Named, Pattern};
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
/// Number of a [`RouteId`].
pub(super) const ROUTE: Bits = STATUS.then(RouteId::BITS);

const _: () = assert!(ROUTE.at + ROUTE.width + MetricPlan::KEY_BITS == u64::BITS);

/// A part of the key that few plans need. [`Layout`] has its bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// [`Scheme`], as its discriminant.
    Scheme,
    /// [`HttpVersion`], as its discriminant.
    Version,
    /// No bits of its own: what [`Router::refine`] makes of the route replaces it.
    RefinedRoute,
    /// 1 if an upstream received the request.
    Upstream,
    /// Number of a [`Charset`].
    Charset,
    /// Number of a [`HostId`].
    Host,
    /// Number of a value of the label's vocabulary, whose text is in this place.
    Own(Arc<OwnLabel>, Place),
}

/// The place of a text in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field(Field),
    Extra(usize),
    /// The path of the log, and not a record.
    File(FileField),
    /// The format does not have it.
    Nowhere,
}

/// The bits of a key that the labels of a plan are made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    parts: Vec<(Part, Bits)>,
    /// The bits that are needed of those that each key has.
    fixed: u64,
}

impl Layout {
    /// Allots bits to these labels of lines that the pattern reads. A label for which none are left is `<other>` in all lines.
    pub(super) fn new<'l>(
        plan: &MetricPlan,
        pattern: &Pattern,
        labels: impl Iterator<Item = &'l Label>,
    ) -> Self {
        let mut layout = Self::default();
        let mut last = ROUTE;
        for label in labels {
            if let Some(bits) = fixed(label) {
                layout.fixed |= bits.mask();
            } else if let Some(part) = Part::of(label, pattern)
                && layout.parts.iter().all(|(known, _)| *known != part)
            {
                let bits = last.then(plan.bits(label));
                if bits.at + bits.width <= u64::BITS {
                    layout.parts.push((part, bits));
                    last = bits;
                }
            }
        }
        layout
    }

    /// Refines the route of each line, if a label shows it.
    #[must_use]
    pub(super) fn refining_routes(mut self) -> Self {
        if self.fixed & ROUTE.mask() != 0 {
            self.parts.push((Part::RefinedRoute, ROUTE.then(0)));
        }
        self
    }

    /// Returns the bits that a label is made from; `None` if it is the same for all lines of a source.
    pub(super) fn bits(&self, label: &Label) -> Option<Bits> {
        let is_made_from = |part: &Part| match (part, label) {
            (Part::Scheme, Label::Scheme | Label::Transport | Label::UrlScheme)
            | (Part::Version, Label::NetworkProtocolVersion)
            | (Part::Upstream, Label::Upstream)
            | (Part::Charset, Label::Charset)
            | (Part::Host, Label::Host) => true,
            (Part::Own(own, _), Label::Own(label)) => own == label,
            _ => false,
        };
        fixed(label).or_else(|| {
            let mut parts = self.parts.iter();
            let (_, bits) = parts.find(|(part, _)| is_made_from(part))?;
            Some(*bits)
        })
    }

    /// Returns whether the lines have no value for a label.
    pub(super) fn is_nowhere(&self, label: &Arc<OwnLabel>) -> bool {
        let is_it = |part: &Part| matches!(part, Part::Own(own, Place::Nowhere) if own == label);
        self.parts.iter().any(|(part, _)| is_it(part))
    }

    /// Returns the parts of a key that few plans need.
    pub(super) fn parts(&self) -> &[(Part, Bits)] {
        &self.parts
    }

    /// Returns all bits of a key that are needed.
    pub(super) fn mask(&self) -> u64 {
        let parts = self.parts.iter().map(|(_, bits)| bits.mask());
        parts.fold(self.fixed, |mask, bits| mask | bits)
    }
}

/// Returns the bits of a label that every key has.
fn fixed(label: &Label) -> Option<Bits> {
    match label {
        Label::Method | Label::HttpRequestMethod => Some(METHOD),
        Label::Status | Label::HttpResponseStatusCode | Label::ErrorType => Some(STATUS),
        Label::Route | Label::View | Label::HttpRoute => Some(ROUTE),
        _ => None,
    }
}

impl Part {
    /// Returns the part that a label is made from; `None` if every key has it, or it is the same for all lines.
    fn of(label: &Label, pattern: &Pattern) -> Option<Self> {
        match label {
            Label::Scheme | Label::Transport | Label::UrlScheme => Some(Self::Scheme),
            Label::NetworkProtocolVersion => Some(Self::Version),
            Label::Upstream => Some(Self::Upstream),
            Label::Charset => Some(Self::Charset),
            Label::Host => Some(Self::Host),
            Label::Own(own) => match &own.origin {
                Origin::Constant(_) => None,
                Origin::Read { field, .. } => {
                    Some(Self::Own(Arc::clone(own), Place::of(field, pattern)))
                }
            },
            Label::Source
            | Label::Method
            | Label::HttpRequestMethod
            | Label::Status
            | Label::HttpResponseStatusCode
            | Label::ErrorType
            | Label::Route
            | Label::View
            | Label::HttpRoute => None,
        }
    }
}

impl Place {
    /// Returns the place of the text with this name.
    fn of(field: &str, pattern: &Pattern) -> Self {
        if let Some(field) = FileField::from_name(field) {
            return Self::File(field);
        }
        match pattern.named(field) {
            Some(Named::Field(field)) => Self::Field(field),
            Some(Named::Extra) => pattern.extra(field).map_or(Self::Nowhere, Self::Extra),
            Some(Named::Unfit) | None => Self::Nowhere,
        }
    }
}

impl Bits {
    /// The bits above these.
    const fn then(self, width: u32) -> Self {
        Self {
            at: self.at + self.width,
            width,
        }
    }

    /// Returns the bits set in a key.
    pub(super) const fn mask(self) -> u64 {
        match u64::BITS - self.width {
            u64::BITS => 0,
            above => (u64::MAX >> above) << self.at,
        }
    }

    /// Returns the key that holds only this part; `value` must fit.
    #[inline]
    pub(super) fn pack(self, value: impl Into<u64>) -> u64 {
        value.into() << self.at
    }

    /// Returns a key with another part; `value` must fit.
    pub(super) fn replace(self, key: u64, value: impl Into<u64>) -> u64 {
        key & !self.mask() | self.pack(value)
    }

    /// Returns the part of a key.
    #[expect(
        clippy::expect_used,
        reason = "a part is unpacked into the type it was packed from"
    )]
    pub(super) fn unpack<T: TryFrom<u64>>(self, key: u64) -> T {
        let value = (key & self.mask()) >> self.at;
        T::try_from(value).ok().expect("a type as wide as the part")
    }
}

/// Makes label values from the keys of one source, with the routes known at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyNames<'n> {
    pub(super) source: &'n Arc<str>,
    pub(super) plan: &'n MetricPlan,
    pub(super) layout: &'n Layout,
    pub(super) router: &'n Router,
}

impl KeyNames<'_> {
    /// Returns the label values of a key in each counted family; `None` if the key does not meet its conditions.
    pub(super) fn labels(&self, key: Key) -> Vec<Option<LabelValues>> {
        let mut named: Vec<(Label, Option<Arc<str>>)> = Vec::new();
        let values = |family: &Definition| {
            let mut value = |label: &Label| {
                let known = named.iter().position(|(known, _)| known == label);
                let at = known.unwrap_or_else(|| {
                    named.push((label.clone(), self.named(key.0, label)));
                    named.len() - 1
                });
                let found = named[at].1.clone();
                found.unwrap_or_else(|| family.other_value(label))
            };
            let is_counted =
                (family.when.iter()).all(|condition| condition.passes(&value(&condition.label)));
            is_counted.then(|| family.labels.iter().map(value).collect())
        };
        self.plan.counted().map(values).collect()
    }

    /// Returns the value of a label. `other` is the text for a value that is absent or not in its list. Only the
    /// label's own part of the key is read.
    pub(super) fn value(&self, key: u64, label: &Label, other: &Arc<str>) -> Arc<str> {
        let named = self.named(key, label);
        named.unwrap_or_else(|| Arc::clone(other))
    }

    /// Returns the value of a label; `None` if it is absent or not in its list.
    fn named(&self, key: u64, label: &Label) -> Option<Arc<str>> {
        // A part without bits is 0, as in every key.
        let bits = self.layout.bits(label).unwrap_or(Bits { at: 0, width: 0 });
        let named: Option<&'static str> = match label {
            Label::Source => return Some(Arc::clone(self.source)),
            Label::Status | Label::HttpResponseStatusCode => match STATUS.unpack::<u16>(key) {
                0 => None,
                status => return Some(label::status_text(status)),
            },
            Label::ErrorType => {
                let status = STATUS.unpack::<u16>(key);
                return label::is_server_error(status).then(|| label::status_text(status));
            }
            Label::HttpRoute => {
                let pattern = self.router.pattern(RouteId(ROUTE.unpack(key)));
                return pattern.map(Into::into);
            }
            Label::Route | Label::View => match RouteId(ROUTE.unpack(key)) {
                RouteId::OTHER => None,
                route => return Some(self.router.name(route)),
            },
            Label::Host => {
                let host = HostId::from_number(bits.unpack(key));
                return self.plan.hosts().name(host).cloned();
            }
            Label::Method | Label::HttpRequestMethod => {
                let mut methods = Method::ALL.into_iter();
                let found = methods.find(|it| *it as u8 == METHOD.unpack::<u8>(key))?;
                return (found != Method::Other).then(|| found.text());
            }
            Label::NetworkProtocolVersion => HttpVersion::ALL
                .into_iter()
                .find(|version| *version as u8 == bits.unpack::<u8>(key))
                .and_then(HttpVersion::name),
            Label::Scheme | Label::Transport | Label::UrlScheme => Scheme::ALL
                .into_iter()
                .find(|scheme| *scheme as u8 == bits.unpack::<u8>(key))
                .and_then(Scheme::name),
            Label::Upstream => Some(match bits.unpack::<u8>(key) {
                0 => "no",
                _ => "yes",
            }),
            Label::Own(own) => {
                return match &own.origin {
                    Origin::Constant(value) => Some(Arc::clone(value)),
                    Origin::Read { vocabulary, .. } => vocabulary.value(bits.unpack(key)).cloned(),
                };
            }
            Label::Charset => match Charset::from_number(bits.unpack(key)) {
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
    use crate::label::{Hosts, Notation, Vocabulary};
    use crate::metric::Metrics;
    use crate::pattern::Dialect;
    use proptest::prelude::*;

    /// Returns the layout of a plan whose lines have all fields, for all labels and one of a vocabulary of this size.
    fn layout(hosts: usize, own: usize) -> Layout {
        let hosts = Hosts::new((0..hosts).map(|host| format!("h{host}.example")));
        let metrics = Metrics::default().with_hosts(hosts);
        let plan = MetricPlan::new(&metrics, Field::ALL.into_iter().collect());
        let mut vocabulary = Vocabulary::new();
        for value in 0..own {
            let text = value.to_string();
            vocabulary.add(&text, &text, Notation::Texts).unwrap();
        }
        let own = Label::Own(Arc::new(OwnLabel {
            name: "own".into(),
            origin: Origin::Read {
                field: "x".into(),
                vocabulary,
            },
        }));
        let pattern = Pattern::compile("test", Dialect::Nginx, "$status").unwrap();
        Layout::new(&plan, &pattern, Label::ALL.iter().chain([&own]))
    }

    proptest! {
        #[test]
        fn parts_of_a_key_do_not_touch_each_other(
            numbers: [u64; 9],
            hosts in 0_usize..=Hosts::MOST,
            own in 0_usize..200,
        ) {
            let layout = layout(hosts, own);
            let parts = layout.parts().iter().map(|(_, bits)| *bits);
            let parts = [METHOD, STATUS, ROUTE].into_iter().chain(parts).zip(numbers);
            let parts: Vec<(Bits, u64)> = parts.map(|(bits, it)| (bits, it % (1 << bits.width))).collect();
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
        let layout = layout(Hosts::MOST, 100);
        let bits = |label| layout.bits(&label).unwrap();
        fits(bits(Label::Host), Hosts::MOST);
        fits(bits(Label::Scheme), Scheme::ALL.len() - 1);
        fits(
            bits(Label::NetworkProtocolVersion),
            HttpVersion::ALL.len() - 1,
        );
        fits(bits(Label::Charset), Charset::NAMES.len() + 1);
        let (Part::Own(own, _), bits) = layout.parts().last().unwrap() else {
            panic!("{layout:?}")
        };
        fits(*bits, own.size() - 1);
    }

    #[test]
    fn a_label_without_bits_has_one_value() {
        let layout = layout(Hosts::MOST, 2_000);
        assert!(
            !layout
                .parts()
                .iter()
                .any(|(part, _)| matches!(part, Part::Own(..)))
        );
    }
}
