//! Buffers of one encoding.

use std::sync::Arc;

use super::coding::{Coding, gzip};
use super::memory::{EncodedPage, PageMemory, Reservation};
use super::representation::Representation;
use crate::expose::Options;
use crate::model::Families;

/// Buffers of an encoding.
pub(super) enum Buffers {
    Plain(Reservation),
    Compressed {
        plain: Reservation,
        compressed: Reservation,
    },
}

impl Buffers {
    /// Returns buffers for a page, unless that would exceed the limit. `last` is the number of the last buffer.
    pub(super) fn reserve(
        memory: &Arc<PageMemory>,
        last: &mut u64,
        coding: Coding,
    ) -> Option<Self> {
        let number = *last + 1;
        *last += 2;
        match coding {
            Coding::Identity => {
                let [plain] = memory.reserve([number])?;
                Some(Self::Plain(plain))
            }
            Coding::Gzip => {
                let [plain, compressed] = memory.reserve([number, number + 1])?;
                Some(Self::Compressed { plain, compressed })
            }
        }
    }

    /// Encodes the wanted families.
    pub(super) fn encode(
        self,
        wanted: &Representation,
        families: &Families,
        options: Options,
    ) -> EncodedPage {
        let (mut plain, compressed) = match self {
            Self::Plain(plain) => (plain, None),
            Self::Compressed { plain, compressed } => (plain, Some(compressed)),
        };
        if let Some(names) = &wanted.names {
            let selected = names.select(families);
            wanted.format.encode(&selected, options, &mut plain.bytes);
        } else {
            wanted.format.encode(families, options, &mut plain.bytes);
            plain.record_size();
        }
        match compressed {
            Some(mut compressed) => {
                gzip(&plain.bytes, &mut compressed.bytes);
                compressed.finish()
            }
            None => plain.finish(),
        }
    }
}
