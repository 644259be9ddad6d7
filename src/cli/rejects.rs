//! Lists the places of rejected lines, so that a person can examine them.
//!
//! Invariant: only places are kept, never text, and only a few for each reason.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::pipeline::RejectExamples;

/// Places of rejected lines.
#[derive(Debug)]
pub(super) struct Rejects {
    config: Option<PathBuf>,
    known: RejectExamples,
    /// The places of the known examples, by reason.
    places: BTreeMap<&'static str, Vec<Place>>,
}

#[derive(Debug)]
struct Place {
    log: PathBuf,
    /// Line number, from 1.
    number: u64,
    pattern: String,
}

impl Rejects {
    /// Creates an empty collection. `config` defines the patterns.
    pub(super) fn new(config: Option<PathBuf>) -> Self {
        Self {
            config,
            known: RejectExamples::default(),
            places: BTreeMap::new(),
        }
    }

    /// Adds the examples of a part of a log with `before` lines before it. Parts are added in their sequence.
    pub(super) fn add(&mut self, log: &Path, pattern: &str, before: u64, found: &RejectExamples) {
        for example in found.iter() {
            if self.known.add(*example) {
                self.places.entry(example.reason).or_default().push(Place {
                    log: log.to_owned(),
                    number: before + example.before + 1,
                    pattern: pattern.to_owned(),
                });
            }
        }
    }
}

impl fmt::Display for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, places) in &self.places {
            let places: Vec<String> = places
                .iter()
                .map(|place| format!("{}:{}", place.log.display(), place.number))
                .collect();
            writeln!(f, "rejected, {reason}: {}", places.join(", "))?;
        }
        let Some(example) = self.places.values().flatten().next() else {
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
pub(super) fn quoted(word: &str) -> String {
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
    use std::sync::Arc;

    use crate::label::Budget;
    use crate::model::{Batch, GenerationId, Position};
    use crate::pattern::Preset;
    use crate::pipeline::{Pipeline, Settings};

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

    /// Feeds a text whose lines have up to 20 bytes, and returns the summary of its rejected lines.
    fn summary(text: &[u8]) -> String {
        let pattern = Preset::find("nginx-combined").unwrap().pattern().unwrap();
        let settings = Settings {
            line_bytes: 20,
            ..Settings::new("nginx", Arc::new(pattern))
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(10));
        let mut shard = pipeline.shard();
        pipeline.collect_examples(&shard);
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        pipeline.feed(&mut shard, &Batch::new(text, 1, end));
        let mut rejects = Rejects::new(None);
        let examples = pipeline.take_examples();
        rejects.add(Path::new("a.log"), "nginx-combined", 10, &examples);
        rejects.to_string()
    }

    #[test]
    fn places_are_shown_and_text_is_not() {
        assert_eq!(
            summary(b"secret\n\nsecret\r\nother\nthird\nfourth\nlonger than twenty bytes\n"),
            "rejected, mismatch: a.log:12, a.log:15, a.log:16\n\
             rejected, overlong: a.log:11, a.log:18\n \
             = help: to see why: sed -n 12p a.log | httplog-exporter explain --pattern nginx-combined -\n"
        );
    }

    #[test]
    fn over_long_lines_are_all_different() {
        let lines = "longer than twenty bytes\n".repeat(9);
        let places = "rejected, overlong: a.log:11, a.log:12, a.log:13\n";
        assert!(summary(lines.as_bytes()).starts_with(places));
    }

    #[test]
    fn without_rejects_the_summary_is_empty() {
        assert_eq!(Rejects::new(None).to_string(), "");
    }
}
