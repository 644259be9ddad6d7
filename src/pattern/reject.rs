//! Why a line was not counted as a request.
//!
//! Invariant: a reject is a small `Copy` value with a counter of its own; it never holds the line.

/// The reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// The line does not have the pattern's shape.
    Mismatch,
    /// A number does not fit 64 bits, or is none where the pattern says there is one.
    Number,
    /// The line is longer than `limits.line_bytes`.
    Overlong,
}

impl Reject {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Mismatch, Self::Number, Self::Overlong];

    /// The value of the label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::Number => "number",
            Self::Overlong => "overlong",
        }
    }
}
