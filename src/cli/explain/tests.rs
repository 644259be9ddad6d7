use super::render;
use crate::pattern::{Cause, Dialect, Explainer, Keys, Outcome, Pattern};

/// A line that a pattern does not read, the true cause, and what the explanation has to say.
#[derive(Clone, Copy)]
struct Refused {
    pattern: &'static str,
    line: &'static str,
    cause: Cause,
    /// Text under the line, of the cause or of the help.
    says: &'static [&'static str],
    /// Column at which the pattern stops; 0 if it is not checked.
    column: usize,
}

const fn refused(
    pattern: &'static str,
    line: &'static str,
    cause: Cause,
    column: usize,
    says: &'static [&'static str],
) -> Refused {
    Refused {
        pattern,
        line,
        cause,
        says,
        column,
    }
}

/// Lines by dialect, each with a cause of its own.
const REFUSED: &[Refused] = &[
    // nginx's format strings.
    refused(
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 0.011"#,
        Cause::Preset,
        86,
        &["`nginx-timed` reads it", "pattern = \"nginx-timed\""],
    ),
    refused(
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "Mozilla/5.0 (X11; Lin"#,
        Cause::Unclosed,
        0,
        &["the line is cut short", "full disk"],
    ),
    refused(
        "nginx-urt",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt=0.001, 0.004 0.012"#,
        Cause::List,
        74,
        &["lacks the quotes", "nginx's log_format"],
    ),
    refused(
        "nginx-urt",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt="0.001" 0.004, 0.012"#,
        Cause::List,
        0,
        &["one for each attempt"],
    ),
    refused(
        "nginx-urt",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt="-" -"#,
        Cause::Dash,
        78,
        &["`$request_time` is `-`", "never for $request_time"],
    ),
    refused(
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /a"b HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::RawQuote,
        0,
        &["is not escaped", "escape=none", r"\x22"],
    ),
    refused(
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 27 1"#,
        Cause::More,
        86,
        &["more fields than the format", "$request_time"],
    ),
    refused(
        "nginx-django",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" rt=0.012 urt="0.011""#,
        Cause::Fewer,
        107,
        &["`$upstream_connect_time` is missing", "nginx's log_format"],
    ),
    refused(
        "nginx-combined",
        r#"shop.example.test 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::Before,
        19,
        &["a virtual host", "`$host `"],
    ),
    refused(
        "nginx-combined",
        r#"2026-11-22T18:47:15.123456789Z stdout F 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::Container,
        0,
        &["as a Kubernetes runtime stores it", "source.frame"],
    ),
    refused(
        "nginx-combined",
        r#"{"log":"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET / HT"#,
        Cause::Container,
        0,
        &["as Docker stores it", "one that is cut"],
    ),
    refused(
        "nginx-combined",
        r#"192.0.2.7 - - [2026-11-22T18:47:15+00:00] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::TimeFormat,
        0,
        &["ISO 8601", "$time_iso8601"],
    ),
    refused(
        "nginx-free",
        "GET /a curl 200",
        Cause::Ambiguous,
        0,
        &["in two ways", "put quotes around the value"],
    ),
    refused(
        "nginx-timed",
        r#"{"time":"2026-11-22T18:47:15+00:00","request":"GET / HTTP/1.1","status":200,"request_time":0.012}"#,
        Cause::Json,
        0,
        &["is JSON, but `nginx-timed` reads text", "nginx-json"],
    ),
    refused(
        "nginx-timed",
        "time:22/Nov/2026:18:47:15 +0000\thost:192.0.2.7\treq:GET / HTTP/1.1\tstatus:200\treqtime:0.012",
        Cause::Ltsv,
        0,
        &["is LTSV", "but `nginx-timed` reads text"],
    ),
    refused(
        "nginx-combined",
        "2026/11/22 18:47:15 [error] 12#12: *1 open() failed",
        Cause::OtherLog,
        0,
        &["nginx's error log"],
    ),
    refused("nginx-combined", "", Cause::Empty, 0, &["is empty"]),
    refused("nginx-combined", " ", Cause::Empty, 0, &["is blank"]),
    refused(
        "nginx-combined",
        "\u{1b}[32mINFO\u{1b}[0m:     192.0.2.7:5 - \"GET / HTTP/1.1\" 200 OK",
        Cause::Stray,
        0,
        &["colour codes"],
    ),
    refused(
        "nginx-combined",
        "hello, world",
        Cause::Unknown,
        0,
        &["differ here", "nginx -T"],
    ),
    // Apache's format strings.
    refused(
        "apache-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-" 12 "x""#,
        Cause::More,
        74,
        &["more fields than the format"],
    ),
    refused(
        "apache-micros",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 -"#,
        Cause::Dash,
        67,
        &["`%D` is `-`", "Apache's LogFormat"],
    ),
    refused(
        "apache-micros",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 0.012"#,
        Cause::Unit,
        0,
        &["seconds with decimals", "%D is microseconds"],
    ),
    refused(
        "apache-micros",
        r#"192.0.2.7 - - [2026-11-22T10:00:00+00:00] "GET / HTTP/1.1" 200 5 12"#,
        Cause::TimeFormat,
        0,
        &["ISO 8601"],
    ),
    refused(
        "apache-micros",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /a"b HTTP/1.1" 200 5 12"#,
        Cause::RawQuote,
        0,
        &["Apache writes a quote inside a value as \\\""],
    ),
    refused(
        "apache-micros",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200"#,
        Cause::Fewer,
        0,
        &["`%b` is missing", "Apache's LogFormat"],
    ),
    refused(
        "apache-combined",
        r#"shop.test:443 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
        Cause::Preset,
        0,
        &["`apache-vhost` reads it"],
    ),
    refused(
        "apache-combined",
        r#"shop.test 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
        Cause::Before,
        11,
        &["a virtual host", "`%v `"],
    ),
    refused(
        "apache-vhost",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
        Cause::Preset,
        0,
        &["`apache-combined` reads it"],
    ),
    refused(
        "apache-combined",
        "[Sat Nov 28 10:00:00.123 2026] [core:error] [pid 17] x",
        Cause::OtherLog,
        0,
        &["Apache's error log"],
    ),
    refused(
        "apache-combined",
        "hello, world",
        Cause::Unknown,
        0,
        &["LogFormat and CustomLog"],
    ),
    // gunicorn's format strings.
    refused(
        "gunicorn-seconds",
        r#"192.0.2.7 - - [22/Nov/2026:12:47:15 -0600] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 24072"#,
        Cause::Unit,
        0,
        &["a whole number", "only the server's own format says which"],
    ),
    refused(
        "gunicorn-micros",
        r#"192.0.2.7 - - [22/Nov/2026:12:47:15 -0600] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.024072"#,
        Cause::Unit,
        0,
        &["seconds with decimals", "gunicorn-seconds"],
    ),
    refused(
        "gunicorn",
        "[2026-11-22 12:47:15 -0600] [8051] [INFO] Booting worker with pid: 8051",
        Cause::OtherLog,
        0,
        &["gunicorn's error log"],
    ),
    refused(
        "gunicorn",
        r#"INFO:     192.0.2.7:5 - "GET / HTTP/1.1" 200 OK"#,
        Cause::Preset,
        0,
        &["`uvicorn` reads it"],
    ),
    refused(
        "gunicorn",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-" 0.1 x"#,
        Cause::More,
        0,
        &["more fields", "%(L)s"],
    ),
    refused(
        "gunicorn",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-""#,
        Cause::Fewer,
        0,
        &["`%(a)s` is missing", "gunicorn's access_log_format"],
    ),
    refused(
        "gunicorn",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"#,
        Cause::Unclosed,
        0,
        &["the line is cut short"],
    ),
    refused(
        "gunicorn",
        "hello, world",
        Cause::Unknown,
        0,
        &["access_log_format in gunicorn.conf.py"],
    ),
    // uvicorn, whose lines an expression reads.
    refused(
        "uvicorn",
        "INFO:     Started server process [1]",
        Cause::Skipped,
        0,
        &["is not a request", "counted as skipped"],
    ),
    refused(
        "uvicorn",
        r#"INFO:     192.0.2.7:5 - "WebSocket /live/" [accepted]"#,
        Cause::Skipped,
        0,
        &["is not a request"],
    ),
    refused(
        "uvicorn",
        "Traceback (most recent call last):",
        Cause::OtherLog,
        0,
        &["a traceback of a Python program"],
    ),
    refused(
        "uvicorn",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
        Cause::Preset,
        0,
        &["another format"],
    ),
    refused(
        "uvicorn",
        r#"INFO:     192.0.2.7:5 - "GET / HTTP/1.1" 200 OK 12"#,
        Cause::More,
        0,
        &["more fields"],
    ),
    // JSON; see also `REPORTED`.
    refused(
        "json",
        r#"{"method":"GET","uri":"/a/","status":200,"rt":"#,
        Cause::Unclosed,
        0,
        &["cut short"],
    ),
    refused(
        "json",
        r#"{"method":"GET","uri":"/a/","status":200,"rt":"soon"}"#,
        Cause::Number,
        48,
        &["`rt` is not a number"],
    ),
    refused(
        "json",
        "method:GET\turi:/a/\tstatus:200",
        Cause::Ltsv,
        0,
        &["is LTSV", "but `json` reads JSON"],
    ),
    refused(
        "json",
        "GET /a/ 200",
        Cause::Unknown,
        0,
        &["the line is not JSON", "compare its keys"],
    ),
    // LTSV.
    refused(
        "ltsv",
        "method:GET\turi:/a/\tslow\tstatus:200",
        Cause::Label,
        22,
        &["not LTSV: the field has no `label:`", "expected a label"],
    ),
    refused(
        "ltsv",
        "method:GET uri:/a/ status:200",
        Cause::Label,
        11,
        &["blanks separate the fields"],
    ),
    refused(
        "ltsv",
        "host:192.0.2.7\ttime:-",
        Cause::Fewer,
        0,
        &[
            "the keys `status`, `method`, `uri` are missing",
            "has `host`, `time`",
        ],
    ),
    refused(
        "ltsv",
        "method:GET\turi:/a/\tstatus:200\trt:soon",
        Cause::Number,
        37,
        &["`rt` is not a number"],
    ),
    refused(
        "ltsv",
        r#"{"method":"GET","uri":"/a/","status":200}"#,
        Cause::Json,
        0,
        &["is JSON, but `ltsv` reads LTSV"],
    ),
    refused(
        "ltsv",
        "GET /a/ 200",
        Cause::Unknown,
        0,
        &["the line is not LTSV", "compare its keys"],
    ),
    // A custom expression.
    refused(
        "regex",
        "GET 99999999999999999999999",
        Cause::Number,
        0,
        &["64 bits"],
    ),
    refused(
        "regex",
        "GET x",
        Cause::Unknown,
        5,
        &["one part of the line at a time"],
    ),
];

/// The causes, columns and words for the lines of `fixtures/reported/json_refusals.log`.
const REPORTED: [(Cause, usize, &[&str]); 6] = [
    (
        Cause::Dash,
        59,
        &[
            "not JSON: nginx writes `-` here",
            "in quotes",
            "`nginx = …`",
        ],
    ),
    (
        Cause::Nothing,
        59,
        &["nginx writes nothing here", "in quotes"],
    ),
    (Cause::List, 64, &["several values", "in quotes"]),
    (
        Cause::Escape,
        26,
        &["without escape=json", "add escape=json"],
    ),
    (
        Cause::Fewer,
        0,
        &[
            "the keys `status`, `method`, `uri` are missing",
            "has `message`, `logger`",
        ],
    ),
    (Cause::More, 42, &["text follows the object"]),
];

/// Returns all lines.
fn all() -> impl Iterator<Item = Refused> {
    let reported = include_str!("../../../fixtures/reported/json_refusals.log").lines();
    let reported = reported.zip(REPORTED);
    let reported =
        reported.map(|(line, (cause, column, says))| refused("json", line, cause, column, says));
    REFUSED.iter().copied().chain(reported)
}

/// Returns patterns beside the presets, one or more for each dialect.
fn patterns() -> Vec<Pattern> {
    let mut keys = Keys::new();
    for (field, key) in [
        ("status", "status"),
        ("method", "method"),
        ("target", "uri"),
        ("duration", "rt"),
    ] {
        keys.bind(field, key).unwrap();
    }
    let compile = |name, dialect, format| Pattern::compile(name, dialect, format).unwrap();
    vec![
        compile(
            "nginx-urt",
            Dialect::Nginx,
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent urt="$upstream_response_time" $request_time"#,
        ),
        compile(
            "nginx-free",
            Dialect::Nginx,
            "$request $http_user_agent $status",
        ),
        compile(
            "apache-micros",
            Dialect::Apache,
            r#"%h %l %u %t "%r" %>s %b %D"#,
        ),
        compile(
            "regex",
            Dialect::Regex,
            "^(?<method>[A-Z]+) (?<response_bytes>[0-9]+)$",
        ),
        Pattern::from_keys("json", Dialect::Json, keys.clone()).unwrap(),
        Pattern::from_keys("ltsv", Dialect::Ltsv, keys).unwrap(),
    ]
}

/// Explains a line; returns the text, and the cause of a line that is not read.
fn explained(explainer: &Explainer, pattern: &str, line: &str) -> (String, Option<Cause>) {
    let explanation = explainer.explain(pattern, line.as_bytes()).unwrap();
    let shown = render(&explanation, line.as_bytes(), "line", 1);
    let cause = match explanation.outcome {
        Outcome::Stopped(stop) => Some(stop.diagnosis.cause),
        Outcome::Read(_) => None,
    };
    (shown, cause)
}

#[test]
fn every_refused_line_is_explained_by_its_true_cause() {
    let explainer = Explainer::new(patterns(), 65_536);
    let mut wrong = Vec::new();
    for refused in all() {
        let (shown, cause) = explained(&explainer, refused.pattern, refused.line);
        let said: Vec<&str> = shown.lines().skip(4).collect();
        let said = said.join("\n");
        let column = format!("line:1:{}\n", refused.column);
        if cause != Some(refused.cause)
            || refused.says.iter().any(|words| !said.contains(words))
            || refused.column > 0 && !shown.contains(&column)
        {
            let (cause, says) = (refused.cause, refused.says);
            wrong.push(format!("{shown}wanted: {cause:?} {says:?} {column}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn advice_names_no_other_server() {
    let explainer = Explainer::new(patterns(), 65_536);
    let servers = ["nginx", "gunicorn", "Apache"];
    for refused in all().filter(|refused| refused.cause != Cause::Preset) {
        let own = servers
            .iter()
            .find(|server| refused.pattern.starts_with(server.to_lowercase().as_str()));
        let Some(own) = own else { continue };
        let (shown, _) = explained(&explainer, refused.pattern, refused.line);
        let advice = |line: &&str| line.starts_with("  = likely") || line.starts_with("  = help");
        for line in shown.lines().filter(advice) {
            let mut others = servers.iter().filter(|server| *server != own);
            assert!(others.all(|other| !line.contains(other)), "{}", shown);
        }
    }
}

fn check_rendering(snapshot: &str, shown: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("explain_{snapshot}"), shown);
    });
}

#[test]
fn a_line_that_is_read_shows_its_fields() {
    let line = r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /articles/?q=1 HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 0.001, 0.007"#;
    let (shown, _) = explained(&Explainer::new([], 65_536), "nginx-timed", line);
    check_rendering("read", &shown);
}

#[test]
fn a_line_that_is_not_read_shows_the_place_and_the_closest_preset() {
    let more = r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 27 1"#;
    let binary = "\u{0}\u{0}\u{0}\u{0}\u{0}\u{1b}[31mx";
    for (snapshot, line) in [("more_fields", more), ("binary", binary), ("empty", "")] {
        let (shown, _) = explained(&Explainer::new([], 65_536), "nginx-combined", line);
        check_rendering(snapshot, &shown);
    }
}
