//! Sets of bytes, tested with one table lookup.

/// A set of bytes. Sets of fixed members are built at compile time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// The set of all bytes.
    pub(crate) const ALL: Self = Self([true; 256]);
    /// The ASCII digits.
    pub(crate) const DIGITS: Self = Self::from_ranges(&[(b'0', b'9')]);
    /// The ASCII letters and digits.
    pub(crate) const ALPHANUMERIC: Self =
        Self::from_ranges(&[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')]);

    /// Builds a set of ranges, both ends included.
    pub(crate) const fn from_ranges(ranges: &[(u8, u8)]) -> Self {
        let mut members = [false; 256];
        let mut at = 0;
        while at < ranges.len() {
            let (mut byte, last) = (ranges[at].0 as usize, ranges[at].1 as usize);
            while byte <= last {
                members[byte] = true;
                byte += 1;
            }
            at += 1;
        }
        Self(members)
    }

    /// Builds the set of the bytes for which `is_member` returns true.
    pub(crate) fn from_fn(is_member: impl Fn(u8) -> bool) -> Self {
        let mut members = [false; 256];
        for byte in 0..=255 {
            members[usize::from(byte)] = is_member(byte);
        }
        Self(members)
    }

    /// Adds bytes.
    pub(crate) const fn plus(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.0[bytes[at] as usize] = true;
            at += 1;
        }
        self
    }

    /// Returns whether a byte is a member.
    #[inline]
    pub(crate) const fn contains(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// Returns whether two sets have no member in common.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        (0..=255).all(|byte| !(self.contains(byte) && other.contains(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_their_ends_and_bytes_are_added() {
        const SET: ByteSet = ByteSet::from_ranges(&[(b'0', b'2'), (254, 255), (9, 8)]).plus(b"-2");
        let members: Vec<u8> = (0..=255).filter(|byte| SET.contains(*byte)).collect();
        assert_eq!(members, [b'-', b'0', b'1', b'2', 254, 255]);
        assert_eq!(SET, ByteSet::from_fn(|byte| members.contains(&byte)));
        assert!((0..=255).all(|byte| ByteSet::ALL.contains(byte)));
    }

    #[test]
    fn sets_without_a_common_member_are_disjoint() {
        assert!(ByteSet::DIGITS.is_disjoint(&ByteSet::from_ranges(&[(b'a', b'z')])));
        assert!(!ByteSet::DIGITS.is_disjoint(&ByteSet::ALPHANUMERIC));
    }
}
