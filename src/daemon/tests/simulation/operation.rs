//! Operations, and histories of them made from a seed.

use crate::source::simulation::operation::Dice;
use crate::state::Durability;

/// Most days of a history.
const MOST_DAYS: u64 = 20;

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A server writes so many lines that belong to no other line.
    Write { log: usize, lines: u8 },
    /// Both linked servers write the lines of a request.
    Pair,
    /// The server behind writes its line, and the front's follows some seconds later.
    LatePair,
    /// A log is rotated.
    Rotate { log: usize },
    /// A server opens its log again.
    Reopen { log: usize },
    /// All sources are woken and read everything.
    Run,
    /// One thread's sources do one round.
    RunOnce { thread: usize },
    /// Milliseconds pass: polls, scrapes and commits that are due are made.
    Pass(u16),
    /// So many days pass.
    Weeks(u8),
    /// The process is killed now.
    Kill,
    /// The process is killed at this operation of its next commit or start.
    KillAt(u8),
    /// The machine loses its power.
    PowerLoss,
    /// The process starts, if it does not run.
    Start,
    /// The process is killed, and copies of the state change.
    Damage { damage: Damage, place: u16 },
    /// While the process does not run, a rotated log goes.
    Vanish { log: usize },
    /// The state directory refuses changes, or does not any more.
    Disk(Disk),
}

/// Ways in which copies of the state change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The current copy is cut.
    Cut,
    /// A bit of the current copy changes.
    Bit,
    /// The current copy goes.
    Gone,
    /// The previous copy is cut.
    Previous,
    /// Both copies are cut.
    Both,
}

/// Condition of the state's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    Full,
    ReadOnly,
    Well,
    /// Commits take longer than a scrape waits.
    Slow,
}

/// Ways to rotate a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// The log is renamed, and its server opens another at once.
    Prompt,
    /// The log is renamed, and its server writes to it for a while.
    Late,
    /// The log is copied and truncated.
    Copied,
}

/// Choices for a history as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) rotation: Rotation,
    /// The last but one rotated log is compressed by the next rotation.
    pub(super) packs: bool,
    pub(super) durability: Durability,
    pub(super) has_births: bool,
    pub(super) lacks_links: bool,
    /// Decides what the operations leave open.
    pub(super) seed: u64,
}

/// Makes the history of a seed.
pub(super) fn history(seed: u64, length: usize) -> (Setting, Vec<Operation>) {
    let mut dice = Dice::new(seed);
    let setting = Setting {
        rotation: match dice.roll(4) {
            0 => Rotation::Prompt,
            1 => Rotation::Copied,
            _ => Rotation::Late,
        },
        packs: dice.one_in(2),
        durability: if dice.one_in(8) {
            Durability::Process
        } else {
            Durability::Power
        },
        has_births: !dice.one_in(4),
        lacks_links: dice.one_in(8),
        seed: dice.roll(u64::MAX),
    };
    let mut days = 0;
    let mut operations = Vec::new();
    for _ in 0..length {
        let next = operation(&mut dice);
        operations.push(next);
        if matches!(next, Operation::Damage { .. }) && dice.one_in(2) {
            operations.extend([Operation::Start, Operation::Pass(15_000)]);
        }
    }
    operations.retain(|operation| match operation {
        Operation::Weeks(more) => {
            days += u64::from(*more);
            days <= MOST_DAYS
        }
        _ => true,
    });
    (setting, operations)
}

fn operation(dice: &mut Dice) -> Operation {
    let log = usize::try_from(dice.roll(3)).unwrap();
    let byte = |dice: &mut Dice, bound| u8::try_from(dice.roll(bound)).unwrap();
    match dice.roll(100) {
        0..16 => {
            let most = if dice.one_in(20) { 60 } else { 4 };
            let lines = 1 + byte(dice, most);
            Operation::Write { log, lines }
        }
        16..24 => Operation::Pair,
        24..28 => Operation::LatePair,
        28..36 => Operation::Rotate { log },
        36..40 => Operation::Reopen { log },
        40..46 => Operation::Run,
        46..50 => Operation::RunOnce {
            thread: usize::try_from(dice.roll(2)).unwrap(),
        },
        50..72 => {
            let most = if dice.one_in(8) { 60_000 } else { 8_000 };
            Operation::Pass(u16::try_from(1 + dice.roll(most)).unwrap())
        }
        72 => Operation::Weeks(1 + byte(dice, 15)),
        73..77 => Operation::Kill,
        77..81 => Operation::KillAt(byte(dice, 16)),
        81..84 => Operation::PowerLoss,
        84..92 => Operation::Start,
        92..95 => {
            let place = u16::try_from(dice.roll(1 << 16)).unwrap();
            let damage = match dice.roll(16) {
                0..5 => Damage::Cut,
                5..9 => Damage::Bit,
                9..12 => Damage::Gone,
                12..15 => Damage::Previous,
                _ => Damage::Both,
            };
            Operation::Damage { damage, place }
        }
        95 => Operation::Vanish { log },
        _ => Operation::Disk(match dice.roll(8) {
            0 => Disk::Full,
            1 => Disk::ReadOnly,
            2 => Disk::Slow,
            _ => Disk::Well,
        }),
    }
}
