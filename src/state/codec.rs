//! Encodes and decodes checkpoints.
//!
//! Invariant: a file that parses and validates is, byte for byte, what [`encode`] makes of the result, as long as no newer
//! minor version wrote it.
//!
//! A file is a header (`header.rs`), sections, and a trailer (`section.rs`).
//!
//! The content of a section is encoded by `postcard`. Within a major version, fields are only added at the end of a section.
//! No length in a file makes the reader allocate more than a constant multiple of the bytes that are there.

use serde::{Deserialize, Serialize};

use super::check::{Inconsistency, check};
use super::header::{Durability, Header};
use super::host::Host;
use super::section::{Kind, Section, Writer, read_sections};
use super::unusable::{Damage, Unusable};
use super::version::Version;
use crate::model::{Saved, SavedFronts, SavedLink, SavedSource};

/// Section of what all sources share.
const SHARED: Kind = *b"SHRD";
/// One source.
const SOURCE: Kind = *b"SRCE";
/// A link between sources.
const LINK: Kind = *b"LINK";
/// The fronts of the link before it, if it has several.
const FRONTS: Kind = *b"FRNT";

/// A valid checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    header: Header,
    saved: Saved,
}

/// A checkpoint whose checksums are right, and whose content was not examined.
#[derive(Debug)]
pub struct Untrusted {
    header: Header,
    saved: Saved,
}

/// Content of the section [`SHARED`].
#[derive(Serialize, Deserialize)]
struct Shared {
    key: [u64; 2],
    is_behind: bool,
}

/// Encodes a checkpoint. `expected` is the number of bytes for which memory is reserved.
///
/// # Errors
///
/// The content contradicts itself: it would not be read again.
pub fn encode(header: &Header, saved: &Saved, expected: usize) -> Result<Vec<u8>, Inconsistency> {
    check(saved)?;
    // A field that is added here is added to a section, too.
    let Saved {
        key,
        is_behind,
        sources,
        links,
    } = saved;
    let mut writer = Writer::new(header, expected);
    let shared = Shared {
        key: *key,
        is_behind: *is_behind,
    };
    append(&mut writer, SHARED, &shared)?;
    for source in sources {
        append(&mut writer, SOURCE, source)?;
    }
    for link in links {
        append(&mut writer, LINK, link)?;
        if !link.others.fronts.is_empty() {
            append(&mut writer, FRONTS, &link.others)?;
        }
    }
    Ok(writer.finish())
}

impl Checkpoint {
    /// Returns the facts about it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns its content.
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (Header, Saved) {
        (self.header, self.saved)
    }

    /// Returns whether it was written without a sync, and the machine has been started since: the copy and the logs may be
    /// older than what was served.
    pub fn may_be_rolled_back(&self, host: &Host) -> bool {
        self.header.durability == Durability::Process && self.header.host.is_rebooted(host)
    }
}

impl Untrusted {
    /// Decodes a file.
    ///
    /// # Errors
    ///
    /// The file is not of this program, of a newer one, or not as it was written.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        let (header, start) = Header::read(bytes)?;
        let sections = read_sections(bytes, start)?;
        let saved = read_content(header.version, &sections)?;
        Ok(Self { header, saved })
    }

    /// Examines the content.
    ///
    /// # Errors
    ///
    /// The content contradicts itself.
    pub fn validate(self) -> Result<Checkpoint, Unusable> {
        check(&self.saved).map_err(|error| Damage::from(error).at(0))?;
        let Self { header, saved } = self;
        Ok(Checkpoint { header, saved })
    }
}

/// Decodes the sections of a version of the format that this program knows. Content of older versions is migrated here.
fn read_content(version: Version, sections: &[Section<'_>]) -> Result<Saved, Unusable> {
    let is_newer = version > Version::CURRENT;
    let mut shared = None;
    let mut sources: Vec<SavedSource> = Vec::new();
    let mut links: Vec<SavedLink> = Vec::new();
    let mut before = None;
    for section in sections {
        match section.kind {
            SHARED if shared.is_none() && sources.is_empty() => {
                shared = Some(decode::<Shared>(section, is_newer)?);
            }
            SOURCE if shared.is_some() && links.is_empty() => {
                sources.push(decode(section, is_newer)?);
            }
            LINK if shared.is_some() => links.push(decode(section, is_newer)?),
            FRONTS if before == Some(LINK) => {
                let others: SavedFronts = decode(section, is_newer)?;
                match links.last_mut() {
                    Some(link) if !others.fronts.is_empty() => link.others = others,
                    _ => return Err(section.damaged()),
                }
            }
            SHARED | SOURCE | LINK | FRONTS => return Err(section.damaged()),
            _ if is_newer => {}
            _ => return Err(section.damaged()),
        }
        before = Some(section.kind);
    }
    let Some(Shared { key, is_behind }) = shared else {
        return Err(Damage::Content(SHARED).at(0));
    };
    Ok(Saved {
        key,
        is_behind,
        sources,
        links,
    })
}

/// Decodes the content of a section. A newer version may have added fields at its end.
fn decode<T: Serialize + for<'de> Deserialize<'de>>(
    section: &Section<'_>,
    is_newer: bool,
) -> Result<T, Unusable> {
    let (value, rest) =
        postcard::take_from_bytes::<T>(section.content).map_err(|_| section.damaged())?;
    if is_newer {
        return Ok(value);
    }
    // A number that is written with more bytes than it needs is not from this program, and would not be written again.
    let written = postcard::serialize_with_flavor(&value, Counter(0));
    if rest.is_empty() && written == Ok(section.content.len()) {
        Ok(value)
    } else {
        Err(section.damaged())
    }
}

/// Appends a section.
fn append(writer: &mut Writer, kind: Kind, content: &impl Serialize) -> Result<(), Inconsistency> {
    writer.append(kind, |out| {
        let appended = postcard::serialize_with_flavor(content, Appender(out));
        appended.map_err(|_| Inconsistency::NotEncodable)
    })
}

/// Appends what `postcard` writes.
struct Appender<'v>(&'v mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appender<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Most numbers are one byte or two.
        match bytes {
            [one] => self.0.push(*one),
            [one, two] => self.0.extend([*one, *two]),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Counts the bytes that `postcard` would write.
struct Counter(usize);

impl postcard::ser_flavors::Flavor for Counter {
    type Output = usize;

    #[inline]
    fn try_push(&mut self, _: u8) -> postcard::Result<()> {
        self.0 += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0 += bytes.len();
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.0)
    }
}
