//! Writes the parts that sections of the page have in common.

use super::markup::Html;
use super::numbers::Numbers;
use super::words::Words;
use crate::status::Status;

/// Writes a part of a page.
pub(super) struct Writer<'p> {
    pub(super) html: Html,
    pub(super) status: &'p Status,
    pub(super) words: &'static Words,
    pub(super) numbers: Numbers,
}

impl Writer<'_> {
    /// Appends the beginning of a section with a heading.
    pub(super) fn section(&mut self, id: &str, heading: &str) {
        self.html
            .raw("<section id=\"")
            .raw(id)
            .raw("\"><h2 id=\"")
            .raw(id)
            .raw("-heading\">")
            .text(heading)
            .raw("</h2>");
    }

    /// Appends the beginning of a table that scrolls if it is too wide; `head` are the headings of its columns, each with true if its
    /// cells are numbers. The table has the name of the element `label`.
    pub(super) fn table(&mut self, label: &str, head: &[(&str, bool)]) {
        self.html
            .raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"")
            .raw(label)
            .raw("\"><table aria-labelledby=\"")
            .raw(label)
            .raw("\"><thead><tr>");
        for (heading, is_number) in head {
            self.html
                .raw("<th scope=\"col\"")
                .raw(if *is_number { " class=\"n\">" } else { ">" })
                .text(heading)
                .raw("</th>");
        }
        self.html.raw("</tr></thead><tbody>");
    }

    /// Appends the end of a table.
    pub(super) fn end_table(&mut self) {
        self.html.raw("</tbody></table></div>");
    }

    /// Appends a cell with a text.
    pub(super) fn cell(&mut self, text: &str) {
        self.html.raw("<td>").text(text).raw("</td>");
    }

    /// Appends a cell with a number.
    pub(super) fn number_cell(&mut self, number: &str) {
        self.html.raw("<td class=\"n\">").text(number).raw("</td>");
    }

    /// Returns how long ago a time was.
    pub(super) fn ago(&self, time: f64) -> String {
        (self.words.ago)(self.numbers.age(self.status.time - time))
    }

    /// Appends a command or query, in parts, with what it is for. The script adds a button that copies it.
    pub(super) fn paste(&mut self, purpose: &str, parts: &[&str]) {
        self.html.raw("<dt>").text(purpose).raw("</dt><dd><code>");
        for part in parts {
            self.html.text(part);
        }
        self.html.raw("</code></dd>");
    }

    /// Appends a fact.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.html
            .raw("<dt>")
            .text(name)
            .raw("</dt><dd>")
            .text(value)
            .raw("</dd>");
    }

    /// Appends the beginning of what is shown on request. `of` is what it is about.
    pub(super) fn details(&mut self, of: &str) {
        let details = self.words.details;
        self.html
            .raw("<details><summary>")
            .text(details)
            .raw("<span class=\"hidden\">: ")
            .text(of)
            .raw("</span></summary><dl>");
    }

    /// Appends its end.
    pub(super) fn end_details(&mut self) {
        self.html.raw("</dl></details>");
    }
}
