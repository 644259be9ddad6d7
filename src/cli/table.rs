//! Tables of text.
//!
//! Invariant: columns are aligned by characters; a cell has no character that controls a terminal.

use crate::diag::is_printable;

use super::paint::{Paint, Style};

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    heading: &'static str,
    alignment: Alignment,
}

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alignment {
    Left,
    Right,
}

impl Table {
    pub(super) fn new<const N: usize>(columns: [(&'static str, Alignment); N]) -> Self {
        let column = |(heading, alignment)| Column { heading, alignment };
        Self {
            columns: columns.into_iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(super) fn add<const N: usize>(&mut self, cells: &[String; N]) {
        let cells = cells.iter().map(|cell| visible(cell));
        self.rows.push(cells.collect());
    }

    /// Appends the table; columns without any text are left out.
    pub(super) fn push(&self, paint: Paint, out: &mut String) {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                let widest = cells.map(|cell| cell.chars().count()).max();
                match widest.unwrap_or(0) {
                    0 => 0,
                    widest => widest.max(self.columns[at].heading.chars().count()),
                }
            })
            .collect();
        let headings = self.columns.iter().map(|column| column.heading);
        paint.push(Style::Heading, &self.line(headings, &widths), out);
        out.push('\n');
        for row in &self.rows {
            out.push_str(&self.line(row.iter().map(String::as_str), &widths));
            out.push('\n');
        }
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, widths: &[usize]) -> String {
        let mut line = String::new();
        let cells = cells.zip(&self.columns).zip(widths);
        for ((cell, column), width) in cells.filter(|(_, width)| **width > 0) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let room = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = match column.alignment {
                Alignment::Left => ("", &*room),
                Alignment::Right => (&*room, ""),
            };
            line.extend([before, cell, after]);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Returns a text with the characters that are not printable escaped.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new([
            ("NAME", Alignment::Left),
            ("NOTE", Alignment::Left),
            ("LINES", Alignment::Right),
        ]);
        table.add(&["a".into(), String::new(), "12".into()]);
        table.add(&["b\u{1b}[2Jé".into(), String::new(), "123456".into()]);
        let mut out = String::new();
        table.push(Paint::Plain, &mut out);
        let expected = "\
NAME          LINES
a                12
b\\u{1b}[2Jé  123456
";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_row_ends_without_blanks() {
        let mut table = Table::new([("A", Alignment::Left), ("B", Alignment::Left)]);
        table.add(&["long".into(), "x".into()]);
        table.add(&["y".into(), String::new()]);
        let mut out = String::new();
        table.push(Paint::Coloured, &mut out);
        assert_eq!(out, "\x1b[1mA     B\x1b[0m\nlong  x\ny\n");
    }
}
