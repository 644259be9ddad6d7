//! Reads a page of metrics in Prometheus' text format, as other programs write it.
//!
//! Invariant: a page is read whole or refused with the number of the line; no text of a line is in the reason.

use std::collections::{BTreeMap, BTreeSet};

/// A page of metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub(super) samples: Vec<Sample>,
    /// Names of families, with or without samples.
    families: BTreeSet<String>,
    /// Number of bytes.
    pub(super) bytes: usize,
}

/// One sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name, with the suffix of a histogram's part.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// The reason for which a text is not a page of metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPage {
    /// It has no sample.
    #[error("is empty")]
    Empty,
    /// It is a page for people.
    #[error("is a page for people (HTML), not one of metrics")]
    Html,
    /// It is not text.
    #[error("is not a page of metrics: it is not text")]
    NotText,
    /// A line is neither a comment nor a sample.
    #[error("is not a page of metrics: line {0} is not a sample")]
    Line(usize),
}

impl Page {
    /// Parses the text format 0.0.4 or 1.0.0, or OpenMetrics.
    pub fn parse(text: &[u8]) -> Result<Self, NotPage> {
        let text = std::str::from_utf8(text).map_err(|_| NotPage::NotText)?;
        if text.trim_start().starts_with('<') {
            return Err(NotPage::Html);
        }
        let (mut samples, mut families) = (Vec::new(), BTreeSet::new());
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                let mut words = comment.split_ascii_whitespace();
                if words.next() == Some("TYPE") {
                    families.extend(words.next().map(str::to_owned));
                }
            } else if !line.is_empty() {
                samples.push(Sample::parse(line).ok_or(NotPage::Line(at + 1))?);
            }
        }
        if samples.is_empty() {
            return Err(NotPage::Empty);
        }
        Ok(Self {
            samples,
            families,
            bytes: text.len(),
        })
    }

    /// Returns the samples of a name.
    pub(super) fn named<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.name == name)
    }

    /// Returns the sum of the samples of a name that have a label of one of these values, or of all without a label.
    pub(super) fn sum(&self, name: &str, label: Option<(&str, &[&str])>) -> f64 {
        let is_meant = |sample: &&Sample| {
            label.is_none_or(|(label, values)| values.contains(&sample.label(label)))
        };
        let samples = self.named(name).filter(is_meant);
        samples.map(|sample| sample.value).sum()
    }

    /// Returns whether a family is declared, even without samples.
    pub(super) fn declares(&self, family: &str) -> bool {
        self.families.contains(family)
    }

    /// Returns whether a name has samples.
    pub(super) fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }
}

impl Sample {
    /// Returns the value of a label, empty without it.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    fn parse(line: &str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
        let (name, rest) = line.split_at(end);
        let mut name = name.to_owned();
        let mut labels = BTreeMap::new();
        let mut rest = rest.trim_start();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') {
                if rest.starts_with('"') && name.is_empty() {
                    (name, rest) = unquote(rest)?;
                } else {
                    let (label, value) = rest.split_once('=')?;
                    let (value, after) = unquote(value.trim_start())?;
                    let label = label.trim().trim_matches('"');
                    if label.is_empty() || labels.insert(label.to_owned(), value).is_some() {
                        return None;
                    }
                    rest = after;
                }
                rest = rest.trim_start();
                match rest.strip_prefix(',') {
                    Some(after) => rest = after.trim_start(),
                    None if rest.starts_with('}') => {}
                    None => return None,
                }
            }
            rest = rest.strip_prefix('}')?;
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
        if name.is_empty() || !name.chars().all(is_part) {
            return None;
        }
        let mut words = rest.split_ascii_whitespace();
        let value = words.next()?.parse().ok()?;
        // A time or an exemplar may follow.
        match words.next() {
            None | Some("#") => {}
            Some(time) => {
                time.parse::<f64>().ok()?;
            }
        }
        Some(Self {
            name,
            labels,
            value,
        })
    }
}

/// Reads a quoted text; returns what follows it, too.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sample {
            name: name.to_owned(),
            labels: labels.iter().map(label).collect(),
            value,
        }
    }

    #[test]
    fn every_form_of_a_sample_is_read() {
        let check = |line: &str, expected: Sample| {
            assert_eq!(Page::parse(line.as_bytes()).unwrap().samples, [expected]);
        };
        check("a 1", sample("a", &[], 1.0));
        check("a{} 1.5e3 1700000000", sample("a", &[], 1500.0));
        check(
            "a_bucket{le=\"+Inf\"} +Inf",
            sample("a_bucket", &[("le", "+Inf")], f64::INFINITY),
        );
        check(
            "a {b = \"x,}\\\"\\\\\\n\", c=\"\",} 2 # {trace_id=\"1\"} 0.5",
            sample("a", &[("b", "x,}\"\\\n"), ("c", "")], 2.0),
        );
        check("{\"a.b\",\"c\"=\"d\"} 3", sample("a.b", &[("c", "d")], 3.0));
    }

    #[test]
    fn what_is_not_a_page_is_refused_with_its_place() {
        let check = |text: &[u8], expected: NotPage| {
            assert_eq!(Page::parse(text), Err(expected), "{}", text.escape_ascii());
        };
        check(b"", NotPage::Empty);
        check(b"# HELP a b\n\n# EOF\n", NotPage::Empty);
        check(b"\n  <!DOCTYPE html>", NotPage::Html);
        check(b"a 1\n\xff 2", NotPage::NotText);
        check(b"{\"version\": 1}", NotPage::Line(1));
        for line in [
            "a",
            "a{b=1} 2",
            "a{b=\"1\" 2",
            "a{b=\"1\",b=\"1\"} 2",
            "a x",
            "a 1 x",
            "a b 1",
            "{} 1",
            "ä 1",
        ] {
            check(format!("a 1\n{line}\n").as_bytes(), NotPage::Line(2));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Page::parse(&text);
        }

        #[test]
        fn nor_does_one_of_pieces(pieces in proptest::collection::vec(
            prop::sample::select(vec!["a", "{", "}", "=", "\"", "\\", ",", " ", "1", "\n", "#", "le", "é", "+Inf"]), 0..40,
        )) {
            let _ = Page::parse(pieces.concat().as_bytes());
        }

        #[test]
        fn a_label_is_read_as_it_was_written(value in any::<String>(), count in 0..1_000_000_u32) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Lines of text end at a line feed alone.
            prop_assume!(!value.contains('\r'));
            let page = Page::parse(format!("a{{b=\"{escaped}\"}} {count}\n").as_bytes()).unwrap();
            prop_assert_eq!(&page.samples, &[sample("a", &[("b", &value)], f64::from(count))]);
        }
    }
}
