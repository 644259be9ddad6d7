//! Reads the parts of a line that few metrics need.
//!
//! Invariant: what a line lacks is packed as absent, never as another value.

use super::Pipeline;
use super::names::{Part, Place};
use crate::aggregate::{Measure, Values};
use crate::label::{Charset, Scheme};
use crate::model::{Field, Record, Status, UpstreamList};

/// Returns the text of a field. Inlined, the loop over parts would load every field beforehand.
#[inline(never)]
fn text<'l>(record: &Record<'l>, field: Field) -> Option<&'l [u8]> {
    record.text(field)
}

impl Pipeline {
    /// Returns the parts of the key that few plans need.
    pub(super) fn wide_key(&mut self, record: &Record<'_>) -> u64 {
        let mut key = 0;
        let mut memos = self.memos.iter_mut();
        for (part, bits) in self.layout.parts() {
            key |= bits.pack(match part {
                Part::Scheme => u16::from(Scheme::from_bytes(record.scheme) as u8),
                Part::Upstream => u16::from(record.upstream_durations.is_some()),
                Part::Charset => {
                    u16::from(Charset::from_content_type(record.content_type).number())
                }
                Part::Host => self.plan.hosts().find(record.host).number(),
                Part::Own(own, place) => {
                    let digits;
                    let text = match *place {
                        Place::Extra(at) => record.extras.get(at).copied().flatten(),
                        Place::Field(Field::Status) => {
                            digits = record.status.map(Status::digits);
                            digits.as_ref().map(|digits| &digits[..])
                        }
                        Place::Field(field) => text(record, field),
                        Place::Nowhere => None,
                    };
                    let escaping = self.pattern.escaping();
                    let unescaped = &mut self.unescaped;
                    let mut find = |text: Option<&[u8]>| {
                        let text = text.map(|text| escaping.undo(text, unescaped));
                        own.vocabulary()
                            .map_or(0, |vocabulary| vocabulary.find(text))
                    };
                    match (text, memos.next()) {
                        (Some(text), Some(memo)) => memo.get(text, || find(Some(text))),
                        (text, _) => find(text),
                    }
                }
            });
        }
        key
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
