//! `run`: starts the daemon.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::exit::{Exit, Failure};
use super::load::load;
use super::overlap::{check_distinct, shared_files};
use super::unrecognised::recognise_log;
use super::web_options::WebOptions;
use crate::config::{self, Config, Input, Limits, Source};
use crate::daemon::{Daemon, Origin, StartError};
use crate::diag::{Fault, is_printable};
use crate::http::{Address, BindError};
use crate::model::{Batch, GenerationId, Position};
use crate::pattern::Pattern;
use crate::servers;
use crate::source::{Frame, PathPattern, Stream, archive, bare_lines};
use crate::state::LockError;
use crate::text_file::Accept;

/// Bytes of a log that are read to recognise its format.
pub(super) const SAMPLE_BYTES: u64 = 256 * 1024;

/// Follow access logs and serve metrics.
///
/// Reads what the configuration names. With LOGs in its place, follows each from its beginning, recognises
/// its format from its first lines, and serves metrics at 127.0.0.1:9914. `-` is standard input, whose counts
/// stay available after its end. SIGHUP reloads the configuration; SIGTERM shuts down cleanly.
#[derive(Debug, Args)]
pub struct Run {
    /// Path of the configuration [default: /etc/httplog-exporter/config.toml, unless LOGs are given]
    #[arg(long, short, value_name = "FILE", conflicts_with = "logs")]
    config: Option<PathBuf>,
    #[command(flatten)]
    web: WebOptions,
    /// Format of the LOGs: a preset (see `patterns`), or a pattern from
    /// /etc/httplog-exporter/patterns/*.toml
    #[arg(long, short, value_name = "NAME", requires = "logs")]
    pattern: Option<String>,
    /// Access logs to follow without a configuration; use - for standard input
    #[arg(value_name = "LOG")]
    logs: Vec<PathBuf>,
}

impl Run {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let (mut config, origin) = if self.logs.is_empty() {
            let given = self.config.clone();
            let path = given.unwrap_or_else(|| config::DEFAULT_PATH.into());
            let checked = load(&path, Accept::Regular)?;
            let Some(mut config) = checked.config else {
                return Err(checked.report.into());
            };
            let shared = shared_files(&config);
            config.warnings.extend(shared.iter().map(Fault::line));
            for fault in checked.report.faults().into_iter().chain(&shared) {
                tracing::warn!("{fault}");
            }
            let origin = Origin {
                path,
                given: self.web.given(),
            };
            (config, Some(origin))
        } else {
            (self.config_of_logs()?, None)
        };
        self.web.apply(&mut config.web);
        let Some(daemon) = start(&config, origin)? else {
            return Ok(());
        };
        for address in daemon.addresses() {
            tracing::info!("listening on {address}");
        }
        // `load` has warned of those of the file, unless it depends on the web configuration.
        if config.web.listen.contains(&Address::Systemd)
            || config.web.config_file.is_some()
            || self.web.listens()
        {
            for (message, help) in daemon.exposures() {
                tracing::warn!("{message}; {help}");
            }
        }
        let ran = daemon.run();
        ran.map_err(|error| Failure::new(Exit::Runtime, error))
    }

    /// Returns the configuration that is equivalent to the LOGs on the command line.
    fn config_of_logs(&self) -> Result<Config, Failure> {
        let given = self.pattern.as_deref().map(config::find_pattern);
        let given = given.transpose()?.map(Arc::new);
        check_distinct(&self.logs)?;
        let mut sources: Vec<Source> = Vec::new();
        for log in &self.logs {
            let (pattern, input, path) = if log == Path::new("-") {
                let (pattern, head) = standard_input(given.as_ref())?;
                let stream = Stream::Stdin { head: head.into() };
                (pattern, Input::Stream(stream), "stdin".into())
            } else {
                let pattern = match &given {
                    Some(pattern) => Arc::clone(pattern),
                    None => Arc::new(recognised(log)?),
                };
                let path = std::path::absolute(log).map_err(|error| unreadable(log, error))?;
                let input = Input::log(PathPattern::literal(path.clone()));
                (pattern, input, path)
            };
            tracing::info!("{} is read as {}", log.display(), pattern.name());
            sources.push(Source::new(unused_name(&path, &sources), input, pattern));
        }
        let listen = config::DEFAULT_LISTEN.parse().into_iter().collect();
        Ok(Config::with_sources(listen, sources))
    }
}

/// Starts the daemon, or returns the failure with its exit code; `None` if it was stopped meanwhile.
pub(super) fn start(config: &Config, origin: Option<Origin>) -> Result<Option<Daemon>, Failure> {
    let error = match Daemon::start(config, origin) {
        Ok(daemon) => return Ok(Some(daemon)),
        Err(StartError::Stopped) => return Ok(None),
        Err(error) => error,
    };
    Err(match error {
        StartError::Bind(BindError::InUse(_)) => Failure::new(Exit::Io, error)
            .help("stop the process that listens there, or choose another address with --listen or web.listen"),
        StartError::Bind(BindError::NotActivated) => Failure::new(Exit::Io, error).help(
            "start the service by its .socket unit (docs/web.md), or choose an address with --web.listen-address or web.listen",
        ),
        StartError::Bind(ref bind) => {
            let help = remedy(bind);
            Failure::new(Exit::Io, error).help_if_known(help)
        }
        StartError::State(LockError::Io { .. } | LockError::NotAFile(_)) => {
            Failure::new(Exit::Io, error)
        }
        StartError::State(LockError::InUse { .. }) => Failure::new(Exit::Io, error)
            .help("stop that process, or choose another state.dir: each exporter needs its own"),
        StartError::Store(store) => store.into(),
        StartError::Routes(report) | StartError::Web(report) => report.into(),
        StartError::Telemetry(_)
        | StartError::System(..)
        | StartError::Thread { .. }
        | StartError::Stopped => Failure::new(Exit::Runtime, error),
    })
}

/// Returns what remedies that an address cannot be listened on.
fn remedy(error: &BindError) -> Option<String> {
    let (address, source) = match error {
        BindError::Unresolved { address, .. } => {
            return Some(format!(
                "correct the name in {address}, or listen on an IP address: 127.0.0.1:9914 for this machine, :9914 for all interfaces"
            ));
        }
        BindError::NotASocket(_) => {
            return Some("move that file away, or choose another path".to_owned());
        }
        BindError::Io { address, source } => (address, source),
        _ => return None,
    };
    let is_socket = matches!(address, Address::Unix(_));
    match source.kind() {
        io::ErrorKind::NotFound => {
            Some("create the directory; under systemd, RuntimeDirectory= does that".to_owned())
        }
        io::ErrorKind::PermissionDenied if is_socket => {
            Some("give the exporter's user write access to the directory".to_owned())
        }
        io::ErrorKind::PermissionDenied => Some(
            "choose a port from 1024, such as 9914; lower ones need AmbientCapabilities=CAP_NET_BIND_SERVICE".to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("`ip -brief address` lists its addresses; `:PORT` stands for all of them".to_owned())
        }
        _ => None,
    }
}

/// Returns the pattern of standard input, and the bytes that were read to recognise it.
fn standard_input(given: Option<&Arc<Pattern>>) -> Result<(Arc<Pattern>, Vec<u8>), Failure> {
    if let Some(pattern) = given {
        return Ok((Arc::clone(pattern), Vec::new()));
    }
    tracing::info!("waiting for the first lines of standard input to recognise its format");
    let log = Path::new("-");
    let head = first_lines(io::stdin()).map_err(|error| unreadable(log, error))?;
    if archive::is_compressed(&head) {
        let error = io::Error::other("it is compressed");
        return Err(unreadable(log, error).help("`replay -` reads compressed logs"));
    }
    let whole = memchr::memrchr(b'\n', &head).map_or(head.len(), |newline| newline + 1);
    let pattern = recognised_lines(log, &head[..whole])?;
    Ok((Arc::new(pattern), head))
}

/// Reads until a line has come and a pause follows, or until the sample is full.
fn first_lines(from: impl AsFd) -> io::Result<Vec<u8>> {
    let most = usize::try_from(SAMPLE_BYTES).unwrap_or(usize::MAX);
    let mut head = Vec::new();
    let mut part = vec![0; 64 * 1024];
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    while head.len() < most {
        // Waits indefinitely for the first line, and briefly for the lines after it.
        let patience = head.contains(&b'\n').then_some(&pause);
        let mut polled = [PollFd::new(&from, PollFlags::IN)];
        match rustix::event::poll(&mut polled, patience) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(&from, &mut part[..]) {
            Ok(0) => break,
            Ok(length) => head.extend_from_slice(&part[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(head)
}

/// Recognises the preset of a log.
fn recognised(log: &Path) -> Result<Pattern, Failure> {
    let cannot = |error| unreadable(log, error);
    let meta = std::fs::metadata(log).map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let help = "to wait for a log that does not exist yet, name its format with --pattern";
        unreadable(log, error).help_if(missing, help)
    })?;
    if !meta.is_file() {
        let help = if meta.is_dir() {
            "to follow the files of a directory, use a configuration: paths = [\"DIR/*.log\"]"
        } else {
            "to read a FIFO, use a configuration: fifo = \"PATH\"; for standard input, use `-`"
        };
        let what = if meta.is_dir() {
            "it is a directory"
        } else {
            "it is not a regular file"
        };
        return Err(cannot(io::Error::other(what)).help(help));
    }
    let mut head = Vec::new();
    File::open(log)
        .and_then(|file| file.take(SAMPLE_BYTES).read_to_end(&mut head))
        .map_err(cannot)?;
    if archive::is_compressed(&head) {
        let error = io::Error::other("it is compressed and will not grow");
        return Err(cannot(error).help("`replay` reads compressed logs"));
    }
    // A last line without a newline is still being written.
    head.truncate(memchr::memrchr(b'\n', &head).map_or(0, |newline| newline + 1));
    recognised_lines(log, &head)
}

/// Recognises the preset of lines.
fn recognised_lines(log: &Path, head: &[u8]) -> Result<Pattern, Failure> {
    let position = Position {
        generation: GenerationId(0),
        offset: head.len() as u64,
    };
    let lines = bare_lines(head, Frame::Auto, Limits::default().line_bytes);
    let batch = Batch::new(&lines, 0, position);
    if batch.lines().all(<[u8]>::is_empty) {
        let message = format!("{} has no complete line yet", log.display());
        let help = "name its format with --pattern (the list: httplog-exporter patterns)";
        return Err(Failure::message(Exit::NoInput, message).help(help));
    }
    recognise_log(log, &batch, Limits::default().line_bytes)
}

/// Returns the failure of a log that cannot be read.
pub(super) fn unreadable(log: &Path, error: io::Error) -> Failure {
    let kind = error.kind();
    let shown = log.display().to_string();
    let error = anyhow::Error::new(error).context(format!("cannot read {shown}"));
    let failure = Failure::new(Exit::NoInput, error);
    match kind {
        io::ErrorKind::PermissionDenied => {
            failure.help("on Debian, the group `adm` can read nginx's logs")
        }
        io::ErrorKind::IsADirectory => failure.help(format!(
            "name the logs in it: {}/*.log",
            shown.trim_end_matches('/')
        )),
        _ => failure,
    }
}

/// Characters of a file name that become the name of a source.
const NAME_CHARS: usize = 40;

/// Returns the file name without `.log`, with a number if that name is taken.
fn unused_name(path: &Path, sources: &[Source]) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    let printable = name.replace(|c| !is_printable(c), "\u{fffd}");
    let name: String = printable.chars().take(NAME_CHARS).collect();
    let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
    servers::unique(name.strip_suffix(".log").unwrap_or(&name), is_taken)
}
