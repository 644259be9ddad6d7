//! The exporter's own log, on standard error.
//!
//! Invariant: the chosen level applies to this program's events. Libraries log warnings and errors at most,
//! because their lower levels contain data of requests and files. No thread waits for standard error: messages that it
//! does not take in time are dropped and counted.

use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::log_queue::LogQueue;

/// Time that standard error has at the end of the process to take the last messages, also those about a panic.
const LAST_WRITE: Duration = Duration::from_millis(500);

const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Bytes for which poll(2) says that a pipe has room.
const PIPE_BUF: usize = 4096;

/// The log of the process, once it is set up.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for each event; in the journal with a priority instead of a timestamp.
    #[default]
    Text,
    /// One JSON object for each event, each on a separate line.
    Json,
}

impl LogFormat {
    /// Names of the formats.
    pub const NAMES: [&str; 2] = ["text", "json"];
}

/// Names of the levels: the first logs least, the last most.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A failure to set up logging or to parse an option.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Logging was set up before; the earlier set-up stays in use.
    #[error("logging is already set up")]
    AlreadySet(#[source] tracing::subscriber::SetGlobalDefaultError),
    /// The system has no thread left.
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
    /// The name of an unknown format.
    #[error("unknown log format `{0}`: use `text` or `json`")]
    UnknownFormat(String),
    /// The name of an unknown level.
    #[error("unknown log level `{0}`: use `error`, `warn`, `info`, `debug` or `trace`")]
    UnknownLevel(String),
}

/// Sets up logging to standard error for the process. To be called once.
///
/// Text is coloured only on a terminal, unless `NO_COLOR` is set. If standard error is connected to the
/// journal, lines start with a priority (`<4>`, see sd-daemon(3)) and have no timestamp.
///
/// A thread writes the log, so that no other one waits for a standard error that is not read.
/// [`end`] writes what is left at the end of the process.
///
/// # Errors
///
/// [`LogError::AlreadySet`] if called again, [`LogError::Thread`] if the system has no thread left.
pub fn init(format: LogFormat, level: Level) -> Result<(), LogError> {
    init_with(Style::of_stderr(format), level, write_stderr)
}

pub(super) fn init_with(
    style: Style,
    level: Level,
    write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> Result<(), LogError> {
    let queue = LogQueue::start(write).map_err(LogError::Thread)?;
    tracing::subscriber::set_global_default(subscriber(style, level, queue.clone()))
        .map_err(LogError::AlreadySet)?;
    QUEUE.get_or_init(|| queue);
    Ok(())
}

/// Writes the last text of the process to standard error: the cause of a failure, or nothing. If the log is set up, this
/// waits until its messages are written, too, but not longer than half a second.
pub fn end(text: &str) {
    match QUEUE.get() {
        Some(queue) => {
            if !text.is_empty() {
                queue.push(text.as_bytes());
            }
            queue.flush(LAST_WRITE);
        }
        // It cannot be reported that standard error fails.
        None => drop(write_stderr(text.as_bytes())),
    }
}

/// Logs an error that ends the process, as [`end`] does, from any thread: that of the log too, and one that holds anything but
/// the queue. Returns false if the log is not set up.
pub(super) fn end_with_error(text: &str) -> bool {
    let Some(queue) = QUEUE.get() else {
        return false;
    };
    queue.lift_limit();
    tracing::error!("{text}");
    if !queue.flush(LAST_WRITE) {
        // The thread that writes waits for a reader, or it is the one that cannot go on.
        write_without_waiting(&queue.take_waiting());
    }
    true
}

/// Returns the number of messages that were dropped, because standard error did not take them.
pub(super) fn dropped() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped)
}

/// Writes to standard error, without the lock of [`io::Stderr`], which would be held while the call blocks.
fn write_stderr(mut bytes: &[u8]) -> io::Result<()> {
    let stderr = io::stderr();
    while !bytes.is_empty() {
        match rustix::io::write(&stderr, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Another process that shares it made it non-blocking.
            Err(Errno::AGAIN) => _ = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes as much to standard error as it takes at once: of a pipe or a socket that is writable, at least so many bytes.
fn write_without_waiting(bytes: &[u8]) {
    let stderr = io::stderr();
    for part in bytes.chunks(PIPE_BUF) {
        let is_ready = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&AT_ONCE));
        if is_ready != Ok(1) || write_stderr(part).is_err() {
            return;
        }
    }
}

/// The style of log lines, chosen by format and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Coloured,
    Journal,
    Json,
}

impl Style {
    fn of_stderr(format: LogFormat) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text if stderr_is_journal() => Self::Journal,
            LogFormat::Text if io::stderr().is_terminal() && !no_color => Self::Coloured,
            LogFormat::Text => Self::Plain,
        }
    }
}

/// Returns whether standard error is connected to the journal: systemd sets `JOURNAL_STREAM` to the device and inode
/// of that stream (systemd.exec(5)), which a redirected stream does not match.
fn stderr_is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn subscriber<W>(style: Style, level: Level, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = LevelFilter::from_level(level);
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_default(level.min(LevelFilter::WARN));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(style == Style::Coloured)
        // Otherwise the library itself would report failures on standard error.
        .log_internal_errors(false)
        .with_target(false);
    let registry = tracing_subscriber::registry();
    match style {
        Style::Plain | Style::Coloured => Box::new(registry.with(layer.with_filter(targets))),
        Style::Json => {
            let layer = layer.json().flatten_event(true).with_current_span(false);
            Box::new(registry.with(layer.with_span_list(false).with_filter(targets)))
        }
        Style::Journal => {
            let layer = layer.event_format(JournalLine);
            Box::new(registry.with(layer.with_filter(targets)))
        }
    }
}

/// The format `<6>message field=value`.
struct JournalLine;

impl<S, N> FormatEvent<S, N> for JournalLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        format::format()
            .without_time()
            .with_level(false)
            .with_target(false)
            .with_ansi(false)
            .format_event(context, writer, event)
    }
}

/// Returns the syslog(3) priority of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogError::UnknownFormat(text.to_owned())),
        }
    }
}

/// Returns the level of a name: the lowest severity of events that are logged.
pub fn level(name: &str) -> Result<Level, LogError> {
    match name {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        "trace" => Ok(Level::TRACE),
        _ => Err(LogError::UnknownLevel(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(style: Style, level: Level, events: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(style, level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_listed_name_is_known() {
        for name in LEVELS {
            assert!(level(name).is_ok(), "{name}");
        }
        for name in LogFormat::NAMES {
            assert!(name.parse::<LogFormat>().is_ok(), "{name}");
        }
    }

    #[test]
    fn lines_for_the_journal_have_a_priority_and_no_timestamp() {
        let text = logged(Style::Journal, Level::DEBUG, || {
            tracing::error!(source = "nginx", "file vanished");
            tracing::warn!("slow");
            tracing::info!("started");
            tracing::debug!("detail");
        });
        assert_eq!(
            text,
            "<3>file vanished source=\"nginx\"\n<4>slow\n<6>started\n<7>detail\n"
        );
    }

    #[test]
    fn plain_text_has_a_timestamp_and_a_level_and_no_colour() {
        let text = logged(Style::Plain, Level::INFO, || {
            tracing::info!(files = 2, "started");
        });
        assert!(text.ends_with("Z  INFO started files=2\n"), "{text}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn json_is_one_object_on_each_line() {
        let text = logged(Style::Json, Level::INFO, || {
            tracing::info!(files = 2, "a\nb");
            tracing::warn!("c");
        });
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "a\nb");
        assert_eq!(lines[0]["files"], 2);
        assert_eq!(lines[1]["level"], "WARN");
    }

    #[test]
    fn libraries_log_warnings_and_errors_only() {
        let text = logged(Style::Journal, Level::TRACE, || {
            tracing::info!(target: "warp::filters", "path of a request");
            tracing::warn!(target: "notify", "queue overflow");
        });
        assert_eq!(text, "<4>queue overflow\n");
    }

    #[test]
    fn less_severe_events_are_left_out() {
        let text = logged(Style::Journal, Level::ERROR, || {
            tracing::warn!("w");
            tracing::warn!(target: "notify", "w");
        });
        assert_eq!(text, "");
    }

    #[test]
    fn setting_up_twice_is_an_error() {
        let outcomes = [
            init(LogFormat::Json, Level::ERROR),
            init(LogFormat::Text, Level::ERROR),
        ];
        assert!(matches!(outcomes[1], Err(LogError::AlreadySet(_))));
    }

    #[test]
    fn unknown_options_are_reported_with_the_known_ones() {
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert_eq!(level("warn").unwrap(), Level::WARN);
        assert_eq!(
            level("loud").unwrap_err().to_string(),
            "unknown log level `loud`: use `error`, `warn`, `info`, `debug` or `trace`"
        );
        assert_eq!(
            "xml".parse::<LogFormat>().unwrap_err().to_string(),
            "unknown log format `xml`: use `text` or `json`"
        );
    }
}
