//! Gaps: lines that were lost, or may have been.
//!
//! Invariant: a bound is given only if it holds whatever happened; what is not known has no bound.

/// A reason for which lines can be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GapReason {
    /// Label value of the exporter's metrics.
    pub name: &'static str,
    /// Bounds that every gap of this reason has.
    pub bounds: &'static [GapBound],
}

/// A bound on the number of lost bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapBound {
    /// At least so many bytes were lost.
    Min,
    /// At most so many bytes were lost.
    Max,
}

/// Lines that were lost, or may have been, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Reason of the loss.
    pub reason: GapReason,
    /// Number of losses, in the unit of the reason: files, datagrams, messages, connections.
    pub count: u64,
    /// Lost bytes that are known; counts if the reason has [`GapBound::Min`].
    pub at_least: u64,
    /// Most bytes that can have been lost; counts if the reason has [`GapBound::Max`].
    pub at_most: u64,
}

impl GapBound {
    /// Returns the label value of the exporter's metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Gap {
    /// Returns each bound of the reason, in bytes.
    pub fn bounds(&self) -> impl Iterator<Item = (GapBound, u64)> + use<> {
        let (at_least, at_most) = (self.at_least, self.at_most);
        self.reason.bounds.iter().map(move |bound| match bound {
            GapBound::Min => (*bound, at_least),
            GapBound::Max => (*bound, at_most),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_has_the_bounds_of_its_reason() {
        let gap = |bounds| Gap {
            reason: GapReason { name: "x", bounds },
            count: 1,
            at_least: 2,
            at_most: 3,
        };
        let bounds = |bounds| gap(bounds).bounds().collect::<Vec<_>>();
        assert_eq!(bounds(&[]), []);
        assert_eq!(bounds(&[GapBound::Min]), [(GapBound::Min, 2)]);
        assert_eq!(
            bounds(&[GapBound::Min, GapBound::Max]),
            [(GapBound::Min, 2), (GapBound::Max, 3)]
        );
    }
}
