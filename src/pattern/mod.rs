//! From a log format to the fields of a line.
//!
//! Invariant: a pattern matches a line from its first byte to its last or not at all, and reading
//! a line allocates nothing.

mod advice;
mod definition;
mod explain;
mod gunicorn;
mod lexer;
mod lower;
mod nginx;
mod plan;
#[cfg(test)]
mod plan_tests;
mod preset;
mod recognise;
mod regexp;
mod reject;
mod request;
mod template;

use std::fmt;
use std::ops::Range;

use regex::bytes::{CaptureLocations, Regex};

use crate::diag;
use crate::model::{Bytes, FieldSet, Micros, Record, Status, UpstreamList};

use plan::Plan;

pub use advice::advice;
pub use definition::{Definition, Example};
pub use explain::{Cause, Explainer, Explanation, Nearest, Outcome, Stop, Value};
pub use preset::{Preset, presets};
pub use recognise::{Recognition, recognise};
pub use reject::Reject;
pub use template::{Binding, Entry, Item, Shape, Slot, Template, TimeUnit};

/// The notations a pattern may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// nginx's `log_format`.
    Nginx,
    /// gunicorn's `access_log_format`.
    Gunicorn,
    /// A regular expression with named groups.
    Regex,
}

/// A compiled log format.
#[derive(Clone, Debug)]
pub struct Pattern {
    name: String,
    dialect: Dialect,
    fields: FieldSet,
    matcher: Matcher,
}

/// What [`Pattern::parse`] writes on; one for each thread and pattern.
#[derive(Clone, Debug)]
pub struct Scratch {
    locations: CaptureLocations,
}

/// How a pattern reads lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// By finding delimiters; the regex decides where that is not enough.
    Plan,
    /// By the regex alone.
    Regex,
}

/// What is wrong with a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Lower case, no full stop.
    pub message: String,
    /// Bytes of the format string.
    pub span: Range<usize>,
    /// What to do.
    pub help: Option<String>,
}

/// A regular expression, what its groups tell, and the plan that saves running it.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    regex: Regex,
    groups: Vec<(usize, Binding)>,
    plan: Option<Plan>,
    form: Form,
}

/// What a matcher was made from; kept to explain what it does.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A server's format string.
    Template(Template),
    /// A person's own expression, as written.
    Regex(String),
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Gunicorn, Self::Regex];

    /// The key that introduces it in a configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Gunicorn => "gunicorn",
            Self::Regex => "regex",
        }
    }
}

impl Pattern {
    /// Compiles a format string.
    pub fn compile(name: &str, dialect: Dialect, source: &str) -> Result<Self, Complaint> {
        let matcher = match dialect {
            Dialect::Nginx => Matcher::from_template(nginx::compile(source)?)?,
            Dialect::Gunicorn => Matcher::from_template(gunicorn::compile(source)?)?,
            Dialect::Regex => regexp::compile(source)?,
        };
        let fields = matcher
            .groups
            .iter()
            .fold(FieldSet::EMPTY, |fields, (_, binding)| {
                fields.union(binding.fields())
            });
        Ok(Self {
            name: name.to_owned(),
            dialect,
            fields,
            matcher,
        })
    }

    /// The name it goes by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The notation it was written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The fields it may yield.
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// The unit of its duration.
    fn duration_unit(&self) -> Option<TimeUnit> {
        let mut groups = self.matcher.groups.iter();
        groups.find_map(|(_, binding)| match binding {
            Binding::Duration(unit) => Some(*unit),
            _ => None,
        })
    }

    /// Room for one thread's work.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            locations: self.matcher.regex.capture_locations(),
        }
    }

    /// How lines are read.
    pub fn engine(&self) -> Engine {
        if self.matcher.plan.is_some() {
            Engine::Plan
        } else {
            Engine::Regex
        }
    }

    /// Reads only these fields from now on; the others stay `None`.
    #[must_use]
    pub fn narrowed(mut self, wanted: FieldSet) -> Self {
        let is_wanted =
            |binding: Binding| binding.fields().iter().any(|field| wanted.contains(field));
        self.matcher
            .groups
            .retain(|(_, binding)| is_wanted(*binding));
        if let Some(plan) = &mut self.matcher.plan {
            plan.retain(is_wanted);
        }
        self
    }

    /// Reads a line (without its newline). `scratch` comes from this pattern.
    #[inline]
    pub fn parse<'l>(&self, scratch: &mut Scratch, line: &'l [u8]) -> Result<Record<'l>, Reject> {
        if let Some(plan) = &self.matcher.plan {
            let mut record = Record::default();
            let mut outcome = Ok(());
            let found = |binding, text| {
                let read = read(binding, text, &mut record);
                outcome = std::mem::replace(&mut outcome, Ok(())).and(read);
            };
            if plan.run(line, found) {
                return outcome.map(|()| record);
            }
        }
        self.parse_by_regex(scratch, line)
    }

    /// Reads a line by the regex alone: the reference for [`Pattern::parse`].
    pub fn parse_by_regex<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if self
            .matcher
            .regex
            .captures_read(&mut scratch.locations, line)
            .is_none()
        {
            return Err(Reject::Mismatch);
        }
        let mut record = Record::default();
        for (group, binding) in &self.matcher.groups {
            if let Some((start, end)) = scratch.locations.get(*group) {
                read(*binding, &line[start..end], &mut record)?;
            }
        }
        Ok(record)
    }
}

/// Puts what a binding's text says into the record. A missing value is written `-` or nothing.
fn read<'l>(binding: Binding, text: &'l [u8], record: &mut Record<'l>) -> Result<(), Reject> {
    if matches!(text, b"" | b"-") {
        return Ok(());
    }
    match binding {
        Binding::Request => request::split(text, record),
        Binding::Status => record.status = Some(Status::from_digits(text).ok_or(Reject::Number)?),
        Binding::Duration(unit) => {
            let micros = match unit {
                TimeUnit::Seconds => Micros::from_seconds(text),
                TimeUnit::Millis => Micros::from_millis(text),
                TimeUnit::Micros => Micros::from_micros(text),
            };
            record.duration = Some(micros.ok_or(Reject::Number)?);
        }
        Binding::Bytes(field) => {
            let bytes = Bytes::from_decimal(text);
            if bytes.is_none() && text.iter().all(u8::is_ascii_digit) {
                return Err(Reject::Number);
            }
            // Anything else is a header the client made up, or Python's `None`: no length.
            if let Some(place) = record.bytes_mut(field) {
                *place = bytes;
            }
        }
        Binding::List(field) => {
            if let Some(place) = record.list_mut(field) {
                *place = Some(UpstreamList(text));
            }
        }
        Binding::Text(field) => {
            if let Some(place) = record.text_mut(field) {
                *place = Some(text);
            }
        }
    }
    Ok(())
}

impl Matcher {
    fn from_template(template: Template) -> Result<Self, Complaint> {
        let regex = regex::bytes::RegexBuilder::new(&template.to_regex())
            .size_limit(regexp::COMPILED_BYTES)
            .build()
            .map_err(|_| Complaint::new("the format is too long to be matched", 0..0))?;
        Ok(Self {
            plan: Plan::of_template(&template),
            regex,
            groups: template
                .bindings()
                .enumerate()
                .map(|(at, binding)| (at + 1, binding))
                .collect(),
            form: Form::Template(template),
        })
    }
}

impl Complaint {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn suggest<'c>(self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        let near = diag::nearest(word, candidates.iter().copied());
        let help = near.map_or_else(
            || format!("one of: {}", candidates.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.help(help)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;

    fn show(dialect: Dialect, format: &str, line: &str, field: Field) -> Option<String> {
        let pattern = Pattern::compile("test", dialect, format).unwrap();
        pattern
            .parse(&mut pattern.scratch(), line.as_bytes())
            .unwrap()
            .show(field)
    }

    #[test]
    fn a_quote_inside_gunicorns_request_does_not_end_it() {
        let line = r#" - - [22/Nov/2026:12:47:15 -0600] "GET /x\" 500 1 \"-\" \"y HTTP/1.1" 200 10 "-" "x\" 501 2 \"-\" \"z""#;
        let preset = Preset::find("gunicorn").unwrap().pattern().unwrap();
        let record = preset
            .parse(&mut preset.scratch(), line.as_bytes())
            .unwrap();
        assert_eq!(record.show(Field::Status).as_deref(), Some("200"));
        assert_eq!(
            record.show(Field::Target).as_deref(),
            Some(r#"/x\" 500 1 \"-\" \"y"#)
        );
    }

    #[test]
    fn of_two_variables_for_one_field_the_better_one_is_read() {
        let format = r#"$msec $time_iso8601 $bytes_sent "$request" $status $body_bytes_sent"#;
        let line = r#"1795373235.110 2026-11-22T18:47:15+00:00 309 "GET / HTTP/1.1" 200 157"#;
        assert_eq!(
            show(Dialect::Nginx, format, line, Field::ResponseBytes).as_deref(),
            Some("157")
        );
        assert_eq!(
            show(Dialect::Nginx, format, line, Field::Time).as_deref(),
            Some("2026-11-22T18:47:15+00:00")
        );
    }

    #[test]
    fn a_pattern_matches_whole_lines_only() {
        let pattern = Pattern::compile("test", Dialect::Nginx, "$status $request_time").unwrap();
        let mut scratch = pattern.scratch();
        assert!(pattern.parse(&mut scratch, b"200 0.001").is_ok());
        for wrong in [
            "200 0.001 ",
            " 200 0.001",
            "200 0.001\n",
            "2000 0.001",
            "200 -",
            "",
        ] {
            assert_eq!(
                pattern.parse(&mut scratch, wrong.as_bytes()),
                Err(Reject::Mismatch),
                "{wrong:?}"
            );
        }
        let long = format!("200 {}.5", "9".repeat(30));
        assert_eq!(
            pattern.parse(&mut scratch, long.as_bytes()),
            Err(Reject::Number)
        );
    }

    #[test]
    fn complaints_point_at_the_format() {
        let check = |dialect, format: &str, message: &str, span: &str| {
            let complaint = Pattern::compile("test", dialect, format).unwrap_err();
            assert_eq!(complaint.message, message);
            assert_eq!(&format[complaint.span.clone()], span, "{complaint:?}");
        };
        check(
            Dialect::Nginx,
            "$status ${host",
            "`${` is never closed",
            "${host",
        );
        check(
            Dialect::Nginx,
            "cost: $ 5",
            "a `$` without a variable's name",
            "$",
        );
        check(
            Dialect::Nginx,
            "$host$uri $status",
            "nothing separates `host` from `uri`",
            "$host$uri",
        );
        check(
            Dialect::Nginx,
            "nothing",
            "no variable: every value begins with `$`",
            "",
        );
        check(
            Dialect::Gunicorn,
            "%(h)s %(z)s",
            "unknown atom `z`",
            "%(z)s",
        );
        check(
            Dialect::Gunicorn,
            "%(h)s %s",
            "a `%` that starts no atom",
            "%",
        );
        check(
            Dialect::Gunicorn,
            "%(h)s %(r",
            "an atom that never ends",
            "%(r",
        );
        check(
            Dialect::Regex,
            "(?<status>[0-9]{3})",
            "not anchored: it could match in the middle of another line",
            "(?<status>[0-9]{3})",
        );
        check(
            Dialect::Regex,
            "^(?<statsu>[0-9]{3})$",
            "`statsu` is no field",
            "statsu",
        );
        check(
            Dialect::Regex,
            "^(?<status>[0-9{3})$",
            "unclosed character class",
            "[",
        );
        check(
            Dialect::Regex,
            "^.*$",
            "no named group: nothing would be read",
            "^.*$",
        );
    }

    #[test]
    fn a_regex_of_ones_own_reads_any_unit() {
        let regex = r"^(?<method>\S+) (?<target>\S+) (?<status>\d{3}) (?<duration_ms>\d+)$";
        assert_eq!(
            show(Dialect::Regex, regex, "GET / 200 17", Field::Duration).as_deref(),
            Some("17ms")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_format_and_no_line_make_a_pattern_panic(format in r#"[$%(){}a-z" \[\]^\\]{0,40}"#, line: Vec<u8>) {
            for dialect in Dialect::ALL {
                if let Ok(pattern) = Pattern::compile("test", dialect, &format) {
                    let _ = pattern.parse(&mut pattern.scratch(), &line);
                }
            }
        }
    }
}
