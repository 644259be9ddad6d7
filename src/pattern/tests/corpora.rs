//! Tests of every recorded log with the pattern that describes it.

use super::super::{Dialect, Engine, Escaping, Keys, Pattern, Preset, Reject};
use crate::model::Field;

/// A recorded file, its format, and the lines that the pattern rejects.
struct Corpus {
    file: &'static str,
    format: Format,
    /// Line numbers, from 1.
    rejected: &'static [usize],
}

enum Format {
    Preset(&'static str),
    Custom(Dialect, &'static str),
}

use Dialect::{Apache, Gunicorn, Nginx};
use Format::{Custom, Preset as Shipped};

const COMBINED: &str = "apache-combined";

/// Logs of nginx, one per `log_format`. Line N of each is the same request.
const NGINX: [Corpus; 8] = [
    whole("nginx_combined.log", Shipped("nginx-combined")),
    whole("nginx_vhost_main.log", Shipped("nginx-vhost")),
    whole("nginx_timed.log", Shipped("nginx-timed")),
    whole(
        "nginx_timedkv.log",
        Custom(
            Nginx,
            r#"log_format timedkv '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" ua="$upstream_addr" us="$upstream_status" cs=$upstream_cache_status $pipe $connection $connection_requests';"#,
        ),
    ),
    whole("nginx_json.log", Shipped("nginx-json")),
    // Read as text: an unquoted list is not valid JSON.
    whole(
        "nginx_json_unquoted_urt.log",
        Custom(
            Nginx,
            r#"log_format jsonraw escape=json '{"t":"$time_iso8601","r":"$request","s":$status,"rt":$request_time,"urt":$upstream_response_time}';"#,
        ),
    ),
    whole(
        "nginx_json_escape_none.log",
        Custom(
            Nginx,
            r#"log_format jsonnoesc escape=none '{"t":"$time_iso8601","r":"$request","s":$status,"rt":$request_time,"ua":"$http_user_agent"}';"#,
        ),
    ),
    whole("nginx_ltsv.log", Shipped("nginx-ltsv")),
];

const OTHERS: [Corpus; 26] = [
    whole("caddy.log", Shipped("caddy")),
    whole("envoy.log", Shipped("envoy")),
    whole("haproxy.log", Shipped("haproxy")),
    whole("ingress-nginx.log", Shipped("ingress-nginx")),
    whole("nginx_syslog.log", Shipped("nginx-timed")),
    whole(
        "nginx_ltsv.log",
        Custom(
            Nginx,
            r"log_format ltsv 'time:$time_local\thost:$remote_addr\tforwardedfor:$http_x_forwarded_for\treq:$request\tstatus:$status\tmethod:$request_method\turi:$request_uri\tsize:$body_bytes_sent\treferer:$http_referer\tua:$http_user_agent\treqtime:$request_time\tapptime:$upstream_response_time\tvhost:$host';",
        ),
    ),
    whole(
        "nginx_upstream_colon.log",
        Custom(
            Nginx,
            r#"$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_response_time|us="$upstream_status" ua="$upstream_addr" uct="$upstream_connect_time" uri="$uri""#,
        ),
    ),
    whole("gunicorn_real_default.log", Shipped("gunicorn")),
    whole("gunicorn_default.log", Shipped("gunicorn")),
    whole("gunicorn_L_s.log", Shipped("gunicorn-seconds")),
    whole("gunicorn_D_us.log", Shipped("gunicorn-micros")),
    whole("gunicorn_M_ms.log", Shipped("gunicorn-millis")),
    whole(
        "gunicorn_T_int_s.log",
        Custom(
            Gunicorn,
            r#"access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(T)s'"#,
        ),
    ),
    Corpus {
        file: "gunicorn_xff_mUqH.log",
        format: Custom(
            Gunicorn,
            r#"%({x-forwarded-for}i)s %(l)s %(u)s %(t)s "%(m)s %(U)s?%(q)s %(H)s" %(s)s %(b)s "%(f)s" "%(a)s" %(L)s %(p)s %({x-request-id}i)s %({content-type}o)s"#,
        ),
        // `%(U)s` is percent-decoded: a client's %0A splits the line in two. The second halves of lines
        // 73 and 219 were not recorded.
        rejected: &[38, 39, 73, 132, 133, 219],
    },
    whole("uvicorn_default.log", Shipped("uvicorn")),
    whole("uvicorn_asctime.log", Shipped("uvicorn")),
    whole("uvicorn_worker.log", Shipped("uvicorn")),
    whole("hypercorn.log", Shipped("hypercorn")),
    whole("granian.log", Shipped("granian")),
    whole("uwsgi.log", Shipped("uwsgi")),
    whole("uwsgi_micros.log", Shipped("uwsgi-micros")),
    Corpus {
        file: "daphne.log",
        format: Shipped("daphne"),
        // Events of WebSockets, which are skipped.
        rejected: &[
            38, 39, 40, 48, 49, 50, 88, 122, 146, 149, 177, 199, 228, 230,
        ],
    },
    whole("apache_common.log", Shipped("common")),
    whole("apache_combined.log", Shipped(COMBINED)),
    whole("apache_vhost_combined.log", Shipped("apache-vhost")),
    whole(
        "apache_combined_D_us.log",
        Custom(
            Apache,
            r#"LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\" %D %{ms}T %T" timed"#,
        ),
    ),
];

const fn whole(file: &'static str, format: Format) -> Corpus {
    Corpus {
        file,
        format,
        rejected: &[],
    }
}

impl Corpus {
    fn pattern(&self) -> Pattern {
        match self.format {
            Shipped(name) => Preset::find(name).unwrap().pattern().unwrap(),
            Custom(dialect, source) => Pattern::compile(self.file, dialect, source).unwrap(),
        }
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        lines(self.file)
    }
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/corpora");

/// Returns the names of the recorded files, sorted.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Returns every recorded line.
pub(in crate::pattern) fn corpora() -> Vec<Vec<u8>> {
    files().iter().flat_map(|file| lines(file)).collect()
}

fn lines(file: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read(format!("{FOLDER}/{file}")).unwrap();
    let mut lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(lines.pop(), Some(Vec::new()), "{file} ends with a newline");
    lines
}

/// Returns the numbers of the lines that a pattern rejects.
fn rejected(pattern: &Pattern, lines: &[Vec<u8>]) -> Vec<usize> {
    let mut scratch = pattern.scratch();
    let mut numbers = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match pattern.parse(&mut scratch, line) {
            Ok(_) => {}
            Err(Reject::Mismatch) => numbers.push(at + 1),
            Err(other) => panic!("line {} of {}: {other:?}", at + 1, pattern.name()),
        }
    }
    numbers
}

#[test]
fn every_recorded_line_is_read_by_its_pattern() {
    for corpus in NGINX.iter().chain(&OTHERS) {
        let found = rejected(&corpus.pattern(), &corpus.lines());
        assert_eq!(found, corpus.rejected, "{}", corpus.file);
    }
}

#[test]
fn scanning_a_line_and_undoing_its_escapes_allocate_nothing() {
    for corpus in NGINX.iter().chain(&OTHERS) {
        let (pattern, lines) = (corpus.pattern(), corpus.lines());
        let mut scratch = pattern.scratch();
        let mut buffer = Vec::with_capacity(10_000);
        let mut read = 0;
        let info = allocation_counter::measure(|| {
            for line in &lines {
                if pattern.engine() == Engine::Scanner
                    && let Ok(record) = pattern.parse(&mut scratch, line)
                {
                    let agent = record.user_agent.unwrap_or_default();
                    read += pattern.escaping().undo(agent, &mut buffer).len();
                }
            }
        });
        assert_eq!(info.count_total, 0, "{}", corpus.file);
        assert_eq!(read > 0, pattern.engine() == Engine::Scanner);
    }
}

#[test]
fn every_file_has_its_pattern() {
    for name in files() {
        let mut corpora = NGINX.iter().chain(&OTHERS);
        let is_read = corpora.any(|corpus| corpus.file == name);
        assert!(is_read, "{name} has no pattern");
    }
}

#[test]
fn a_list_without_quotes_is_not_json() {
    let mut keys = Keys::new();
    for (name, key) in [
        ("request", "r"),
        ("status", "s"),
        ("duration", "rt"),
        ("upstream_durations", "urt"),
    ] {
        keys.bind(name, key).unwrap();
    }
    let pattern = Pattern::from_keys("keys", Dialect::Json, keys).unwrap();
    let lines = lines("nginx_json_unquoted_urt.log");
    let found = rejected(&pattern, &lines);
    for (at, line) in lines.iter().enumerate() {
        let urt = &line[memchr::memmem::rfind(line, b"\"urt\":").unwrap() + 6..line.len() - 1];
        // An empty list, or more than one attempt.
        let is_invalid = urt.is_empty() || urt.contains(&b',') || urt == b"-";
        assert_eq!(found.contains(&(at + 1)), is_invalid, "line {}", at + 1);
    }
    assert_eq!(found.len(), 44);
}

/// Returns a field without escapes, with times in one notation.
fn meaning(pattern: &Pattern, line: &[u8], field: Field) -> Option<String> {
    let mut record = pattern.parse(&mut pattern.scratch(), line).unwrap();
    let Some(text) = record.text_mut(field) else {
        return record.show(field);
    };
    let text = (*text)?;
    let mut buffer = Vec::new();
    let text = pattern.escaping().undo(text, &mut buffer);
    let shown = text.escape_ascii().to_string();
    Some(match (field, text.len()) {
        // `22/Nov/2026:18:47:15 +0000` and `2026-11-22T18:47:15+00:00`
        (Field::Time, 26) => shown[12..20].to_owned(),
        (Field::Time, 25) => shown[11..19].to_owned(),
        _ => shown,
    })
}

#[test]
fn all_formats_of_nginx_agree_on_a_request() {
    let read: Vec<(Pattern, Vec<Vec<u8>>)> = NGINX
        .iter()
        .map(|corpus| (corpus.pattern(), corpus.lines()))
        .collect();
    let mut compared = 0;
    let mut differences = Vec::new();
    for field in Field::ALL {
        let with_field: Vec<_> = read
            .iter()
            .filter(|(pattern, _)| pattern.fields().contains(field))
            .collect();
        let Some(((first, first_lines), others)) = with_field.split_first() else {
            continue;
        };
        for (other, other_lines) in others {
            assert_eq!(first_lines.len(), other_lines.len());
            for (number, (line, other_line)) in (1..).zip(first_lines.iter().zip(other_lines)) {
                compared += 1;
                let (one, two) = (
                    meaning(first, line, field),
                    meaning(other, other_line, field),
                );
                if one != two {
                    differences.push(format!(
                        "{} line {number}: {} {one:?}, {} {two:?}",
                        field.name(),
                        first.name(),
                        other.name(),
                    ));
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn apaches_units_agree() {
    let path = "apache_combined_D_us.log";
    let millis = |format: &str| -> Vec<u64> {
        let source =
            format!(r#"%h %l %u %t "%r" %>s %b "%{{Referer}}i" "%{{User-agent}}i" {format}"#);
        let pattern = Pattern::compile(path, Apache, &source).unwrap();
        let mut scratch = pattern.scratch();
        let lines = lines(path);
        lines
            .iter()
            .map(|line| {
                pattern
                    .parse(&mut scratch, line)
                    .unwrap()
                    .duration
                    .unwrap()
                    .0
                    / 1_000
            })
            .collect()
    };
    assert_eq!(millis("%D %k %k"), millis("%k %{ms}T %k"));
    let seconds: Vec<u64> = millis("%D %k %k")
        .into_iter()
        .map(|millis| millis / 1_000 * 1_000)
        .collect();
    assert_eq!(seconds, millis("%k %k %T"));
    let pattern = Pattern::compile(path, Apache, "%D").unwrap();
    assert_eq!(pattern.escaping(), Escaping::C);
}
