//! `routes`: which view a path leads to, and why.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{project, run};

fn routes<'a>(dir: &Path, args: &[&'a str]) -> crate::support::Ended {
    let dump = project("fixtures/urlconf/rich.jsonl");
    let head = ["routes", "--urlconf"].map(OsStr::new);
    let args = args.iter().map(|arg: &&'a str| OsStr::new(*arg));
    let args: Vec<&OsStr> = head
        .into_iter()
        .chain([dump.as_ref()])
        .chain(args)
        .collect();
    run(dir, args, "")
}

#[test]
fn a_path_is_explained_by_its_chain_and_what_nearly_took_it() {
    let dir = tempfile::tempdir().unwrap();
    let ended = routes(dir.path(), &["/articles/2026/?page=2", "/de/kontakt/"]);
    assert_snapshot!(ended.succeeded(), @"");
}

#[test]
fn a_path_without_a_view_is_1() {
    let dir = tempfile::tempdir().unwrap();
    let check = |args: &[&str]| {
        let ended = routes(dir.path(), args);
        assert_eq!(ended.code, Some(1));
        ended.out + &ended.err
    };
    assert_snapshot!(check(&["/articles/x"]), @"");
    assert_snapshot!(check(&["/", "/nope"]), @"");
    assert_snapshot!(check(&["--strip-prefix", "/app", "/x"]), @"");
}

#[test]
fn all_routes_are_listed_with_their_engines_and_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let list = routes(dir.path(), &[]).succeeded();
    for expected in [
        "trie          articles:year ",
        "backtracking  twice ",
        "regex         open ",
        "/de/kontakt/  (de)",
        "the converter `shop.rich_urls.Hex4` of view `hex` may refuse",
        "2 warnings\n",
    ] {
        assert!(list.contains(expected), "no {expected:?} in {list}");
    }
}

#[test]
fn a_dump_that_cannot_be_used_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(dir.path(), ["routes", "--urlconf", "none.jsonl", "/"], "");
    assert_snapshot!(ended.failed(66), @"");
    fs::write(dir.path().join("bad.jsonl"), "{}\n").unwrap();
    let ended = run(dir.path(), ["routes", "--urlconf", "bad.jsonl", "/"], "");
    assert_snapshot!(ended.failed(78), @"");
}
