//! Compares the causes that `compare` finds on the pages with those of the requests.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::request;
use super::table::Account;
use crate::support::run;

/// Asserts that `compare`, which has the pages alone, finds the causes that the requests have.
pub fn assert_found(account: &Account, [theirs, ours]: [&str; 2], dir: &Path) {
    fs::write(dir.join("theirs"), theirs).unwrap();
    fs::write(
        dir.join("ours"),
        format!("httplog_exporter_build_info 1\n{ours}"),
    )
    .unwrap();
    let args = ["compare", "--django", "theirs", "--ours", "ours"];
    let tables = run(dir, args, "").succeeded();
    let json = run(dir, [&args[..], &["--json"]].concat(), "").succeeded();
    let result: Value = serde_json::from_str(&json).unwrap();
    let classes = result["classes"].as_array().unwrap();
    let found = |class: &str, family: &str| {
        let own = classes.iter().find(|own| own["name"] == class);
        own.map_or(0, |own| own["families"][family].as_u64().unwrap_or(0))
    };
    for class in ["workers", "reset", "beginning", "view", "unread"] {
        assert!(classes.iter().all(|own| own["name"] != class), "{tables}");
    }
    let mut all = 0;
    for (class, family, causes) in [
        (
            "unreached",
            request::REQUESTS,
            &["no response", "rejected by gunicorn"][..],
        ),
        (
            "middleware",
            request::BY_METHOD,
            &["rejected by a middleware before theirs"],
        ),
        (
            "before_view",
            request::BY_VIEW,
            &["rejected by a middleware before the view"],
        ),
        (
            "rewritten",
            request::BY_STATUS,
            &["APPEND_SLASH", "ConditionalGet", "the client"],
        ),
    ] {
        let expected = account.total(family, causes);
        all += expected;
        assert_eq!(
            found(class, family),
            expected,
            "{class}\n{tables}\n{}",
            account.summary()
        );
    }
    assert!(all > 300, "{all}");
}
