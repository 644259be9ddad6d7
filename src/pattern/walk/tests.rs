use proptest::prelude::*;

use super::super::Preset;
use super::super::text::LONG;
use super::*;

/// Asserts that the walk and the regex find every group at the same place; `false` without a walk.
fn check(source: &str, lines: &[&[u8]]) -> bool {
    let regex = regex::bytes::RegexBuilder::new(source)
        .unicode(false)
        .build()
        .unwrap();
    let Some(walk) = Walk::new(source, 1..regex.captures_len()) else {
        return false;
    };
    let mut trail = Trail::default();
    let mut locations = regex.capture_locations();
    for line in lines {
        let is_match = regex.captures_read(&mut locations, line).is_some();
        let shown = line.escape_ascii();
        assert_eq!(walk.run(&mut trail, line), is_match, "{source}: {shown}");
        for group in 1..regex.captures_len() {
            if is_match {
                let places = (trail.get(group), locations.get(group));
                assert_eq!(places.0, places.1, "group {group} of {source}: {shown}");
            }
        }
    }
    true
}

#[test]
fn groups_are_found_where_the_regex_finds_them() {
    let lines: [&[u8]; 16] = [
        b"",
        b"a",
        b"b",
        b"ab",
        b"ba",
        b"aab",
        b"abab",
        b"aabb ab",
        b" ",
        b"a b",
        b"a b a",
        b"\n",
        b"a\nb",
        b"a\r\n",
        b"\xff\xe9a",
        "é a".as_bytes(),
    ];
    for source in [
        "^(a*)(b*)$",
        "^(a*?)(a*)(.*)$",
        "^(a|ab)(c|bcd|b)?(.*?)$",
        "^((a)|b)*$",
        "^((a*)*)*$",
        "^((a*)+?b?)*$",
        "^(a??)(a??)(.*)$",
        "^(?:(a)|(b)|)*$",
        "^(|a)+$",
        "^(|a)(|b)*$",
        r"^(\w+)\b(.*)$",
        r"^(.*?)\b(.*)$",
        r"^(.*)\B(.*)$",
        r"(?m)^(?s)(.*)$(.*)\z",
        r"(?s)\A(.*)(?m:$)(.*?)(?m:^)(.*)\z",
        r"(?s)\A(.*)(?mR:$)(.*?)(?mR:^)(.*)\z",
        "^(?u:(.))(?s:(.*))$",
        "^(?i:(A+))(.*)$",
        "^(aab|aabb|ab|ba|b)(.*)$",
        "^(.{1,3})(.{0,2}?)(.*)$",
        r"^((?:.{1,2} ?){1,3})(.*)$",
    ] {
        assert!(check(source, &lines), "{source}");
    }
}

#[test]
fn a_trail_is_reusable() {
    let walk = Walk::new("^(a)?(b*)$", 1..3).unwrap();
    let mut trail = Trail::default();
    for (line, groups) in [
        ("abb", [Some((0, 1)), Some((1, 3))]),
        ("b", [None, Some((0, 1))]),
    ] {
        assert!(walk.run(&mut trail, line.as_bytes()));
        assert_eq!([trail.get(1), trail.get(2)], groups);
    }
    assert!(!walk.run(&mut trail, b"c"));
}

#[test]
fn oversized_tables_are_refused() {
    assert!(!check("^(.{60})a(.*)$", &[]));
    assert!(!check(r"^(?u:(.*)\b)$", &[]));
}

#[test]
fn long_lines_without_a_plan_are_read_as_by_the_regex() {
    let rest = r#" [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1 "-" "-""#;
    for name in ["nginx-combined", "gunicorn", "apache-combined"] {
        let pattern = Preset::find(name).unwrap().pattern().unwrap();
        for user in [" [", " [22/Nov/2026:18:47:15 +0000] ", " - ", "\\\"", "x"] {
            let line = format!("::1 - {}{rest}", user.repeat(2 * LONG / user.len()));
            let scratch = &mut pattern.scratch();
            assert_eq!(
                pattern.parse(scratch, line.as_bytes()),
                pattern.parse_by_regex(scratch, line.as_bytes()),
                "{name}: {user}"
            );
        }
    }
}

/// Generates expressions that fork, loop and assert in every way.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[ab ]{1,2}",
        3 => proptest::sample::select(vec![
            ".", r"\w", r"\S", r"[^a]", "", r"\b", r"\B", "(?m:^)", "(?m:$)", r"\d", "(?s:.)", "(?u:.)",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        let ends = proptest::sample::select(vec![
            "*", "*?", "+", "+?", "?", "??", "{2}", "{1,3}", "{0,2}?", "",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            proptest::collection::vec(inner.clone(), 1..4)
                .prop_map(|ways| format!("(?:{})", ways.join("|"))),
            (inner.clone(), ends.clone()).prop_map(|(part, end)| format!("(?:{part}){end}")),
            (inner, ends).prop_map(|(part, end)| format!("({part}){end}")),
        ]
    })
    .prop_map(|inner| format!("^(?:{inner})$"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn any_walk_agrees_with_the_regex(
        source in expression(),
        lines in proptest::collection::vec("[ab 1\n\u{e9}]{0,9}", 8),
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        check(&source, &lines);
    }
}
