//! Operations, and histories of them made from a seed.

use super::world::Failure;

/// Longest history in days.
pub(super) const MOST_DAYS: u64 = 90;

/// Lines that are written at once now and then.
const BURST: u64 = 130;

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A server writes so many lines at once.
    Write { server: usize, lines: u8 },
    /// The first server writes a line whose end comes with its next one.
    WritePart,
    /// A rotation begins, if none is under way.
    Rotate(Rotation),
    /// The rotation does its next step.
    Step,
    /// A server opens its log again.
    Reopen { server: usize },
    /// The follower wakes, if something woke it, and reads all there is.
    Run,
    /// The follower wakes, if something woke it, and is interrupted after one round.
    RunOnce,
    /// Milliseconds pass; a poll that is due is made.
    Pass(u16),
    /// Time passes, poll by poll, until polls become seldom.
    Rest,
    /// Servers reopen their log, then so many days pass; at most [`MOST_DAYS`] in a history.
    Weeks(u16),
    /// Later changes are not notified.
    Mute,
    /// Later changes are notified again.
    Notify,
    /// Calls of the follower fail.
    Fail(Failure),
    /// Calls of the follower succeed again.
    Heal,
    /// The log is cut after the line before this part (of 256) of its size.
    Cut(u8),
    /// A file of the past is put beside the log, under this kind of a rotated name; some begin as a file does that was read.
    Restore(u8),
    /// The log is deleted; servers go on writing to it for a while.
    Delete,
    /// The text of the log or of a rotated file comes elsewhere or changes.
    Rewrite(Rewrite),
    /// Another directory comes in the place of the log's.
    ReplaceDirectory,
    /// The follower saves its state.
    Save,
    /// The follower is killed.
    Kill(Kill),
    /// The follower starts from the state that it saved.
    Restart,
}

/// Ways in which a follower ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kill {
    /// It starts from the last state that it saved.
    Process,
    /// It starts from the one before: the last was damaged.
    Older,
    /// The machine loses its power, and what was written since the last save.
    Power,
}

/// Ways in which texts come elsewhere or change. A part is one of 256 of the size of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// The log is written again with so many lines more.
    More { lines: u8, way: Way },
    /// The lines up to this part of the log go.
    Tail { part: u8, way: Way },
    /// The lines behind this part of the log go: a backup of it is restored.
    Head { part: u8, way: Way },
    /// A line is inserted behind this part of the log.
    Insert { part: u8, way: Way },
    /// The line behind this part of the log goes.
    Remove { part: u8, way: Way },
    /// The log is copied to a name of this kind.
    Copy(u8),
    /// The log moves to the upper layer of an overlayfs, which gives it another birth time.
    CopyUp,
    /// A rotated file is overwritten, and may be removed then.
    Shred { removes: bool },
}

/// Ways to give the log another text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    InPlace,
    /// Another file is renamed to it.
    Renamed,
    /// The file is moved out of sight, and another one is written.
    Kept,
}

/// Options of logrotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rotation {
    pub(super) copies: bool,
    pub(super) creates: bool,
    pub(super) dates: bool,
    pub(super) packing: Packing,
}

/// Time of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Never,
    AtOnce,
    /// At the next rotation.
    Later,
}

/// Choices for a history as a whole.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// A glob that the rotated files match too.
    pub(super) glob: bool,
    pub(super) servers: usize,
    /// Servers open with `O_APPEND`.
    pub(super) appends: bool,
    pub(super) has_births: bool,
    /// Every change is said to wake the owner: while nothing happens, polls become seldom.
    pub(super) is_watched: bool,
    /// Files that exist at the start are history.
    pub(super) has_history: bool,
    pub(super) read_bytes: usize,
    /// All rotations of one machine are alike.
    pub(super) rotation: Rotation,
}

/// A sequence of numbers that a seed decides.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03)
    }

    /// Below `bound` (splitmix64).
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.roll(many) == 0
    }

    pub(super) fn setting(&mut self) -> Setting {
        let appends = !self.one_in(8);
        let copies = self.one_in(3);
        Setting {
            glob: self.one_in(4),
            servers: if appends {
                1 + usize::from(self.one_in(2))
            } else {
                1
            },
            appends,
            has_births: !self.one_in(4),
            is_watched: self.one_in(3),
            has_history: self.one_in(3),
            read_bytes: [16, 64, 4096][usize::try_from(self.roll(3)).unwrap()],
            rotation: Rotation {
                copies,
                creates: !self.one_in(3),
                dates: self.one_in(4),
                packing: match self.roll(3) {
                    0 => Packing::Never,
                    1 => Packing::AtOnce,
                    _ => Packing::Later,
                },
            },
        }
    }

    pub(super) fn history(&mut self, setting: &Setting, length: usize) -> Vec<Operation> {
        // The other operations are the same without restarts.
        let mut restarts = Self(!self.0);
        let has_restarts = restarts.one_in(2);
        let (mut operations, mut down) = (Vec::new(), None);
        for _ in 0..length {
            if has_restarts {
                restarts.restart(&mut down, &mut operations);
            }
            operations.push(self.operation(setting));
        }
        operations
    }

    /// Adds a save, a kill or a start now and then. `down` is the number of operations until the next start.
    fn restart(&mut self, down: &mut Option<u64>, operations: &mut Vec<Operation>) {
        match down {
            Some(0) => {
                operations.push(Operation::Restart);
                *down = None;
            }
            Some(left) => *left -= 1,
            None => match self.roll(40) {
                0..3 => operations.push(Operation::Save),
                3 => {
                    operations.push(Operation::Kill(match self.roll(8) {
                        0..5 => Kill::Process,
                        5..7 => Kill::Older,
                        _ => Kill::Power,
                    }));
                    let most = if self.one_in(3) { 60 } else { 8 };
                    *down = Some(self.roll(most));
                }
                _ => {}
            },
        }
    }

    fn rewrite(&mut self) -> Rewrite {
        let part = u8::try_from(self.roll(256)).unwrap();
        let way = match self.roll(3) {
            0 => Way::InPlace,
            1 => Way::Renamed,
            _ => Way::Kept,
        };
        match self.roll(8) {
            0 => Rewrite::More {
                lines: part % 4,
                way,
            },
            1 => Rewrite::Tail { part, way },
            2 => Rewrite::Head { part, way },
            3 => Rewrite::Insert { part, way },
            4 => Rewrite::Remove { part, way },
            5 => Rewrite::Copy(part),
            6 => Rewrite::CopyUp,
            _ => Rewrite::Shred {
                removes: self.one_in(2),
            },
        }
    }

    fn operation(&mut self, setting: &Setting) -> Operation {
        let server = usize::try_from(self.roll(setting.servers as u64)).unwrap();
        match self.roll(100) {
            0..30 => {
                // More bytes than the beginning by which a text is known.
                let is_burst = setting.appends && self.one_in(30);
                let lines = if is_burst { BURST } else { 1 + self.roll(4) };
                let lines = u8::try_from(lines).unwrap();
                Operation::Write { server, lines }
            }
            30..34 if setting.servers == 1 => Operation::WritePart,
            30..40 => Operation::Rotate(setting.rotation),
            40..58 => Operation::Step,
            58..63 => Operation::Reopen { server },
            63..76 => Operation::Run,
            76..80 => Operation::RunOnce,
            80 if self.one_in(2) => Operation::Delete,
            81 if setting.appends => Operation::Rewrite(self.rewrite()),
            80..87 => Operation::Pass(u16::try_from(1 + self.roll(900)).unwrap()),
            88 if setting.is_watched => Operation::Rest,
            87 => Operation::Weeks(u16::try_from(1 + self.roll(MOST_DAYS)).unwrap()),
            88..90 => Operation::Pass(u16::try_from(1_000 + self.roll(40_000)).unwrap()),
            90..92 => Operation::Mute,
            92..94 => Operation::Notify,
            // Texts behind a hole begin alike: a copy that is not seen at once is not recognized later.
            94..96 if setting.appends => Operation::Fail(match self.roll(6) {
                0 => Failure::Open,
                1 => Failure::Read,
                2 => Failure::Stat,
                3 => Failure::List,
                4 => Failure::Descriptors,
                _ => Failure::OneOf(2 + self.roll(6)),
            }),
            96..98 => Operation::Heal,
            98 if self.one_in(4) => Operation::ReplaceDirectory,
            98 if setting.appends && self.one_in(3) => {
                Operation::Restore(u8::try_from(self.roll(6)).unwrap())
            }
            _ if setting.appends => Operation::Cut(u8::try_from(self.roll(256)).unwrap()),
            _ => Operation::Run,
        }
    }
}
