//! The end of the process at a panic, of any thread.
//!
//! Invariant: what a panic has left half changed is not used: nothing unwinds, no thread goes on for longer than the message
//! takes. The process exits, so that no core dump with text of log lines is written.

use std::panic::PanicHookInfo;

use super::log;

/// Makes every panic from here on end the process with this exit code. The message is logged, or printed by a command that
/// does not log.
pub fn end_process(code: i32) {
    std::panic::set_hook(Box::new(move |panic| {
        report(&message(panic));
        std::process::exit(code);
    }));
}

/// Returns the message, of one line.
fn message(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let place = panic.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    let what = panic.payload_as_str().unwrap_or("no message");
    let what = what.replace(char::is_control, " ");
    format!("the thread `{name}` panicked at {place}; this is a bug: {what}")
}

fn report(message: &str) {
    if !log::end_with_error(message) {
        log::end(&format!("error: {message}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::{Style, init_with};
    use super::*;
    use std::fmt;
    use std::io::{self, Write as _};
    use std::process::{Command, Output, Stdio};
    use std::thread;

    use tracing::Level;

    /// Variable that names the action of the child process; unset in a run of the tests.
    const CASE: &str = "HTTPLOG_TEST_PANIC";

    struct Panics;

    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in a message");
        }
    }

    /// Panics on another thread while this one waits.
    fn panic_aside() {
        let thread = thread::Builder::new().name("sources".to_owned());
        let panicking = thread.spawn(|| panic!("on\npurpose")).unwrap();
        let _ = panicking.join();
    }

    /// Runs in a child process, which each case ends.
    #[test]
    fn child() {
        let Ok(case) = std::env::var(CASE) else {
            return;
        };
        end_process(1);
        let write = |bytes: &[u8]| io::stderr().write_all(bytes);
        let init = |style| init_with(style, Level::INFO, write).unwrap();
        match case.as_str() {
            "no log" => panic_aside(),
            "json" => {
                init(Style::Json);
                panic_aside();
            }
            "journal" => {
                init(Style::Journal);
                tracing::info!("begun");
                panic_aside();
            }
            "message" => {
                init(Style::Journal);
                tracing::info!("{Panics}");
            }
            "log" => {
                let write = |_: &[u8]| panic!("in the log");
                init_with(Style::Journal, Level::INFO, write).unwrap();
                tracing::info!("begun");
                thread::park();
            }
            other => panic!("{other}"),
        }
        std::process::exit(77);
    }

    fn run(case: &str, stderr: impl Into<Stdio>) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "telemetry::panic::tests::child", "--nocapture"]);
        let child = command.env(CASE, case).stdout(Stdio::null()).stderr(stderr);
        let child = child.spawn().unwrap();
        drop(command);
        child.wait_with_output().unwrap()
    }

    /// Returns what a case writes to standard error, with the lines of this file as `N`.
    fn said(case: &str) -> String {
        let output = run(case, Stdio::piped());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{case}: {said}");
        let place = regex::Regex::new(r"panic\.rs:\d+:\d+").unwrap();
        place.replace_all(&said, "panic.rs:N").into_owned()
    }

    #[test]
    fn a_panic_ends_the_process_with_its_thread_and_place_in_the_log() {
        let expected =
            "the thread `sources` panicked at src/telemetry/panic.rs:N; this is a bug: on purpose";
        assert_eq!(said("no log"), format!("error: {expected}\n"));
        assert_eq!(said("journal"), format!("<6>begun\n<3>{expected}\n"));
        let line: serde_json::Value = serde_json::from_str(&said("json")).unwrap();
        assert_eq!(line["message"], expected);
        assert_eq!(line["level"], "ERROR");
    }

    #[test]
    fn a_panic_while_a_message_is_made_or_written_is_reported() {
        let said_of = |case, thread, what| {
            let expected = format!(
                "<3>the thread `{thread}` panicked at src/telemetry/panic.rs:N; this is a bug: {what}\n"
            );
            assert_eq!(said(case), expected);
        };
        said_of("message", "telemetry::panic::tests::child", "in a message");
        said_of("log", "log", "in the log");
    }

    #[test]
    fn a_standard_error_that_is_not_read_does_not_delay_the_end() {
        let (read_later, mut full) = io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&full, 4096).unwrap();
        full.write_all(&[b'\n'; 4096]).unwrap();
        let output = run("journal", full);
        assert_eq!(output.status.code(), Some(1));
        drop(read_later);
    }
}
