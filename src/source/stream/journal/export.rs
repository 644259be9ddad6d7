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

/// Longest name of a field; the journal allows 64 bytes. Also the longest value of a [`Note`] that is kept.
const NAME_BYTES: usize = 64;

/// `MESSAGE_ID` of journald's report of messages that it dropped, because a unit exceeded its rate limit
/// (`SD_MESSAGE_JOURNAL_DROPPED` in systemd's sd-messages.h).
const DROPPED_ID: &[u8] = b"a596d6fe7bfa4994828e72309e95d61e";

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
    /// Origin of the entry.
    pub(super) origin: Origin,
}

/// Origin of an entry. `journalctl --unit` prints entries of a unit and entries about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A process of the unit logged it.
    Unit,
    /// A system service logged it about the unit: systemd, systemd-coredump.
    System,
    /// journald reports the number of the unit's messages that it dropped before this entry.
    Suppressed(u32),
}

/// Field whose value is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Cursor,
    Message,
    Note(Note),
    Other,
}

/// Field that shows where an entry comes from. journald itself sets those that begin with `_`; the others come from
/// whatever process logged the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    Pid,
    Uid,
    Transport,
    MessageId,
    Dropped,
    ObjectUnit,
    CoredumpUnit,
}

impl Note {
    const ALL: [(Self, &[u8]); 7] = [
        (Self::Pid, b"_PID"),
        (Self::Uid, b"_UID"),
        (Self::Transport, b"_TRANSPORT"),
        (Self::MessageId, b"MESSAGE_ID"),
        (Self::Dropped, b"N_DROPPED"),
        (Self::ObjectUnit, b"OBJECT_SYSTEMD_UNIT"),
        (Self::CoredumpUnit, b"COREDUMP_UNIT"),
    ];
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
    /// Values of the [`Note`]s, in the order of their declaration.
    notes: [Vec<u8>; Note::ALL.len()],
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
            notes: Default::default(),
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
            name => Note::ALL
                .iter()
                .find(|(_, known)| *known == name)
                .map_or(Field::Other, |(note, _)| Field::Note(*note)),
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
            Field::Note(note) => (&mut self.notes[note as usize], NAME_BYTES),
        };
        let room = most - kept.len();
        kept.extend_from_slice(&value[..value.len().min(room)]);
        self.is_overlong |= self.field == Field::Message && value.len() > room;
    }

    /// Returns the origin of the present entry.
    fn origin(&self) -> Origin {
        let note = |note: Note| &self.notes[note as usize][..];
        let is_root = note(Note::Uid) == b"0";
        // No client can make an entry with this transport: it is journald's own.
        if is_root && note(Note::Transport) == b"driver" {
            let number = str::from_utf8(note(Note::Dropped)).map(str::parse);
            return match number {
                Ok(Ok(dropped)) if note(Note::MessageId) == DROPPED_ID => {
                    Origin::Suppressed(dropped)
                }
                _ => Origin::System,
            };
        }
        // The same conditions as those of `journalctl --unit` (journalctl(1)).
        let is_about = !note(Note::ObjectUnit).is_empty() || !note(Note::CoredumpUnit).is_empty();
        if note(Note::Pid) == b"1" || is_root && is_about {
            Origin::System
        } else {
            Origin::Unit
        }
    }

    fn end_entry(&mut self, sink: &mut dyn FnMut(JournalEntry<'_>)) {
        if self.has_message {
            sink(JournalEntry {
                cursor: str::from_utf8(&self.cursor).unwrap_or_default(),
                message: (!self.is_overlong).then_some(&self.message[..]),
                origin: self.origin(),
            });
        }
        self.cursor.clear();
        self.message.clear();
        self.notes.iter_mut().for_each(Vec::clear);
        self.has_message = false;
        self.is_overlong = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (String, Option<Vec<u8>>, Origin);

    fn entries<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Seen> {
        let (mut export, mut seen) = (ExportParser::new(40), Vec::new());
        let mut sink = |entry: JournalEntry<'_>| {
            let message = entry.message.map(<[u8]>::to_vec);
            seen.push((entry.cursor.to_owned(), message, entry.origin));
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
            ("s=1;i=2".to_owned(), Some(b"a line".to_vec()), Origin::Unit),
            (
                "s=1;i=4".to_owned(),
                Some(b"\xff\na\x00".to_vec()),
                Origin::System,
            ),
            ("s=1;i=5".to_owned(), None, Origin::Unit),
            ("s=1;i=6".to_owned(), Some(Vec::new()), Origin::Unit),
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
    fn origins_are_told_by_fields_that_a_client_cannot_set() {
        const SUPPRESSED: &str = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=1500\n\
            OBJECT_SYSTEMD_UNIT=gunicorn.service\n";
        let check = |fields: &str, expected: Origin| {
            let text = format!("__CURSOR=a\nMESSAGE=m\n{fields}\n");
            let seen = entries([text.as_bytes()]);
            assert_eq!(seen[0].2, expected, "{fields}");
        };
        let with = |fields: &str| format!("{fields}{SUPPRESSED}");
        check(
            &with("_TRANSPORT=driver\n_UID=0\n"),
            Origin::Suppressed(1500),
        );
        // Sent by a process of the unit, which can set any field without a leading underscore.
        check(&with("_TRANSPORT=journal\n_UID=33\n"), Origin::Unit);
        check(&with("_TRANSPORT=driver\n_UID=33\n"), Origin::Unit);
        check(
            "_TRANSPORT=driver\n_UID=0\nMESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=-1\n",
            Origin::System,
        );
        check("_TRANSPORT=driver\n_UID=0\nN_DROPPED=3\n", Origin::System);
        check("_PID=1\nUNIT=gunicorn.service\n", Origin::System);
        check("_PID=17\nUNIT=gunicorn.service\n", Origin::Unit);
        check("_UID=0\nCOREDUMP_UNIT=gunicorn.service\n", Origin::System);
        check(
            "_UID=0\nOBJECT_SYSTEMD_UNIT=gunicorn.service\n",
            Origin::System,
        );
        check(
            "_UID=33\nOBJECT_SYSTEMD_UNIT=gunicorn.service\n",
            Origin::Unit,
        );
        check("_UID=0\n_TRANSPORT=stdout\n", Origin::Unit);
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
