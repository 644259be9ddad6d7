//! Any number of threads gives the result of one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use std::num::NonZeroUsize;

use super::*;
use crate::aggregate::Accounts;
use crate::expose::{encode_json, encode_text};
use crate::model::Families;

/// Views, a small number of series, short lines.
const CONFIG: &str = "
[metrics]
native = ['httplog_request_duration_seconds', 'httplog_response_size_bytes']
[limits]
series = 100
line_bytes = 300
[routes.site]
templates = { '/a/<int:x>/' = 'a', '/b/' = 'b', '/c/<slug:x>/' = 'c' }
[[source]]
name = 'nginx'
paths = ['/nowhere/access.log']
pattern = 'nginx-django'
routes = 'site'
";

/// A source of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn letters(&mut self) -> String {
        let letter = |number: u64| char::from(b'a' + u8::try_from(number).unwrap());
        [self.below(26), self.below(26)]
            .map(letter)
            .iter()
            .collect()
    }

    fn path(&mut self) -> String {
        match self.below(8) {
            0 => format!("/a/{}/", self.below(9)),
            1 => "/b/".to_owned(),
            2 => format!("/c/{}/", self.letters()),
            3 => format!("/{}/{}", self.letters(), self.below(1_000)),
            4 => "/wp-login.php?x".to_owned(),
            _ => format!("/{}/", self.letters()),
        }
    }

    fn line(&mut self, format: &str) -> String {
        let path = self.path();
        let method = self.one_of(&["GET", "GET", "GET", "POST", "HEAD", "BREW"]);
        let status = self.one_of(&["200", "200", "200", "404", "301", "500", "503", "101"]);
        let time = format!("0.{:03}", self.below(1_000));
        let agent = "u".repeat(usize::try_from(self.below(40)).unwrap());
        let bytes = match self.below(60) {
            0 => return String::new(),
            1 => return format!("event {}", self.below(5)),
            2 => return "x".repeat(usize::try_from(self.below(900)).unwrap()),
            3 => "99999999999999999999999",
            _ => "12",
        };
        let tail = match format {
            "nginx-timed" => format!(" {time} {time}"),
            "nginx-django" => {
                let view = match self.below(8) {
                    0 => self.letters(),
                    1..4 => self.one_of(&["shop:cart", "blog", "order-7"]).to_owned(),
                    _ => "-".to_owned(),
                };
                format!(
                    " rt={time} urt=\"-\" uct=\"-\" uht=\"-\" us=\"-\" host=\"h\" scheme=https cl=- rid=a view=\"{view}\""
                )
            }
            _ => String::new(),
        };
        let end = self.one_of(&["", "", "\r"]);
        format!(
            "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"{tail}{end}"
        )
    }

    fn text(&mut self, format: &str, lines: u64) -> String {
        let mut text: String = (0..lines).map(|_| self.line(format) + "\n").collect();
        if self.below(3) == 0 {
            text.pop();
        }
        text
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Returns everything that a command shows of logs.
fn result(logs: &Logs, aim: Aim, threads: Threads) -> Result<String, String> {
    let mut session = logs
        .read(aim, threads)
        .map_err(|failure| failure.to_string())?;
    let mut shown = Vec::new();
    for counts in &mut session.formats {
        shown.extend_from_slice(counts.name.as_bytes());
        let families = Families::new(counts.shard.snapshot());
        encode_text(&families, &mut shown);
        encode_json(&families, &mut shown);
        let mut accounts = Accounts::default();
        counts.shard.account(&mut accounts);
        encode_text(&Families::new(accounts.into_families()), &mut shown);
    }
    session.write_warnings(false, &mut shown).unwrap();
    Ok(String::from_utf8(shown).unwrap())
}

fn lines_of(result: &Result<String, String>) -> Vec<&str> {
    let (Ok(text) | Err(text)) = result;
    text.lines().collect()
}

fn check(logs: &Logs, aim: Aim, part_bytes: u64, warm_up_bytes: u64) -> Result<String, String> {
    let expected = result(logs, aim, Threads::ONE);
    for count in 2..5 {
        let threads = Threads {
            count: NonZeroUsize::new(count).unwrap(),
            part_bytes,
            warm_up_bytes,
        };
        let found = result(logs, aim, threads);
        if found != expected {
            let (found, expected) = (lines_of(&found), lines_of(&expected));
            let differ = found.iter().zip(&expected).find(|(a, b)| a != b);
            panic!("{count} threads, found and expected: {differ:#?}");
        }
    }
    expected
}

fn logs(paths: Vec<PathBuf>) -> Logs {
    Logs {
        config: None,
        pattern: None,
        routes: None,
        no_routes: false,
        paths,
    }
}

/// Writes logs of these formats, every third one compressed.
fn write(
    dir: &Path,
    numbers: &mut Numbers,
    formats: &[&str],
    files: u64,
    lines: u64,
) -> Vec<PathBuf> {
    let write = |file| {
        let format = numbers.one_of(formats);
        let lines = numbers.below(lines);
        let text = numbers.text(format, lines);
        let path = dir.join(format!("{file}.log"));
        let bytes = if file % 3 == 1 {
            gzip(&text)
        } else {
            text.into()
        };
        fs::write(&path, bytes).unwrap();
        path
    };
    (0..files).map(write).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn the_result_does_not_depend_on_threads_parts_or_files(
        seed: u64, files in 1_u64..9, lines in 1_u64..700, part_bytes in 400_u64..40_000, warm_up_bytes in 0_u64..40_000,
        kind in 0..5,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let formats: &[&str] = match kind {
            0 => &["nginx-timed", "nginx-combined", "nginx-django"],
            1 | 2 => &["nginx-django"],
            _ => &["nginx-timed"],
        };
        let mut logs = logs(write(dir.path(), &mut Numbers(seed), formats, files, lines));
        if kind > 0 {
            logs.pattern = Some(formats[0].to_owned());
        }
        logs.no_routes = kind == 3;
        if kind < 2 {
            let config = dir.path().join("config.toml");
            fs::write(&config, CONFIG).unwrap();
            logs.config = Some(config);
        }
        let _ = check(&logs, Aim::Families, part_bytes, warm_up_bytes);
    }
}

#[test]
fn one_large_log_is_cut_and_learned_from_in_its_sequence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    // More paths than routes, and more series than `limits.series`.
    fs::write(&path, Numbers(7).text("nginx-timed", 60_000)).unwrap();
    let result = check(&logs(vec![path]), Aim::Families, 100_000, 200_000).unwrap();
    assert!(result.contains("httplog_exporter_lines_total{outcome=\"recorded\""));
    assert!(!result.contains("series_overflow_total{source=\"nginx-timed\"} 0\n"));
}

#[test]
fn the_first_failure_of_the_sequence_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = write(dir.path(), &mut Numbers(1), &["nginx-timed"], 5, 400);
    let whole = gzip(&Numbers(2).text("nginx-timed", 4_000));
    let damaged = dir.path().join("damaged.gz");
    fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let other = dir.path().join("other.gz");
    fs::copy(&damaged, &other).unwrap();
    paths.extend([damaged, dir.path().join("missing.log"), other]);
    let mut logs = logs(paths);
    let failure = check(&logs, Aim::Tables, 10_000, 0).unwrap_err();
    assert!(failure.contains("damaged.gz"), "{failure}");
    logs.paths.swap(5, 6);
    let failure = check(&logs, Aim::Tables, 10_000, 0).unwrap_err();
    assert!(failure.contains("missing.log"), "{failure}");
}

#[test]
fn joined_logs_are_counted_by_one_thread() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let text = "
[[source]]
name = 'nginx'
paths = ['/nowhere/nginx.log']
pattern = 'nginx-django'
[[source]]
name = 'gunicorn'
paths = ['/nowhere/gunicorn.log']
pattern = 'gunicorn-django'
behind = 'nginx'
";
    fs::write(&config, text).unwrap();
    let mut paths = write(dir.path(), &mut Numbers(3), &["nginx-django"], 4, 2_000);
    paths.push("fixtures/demo/access.log".into());
    let logs = Logs {
        config: Some(config),
        ..logs(paths)
    };
    check(&logs, Aim::Families, 1_000, 0).unwrap();
}
