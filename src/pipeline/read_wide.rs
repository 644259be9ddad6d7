//! Reads the parts of a line that few metrics need.
//!
//! Invariant: what a line lacks is packed as absent, never as another value.

use super::Pipeline;
use std::sync::Arc;

use super::names::{Bits, Layout, Part, Place};
use crate::aggregate::{Measure, Values};
use crate::label::{Charset, Memo, OwnLabel, Scheme};
use crate::model::{Field, Record, Status, UpstreamList};
use crate::pattern::Escaping;

/// Reads the label values of one label of the configuration.
#[derive(Debug)]
pub(super) struct OwnReader {
    own: Arc<OwnLabel>,
    place: Place,
    bits: Bits,
    /// Numbers of texts as they were logged.
    memo: Memo,
    /// The part of the key of a line without the text.
    absent: u64,
}

impl OwnReader {
    /// Creates a reader of the label whose text is in this place.
    fn new(own: &Arc<OwnLabel>, place: Place, bits: Bits) -> Self {
        let absent = own.vocabulary().map_or(0, |it| it.find(None));
        Self {
            own: Arc::clone(own),
            place,
            bits,
            memo: Memo::default(),
            absent: bits.pack(absent),
        }
    }

    /// Creates the readers of a layout.
    pub(super) fn all(layout: &Layout) -> Vec<Self> {
        let parts = layout.parts().iter();
        let own = parts.filter_map(|(part, bits)| match part {
            Part::Own(own, place) => Some(Self::new(own, *place, *bits)),
            _ => None,
        });
        own.collect()
    }

    /// Returns the part of the key.
    #[inline]
    fn key(&mut self, record: &Record<'_>, escaping: Escaping, unescaped: &mut Vec<u8>) -> u64 {
        let text = match self.place {
            Place::Extra(at) => record.extras.get(at).copied().flatten(),
            Place::Field(Field::Status) => return self.key_of_status(record),
            Place::Field(field) => text(record, field),
            Place::Nowhere => None,
        };
        let Some(text) = text else {
            return self.absent;
        };
        match self.memo.get(text) {
            Some(number) => self.bits.pack(number),
            None => self.find(text, escaping, unescaped),
        }
    }

    #[cold]
    fn key_of_status(&self, record: &Record<'_>) -> u64 {
        let digits = record.status.map(Status::digits);
        let text = digits.as_ref().map(|digits| &digits[..]);
        let number = self.own.vocabulary().map_or(0, |it| it.find(text));
        self.bits.pack(number)
    }

    #[inline(never)]
    fn find(&mut self, text: &[u8], escaping: Escaping, unescaped: &mut Vec<u8>) -> u64 {
        let whole = escaping.undo(text, unescaped);
        let number = self.own.vocabulary().map_or(0, |it| it.find(Some(whole)));
        self.memo.put(text, number);
        self.bits.pack(number)
    }
}

/// Returns the text of a field. Inlined, the loop over labels would load every field beforehand.
#[inline(never)]
fn text<'l>(record: &Record<'l>, field: Field) -> Option<&'l [u8]> {
    record.text(field)
}

impl Pipeline {
    /// Returns the part of the key for the labels of the configuration.
    pub(super) fn own_key(&mut self, record: &Record<'_>) -> u64 {
        let escaping = self.pattern.escaping();
        let unescaped = &mut self.unescaped;
        let readers = self.own.iter_mut();
        readers.fold(0, |key, own| key | own.key(record, escaping, unescaped))
    }

    /// Returns the parts of the key that few plans need, without those of labels of the configuration.
    pub(super) fn wide_key(&self, record: &Record<'_>) -> u64 {
        let parts = self.layout.parts().iter();
        parts.fold(0, |key, (part, bits)| {
            key | bits.pack(match part {
                Part::Scheme => u16::from(Scheme::from_bytes(record.scheme) as u8),
                Part::Upstream => u16::from(record.upstream_durations.is_some()),
                Part::Charset => {
                    u16::from(Charset::from_content_type(record.content_type).number())
                }
                Part::Host => self.plan.hosts().find(record.host).number(),
                Part::Own(..) => 0,
            })
        })
    }

    /// Adds the values that few plans need.
    pub(super) fn wide_values(record: &Record<'_>, values: Values) -> Values {
        let length = record.content_length.map(|bytes| bytes.0);
        let connect = record.connect_duration.map(UpstreamList::last_and_retries);
        values
            .with(Measure::ContentLength, length)
            .with(Measure::RequestBodyBytes, Some(length.unwrap_or(0)))
            .with(
                Measure::ConnectDuration,
                connect.and_then(|(last, _)| last).map(|last| last.0),
            )
    }
}
