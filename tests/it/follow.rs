//! Recorded logs, followed by the daemon from their beginning.

use std::fs;

use crate::counts;
use crate::support::{Daemon, Scrape, Source, project};

/// The presets, each with what a real server wrote in its format.
const RECORDED: [(&str, &str); 8] = [
    ("nginx-combined", "fixtures/corpora/nginx_combined.log"),
    ("nginx-timed", "fixtures/corpora/nginx_timed.log"),
    ("nginx-vhost", "fixtures/corpora/nginx_vhost_main.log"),
    ("nginx-django", "fixtures/demo/access.log"),
    ("gunicorn", "fixtures/corpora/gunicorn_real_default.log"),
    ("gunicorn-seconds", "fixtures/corpora/gunicorn_L_s.log"),
    ("gunicorn-micros", "fixtures/corpora/gunicorn_D_us.log"),
    ("gunicorn-millis", "fixtures/corpora/gunicorn_M_ms.log"),
];

#[test]
fn every_line_that_real_servers_wrote_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let logs = RECORDED.map(|(pattern, log)| (pattern, project(log)));
    let sources = logs.each_ref().map(|(pattern, log)| Source {
        name: pattern,
        pattern,
        log,
    });
    let expected = logs
        .each_ref()
        .map(|(pattern, log)| (*pattern, counts::of_log(&fs::read(log).unwrap())));
    let lines = expected
        .each_ref()
        .map(|(pattern, counts)| (*pattern, counts::total(counts)));

    let daemon = Daemon::follow(dir.path(), &sources);
    let scrape = Scrape::parse(&daemon.metrics_after(&lines));
    for (source, counts) in &expected {
        scrape.assert_counted(source, counts);
    }
}
