//! How a fault looks on a terminal.
//!
//! Invariant: the caret stands under the first character of the span, whatever the line holds.

use std::fmt;

use super::{Fault, Severity};

/// Longest excerpt of a line, in characters; a longer line is cut around the place.
const EXCERPT: usize = 120;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        let mut indent = 1;
        if let Some(place) = &self.place {
            let (line, column) = place.line_and_column();
            indent = line.to_string().len();
            let content = place.text.content.lines().nth(line - 1).unwrap_or_default();
            let length = place
                .text
                .content
                .get(place.span.clone())
                .map_or(1, |span| {
                    span.lines()
                        .next()
                        .unwrap_or_default()
                        .chars()
                        .count()
                        .max(1)
                });
            let (excerpt, column_there) = excerpt(content, column);
            let carets = "^".repeat(length.min(EXCERPT.saturating_sub(column_there)).max(1));
            writeln!(f, "{:indent$}--> {}:{line}:{column}", "", place.text.name)?;
            writeln!(f, "{:indent$} |", "")?;
            writeln!(f, "{line} | {excerpt}")?;
            let label = if self.label.is_empty() {
                String::new()
            } else {
                format!(" {}", self.label)
            };
            writeln!(
                f,
                "{:indent$} | {:pad$}{carets}{label}",
                "",
                "",
                pad = column_there - 1
            )?;
        }
        if let Some(help) = &self.help {
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

/// The part of a line worth showing, printable, and the place's column in it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
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
    fn the_caret_stands_under_the_place() {
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
    fn a_long_line_is_cut_around_the_place() {
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
