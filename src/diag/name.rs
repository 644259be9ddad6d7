//! Names that users choose: of sources, patterns and routes.
//!
//! Invariant: a name that passes is shown on a page, in the log and in a terminal as it is.

use std::borrow::Cow;

use super::{Fault, Report, Spot};

/// Returns whether a character is shown as itself: it does not control a terminal, and does not hide, joins or reorders
/// the text around it.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns a text with the characters that are not printable escaped, apart from line feeds.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let is_shown = |c| is_printable(c) || c == '\n';
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_shown(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    Cow::Owned(shown)
}

impl Spot<String> {
    /// Reports a name that is empty, longer than `most` bytes, or not printable. `of` says what it names: `a source`.
    pub fn check_name(&self, of: &str, most: usize, report: &mut Report) {
        report.extend(self.name_fault(of, most));
    }

    /// Reports a text that is empty, longer than `most` bytes, or not printable. `what` describes it.
    pub fn check_text(&self, what: &str, most: usize, report: &mut Report) {
        report.extend(self.text_fault(what, most));
    }

    fn name_fault(&self, of: &str, most: usize) -> Option<Fault> {
        self.text_fault(&format!("the name of {of}"), most)
    }

    fn text_fault(&self, what: &str, most: usize) -> Option<Fault> {
        if self.value.is_empty() || self.value.len() > most {
            let message = format!("{what} must have 1 to {most} bytes");
            return Some(self.error(message));
        }
        let hidden = self.value.chars().find(|c| !is_printable(*c))?;
        let code = u32::from(hidden);
        let message = format!("{what} contains U+{code:04X}, which is not printable");
        Some(self.error(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Document;
    use crate::diag::Text;

    /// Returns the fault of a name in a TOML string.
    fn fault(toml: &str) -> Option<String> {
        let text = Text {
            name: "config.toml".into(),
            content: format!("name = \"{toml}\""),
        };
        let (text, mut report) = (text.into(), Report::default());
        let document = Document::parse(&text, &mut report);
        let name = document.root().string("name", &mut report).unwrap();
        name.check_name("a source", 8, &mut report);
        let faults = report.faults();
        faults.first().map(|fault| fault.message.clone())
    }

    #[test]
    fn a_name_is_short_and_printable() {
        for name in ["nginx", "a b", "é", "日本", "a.b-c_d"] {
            assert_eq!(fault(name), None, "{name}");
        }
        for (name, code) in [
            (r"a\u0000", "0000"),
            (r"a\n", "000A"),
            (r"\u001b[2J", "001B"),
            (r"\u007f", "007F"),
            (r"\u0085", "0085"),
            (r"a\u202Eb", "202E"),
            (r"\u200Ba", "200B"),
            (r"\u2066a", "2066"),
            (r"\U000E0041", "E0041"),
        ] {
            let message = format!("the name of a source contains U+{code}, which is not printable");
            assert_eq!(fault(name), Some(message));
        }
        let length = Some("the name of a source must have 1 to 8 bytes".to_owned());
        assert_eq!(fault(""), length);
        assert_eq!(fault("123456789"), length);
    }

    #[test]
    fn a_message_shows_characters_that_are_not_printable_as_escapes() {
        assert_eq!(printable("a\nb `\u{1b}[2J`"), "a\nb `\\u{1b}[2J`");
        assert!(matches!(printable("a\nb"), Cow::Borrowed(_)));
    }
}
