use proptest::prelude::*;
use proptest::sample::Index;

use super::super::plan::tests::{corpora, mutate};
use super::super::{Dialect, Keys, Pattern, Preset, Scratch};
use super::*;
use crate::model::{Field, Record};

/// A mutation of a line's members.
#[derive(Clone, Debug)]
enum Change {
    Drop(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
    Bytes(Index, u8, u8),
}

/// Returns the value of each field, and its place in the line.
fn show(record: &mut Record<'_>) -> Vec<(Option<String>, Option<usize>)> {
    let show = |field| {
        let place = record.text_mut(field).and_then(|text| *text);
        (record.show(field), place.map(|text| text.as_ptr() as usize))
    };
    Field::ALL.map(show).into()
}

fn check(pattern: &Pattern, scratch: &mut Scratch, line: &[u8]) {
    let by_hints = pattern.parse(scratch, line);
    let without = pattern.parse_by_regex(scratch, line);
    let [by_hints, without] =
        [by_hints, without].map(|read| read.map(|mut record| show(&mut record)));
    assert_eq!(
        by_hints,
        without,
        "{} reads {:?} differently with hints",
        pattern.name(),
        String::from_utf8_lossy(line)
    );
}

fn patterns(dialect: Dialect) -> Vec<Pattern> {
    let own: &[&[(&str, &str)]] = &[
        &[("status", "status"), ("host", "a.b"), ("user", "a.b.c")],
        &[("duration", "request_time"), ("target", "a"), ("view", "b")],
        &[("user_agent", "user_agent"), ("referer", "ua")],
    ];
    let own = own.iter().map(|names| {
        let mut keys = Keys::new();
        for (name, key) in *names {
            keys.bind(name, key).unwrap();
        }
        Pattern::from_keys("own", dialect, keys).unwrap()
    });
    let preset = match dialect {
        Dialect::Ltsv => "nginx-ltsv",
        _ => "nginx-json",
    };
    let preset = Preset::find(preset).unwrap().pattern().unwrap();
    let fields = [Field::Status, Field::Duration].into_iter().collect();
    let narrow = preset.clone().narrowed(fields);
    [preset, narrow].into_iter().chain(own).collect()
}

fn lines(is_one: fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    corpora().into_iter().filter(|line| is_one(line)).collect()
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::Drop),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Repeat(from, to)),
        any::<(Index, Index)>().prop_map(|(one, other)| Change::Swap(one, other)),
        any::<(Index, u8, u8)>().prop_map(|(at, kind, byte)| Change::Bytes(at, kind, byte)),
    ]
}

/// Returns the line with its members changed, then its bytes.
fn changed(line: &[u8], separator: u8, changes: &[Change]) -> Vec<u8> {
    let pieces = line.split(|byte| *byte == separator);
    let mut pieces: Vec<&[u8]> = pieces.collect();
    for change in changes {
        let length = pieces.len();
        match change {
            Change::Drop(at) if length > 1 => {
                pieces.remove(at.index(length));
            }
            Change::Repeat(from, to) => pieces.insert(to.index(length), pieces[from.index(length)]),
            Change::Swap(one, other) => pieces.swap(one.index(length), other.index(length)),
            _ => {}
        }
    }
    let mut line = pieces.join(&separator);
    for change in changes {
        if let Change::Bytes(at, kind, byte) = change {
            mutate(&mut line, &[(*at, *kind, *byte)], b"\\u0041\":{\"b\":[]}");
        }
    }
    line
}

/// Checks several lines in a row, each as it stands and changed.
fn agree(dialect: Dialect, of: &[(Index, Vec<Change>)]) {
    thread_local! {
        static JSON: (Vec<Vec<u8>>, Vec<Pattern>) =
            (lines(|line| line.starts_with(b"{")), patterns(Dialect::Json));
        static LTSV: (Vec<Vec<u8>>, Vec<Pattern>) =
            (lines(|line| line.starts_with(b"time:")), patterns(Dialect::Ltsv));
    }
    let (stock, separator) = match dialect {
        Dialect::Ltsv => (&LTSV, b'\t'),
        _ => (&JSON, b','),
    };
    stock.with(|(lines, patterns)| {
        for pattern in patterns {
            let mut scratch = pattern.scratch();
            for (line, changes) in of {
                let line = &lines[line.index(lines.len())];
                let changed = changed(line, separator, changes);
                for line in [line, &changed, line, &changed, &changed] {
                    check(pattern, &mut scratch, line);
                }
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn json_is_read_the_same_with_and_without_hints(
        lines in proptest::collection::vec((any::<Index>(), proptest::collection::vec(change(), 0..4)), 1..4),
    ) {
        agree(Dialect::Json, &lines);
    }

    #[test]
    fn ltsv_is_read_the_same_with_and_without_hints(
        lines in proptest::collection::vec((any::<Index>(), proptest::collection::vec(change(), 0..4)), 1..4),
    ) {
        agree(Dialect::Ltsv, &lines);
    }

    #[test]
    fn small_objects_are_read_the_same_with_and_without_hints(
        lines in proptest::collection::vec(
            r#" ?\{ ?(,?"(a|b|a\.b|a\.b\.c|c|status|ua|u\\u0061|\\u0062)" ?: ?("x"|"[\\"u0]{0,4}"|\{"b":"x"\}|\{"b":\{"c":1\}\}|\{,?("[bc]":-?[0-9]{1,3},?){0,2}\}|\[[0-9,]{0,3}\]|[0-9]{3}|null),?){0,4}\}"#,
            1..8,
        ),
    ) {
        thread_local! {
            static PATTERNS: Vec<Pattern> = patterns(Dialect::Json);
        }
        PATTERNS.with(|patterns| {
            for pattern in patterns {
                let mut scratch = pattern.scratch();
                for line in lines.iter().chain(&lines) {
                    check(pattern, &mut scratch, line.as_bytes());
                }
            }
        });
    }
}

fn member(keys: u32) -> Member {
    Member {
        keys,
        ..Member::NONE
    }
}

/// Returns the hint of each lead of a line, and learns the leads without one.
fn read(hints: &mut Hints, leads: &[&str]) -> Vec<Option<u32>> {
    hints.rewind();
    let place = Place::new(Prefix::ROOT, false);
    let read = |lead: &&str| {
        let line = format!("{lead}value").into_bytes();
        let found = hints
            .find(&line, place)
            .or_else(|| hints.find_further(&line, place));
        if found.is_none() {
            let keys = u32::from(lead.as_bytes()[0]);
            hints.learn(lead.as_bytes(), place, member(keys));
        }
        found.map(|(length, member)| {
            assert_eq!(length, lead.len());
            member.keys
        })
    };
    leads.iter().map(read).collect()
}

#[test]
fn keys_that_some_lines_omit_are_learned_once() {
    let mut hints = Hints::new();
    let known = |leads: &[&str]| -> Vec<_> {
        let keys = leads.iter().map(|lead| u32::from(lead.as_bytes()[0]));
        keys.map(Some).collect()
    };
    let long = "longer than sixteen bytes";
    let lines: [&[&str]; 4] = [
        &["a", long, "c", "d"],
        &["a", "x", long, "c", "d"],
        &["a", long, "d"],
        &["d"],
    ];
    assert_eq!(read(&mut hints, lines[0]), [None; 4]);
    assert_eq!(read(&mut hints, lines[0]), known(lines[0]));
    read(&mut hints, lines[1]);
    for line in &lines[..3] {
        assert_eq!(read(&mut hints, line), known(line));
    }
}

#[test]
fn a_hint_applies_at_its_place_only() {
    let mut hints = Hints::new();
    let places = [
        Place::new(Prefix::ROOT, false),
        Place::new(Prefix::ROOT, true),
        Place::new(
            Prefix {
                length: 1,
                ..Prefix::ROOT
            },
            false,
        ),
        Place::new(Prefix { keys: 1, length: 0 }, false),
    ];
    hints.learn(b"{\"a\":", places[0], member(1));
    for place in places {
        hints.rewind();
        let found = hints.find(b"{\"a\":1}", place);
        assert_eq!(found.is_some(), place == places[0]);
    }
    for rest in ["", "{", "{\"a\"", "{\"a\" :1, and much more behind it"] {
        hints.rewind();
        assert!(hints.find(rest.as_bytes(), places[0]).is_none());
    }
}

#[test]
fn memory_is_bounded() {
    let mut hints = Hints::new();
    let lead = [b'x'; LEAD_BYTES + 1];
    let place = Place::new(Prefix::ROOT, false);
    for _ in 0..2 * MOST {
        hints.learn(&lead, place, member(1));
        hints.learn(&lead[1..], place, member(2));
    }
    assert_eq!(hints.all.len(), MOST);
    hints.rewind();
    let found = hints
        .find_further(&lead, place)
        .map(|(length, member)| (length, member.keys));
    assert_eq!(found, Some((LEAD_BYTES, 2)));
    assert!(Hints::default().find(&lead, place).is_none());
}
