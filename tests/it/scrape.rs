//! Parses a page of metrics independently of the project's code.
//!
//! Invariant: a line that is neither a comment nor a complete sample fails the test.

use std::collections::BTreeMap;

use crate::counts::{self, Counts};

/// A parsed page of metrics.
pub struct Scrape {
    samples: Vec<Sample>,
}

/// One sample of a page.
#[derive(Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Scrape {
    /// Parses the text format 0.0.4.
    pub fn parse(page: &str) -> Self {
        let samples = page
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Sample::parse(line).unwrap_or_else(|| panic!("not a sample: {line}")));
        Self {
            samples: samples.collect(),
        }
    }

    /// Returns all samples.
    pub fn all(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// Returns the samples of a name whose labels include these.
    pub fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(name, value)| sample.label(name) == *value)
        })
    }

    /// Returns the requests of a source, summed over routes, without zeros.
    pub fn requests(&self, source: &str) -> Counts {
        let mut counts = Counts::new();
        for sample in self.samples("httplog_requests_total", &[("source", source)]) {
            let labels = (
                sample.label("method").to_owned(),
                sample.label("status").to_owned(),
            );
            *counts.entry(labels).or_default() += sample.count();
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Returns the values of a name, summed by one label and sorted by its values.
    pub fn by(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let mut sums = BTreeMap::new();
        for sample in self.samples(name, &[]) {
            *sums.entry(sample.label(label).to_owned()).or_default() += sample.value;
        }
        sums.into_iter().collect()
    }

    /// Returns the number of lines read from a source, with one outcome or all.
    pub fn lines(&self, source: &str, outcome: Option<&str>) -> u64 {
        self.samples("httplog_exporter_lines_total", &[("source", source)])
            .filter(|sample| outcome.is_none_or(|outcome| sample.label("outcome") == outcome))
            .map(Sample::count)
            .sum()
    }

    /// Returns the value of the only sample of a name whose labels include these, if it exists.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut samples = self.samples(name, labels);
        let value = samples.next().map(|sample| sample.value);
        assert!(samples.next().is_none(), "several {name} {labels:?}");
        value
    }

    /// Asserts that a source counted exactly these requests, and rejected or skipped no line.
    pub fn assert_counted(&self, source: &str, expected: &Counts) {
        assert_eq!(self.requests(source), *expected, "requests of {source}");
        let lines = counts::total(expected);
        let outcomes = ["recorded", "rejected", "skipped"]
            .map(|outcome| (outcome, self.lines(source, Some(outcome))));
        assert_eq!(
            outcomes,
            [("recorded", lines), ("rejected", 0), ("skipped", 0)],
            "lines of {source}"
        );
        assert_eq!(self.lines(source, None), lines, "lines of {source}");
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let name_end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, quoted) = rest.split_once("=\"")?;
                let (value, after) = unquote(quoted)?;
                let repeated = labels.insert(label.to_owned(), value);
                assert_eq!(repeated, None, "a label twice: {line}");
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        Some(Self {
            name: name.to_owned(),
            labels,
            value: rest.split_whitespace().next()?.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Returns the value of a counter.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number, and far below 2^53"
    )]
    pub fn count(&self) -> u64 {
        assert!(
            self.value >= 0.0 && self.value.fract() == 0.0,
            "not a count: {self:?}"
        );
        self.value as u64
    }
}

/// Returns the unescaped text up to the closing quote, and the rest after it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            plain => value.push(plain),
        }
    }
}

#[test]
fn a_sample_is_parsed_with_its_labels_unescaped() {
    let sample = Sample::parse(r#"a_total{x="q\"\\\n{}, =",y=""} 12"#).unwrap();
    assert_eq!((sample.name.as_str(), sample.count()), ("a_total", 12));
    assert_eq!(sample.label("x"), "q\"\\\n{}, =");
    assert_eq!(sample.label("y"), "");
    assert_eq!(Sample::parse("up 1").unwrap().count(), 1);
    assert!(Sample::parse(r#"a{x="\q"} 1"#).is_none());
}
