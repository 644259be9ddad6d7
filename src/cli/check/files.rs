//! Faults of a configuration that only the file system shows.
//!
//! Invariant: checking changes nothing, and never waits for a FIFO.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::ManualClock;
use crate::config::{Config, Input};
use crate::diag::{Fault, Report};
use crate::source::{
    FileError, FileEvent, FileSettings, FileSource, JOURNAL_PROGRAM, RealFs, SHORT_QUEUE, Stream,
    SyslogAddress, unix_queue_length,
};

/// Tries to open what a configuration names.
pub(super) fn check_files(config: &Config, report: &mut Report) {
    for routes in config.routes.values() {
        routes.load(report);
    }
    for source in &config.sources {
        let files = match &source.input {
            Input::Files(files) => files,
            Input::Stream(stream) => {
                report.extend(judge_stream(&source.name, stream));
                continue;
            }
        };
        let settings = FileSettings {
            paths: files.paths.clone(),
            start: files.start,
            line_bytes: config.limits.line_bytes,
            rotate_wait: Duration::ZERO,
            poll: Duration::MAX,
            open_files: usize::MAX,
        };
        let mut files = FileSource::new(settings, RealFs, Arc::new(ManualClock::default()));
        files.discover(&mut |event| report.extend(judge(&source.name, &event)));
    }
}

/// What a person should know of a stream, without opening it: the daemon may have it open.
fn judge_stream(source: &str, stream: &Stream) -> Option<Fault> {
    match stream {
        Stream::Fifo(path) => match std::fs::metadata(path) {
            Ok(found) if found.file_type().is_fifo() => None,
            Ok(found) if found.is_file() => Some(
                Fault::error(format!(
                    "source `{source}`: {} is a regular file",
                    path.display()
                ))
                .help("follow it: paths = [\"…\"]"),
            ),
            Ok(_) => Some(Fault::error(format!(
                "source `{source}`: {} is no FIFO",
                path.display()
            ))),
            Err(error) => Some(
                Fault::warning(format!(
                    "source `{source}`: cannot look at {}: {error}",
                    path.display()
                ))
                .help("it is read as soon as it appears; mkfifo(1) makes one"),
            ),
        },
        Stream::Syslog(syslog) if matches!(syslog.address, SyslogAddress::Unix(_)) => {
            let length = unix_queue_length().filter(|length| *length < SHORT_QUEUE)?;
            Some(
                Fault::warning(format!(
                    "source `{source}`: the kernel lets {length} datagrams wait in a unix socket, \
                     writers drop lines in a burst"
                ))
                .help(format!(
                    "sysctl -w net.unix.max_dgram_qlen={SHORT_QUEUE} net.core.wmem_default=4194304, also in \
                     /etc/sysctl.d, before the exporter and the servers start"
                )),
            )
        }
        Stream::Journal(_) if !is_on_path(JOURNAL_PROGRAM) => Some(
            Fault::warning(format!(
                "source `{source}`: there is no {JOURNAL_PROGRAM} on the PATH"
            ))
            .help("the journal is read by it; it comes with systemd"),
        ),
        Stream::Syslog(_) | Stream::Stdin { .. } | Stream::Journal(_) => None,
    }
}

/// Whether a program would be found.
fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// What a person should know of what was found.
fn judge(source: &str, event: &FileEvent) -> Option<Fault> {
    match event {
        FileEvent::Missing { .. } => Some(
            Fault::warning(format!("source `{source}`: {event}"))
                .help("it is followed as soon as it appears"),
        ),
        FileEvent::Unreadable { error, .. } => {
            let fault = Fault::error(format!("source `{source}`: {event}"));
            let denied = matches!(error, FileError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied);
            Some(if denied {
                fault.help("let the daemon's user read it: on Debian, nginx's logs belong to the group `adm`")
            } else {
                fault
            })
        }
        _ => None,
    }
}
