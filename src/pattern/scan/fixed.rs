//! Values of fixed width whose bytes each lie between two bounds: times.

use super::super::search::within;

/// A mask of 16 to 32 bytes, compared as two vectors that may overlap.
#[derive(Debug)]
pub(crate) struct Fixed {
    low: [[u8; 16]; 2],
    span: [[u8; 16]; 2],
    width: usize,
    /// Offset of the sign, which must equal one of its two bounds: `+` or `-`.
    sign: usize,
}

/// `dd/Aaa/dddd:dd:dd:dd ±dddd`.
pub(crate) static CLF_TIME: Fixed = Fixed::new(b"dd/Aaa/dddd:dd:dd:dd +dddd");
/// `dddd-dd-ddTdd:dd:dd±dd:dd`.
pub(crate) static ISO_TIME: Fixed = Fixed::new(b"dddd-dd-ddTdd:dd:dd+dd:dd");

impl Fixed {
    /// Compiles a mask: `d` is a digit, `A` a capital, `a` a small letter, `+` a sign; any other byte
    /// is itself.
    const fn new(mask: &[u8]) -> Self {
        let mut fixed = Self {
            low: [[0; 16]; 2],
            span: [[0; 16]; 2],
            width: mask.len(),
            sign: 0,
        };
        let starts = [0, mask.len() - 16];
        let mut at = 0;
        while at < 32 {
            let (half, place) = (at / 16, at % 16);
            let byte = mask[starts[half] + place];
            (fixed.low[half][place], fixed.span[half][place]) = match byte {
                b'd' => (b'0', 9),
                b'A' => (b'A', 25),
                b'a' => (b'a', 25),
                b'+' => {
                    fixed.sign = starts[half] + place;
                    (b'+', 2)
                }
                byte => (byte, 0),
            };
            at += 1;
        }
        fixed
    }

    /// Returns the end of the value if the text has one at `at`.
    #[inline]
    pub(crate) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let text = text.get(at..)?.get(..self.width)?;
        let first = text.first_chunk()?;
        let last = text.last_chunk()?;
        let is_inside = within(first, &self.low[0], &self.span[0])
            && within(last, &self.low[1], &self.span[1])
            && text[self.sign] != b',';
        is_inside.then_some(at + self.width)
    }
}
