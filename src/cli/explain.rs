//! `explain`: shows how a line is read, or where the pattern stops and why.
//!
//! Invariant: the text of a line goes to standard output only; bytes outside printable ASCII are
//! escaped.

mod render;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Failure};
use super::prefix::PrefixSample;
use super::rejects::quoted;
use crate::config::{self, Config, LineSettings, Source};
use crate::diag::Report;
use crate::model::{AsideKind, Batch, GenerationId, Position, counted};
use crate::pattern::{Explainer, Outcome, Recognition, recognise};
use crate::source::{Frame, LineReader, has_wrapper};
use crate::text_file::Accept;

use render::render;

/// Longest line that is shown, in bytes, unless `limits.line_bytes` is greater.
const HELD_BYTES: usize = 1 << 20;
/// Help for a call without a line.
const REMEDY: &str = "give one in single quotes, or - and lines on standard input:\ntail -n 1 access.log | httplog-exporter explain -";
/// Explanation of a line of a container log without a whole wrapper.
const WRAPPERLESS: &str = "a line of a container log whose wrapper is cut, missing or unfinished: rejected, reason `frame`\n  = help: the runtime was killed while it wrote, the disk was full, or another program writes to the log";

/// Show how a line is read: each field, or where the pattern stops and why.
///
/// Without --pattern, the format is recognised from the lines; failing that, the preset that gets
/// furthest is used. Exit code 0 if every line is read (empty lines are skipped), 1 if a line is not
/// read, 66 without a line.
#[derive(Debug, Args)]
pub struct Explain {
    /// Configuration with patterns and limits [default: /etc/httplog-exporter/config.toml, if it exists]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Format of the line: a preset (see `patterns`) or a custom pattern
    #[arg(long, short, value_name = "NAME")]
    pattern: Option<String>,
    /// Line, in single quotes; - reads every line of standard input
    #[arg(value_name = "LINE", allow_hyphen_values = true)]
    line: OsString,
}

/// The settings of one call, and its counts.
struct Session<'o, W> {
    explainer: Explainer,
    /// Sources of the configuration whose paths are resolved to views.
    sources: Vec<Source>,
    pattern: Option<String>,
    /// Name of the input, shown before line numbers.
    name: &'static str,
    line_bytes: usize,
    lines: usize,
    unread: usize,
    skipped: usize,
    out: &'o mut W,
}

impl Explain {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let LineSettings {
            patterns,
            report,
            limits,
        } = self.line_settings()?;
        let explainer = Explainer::new(patterns, limits.line_bytes);
        if let Some(name) = &self.pattern
            && explainer.explain(name, b"").is_none()
        {
            // A fault in its definition may be the reason; otherwise list the names.
            let report = if report.has_errors() {
                report
            } else {
                config::find_pattern(name).err().unwrap_or(report)
            };
            return Err(report.into());
        }
        let from_stdin = self.line == "-";
        let mut out = io::stdout().lock();
        let mut session = Session {
            explainer,
            sources: self.routed_sources(),
            pattern: self.pattern.clone(),
            name: if from_stdin { "stdin" } else { "line" },
            line_bytes: limits.line_bytes,
            lines: 0,
            unread: 0,
            skipped: 0,
            out: &mut out,
        };
        if from_stdin {
            session.all(io::stdin())?;
        } else {
            let line = self.line.as_bytes();
            if has_wrapper(line) {
                session.all(line)?;
            } else {
                session.recognise([line]);
                session.line(line)?;
            }
        }
        let is_file = !from_stdin && Path::new(&self.line).is_file();
        let line = quoted(&self.line.to_string_lossy());
        let help = format!(
            "this is a file; to explain its last line: tail -n 1 {line} | httplog-exporter explain -"
        );
        let ended = session.finish();
        ended.map_err(|failure| failure.help_if(is_file, &help))
    }

    /// Reads the given configuration, or the default one if it exists.
    fn line_settings(&self) -> Result<LineSettings, Failure> {
        let given = self.config.as_deref();
        let path = given.unwrap_or(Path::new(config::DEFAULT_PATH));
        match LineSettings::load(path, Accept::RegularOrPipe) {
            Ok(found) => Ok(found),
            Err(_) if given.is_none() => Ok(LineSettings::default()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Explain {
    /// Returns the sources with routes of a configuration without errors.
    fn routed_sources(&self) -> Vec<Source> {
        let path = self.config.as_deref();
        let path = path.unwrap_or(Path::new(config::DEFAULT_PATH));
        // A pipe was read already.
        let checked = Config::load(path, Accept::Regular).ok();
        let config = checked.and_then(|checked| checked.config);
        let mut sources = config.map_or_else(Vec::new, |config| config.sources);
        sources.retain(|source| source.routes.is_some());
        sources
    }
}

impl<W: Write> Session<'_, W> {
    /// Writes a warning if the path of a line resolves only with another prefix than that of a source's routes.
    fn judge_prefix(&mut self, pattern: &str, line: &[u8]) -> io::Result<()> {
        let sources = self.sources.iter();
        for source in sources.filter(|source| source.pattern.name() == pattern) {
            let Some(routes) = &source.routes else {
                continue;
            };
            let Some(resolver) = routes.load(&mut Report::default()) else {
                continue;
            };
            let pattern = Arc::clone(&source.pattern);
            let mut sample = PrefixSample::new(pattern, resolver, Some(&routes.name));
            sample.add_lines([line].into_iter());
            if let Some((message, help)) = sample.warning(1) {
                let name = &source.name;
                writeln!(
                    self.out,
                    "\nwarning: source `{name}`: {message}\n  = help: {help}"
                )?;
            }
        }
        Ok(())
    }

    fn all(&mut self, reader: impl io::Read) -> Result<(), Failure> {
        let held = self.line_bytes.max(HELD_BYTES);
        let mut lines =
            LineReader::new(reader, GenerationId(0), held).framed(Frame::Auto, held, &[]);
        loop {
            let batch = lines.next_batch();
            let Some(batch) = batch.map_err(Failure::cannot("read standard input"))? else {
                return Ok(());
            };
            if self.lines == 0 {
                self.recognise(batch.lines());
            }
            // Overlong lines precede the lines of the batch.
            for _ in 0..batch.overlong() {
                self.begin()?;
                self.unread += 1;
                let (name, number) = (self.name, self.lines);
                writeln!(
                    self.out,
                    "{name}:{number}: longer than {held} bytes: not shown"
                )?;
            }
            let mut rest = batch.bytes();
            let mut at = 0;
            for aside in batch.asides() {
                let (before, after) = rest.split_at(aside.at - at);
                self.each(before)?;
                (rest, at) = (self.aside(aside.kind, after)?, aside.at);
                at += after.len() - rest.len();
            }
            self.each(rest)?;
        }
    }

    /// Explains lines.
    fn each(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        Batch::new(lines, 0, end)
            .lines()
            .try_for_each(|line| self.line(line))
    }

    /// Explains a line of a container log that is not a request; returns what follows it in the batch.
    fn aside<'l>(&mut self, kind: AsideKind, text: &'l [u8]) -> io::Result<&'l [u8]> {
        let (count, taken, what) = match kind {
            AsideKind::Stderr(lines) => (lines, 0, "stderr of a container: skipped"),
            AsideKind::Overlong => (
                1,
                0,
                "the parts of a container's line are too long: not shown",
            ),
            AsideKind::Damaged(bytes) => (1, bytes + 1, WRAPPERLESS),
        };
        for _ in 0..count {
            self.begin()?;
            writeln!(self.out, "{}:{}: {what}", self.name, self.lines)?;
            match kind {
                AsideKind::Stderr(_) => self.skipped += 1,
                AsideKind::Overlong | AsideKind::Damaged(_) => self.unread += 1,
            }
        }
        Ok(text.get(taken..).unwrap_or_default())
    }

    /// Selects a recognised format, unless one was named.
    fn recognise<'l>(&mut self, lines: impl IntoIterator<Item = &'l [u8]>) {
        if self.pattern.is_none()
            && let Recognition::Known(pattern) = recognise(lines)
        {
            self.pattern = Some(pattern.name().to_owned());
        }
    }

    /// Counts a line and separates it from the previous one.
    fn begin(&mut self) -> io::Result<()> {
        self.lines += 1;
        if self.lines > 1 {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.begin()?;
        if line.is_empty() {
            self.skipped += 1;
            writeln!(self.out, "{}:{}: empty, skipped", self.name, self.lines)?;
            return Ok(());
        }
        let closest = || Some(self.explainer.closest(line)?.name);
        let Some(name) = self.pattern.clone().or_else(closest) else {
            return Ok(());
        };
        let Some(explanation) = self.explainer.explain(&name, line) else {
            return Ok(());
        };
        self.unread += usize::from(matches!(explanation.outcome, Outcome::Stopped(_)));
        let text = render(&explanation, line, self.name, self.lines);
        self.out.write_all(text.as_bytes())?;
        if matches!(explanation.outcome, Outcome::Read(_)) {
            self.judge_prefix(&name, line)?;
        }
        if self.pattern.is_none() && matches!(explanation.outcome, Outcome::Read(_)) {
            let others = self.explainer.reading(line);
            let others = others.filter(|other| *other != name);
            let others: Vec<String> = others.map(|other| format!("`{other}`")).collect();
            if !others.is_empty() {
                let help = "name the one that wrote it with --pattern";
                writeln!(self.out, "\nalso read by {}: {help}", others.join(", "))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        let message = match (self.lines - self.skipped, self.unread) {
            (0, _) => {
                let what = match self.lines {
                    0 => "no line to explain: standard input is empty",
                    1 => "no line to explain: it is empty",
                    _ => "no line to explain: all are empty",
                };
                return Err(Failure::message(Exit::NoInput, what).help(REMEDY));
            }
            (_, 0) => return Ok(()),
            (1, _) => "the line is not read".to_owned(),
            (lines, unread) => format!("{unread} of {} are not read", counted(lines, "line")),
        };
        Err(Failure::message(Exit::Runtime, message))
    }
}

#[cfg(test)]
mod tests;
