//! Text that is safe in HTML.
//!
//! Invariant: a text that is not the page's own is only appended by [`Html::text`].

use std::fmt::Write as _;

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Continues a text.
    pub(super) fn after(text: String) -> Self {
        Self(text)
    }

    /// Appends markup of the page's own.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends a text, escaped for elements and for attributes in double quotes. Characters that would turn the direction of the text
    /// around it, and control characters, are replaced.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let is_plain = |byte: u8| {
            matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
        };
        if text.bytes().all(is_plain) {
            self.0.push_str(text);
            return self;
        }
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' => self.0.push('\n'),
                c if c.is_control() || is_direction(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Appends a whole number without separators.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{number}");
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Returns whether a character changes the direction of the text around it (Unicode Standard Annex 9).
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_element_or_attribute() {
        let mut html = Html::default();
        html.text("<script>&\"'").raw("|").text("é\u{202e}\u{7}\0");
        assert_eq!(
            html.into_string(),
            "&lt;script&gt;&amp;&quot;&#39;|é\u{fffd}\u{fffd}\u{fffd}"
        );
    }
}
