//! One line of a container log.

/// The streams of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// The wrapper of a line, which was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) output: Output,
    /// The line ends here; otherwise the next piece of its stream goes on with it.
    pub(super) is_last: bool,
}

/// The notations of container logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Cri,
    Docker,
    /// Of each line, that with which it begins.
    Either,
}
