//! The first bytes of a checkpoint.
//!
//! Numbers are little-endian. The bytes up to `number`, and that the last four bytes of the header are its checksum, stay as
//! they are in every version: so an older program can name a newer one, and does not take a damaged file for a newer one.
//!
//! | at | field | the fault that it guards against |
//! |---|---|---|
//! | 0 | magic | a file of another program; one that a transfer as text has changed |
//! | 8 | major version | a downgrade: the file cannot be read, and is not damaged |
//! | 10 | minor version | an upgrade or a downgrade: fields are missing, or not known |
//! | 12 | length of the header | fields of a newer minor version, which are skipped |
//! | 16 | writer | a refusal that does not say which program can read the file |
//! | 40 | number | an older copy that is taken for the newer one |
//! | 48 | time of writing | a state of long ago, restored from a backup; a clock that was set back |
//! | 56 | machine | a state that was copied to another host, where the inode numbers mean other files |
//! | 64 | boot | device numbers, which change over a boot; a power loss since a commit without fsync |
//! | 72 | durability | logs and copies that a power loss rolled back, as nothing was synced |
//! | 76 | checksum | a changed bit in any of these fields |

use super::host::Host;
use super::unusable::{Damage, Unusable};
use super::version::Version;

/// As PNG's: a byte that is not ASCII, line ends of both kinds, and the end of a text under DOS.
const MAGIC: [u8; 8] = *b"\x89hlx\r\n\x1a\n";
/// Bytes of the field `writer`, which is padded with zeros.
const WRITER_BYTES: usize = 24;
/// Bytes of the header of this version, checksum included.
const LENGTH: u32 = 80;
/// Bytes that every version has, checksum included.
const LEAST: u32 = 44;
/// Bytes that a header of a newer version may have.
const MOST: u32 = 4096;
/// Bytes of a checksum.
const CRC: usize = 4;

/// Protection of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives the end of the process, however it ends.
    Process,
    /// It survives the loss of power too: files are synced.
    #[default]
    Power,
}

/// Facts about a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the format.
    pub version: Version,
    /// Version of the program that wrote it.
    pub writer: String,
    /// Number, which grows with each commit in a directory.
    pub number: u64,
    /// Time of writing, in milliseconds since 1970, by the clock of the host.
    pub written_at: u64,
    /// Host that wrote it.
    pub host: Host,
    /// Protection of the commit.
    pub durability: Durability,
}

impl Header {
    /// Creates the header of a checkpoint that this program writes.
    pub fn new(number: u64, written_at: u64, host: Host, durability: Durability) -> Self {
        Self {
            version: Version::CURRENT,
            writer: env!("CARGO_PKG_VERSION").to_owned(),
            number,
            written_at,
            host,
            durability,
        }
    }

    /// Appends the header.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.version.major.to_le_bytes());
        out.extend_from_slice(&self.version.minor.to_le_bytes());
        out.extend_from_slice(&LENGTH.to_le_bytes());
        let mut writer = [0; WRITER_BYTES];
        for (to, from) in writer.iter_mut().zip(self.writer.bytes()) {
            *to = from;
        }
        out.extend_from_slice(&writer);
        for number in [
            self.number,
            self.written_at,
            self.host.machine,
            self.host.boot,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&durability_code(self.durability).to_le_bytes());
        let crc = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Reads a header from the beginning of a file; returns it with its length.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Unusable> {
        check_magic(bytes)?;
        let cut = || Damage::Cut.at(bytes.len());
        let length = u32::from_le_bytes(array(bytes, 12).ok_or_else(cut)?);
        if !(LEAST..=MOST).contains(&length) {
            return Err(Damage::Header.at(12));
        }
        let end = length as usize;
        let header = bytes.get(..end).ok_or_else(cut)?;
        let (fields, crc) = header.split_at(end - CRC);
        if crc != crc32fast::hash(fields).to_le_bytes() {
            return Err(Damage::Header.at(0));
        }
        let short = || Damage::Header.at(12);
        let major = u16::from_le_bytes(array(fields, 8).ok_or_else(short)?);
        let minor = u16::from_le_bytes(array(fields, 10).ok_or_else(short)?);
        let version = Version { major, minor };
        let writer: [u8; WRITER_BYTES] = array(fields, 16).ok_or_else(short)?;
        let writer = read_writer(&writer).ok_or_else(|| Damage::Header.at(16))?;
        if major > Version::CURRENT.major {
            return Err(Unusable::Newer { version, writer });
        }
        let is_of_length = if version > Version::CURRENT {
            length >= LENGTH
        } else {
            length == LENGTH
        };
        if major == 0 || !is_of_length {
            return Err(Damage::Header.at(8));
        }
        let number = |at: usize| array(fields, at).map(u64::from_le_bytes).ok_or_else(short);
        let durability = u32::from_le_bytes(array(fields, 72).ok_or_else(short)?);
        let header = Self {
            version,
            writer,
            number: number(40)?,
            written_at: number(48)?,
            host: Host {
                machine: number(56)?,
                boot: number(64)?,
            },
            durability: read_durability(durability).ok_or_else(|| Damage::Header.at(72))?,
        };
        Ok((header, end))
    }
}

/// Checks that a file is one of this program.
fn check_magic(bytes: &[u8]) -> Result<(), Unusable> {
    if bytes.is_empty() {
        return Err(Damage::Empty.at(0));
    }
    // File systems extend a file before they write its blocks.
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(Damage::Zeros.at(0));
    }
    if MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len() - 1)]) && bytes.len() < MAGIC.len() {
        return Err(Damage::Cut.at(bytes.len()));
    }
    if bytes.starts_with(&MAGIC) {
        Ok(())
    } else {
        Err(Unusable::Foreign)
    }
}

/// Reads a version: printable ASCII, padded with zeros.
fn read_writer(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (text, padding) = bytes.split_at(end.unwrap_or(bytes.len()));
    let is_sound = text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|byte| *byte == 0);
    let text = std::str::from_utf8(text).ok().filter(|_| is_sound)?;
    Some(text.to_owned())
}

fn durability_code(durability: Durability) -> u32 {
    match durability {
        Durability::Process => 1,
        Durability::Power => 2,
    }
}

fn read_durability(code: u32) -> Option<Durability> {
    let all = [Durability::Process, Durability::Power];
    all.into_iter().find(|it| durability_code(*it) == code)
}

/// Returns the bytes at an offset, if there are enough.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
