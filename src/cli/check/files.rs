//! Faults of a configuration that only the file system shows.
//!
//! Invariant: checking changes nothing, and never waits for a FIFO.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::overlap::shared_files;
use crate::clock::ManualClock;
use crate::config::{Config, Files, Input, Resolvers, State};
use crate::daemon::{files_per_source, raise_descriptor_limit};
use crate::diag::{Fault, Report};
use crate::model::SecretKey;
use crate::source::{
    FileError, FileEvent, FileSettings, FileSource, JOURNAL_PROGRAM, Kind, RealFs, SHORT_QUEUE,
    SharedFs, Stream, Syslog, unix_queue_length,
};

use super::sample::try_log;

/// Opens the files that a configuration names, as many as the daemon would have open at one time, and tries their last
/// lines. `path` is that of the configuration.
pub(super) fn check_files(config: &Config, path: &Path, report: &mut Report) {
    raise_descriptor_limit();
    let routes = config.routes.values();
    let resolvers: Resolvers = routes
        .filter_map(|routes| Some((routes.name.clone(), routes.load(report)?)))
        .collect();
    let clock = Arc::new(ManualClock::default());
    // As in the daemon: a directory is listed once for all sources.
    let names = SharedFs::new(RealFs, Arc::clone(&clock) as _);
    for source in &config.sources {
        let followed = match &source.input {
            Input::Files(files) => files,
            Input::Stream(stream) => {
                report.extend(judge_stream(&source.name, stream));
                continue;
            }
        };
        let settings = FileSettings {
            paths: followed.paths.clone(),
            start: followed.start,
            line_bytes: config.limits.line_bytes,
            frame: followed.frame,
            rotate_wait: Duration::ZERO,
            poll: Duration::MAX,
            open_files: files_per_source(config.sources.len()),
        };
        let (names, clock) = (names.clone(), Arc::clone(&clock) as _);
        let mut files = FileSource::new(&settings, names, clock, SecretKey::random());
        files.discover(&mut |event| {
            report.extend(judge(&source.name, followed, &event));
            // Of many logs, one is named and tried.
            if let FileEvent::Opened { path: log, .. } | FileEvent::OpenedMany { path: log, .. } =
                &event
            {
                let routes = source.routes.as_ref();
                let resolver = routes.and_then(|routes| resolvers.get(&routes.name));
                report.extend(try_log(source, resolver, log, path));
            }
        });
    }
    report.extend(shared_files(config));
    report.extend(config.state.as_ref().and_then(judge_state));
}

/// Returns the fault of the state directory. Nothing is created, and whether it is locked is not asked: the daemon may use it.
fn judge_state(state: &State) -> Option<Fault> {
    let dir = state.dir.display();
    match std::fs::metadata(&state.dir) {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(
            Fault::error(format!("state.dir: {dir} is not a directory"))
                .help("name a directory that the exporter alone uses: dir = \"/var/lib/httplog-exporter\""),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = state.dir.parent()?;
            // A directory is created if only it is missing.
            (!above.is_dir()).then(|| {
                Fault::warning(format!(
                    "state.dir: {dir} cannot be created: {} does not exist",
                    above.display()
                ))
                .help(format!("mkdir -p {dir}; under systemd, StateDirectory= does that"))
            })
        }
        Err(error) => Some(
            Fault::warning(format!("state.dir: cannot read {dir}: {error}"))
                .help("its user must be able to enter every directory above it"),
        ),
    }
}

/// Returns the fault of a stream, without opening it: the daemon may have it open.
fn judge_stream(source: &str, stream: &Stream) -> Option<Fault> {
    let error = |what: String| Some(Fault::error(format!("source `{source}`: {what}")));
    let warning = |what: String, help: &str| {
        Some(Fault::warning(format!("source `{source}`: {what}")).help(help))
    };
    match stream {
        Stream::Fifo(path) => match std::fs::metadata(path) {
            Ok(found) if found.file_type().is_fifo() => None,
            Ok(found) if found.is_file() => {
                let fault = error(format!("{} is a regular file", path.display()));
                fault.map(|fault| fault.help("follow it: paths = [\"…\"]"))
            }
            Ok(_) => error(format!("{} is not a FIFO", path.display())),
            Err(error) => warning(
                format!("cannot stat {}: {error}", path.display()),
                "it is read as soon as it appears; create it with mkfifo(1)",
            ),
        },
        Stream::Syslog(Syslog { address, .. })
            if address.path().is_some() && !address.has_connections =>
        {
            let length = unix_queue_length().filter(|length| *length < SHORT_QUEUE)?;
            warning(
                format!(
                    "the kernel lets {length} datagrams wait in a unix socket, writers drop lines in a burst"
                ),
                &format!(
                    "sysctl -w net.unix.max_dgram_qlen={SHORT_QUEUE} net.core.wmem_default=4194304, also in \
                     /etc/sysctl.d, before the exporter and the servers start"
                ),
            )
        }
        Stream::Journal(_) if !is_on_path(JOURNAL_PROGRAM) => warning(
            format!("{JOURNAL_PROGRAM} is not on the PATH"),
            "the journal is read through it; it is part of systemd",
        ),
        Stream::Syslog(_) | Stream::Stdin { .. } | Stream::Journal(_) => None,
    }
}

/// Returns whether a program is on the PATH.
fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Converts an event to a fault at the path that names the file.
fn judge(source: &str, files: &Files, event: &FileEvent) -> Option<Fault> {
    let (path, fault) = match event {
        FileEvent::Missing { path } | FileEvent::ManyMissing { path, .. } => (
            path,
            Fault::warning(format!("source `{source}`: {event}"))
                .help("it is followed as soon as it appears"),
        ),
        FileEvent::Waiting { path, .. } => (
            path,
            Fault::warning(format!("source `{source}`: {event}"))
                .help("lines are counted later than with a higher limit"),
        ),
        FileEvent::Unreadable { path, error } | FileEvent::ManyUnreadable { path, error, .. } => {
            let fault = Fault::error(format!("source `{source}`: {event}"));
            (path, fault.help_if_known(remedy(path, error)))
        }
        _ => return None,
    };
    Some(fault.at(files.place_of(path).cloned()))
}

/// Returns what to write for a path that is not followed.
fn remedy(path: &Path, error: &FileError) -> Option<String> {
    let path = path.display().to_string();
    let path = path.trim_end_matches('/');
    match error {
        FileError::NotRegular(Kind::Directory) => {
            Some(format!("name the logs in it: paths = [\"{path}/*.log\"]"))
        }
        FileError::NotRegular(Kind::Fifo) => Some(format!(
            "read it as a FIFO, in place of `paths`: fifo = \"{path}\""
        )),
        FileError::NotRegular(Kind::Socket) => Some(format!(
            "the exporter makes the socket itself, in place of `paths`: syslog = \"unix:{path}\""
        )),
        FileError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(
            "give the daemon's user read access; on Debian, the group `adm` can read nginx's logs"
                .to_owned(),
        ),
        FileError::NotRegular(_) | FileError::Io(_) => None,
    }
}
