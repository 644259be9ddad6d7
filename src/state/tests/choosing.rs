//! Tests of the choice of a copy.

use super::super::Version;
use super::super::choose::{Copy, Found, Verdict, choose};

const NEWER: Version = Version { major: 2, minor: 0 };

fn newer() -> Found {
    let writer = "3.0.0".to_owned();
    Found::Newer {
        version: NEWER,
        writer,
    }
}

fn valid(number: u64) -> Found {
    Found::Valid { number }
}

fn refuse_newer(copy: Copy) -> Verdict {
    let writer = "3.0.0".to_owned();
    Verdict::RefuseNewer {
        copy,
        version: NEWER,
        writer,
    }
}

#[test]
fn each_combination_of_copies_has_its_verdict() {
    use Verdict::*;
    let refuse_current = || refuse_newer(Copy::Current);
    let refuse_previous = || refuse_newer(Copy::Previous);
    let unreadable_current = || RefuseUnreadable(Copy::Current);
    let unreadable_previous = || RefuseUnreadable(Copy::Previous);
    let previous = [
        Found::Missing,
        Found::Unreadable,
        Found::Damaged,
        Found::Foreign,
        newer(),
        valid(6),
        valid(7),
        valid(8),
    ];
    #[rustfmt::skip]
    let table = [
        (Found::Missing, [Fresh, unreadable_previous(), NoneValid, NoneValid, refuse_previous(),
            PreviousBecauseMissing, PreviousBecauseMissing, PreviousBecauseMissing]),
        (Found::Unreadable, [unreadable_current(), unreadable_current(), unreadable_current(), unreadable_current(),
            refuse_previous(), PreviousBecauseUnreadable, PreviousBecauseUnreadable, PreviousBecauseUnreadable]),
        (Found::Damaged, [NoneValid, unreadable_previous(), NoneValid, NoneValid, refuse_previous(),
            PreviousBecauseDamaged, PreviousBecauseDamaged, PreviousBecauseDamaged]),
        (Found::Foreign, [NoneValid, unreadable_previous(), NoneValid, NoneValid, refuse_previous(),
            PreviousBecauseForeign, PreviousBecauseForeign, PreviousBecauseForeign]),
        (newer(), [refuse_current(), refuse_current(), refuse_current(), refuse_current(), refuse_current(),
            refuse_current(), refuse_current(), refuse_current()]),
        (valid(7), [Current, Current, Current, Current, Current, Current, Current, CurrentThoughOlder]),
    ];
    for (current, row) in table {
        for (previous, verdict) in previous.iter().zip(row) {
            let chosen = choose(&current, previous);
            assert_eq!(chosen, verdict, "{current:?} and {previous:?}");
            examine(&chosen, &current, previous);
        }
    }
}

/// Checks what holds for all verdicts.
fn examine(verdict: &Verdict, current: &Found, previous: &Found) {
    let of = |copy| match copy {
        Copy::Current => current,
        Copy::Previous => previous,
    };
    let is_valid = |copy: &Copy| matches!(of(*copy), Found::Valid { .. });
    let moved = verdict.quarantined(current, previous);
    match verdict.used() {
        Some(copy) => assert!(is_valid(&copy) && !verdict.is_refusal()),
        None => assert!(verdict.is_refusal() || !Copy::ALL.iter().any(is_valid)),
    }
    assert!(!moved.iter().any(is_valid));
    if verdict.is_refusal() {
        assert!(moved.is_empty() && verdict.used().is_none());
    } else if verdict.used().is_none() {
        // Counting starts at 0 only if nothing can be read by any program.
        for copy in Copy::ALL {
            assert!(matches!(
                of(copy),
                Found::Missing | Found::Damaged | Found::Foreign
            ));
        }
    }
    assert!(!verdict.to_string().is_empty());
}

#[test]
fn a_copy_that_may_hold_less_than_was_served_is_known() {
    assert!(!choose(&valid(7), &valid(6)).may_be_behind());
    assert!(choose(&valid(7), &valid(8)).may_be_behind());
    assert!(choose(&Found::Damaged, &valid(8)).may_be_behind());
    assert!(!choose(&Found::Missing, &Found::Missing).may_be_behind());
}
