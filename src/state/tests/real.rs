//! Tests of the store in a real directory.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::super::choose::Verdict;
use super::super::{
    Durability, Examined, Loaded, RealDirectory, Settings, Store, StoreError, inspect,
};
use super::{HOST, numbered};

fn settings(durability: Durability) -> Settings {
    Settings {
        durability,
        host: HOST,
    }
}

fn load(dir: &Path) -> Result<(Store, Loaded), StoreError> {
    let directory = RealDirectory::open(dir).unwrap();
    Store::load(Box::new(directory), settings(Durability::Power))
}

fn commit(store: &mut Store, number: u64) -> Result<u64, StoreError> {
    let committed = store.commit(&numbered(number), SystemTime::UNIX_EPOCH, &mut || Ok(()))?;
    Ok(committed.bytes)
}

#[test]
fn a_commit_is_read_by_the_next_start_and_keeps_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, loaded) = load(dir.path()).unwrap();
    assert_eq!(loaded.verdict, Verdict::Fresh);
    let bytes = (1..=3).map(|number| commit(&mut store, number).unwrap());
    assert_eq!(
        bytes.last().unwrap(),
        fs::metadata(dir.path().join("state")).unwrap().len()
    );
    let (_, loaded) = load(dir.path()).unwrap();
    assert_eq!(loaded.verdict, Verdict::Current);
    assert_eq!(loaded.checkpoint.unwrap().saved(), &numbered(3));
    assert!(loaded.moved.is_empty() && loaded.failures.is_empty());
    let inspection = inspect(&RealDirectory::open(dir.path()).unwrap());
    let Examined::Valid(previous) = inspection.previous else {
        panic!("{inspection:?}");
    };
    assert_eq!(previous.saved(), &numbered(2));
    for name in ["state", "state.prev"] {
        let mode = fs::metadata(dir.path().join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    assert!(!dir.path().join("state.tmp").exists());
}

#[test]
fn what_has_the_name_of_an_unfinished_file_is_not_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let (path, target) = (dir.path().join("state.tmp"), dir.path().join("target"));
    fs::write(&target, "precious").unwrap();
    let (mut store, _) = load(dir.path()).unwrap();
    symlink(&target, &path).unwrap();
    commit(&mut store, 1).unwrap();
    fs::hard_link(&target, &path).unwrap();
    commit(&mut store, 2).unwrap();
    fs::write(&path, "left by a process that was killed").unwrap();
    commit(&mut store, 3).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    fs::create_dir(&path).unwrap();
    let error = commit(&mut store, 4).unwrap_err();
    let remedy = format!("remove the directory {}", path.display());
    assert_eq!(error.remedy().unwrap(), remedy);
    let (_, loaded) = load(dir.path()).unwrap();
    assert_eq!(loaded.checkpoint.unwrap().saved(), &numbered(3));
}

#[test]
fn a_state_that_is_not_a_regular_file_is_neither_opened_nor_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let refused = || {
        let error = load(dir.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
        assert!(error.remedy().unwrap().contains("state reset"));
    };
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
    assert!(path.is_dir());
}

#[test]
fn logs_are_synced_before_the_checkpoint_and_only_if_power_may_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = load(dir.path()).unwrap();
    commit(&mut store, 1).unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let mut failing = || Err(io::Error::other("the disk fails"));
    let error = store.commit(&numbered(2), now, &mut failing).unwrap_err();
    assert_eq!(error.to_string(), "cannot sync the followed logs");
    let (mut store, loaded) = load(dir.path()).unwrap();
    assert_eq!(loaded.checkpoint.unwrap().saved(), &numbered(1));
    store.set_durability(Durability::Process);
    store.commit(&numbered(3), now, &mut failing).unwrap();
    let (_, loaded) = load(dir.path()).unwrap();
    let (header, saved) = loaded.checkpoint.unwrap().into_parts();
    assert_eq!(
        (saved, header.durability),
        (numbered(3), Durability::Process)
    );
}

#[test]
fn a_directory_that_is_moved_is_used_on_and_one_that_is_removed_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (temporary.path().join("a"), temporary.path().join("b"));
    fs::create_dir(&path).unwrap();
    let (mut store, _) = load(&path).unwrap();
    std::process::Command::new("mv")
        .args([&path, &elsewhere])
        .status()
        .unwrap();
    commit(&mut store, 1).unwrap();
    assert!(elsewhere.join("state").exists());
    fs::remove_dir_all(&elsewhere).unwrap();
    let error = commit(&mut store, 2).unwrap_err();
    assert!(error.remedy().unwrap().contains("restart the exporter"));
}
