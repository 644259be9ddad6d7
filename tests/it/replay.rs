//! Tests of `replay`: its output, which is the same for every way to pass a log.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;
use serde_json::Value;

use crate::counts;
use crate::recorded::{RECORDED, line};
use crate::scrape::Scrape;
use crate::support::{Ended, program, project, run, until};

/// Pages kept in `fixtures/golden`, by name; `UPDATE_GOLDEN=1` rewrites them.
const GOLDEN: [(&str, &str, &str); 4] = [
    (
        "nginx-timed",
        "nginx-timed",
        "fixtures/corpora/nginx_timed.log",
    ),
    (
        "nginx-combined",
        "nginx-combined",
        "fixtures/corpora/nginx_combined.log",
    ),
    (
        "gunicorn-micros",
        "gunicorn-micros",
        "fixtures/corpora/gunicorn_D_us.log",
    ),
    ("demo", "nginx-django", "fixtures/demo/access.log"),
];

/// Values of samples by name and labels.
type Samples = BTreeMap<(String, BTreeMap<String, String>), String>;

/// Replays logs in the project's directory with `input` on standard input.
fn replay(args: &[&str], input: impl Into<Vec<u8>>) -> Ended {
    let args = ["replay"].iter().chain(args);
    run(&project(""), args, input)
}

/// Replays a log and returns its page of metrics.
fn metrics(args: &[&str], input: impl Into<Vec<u8>>) -> String {
    let args = [&["--output", "metrics"], args].concat();
    replay(&args, input).succeeded()
}

/// Compresses a text.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn pages_are_golden_byte_for_byte() {
    for (name, pattern, log) in GOLDEN {
        let path = project(&format!("fixtures/golden/{name}.prom"));
        let page = metrics(&["--pattern", pattern, log], "");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap();
        let differ = golden.lines().zip(page.lines()).find(|(a, b)| a != b);
        assert_eq!(differ, None, "{}", path.display());
        assert!(golden == page, "{}: the lengths differ", path.display());
    }
}

#[cfg(feature = "stack")]
#[test]
fn promtool_finds_no_fault_in_golden_pages() {
    for (name, ..) in GOLDEN {
        let page = fs::read_to_string(project(&format!("fixtures/golden/{name}.prom"))).unwrap();
        assert!(page.contains("httplog_requests_total"), "{name}");
        crate::stack::promtool_finds_no_fault(&page);
    }
}

#[test]
fn counts_are_those_of_an_independent_reading() {
    for (pattern, log) in RECORDED {
        let page = metrics(&["--pattern", pattern, log], "");
        let expected = counts::of_log(&fs::read(project(log)).unwrap());
        assert!(counts::total(&expected) >= 180, "{log}");
        assert_eq!(Scrape::parse(&page).requests(pattern), expected, "{log}");
    }
}

#[test]
fn listed_hosts_have_labels_in_a_recorded_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = fs::read_to_string(project("fixtures/corpora/nginx_vhost_main.log")).unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("access.log"), &log).unwrap();
    let config = format!(
        "[metrics]\nhosts = ['Shop.example.test']\n[[metric]]\nname = 'by_host_total'\nhelp = 'h'\n\
         type = 'counter'\nlabels = ['host']\n[[source]]\nname = 'nginx'\npaths = ['{}']\n\
         pattern = 'nginx-vhost'\n",
        at("access.log")
    );
    fs::write(at("config.toml"), config).unwrap();
    let page = metrics(&["--config", &at("config.toml"), &at("access.log")], "");
    // Each line begins with the host and the port that nginx listened on.
    let listed = log
        .lines()
        .filter(|line| line.starts_with("shop.example.test:"))
        .count();
    let others = log.lines().count() - listed;
    assert!(listed > 50 && others > 50);
    let expected = [
        format!("by_host_total{{host=\"<other>\"}} {others}"),
        format!("by_host_total{{host=\"shop.example.test\"}} {listed}"),
    ];
    let shown: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("by_host"))
        .collect();
    assert_eq!(shown, expected);
    assert!(!page.contains("localhost"));
}

#[test]
fn the_counts_do_not_depend_on_how_a_log_is_passed() {
    let dir = tempfile::tempdir().unwrap();
    let log = "fixtures/corpora/nginx_timed.log";
    let plain = fs::read(project(log)).unwrap();
    // A member may end in the middle of a line.
    let (first, second) = plain.split_at(plain.len() / 3);
    assert!(!first.ends_with(b"\n"));
    let members = [gzip(first), gzip(second)].concat();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let expected = metrics(&[log], "");
    let check =
        |how: &str, log: &str, input: &[u8]| assert!(metrics(&[log], input) == expected, "{how}");
    check("gzip", &file("a.gz", &gzip(&plain)), b"");
    check("members", &file("b.gz", &members), b"");
    check("gzip by another name", &file("c.log", &gzip(&plain)), b"");
    check("no last newline", &file("d", plain.trim_ascii_end()), b"");
    check("standard input", "-", &plain);
    check("standard input's file", "/dev/stdin", &plain);
    check("gzip on standard input", "-", &gzip(&plain));
    check("members on standard input", "-", &members);

    let (first, second) = (file("first", first), file("second", second));
    let apart = replay(&["-o", "metrics", "-p", "nginx-timed", &first, &second], "");
    assert!(
        apart.out != expected,
        "a line across two files is not a line"
    );
}

#[test]
fn a_format_is_recognised_even_if_its_first_lines_come_slowly() {
    let good = line("GET", 200).repeat(20);
    let mut child = program(["replay", "--output", "metrics", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"odd\n").unwrap();
    until(|| match rustix::io::ioctl_fionread(&stdin).unwrap() {
        0 => Ok(()),
        unread => Err(format!("{unread} bytes are unread")),
    });
    stdin.write_all(good.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        Scrape::parse(&page).requests("nginx-combined"),
        counts::of_log(good.as_bytes())
    );
}

#[test]
fn a_torn_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = fs::read(project("fixtures/corpora/nginx_timed.log")).unwrap();
    let whole = gzip(&log);
    let refused = |name: &str, content: &[u8]| {
        fs::write(dir.path().join(name), content).unwrap();
        run(dir.path(), ["replay", "--output", "metrics", name], "").failed(66)
    };
    assert_snapshot!(refused("torn.gz", &whole[..whole.len() / 2]), @"error: cannot read torn.gz: incomplete deflate stream");
    assert_snapshot!(refused("footless.gz", &whole[..whole.len() - 4]), @"error: cannot read footless.gz: unexpected end of file");
    let mut corrupt = whole.clone();
    let last = corrupt.len() - 6;
    corrupt[last] ^= 0xff;
    assert_snapshot!(refused("corrupt.gz", &corrupt), @"error: cannot read corrupt.gz: corrupt gzip stream does not have a matching checksum");
}

#[test]
fn json_has_the_same_values_as_the_metrics() {
    let log = "fixtures/corpora/nginx_timed.log";
    let page = Scrape::parse(&metrics(&[log], ""));
    let json = replay(&["--output", "json", log], "").succeeded();
    assert!(json.ends_with("]}\n"), "one newline at the end");
    let json: Value = serde_json::from_str(&json).unwrap();

    let mut expected = Samples::new();
    for sample in page.all() {
        let mut labels = sample.labels.clone();
        if let Some(le) = labels.get_mut("le") {
            *le = le.parse::<f64>().unwrap().to_string();
        }
        let key = (sample.name.clone(), labels);
        assert_eq!(expected.insert(key, sample.value.to_string()), None);
    }
    let mut found = samples(&json);
    found.retain(|(name, _), _| !name.starts_with("httplog_exporter_"));
    assert_eq!(found, expected);
    let recorded = (
        "httplog_exporter_lines_total".to_owned(),
        [("outcome", "recorded"), ("source", "nginx-timed")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    assert_eq!(
        samples(&json).get(&recorded).map(String::as_str),
        Some("300")
    );
}

/// Converts a JSON document to the samples of the text format.
fn samples(json: &Value) -> Samples {
    let mut samples = Samples::new();
    let mut add = |name: String, labels: &BTreeMap<String, String>, value: &Value| {
        let value = value.as_f64().unwrap().to_string();
        assert_eq!(samples.insert((name, labels.clone()), value), None);
    };
    for family in json["families"].as_array().unwrap() {
        let name = family["name"].as_str().unwrap();
        for series in family["series"].as_array().unwrap() {
            let labels: BTreeMap<String, String> =
                serde_json::from_value(series["labels"].clone()).unwrap();
            if family["type"] != "histogram" {
                add(name.into(), &labels, &series["value"]);
                continue;
            }
            for bucket in series["buckets"].as_array().unwrap() {
                let mut labels = labels.clone();
                let le = &bucket["le"];
                let le = le.as_f64().or_else(|| le.as_str()?.parse().ok()).unwrap();
                labels.insert("le".into(), le.to_string());
                add(format!("{name}_bucket"), &labels, &bucket["count"]);
            }
            add(format!("{name}_sum"), &labels, &series["sum"]);
            add(format!("{name}_count"), &labels, &series["count"]);
        }
    }
    samples
}

#[test]
fn a_recognised_format_gives_the_counts_of_the_named_one() {
    for (pattern, log) in RECORDED {
        // The unit of a whole number cannot be recognised.
        if ["gunicorn-micros", "gunicorn-millis"].contains(&pattern) {
            let said = replay(&[log], "").failed(78);
            assert!(said.contains("gunicorn-micros reads 99 %"), "{said}");
            assert!(said.contains("gunicorn-millis reads 99 %"), "{said}");
        } else {
            let named = metrics(&["--pattern", pattern, log], "");
            assert!(metrics(&[log], "") == named, "{log}");
        }
    }
}

#[test]
fn rejected_lines_are_reported_on_standard_error() {
    let log = [line("GET", 200).repeat(19), "odd\n\n".to_owned()].concat();
    let ended = replay(&["--output", "metrics", "-"], log.clone());
    assert_eq!(ended.code, Some(0));
    assert_snapshot!(ended.err, @"
    warning: 1 of 21 lines rejected
    rejected, mismatch: -:20
     = help: to see why: httplog-exporter explain --pattern nginx-combined '…'
    ");
    let ended = replay(&["-"], log);
    assert_eq!(ended.code, Some(0));
    let account: Vec<&str> = ended.out.lines().take(2).collect();
    assert_snapshot!(account.join("\n"), @r"
    nginx-combined: 21 lines, 19 recorded, 1 rejected, 1 skipped
      rejected, mismatch: 1
    ");
}

#[test]
fn an_empty_log_needs_a_named_format() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty.log"), "").unwrap();
    for output in ["summary", "metrics", "json"] {
        let ended = run(dir.path(), ["replay", "-o", output, "empty.log"], "");
        assert_eq!(
            ended.failed(66),
            "error: no line to read: every log that is given is empty\n",
            "{output}"
        );
    }
    let named = [
        "replay",
        "-o",
        "metrics",
        "-p",
        "nginx-combined",
        "empty.log",
    ];
    let page = run(dir.path(), named, "").succeeded();
    assert_eq!(Scrape::parse(&page).requests("nginx-combined"), [].into());
}

#[test]
fn the_summary_is_a_readable_table() {
    let log = Path::new("fixtures/corpora/nginx_timed.log");
    assert_snapshot!(replay(&[log.to_str().unwrap()], "").succeeded(), @"
    nginx-timed: 300 lines, 300 recorded, 0 rejected, 0 skipped

    METHOD        REQUESTS       1xx         2xx         3xx         4xx         5xx     other
    <other>             12         0           1           0          11           0         0
    CONNECT              1         0           0           0           1           0         0
    DELETE               1         0           1           0           0           0         0
    GET                268         0         191           8          60           9         0
    HEAD                 1         0           1           0           0           0         0
    OPTIONS              3         0           2           0           1           0         0
    PATCH                3         0           3           0           0           0         0
    POST                 8         0           2           0           5           1         0
    PUT                  2         0           2           0           0           0         0
    TRACE                1         0           0           0           1           0         0

        REQUESTS       5xx        MEAN         P95  ROUTE
              92         1       20 ms    ≤ 100 ms  /hex/<slug>/
              66         4       74 ms    ≤ 200 ms  <other>
              16         2      319 ms  ≤ 5,000 ms  /
              13         0      164 ms  ≤ 2,500 ms  /articles/
              11         0      9.1 ms     ≤ 50 ms  /u/<str>/
               7         0       55 ms    ≤ 200 ms  /api/v1/users/<int>/
               5         0      9.0 ms     ≤ 50 ms  /<str>/
               5         0       29 ms    ≤ 100 ms  /articles/<int>/<int>/<slug>/
               5         1       10 ms     ≤ 25 ms  /items/<uuid>/
               4         0      508 ms  ≤ 2,500 ms  /api/v1/users/
               4         0      7.0 ms     ≤ 10 ms  /api/v2/users/<int>/
               4         0      7.2 ms     ≤ 25 ms  /basic/articles/
               3         0      9.3 ms     ≤ 25 ms  /articles/<int>/
               3         2       18 ms     ≤ 50 ms  /boom/
               3         0      0.0 ms    ≤ 5.0 ms  /static/app.js
               3         0       17 ms     ≤ 50 ms  /u/<email>/
               3         0       17 ms     ≤ 50 ms  /u/<slug>/
               2         0      7.5 ms     ≤ 25 ms  /about/
               2         0       48 ms     ≤ 50 ms  /admin/auth/user/<int>/change/
               2         0       28 ms     ≤ 50 ms  /admin/login/
              37  more routes
    ");
}

#[test]
fn any_number_of_threads_gives_the_same_page_and_the_same_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large.log");
    let log = fs::read(project("fixtures/corpora/nginx_timed.log")).unwrap();
    // Several parts of 8 MiB.
    fs::write(&large, log.repeat((17 << 20) / log.len())).unwrap();
    let packed = dir.path().join("packed.log.gz");
    fs::write(&packed, gzip(&log.repeat(40))).unwrap();
    let [large, packed] = [&large, &packed].map(|path| path.to_str().unwrap());
    let read = |threads: &str| {
        let args = [
            "--output",
            "json",
            "--threads",
            threads,
            large,
            "fixtures/demo/access.log",
            packed,
        ];
        let ended = replay(&args, "");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        (ended.out, ended.err)
    };
    let expected = read("1");
    for threads in ["2", "3"] {
        assert!(read(threads) == expected, "{threads} threads");
    }
    assert_eq!(replay(&["--threads", "0", large], "").code, Some(64));
}
