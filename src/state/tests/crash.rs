//! Tests of the store on the simulated directory: a crash at each operation, each loss of power, each failure.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::super::choose::Verdict;
use super::super::codec::encode;
use super::super::{Durability, Loaded, Settings, Store, StoreError, reset};
use super::simulated::{Ignored, Simulated};
use super::{HOST, header};
use crate::model::{Saved, SavedSource};

/// Number of a content that is committed last.
const LAST: u64 = 99;

/// Returns a content that differs for each number. A short one, as it is written many times.
fn numbered(number: u64) -> Saved {
    Saved {
        key: [number, !number],
        ..Saved::default()
    }
}

fn file(number: u64) -> Vec<u8> {
    encode(&header(number), &numbered(number), 0).unwrap()
}

fn load(directory: &Simulated, durability: Durability) -> Result<(Store, Loaded), StoreError> {
    let host = HOST;
    Store::load(Box::new(directory.clone()), Settings { durability, host })
}

fn commit(store: &mut Store, number: u64) -> Result<(), StoreError> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
    let committed = store.commit(&numbered(number), now, &mut || Ok(()));
    committed.map(drop)
}

/// Returns the number of the content that a start uses; 0 if there is none.
fn loaded(directory: &Simulated) -> Result<u64, String> {
    directory.restart(None);
    let loaded = load(directory, Durability::Power);
    let (_, loaded) = loaded.map_err(|error| format!("refused: {error}"))?;
    if !loaded.failures.is_empty() {
        return Err(format!("{:?}", loaded.failures));
    }
    if loaded.verdict == Verdict::NoneValid {
        return Err("no copy is valid".into());
    }
    Ok(number_of(&loaded))
}

fn number_of(loaded: &Loaded) -> u64 {
    let checkpoint = loaded.checkpoint.as_ref();
    checkpoint.map_or(0, |checkpoint| checkpoint.saved().key[0])
}

/// Calls `examine` with a directory after each result of a loss of power.
fn after_each_power_loss(
    directory: &Simulated,
    mut examine: impl FnMut(Simulated) -> Result<(), String>,
) -> Result<(), String> {
    for result in 0..directory.power_losses() {
        let fork = directory.fork();
        fork.lose_power(result);
        examine(fork).map_err(|error| format!("loss {result}: {error}"))?;
    }
    Ok(())
}

/// Syncs that do nothing, during commits and during starts.
#[derive(Clone, Copy, Debug, Default)]
struct Planted {
    commit: Option<Ignored>,
    start: Option<Ignored>,
}

/// Examines a directory in which one of these contents must be found, also after everything that can follow.
fn examine(directory: &Simulated, allowed: &[u64], planted: Planted) -> Result<(), String> {
    let found = |directory: &Simulated, allowed: &[u64]| {
        let number = loaded(directory)?;
        let is_allowed = allowed.contains(&number);
        let error = || format!("{number} is loaded, and not one of {allowed:?}");
        is_allowed.then_some(number).ok_or_else(error)
    };
    let started = directory.fork();
    started.ignore(planted.start);
    let served = found(&started, allowed)?;
    let operations = started.operations();
    started.ignore(None);
    // What was loaded is served, and is not taken back.
    after_each_power_loss(&started, |fork| found(&fork, &[served]).map(drop))
        .map_err(|error| format!("after a start: {error}"))?;
    // A start that is killed changes nothing.
    for killed_at in 0..operations {
        let fork = directory.fork();
        fork.restart(Some(killed_at));
        let _ = load(&fork, Durability::Power);
        found(&fork, allowed).map_err(|error| format!("start killed at {killed_at}: {error}"))?;
    }
    // Counting goes on.
    started.restart(None);
    let (mut store, _) = load(&started, Durability::Power).map_err(|error| error.to_string())?;
    commit(&mut store, LAST).map_err(|error| error.to_string())?;
    after_each_power_loss(&started, |fork| found(&fork, &[LAST]).map(drop))
        .map_err(|error| format!("after another commit: {error}"))
}

/// Kills a commit at each operation, loses power in each way, and examines what is found.
fn every_crash(create: fn() -> Simulated, planted: Planted) -> Result<(), String> {
    for (earlier, durability) in [
        (0, Durability::Power),
        (1, Durability::Power),
        (2, Durability::Power),
        (1, Durability::Process),
        (2, Durability::Process),
    ] {
        let base = create();
        let (mut store, _) = load(&base, durability).unwrap();
        for number in 1..=earlier {
            commit(&mut store, number).unwrap();
        }
        let mut killed_at = 0;
        loop {
            let fork = base.fork();
            fork.ignore(planted.start);
            let (mut store, _) = load(&fork, Durability::Power).unwrap();
            fork.restart(Some(killed_at));
            fork.ignore(planted.commit);
            let is_done = commit(&mut store, earlier + 1).is_ok();
            fork.ignore(None);
            let both = [earlier + 1, earlier];
            let allowed = if is_done { &both[..1] } else { &both };
            let place = |error| {
                format!("{earlier} commits of {durability:?}, killed at {killed_at}: {error}")
            };
            examine(&fork, allowed, planted).map_err(place)?;
            after_each_power_loss(&fork, |fork| examine(&fork, allowed, planted)).map_err(place)?;
            if is_done {
                break;
            }
            killed_at += 1;
        }
        assert!(killed_at > 5, "{killed_at}");
    }
    Ok(())
}

#[test]
fn a_crash_at_any_operation_leaves_the_content_before_or_the_new_one() {
    every_crash(Simulated::default, Planted::default()).unwrap();
}

#[test]
fn so_it_is_on_a_file_system_without_second_names() {
    every_crash(Simulated::without_links, Planted::default()).unwrap();
}

#[test]
fn each_sync_is_needed() {
    for ignored in [Ignored::File, Ignored::Directory] {
        let none = Planted::default();
        let commit = Planted {
            commit: Some(ignored),
            ..none
        };
        let start = Planted {
            start: Some(ignored),
            ..none
        };
        for planted in [commit, start] {
            let found = every_crash(Simulated::default, planted);
            assert!(found.is_err(), "{planted:?} is not found");
        }
    }
}

#[test]
fn a_commit_without_syncs_survives_the_end_of_the_process() {
    let base = Simulated::default();
    let (mut store, _) = load(&base, Durability::Process).unwrap();
    commit(&mut store, 1).unwrap();
    commit(&mut store, 2).unwrap();
    // Nothing is synced.
    let held_back = base.power_losses();
    assert!(held_back > 100, "{held_back}");
    for killed_at in 0.. {
        let fork = base.fork();
        let (mut store, _) = load(&fork, Durability::Process).unwrap();
        fork.restart(Some(killed_at));
        let is_done = commit(&mut store, 3).is_ok();
        fork.restart(None);
        let number = number_of(&load(&fork, Durability::Process).unwrap().1);
        assert!(number == 3 || number == 2 && !is_done, "{killed_at}");
        if is_done {
            break;
        }
    }
}

#[test]
fn a_commit_that_fails_is_followed_by_one_that_holds() {
    let base = Simulated::default();
    let (mut store, _) = load(&base, Durability::Power).unwrap();
    commit(&mut store, 1).unwrap();
    commit(&mut store, 2).unwrap();
    base.restart(None);
    commit(&mut store, 3).unwrap();
    let operations = base.operations();
    for errno in [
        Errno::NOSPC,
        Errno::IO,
        Errno::ROFS,
        Errno::DQUOT,
        Errno::ACCESS,
    ] {
        for at in 0..operations {
            let fork = base.fork();
            let (mut store, _) = load(&fork, Durability::Power).unwrap();
            fork.fail(at, errno);
            let error = commit(&mut store, 4).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("/state"), "{said}");
            assert!(error.remedy().is_some(), "{said}: {errno}");
            let either = |fork: Simulated| examine(&fork, &[3, 4], Planted::default());
            let context = |error| panic!("{errno} at {at}: {error}");
            after_each_power_loss(&fork, either).unwrap_or_else(context);
            // Of a disk that is full, the part that was written is given back.
            let is_left = fork.names().contains(&"state.tmp".to_owned());
            assert!(!is_left, "{said}");
            commit(&mut store, 5).unwrap();
            let last = |fork: Simulated| examine(&fork, &[5], Planted::default());
            after_each_power_loss(&fork, last).unwrap_or_else(context);
        }
    }
}

#[test]
fn a_damaged_copy_is_moved_away_and_the_other_is_used() {
    let directory = Simulated::default();
    for number in 1..=9 {
        directory.put("state", b"damaged");
        directory.put("state.prev", &file(4));
        let (_, loaded) = load(&directory, Durability::Power).unwrap();
        assert_eq!(loaded.verdict, Verdict::PreviousBecauseForeign);
        assert_eq!(number_of(&loaded), 4);
        let [moved] = &loaded.moved[..] else {
            panic!("{loaded:?}");
        };
        assert_eq!(moved.is_replaced, number == 9);
        let number = number.min(8);
        let to = format!("/state/state.damaged-{number}");
        assert_eq!(moved.to, Path::new(&to));
    }
}

#[test]
fn a_start_that_is_killed_while_it_moves_a_copy_is_repeated() {
    let cut = &file(5)[..100];
    for (current, previous, number) in [
        (cut.to_vec(), file(4), 4),
        (file(5), cut.to_vec(), 5),
        (cut.to_vec(), cut.to_vec(), 0),
    ] {
        for killed_at in 0..20 {
            let directory = Simulated::default();
            directory.put("state", &current);
            directory.put("state.prev", &previous);
            directory.restart(Some(killed_at));
            let _ = load(&directory, Durability::Power);
            after_each_power_loss(&directory, |fork| {
                fork.restart(None);
                let (mut store, loaded) = load(&fork, Durability::Power).unwrap();
                assert_eq!(number_of(&loaded), number, "{killed_at}");
                commit(&mut store, 6).unwrap();
                let names = fork.names();
                let damaged = names.iter().filter(|name| name.contains("damaged"));
                let expected = if number == 0 { 2 } else { 1 };
                assert_eq!(damaged.count(), expected, "{names:?}");
                Ok(())
            })
            .unwrap();
        }
    }
}

#[test]
fn a_copy_that_cannot_be_moved_is_not_replaced() {
    let directory = Simulated::default();
    directory.put("state", b"damaged");
    directory.put("state.prev", &file(4));
    // Two reads, one look for an unused name, and the move.
    directory.fail(3, Errno::ROFS);
    let (mut store, loaded) = load(&directory, Durability::Power).unwrap();
    assert_eq!((loaded.moved.len(), loaded.failures.len()), (0, 1));
    assert_eq!(number_of(&loaded), 4);
    directory.fail(1, Errno::ROFS);
    let error = commit(&mut store, 5).unwrap_err();
    assert_eq!(error.to_string(), "cannot move /state/state");
    let mut committed = || {
        store
            .commit(&numbered(5), SystemTime::UNIX_EPOCH, &mut || Ok(()))
            .unwrap()
    };
    assert_eq!(committed().moved.len(), 1);
    assert_eq!(committed().moved, []);
    let names = ["state", "state.damaged-1", "state.prev"];
    assert_eq!(directory.names(), names);
    assert_eq!(loaded_number(&directory), 5);
}

fn loaded_number(directory: &Simulated) -> u64 {
    loaded(directory).unwrap()
}

#[test]
fn numbers_grow_whatever_was_found() {
    let directory = Simulated::default();
    directory.put("state", b"damaged");
    directory.put("state.prev", &file(41));
    let (mut store, _) = load(&directory, Durability::Power).unwrap();
    let committed = store.commit(&numbered(1), SystemTime::UNIX_EPOCH, &mut || Ok(()));
    assert_eq!(committed.unwrap().number, 42);
    let inconsistent = Saved {
        sources: vec![SavedSource::default(), SavedSource::default()],
        ..Saved::default()
    };
    let refused = store.commit(&inconsistent, SystemTime::UNIX_EPOCH, &mut || Ok(()));
    assert!(matches!(refused, Err(StoreError::Inconsistent(_))));
    let committed = store.commit(&numbered(1), SystemTime::UNIX_EPOCH, &mut || Ok(()));
    assert!(committed.unwrap().number > 42);
}

#[test]
fn a_start_that_is_refused_changes_nothing() {
    let mut newer = header(5);
    newer.version.major = 2;
    newer.writer = "2.0.0".into();
    let directory = Simulated::default();
    directory.put("state", &encode(&newer, &numbered(5), 0).unwrap());
    directory.put("state.prev", b"damaged");
    let error = load(&directory, Durability::Power).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/state/state was written by httplog-exporter 2.0.0 in format 2.0, which this program cannot read"
    );
    assert!(error.remedy().unwrap().contains("state reset /state"));
    assert_eq!(directory.names(), ["state", "state.prev"]);
    // A copy that cannot be read now, and no other.
    let directory = Simulated::default();
    directory.put("state", &file(1));
    directory.fail(0, Errno::MFILE);
    let error = load(&directory, Durability::Power).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /state/state");
    assert!(error.remedy().unwrap().contains("LimitNOFILE"));
    assert_eq!(loaded_number(&directory), 1);
}

#[test]
fn a_reset_moves_the_state_away_and_does_not_revive_the_previous_copy() {
    for killed_at in 0.. {
        let directory = Simulated::default();
        directory.put("state", &file(5));
        directory.put("state.prev", &file(4));
        directory.restart(Some(killed_at));
        let is_done = reset(&directory).is_ok();
        let allowed = if is_done { &[0][..] } else { &[5, 0] };
        let number = loaded_number(&directory);
        assert!(allowed.contains(&number), "{killed_at}: {number}");
        if is_done {
            let names = ["state.reset-1", "state.reset-2"];
            assert_eq!(directory.names(), names);
            break;
        }
    }
}
