//! Thousands of histories, each from a seed, checked against the law: every line is counted once.

pub(crate) mod memory;
pub(crate) mod operation;
mod play;
mod replacer;
mod restarter;
mod rewriter;
mod rotator;
pub(crate) mod seeds;
pub(crate) mod world;

use std::sync::Arc;
use std::time::Duration;

use memory::Memory;
use operation::{Dice, Operation, Setting};
use play::{judge, settings};
use world::{RealWorld, World};

pub(crate) use super::gzip;
use super::planted::{Fault, Part, plant};
use super::{FileSource, Progress, ReadBuffer, Start};
use crate::clock::ManualClock;
use crate::model::SecretKey;

/// Seeds of an ordinary run; `SEEDS=FROM..TO` plays others.
const SEEDS: u64 = 700;
/// Seeds among which one finds each planted fault.
const FAULT_SEEDS: u64 = 2_000;
const OPERATIONS: usize = 200;

/// Makes the history of a seed.
fn history(seed: u64, length: usize) -> (Setting, Vec<Operation>) {
    let mut dice = Dice::new(seed);
    let setting = dice.setting();
    let operations = dice.history(&setting, length);
    (setting, operations)
}

fn in_memory(setting: Setting, operations: &[Operation]) -> Result<usize, String> {
    judge(Memory::new(setting.has_births), setting, operations)
}

/// Describes the history of a seed that goes wrong, shortened.
fn describe(seed: u64) -> String {
    let (setting, operations) = history(seed, OPERATIONS);
    let short = seeds::shrink(operations, |less| in_memory(setting, less).is_err());
    let wrong = in_memory(setting, &short).unwrap_err();
    let short: Vec<_> = short.iter().map(|step| format!("{step:?}")).collect();
    let short = short.join("\n");
    format!("seed {seed}: {wrong}\n{setting:?}\n{short}")
}

#[test]
fn every_line_is_counted_once_whatever_happens() {
    let is_wrong = |(): &(), seed| {
        let (setting, operations) = history(seed, OPERATIONS);
        in_memory(setting, &operations).is_err()
    };
    seeds::assert_right(SEEDS, || (), is_wrong, |(), seed| describe(seed));
}

#[test]
fn the_same_on_a_real_file_system() {
    for seed in 0..60 {
        let (setting, operations) = history(seed, OPERATIONS);
        let operations: Vec<_> = operations
            .into_iter()
            .filter(|operation| !matches!(operation, Operation::Fail(_)))
            .collect();
        if let Err(wrong) = judge(RealWorld::new(), setting, &operations) {
            panic!("seed {seed}: {wrong}\n{setting:#?}");
        }
    }
}

/// Expects one of the seeds to find a planted fault.
fn finds(fault: Fault) {
    finds_from(fault, 0);
}

/// Does the same, and begins with this seed, which saves the search while the histories stay as they are.
fn finds_from(fault: Fault, first: u64) {
    plant(Some(fault));
    let found = (first..FAULT_SEEDS).chain(0..first).find(|seed| {
        let (setting, operations) = history(*seed, OPERATIONS);
        in_memory(setting, &operations).is_err()
    });
    plant(None);
    println!("{fault:?}: seed {found:?}");
    assert!(found.is_some(), "{fault:?} was not found");
}

#[test]
fn a_follower_that_does_not_drain_is_found() {
    finds(Fault::NoDrain);
}

#[test]
fn a_follower_that_closes_deleted_files_early_is_found() {
    finds(Fault::DeletedEarly);
}

#[test]
fn a_follower_that_does_not_compare_is_found() {
    finds(Fault::NoTail);
}

#[test]
fn a_follower_that_goes_by_names_is_found() {
    finds(Fault::ByName);
}

#[test]
fn a_follower_that_judges_by_the_names_of_rotated_files_is_found() {
    finds(Fault::ByRotatedName);
}

#[test]
fn a_follower_that_does_not_compare_texts_is_found() {
    finds(Fault::NoText);
}

#[test]
fn a_follower_that_does_not_poll_is_found() {
    finds(Fault::NoPoll);
}

#[test]
fn a_follower_that_does_not_poll_while_idle_is_found() {
    finds(Fault::NoSeldomPoll);
}

#[test]
fn a_follower_that_forgets_with_time_is_found() {
    finds(Fault::Forgets);
}

#[test]
fn a_follower_that_does_not_check_the_ends_of_archives_is_found() {
    finds_from(Fault::NoArchiveTail, 315);
}

#[test]
fn a_follower_that_reads_holes_is_found() {
    finds(Fault::Hole);
}

#[test]
fn a_follower_that_does_not_compare_after_a_restart_is_found() {
    finds(Fault::NoSavedTail);
}

#[test]
fn a_follower_that_forgets_files_that_are_gone_after_a_restart_is_found() {
    finds(Fault::NoSavedRecord);
}

#[test]
fn a_follower_that_leaves_out_a_part_of_its_state_is_found() {
    for part in Part::SIMULATED {
        let first = match part {
            Part::Floors => 865,
            Part::Archives => 1_684,
            _ => 0,
        };
        finds_from(Fault::NotSaved(part), first);
    }
}

/// Returns a log and so many rotated files.
fn standing(files: u32) -> Memory {
    let mut memory = Memory::new(true);
    memory.add("a.log", b"<a line of the log>\n");
    for number in 1..=files {
        let text = format!("<a line of the rotated file {number}>\n");
        memory.add(&format!("a.log.{number}"), text.as_bytes());
    }
    memory
}

/// Discovers the files of a pattern, and again hours later; returns the source, the calls of the last discovery, and those of a
/// round after it.
fn rest_for_hours(pattern: &str, mut memory: Memory) -> (FileSource<Memory>, (u64, u64)) {
    let clock = Arc::new(ManualClock::default());
    let settings = settings(&memory.path(pattern), Start::End);
    let mut source = FileSource::new(&settings, memory.fs(), clock.clone(), SecretKey::random());
    let mut calls = (0, 0);
    for _ in 0..4 {
        clock.advance(Duration::from_hours(2));
        memory.fail(None);
        source.discover(&mut |_| {});
        calls.0 = memory.calls();
        let mut buffer = ReadBuffer::default();
        while source.poll(&mut buffer, &mut |_| {}, &mut |_| {}) == Progress::More {}
        memory.fail(None);
        source.poll(&mut buffer, &mut |_| {}, &mut |_| {});
        calls.1 = memory.calls();
    }
    (source, calls)
}

/// Returns the calls of a discovery, and those of a round, hours after so many rotated files were last changed.
fn calls_at_rest(pattern: &str, files: u32) -> (u64, u64) {
    rest_for_hours(pattern, standing(files)).1
}

#[test]
fn twenty_thousand_standing_files_take_less_than_eight_megabytes() {
    let memory = standing(20_000);
    let mut source = None;
    let measured = allocation_counter::measure(|| {
        source = Some(rest_for_hours("a.log", memory.clone()).0);
    });
    assert!(measured.bytes_current < 8_000_000, "{measured:?}");
    assert!(measured.bytes_current > 1_000_000, "{measured:?}");
}

#[test]
fn twenty_thousand_standing_files_cost_no_calls() {
    let few = calls_at_rest("a.log", 20);
    assert_eq!(calls_at_rest("a.log", 20_000), few);
}

/// Returns the calls of the first discovery after a restart of the machine, which gives its devices other numbers.
fn calls_after_power_loss() -> u64 {
    let mut memory = standing(50);
    let (source, _) = rest_for_hours("a.log", memory.clone());
    let saved = source.save();
    drop(source);
    memory.sync();
    memory.lose_power();
    memory.fail(None);
    let settings = settings(&memory.path("a.log"), Start::End);
    let clock = Arc::new(ManualClock::default());
    // No file is known by its text: the key is another one.
    let key = SecretKey::random();
    let source = FileSource::resume(&settings, memory.fs(), clock, key, &saved);
    source.unwrap().discover(&mut |_| {});
    memory.calls()
}

#[test]
fn files_that_stand_are_known_though_their_device_has_another_number() {
    let known = calls_after_power_loss();
    plant(Some(Fault::NoDevices));
    let unknown = calls_after_power_loss();
    plant(None);
    assert!(known + 3 * 50 < unknown, "{known} {unknown}");
}

/// A discovery checks each file that a glob matches once; a round checks the directory.
#[test]
fn standing_files_of_a_glob_cost_a_call_a_discovery_and_none_a_round() {
    let few = calls_at_rest("a.log*", 20);
    let many = calls_at_rest("a.log*", 2_020);
    assert_eq!((many.0 - few.0, many.1), (2_000, few.1));
}
