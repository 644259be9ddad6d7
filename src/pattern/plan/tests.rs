use proptest::prelude::*;
use proptest::sample::Index;

use super::super::tests::corpora;
use super::super::{Ahead, Dialect, Engine, Pattern, Reject, presets};
use crate::model::{Field, Record};

/// The outcome of a line: the value of each field, and its place in the line.
type Read = Result<Vec<(Field, Option<String>, Option<usize>)>, Reject>;

/// A way to read a line.
#[derive(Clone, Copy)]
enum Way {
    Whole,
    Regex,
}

fn read(pattern: &Pattern, line: &[u8], way: Way) -> Read {
    let mut scratch = pattern.scratch();
    let record = match way {
        Way::Whole => pattern.parse(&mut scratch, line),
        Way::Regex => pattern.parse_by_regex(&mut scratch, line),
    };
    record.map(fields)
}

fn fields(mut record: Record<'_>) -> Vec<(Field, Option<String>, Option<usize>)> {
    Field::ALL
        .into_iter()
        .map(|field| {
            let place = record
                .text_mut(field)
                .and_then(|text| text.map(|text| text.as_ptr() as usize));
            (field, record.show(field), place)
        })
        .collect()
}

fn check(pattern: &Pattern, line: &[u8]) {
    let by_regex = read(pattern, line, Way::Regex);
    let shown = || {
        format!(
            "{} reads {:?} differently by its plan and by its regex",
            pattern.name(),
            String::from_utf8_lossy(line)
        )
    };
    assert_eq!(read(pattern, line, Way::Whole), by_regex, "{}", shown());
    // The text after a line does not affect it.
    for behind in [
        "",
        "\n",
        "\n200 10 \"-\" \"-\" 0.001 0.001\n",
        "\r\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let text = [line, behind.as_bytes()].concat();
        let mut record = Record::default();
        let scratch = &mut pattern.scratch();
        match pattern.parse_ahead(scratch, &text, &mut record) {
            Ahead::Line { length, outcome } => {
                assert_eq!(length, line.len(), "{}", shown());
                let ahead = outcome.map(|()| fields(record));
                let whole = pattern.parse_by_regex(scratch, &text[..length]);
                assert_eq!(ahead, whole.map(fields), "{}", shown());
            }
            // A line with a `\r` goes to `parse`.
            Ahead::Undecided if behind.starts_with('\r') => {}
            Ahead::Undecided => {
                let undecided = pattern.parse_undecided(scratch, line).map(fields);
                assert_eq!(undecided, by_regex, "{}", shown());
            }
        }
    }
}

/// Returns every recorded line except the longest.
pub(in super::super) fn corpora() -> Vec<Vec<u8>> {
    let mut lines = corpora::corpora();
    lines.retain(|line| line.len() < 2_000);
    lines
}

fn patterns() -> Vec<Pattern> {
    let own = [
        (
            Dialect::Regex,
            r#"^(?<remote_addr>\S*) - (?<user>.*?) \[(?<time>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d{3}) (?<response_bytes>\d+|-).*$"#,
        ),
        (
            Dialect::Regex,
            r#"^(?<remote_addr>\S*) - (?<user>.*?) \[(?<time>[^\]]+)\] "(?<method>[A-Z]+) (?<target>\S+) [^"]*" (?<status>\d{3}) (?<response_bytes>\d+) .*$"#,
        ),
        (
            Dialect::Regex,
            r#"^(?<host>[^ ]+) (?<remote_addr>[0-9.]{7,15}) +- (?<user>.+?) \[(?<time>.{26})\] "(?<request>.*?)" (?<status>...) (?<response_bytes>\d{1,9}?) "(?<referer>.*?)" "(?<user_agent>.*?)"$"#,
        ),
        (
            Dialect::Regex,
            r#"^(?<remote_addr>.*) - (?<user>.*) \[(?<time>.*)\] "(?<request>.*)" (?<status>\d+) (?<response_bytes>\d+) "(?<referer>.*)" "(?<user_agent>.*)"$"#,
        ),
        (Dialect::Nginx, "$remote_addr $host$request_time $status"),
        (
            Dialect::Nginx,
            "$http_a $status $http_b $request_time, $upstream_addr : $upstream_status $http_c",
        ),
        (
            Dialect::Gunicorn,
            r#"%(h)s %(u)s %(t)s "%(r)s" %(s)s %(B)s %({x}i)s "%(f)s""#,
        ),
        (
            Dialect::Apache,
            r#"LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" %{User-agent}i %D" x"#,
        ),
        (
            Dialect::Apache,
            r#"%a %l "%u" [%{%d/%b/%Y:%T}t %{%z}t] "%m %U%q %H" %400s %b "%{Referer}i" %f"#,
        ),
        (
            Dialect::Nginx,
            r#"log_format x escape=json '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" $http_user_agent';"#,
        ),
        (
            Dialect::Nginx,
            r#"log_format x escape=json '{"t":"$time_iso8601","r":"$request","s":$status,"rt":$request_time,"urt":$upstream_response_time}';"#,
        ),
        (
            Dialect::Nginx,
            r#"log_format x escape=none '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';"#,
        ),
        (
            Dialect::Nginx,
            r#"log_format x escape=none '{"t":"$time_iso8601","r":"$request","s":$status,"rt":$request_time,"ua":"$http_user_agent"}';"#,
        ),
        (
            Dialect::Nginx,
            r"log_format ltsv 'time:$time_local\thost:$remote_addr\tforwardedfor:$http_x_forwarded_for\treq:$request\tstatus:$status\tmethod:$request_method';",
        ),
    ];
    let own = own
        .into_iter()
        .map(|(dialect, source)| Pattern::compile(source, dialect, source).unwrap());
    presets()
        .iter()
        .map(|preset| preset.pattern().unwrap())
        .chain(own)
        .collect()
}

#[test]
fn every_preset_and_every_simple_regex_has_a_plan() {
    for preset in presets() {
        let expected = match preset.name {
            "nginx-json" | "nginx-ltsv" | "traefik-json" | "caddy" => Engine::Scanner,
            _ => Engine::Plan,
        };
        assert_eq!(
            preset.pattern().unwrap().engine(),
            expected,
            "{}",
            preset.name
        );
    }
    let engine = |source| {
        Pattern::compile("own", Dialect::Regex, source)
            .unwrap()
            .engine()
    };
    assert_eq!(
        engine(r#"^(?<remote_addr>\S+) \S+ "(?<request>[^"]*)" (?<status>\d{3})$"#),
        Engine::Plan
    );
    assert_eq!(engine(r"^(?<status>\d{3}|-)$"), Engine::Regex);
    assert_eq!(engine(r"^(?:ab)?(?<status>\d{3})$"), Engine::Regex);
    assert_eq!(engine(r"^(?<status>(?<method>\d)\d{2})$"), Engine::Regex);
}

#[test]
fn plans_and_regexes_agree_on_every_recorded_line() {
    let lines = corpora();
    assert!(lines.len() > 4_000);
    for pattern in patterns() {
        for line in &lines {
            check(&pattern, line);
        }
    }
}

/// Changes bytes of a line, with a preference for delimiters.
pub(in super::super) fn mutate(line: &mut Vec<u8>, changes: &[(Index, u8, u8)], other: &[u8]) {
    const BYTES: &[u8] = b"\"\\ -[]{}:,.09aeux<Z\t\0\xff=\r/";
    for (at, kind, byte) in changes {
        let at = if line.is_empty() {
            0
        } else {
            at.index(line.len())
        };
        let byte = BYTES[usize::from(*byte) % BYTES.len()];
        match kind % 6 {
            0 => line.insert(at, byte),
            1 if !line.is_empty() => {
                line.remove(at);
            }
            2 if !line.is_empty() => line[at] = byte,
            3 => line.truncate(at),
            4 => {
                let end = (at + usize::from(byte)).min(line.len());
                let piece = line[at..end].to_vec();
                line.splice(at..at, piece);
            }
            _ => {
                let from = at.min(other.len());
                line.splice(at.., other[from..].iter().copied());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn plans_and_regexes_agree_on_anything(
        line: Index,
        other: Index,
        changes in proptest::collection::vec(any::<(Index, u8, u8)>(), 0..6),
    ) {
        thread_local! {
            static STOCK: (Vec<Vec<u8>>, Vec<Pattern>) = (corpora(), patterns());
        }
        STOCK.with(|(lines, patterns)| {
            let mut line = lines[line.index(lines.len())].clone();
            mutate(&mut line, &changes, &lines[other.index(lines.len())]);
            for pattern in patterns {
                check(pattern, &line);
            }
        });
    }
}

#[test]
fn a_text_without_quotes_does_not_contain_the_quote_of_a_later_text() {
    let format = r#"%({a}i)s \%(r)s" %(s)s "%(f)s""#;
    let pattern = Pattern::compile("test", Dialect::Gunicorn, format).unwrap();
    // The second text is empty, and the rest of the line does not fit.
    check(&pattern, br#"x \" 200 " 200 "y""#);
}

#[test]
fn a_line_ends_at_its_newline_whatever_follows() {
    let pattern = |format| Pattern::compile("test", Dialect::Nginx, format).unwrap();
    let ahead = |format, text: &str| {
        let mut record = Record::default();
        match pattern(format).parse_ahead(
            &mut pattern(format).scratch(),
            text.as_bytes(),
            &mut record,
        ) {
            Ahead::Line { length, .. } => Some(length),
            Ahead::Undecided => None,
        }
    };
    assert_eq!(ahead("$status $host", "200 a\n200 b\n"), Some(5));
    assert_eq!(ahead("$status $host", "200 a"), Some(5));
    assert_eq!(ahead("$status $host", "200 a\r\n"), None);
    assert_eq!(ahead("$status \"$http_a\"", "200 \"a\n\"\n"), None);
    assert_eq!(ahead("$http_a] $status", "x\n] 200\n"), None);
    assert_eq!(ahead("$status\n$host", "200\na\n"), None);
    assert_eq!(ahead("$status\0\0 $host", "200"), None);
}
