//! Thousands of histories, each from a seed, checked against the law: every line is counted once.

mod memory;
mod operation;
mod play;
mod rotator;
mod world;

use memory::Memory;
use operation::{Dice, Operation, Setting};
use play::judge;
use world::RealWorld;

use super::planted::{Fault, plant};

const SEEDS: u64 = 2_000;
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

/// Returns a short history that goes wrong, found by leaving out ever smaller parts.
fn shrink(setting: Setting, mut operations: Vec<Operation>) -> Vec<Operation> {
    let mut part = operations.len() / 2;
    while part > 0 {
        let mut from = 0;
        while from < operations.len() {
            let mut less = operations.clone();
            less.drain(from..(from + part).min(less.len()));
            if in_memory(setting, &less).is_err() {
                operations = less;
            } else {
                from += part;
            }
        }
        part /= 2;
    }
    operations
}

/// Describes the first of some seeds whose history goes wrong, shortened.
fn first_wrong(mut seeds: impl Iterator<Item = u64>) -> Option<String> {
    seeds.find_map(|seed| {
        let (setting, operations) = history(seed, OPERATIONS);
        in_memory(setting, &operations).err()?;
        let short = shrink(setting, operations);
        let wrong = in_memory(setting, &short).unwrap_err();
        let short: Vec<_> = short.iter().map(|step| format!("{step:?}")).collect();
        let short = short.join("\n");
        Some(format!("seed {seed}: {wrong}\n{setting:?}\n{short}"))
    })
}

#[test]
fn every_line_is_counted_once_whatever_happens() {
    let seeds = std::env::var("SEEDS").map_or(0..SEEDS, |seeds| {
        let (from, to) = seeds.split_once("..").expect("SEEDS is FROM..TO");
        from.parse().unwrap()..to.parse().unwrap()
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let own = seeds.clone().skip(thread).step_by(threads);
            scope.spawn(|| {
                if let Some(wrong) = first_wrong(own) {
                    panic!("{wrong}");
                }
            });
        }
    });
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
    plant(Some(fault));
    let found = (0..SEEDS).find(|seed| {
        let (setting, operations) = history(*seed, OPERATIONS);
        in_memory(setting, &operations).is_err()
    });
    plant(None);
    assert!(found.is_some(), "{fault:?} was not found");
}

#[test]
fn a_follower_that_does_not_drain_is_found() {
    finds(Fault::NoDrain);
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
fn a_follower_that_reads_holes_is_found() {
    finds(Fault::Hole);
}
