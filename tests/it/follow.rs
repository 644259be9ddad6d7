//! Recorded logs, followed by the daemon from their beginning.

use std::fs;

use crate::counts;
use crate::recorded::RECORDED;
use crate::scrape::Scrape;
use crate::support::{Daemon, Source, project};

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
