//! Tests of the command `state`.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use httplog_exporter::model::{
    Saved, SavedFamily, SavedGap, SavedInput, SavedLedger, SavedLink, SavedSeries, SavedSource,
};
use httplog_exporter::state::{Durability, Host, RealDirectory, Settings, Store};
use serde_json::Value;

use crate::support::{Daemon, run};

fn saved() -> Saved {
    let series = ["GET", "POST"].map(|method| SavedSeries {
        labels: vec![method.into()],
        created: 1_795_373_235_000,
        values: vec![600],
    });
    let family = SavedFamily {
        name: "httplog_requests_total".into(),
        definition: "counter".into(),
        series: series.into(),
    };
    let nginx = SavedSource {
        name: "nginx".into(),
        ledger: SavedLedger {
            recorded: 1_200,
            overflow: 0,
            bytes: 123_456,
            rejected: vec![("format".into(), 34), ("overlong".into(), 0)],
            skipped: vec![("empty".into(), 5)],
        },
        families: vec![family],
        gaps: vec![SavedGap {
            reason: "truncated".into(),
            events: 2,
            at_least: Some(7),
            at_most: None,
        }],
        ..SavedSource::default()
    };
    let gunicorn = SavedSource {
        name: "gunicorn".into(),
        input: SavedInput::Journal {
            unit: "gunicorn.service".into(),
            cursor: "s=1;i=2".into(),
        },
        ..SavedSource::default()
    };
    let link = SavedLink {
        front: "nginx".into(),
        backs: vec!["gunicorn".into()],
        ..SavedLink::default()
    };
    Saved {
        sources: vec![nginx, gunicorn],
        links: vec![link],
        ..Saved::default()
    }
}

/// Makes two commits in the directory `state`, of 2026-11-22T18:47:15Z and later.
fn commit(dir: &Path, host: Host) {
    let state = dir.join("state");
    fs::create_dir_all(&state).unwrap();
    let directory = RealDirectory::open(&state).unwrap();
    let settings = Settings {
        durability: Durability::Power,
        host,
    };
    let (mut store, _) = Store::load(Box::new(directory), settings).unwrap();
    for second in 0..2 {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_373_235 + second);
        store.commit(&saved(), now, &mut || Ok(())).unwrap();
    }
}

#[test]
fn what_is_kept_is_shown_in_words() {
    let dir = tempfile::tempdir().unwrap();
    commit(dir.path(), Host::read());
    let shown = run(dir.path(), ["state", "show", "state"], "").succeeded();
    let (first, rest) = shown.split_once('\n').unwrap();
    let begin = "state/state: checkpoint 2, written 2026-11-22T18:47:16Z (";
    assert!(first.starts_with(begin), "{first}");
    let rest = rest.replace(
        "note: it was written later than now by this host's clock, which was set back\n",
        "",
    );
    assert_eq!(
        rest,
        "nginx: 1,239 lines, 1,200 recorded, 34 rejected, 5 skipped; 123,456 bytes\n  \
           rejected, format: 34\n  \
           gaps, truncated: 2\n  \
           2 series of 1 family, 0 routes\n  \
           a stream, of which nothing can be read again\n\
         gunicorn: 0 lines, 0 recorded, 0 rejected, 0 skipped; 0 bytes\n  \
           0 series of 0 families, 0 routes\n  \
           the journal of gunicorn.service up to the entry s=1;i=2\n\
         nginx before gunicorn: 0 requests may be joined\n"
    );
    let shown = run(dir.path(), ["state", "show", "--json", "state"], "").succeeded();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    for (pointer, value) in [
        ("/path", Value::from("state/state")),
        ("/checkpoint", 2.into()),
        ("/written", "2026-11-22T18:47:16Z".into()),
        ("/durability", "power".into()),
        ("/format", "1.0".into()),
        ("/sources/0/rejected/format", 34.into()),
        ("/sources/0/gaps/truncated", 2.into()),
        ("/sources/0/series/httplog_requests_total", 2.into()),
        ("/sources/1/input", "journal".into()),
        ("/sources/1/cursor", "s=1;i=2".into()),
        ("/links/0/behind/0", "gunicorn".into()),
    ] {
        assert_eq!(
            shown.pointer(pointer),
            Some(&value),
            "{pointer} in {shown:#}"
        );
    }
}

#[test]
fn a_check_says_which_copy_is_used_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = Host {
        machine: 1,
        boot: 1,
    };
    commit(dir.path(), elsewhere);
    let check = || run(dir.path(), ["state", "check", "state"], "");
    let said = check().succeeded();
    assert!(said.contains("state/state: checkpoint 2, "), "{said}");
    assert!(said.contains("state/state.prev: checkpoint 1, "), "{said}");
    assert!(said.contains("\n`state` is used\n"), "{said}");
    // A container may have no machine id.
    if Host::read().machine != 0 {
        assert!(said.contains("note: another host wrote it"), "{said}");
    }
    let state = dir.path().join("state/state");
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() - 1]).unwrap();
    let said = check().succeeded();
    assert!(said.contains("state/state: damaged at byte "), "{said}");
    let verdict =
        "\n`state.prev` is used, as `state` is damaged\nnote: the exporter may have served more";
    assert!(said.contains(verdict), "{said}");
    fs::write(dir.path().join("state/state.prev"), "#!/bin/sh\n").unwrap();
    let ended = check();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .out
            .contains("state/state.prev: not a state file of httplog-exporter\n")
    );
    let said = "error: no copy can be used: counting starts at 0\n = help: ";
    assert!(ended.err.starts_with(said), "{}", ended.err);
    let said = run(dir.path(), ["state", "show", "state"], "").failed(1);
    assert!(said.contains("state check state"), "{said}");
    // Nothing was moved.
    assert_eq!(fs::read_dir(dir.path().join("state")).unwrap().count(), 2);
}

#[test]
fn a_reset_moves_the_state_away_if_it_is_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    commit(dir.path(), Host::read());
    let said = run(dir.path(), ["state", "reset", "state"], "y\n").failed(64);
    assert!(said.contains("--yes"), "{said}");
    assert!(dir.path().join("state/state").exists());
    let said = run(dir.path(), ["state", "reset", "--yes", "state"], "").succeeded();
    assert_eq!(
        said,
        "state/state.prev is now state/state.reset-1\nstate/state is now state/state.reset-2\n"
    );
    let left = fs::read_dir(dir.path().join("state")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    // Nor a lock file, which would be another user's than the exporter's.
    assert_eq!(left, ["state.reset-1", "state.reset-2"]);
    assert_eq!(
        run(dir.path(), ["state", "check", "state"], "").code,
        Some(1)
    );
    let said = run(dir.path(), ["state", "reset", "state"], "").succeeded();
    assert_eq!(said, "nothing was moved\n");
}

#[test]
fn a_reset_is_refused_while_an_exporter_uses_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let config = super::config(dir.path(), "state");
    let daemon = Daemon::configured(dir.path(), &config);
    let said = run(dir.path(), ["state", "reset", "--yes", "state"], "").failed(74);
    let in_use = format!("is in use by process {}", daemon.id());
    assert!(
        said.contains(&in_use) && said.contains("systemctl stop"),
        "{said}"
    );
    assert!(dir.path().join("state/lock").exists());
}

#[test]
fn the_configuration_names_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let check = || {
        run(
            dir.path(),
            ["state", "check", "--config", "config.toml"],
            "",
        )
    };
    let said = check().failed(66);
    assert!(said.contains("config.toml"), "{said}");
    fs::write(
        dir.path().join("config.toml"),
        super::config(dir.path(), "state"),
    )
    .unwrap();
    let said = check().failed(66);
    assert!(said.contains("state: No such file"), "{said}");
    commit(dir.path(), Host::read());
    assert!(check().succeeded().contains("`state` is used"));
    let without = crate::lifecycle::configuration(dir.path());
    fs::write(dir.path().join("config.toml"), without).unwrap();
    let said = check().failed(78);
    assert!(said.contains("has no state.dir"), "{said}");
}
