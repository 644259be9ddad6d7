//! From a log format to the fields of a line.
//!
//! Invariant: a pattern matches a line from its first byte to its last or not at all, and reading
//! a line allocates nothing, but for room to read a longer line than any before it.

mod advice;
mod apache;
mod complaint;
mod definition;
mod escape;
mod explain;
mod extract;
mod gunicorn;
mod header;
mod hints;
#[cfg(test)]
mod hints_tests;
mod json;
mod keys;
mod lexer;
mod lower;
mod ltsv;
mod nginx;
mod plan;
#[cfg(test)]
mod plan_tests;
mod preset;
mod recognise;
mod regexp;
mod reject;
mod request;
mod scan;
mod search;
pub mod syslog;
mod template;
mod variable;
mod walk;

use std::sync::OnceLock;

use regex::bytes::{CaptureLocations, Regex};

use crate::model::{Bytes, FieldSet, Micros, Record, Status, UpstreamList};

use hints::Hints;
use json::Json;
use ltsv::Ltsv;
use plan::Plan;
use walk::{Trail, Walk};

pub use advice::advice;
pub use complaint::Complaint;
pub use definition::{Definition, Example};
pub use escape::Escaping;
pub use explain::{Cause, Diagnosis, Explainer, Explanation, Nearest, Outcome, Stop, Value};
pub use keys::Keys;
pub use preset::{Preset, presets};
pub use recognise::{Recognition, recognise};
pub use reject::Reject;
pub use template::{Binding, Entry, Item, Shape, Slot, Template, TimeUnit};

/// Where a server's format has no plan for a line of fewer bytes, its regex is good enough.
const LONG: usize = 1024;

/// The notations a pattern may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// nginx's `log_format`.
    Nginx,
    /// gunicorn's `access_log_format`.
    Gunicorn,
    /// Apache's `LogFormat`.
    Apache,
    /// A regular expression with named groups.
    Regex,
    /// The keys of JSON objects, dots between those of nested ones.
    Json,
    /// The labels of labelled tab-separated values.
    Ltsv,
}

/// A compiled log format.
#[derive(Clone, Debug)]
pub struct Pattern {
    name: String,
    dialect: Dialect,
    fields: FieldSet,
    escaping: Escaping,
    /// Whether a syslog frame stands before what the format describes; then it does no harm if it
    /// isn't there.
    is_framed: bool,
    matcher: Matcher,
}

/// What [`Pattern::parse`] writes on; one for each thread and pattern.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `None` for patterns that have no regex.
    locations: Option<CaptureLocations>,
    /// No room for any where the pattern has no keys.
    hints: Hints,
    trail: Trail,
}

/// How a pattern reads lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// By finding delimiters; the regex decides where that is not enough.
    Plan,
    /// As the regex does, from tables made of it; by itself if they would be too large.
    Regex,
    /// By its keys.
    Scanner,
}

/// What reads the lines.
#[derive(Clone, Debug)]
enum Matcher {
    Text(Box<TextMatcher>),
    Json(Json),
    Ltsv(Ltsv),
}

/// A regular expression, what its groups tell, and the plan that saves running it.
#[derive(Clone, Debug)]
pub(crate) struct TextMatcher {
    regex: Regex,
    groups: Vec<(usize, Binding)>,
    plan: Option<Plan>,
    /// Does what the regex does, faster where that has to try several ways; made when it is first
    /// needed. `None` if it would be too large.
    walk: OnceLock<Option<Walk>>,
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
    pub const ALL: [Self; 6] = [
        Self::Nginx,
        Self::Gunicorn,
        Self::Apache,
        Self::Regex,
        Self::Json,
        Self::Ltsv,
    ];

    /// The key that introduces it in a configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Gunicorn => "gunicorn",
            Self::Apache => "apache",
            Self::Regex => "regex",
            Self::Json => "json",
            Self::Ltsv => "ltsv",
        }
    }

    /// Whether it is a table from fields to [`Keys`], not a format string.
    pub const fn takes_keys(self) -> bool {
        matches!(self, Self::Json | Self::Ltsv)
    }
}

impl Engine {
    /// As `patterns` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Regex => "regex",
            Self::Scanner => "scanner",
        }
    }
}

impl Pattern {
    /// Compiles a format string, or the server's whole directive. [`Json`](Dialect::Json) and
    /// [`Ltsv`](Dialect::Ltsv) have none: see [`Pattern::of_keys`].
    pub fn compile(name: &str, dialect: Dialect, source: &str) -> Result<Self, Complaint> {
        match dialect {
            Dialect::Nginx => match nginx::compile(source)? {
                nginx::Format::Text(template) => Self::of_template(name, dialect, template),
                nginx::Format::Json(keys) => Self::of_keys(name, Dialect::Json, keys),
            },
            Dialect::Gunicorn => Self::of_template(name, dialect, gunicorn::compile(source)?),
            Dialect::Apache => Self::of_template(name, dialect, apache::compile(source)?),
            Dialect::Regex => {
                let matcher = regexp::compile(source)?;
                let is_framed = !lower::begins_with(source, b'<');
                Ok(Self::of_text(
                    name,
                    dialect,
                    matcher,
                    Escaping::None,
                    is_framed,
                ))
            }
            Dialect::Json | Dialect::Ltsv => Err(Complaint::new(
                "no format string but a table",
                0..source.len(),
            )
            .help(format!("{} = {{ status = \"status\", … }}", dialect.key()))),
        }
    }

    /// Compiles a table of keys; `dialect` is one that takes them.
    pub fn of_keys(name: &str, dialect: Dialect, keys: Keys) -> Result<Self, Complaint> {
        let fields = keys.fields();
        if fields == FieldSet::EMPTY {
            return Err(Complaint::new("no field: nothing would be read", 0..0)
                .help("name the keys of what it should read, as in `status = \"status\"`"));
        }
        let (escaping, matcher) = match dialect {
            Dialect::Ltsv => (Escaping::Nginx, Matcher::Ltsv(Ltsv::compile(keys)?)),
            _ => (Escaping::Json, Matcher::Json(Json { keys })),
        };
        Ok(Self {
            name: name.to_owned(),
            dialect,
            fields,
            escaping,
            is_framed: true,
            matcher,
        })
    }

    fn of_template(name: &str, dialect: Dialect, template: Template) -> Result<Self, Complaint> {
        let is_framed = !matches!(
            template.items.first(),
            Some(Item::Literal(literal)) if literal.starts_with('<')
        );
        let escaping = template.escaping;
        let matcher = TextMatcher::from_template(template)?;
        Ok(Self::of_text(name, dialect, matcher, escaping, is_framed))
    }

    fn of_text(
        name: &str,
        dialect: Dialect,
        matcher: TextMatcher,
        escaping: Escaping,
        is_framed: bool,
    ) -> Self {
        let bindings = matcher.groups.iter().map(|(_, binding)| *binding);
        Self {
            name: name.to_owned(),
            dialect,
            fields: bindings.fold(FieldSet::EMPTY, |fields, binding| {
                fields.union(binding.fields())
            }),
            escaping,
            is_framed,
            matcher: Matcher::Text(Box::new(matcher)),
        }
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

    /// How the lines' text is escaped.
    pub fn escaping(&self) -> Escaping {
        self.escaping
    }

    /// What it was made from, if that was a format string.
    fn form(&self) -> Option<&Form> {
        match &self.matcher {
            Matcher::Text(text) => Some(&text.form),
            Matcher::Json(_) | Matcher::Ltsv(_) => None,
        }
    }

    /// The unit of its duration.
    fn duration_unit(&self) -> Option<TimeUnit> {
        let unit = |binding| match binding {
            Binding::Duration(unit) => Some(unit),
            _ => None,
        };
        match &self.matcher {
            Matcher::Text(text) => text.groups.iter().find_map(|(_, binding)| unit(*binding)),
            Matcher::Json(Json { keys }) | Matcher::Ltsv(Ltsv { keys }) => {
                keys.bindings().find_map(unit)
            }
        }
    }

    /// Room for one thread's work.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            locations: match &self.matcher {
                Matcher::Text(text) => Some(text.regex.capture_locations()),
                Matcher::Json(_) | Matcher::Ltsv(_) => None,
            },
            hints: match &self.matcher {
                Matcher::Text(_) => Hints::default(),
                Matcher::Json(_) | Matcher::Ltsv(_) => Hints::new(),
            },
            trail: Trail::default(),
        }
    }

    /// How lines are read.
    pub fn engine(&self) -> Engine {
        match &self.matcher {
            Matcher::Text(text) if text.plan.is_some() => Engine::Plan,
            Matcher::Text(_) => Engine::Regex,
            Matcher::Json(_) | Matcher::Ltsv(_) => Engine::Scanner,
        }
    }

    /// Reads only these fields from now on; the others stay `None`.
    #[must_use]
    pub fn narrowed(mut self, wanted: FieldSet) -> Self {
        let is_wanted =
            |binding: Binding| binding.fields().iter().any(|field| wanted.contains(field));
        match &mut self.matcher {
            Matcher::Text(text) => {
                text.groups.retain(|(_, binding)| is_wanted(*binding));
                if let Some(plan) = &mut text.plan {
                    plan.retain(is_wanted);
                }
            }
            Matcher::Json(Json { keys }) | Matcher::Ltsv(Ltsv { keys }) => keys.retain(is_wanted),
        }
        self
    }

    /// Reads a line (without its newline). `scratch` comes from this pattern.
    pub fn parse<'l>(&self, scratch: &mut Scratch, line: &'l [u8]) -> Result<Record<'l>, Reject> {
        let line = self.unframed(line);
        let mut record = Record::default();
        let ahead = self.parse_unframed(scratch, line, &mut record);
        match (ahead, &self.matcher) {
            (Some((length, outcome)), _) if length == line.len() => outcome.map(|()| record),
            (_, Matcher::Text(text)) => match text.walk(line) {
                Some(walk) => text.parse_by_walk(walk, &mut scratch.trail, line),
                None => text.parse_by_regex(scratch, line),
            },
            (_, Matcher::Json(_) | Matcher::Ltsv(_)) => Err(Reject::Mismatch),
        }
    }

    /// Reads the line that `text` begins with, without knowing where it ends, and says how long it
    /// is, and whether it could be read. `None` if that is not enough: then the record is spoilt,
    /// and [`Pattern::parse`] decides. What it says is what [`Pattern::parse`] would say.
    #[inline]
    pub fn parse_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Option<(usize, Result<(), Reject>)> {
        if self.is_framed && text.first() == Some(&b'<') {
            return None;
        }
        let (length, outcome) = self.parse_unframed(scratch, text, record)?;
        // The `\r` of a `\r\n` is no part of a line.
        (!text[..length].ends_with(b"\r")).then_some((length, outcome))
    }

    #[inline]
    fn parse_unframed<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Option<(usize, Result<(), Reject>)> {
        match &self.matcher {
            Matcher::Text(matcher) => matcher.plan.as_ref()?.run(text, record),
            Matcher::Json(json) => json.parse_ahead(&mut scratch.hints, text, record),
            Matcher::Ltsv(ltsv) => ltsv.parse_ahead(&mut scratch.hints, text, record),
        }
    }

    /// Reads a line by the regex alone: the reference for [`Pattern::parse`]. Where there is no
    /// regex, it is read as though no line had been before it.
    pub fn parse_by_regex<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        match &self.matcher {
            Matcher::Text(text) => text.parse_by_regex(scratch, self.unframed(line)),
            Matcher::Json(_) | Matcher::Ltsv(_) => {
                let mut scratch = Scratch {
                    locations: None,
                    hints: Hints::default(),
                    trail: Trail::default(),
                };
                self.parse(&mut scratch, line)
            }
        }
    }

    /// The line without the frame that syslog puts around it.
    #[inline]
    fn unframed<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        if self.is_framed {
            syslog::strip(line)
        } else {
            line
        }
    }
}

/// Puts what a binding's text says into the record. A missing value is written `-` or nothing.
#[inline]
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

impl TextMatcher {
    /// The walk, if it is worth taking for a line that the plan does not read.
    fn walk(&self, line: &[u8]) -> Option<&Walk> {
        let template = match &self.form {
            Form::Regex(_) => return self.walk.get()?.as_ref(),
            Form::Template(_) if line.len() < LONG => return None,
            Form::Template(template) => template,
        };
        let make = || {
            Walk::new(
                &template.to_regex(),
                self.groups.iter().map(|group| group.0),
            )
        };
        self.walk.get_or_init(make).as_ref()
    }

    fn parse_by_regex<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        let Some(locations) = &mut scratch.locations else {
            // Another pattern's scratch.
            return Err(Reject::Mismatch);
        };
        if self.regex.captures_read(locations, line).is_none() {
            return Err(Reject::Mismatch);
        }
        let mut record = Record::default();
        for (group, binding) in &self.groups {
            if let Some((start, end)) = locations.get(*group) {
                read(*binding, &line[start..end], &mut record)?;
            }
        }
        Ok(record)
    }

    fn parse_by_walk<'l>(
        &self,
        walk: &Walk,
        trail: &mut Trail,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if !walk.run(trail, line) {
            return Err(Reject::Mismatch);
        }
        let mut record = Record::default();
        for (group, binding) in &self.groups {
            if let Some((start, end)) = trail.get(*group) {
                read(*binding, &line[start..end], &mut record)?;
            }
        }
        Ok(record)
    }

    fn from_template(template: Template) -> Result<Self, Complaint> {
        let groups = (1..).zip(template.bindings());
        let groups: Vec<(usize, Binding)> = groups.collect();
        let regex = regex::bytes::RegexBuilder::new(&template.to_regex())
            .size_limit(regexp::COMPILED_BYTES)
            .build()
            .map_err(|_| Complaint::new("the format is too long to be matched", 0..0))?;
        Ok(Self {
            plan: Plan::of_template(&template),
            walk: OnceLock::new(),
            regex,
            groups,
            form: Form::Template(template),
        })
    }
}

#[cfg(test)]
mod tests {
    pub(in crate::pattern) mod corpora;

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
        let torn = "^foo|(?<status>[0-9]{3})$";
        check(
            Dialect::Regex,
            torn,
            "not anchored: it could match in the middle of another line",
            torn,
        );
        check(
            Dialect::Regex,
            "^(?<statsu>[0-9]{3})$",
            "`statsu` is not a field",
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
        fn no_format_and_no_line_make_a_pattern_panic(
            directive in "(log_format x |log_format x escape=(json|none) |LogFormat |access_log_format = |--access-logformat=)?",
            format in proptest::prop_oneof![
                r#"[$%(){}<>A-Za-z"':, \[\]^\\]{0,40}"#,
                r#"['"]?(\{"s":\$?(status|host|"\$host"|[0-9]),?|[ ,}]|%[{]?[a-zA-Z{}]{1,3}|%\([a-zA-Z]\)s| |\\"){0,10}['"]?"#,
                proptest::prelude::any::<String>(),
            ],
            line: Vec<u8>,
        ) {
            let format = format!("{directive}{format}");
            for dialect in Dialect::ALL {
                if let Ok(pattern) = Pattern::compile("test", dialect, &format) {
                    let _ = pattern.parse(&mut pattern.scratch(), &line);
                }
            }
        }
    }
}
