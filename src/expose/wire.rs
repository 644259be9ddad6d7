//! [Protocol Buffers' wire format]: tags, varints, and messages behind their lengths.
//!
//! Invariant: a number takes as few bytes as it can, so that equal messages are equal bytes.
//!
//! [Protocol Buffers' wire format]: https://protobuf.dev/programming-guides/encoding/

/// Most bytes of a varint.
pub(super) const MAX_VARINT: usize = 10;
/// Seven bits of a varint's byte; the eighth says that more bytes follow.
const LOW: u64 = 0x7f;
const MORE: u8 = 0x80;

/// Wire types, the low bits of a tag.
const VARINT: u8 = 0;
const DOUBLE: u8 = 1;
const LENGTH: u8 = 2;

/// Number of a field below 16, so that its tag is one byte.
#[derive(Clone, Copy)]
pub(super) struct Field(u8);

/// A message that is being written: the place of its length.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// Offset of the length.
    at: usize,
    /// Bytes reserved for it.
    reserved: usize,
}

impl Field {
    /// Names the field of a number from 1 to 15.
    pub(super) const fn new(number: u8) -> Self {
        assert!(0 < number && number < 16, "a tag of one byte");
        Self(number << 3)
    }

    /// Returns the tag before a varint.
    pub(super) const fn varint(self) -> u8 {
        self.0 | VARINT
    }

    /// Returns the tag before a double.
    pub(super) const fn double(self) -> u8 {
        self.0 | DOUBLE
    }

    /// Returns the tag before a length.
    pub(super) const fn length(self) -> u8 {
        self.0 | LENGTH
    }

    /// Appends an integer.
    pub(super) fn push_varint(self, value: u64, out: &mut Vec<u8>) {
        out.push(self.varint());
        push_varint(value, out);
    }

    /// Appends a float.
    pub(super) fn push_double(self, value: f64, out: &mut Vec<u8>) {
        out.push(self.double());
        out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a text.
    pub(super) fn push_text(self, text: &str, out: &mut Vec<u8>) {
        out.push(self.length());
        push_varint(text.len() as u64, out);
        out.extend_from_slice(text.as_bytes());
    }

    /// Begins a message of about `expected` bytes: if its length turns out to take fewer or more bytes than that, the message
    /// is moved when it ends.
    pub(super) fn open(self, expected: usize, out: &mut Vec<u8>) -> Open {
        out.push(self.length());
        Open::new(expected, out)
    }
}

impl Open {
    /// Begins a message without a tag; see [`Field::open`].
    pub(super) fn new(expected: usize, out: &mut Vec<u8>) -> Self {
        let (at, reserved) = (out.len(), varint_bytes(expected as u64));
        match reserved {
            1 => out.push(0),
            2 => out.extend_from_slice(&[0; 2]),
            _ => out.resize(at + reserved, 0),
        }
        Self { at, reserved }
    }

    /// Writes the length, now that the message is complete, and returns it.
    pub(super) fn close(self, out: &mut Vec<u8>) -> usize {
        let start = self.at + self.reserved;
        let length = out.len() - start;
        let needed = varint_bytes(length as u64);
        if needed != self.reserved {
            out.resize(out.len().max(self.at + needed + length), 0);
            out.copy_within(start..start + length, self.at + needed);
            out.truncate(self.at + needed + length);
        }
        let (bytes, _) = varint(length as u64);
        let places = out.iter_mut().skip(self.at);
        for (place, byte) in places.zip(bytes).take(needed) {
            *place = byte;
        }
        length
    }
}

/// Appends an integer.
#[inline]
pub(super) fn push_varint(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest > LOW {
        out.push(low(rest) | MORE);
        rest >>= 7;
    }
    out.push(low(rest));
}

/// Returns an integer as a varint, and its length.
#[inline]
pub(super) fn varint(value: u64) -> ([u8; MAX_VARINT], usize) {
    let (mut bytes, mut rest, mut length) = ([0; MAX_VARINT], value, 0);
    while rest > LOW {
        bytes[length] = low(rest) | MORE;
        rest >>= 7;
        length += 1;
    }
    bytes[length] = low(rest);
    (bytes, length + 1)
}

/// Returns the number of bytes of a varint.
#[inline]
pub(super) fn varint_bytes(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}

/// Returns a signed integer as an unsigned one that is small if it is near 0.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Returns the lowest seven bits.
#[inline]
fn low(value: u64) -> u8 {
    (value & LOW) as u8
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A field of a message, as anyone can read it without its definition.
    #[derive(Clone, Debug, PartialEq)]
    pub(in super::super) enum Read<'b> {
        Varint(u64),
        Double(f64),
        Bytes(&'b [u8]),
    }

    /// Reads a varint, which must be as short as it can be.
    pub(in super::super) fn read_varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for (at, byte) in bytes.iter().enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                assert!(
                    at == 0 || *byte != 0,
                    "a varint with bytes that it does not need"
                );
                *bytes = &bytes[at + 1..];
                return value;
            }
        }
        panic!("a varint without an end");
    }

    /// Reads bytes behind their length.
    pub(in super::super) fn read_bytes<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
        let length = usize::try_from(read_varint(bytes)).unwrap();
        let (found, rest) = bytes.split_at(length);
        *bytes = rest;
        found
    }

    /// Reads the fields of a message.
    pub(in super::super) fn read(mut bytes: &[u8]) -> Vec<(u64, Read<'_>)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = read_varint(&mut bytes);
            let value = match tag & 7 {
                0 => Read::Varint(read_varint(&mut bytes)),
                1 => {
                    let (double, rest) = bytes.split_first_chunk().unwrap();
                    bytes = rest;
                    Read::Double(f64::from_le_bytes(*double))
                }
                2 => Read::Bytes(read_bytes(&mut bytes)),
                other => panic!("wire type {other}"),
            };
            fields.push((tag >> 3, value));
        }
        fields
    }

    fn any_integer() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn a_varint_is_read_as_what_was_written(value in any_integer()) {
            let mut out = Vec::new();
            push_varint(value, &mut out);
            prop_assert_eq!(out.len(), varint_bytes(value));
            let (bytes, length) = varint(value);
            prop_assert_eq!(&bytes[..length], &*out);
            prop_assert_eq!(read_varint(&mut &*out), value);
        }

        #[test]
        fn a_signed_integer_is_read_as_what_was_written(value: i64) {
            let read = zigzag(value);
            prop_assert_eq!((read >> 1).cast_signed() ^ -(read & 1).cast_signed(), value);
        }

        #[test]
        fn a_message_has_its_length_whatever_was_expected(
            text in prop_oneof![".{0,40}", "[a-z]{120,135}", "[a-z]{16380,16390}"],
            expected in prop_oneof![0..300_usize, 16_000..17_000_usize, Just(1 << 30)],
        ) {
            let mut out = b"before".to_vec();
            let message = Field::new(3).open(expected, &mut out);
            Field::new(1).push_text(&text, &mut out);
            let length = message.close(&mut out);
            prop_assert_eq!(out.len(), 6 + 1 + varint_bytes(length as u64) + length);
            Field::new(4).push_varint(300, &mut out);
            Field::new(5).push_double(0.5, &mut out);
            let fields = read(out.strip_prefix(b"before").unwrap());
            prop_assert_eq!(fields.len(), 3);
            let Read::Bytes(inner) = fields[0].1 else { panic!() };
            prop_assert_eq!(read(inner), [(1, Read::Bytes(text.as_bytes()))]);
            prop_assert_eq!(&fields[1..], &[(4, Read::Varint(300)), (5, Read::Double(0.5))]);
        }
    }
}
