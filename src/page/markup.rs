//! Text that is safe in HTML.
//!
//! Invariant: a text that is not the page's own is only appended by [`Html::text`] and [`Html::attribute`].

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

    /// Appends a text, escaped for an element. Characters that would turn the direction of the text around it, and control
    /// characters, are replaced.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.escaped::<false>(text)
    }

    /// Appends an attribute whose value has these parts.
    pub(super) fn attribute(&mut self, name: &str, parts: &[&str]) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"");
        for part in parts {
            self.escaped::<true>(part);
        }
        self.raw("\"")
    }

    fn escaped<const QUOTED: bool>(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        loop {
            let (plain, other) = rest.split_at(plain_bytes::<QUOTED>(rest.as_bytes()));
            self.0.push_str(plain);
            let mut other = other.chars();
            match other.next() {
                Some('&') => self.0.push_str("&amp;"),
                Some('<') => self.0.push_str("&lt;"),
                Some('>') => self.0.push_str("&gt;"),
                Some('"') if QUOTED => self.0.push_str("&quot;"),
                Some('\n') => self.0.push('\n'),
                Some(c) if c.is_control() || is_direction(c) => self.0.push('\u{fffd}'),
                Some(c) => self.0.push(c),
                None => return self,
            }
            rest = other.as_str();
        }
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

/// Returns the number of bytes at the beginning that are characters by themselves and are shown as they are.
fn plain_bytes<const QUOTED: bool>(text: &[u8]) -> usize {
    // Without an early end, the bytes of a block are compared by a few instructions.
    let (blocks, _) = text.as_chunks::<16>();
    let is_plain = |block: &&[u8; 16]| {
        let special = block
            .iter()
            .map(|byte| u8::from(is_special::<QUOTED>(*byte)));
        special.fold(0, |any, special| any | special) == 0
    };
    let start = blocks.iter().take_while(is_plain).count() * 16;
    let rest = text[start..].iter();
    let plain = rest.take_while(|byte| !SPECIAL[usize::from(QUOTED)][usize::from(**byte)]);
    start + plain.count()
}

/// Returns whether a byte is not shown as it is; `QUOTED` if it stands in double quotes.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, a block is compared at once"
)]
const fn is_special<const QUOTED: bool>(byte: u8) -> bool {
    let is_markup = (byte == b'&') | (byte == b'<') | (byte == b'>');
    (byte.wrapping_sub(b' ') > b'~' - b' ') | is_markup | (QUOTED & (byte == b'"'))
}

/// [`is_special`] of each byte, outside of quotes and in them.
const SPECIAL: [[bool; 256]; 2] = {
    let mut special = [[false; 256]; 2];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "less than 256")]
        let one = byte as u8;
        special[0][byte] = is_special::<false>(one);
        special[1][byte] = is_special::<true>(one);
        byte += 1;
    }
    special
};

/// Returns whether a character changes the direction of the text around it (Unicode Standard Annex 9).
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_long_text_is_escaped_as_its_characters_are(text in "[a-z&<>\"\n\u{7f}é\u{2067}]{0,70}") {
            let (mut whole, mut single) = (Html::default(), Html::default());
            whole.text(&text).attribute("title", &[&text]);
            let characters: Vec<String> = text.chars().map(String::from).collect();
            let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
            for character in &characters {
                single.text(character);
            }
            single.attribute("title", &characters);
            prop_assert_eq!(whole.into_string(), single.into_string());
        }
    }

    #[test]
    fn a_text_cannot_leave_its_element_or_attribute() {
        let mut html = Html::default();
        html.text("<script>&\"'").raw("|").text("é\u{202e}\u{7}\0");
        html.attribute("title", &["\">", "'é<\u{202e}"]);
        assert_eq!(
            html.into_string(),
            "&lt;script&gt;&amp;\"'|é\u{fffd}\u{fffd}\u{fffd} title=\"&quot;&gt;'é&lt;\u{fffd}\""
        );
    }
}
