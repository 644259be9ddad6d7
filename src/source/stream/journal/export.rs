//! Reads systemd's Journal Export Format.
//!
//! Invariant: memory is bounded by the longest line, whatever the fields hold, and however the
//! bytes are cut into pieces the same entries come out.

use memchr::memchr;

/// The first field of each entry, by which the format is told.
const CURSOR: &[u8] = b"__CURSOR";
/// What a service wrote.
const MESSAGE: &[u8] = b"MESSAGE";
/// The process that wrote it.
const PID: &[u8] = b"_PID";

/// Longest name of a field; the journal allows 64 bytes.
const NAME_BYTES: usize = 64;
/// Longest cursor kept; they have some 130 bytes.
const CURSOR_BYTES: usize = 1024;

/// Whether a text is in the export format, as `journalctl -o export` writes it.
pub fn is_export(first: &[u8]) -> bool {
    first.starts_with(b"__CURSOR=")
}

/// An entry, borrowed from the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'p> {
    /// Names its place; empty if it had none.
    pub(super) cursor: &'p str,
    /// What was logged; `None` if it is longer than the limit.
    pub(super) message: Option<&'p [u8]>,
    /// Written by the service manager about the service, not by the service.
    pub(super) is_managers: bool,
}

/// Which field's value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Cursor,
    Message,
    Pid,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a field's name, or at the start of a line.
    Name,
    /// In a value that ends with its line.
    Text,
    /// In the eight bytes of a binary value's length.
    Length { so_far: u64, bytes: u32 },
    /// In a binary value, this many bytes before its end.
    Binary { left: u64 },
    /// Before the newline after a binary value.
    BinaryEnd,
}

/// A parser, in the midst of a stream.
#[derive(Clone, Debug)]
pub(super) struct Export {
    state: State,
    line_bytes: usize,
    name: Vec<u8>,
    kept: Kept,
    cursor: Vec<u8>,
    message: Vec<u8>,
    pid: Vec<u8>,
    has_message: bool,
    is_overlong: bool,
}

impl Export {
    /// `line_bytes` is the longest message kept.
    pub(super) fn new(line_bytes: usize) -> Self {
        Self {
            state: State::Name,
            line_bytes,
            name: Vec::new(),
            kept: Kept::Nothing,
            cursor: Vec::new(),
            message: Vec::new(),
            pid: Vec::new(),
            has_message: false,
            is_overlong: false,
        }
    }

    /// Takes in the next bytes; calls `sink` for each entry that they complete and that has a
    /// message.
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Entry<'_>)) {
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

    /// The end of the stream: an entry that only lacks the empty line after it is one.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(Entry<'_>)) {
        if self.state == State::Name && self.name.is_empty() {
            self.end_entry(sink);
        }
        *self = Self::new(self.line_bytes);
    }

    fn name(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Entry<'_>)) -> usize {
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
        self.kept = match &self.name[..] {
            CURSOR => Kept::Cursor,
            // Of a field that stands twice, the first counts.
            MESSAGE if !self.has_message => Kept::Message,
            PID => Kept::Pid,
            _ => Kept::Nothing,
        };
        self.has_message |= self.kept == Kept::Message;
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
        let (kept, most) = match self.kept {
            Kept::Nothing => return,
            Kept::Cursor => (&mut self.cursor, CURSOR_BYTES),
            Kept::Message => (&mut self.message, self.line_bytes),
            Kept::Pid => (&mut self.pid, NAME_BYTES),
        };
        let room = most - kept.len();
        kept.extend_from_slice(&value[..value.len().min(room)]);
        self.is_overlong |= self.kept == Kept::Message && value.len() > room;
    }

    fn end_entry(&mut self, sink: &mut dyn FnMut(Entry<'_>)) {
        if self.has_message {
            sink(Entry {
                cursor: str::from_utf8(&self.cursor).unwrap_or_default(),
                message: (!self.is_overlong).then_some(&self.message[..]),
                is_managers: self.pid == b"1",
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
        let (mut export, mut seen) = (Export::new(40), Vec::new());
        let mut sink = |entry: Entry<'_>| {
            let message = entry.message.map(<[u8]>::to_vec);
            seen.push((entry.cursor.to_owned(), message, entry.is_managers));
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
    fn text_and_binary_fields_are_read_and_the_rest_is_passed_over() {
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
        assert!(is_export(&text));
    }

    #[test]
    fn an_entry_cut_short_is_none() {
        assert_eq!(entries([&b"__CURSOR=a\nMESSAGE=cut"[..]]), []);
        assert_eq!(
            entries([&b"__CURSOR=a\nMESSAGE\n\x09\0\0\0\0\0\0\0cut"[..]]),
            []
        );
        assert_eq!(entries([&b"__CURSOR=a\nMESSAGE=whole\n"[..]]).len(), 1);
    }

    #[test]
    fn a_length_beyond_all_memory_costs_none() {
        let mut export = Export::new(40);
        export.push(b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", &mut |_| {});
        for _ in 0..1_000 {
            export.push(&[b'x'; 1_000], &mut |_| {});
        }
        assert_eq!(export.message.len(), 40);
        assert!(export.is_overlong);
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_entries(
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
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            entries([&bytes[..]]);
        }
    }
}
