//! Tests of the daemon's own log, on a standard error that is not read.

use std::io::{PipeReader, Read as _};
use std::time::Duration;

use httplog_exporter::clock::{Clock as _, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use crate::lifecycle::{run_configured, set_up};
use crate::support::{get, wait_for_end};

/// Longer than a shutdown takes, and shorter than the time that an operator waits for.
const PROMPTLY: Duration = Duration::from_secs(4);

/// Reads from a pipe until `what` was read; returns what was read.
fn read_until(pipe: &mut PipeReader, what: &str) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let length = pipe.read(&mut buffer).unwrap();
        assert!(length > 0, "the pipe was closed");
        said.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&said);
        if text.contains(what) {
            return text.into_owned();
        }
    }
}

#[test]
fn a_standard_error_that_is_not_read_stops_neither_scrapes_nor_the_end() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let clock = SystemClock::new();
    for is_read_again in [true, false] {
        let (mut stderr, writer) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
        let mut command = run_configured(dir.path());
        let mut child = command.stderr(writer).spawn().unwrap();
        drop(command);
        let said = read_until(&mut stderr, "every source is open");
        let address = said.split("listening on ").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap();
        let process = Pid::from_child(&child);
        // Each is a message, and they are more than the pipe holds.
        for _ in 0..100 {
            kill_process(process, Signal::HUP).unwrap();
            get(&format!("{address}/-/healthy")).unwrap();
        }
        get(&format!("{address}/metrics")).unwrap();
        let until = clock.monotonic() + PROMPTLY;
        kill_process(process, Signal::TERM).unwrap();
        if is_read_again {
            read_until(&mut stderr, "stopping");
        }
        assert!(wait_for_end(&mut child).success());
        assert!(clock.monotonic() < until);
    }
}
