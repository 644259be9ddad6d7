use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;

use super::super::Reject;
use super::super::plan::tests::{corpora, mutate};
use super::lexeme::any_number_end;
use super::lower::Node;
use super::*;
use crate::model::Field;

fn json(keys: &[(&str, &str)]) -> Keys {
    let mut of = Keys::new();
    for (name, key) in keys {
        of.bind(name, key).unwrap();
    }
    of
}

fn parse<'l>(keys: &Keys, line: &'l [u8]) -> Result<Record<'l>, Reject> {
    let mut record = Record::default();
    match read(keys, &mut Hints::new(), line, &mut record) {
        Ahead::Line { length, outcome } if length == line.len() => outcome.map(|()| record),
        _ => Err(Reject::Mismatch),
    }
}

fn check(keys: &[(&str, &str)], line: &str, expected: &[Option<&str>]) {
    let record = parse(&json(keys), line.as_bytes());
    let record = record.unwrap_or_else(|reject| panic!("{line}: {reject:?}"));
    for ((name, _), expected) in keys.iter().zip(expected) {
        let field = Field::from_name(name.split("_ms").next().unwrap()).unwrap();
        assert_eq!(record.show(field).as_deref(), *expected, "{name} of {line}");
    }
}

#[test]
fn keys_find_their_values_in_any_order_and_nesting() {
    let keys = [
        ("status", "http.status"),
        ("target", "http.url.path"),
        ("duration_ms", "took"),
    ];
    let expected = [Some("200"), Some("/a"), Some("12.5ms")];
    for line in [
        r#"{"took":12.5,"http":{"status":200,"url":{"path":"/a"}}}"#,
        r#" { "http" : { "url" : { "x":[{"path":1}], "path" : "/a" } , "status" : "200" } , "took" : "12.5" } "#,
        r#"{"http.status":200,"http.url":{"path":"/a"},"took":1.25e1}"#,
        r#"{"http":{"status":200,"url.path":"/a"},"took":12.5}"#,
        r#"{"\u0068ttp":{"stat\u0075s":200,"url":{"path":"/a"}},"took":12.5}"#,
        r#"{"status":1,"path":2,"http":{"took":3,"status":200,"url":{"path":"/a","status":4}},"took":12.5}"#,
        // The first value of a key is read.
        r#"{"took":12.5,"took":1,"http":{"status":200,"status":404},"http":{"url":{"path":"/a"},"status":500}}"#,
    ] {
        check(&keys, line, &expected);
    }
}

#[test]
fn missing_values_are_absent() {
    let keys = [
        ("status", "s"),
        ("target", "t"),
        ("duration", "d"),
        ("response_bytes", "b"),
    ];
    check(&keys, r#"{"s":null,"t":"","d":"-","b":[1,2]}"#, &[None; 4]);
    check(&keys, r#"{"s":"-","t":null,"b":"None"}"#, &[None; 4]);
    check(
        &keys,
        r#"{"s":0,"t":true}"#,
        &[Some("000"), Some("true"), None, None],
    );
    check(
        &keys,
        r#"{"s":009,"t":7}"#,
        &[Some("009"), Some("7"), None, None],
    );
}

#[test]
fn integers_may_have_fractions_and_exponents() {
    let keys = [("status", "s"), ("response_bytes", "b")];
    let line = |status, bytes| format!(r#"{{"s":{status},"b":{bytes}}}"#);
    for (status, expected) in [
        ("200.0", "200"),
        ("2e2", "200"),
        ("40.4E+1", "404"),
        ("7.0", "007"),
    ] {
        check(&keys, &line(status, "1"), &[Some(expected), Some("1")]);
    }
    for (bytes, expected) in [
        ("1e3", Some("1000")),
        ("1204.0", Some("1204")),
        ("\"1204.0\"", Some("1204")),
        ("1204.5", None),
        ("1e99", None),
        ("-1", None),
    ] {
        check(&keys, &line("200", bytes), &[Some("200"), expected]);
    }
    for status in ["200.5", "2e3", "1e99", "-2e2", "2000.0"] {
        let line = line(status, "1");
        assert_eq!(
            parse(&json(&keys), line.as_bytes()),
            Err(Reject::Number),
            "{line}"
        );
    }
}

#[test]
fn objects_and_arrays_are_not_values() {
    let keys = [("status", "s"), ("user_agent", "u")];
    for line in [
        r#"{"s":{"x":1},"u":"x"}"#,
        r#"{"s":{},"u":"x"}"#,
        r#"{"s":[200,404],"u":"x"}"#,
        r#"{"s":[[200]],"u":"x"}"#,
        r#"{"s":[{"s":200}],"u":"x"}"#,
    ] {
        assert_eq!(
            parse(&json(&keys), line.as_bytes()),
            Err(Reject::Mismatch),
            "{line}"
        );
    }
    check(
        &keys,
        r#"{"s":[],"u":{"s":1},"s":{"u":1},"s":200,"u":[]}"#,
        &[Some("200"), None],
    );
    // `null` is a value: the missing one.
    check(&keys, r#"{"s":null,"u":"x","s":200}"#, &[None, Some("x")]);
}

#[test]
fn lines_that_are_not_requests_are_rejected() {
    let keys = json(&[("status", "s"), ("target", "t"), ("duration", "d")]);
    let reject = |line: &str, expected| {
        assert_eq!(
            parse(&keys, line.as_bytes()).err(),
            Some(expected),
            "{line:?}"
        );
    };
    for line in [
        "",
        "{",
        "{}",
        "[]",
        "7",
        r#"{"s":200}"#,
        r#"{"t":"/"}"#,
        r#"{"s":200,"t":"/"}x"#,
        r#"{"s":200,"t":"/"},"#,
        r#"{"s":200,"t":"/",}"#,
        r#"{"s":200,"t":"/","d":}"#,
        r#"{"s":200,"t":"/","d":0.001, 0.004}"#,
        r#"{"s":200,"t":"/","x":009}"#,
        r#"{"s":0009,"t":"/"}"#,
        r#"{"s":-09,"t":"/"}"#,
        r#"{"s":200,"t":"/\x22"}"#,
        r#"{"s":200,"t":"/\"}"#,
        "{\"s\":200,\"t\":\"/\t\"}",
        r#"{"s":200,"t":"/","x":tru}"#,
        r#"{"s":200,"t":"/","x":[1,]}"#,
        r#"{"s":200,"t":"/","x":[1 2]}"#,
        r#"{"s":200 "t":"/"}"#,
        r#"{"s":200,t:"/"}"#,
        r#"{"s":200,"t":"/","x":1.}"#,
        r#"{"s":200,"t":"/","x":1e}"#,
        r#"{"s":200,"t":"/","x":+1}"#,
        r#"{"s":200,"t":"/","x":"\u12g4"}"#,
    ] {
        reject(line, Reject::Mismatch);
    }
    reject(r#"{"s":200,"t":"/","d":"0.001, 0.004"}"#, Reject::Number);
    reject(r#"{"s":200,"t":"/","d":-1}"#, Reject::Number);
    reject(r#"{"s":2000,"t":"/"}"#, Reject::Number);
}

#[test]
fn an_array_of_one_is_its_value_and_items_have_numbers() {
    let keys = [
        ("status", "s"),
        ("user_agent", "request.headers.User-Agent"),
        ("referer", "list.1"),
        ("host", "list.2.x"),
    ];
    // As Caddy writes headers.
    check(
        &keys,
        r#"{"s":[200],"request":{"headers":{"User-Agent":["curl/8"]}},"list":["a","b",{"x":"c"}]}"#,
        &[Some("200"), Some("curl/8"), Some("b"), Some("c")],
    );
    check(
        &keys,
        r#"{"s":[ null ],"request":{"headers":{"User-Agent":["a","b"]}},"list":[]}"#,
        &[None; 4],
    );
    let line = br#"{"s":[200}"#;
    assert_eq!(parse(&json(&keys), line), Err(Reject::Mismatch));
}

#[test]
fn nesting_is_limited_to_32() {
    let keys = json(&[("status", "s")]);
    let nested = |open: &str, close: &str, depth: usize| {
        let line = format!(
            "{{\"s\":200,\"x\":{}1{}}}",
            open.repeat(depth),
            close.repeat(depth)
        );
        parse(&keys, line.as_bytes()).is_ok()
    };
    for (open, close) in [("[", "]"), ("{\"x\":", "}"), ("[{\"s\":", "}]")] {
        let each = open.matches(['[', '{']).count();
        assert!(nested(open, close, 31 / each));
        assert!(!nested(open, close, 32));
        assert!(!nested(open, close, 100_000));
    }
    // Also along the path of a key.
    let deep = json(&[("status", &format!("{}s", "x.".repeat(40)))]);
    let line = format!("{}{{\"s\":200}}{}", "{\"x\":".repeat(40), "}".repeat(40));
    assert_eq!(parse(&deep, line.as_bytes()), Err(Reject::Mismatch));
}

#[test]
fn strings_may_contain_bytes_of_any_encoding() {
    let keys = json(&[("target", "t")]);
    let record = parse(&keys, b"{\"t\":\"/\xff\x80\",\"\xc3\":1}").unwrap();
    assert_eq!(record.target, Some(&b"/\xff\x80"[..]));
    assert_eq!(parse(&keys, b"{\"t\":\"/\",\xff}"), Err(Reject::Mismatch));
}

/// Returns the value at a path by the scanner's rules.
fn find<'n>(members: &'n [(String, Node)], path: &str) -> Option<&'n Node> {
    members.iter().find_map(|(key, node)| {
        let value = match node {
            Node::Array(items) if items.len() == 1 => &items[0],
            node => node,
        };
        if key == path && matches!(value, Node::Text(_) | Node::Other) {
            return Some(value);
        }
        match (path.strip_prefix(key.as_str())?.strip_prefix('.')?, node) {
            ("", _) => None,
            (rest, Node::Object(members)) => find(members, rest),
            _ => None,
        }
    })
}

/// Compares the scanner with `serde_json` on a line.
fn agree(line: &str) {
    let paths = [
        (Field::UserAgent, "user_agent"),
        (Field::Referer, "referer"),
        (Field::RemoteAddr, "remote_addr"),
        (Field::Host, "a.b"),
        (Field::RequestId, "ua"),
    ];
    let keys: Vec<(&str, &str)> = paths
        .iter()
        .map(|(field, path)| (field.name(), *path))
        .collect();
    let found = parse(&json(&keys), line.as_bytes());
    let is_valid = serde_json::from_str::<IgnoredAny>(line).is_ok();
    let is_object = line.trim_matches([' ', '\t', '\r', '\n']).starts_with('{');
    if !is_valid || !is_object {
        assert_eq!(found, Err(Reject::Mismatch), "{line}");
        return;
    }
    // Valid, but not representable by `serde_json`: half a surrogate pair, a huge number.
    let Ok(Node::Object(members)) = serde_json::from_str::<Node>(line) else {
        return;
    };
    let is_there = paths.iter().any(|(_, path)| find(&members, path).is_some());
    assert_eq!(found.is_ok(), is_there, "{line}");
    let Ok(mut record) = found else { return };
    for (field, path) in paths {
        let mut buffer = Vec::new();
        let text = record.text_mut(field).and_then(|text| *text);
        let text = text.map(|text| Escaping::Json.undo(text, &mut buffer));
        match find(&members, path) {
            Some(Node::Text(expected)) if text.is_none() => {
                assert!(matches!(expected.as_str(), "" | "-"), "{path} of {line}");
            }
            Some(Node::Text(expected)) => {
                assert_eq!(text, Some(expected.as_bytes()), "{path} of {line}");
            }
            Some(Node::Other) => {}
            Some(Node::Object(_) | Node::Array(_)) | None => {
                assert_eq!(text, None, "{path} of {line}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn lines_are_accepted_and_read_as_serde_json_does(
        line: Index,
        other: Index,
        changes in proptest::collection::vec(any::<(Index, u8, u8)>(), 0..5),
    ) {
        thread_local! {
            static LINES: Vec<Vec<u8>> = corpora().into_iter().filter(|line| line.starts_with(b"{")).collect();
        }
        LINES.with(|lines| {
            let mut line = lines[line.index(lines.len())].clone();
            mutate(&mut line, &changes, &lines[other.index(lines.len())]);
            agree(&String::from_utf8_lossy(&line));
        });
    }

    #[test]
    fn objects_are_accepted_and_read_as_serde_json_does(
        line in r#"\{("(a|b|a\.b|ua|u\\u0061|é|)" ?: ?("[a\\"u0-9]{0,6}"|\{"b":"x"\}|\{("b":[0-9-]{1,3},?){0,3}\}|\[[0-9,]{0,4}\]|-?[0-9.eE+]{1,5}|null|true|fals),?){0,5}\}"#,
    ) {
        agree(&line);
    }

    #[test]
    fn any_bytes_are_read_or_rejected(line: Vec<u8>) {
        let _ = parse(&json(&[("status", "s")]), &line);
        let _ = parse(&json(&[("status", "s")]), &[b"{\"s\":", &*line, b"}"].concat());
    }
}

proptest! {
    #[test]
    fn the_fast_path_of_numbers_finds_the_same_end(text in "[0-9]{1,9}[.eE0-9,}+-]{0,9}", is_status: bool) {
        let line = text.as_bytes();
        prop_assert_eq!(number_end(line, 0, is_status), any_number_end(line, 0, is_status));
    }
}
