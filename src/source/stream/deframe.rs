//! Cuts the bytes of a connection or pipe into lines.
//!
//! Invariant: the same lines result however the bytes are split into pieces, and what is kept
//! between two pieces is bounded by the longest line.

use memchr::memchr_iter;

use crate::source::frame::Framer;

/// Most digits of a frame's length.
const LENGTH_DIGITS: usize = 9;

/// A method of delimiting lines.
#[derive(Clone, Debug)]
enum Framing {
    /// Lines end with a newline, with `nul_ends` also with a NUL, as messages of Python's syslog handler do.
    Lines { framer: Framer, nul_ends: bool },
    /// The first bytes of a syslog connection will determine the method.
    Unknown,
    /// A length precedes each message (RFC 6587, 3.4.1); `skip` bytes remain of an over-long one.
    Counted { skip: usize },
}

/// The state of one connection or pipe.
#[derive(Clone, Debug)]
pub struct Deframer {
    framing: Framing,
    line_bytes: usize,
    /// Bytes of an unfinished line or frame.
    partial: Vec<u8>,
}

/// A buffer of whole lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LineBuffer {
    /// Lines, each with its newline.
    pub bytes: Vec<u8>,
    /// Lines that were too long to be held.
    pub overlong: u64,
}

/// A connection broke the rules of its framing: the start of the next line is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFrame;

impl Deframer {
    /// Creates a deframer for lines that end with a newline. `line_bytes` is the longest line held, in bytes.
    pub fn lines(line_bytes: usize) -> Self {
        let framing = Framing::Lines {
            framer: Framer::new(line_bytes),
            nul_ends: false,
        };
        Self::new(framing, line_bytes)
    }

    /// Creates a deframer for syslog over a stream (RFC 6587). Octets are counted in a connection
    /// that begins with a length, a blank and `<`; in any other, a newline or NUL ends a message.
    pub fn syslog(line_bytes: usize) -> Self {
        Self::new(Framing::Unknown, line_bytes)
    }

    fn new(framing: Framing, line_bytes: usize) -> Self {
        Self {
            framing,
            line_bytes,
            partial: Vec::new(),
        }
    }

    /// Reads the next bytes, and appends the lines that they complete to `lines`.
    pub fn push(&mut self, bytes: &[u8], lines: &mut LineBuffer) -> Result<(), BadFrame> {
        if self.partial.is_empty() {
            let consumed = self.cut(bytes, lines)?;
            self.partial.extend_from_slice(&bytes[consumed..]);
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let consumed = self.cut(&all, lines)?;
        all.drain(..consumed);
        all.shrink_to(self.line_bytes);
        self.partial = all;
        Ok(())
    }

    /// Returns the number of bytes of an unfinished line or frame.
    pub fn held_bytes(&self) -> usize {
        self.partial.len()
    }

    /// Ends the text: an unfinished line is appended too. Another text may follow.
    pub fn finish(&mut self, lines: &mut LineBuffer) {
        let rest = std::mem::take(&mut self.partial);
        if rest.is_empty() && !matches!(self.framing, Framing::Lines { .. }) {
            return;
        }
        match &mut self.framing {
            Framing::Lines { framer, .. } => {
                let cut = framer.finish(&rest);
                lines.overlong += cut.overlong;
                lines.push(&rest[cut.lines]);
            }
            // A frame cut short: the message begins after its length.
            Framing::Counted { .. } => {
                let start = rest.iter().position(|byte| *byte == b' ');
                lines.push_message(start.map_or(&rest[..], |blank| &rest[blank + 1..]));
            }
            Framing::Unknown => lines.push(&rest),
        }
    }

    /// Appends the lines of `data`, which begins where the last cut ended, and returns the number
    /// of bytes consumed.
    fn cut(&mut self, data: &[u8], lines: &mut LineBuffer) -> Result<usize, BadFrame> {
        if matches!(self.framing, Framing::Unknown) {
            self.framing = match begins_with_length(data) {
                None => return Ok(0),
                Some(true) => Framing::Counted { skip: 0 },
                Some(false) => Framing::Lines {
                    framer: Framer::new(self.line_bytes),
                    nul_ends: true,
                },
            };
        }
        match &mut self.framing {
            Framing::Lines { framer, nul_ends } => {
                let replaced;
                let data = if *nul_ends && memchr::memchr(0, data).is_some() {
                    replaced = newlines_for_nuls(data);
                    &replaced[..]
                } else {
                    data
                };
                let cut = framer.cut(data);
                lines.overlong += cut.overlong;
                lines.bytes.extend_from_slice(&data[cut.lines]);
                Ok(cut.consumed)
            }
            Framing::Counted { skip } => cut_frames(data, skip, self.line_bytes, lines),
            Framing::Unknown => Ok(0),
        }
    }
}

impl LineBuffer {
    /// Appends lines, the last of which may lack its newline.
    pub(super) fn push(&mut self, lines: &[u8]) {
        self.bytes.extend_from_slice(lines);
        if lines.last().is_some_and(|byte| *byte != b'\n') {
            self.bytes.push(b'\n');
        }
    }

    /// Appends a message without its trailing newlines, carriage returns and NULs. Newlines inside
    /// split it into several lines.
    pub(super) fn push_message(&mut self, message: &[u8]) {
        let end = message
            .iter()
            .rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0))
            .map_or(0, |last| last + 1);
        self.bytes.extend_from_slice(&message[..end]);
        self.bytes.push(b'\n');
    }

    /// Appends the lines of another buffer.
    pub(super) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.overlong += other.overlong;
    }

    /// Returns whether no line is held or counted.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.overlong == 0
    }

    /// Empties the buffer, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.overlong = 0;
    }
}

fn newlines_for_nuls(data: &[u8]) -> Vec<u8> {
    let mut replaced = data.to_vec();
    for at in memchr_iter(0, data) {
        replaced[at] = b'\n';
    }
    replaced
}

/// Returns whether a connection begins with a frame's length, or `None` if too few bytes decide.
fn begins_with_length(data: &[u8]) -> Option<bool> {
    let digits = data.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > LENGTH_DIGITS || data.first() == Some(&b'0') {
        return Some(false);
    }
    match (data.get(digits), data.get(digits + 1)) {
        (None, _) | (Some(b' '), None) if digits > 0 || data.is_empty() => None,
        (Some(b' '), Some(b'<')) => Some(digits > 0),
        _ => Some(false),
    }
}

/// Appends the messages of whole frames, and returns the number of bytes consumed.
fn cut_frames(
    data: &[u8],
    skip: &mut usize,
    line_bytes: usize,
    lines: &mut LineBuffer,
) -> Result<usize, BadFrame> {
    let mut at = 0;
    loop {
        let skipped = (*skip).min(data.len() - at);
        *skip -= skipped;
        at += skipped;
        let rest = &data[at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > LENGTH_DIGITS || rest.first() == Some(&b'0') {
            return Err(BadFrame);
        }
        match rest.get(digits) {
            None => return Ok(at),
            Some(b' ') if digits > 0 => {}
            Some(_) => return Err(BadFrame),
        }
        let length = rest[..digits]
            .iter()
            .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        let message = &rest[digits + 1..];
        if length > line_bytes {
            lines.overlong += 1;
            *skip = length;
            at += digits + 1;
        } else if let Some(message) = message.get(..length) {
            lines.push_message(message);
            at += digits + 1 + length;
        } else {
            return Ok(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 40;

    fn in_pieces<'p>(
        mut deframer: Deframer,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<LineBuffer, BadFrame> {
        let mut lines = LineBuffer::default();
        for piece in pieces {
            deframer.push(piece, &mut lines)?;
            assert!(deframer.held_bytes() <= LIMIT + 1 + LENGTH_DIGITS + 1);
        }
        deframer.finish(&mut lines);
        Ok(lines)
    }

    fn check(text: &[u8], expected: &[u8], overlong: u64) {
        for deframed in [
            in_pieces(Deframer::syslog(LIMIT), [text]),
            in_pieces(Deframer::syslog(LIMIT), text.chunks(1)),
        ] {
            let (lines, found_overlong) = normalized(deframed).unwrap();
            assert_eq!(
                (String::from_utf8_lossy(&lines.concat()), found_overlong),
                (String::from_utf8_lossy(expected), overlong)
            );
        }
    }

    #[test]
    fn octets_are_counted_if_a_connection_begins_with_a_length() {
        check(b"8 <190>a b7 <190>c\n", b"<190>a b\n<190>c\n", 0);
        check(b"8 <190>a\nb", b"<190>a\nb\n", 0);
        check(b"20 <190>cut sho", b"<190>cut sho\n", 0);
        check(b"999999999 <190>never", b"", 1);
    }

    #[test]
    fn other_connections_end_each_line_with_a_newline_or_a_nul() {
        check(b"<190>a\n<190>b\n<190>c", b"<190>a\n<190>b\n<190>c\n", 0);
        check(b"<30>a\0<30>b\0", b"<30>a\n<30>b\n", 0);
        check(b"127.0.0.1 - -\n", b"127.0.0.1 - -\n", 0);
        check(b"12 - -\n", b"12 - -\n", 0);
        check(b"12", b"12\n", 0);
        check(
            &[&b"<190>"[..], &[b'x'; 99], b"\n<190>b\n"].concat(),
            b"<190>b\n",
            1,
        );
    }

    #[test]
    fn a_broken_frame_is_an_error() {
        let broken = |text: &[u8]| in_pieces(Deframer::syslog(LIMIT), [text]);
        assert_eq!(broken(b"6 <190>a<190>b\n"), Err(BadFrame));
        assert_eq!(broken(b"6 <190>a0 "), Err(BadFrame));
        assert_eq!(broken(b"6 <190>a1234567890 "), Err(BadFrame));
    }

    #[test]
    fn a_pipe_is_plain_lines() {
        let text: &[u8] = b"8 <190>a\nb\0c";
        let lines = in_pieces(Deframer::lines(LIMIT), [text]).unwrap();
        assert_eq!(lines.bytes, b"8 <190>a\nb\0c\n");
    }

    /// Frames messages by octet counting.
    fn framed(messages: &[String]) -> String {
        let frames: Vec<_> = messages
            .iter()
            .map(|message| format!("{} {message}", message.len()))
            .collect();
        frames.concat()
    }

    /// Generates a text and the offsets at which it is split.
    fn cut_text() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
        let message = prop_oneof![
            4 => "<190>[a-z ]{0,30}",
            1 => "<190>[a-z\n]{40,60}",
        ];
        let text = prop_oneof![
            proptest::collection::vec(message, 0..8).prop_map(|messages| { framed(&messages) }),
            "(<190>[a-z0-9 ]{0,50}[\n\0]){0,8}(<190>x)?",
            "[0-9<> \n\0a]{0,60}",
        ];
        (
            text.prop_map(String::into_bytes),
            proptest::collection::vec(0..200_usize, 0..12),
        )
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines((text, mut cuts) in cut_text()) {
            for cut in &mut cuts {
                *cut = (*cut).min(text.len());
            }
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            pieces.push(&text[from..]);
            let whole = in_one_piece(&text);
            prop_assert_eq!(normalized(in_pieces(Deframer::syslog(LIMIT), pieces)), normalized(whole));
        }

        #[test]
        fn counted_messages_come_out_unchanged(messages in proptest::collection::vec("<[0-9]{1,3}>[ -~]{0,30}", 1..20)) {
            let text = framed(&messages);
            let lines = in_pieces(Deframer::syslog(LIMIT), text.as_bytes().chunks(7)).unwrap();
            let expected = messages.join("\n") + "\n";
            prop_assert_eq!(String::from_utf8(lines.bytes).unwrap(), expected);
        }
    }

    fn in_one_piece(text: &[u8]) -> Result<LineBuffer, BadFrame> {
        let (mut deframer, mut lines) = (Deframer::syslog(LIMIT), LineBuffer::default());
        deframer.push(text, &mut lines)?;
        deframer.finish(&mut lines);
        Ok(lines)
    }

    /// Separates over-long lines that came whole in one piece, which the pipeline rejects.
    fn normalized(lines: Result<LineBuffer, BadFrame>) -> Result<(Vec<Vec<u8>>, u64), BadFrame> {
        let lines = lines?;
        let split = lines.bytes.split_inclusive(|byte| *byte == b'\n');
        let (short, long): (Vec<_>, Vec<_>) = split.partition(|line| line.len() <= LIMIT + 1);
        Ok((
            short.into_iter().map(<[u8]>::to_vec).collect(),
            lines.overlong + long.len() as u64,
        ))
    }
}
