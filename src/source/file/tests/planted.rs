//! Faults planted by a test, to show that the simulation finds them.

use crate::model::saved::files::SavedFiles;

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
    /// A file that is opened again after a restart is taken for the one that was open.
    NoSavedTail,
    /// A file that is gone after a restart leaves no record.
    NoSavedRecord,
    /// Devices that have other numbers after a restart are taken for others.
    NoDevices,
    /// This part of a state is not saved.
    NotSaved(Part),
}

/// A part of a saved state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Patterns,
    Floors,
    Rotations,
    Records,
    Open,
    Doubts,
    Archives,
    HistoryEnd,
}

impl Part {
    /// Parts whose lack the simulation finds.
    pub(super) const SIMULATED: [Self; 6] = [
        Self::Patterns,
        Self::Floors,
        Self::Rotations,
        Self::Records,
        Self::Open,
        Self::Archives,
    ];

    /// Removes the part.
    fn remove(self, saved: &mut SavedFiles) {
        match self {
            Self::Patterns => saved.patterns.clear(),
            Self::Floors => {
                for path in &mut saved.paths {
                    (path.floor, path.next_floor) = (0, 0);
                }
            }
            Self::Rotations => saved.rotations.clear(),
            Self::Records => saved.records.clear(),
            Self::Open => saved.open.clear(),
            Self::Doubts => saved.open.iter_mut().for_each(|file| file.doubt = None),
            Self::Archives => saved.archives.clear(),
            Self::HistoryEnd => saved.open.iter_mut().for_each(|file| file.history_end = 0),
        }
    }
}

/// Removes what the planted fault leaves out of a saved state.
pub(crate) fn leave_out(saved: &mut SavedFiles) {
    if let Some(Fault::NotSaved(part)) = PLANTED.get() {
        part.remove(saved);
    }
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
