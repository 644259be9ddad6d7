//! Faults planted by a test, to show that the simulation finds them.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A rotated file is closed at once.
    NoDrain,
    /// A deleted file is closed at once.
    DeletedEarly,
    /// Texts in other files are not compared.
    NoText,
    /// The bytes before the offset are not compared.
    NoTail,
    /// A path is taken for the file it led to.
    ByName,
    /// A file with the name of a rotated one is taken for a rotation of the log.
    ByRotatedName,
    /// Without a notification nothing is polled.
    NoPoll,
    /// Without a notification nothing is polled while idle.
    NoSeldomPoll,
    /// The record of a text is dropped after a time, though its file stands.
    Forgets,
    /// The hole left by a truncation is read as text.
    Hole,
    /// An archive is taken for a text that begins as it does.
    NoArchiveTail,
}

std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Returns whether this fault is planted on this thread.
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Plants a fault on this thread, or removes it.
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}
