//! Reads the parts of a line that few metrics need.
//!
//! Invariant: what a line lacks is packed as absent, never as another value.

use super::Pipeline;
use super::names::{Part, ROUTE};
use crate::label::{Charset, HttpVersion, Scheme};
use crate::model::Record;
use crate::route::RouteId;

impl Pipeline {
    /// Returns the part of the key for the labels of the configuration.
    pub(super) fn own_key(&mut self, record: &Record<'_>) -> u64 {
        let escaping = self.pattern.escaping();
        let unescaped = &mut self.unescaped;
        let readers = self.own.iter_mut();
        readers.fold(0, |key, own| key | own.key(record, escaping, unescaped))
    }

    /// Adds the parts of the key that few plans need, without those of labels of the configuration.
    pub(super) fn wide_key(&mut self, record: &Record<'_>, mut key: u64) -> u64 {
        for (part, bits) in self.layout.parts() {
            let number = match part {
                Part::Scheme => u16::from(Scheme::from_bytes(record.scheme) as u8),
                Part::Version => u16::from(HttpVersion::from_bytes(record.protocol) as u8),
                Part::RefinedRoute => {
                    if let Some(target) = record.target
                        && self.settings.max_routes != Some(0)
                    {
                        let target = self.pattern.escaping().undo(target, &mut self.unescaped);
                        let target = self.target_form.restore(target, &mut self.restored);
                        let route = RouteId(ROUTE.unpack(key));
                        let route = self.router.refine(route, target, record.status);
                        key = ROUTE.replace(key, route.0);
                    }
                    0
                }
                Part::Upstream => u16::from(record.upstream_durations.is_some()),
                Part::Charset => {
                    u16::from(Charset::from_content_type(record.content_type).number())
                }
                Part::Host => self.plan.hosts().find(record.host).number(),
                Part::Own(..) => 0,
            };
            key |= bits.pack(number);
        }
        key
    }
}
