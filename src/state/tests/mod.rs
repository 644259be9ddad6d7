//! Tests of checkpoints.

mod choosing;
mod codec;
mod crash;
mod real;
pub(crate) mod simulated;

use crate::model::{
    Saved, SavedFamily, SavedFront, SavedFronts, SavedGap, SavedInput, SavedLedger, SavedLines,
    SavedLink, SavedRequest, SavedRoutes, SavedSeries, SavedSide, SavedSource,
};

use super::{Durability, Header, Host};

/// The host of the tests.
const HOST: Host = Host {
    machine: 0x1111,
    boot: 0x2222,
};

fn header(number: u64) -> Header {
    let written_at = 1_800_000_000_000 + number;
    Header::new(number, written_at, HOST, Durability::Power)
}

/// Returns a small content that differs for each number.
fn numbered(number: u64) -> Saved {
    let mut saved = small();
    saved.key = [number, !number];
    saved.sources[0].ledger.recorded = number;
    saved
}

/// Returns a content with one of everything.
fn small() -> Saved {
    let ledger = SavedLedger {
        recorded: 1,
        overflow: 2,
        bytes: 300,
        rejected: vec![("format".into(), 4)],
        skipped: vec![("empty".into(), u64::MAX)],
    };
    let series = SavedSeries {
        labels: vec!["GET".into(), "é".into()],
        created: 1_800_000_000_000,
        values: vec![0, 1, 127, 128, u64::MAX],
    };
    let family = SavedFamily {
        name: "requests".into(),
        definition: "counter of method, route".into(),
        series: vec![series],
    };
    let routes = SavedRoutes {
        are_folded: true,
        names: vec!["/a/".into(), "/b/".into()],
        folded: 1,
        stated: 1,
    };
    let source = |name: &str, input: SavedInput| SavedSource {
        name: name.into(),
        input,
        ledger: ledger.clone(),
        families: vec![family.clone()],
        routes: routes.clone(),
        gaps: vec![SavedGap {
            reason: "truncated".into(),
            events: 2,
            at_least: Some(7),
            at_most: None,
        }],
    };
    let cursor = "s=1;i=2".to_owned();
    let outcomes = vec![("joined".into(), 3)];
    let request = |id, side| SavedRequest { id, age: 9, side };
    let link = SavedLink {
        front: "nginx".into(),
        backs: vec!["gunicorn".into()],
        key: [3, 4],
        lines: vec![SavedLines { outcomes }, SavedLines::default()],
        unreached: vec![("status".into(), 5)],
        queues: vec![vec![1, 2, 3]],
        others: SavedFronts::default(),
        requests: vec![
            request(
                1,
                SavedSide::Passed {
                    reason: 0,
                    time: Some(8),
                },
            ),
            request(
                2,
                SavedSide::Worked {
                    back: 0,
                    time: None,
                },
            ),
            request(u64::MAX, SavedSide::Joined),
        ],
    };
    Saved {
        key: [7, u64::MAX],
        is_behind: true,
        links: vec![link],
        sources: vec![
            source("nginx", SavedInput::Files(Box::default())),
            source(
                "gunicorn",
                SavedInput::Journal {
                    unit: "gunicorn.service".to_owned(),
                    cursor,
                },
            ),
            source("syslog", SavedInput::Stream),
        ],
    }
}

/// Returns a content with a link that has two fronts.
fn two_fronts() -> Saved {
    let mut saved = small();
    saved.links[0].others = SavedFronts {
        fronts: vec![SavedFront {
            name: "edge".into(),
            lines: SavedLines::default(),
            unreached: vec![("timeout".into(), 6)],
        }],
        requests: vec![1, 0, 0],
    };
    saved
}

/// Returns a content of one source with this many histogram series of 15 numbers.
pub(crate) fn large(series: usize) -> Saved {
    let mut state = 42_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let methods = ["GET", "POST", "HEAD"];
    let series = (0..series).map(|number| SavedSeries {
        labels: vec![
            methods[number % methods.len()].into(),
            format!("/shop/view-{number}/").into(),
        ],
        created: 1_800_000_000_000 + random() % 1_000_000,
        values: (0..15).map(|_| random() % 100_000).collect(),
    });
    let mut saved = small();
    saved.sources[0].families[0].series = series.collect();
    saved
}
