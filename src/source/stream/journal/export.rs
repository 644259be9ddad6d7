//! Parses systemd's Journal Export Format.
//!
//! Invariant: memory is bounded by the longest line, whatever the fields hold, and the same entries
//! result however the bytes are split into pieces.

use memchr::memchr;

use super::cursor::CURSOR_BYTES;

/// First field of each entry.
const CURSOR: &[u8] = b"__CURSOR";
/// Field with the logged text.
const MESSAGE: &[u8] = b"MESSAGE";
/// Field with the process that logged it.
const PID: &[u8] = b"_PID";

/// Longest name of a field; the journal allows 64 bytes.
const NAME_BYTES: usize = 64;

/// Returns whether a text is in the export format, as `journalctl -o export` writes it.
pub fn is_journal_export(first: &[u8]) -> bool {
    first.starts_with(b"__CURSOR=")
}

/// A journal entry, borrowed from the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JournalEntry<'p> {
    /// Position in the journal; empty if the entry had none.
    pub(super) cursor: &'p str,
    /// Logged text; `None` if it is longer than the limit.
    pub(super) message: Option<&'p [u8]>,
    /// True if the service manager logged it about the service.
    pub(super) is_of_manager: bool,
}

/// Field whose value is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Cursor,
    Message,
    Pid,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next byte is in the name of a field, or at the start of a line.
    Name,
    /// The next byte is in a text value, which ends with its line.
    Text,
    /// The next byte is in the length of a binary value, which has eight bytes.
    Length { so_far: u64, bytes: u32 },
    /// The next byte is in a binary value, `left` bytes before its end.
    Binary { left: u64 },
    /// The next byte is the newline after a binary value.
    BinaryEnd,
}

/// An incremental parser.
#[derive(Clone, Debug)]
pub(super) struct ExportParser {
    state: State,
    line_bytes: usize,
    name: Vec<u8>,
    field: Field,
    cursor: Vec<u8>,
    message: Vec<u8>,
    pid: Vec<u8>,
    has_message: bool,
    is_overlong: bool,
}

impl ExportParser {
    /// Creates a parser that keeps messages of up to `line_bytes`.
    pub(super) fn new(line_bytes: usize) -> Self {
        Self {
            state: State::Name,
            line_bytes,
            name: Vec::new(),
            field: Field::Other,
            cursor: Vec::new(),
            message: Vec::new(),
            pid: Vec::new(),
            has_message: false,
            is_overlong: false,
        }
    }

    /// Parses the next bytes, and calls `sink` for each entry with a message that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(JournalEntry<'_>)) {
        while let Some(&first) = bytes.first() {
            let consumed = match self.state {
                State::Name => self.name(bytes, sink),
                State::Text => self.text(bytes),
                State::Length { so_far, bytes: n } => {
                    let so_far = so_far | u64::from(first) << (8 * n);
                    self.state = match (n, so_far) {
                        (7, 0) => State::BinaryEnd,
                        (7, left) => State::Binary { left },
                        _ => State::Length {
                            so_far,
                            bytes: n + 1,
                        },
                    };
                    1
                }
                State::Binary { left } => self.binary(bytes, left),
                State::BinaryEnd => {
                    self.state = State::Name;
                    1
                }
            };
            bytes = &bytes[consumed..];
        }
    }

    /// Ends the stream. An entry that lacks only its closing empty line is complete.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(JournalEntry<'_>)) {
        if self.state == State::Name && self.name.is_empty() {
            self.end_entry(sink);
        }
        *self = Self::new(self.line_bytes);
    }

    fn name(&mut self, bytes: &[u8], sink: &mut dyn FnMut(JournalEntry<'_>)) -> usize {
        let end = bytes.iter().position(|byte| matches!(byte, b'=' | b'\n'));
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = (NAME_BYTES + 1).saturating_sub(self.name.len());
        self.name.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else {
            return bytes.len();
        };
        if bytes[end] == b'\n' && self.name.is_empty() {
            self.end_entry(sink);
            return end + 1;
        }
        self.field = match &self.name[..] {
            CURSOR => Field::Cursor,
            // The first of several MESSAGE fields counts.
            MESSAGE if !self.has_message => Field::Message,
            PID => Field::Pid,
            _ => Field::Other,
        };
        self.has_message |= self.field == Field::Message;
        self.name.clear();
        self.state = if bytes[end] == b'=' {
            State::Text
        } else {
            State::Length {
                so_far: 0,
                bytes: 0,
            }
        };
        end + 1
    }

    fn text(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'\n', bytes);
        self.keep(&bytes[..end.unwrap_or(bytes.len())]);
        match end {
            Some(end) => {
                self.state = State::Name;
                end + 1
            }
            None => bytes.len(),
        }
    }

    fn binary(&mut self, bytes: &[u8], left: u64) -> usize {
        let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.keep(&bytes[..here]);
        let left = left - here as u64;
        self.state = if left == 0 {
            State::BinaryEnd
        } else {
            State::Binary { left }
        };
        here
    }

    fn keep(&mut self, value: &[u8]) {
        let (kept, most) = match self.field {
            Field::Other => return,
            Field::Cursor => (&mut self.cursor, CURSOR_BYTES),
            Field::Message => (&mut self.message, self.line_bytes),
            Field::Pid => (&mut self.pid, NAME_BYTES),
        };
        let room = most - kept.len();
        kept.extend_from_slice(&value[..value.len().min(room)]);
        self.is_overlong |= self.field == Field::Message && value.len() > room;
    }

    fn end_entry(&mut self, sink: &mut dyn FnMut(JournalEntry<'_>)) {
        if self.has_message {
            sink(JournalEntry {
                cursor: str::from_utf8(&self.cursor).unwrap_or_default(),
                message: (!self.is_overlong).then_some(&self.message[..]),
                is_of_manager: self.pid == b"1",
            });
        }
        self.cursor.clear();
        self.message.clear();
        self.pid.clear();
        self.has_message = false;
        self.is_overlong = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (String, Option<Vec<u8>>, bool);

    fn entries<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Seen> {
        let (mut export, mut seen) = (ExportParser::new(40), Vec::new());
        let mut sink = |entry: JournalEntry<'_>| {
            let message = entry.message.map(<[u8]>::to_vec);
            seen.push((entry.cursor.to_owned(), message, entry.is_of_manager));
        };
        for piece in pieces {
            export.push(piece, &mut sink);
        }
        export.finish(&mut sink);
        seen
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        let length = (value.len() as u64).to_le_bytes();
        [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
    }

    #[test]
    fn text_and_binary_fields_are_parsed_and_others_skipped() {
        let text = [
            &b"__CURSOR=s=1;i=2\n_PID=17\n"[..],
            &binary("OTHER", b"\n\n__CURSOR=no\nMESSAGE=no\n"),
            b"MESSAGE=a line\nMESSAGE=another\n\n",
            b"__CURSOR=s=1;i=3\nMESSAGE_ID=x\n\n",
            b"__CURSOR=s=1;i=4\n",
            &binary("MESSAGE", b"\xff\na\x00"),
            b"_PID=1\n\n\n",
            b"__CURSOR=s=1;i=5\nMESSAGE=",
            &[b'x'; 41],
            b"\n\n__CURSOR=s=1;i=6\n",
            &binary("MESSAGE", b""),
        ]
        .concat();
        let expected = [
            ("s=1;i=2".to_owned(), Some(b"a line".to_vec()), false),
            ("s=1;i=4".to_owned(), Some(b"\xff\na\x00".to_vec()), true),
            ("s=1;i=5".to_owned(), None, false),
            ("s=1;i=6".to_owned(), Some(Vec::new()), false),
        ];
        assert_eq!(entries([&text[..]]), expected);
        assert_eq!(entries(text.chunks(1)), expected);
        assert!(is_journal_export(&text));
    }

    #[test]
    fn a_truncated_entry_is_dropped() {
        assert_eq!(entries([&b"__CURSOR=a\nMESSAGE=cut"[..]]), []);
        assert_eq!(
            entries([&b"__CURSOR=a\nMESSAGE\n\x09\0\0\0\0\0\0\0cut"[..]]),
            []
        );
        assert_eq!(entries([&b"__CURSOR=a\nMESSAGE=whole\n"[..]]).len(), 1);
    }

    #[test]
    fn a_huge_length_allocates_nothing() {
        let mut export = ExportParser::new(40);
        export.push(b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", &mut |_| {});
        for _ in 0..1_000 {
            export.push(&[b'x'; 1_000], &mut |_| {});
        }
        assert_eq!(export.message.len(), 40);
        assert!(export.is_overlong);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_entries(
            fields in proptest::collection::vec(("(MESSAGE|__CURSOR|_PID|X)?", proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..50), any::<bool>()), 0..12),
            size in 1..30_usize,
        ) {
            let mut text = Vec::new();
            for (name, value, is_binary) in &fields {
                if name.is_empty() {
                    text.push(b'\n');
                } else if *is_binary {
                    text.extend(binary(name, value));
                } else {
                    let value: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'\n').collect();
                    text.extend([name.as_bytes(), b"=", &value, b"\n"].concat());
                }
            }
            prop_assert_eq!(entries([&text[..]]), entries(text.chunks(size)));
        }

        #[test]
        fn no_input_causes_a_panic(bytes: Vec<u8>) {
            entries([&bytes[..]]);
        }
    }
}
