//! Places within TOML strings.
//!
//! Invariant: a place lies within the string as it stands in the text, and covers whole escapes.

use std::ops::Range;

use super::{Place, Spot};

impl Spot<String> {
    /// Returns the place of a part of the string, by its bytes; that of the whole string if the string is empty.
    pub fn part(&self, part: &Range<usize>) -> Place {
        let place = &self.place;
        let content = &place.text.content;
        let written = content.get(place.span.clone()).unwrap_or_default();
        let span = match (
            offset(written, &self.value, part.start),
            offset(written, &self.value, part.end),
        ) {
            (Some(start), Some(end)) if !self.value.is_empty() && start <= end => {
                let start = start + line_end(&written[start..end]);
                place.span.start + start..place.span.start + end
            }
            _ => place.span.clone(),
        };
        Place {
            span,
            ..place.clone()
        }
    }
}

/// Returns the length of the `\` at the end of a line, and of the white space that it joins, with which a part begins.
fn line_end(part: &str) -> usize {
    let joined = part.strip_prefix('\\').map(str::trim_start);
    joined
        .filter(|rest| rest.len() + 1 < part.len())
        .map_or(0, |rest| part.len() - rest.len())
}

/// Returns the offset in a string as it is written, with its quotes, of an offset in its value.
fn offset(written: &str, value: &str, at: usize) -> Option<usize> {
    let quote = written.chars().next()?;
    let long: String = [quote; 3].iter().collect();
    let mut raw = if written.starts_with(&long) && written.len() >= 6 {
        3
    } else {
        1
    };
    if raw == 3 {
        let rest = &written[raw..];
        raw += rest.len()
            - rest
                .strip_prefix("\r\n")
                .or_else(|| rest.strip_prefix('\n'))
                .unwrap_or(rest)
                .len();
    }
    if quote == '\'' {
        return Some(raw + at).filter(|end| written.is_char_boundary(*end));
    }
    let mut done = 0;
    while done < at {
        let rest = written.get(raw..)?;
        if let Some(escape) = rest.strip_prefix('\\') {
            let kind = escape.chars().next()?;
            if kind.is_whitespace() {
                raw += rest.len() - escape.trim_start().len();
                continue;
            }
            raw += 1
                + kind.len_utf8()
                + match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
        } else {
            raw += rest.chars().next()?.len_utf8();
        }
        done += value.get(done..)?.chars().next()?.len_utf8();
    }
    (done == at && raw <= written.len()).then_some(raw)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::diag::{Document, Report, Text};

    /// Asserts which part of a string as it is written holds a part of its value.
    fn check(written: &str, value: &str, expected: &str) {
        let text = Arc::new(Text {
            name: "t".into(),
            content: format!("k = {written}\n"),
        });
        let mut report = Report::default();
        let document = Document::parse(&text, &mut report);
        let spot = document.root().string("k", &mut report).unwrap();
        let start = spot.value.find(value).unwrap();
        let place = spot.part(&(start..start + value.len()));
        assert_eq!(text.content.get(place.span), Some(expected), "{written}");
    }

    #[test]
    fn a_part_is_found_behind_escapes() {
        check("'a$b'", "$b", "$b");
        check(r#""a \"$b\" c""#, "$b", "$b");
        check(r#""a \"$b\" c""#, "$b\"", r#"$b\""#);
        check(r#""\u00e9é$b""#, "$b", "$b");
        check("\"\"\"\n\"x\" \\\n   $b\"\"\"", "$b", "$b");
        check("\'\'\'\n$b\'\'\'", "$b", "$b");
        check("''", "", "''");
    }

    proptest::proptest! {
        #[test]
        fn every_part_of_a_string_has_a_place(value in r#"[a$é"\\\n]{0,8}"#, from in 0_usize..9, to in 0_usize..9) {
            let text = Arc::new(Text { name: "t".into(), content: format!("k = {}\n", toml::Value::String(value)) });
            let mut report = Report::default();
            let document = Document::parse(&text, &mut report);
            let spot = document.root().string("k", &mut report).unwrap();
            let place = spot.part(&(from..to));
            proptest::prop_assert!(place.span.start >= spot.place.span.start);
            proptest::prop_assert!(place.span.end <= spot.place.span.end);
            proptest::prop_assert!(text.content.get(place.span).is_some());
        }
    }
}
