//! Shows the effect of the next start on each source: what it would read of which log, and what is lost.
//!
//! Invariant: nothing is written; the logs are read by the code that a start runs.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::super::summary::{grouped, grouped_count};
use crate::config::{Config, Input, Source};
use crate::daemon::{raise_descriptor_limit, rehearse};
use crate::model::{SavedFiles, SavedInput, SavedSource, SecretKey};
use crate::source::{Fate, FileError, FileEvent, KnownFile, ReadFile, Rehearsal};

/// Effect of the next start on a source.
pub(super) enum Next {
    /// Not known without a configuration.
    Unknown,
    /// The source is not configured any more.
    Removed,
    /// The source has an input of another kind.
    OtherInput,
    /// Nothing is to be rehearsed: the input cannot be read twice.
    Received,
    /// The saved position cannot be used.
    Unusable(String),
    Files(Rehearsal),
}

impl Next {
    /// Rehearses the start of a source.
    pub(super) fn of(saved: &SavedSource, config: Option<&Config>, key: SecretKey) -> Self {
        let Some(config) = config else {
            return Self::Unknown;
        };
        let is_it = |source: &&Source| source.name == saved.name;
        let Some(source) = config.sources.iter().find(is_it) else {
            return Self::Removed;
        };
        match (&saved.input, &source.input) {
            (SavedInput::Files(position), Input::Files(files)) => {
                raise_descriptor_limit();
                match rehearse(files, config, key, position) {
                    Ok(rehearsal) => Self::Files(rehearsal),
                    Err(fault) => Self::Unusable(fault.to_string()),
                }
            }
            (SavedInput::Files(_), Input::Stream(_))
            | (SavedInput::Journal { .. }, Input::Files(_)) => Self::OtherInput,
            (SavedInput::Stream | SavedInput::Journal { .. }, _) => Self::Received,
        }
    }

    /// Writes it below what is known of the source.
    pub(super) fn write(&self, out: &mut impl Write, saved: &SavedSource) -> io::Result<()> {
        match self {
            Self::Files(rehearsal) => return write_files(out, rehearsal),
            Self::Removed => {
                writeln!(out, "  it is not configured: the next start forgets it")?;
            }
            Self::OtherInput => writeln!(
                out,
                "  its input is of another kind now: the next start does not use the position"
            )?,
            Self::Unusable(fault) => {
                writeln!(out, "  the next start does not use the position: {fault}")?;
            }
            Self::Unknown | Self::Received => {}
        }
        if let SavedInput::Files(files) = &saved.input {
            for (path, offset) in read_files(files) {
                writeln!(out, "  {path} up to byte {}", grouped(offset))?;
            }
        }
        Ok(())
    }

    /// Adds the members `files` and `next_start` to the source in JSON.
    pub(super) fn add_json(&self, shown: &mut Value, saved: &SavedSource) {
        if let SavedInput::Files(files) = &saved.input {
            let file = |(path, offset)| json!({"path": path, "offset": offset});
            shown["files"] = read_files(files).map(file).collect();
        }
        let next = match self {
            Self::Unknown | Self::Received => return,
            Self::Removed => json!({"source": "removed"}),
            Self::OtherInput => json!({"source": "other input"}),
            Self::Unusable(fault) => json!({"source": "unusable", "error": fault}),
            Self::Files(rehearsal) => {
                let files = rehearsal.known.iter().map(known_json);
                shown["files"] = files.collect();
                json!({
                    "source": "goes on",
                    "other_files": rehearsal.others.iter().map(read_json).collect::<Vec<_>>(),
                    "notes": notes(rehearsal).map(ToString::to_string).collect::<Vec<_>>(),
                    "bytes": to_read(rehearsal),
                })
            }
        };
        shown["next_start"] = next;
    }
}

/// Returns the paths of the files that are read, and how much of each was counted.
fn read_files(files: &SavedFiles) -> impl Iterator<Item = (String, u64)> {
    let open = files.open.iter().map(|file| (&file.path, file.offset));
    let archives = files.archives.iter().map(|file| (&file.path, file.offset));
    let text = |path: &Vec<u8>| String::from_utf8_lossy(path).escape_debug().to_string();
    open.chain(archives)
        .map(move |(path, offset)| (text(path), offset))
}

fn write_files(out: &mut impl Write, rehearsal: &Rehearsal) -> io::Result<()> {
    for known in &rehearsal.known {
        let (path, offset) = (shown(&known.path), grouped(known.offset));
        writeln!(out, "  {path} up to byte {offset}: {}", fate(known))?;
    }
    for ReadFile { path, from, bytes } in &rehearsal.others {
        let (path, from) = (shown(path), grouped(*from));
        writeln!(out, "  {path} from byte {from}: {}", bytes_to_read(*bytes))?;
    }
    for note in notes(rehearsal) {
        writeln!(out, "  note: {note}")?;
    }
    let total = to_read(rehearsal);
    writeln!(out, "  the next start has {}", bytes_to_read(total))
}

/// Says what the next start would do with a file.
fn fate(known: &KnownFile) -> String {
    match &known.fate {
        Fate::GoesOn { path, bytes } if *path == known.path => bytes_to_read(*bytes),
        Fate::GoesOn { path, bytes } => {
            format!("renamed to {}, {}", shown(path), bytes_to_read(*bytes))
        }
        Fate::GoesOnIn(ReadFile { path, bytes, .. }) => {
            format!(
                "gone, its text is in {}, {}",
                shown(path),
                bytes_to_read(*bytes)
            )
        }
        Fate::Counted => "gone, and all that is left of its text was counted".to_owned(),
        Fate::Lost { at_least } => {
            let lost = lost(*at_least);
            format!("gone, and its text was not found; what was written since is lost{lost}")
        }
        Fate::Truncated {
            copy: Some(copy),
            at_least,
            from,
            bytes,
        } => format!(
            "truncated, its text is in the copy {}, {}; then from byte {}, {}{}",
            shown(&copy.path),
            bytes_to_read(copy.bytes),
            grouped(*from),
            bytes_to_read(*bytes),
            lost(*at_least),
        ),
        Fate::Truncated {
            copy: None,
            at_least,
            from,
            bytes,
        } => format!(
            "truncated, and no copy was found; what was written since is lost{}; from byte {}, {}",
            lost(*at_least),
            grouped(*from),
            bytes_to_read(*bytes),
        ),
        Fate::Rewritten { from, bytes } => format!(
            "rewritten with its last lines; from byte {}, {}",
            grouped(*from),
            bytes_to_read(*bytes)
        ),
        Fate::Unreadable(Some(FileError::Io(error))) => format!("it cannot be read: {error}"),
        Fate::Unreadable(Some(error)) => format!("it {error}"),
        Fate::Unreadable(None) => "it cannot be read".to_owned(),
    }
}

fn known_json(known: &KnownFile) -> Value {
    let mut shown = json!({"path": text(&known.path), "offset": known.offset});
    shown["next_start"] = match &known.fate {
        Fate::GoesOn { path, bytes } => {
            json!({"file": "goes on", "path": text(path), "bytes": bytes})
        }
        Fate::GoesOnIn(read) => json!({"file": "gone", "text": read_json(read)}),
        Fate::Counted => json!({"file": "gone"}),
        Fate::Lost { at_least } => json!({"file": "lost", "lost_bytes_at_least": at_least}),
        Fate::Truncated {
            copy,
            at_least,
            from,
            bytes,
        } => json!({
            "file": "truncated",
            "text": copy.as_ref().map(read_json),
            "lost_bytes_at_least": at_least,
            "from": from,
            "bytes": bytes,
        }),
        Fate::Rewritten { from, bytes } => {
            json!({"file": "rewritten", "from": from, "bytes": bytes})
        }
        Fate::Unreadable(error) => {
            json!({"file": "unreadable", "error": error.as_ref().map(ToString::to_string)})
        }
    };
    shown
}

fn read_json(read: &ReadFile) -> Value {
    json!({"path": text(&read.path), "from": read.from, "bytes": read.bytes})
}

/// Returns the events that an operator should know of.
fn notes(rehearsal: &Rehearsal) -> impl Iterator<Item = &FileEvent> {
    let is_usual = |event: &&FileEvent| {
        matches!(
            event,
            FileEvent::Opened { .. }
                | FileEvent::OpenedMany { .. }
                | FileEvent::Rotated { .. }
                | FileEvent::Finished { .. }
                | FileEvent::Readable { .. }
        )
    };
    rehearsal
        .events
        .iter()
        .filter(move |event| !is_usual(event))
}

/// Returns the number of bytes that the start has to read.
fn to_read(rehearsal: &Rehearsal) -> u64 {
    let known = rehearsal.known.iter().map(|known| match &known.fate {
        Fate::GoesOn { bytes, .. } | Fate::Rewritten { bytes, .. } => *bytes,
        Fate::GoesOnIn(read) => read.bytes,
        Fate::Truncated { copy, bytes, .. } => bytes + copy.as_ref().map_or(0, |copy| copy.bytes),
        Fate::Counted | Fate::Lost { .. } | Fate::Unreadable(_) => 0,
    });
    let others = rehearsal.others.iter().map(|read| read.bytes);
    known.chain(others).sum()
}

fn bytes_to_read(bytes: u64) -> String {
    match bytes {
        0 => "nothing to read".to_owned(),
        bytes => grouped_count(bytes, "byte") + " to read",
    }
}

fn lost(at_least: u64) -> String {
    match at_least {
        0 => String::new(),
        bytes => format!(", at least {}", grouped_count(bytes, "byte")),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
