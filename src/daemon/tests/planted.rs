//! Faults planted by a test, to show that the simulation finds them.

/// A planted fault of what commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Counts are served before they are committed.
    ServesUncommitted,
    /// Counts are served though an earlier process may have served more.
    ServesBehind,
}

std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Returns whether this fault is planted on this thread.
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Plants a fault on this thread, or removes it.
pub(crate) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}
