//! Cuts the bytes of one connection or pipe into lines.
//!
//! Invariant: however the bytes are cut into pieces, the same lines come out, and what is kept
//! between two pieces is bounded by the longest line.

use memchr::memchr_iter;

use crate::source::frame::Framer;

/// Digits of a frame's length at most; a larger one is no frame of ours.
const LENGTH_DIGITS: usize = 9;

/// How lines are told apart.
#[derive(Clone, Debug)]
enum Framing {
    /// By newlines; on a syslog connection by NULs too, as Python's handler ends its messages.
    Lines { framer: Framer, nul_ends: bool },
    /// A syslog connection that has not said yet what it does.
    Unknown,
    /// By the length before each message (RFC 6587, 3.4.1); bytes to be skipped of one too long.
    Counted { skip: usize },
}

/// The state of one connection or pipe.
#[derive(Clone, Debug)]
pub(super) struct Deframer {
    framing: Framing,
    line_bytes: usize,
    /// What was read of an unfinished line or frame.
    partial: Vec<u8>,
}

/// What became whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// Lines, each with its newline.
    pub(super) bytes: Vec<u8>,
    /// Lines that were too long to be held.
    pub(super) overlong: u64,
}

/// A connection broke the rules of its framing: where the next line begins can't be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

impl Deframer {
    /// For lines that end with a newline.
    pub(super) fn lines(line_bytes: usize) -> Self {
        Self::new(
            Framing::Lines {
                framer: Framer::new(line_bytes),
                nul_ends: false,
            },
            line_bytes,
        )
    }

    /// For syslog over a stream (RFC 6587). A connection that begins with a length, a blank and
    /// `<` counts octets; any other one ends each message with a newline or a NUL.
    pub(super) fn syslog(line_bytes: usize) -> Self {
        Self::new(Framing::Unknown, line_bytes)
    }

    fn new(framing: Framing, line_bytes: usize) -> Self {
        Self {
            framing,
            line_bytes,
            partial: Vec::new(),
        }
    }

    /// Takes in the next bytes; appends to `lines` what they made whole.
    pub(super) fn push(&mut self, bytes: &[u8], lines: &mut Lines) -> Result<(), BadFrame> {
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

    /// The end of the stream: what lacks its end is a line too, and a new one may follow.
    pub(super) fn finish(&mut self, lines: &mut Lines) {
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
            // A frame cut short: whatever follows its length.
            Framing::Counted { .. } => {
                let start = rest.iter().position(|byte| *byte == b' ');
                lines.push_message(start.map_or(&rest[..], |blank| &rest[blank + 1..]));
            }
            Framing::Unknown => lines.push(&rest),
        }
    }

    /// Cuts what begins where the last cut ended; says how much of it is done with.
    fn cut(&mut self, data: &[u8], lines: &mut Lines) -> Result<usize, BadFrame> {
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
            Framing::Counted { skip } => counted(data, skip, self.line_bytes, lines),
            Framing::Unknown => Ok(0),
        }
    }
}

impl Lines {
    /// Appends lines of which the last may lack its newline.
    pub(super) fn push(&mut self, lines: &[u8]) {
        self.bytes.extend_from_slice(lines);
        if lines.last().is_some_and(|byte| *byte != b'\n') {
            self.bytes.push(b'\n');
        }
    }

    /// Appends a message, without what its writer put at its end; newlines inside split it.
    pub(super) fn push_message(&mut self, message: &[u8]) {
        let end = message
            .iter()
            .rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0))
            .map_or(0, |last| last + 1);
        self.bytes.extend_from_slice(&message[..end]);
        self.bytes.push(b'\n');
    }

    /// Empties it, and keeps its memory.
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

/// Whether a connection begins with a frame's length; `None` as long as it could.
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

/// Cuts whole frames.
fn counted(
    data: &[u8],
    skip: &mut usize,
    line_bytes: usize,
    lines: &mut Lines,
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
    ) -> Result<Lines, BadFrame> {
        let mut lines = Lines::default();
        for piece in pieces {
            deframer.push(piece, &mut lines)?;
            assert!(deframer.partial.len() <= LIMIT + 1 + LENGTH_DIGITS + 1);
        }
        deframer.finish(&mut lines);
        Ok(lines)
    }

    fn check(text: &[u8], expected: &[u8], overlong: u64) {
        for deframed in [
            in_pieces(Deframer::syslog(LIMIT), [text]),
            in_pieces(Deframer::syslog(LIMIT), text.chunks(1)),
        ] {
            let (lines, found_overlong) = normal(deframed).unwrap();
            assert_eq!(
                (String::from_utf8_lossy(&lines.concat()), found_overlong),
                (String::from_utf8_lossy(expected), overlong)
            );
        }
    }

    #[test]
    fn octets_are_counted_where_a_connection_begins_with_a_length() {
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
    fn a_broken_frame_is_told() {
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

    /// With octet counting.
    fn framed(messages: &[String]) -> String {
        let frames: Vec<_> = messages
            .iter()
            .map(|message| format!("{} {message}", message.len()))
            .collect();
        frames.concat()
    }

    /// A text and where it is cut.
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
        fn any_cut_into_segments_gives_the_same_lines((text, mut cuts) in cut_text()) {
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
            let whole = in_pieces_unbounded(&text);
            prop_assert_eq!(normal(in_pieces(Deframer::syslog(LIMIT), pieces)), normal(whole));
        }

        #[test]
        fn counted_messages_come_out_as_they_went_in(messages in proptest::collection::vec("<[0-9]{1,3}>[ -~]{0,30}", 1..20)) {
            let text = framed(&messages);
            let lines = in_pieces(Deframer::syslog(LIMIT), text.as_bytes().chunks(7)).unwrap();
            let expected = messages.join("\n") + "\n";
            prop_assert_eq!(String::from_utf8(lines.bytes).unwrap(), expected);
        }
    }

    fn in_pieces_unbounded(text: &[u8]) -> Result<Lines, BadFrame> {
        let (mut deframer, mut lines) = (Deframer::syslog(LIMIT), Lines::default());
        deframer.push(text, &mut lines)?;
        deframer.finish(&mut lines);
        Ok(lines)
    }

    /// Over-long lines that are whole in one piece are handed over, for the pipeline to reject.
    fn normal(lines: Result<Lines, BadFrame>) -> Result<(Vec<Vec<u8>>, u64), BadFrame> {
        let lines = lines?;
        let split = lines.bytes.split_inclusive(|byte| *byte == b'\n');
        let (short, long): (Vec<_>, Vec<_>) = split.partition(|line| line.len() <= LIMIT + 1);
        Ok((
            short.into_iter().map(<[u8]>::to_vec).collect(),
            lines.overlong + long.len() as u64,
        ))
    }
}
