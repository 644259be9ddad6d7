//! The parts of a checkpoint, with their checksums.
//!
//! Invariant: the content of a section is returned only if all checksums of the file are right.
//!
//! A file is a header (`header.rs`), sections, and a trailer. A section has 16 bytes before its content:
//!
//! | at | field | the fault that it guards against |
//! |---|---|---|
//! | 0 | kind | a section that a newer minor version added, which is skipped |
//! | 4 | checksum of kind, length and content | a changed bit; shows which section it is in |
//! | 8 | length of the content | a file that was cut |
//!
//! The trailer is a section whose content is the checksum of the checksums before it, in their sequence: it guards against a
//! file that was cut between two sections, that has bytes of a longer file behind its end, or whose blocks are of two
//! checkpoints. (A checksum of all bytes would not: that of bytes with their own CRC behind them does not depend on the
//! bytes.)

use super::header::{Header, array};
use super::unusable::{Damage, Unusable};

/// End of the file.
const TRAILER: Kind = *b"TRLR";
/// Bytes before the content of a section.
const SECTION: usize = 16;
/// Bytes of a checksum.
const CRC: usize = 4;

/// Kind of a section.
pub type Kind = [u8; 4];

/// Writes the parts of a checkpoint in sequence.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    /// Checksum of the checksums.
    whole: crc32fast::Hasher,
}

/// A section whose checksum is right.
pub(super) struct Section<'b> {
    pub(super) kind: Kind,
    /// Offset of the content in the file.
    at: usize,
    pub(super) content: &'b [u8],
}

impl Section<'_> {
    pub(super) fn damaged(&self) -> Unusable {
        Damage::Content(self.kind).at(self.at)
    }
}

/// Returns the sections of a file without the trailer, whose checksums are checked.
pub(super) fn read_sections(bytes: &[u8], mut at: usize) -> Result<Vec<Section<'_>>, Unusable> {
    let mut sections = Vec::new();
    let mut whole = crc32fast::Hasher::new();
    whole.update(&bytes[at - CRC..at]);
    loop {
        let cut = || Damage::Cut.at(bytes.len());
        let kind: Kind = array(bytes, at).ok_or_else(cut)?;
        let crc: [u8; CRC] = array(bytes, at + 4).ok_or_else(cut)?;
        let length: [u8; 8] = array(bytes, at + 8).ok_or_else(cut)?;
        let start = at + SECTION;
        let end = usize::try_from(u64::from_le_bytes(length))
            .ok()
            .and_then(|length| start.checked_add(length));
        // A length that is damaged looks like a file that was cut.
        let content = end.and_then(|end| bytes.get(start..end)).ok_or_else(cut)?;
        if crc != section_crc(kind, length, content) {
            return Err(Damage::Section(kind).at(at));
        }
        if kind == TRAILER {
            let is_whole = content == whole.finalize().to_le_bytes();
            return if is_whole && end == Some(bytes.len()) {
                Ok(sections)
            } else {
                Err(Damage::Mixed.at(at))
            };
        }
        at = start + content.len();
        whole.update(&crc);
        let section = Section {
            kind,
            at: start,
            content,
        };
        sections.push(section);
    }
}

fn section_crc(kind: Kind, length: [u8; 8], content: &[u8]) -> [u8; CRC] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind);
    hasher.update(&length);
    hasher.update(content);
    hasher.finalize().to_le_bytes()
}

impl Writer {
    /// Begins a file of about this many bytes.
    pub fn new(header: &Header, expected: usize) -> Self {
        let mut out = Vec::with_capacity(expected + expected / 8);
        header.write(&mut out);
        let mut whole = crc32fast::Hasher::new();
        whole.update(&out[out.len() - CRC..]);
        Self { out, whole }
    }

    /// Appends a section whose content is encoded already.
    pub fn raw_section(&mut self, kind: Kind, content: &[u8]) {
        let appended: Result<(), std::convert::Infallible> = self.append(kind, |out| {
            out.extend_from_slice(content);
            Ok(())
        });
        let Ok(()) = appended;
    }

    /// Appends a section whose content a function appends.
    pub(super) fn append<E>(
        &mut self,
        kind: Kind,
        content: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let out = &mut self.out;
        out.extend_from_slice(&kind);
        let start = out.len();
        out.resize(start + SECTION - kind.len(), 0);
        let begin = out.len();
        content(out)?;
        let length = ((out.len() - begin) as u64).to_le_bytes();
        let crc = section_crc(kind, length, &out[begin..]);
        out[start..start + CRC].copy_from_slice(&crc);
        out[start + CRC..begin].copy_from_slice(&length);
        self.whole.update(&crc);
        Ok(())
    }

    /// Appends the trailer and returns the file.
    pub fn finish(mut self) -> Vec<u8> {
        let whole = self.whole.clone().finalize().to_le_bytes();
        self.raw_section(TRAILER, &whole);
        self.out
    }
}
