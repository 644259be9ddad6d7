//! Collects the places of rejected lines, so that a person can examine them.
//!
//! Invariant: only places are kept, never text. Examples per reason and batches parsed again are both
//! limited.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::model::Batch;
use crate::pattern::{Pattern, Reject};
use crate::pipeline::{UNTIMED, time_of};

/// Largest number of examples per reason.
const EXAMPLES: usize = 3;
/// Limit of batches parsed again, for logs that repeat one rejected line.
const BATCHES: usize = 32;

/// Examples of rejected lines.
#[derive(Debug)]
pub(super) struct Rejects {
    config: Option<PathBuf>,
    line_bytes: usize,
    /// True if a line without a time counts as rejected.
    by_time: bool,
    batches: usize,
    examples: BTreeMap<&'static str, Vec<Example>>,
}

#[derive(Debug)]
struct Example {
    log: PathBuf,
    /// Line number, from 1.
    number: u64,
    pattern: String,
    /// Hash of the line, to skip duplicates.
    hash: u64,
}

impl Rejects {
    /// Creates an empty collection. `config` defines the patterns; with `by_time`, a line without a time
    /// counts as rejected.
    pub(super) fn new(config: Option<PathBuf>, line_bytes: usize, by_time: bool) -> Self {
        Self {
            config,
            line_bytes,
            by_time,
            batches: 0,
            examples: BTreeMap::new(),
        }
    }

    /// Returns whether a batch holds examples that are still needed, given the counts by reason before
    /// and after it.
    pub(super) fn needs_examples(
        &self,
        before: &BTreeMap<&'static str, u64>,
        after: &BTreeMap<&'static str, u64>,
    ) -> bool {
        let is_full = |reason| {
            let examples = self.examples.get(reason);
            examples.is_some_and(|examples| examples.len() >= EXAMPLES)
        };
        let mut grown = after
            .iter()
            .filter(|(reason, lines)| before.get(*reason) != Some(*lines));
        self.batches < BATCHES && grown.any(|(reason, _)| !is_full(reason))
    }

    /// Collects examples from a batch; `before` is the number of lines before it.
    pub(super) fn collect_from(
        &mut self,
        log: &Path,
        pattern: &Pattern,
        before: u64,
        batch: &Batch<'_>,
    ) {
        self.batches += 1;
        let mut scratch = pattern.scratch();
        // Overlong lines precede the lines of the batch.
        let numbers = before + batch.overlong() + 1..;
        for (number, line) in numbers.zip(batch.lines()) {
            let reason = match line.len() {
                0 => continue,
                length if length > self.line_bytes => Reject::Overlong.name(),
                _ => match pattern.parse(&mut scratch, line) {
                    Ok(record) if self.by_time && time_of(&record).is_none() => UNTIMED,
                    Ok(_) => continue,
                    Err(reason) => reason.name(),
                },
            };
            let examples = self.examples.entry(reason).or_default();
            let mut hasher = DefaultHasher::new();
            line.hash(&mut hasher);
            let hash = hasher.finish();
            if examples.len() < EXAMPLES && examples.iter().all(|example| example.hash != hash) {
                examples.push(Example {
                    log: log.to_owned(),
                    number,
                    pattern: pattern.name().to_owned(),
                    hash,
                });
            }
        }
    }
}

impl fmt::Display for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, examples) in &self.examples {
            let places: Vec<String> = examples
                .iter()
                .map(|example| format!("{}:{}", example.log.display(), example.number))
                .collect();
            writeln!(f, "rejected, {reason}: {}", places.join(", "))?;
        }
        let Some(example) = self.examples.values().flatten().next() else {
            return Ok(());
        };
        let config = self.config.as_ref().map_or(String::new(), |config| {
            format!(" --config {}", config.display())
        });
        let command = extract_command(&example.log, example.number);
        let line = if command.is_empty() { "'…'" } else { "-" };
        writeln!(
            f,
            " = help: to see why: {command}httplog-exporter explain{config} --pattern {} {line}",
            example.pattern,
        )
    }
}

/// Returns a shell command that pipes one line of a log; empty for standard input.
pub(super) fn extract_command(log: &Path, number: u64) -> String {
    if log == Path::new("-") {
        return String::new();
    }
    let is_gzip = log.extension().is_some_and(|extension| extension == "gz");
    let log = quoted(&log.display().to_string());
    if is_gzip {
        // `-f` also reads a plain file with that name.
        format!("zcat -f {log} | sed -n {number}p | ")
    } else {
        format!("sed -n {number}p {log} | ")
    }
}

/// Quotes a word for a shell, if necessary.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GenerationId, Position};
    use crate::pattern::Preset;

    #[test]
    fn commands_quote_file_names() {
        let check =
            |log: &str, expected: &str| assert_eq!(extract_command(Path::new(log), 7), expected);
        check(
            "/var/log/nginx/access.log",
            "sed -n 7p /var/log/nginx/access.log | ",
        );
        check("a b;$(c).log", "sed -n 7p 'a b;$(c).log' | ");
        check(
            "it's.log.1.gz",
            r"zcat -f 'it'\''s.log.1.gz' | sed -n 7p | ",
        );
        check("-", "");
    }

    #[test]
    fn places_are_shown_and_text_is_not() {
        let pattern = Preset::find("nginx-combined").unwrap().pattern().unwrap();
        let mut rejects = Rejects::new(None, 20, false);
        let text = b"secret\n\nsecret\nother\nthird\nfourth\nlonger than twenty bytes\n";
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        rejects.collect_from(Path::new("a.log"), &pattern, 10, &Batch::new(text, 1, end));
        assert_eq!(
            rejects.to_string(),
            "rejected, mismatch: a.log:12, a.log:15, a.log:16\n\
             rejected, overlong: a.log:18\n \
             = help: to see why: sed -n 12p a.log | httplog-exporter explain --pattern nginx-combined -\n"
        );
    }

    #[test]
    fn collecting_ends() {
        let pattern = Preset::find("nginx-combined").unwrap().pattern().unwrap();
        let mut rejects = Rejects::new(None, 20, false);
        let counts = |lines: u64| BTreeMap::from([("mismatch", lines), ("number", 0)]);
        assert!(!rejects.needs_examples(&counts(1), &counts(1)));
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        let mut batches = 0;
        while rejects.needs_examples(&counts(1), &counts(2)) {
            rejects.collect_from(Path::new("a"), &pattern, 0, &Batch::new(b"same\n", 0, end));
            batches += 1;
        }
        assert_eq!(batches, BATCHES);
        let mut rejects = Rejects::new(None, 20, false);
        rejects.collect_from(
            Path::new("a"),
            &pattern,
            0,
            &Batch::new(b"a\nb\nc\n", 0, end),
        );
        assert!(!rejects.needs_examples(&counts(1), &counts(2)));
    }

    #[test]
    fn without_rejects_the_summary_is_empty() {
        assert_eq!(Rejects::new(None, 20, false).to_string(), "");
    }
}
