//! Reads the labels that the configuration defines.
//!
//! Invariant: a text that was looked up before has the number of its look-up.

use std::path::Path;
use std::sync::Arc;

use super::names::{Bits, Layout, Part, Place};
use crate::label::{Memo, OwnLabel};
use crate::model::{Field, Record, Status};
use crate::pattern::Escaping;

/// Reads the label values of one label of the configuration.
#[derive(Debug)]
pub(super) struct OwnReader {
    own: Arc<OwnLabel>,
    place: Place,
    bits: Bits,
    /// Numbers of texts as they were logged.
    memo: Memo,
    /// The part of the key of a line without the text, or of all lines of a log.
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

    /// Returns whether the text is in the path of the log.
    pub(super) fn is_of_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Looks up the part of the key of all lines of a log, if it is in its path.
    pub(super) fn begin_file(&mut self, path: &Path) {
        if let Place::File(field) = self.place {
            let text = field.text(path).map(str::as_bytes);
            let number = self.own.vocabulary().map_or(0, |it| it.find(text));
            self.absent = self.bits.pack(number);
        }
    }

    /// Returns the part of the key.
    #[inline]
    pub(super) fn key(
        &mut self,
        record: &Record<'_>,
        escaping: Escaping,
        unescaped: &mut Vec<u8>,
    ) -> u64 {
        let text = match self.place {
            Place::Extra(at) => record.extras.get(at).copied().flatten(),
            Place::Field(Field::Status) => return self.key_of_status(record),
            Place::Field(field) => text(record, field),
            // See `begin_file`.
            Place::File(_) | Place::Nowhere => None,
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
