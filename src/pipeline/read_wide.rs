//! Reads the parts of a line that few metrics need.
//!
//! Invariant: what a line lacks is packed as absent, never as another value.

use super::Pipeline;
use super::names::Part;
use crate::label::{Charset, Scheme};
use crate::model::Record;

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
}
