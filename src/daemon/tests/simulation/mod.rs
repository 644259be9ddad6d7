//! Thousands of histories of the whole way from a line to a page that survives the process, each from a seed.
//!
//! The product's own code follows logs, counts, joins, cuts, encodes, commits, chooses a copy and goes on; only threads, clock,
//! logs and the state's directory are simulated. A history checks, at each page that one of two scrapers is served:
//!
//! - I1: a page contains nothing that a start would not recover, also after a loss of power at this moment;
//! - I2: no number is less than on any page before, unless both copies of the state were damaged;
//! - I3: positions and counts are of one cut: families that count the same agree, and each line of linked sources has one
//!   outcome or waits;
//! - I4: a log that was deleted before it was read to its end is reported as a gap;
//! - I5: a start that was killed, at any operation, is repeated.
//!
//! At the end each line was counted once, in its series, and each request was joined.

mod operation;
mod page;
mod play;
mod process;
mod site;

use std::sync::Arc;
use std::time::Duration;

use operation::{Damage, Operation, Rotation, Setting, history};
use play::Play;
use process::{Process, Surroundings, THREADS};

use super::planted;
use crate::clock::ManualClock;
use crate::source::planted as file_planted;
use crate::source::simulation::memory::Memory;
use crate::source::simulation::seeds;
use crate::state::tests::simulated::Simulated;
use crate::state::{Durability, Settings};

/// Seeds of an ordinary run; `SEEDS=FROM..TO` plays others.
const SEEDS: u64 = 500;
/// Seeds among which one finds each planted fault.
const FAULT_SEEDS: u64 = 2_000;
const OPERATIONS: usize = 28;

/// A fault of the world around the code that is to survive, or of how its parts are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    /// Logs are not made durable before the position in them.
    NoLogSync,
    /// A checkpoint is not made durable before it replaces the current one.
    NoFileSync,
    /// The names of checkpoints are not made durable.
    NoDirectorySync,
    /// The previous copy is served at once.
    ServesPrevious,
    /// Linked sources are cut at different instants.
    RingApart,
}

std::thread_local! {
    static SABOTAGE: std::cell::Cell<Option<Sabotage>> = const { std::cell::Cell::new(None) };
}

impl Sabotage {
    fn is_on(self) -> bool {
        SABOTAGE.get() == Some(self)
    }
}

fn judge(with: &Surroundings, setting: Setting, operations: &[Operation]) -> Result<(), String> {
    Play::new(with, setting).play(operations)
}

fn judge_seed(with: &Surroundings, seed: u64) -> Result<(), String> {
    let (setting, operations) = history(seed, OPERATIONS);
    judge(with, setting, &operations)
}

/// Describes the history of a seed that goes wrong, shortened.
fn describe(with: &Surroundings, seed: u64) -> String {
    let (setting, operations) = history(seed, OPERATIONS);
    let operations = seeds::shrink(operations, |less| judge(with, setting, less).is_err());
    let wrong = judge(with, setting, &operations).unwrap_err();
    let steps: Vec<_> = operations.iter().map(|step| format!("{step:?}")).collect();
    format!("seed {seed}: {wrong}\n{setting:?}\n{}", steps.join("\n"))
}

#[test]
fn what_is_served_survives_whatever_happens() {
    let is_wrong = |with: &Surroundings, seed| judge_seed(with, seed).is_err();
    seeds::assert_right(SEEDS, Surroundings::new, is_wrong, describe);
}

/// Before the first round, it is not known what was written to the logs since the state was saved.
#[test]
fn a_source_is_behind_until_it_was_read_once() {
    let with = Surroundings::new();
    let (memory, directory) = (Memory::new(true), Simulated::default());
    let (settings, clock) = (Settings::default(), Arc::<ManualClock>::default());
    let started = Process::start(&with, &memory, &directory, settings, &clock, None);
    let mut process = started.unwrap().unwrap();
    for thread in 0..THREADS {
        assert!(process.cut(thread).iter().all(|cut| cut.is_behind));
    }
    clock.advance(Duration::from_millis(1));
    process.run();
    for thread in 0..THREADS {
        assert!(process.cut(thread).iter().all(|cut| !cut.is_behind));
    }
}

/// After a copy and a loss of power, it takes a while to decide from where a log of one line is read.
#[test]
fn an_older_copy_is_not_served_while_a_log_is_in_doubt() {
    let setting = Setting {
        rotation: Rotation::Copied,
        packs: false,
        durability: Durability::Power,
        has_births: false,
        lacks_links: false,
        seed: 16_128_407_494_289_603_738,
    };
    let damage = Damage::Cut;
    let operations = [
        Operation::LatePair,
        Operation::Pass(6_206),
        Operation::Pass(2_993),
        Operation::Rotate { log: 1 },
        Operation::PowerLoss,
        Operation::Write { log: 1, lines: 1 },
        Operation::Pass(5_139),
        Operation::Start,
        Operation::Pass(2_501),
        Operation::Damage {
            damage,
            place: 35_842,
        },
        Operation::Start,
        Operation::Pass(15_000),
    ];
    judge(&Surroundings::new(), setting, &operations).unwrap();
}

/// Expects one of the seeds to find a fault.
fn finds(fault: &str) {
    let with = Surroundings::new();
    let found = (0..FAULT_SEEDS).find(|seed| judge_seed(&with, *seed).is_err());
    SABOTAGE.set(None);
    planted::plant(None);
    file_planted::plant(None);
    assert!(found.is_some(), "{fault} was not found");
    if std::env::var("MOST").is_ok() {
        println!("{fault}: seed {}", found.unwrap());
    }
}

#[test]
fn each_sync_is_needed() {
    for sabotage in [
        Sabotage::NoLogSync,
        Sabotage::NoFileSync,
        Sabotage::NoDirectorySync,
    ] {
        SABOTAGE.set(Some(sabotage));
        finds(&format!("{sabotage:?}"));
    }
}

#[test]
fn a_previous_copy_that_is_served_too_early_is_found() {
    SABOTAGE.set(Some(Sabotage::ServesPrevious));
    finds("serving the previous copy at once");
    planted::plant(Some(planted::Fault::ServesBehind));
    finds("serving before all logs were read");
}

#[test]
fn linked_sources_that_are_cut_apart_are_found() {
    SABOTAGE.set(Some(Sabotage::RingApart));
    finds("cutting linked sources apart");
}

#[test]
fn counts_that_are_served_before_they_are_committed_are_found() {
    planted::plant(Some(planted::Fault::ServesUncommitted));
    finds("serving what is not committed");
}

#[test]
fn faults_of_the_follower_are_found() {
    use file_planted::{Fault, Part};
    for fault in [
        Fault::NoSavedTail,
        Fault::NoDrain,
        Fault::NotSaved(Part::Records),
    ] {
        file_planted::plant(Some(fault));
        finds(&format!("{fault:?}"));
    }
}
