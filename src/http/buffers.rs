//! Buffers of one encoding.

use std::sync::Arc;

use super::coding::{Coding, gzip};
use super::memory::{EncodedPage, PageMemory, Reservation};
use super::paths::Paths;
use super::representation::{Content, Representation};
use super::source::Scrape;
use crate::model::{Families, Language};
use crate::page;

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

    /// Encodes what is wanted of these families.
    pub(super) fn encode(
        self,
        wanted: &Representation,
        families: &Families,
        source: &dyn Scrape,
        paths: &Paths,
    ) -> EncodedPage {
        let (mut plain, compressed) = match self {
            Self::Plain(plain) => (plain, None),
            Self::Compressed { plain, compressed } => (plain, Some(compressed)),
        };
        let bytes = &mut plain.bytes;
        match &wanted.content {
            Content::Metrics { format, names } => {
                let options = source.options();
                if let Some(names) = names {
                    format.encode(&names.select(families), options, bytes);
                } else {
                    format.encode(families, options, bytes);
                    plain.record_size();
                }
            }
            Content::Page(language) => {
                let status = source.status(families, *language);
                // An empty buffer is text.
                let mut html = String::from_utf8(std::mem::take(bytes)).unwrap_or_default();
                page::write(&status, *language, &paths.links(), &mut html);
                *bytes = html.into_bytes();
            }
            Content::Status => {
                let status = source.status(families, Language::English);
                // Writing to memory does not fail, and every key is a text.
                let _ = serde_json::to_writer(&mut *bytes, &status);
                bytes.push(b'\n');
            }
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
