//! Decompresses logs that are read once, from beginning to end.
//!
//! Invariant: compression is detected by the first bytes of a stream, never by its name.

use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Result};

use flate2::bufread::GzDecoder;

/// First bytes of a gzip member (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the text of a gzip file: of all its members, one after the other. Other bytes after a member, such as the zeros of
/// a tape block, are ignored, as gzip(1) does.
pub(super) struct GzipText<R> {
    /// The member that is being read; `None` after the last one.
    member: Option<GzDecoder<BufReader<R>>>,
}

/// Returns whether a file that begins with these bytes is compressed.
pub fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(&GZIP_MAGIC)
}

/// Returns a reader of the text of `reader`, decompressed if necessary; blocks until its first two bytes are available. A
/// corrupt or truncated archive is an error of the read that reaches the damage.
pub fn decompressed<R: Read + Send + 'static>(mut reader: R) -> Result<Box<dyn Read + Send>> {
    let mut first = Vec::new();
    let magic = GZIP_MAGIC.len() as u64;
    reader.by_ref().take(magic).read_to_end(&mut first)?;
    let is_gzip = is_compressed(&first);
    let whole = Cursor::new(first).chain(reader);
    if is_gzip {
        Ok(Box::new(GzipText::new(whole)))
    } else {
        Ok(Box::new(whole))
    }
}

impl<R: Read> GzipText<R> {
    /// Reads a gzip file from its beginning.
    pub(super) fn new(file: R) -> Self {
        Self {
            member: Some(GzDecoder::new(BufReader::new(file))),
        }
    }
}

impl<R: Read> Read for GzipText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let got = member.read(buffer)?;
            if got > 0 || buffer.is_empty() {
                return Ok(got);
            }
            let has_next = begins_member(member.get_mut())?;
            let ended = self.member.take().filter(|_| has_next);
            self.member = ended.map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Returns whether another member begins here. Of its magic number, only the buffered part is compared.
fn begins_member<R: Read>(file: &mut BufReader<R>) -> Result<bool> {
    loop {
        match file.fill_buf() {
            Ok(next) => {
                let both = next.len().min(GZIP_MAGIC.len());
                return Ok(both > 0 && next[..both] == GZIP_MAGIC[..both]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn text_of(stored: Vec<u8>) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        decompressed(Cursor::new(stored))?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn check(stored: impl Into<Vec<u8>>, expected: &[u8]) {
        assert_eq!(text_of(stored.into()).unwrap(), expected);
    }

    #[test]
    fn plain_text_passes_unchanged_however_short() {
        check("", b"");
        check("\x1f", b"\x1f");
        check("ab", b"ab");
        check("a line\nand another\n", b"a line\nand another\n");
    }

    #[test]
    fn gzip_is_detected_by_its_magic_and_may_have_several_members() {
        check(gzip(b"a\n"), b"a\n");
        check([gzip(b"a\nb"), gzip(b"c\n")].concat(), b"a\nbc\n");
    }

    #[test]
    fn members_may_be_empty_and_bytes_after_the_last_one_are_ignored() {
        let two = [gzip(b"a\n"), gzip(b"")].concat();
        check(two.clone(), b"a\n");
        check([gzip(b""), two.clone(), gzip(b"b\n")].concat(), b"a\nb\n");
        check([two.clone(), vec![0; 10_000]].concat(), b"a\n");
        check([two, b"garbage".to_vec()].concat(), b"a\n");
    }

    #[test]
    fn a_truncated_or_corrupt_archive_is_an_error() {
        let text = b"some lines\n".repeat(1_000);
        let mut stored = gzip(&text);
        assert!(text_of(stored[..stored.len() - 9].to_vec()).is_err());
        assert!(text_of(stored[..20].to_vec()).is_err());
        let last = stored.len() - 6;
        stored[last] ^= 0xff;
        assert!(text_of(stored).is_err());
    }
}
