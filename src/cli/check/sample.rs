//! Tries the last lines of a log with the pattern of its source.
//!
//! Invariant: a bounded number of bytes is read, and no message quotes the log.

use std::path::Path;
use std::sync::Arc;

use crate::cli::prefix::{LEAST, PrefixSample};
use crate::cli::rejects::quoted;
use crate::config::Source;
use crate::diag::Fault;
use crate::model::{counted, plural};
use crate::pattern::{Preset, Recognition, recognise};
use crate::route::Resolver;
use crate::source::{Fs, RealFs, bare_lines};

/// Most lines that are tried.
const SAMPLE_LINES: usize = 100;
/// Bytes at the end of a log that are read.
const TAIL_BYTES: u64 = 256 * 1024;
/// Longest line of a container that is joined of its parts.
const LINE_BYTES: usize = 64 * 1024;

/// Returns a warning if most of a log's last lines do not match the pattern of its source, or if their paths resolve only
/// with another prefix. A log that cannot be read has none: opening it has reported that.
pub(super) fn try_log(
    source: &Source,
    resolver: Option<&Arc<Resolver>>,
    log: &Path,
    config: &Path,
) -> Option<Fault> {
    let file = RealFs.open(log).ok()?;
    let size = RealFs.fstat(&file).ok()?.size;
    let start = size.saturating_sub(TAIL_BYTES);
    let mut tail = vec![0; usize::try_from(size - start).ok()?];
    let read = RealFs.read_at(&file, &mut tail, start).ok()?;
    tail.truncate(read);
    let tail = bare_lines(
        whole_lines(&tail, start == 0),
        source.input.frame(),
        LINE_BYTES,
    );
    let lines = last_lines(&tail);
    judge(source, log, &lines, config).or_else(|| judge_prefix(source, resolver?, log, &lines))
}

/// Returns the whole lines of a text; `is_whole` if it begins at a line.
fn whole_lines(text: &[u8], is_whole: bool) -> &[u8] {
    let start = match memchr::memchr(b'\n', text) {
        Some(newline) if !is_whole => newline + 1,
        _ => 0,
    };
    // What follows the last newline is still being written.
    let end = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
    text.get(start..end).unwrap_or_default()
}

/// Returns the last lines of a text that are not empty, in their sequence.
fn last_lines(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(SAMPLE_LINES));
    lines
}

fn judge(source: &Source, log: &Path, lines: &[&[u8]], config: &Path) -> Option<Fault> {
    let pattern = &source.pattern;
    let mut scratch = pattern.scratch();
    let (mut read, mut endless) = (0, 0);
    for line in lines {
        if let Ok(record) = pattern.parse(&mut scratch, line) {
            read += 1;
            endless += usize::from(record.is_endless());
        } else {
            read += usize::from(pattern.skips(line));
        }
    }
    if read * 2 >= lines.len() {
        return (endless * 2 > read).then(|| wrong_unit(source, log));
    }
    let (name, all) = (pattern.name(), lines.len());
    let like = match recognise(lines.iter().copied()) {
        Recognition::Known(preset) if preset.name() != name => {
            format!("; they look like `{}`", preset.name())
        }
        Recognition::Known(_) | Recognition::Unknown(_) => String::new(),
    };
    let defined_in = match Preset::find(name) {
        Some(_) => String::new(),
        None => format!(" --config {}", quoted(&config.display().to_string())),
    };
    let shown = log.display().to_string();
    let fault = Fault::warning(format!(
        "source `{}`: {read} of the last {} of {} {} `{name}`{like}",
        source.name,
        counted(all, "line"),
        shown.escape_debug(),
        plural(read, "matches", "match"),
    ));
    Some(fault.help(format!(
        "to see why: tail -n 1 {} | httplog-exporter explain{defined_in} --pattern {name} -",
        quoted(&shown)
    )))
}

/// Returns a warning if the paths of most lines resolve only with another prefix.
fn judge_prefix(
    source: &Source,
    resolver: &Arc<Resolver>,
    log: &Path,
    lines: &[&[u8]],
) -> Option<Fault> {
    let routes = source.routes.as_ref()?;
    let (pattern, resolver) = (Arc::clone(&source.pattern), Arc::clone(resolver));
    let mut sample = PrefixSample::new(pattern, resolver, Some(&routes.name));
    sample.add_lines(lines.iter().copied());
    let (message, help) = sample.warning(LEAST)?;
    let shown = log.display().to_string();
    let (name, shown) = (&source.name, shown.escape_debug());
    Some(Fault::warning(format!("source `{name}`: {shown}: {message}")).help(help))
}

/// Returns the warning for a log whose durations are absurd for requests.
fn wrong_unit(source: &Source, log: &Path) -> Fault {
    let (name, shown) = (&source.name, log.display().to_string());
    let fault = Fault::warning(format!(
        "source `{name}`: most durations in {} are an hour or more",
        shown.escape_debug()
    ));
    fault.help("if their unit is another, name it: duration_ms, duration_us or duration_ns in place of duration")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Input;
    use crate::source::PathPattern;
    use std::fs;

    const COMBINED: &str =
        "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /a/ HTTP/1.1\" 200 10 \"-\" \"ua\"\n";

    /// Returns the warning for a log with this text, of a source with the pattern `gunicorn-django`.
    fn warning(text: &str) -> Option<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a.log");
        fs::write(&log, text).unwrap();
        let pattern = Preset::find("gunicorn-django").unwrap().pattern().unwrap();
        let input = Input::log(PathPattern::literal(log.clone()));
        let source = Source::new("site".into(), input, Arc::new(pattern));
        let fault = try_log(&source, None, &log, Path::new("c.toml"))?;
        let dir = dir.path().display().to_string();
        let help = fault.help.unwrap_or_default();
        Some((fault.message.replace(&dir, ""), help.replace(&dir, "")))
    }

    #[test]
    fn a_log_in_another_format_is_named_with_the_format_it_looks_like() {
        let (message, help) = warning(&COMBINED.repeat(5_000)).unwrap();
        assert_eq!(
            message,
            "source `site`: 0 of the last 100 lines of /a.log match `gunicorn-django`; they look like `nginx-combined`"
        );
        assert_eq!(
            help,
            "to see why: tail -n 1 /a.log | httplog-exporter explain --pattern gunicorn-django -"
        );
        let (message, _) = warning("no format\r\n\nat all\nbegun").unwrap();
        assert_eq!(
            message,
            "source `site`: 0 of the last 2 lines of /a.log match `gunicorn-django`"
        );
        assert_eq!(warning(""), None);
        assert_eq!(warning("begun"), None);
    }

    #[test]
    fn the_last_lines_are_whole() {
        assert_eq!(
            last_lines(whole_lines(b"cut\na\r\n\nb\nbegun", false)),
            [b"a", b"b"]
        );
        assert_eq!(last_lines(whole_lines(b"cut", false)), [&b""[..]; 0]);
        let many = b"x\n".repeat(300);
        assert_eq!(last_lines(&many).len(), SAMPLE_LINES);
    }
}
