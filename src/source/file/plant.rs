//! Faults that a test plants, to see that the simulation finds them.
//!
//! Invariant: outside tests nothing can be planted, and asking costs nothing.

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A rotated file is let go at once.
    NoDrain,
    /// What stands before the reading place isn't compared.
    NoTail,
    /// A path is taken for the file it led to.
    ByName,
    /// Nobody looks without a notification.
    NoPoll,
    /// Nobody looks any more where nothing happens and every change is said to be told.
    NoSeldomPoll,
    /// The hole a truncation left is read as text.
    Hole,
}

#[cfg(test)]
std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Whether this fault is there, on this thread.
#[cfg(test)]
pub(super) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether this fault is there.
#[cfg(not(test))]
pub(super) const fn is_planted(_: Fault) -> bool {
    false
}

/// Plants a fault on this thread, or takes it away.
#[cfg(test)]
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}
