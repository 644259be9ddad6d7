//! Text that is safe in HTML.
//!
//! Invariant: a text that is not the page's own is only appended by [`Html::text`].

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Continues a text.
    pub(super) fn after(text: String) -> Self {
        Self(text)
    }

    /// Appends markup of the page's own.
    #[inline]
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends a text, escaped for elements and for attributes in double quotes. Characters that would turn the direction of the text
    /// around it, and control characters, are replaced.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| !PLAIN[usize::from(byte)]) {
            let (plain, other) = rest.split_at(at);
            self.0.push_str(plain);
            let mut other = other.chars();
            match other.next() {
                Some('&') => self.0.push_str("&amp;"),
                Some('<') => self.0.push_str("&lt;"),
                Some('>') => self.0.push_str("&gt;"),
                Some('"') => self.0.push_str("&quot;"),
                Some('\'') => self.0.push_str("&#39;"),
                Some('\n') => self.0.push('\n'),
                Some(c) if c.is_control() || is_direction(c) => self.0.push('\u{fffd}'),
                Some(c) => self.0.push(c),
                None => {}
            }
            rest = other.as_str();
        }
        self.0.push_str(rest);
        self
    }

    /// Appends a whole number without separators.
    #[inline]
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Bytes that are characters by themselves and are shown as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
        byte += 1;
    }
    plain
};

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
