//! The reasons why a line is not counted as a request.
//!
//! Invariant: a reject is a small `Copy` value with a counter for each reason; it never holds the line.

/// The reason why a line was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// The line does not have the pattern's shape.
    Mismatch,
    /// A value is not a number where the pattern has one, or does not fit 64 bits.
    Number,
    /// The line is longer than `limits.line_bytes`.
    Overlong,
    /// The line can be read in two ways, which differ in a counted field.
    Ambiguous,
}

impl Reject {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::Mismatch,
        Self::Number,
        Self::Overlong,
        Self::Ambiguous,
    ];

    /// Returns the value of the label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::Number => "number",
            Self::Overlong => "overlong",
            Self::Ambiguous => "ambiguous",
        }
    }
}
