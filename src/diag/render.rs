//! Faults as text for a terminal.
//!
//! Invariant: the first caret is under the first character of the span, and characters that are not printable are
//! replaced.

use std::fmt;

use super::name::{is_printable, printable};
use super::{Fault, Severity};

/// Longest excerpt of a line in characters. A longer line is cut around the span.
const EXCERPT: usize = 120;

/// A line of a text with carets under a span.
#[derive(Clone, Copy, Debug)]
pub struct Snippet<'t> {
    /// The text's name.
    pub name: &'t str,
    /// The line's number, from 1.
    pub number: usize,
    /// The line, without its end.
    pub line: &'t str,
    /// The column of the span's start, in characters from 1.
    pub column: usize,
    /// The span's length in characters; at least one caret is drawn.
    pub length: usize,
    /// A note behind the carets; may be empty.
    pub label: &'t str,
}

impl Snippet<'_> {
    /// Returns the width of the line number, by which following lines are indented.
    fn indent(&self) -> usize {
        self.number.to_string().len()
    }
}

impl fmt::Display for Snippet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.indent();
        let (number, column) = (self.number, self.column);
        let (excerpt, excerpt_column) = excerpt(self.line, column);
        let room = EXCERPT.saturating_sub(excerpt_column);
        let carets = "^".repeat(self.length.min(room).max(1));
        writeln!(f, "{:indent$}--> {}:{number}:{column}", "", self.name)?;
        writeln!(f, "{:indent$} |", "")?;
        writeln!(f, "{number} | {excerpt}")?;
        let label = if self.label.is_empty() {
            String::new()
        } else {
            format!(" {}", self.label)
        };
        let pad = excerpt_column - 1;
        writeln!(f, "{:indent$} | {:pad$}{carets}{label}", "", "")
    }
}

impl Fault {
    /// Returns the message in one line, with its place.
    pub fn line(&self) -> String {
        let message = printable(&self.message);
        match &self.place {
            Some(place) => {
                let (line, column) = place.line_and_column();
                format!("{}:{line}:{column}: {message}", place.text.name)
            }
            None => message.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", printable(&self.message))?;
        let mut indent = 1;
        if let Some(place) = &self.place {
            let (number, column) = place.line_and_column();
            let content = &place.text.content;
            let span = content.get(place.span.clone()).unwrap_or(" ");
            let snippet = Snippet {
                name: &place.text.name,
                number,
                line: content.lines().nth(number - 1).unwrap_or_default(),
                column,
                length: span.lines().next().unwrap_or_default().chars().count(),
                label: &self.label,
            };
            write!(f, "{snippet}")?;
            indent = snippet.indent();
        }
        if let Some(help) = &self.help {
            let help = printable(help);
            let mut lines = help.lines();
            writeln!(
                f,
                "{:indent$} = help: {}",
                "",
                lines.next().unwrap_or_default()
            )?;
            for line in lines {
                writeln!(f, "{:indent$}         {line}", "")?;
            }
        }
        Ok(())
    }
}

/// Returns the part of a line around a column, in printable characters, and the column in that part.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    // A tab becomes one blank, so that columns count characters.
    let printable = |c: char| match c {
        '\t' => ' ',
        _ if !is_printable(c) => '\u{fffd}',
        _ => c,
    };
    let length = line.chars().count();
    if length <= EXCERPT {
        return (line.chars().map(printable).collect(), column);
    }
    let from = column.saturating_sub(EXCERPT / 2).min(length - EXCERPT);
    let shown: String = line
        .chars()
        .skip(from)
        .take(EXCERPT)
        .map(printable)
        .collect();
    let (head, shift) = if from == 0 { ("", 0) } else { ("…", 1) };
    let tail = if from + EXCERPT < length { "…" } else { "" };
    (format!("{head}{shown}{tail}"), column - from + shift)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Place, Text};
    use super::*;

    fn fault(content: &str, needle: &str) -> String {
        let text = Arc::new(Text {
            name: "config.toml".into(),
            content: content.into(),
        });
        let start = content.find(needle).unwrap();
        Fault::error("unknown key `pattren`")
            .at(Place {
                text,
                span: start..start + needle.len(),
            })
            .help("did you mean `pattern`?")
            .to_string()
    }

    #[test]
    fn carets_are_under_the_span() {
        assert_eq!(
            fault("a = 1\npattren = \"x\"\n", "pattren"),
            "\
error: unknown key `pattren`
 --> config.toml:2:1
  |
2 | pattren = \"x\"
  | ^^^^^^^
  = help: did you mean `pattern`?
"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_span() {
        let line = format!("{}pattren{}", "é".repeat(500), "x".repeat(500));
        let shown = fault(&line, "pattren");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[3].chars().count() < 140, "{shown}");
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        let place = lines[3].chars().position(|c| c == 'p').unwrap();
        assert_eq!(caret, place, "{shown}");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert!(!fault("\u{1b}[31m pattren", "pattren").contains('\u{1b}'));
    }
}
