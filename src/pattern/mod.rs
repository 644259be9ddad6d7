//! Log formats: compiles format strings, regexes and tables of keys, and reads lines by them.
//!
//! Invariant: a pattern matches a line from its first byte to its last or not at all, and reading
//! a line allocates nothing, except for room to read a line longer than any before it.

mod advice;
mod ahead;
mod apache;
mod binding;
mod complaint;
mod definition;
mod dialect;
mod escape;
mod explain;
mod extract;
mod gunicorn;
mod header;
mod hints;
mod json;
mod keys;
mod literal;
mod lower;
mod ltsv;
mod nginx;
mod plan;
mod preset;
mod recognise;
mod regexp;
mod reject;
mod request;
mod scan;
mod search;
pub mod syslog;
mod template;
mod text;
mod variable;
mod walk;

use crate::model::{FieldSet, Record};

use hints::Hints;
use text::{Form, TextMatcher, TextScratch};

pub use advice::advice;
pub use ahead::Ahead;
pub use binding::{Binding, TimeUnit};
pub use complaint::Complaint;
pub use definition::{Definition, Example};
pub use dialect::{Dialect, Engine};
pub use escape::Escaping;
pub use explain::{Cause, Diagnosis, Explainer, Explanation, Nearest, Outcome, Stop, Value};
pub use keys::Keys;
pub use preset::{Preset, presets};
pub use recognise::{Recognition, recognise};
pub use reject::Reject;
pub use template::{Entry, Item, Shape, Slot, Template};

/// A compiled log format.
#[derive(Clone, Debug)]
pub struct Pattern {
    name: String,
    dialect: Dialect,
    fields: FieldSet,
    escaping: Escaping,
    /// True if a syslog frame may precede the line that the format describes.
    is_framed: bool,
    matcher: Matcher,
}

/// Working memory of [`Pattern::parse`]: one for each thread and pattern.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `None` for patterns of keys.
    text: Option<TextScratch>,
    /// Has no room if the pattern has no keys.
    hints: Hints,
}

#[derive(Clone, Debug)]
enum Matcher {
    Text(Box<TextMatcher>),
    Json(Keys),
    Ltsv(Keys),
}

impl Pattern {
    /// Compiles a format string, or the server's whole directive. Tables of keys are compiled by
    /// [`Pattern::from_keys`].
    pub fn compile(name: &str, dialect: Dialect, source: &str) -> Result<Self, Complaint> {
        match dialect {
            Dialect::Nginx => match nginx::compile(source)? {
                nginx::Format::Text(template) => Self::from_template(name, dialect, template),
                nginx::Format::Json(keys) => Self::from_keys(name, Dialect::Json, keys),
            },
            Dialect::Gunicorn => Self::from_template(name, dialect, gunicorn::compile(source)?),
            Dialect::Apache => Self::from_template(name, dialect, apache::compile(source)?),
            Dialect::Regex => {
                let matcher = regexp::compile(source)?;
                let is_framed = !lower::begins_with(source, b'<');
                Ok(Self::from_text(
                    name,
                    dialect,
                    matcher,
                    Escaping::None,
                    is_framed,
                ))
            }
            Dialect::Json | Dialect::Ltsv => Err(Complaint::new(
                "expected a table of keys, found a format string",
                0..source.len(),
            )
            .help(format!("{} = {{ status = \"status\", … }}", dialect.key()))),
        }
    }

    /// Compiles a table of keys; `dialect` is one that takes them.
    pub fn from_keys(name: &str, dialect: Dialect, keys: Keys) -> Result<Self, Complaint> {
        let fields = keys.fields();
        if fields == FieldSet::EMPTY {
            return Err(Complaint::new("no field: nothing would be read", 0..0)
                .help("name the keys of the fields to read, as in `status = \"status\"`"));
        }
        let (escaping, matcher) = match dialect {
            Dialect::Ltsv => {
                ltsv::check(&keys)?;
                (Escaping::Nginx, Matcher::Ltsv(keys))
            }
            _ => (Escaping::Json, Matcher::Json(keys)),
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

    fn from_template(name: &str, dialect: Dialect, template: Template) -> Result<Self, Complaint> {
        let is_framed = !matches!(
            template.items.first(),
            Some(Item::Literal(literal)) if literal.starts_with('<')
        );
        let escaping = template.escaping;
        let matcher = TextMatcher::from_template(template)?;
        Ok(Self::from_text(name, dialect, matcher, escaping, is_framed))
    }

    fn from_text(
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

    /// Returns the pattern's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the notation of the format.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the fields that lines may yield.
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// Returns how the text of values is escaped.
    pub fn escaping(&self) -> Escaping {
        self.escaping
    }

    /// Returns the source, if it was a format string or a regex.
    fn form(&self) -> Option<&Form> {
        match &self.matcher {
            Matcher::Text(text) => Some(&text.form),
            Matcher::Json(_) | Matcher::Ltsv(_) => None,
        }
    }

    /// Returns the unit of the duration.
    fn duration_unit(&self) -> Option<TimeUnit> {
        let unit = |binding| match binding {
            Binding::Duration(unit) => Some(unit),
            _ => None,
        };
        match &self.matcher {
            Matcher::Text(text) => text.groups.iter().find_map(|(_, binding)| unit(*binding)),
            Matcher::Json(keys) | Matcher::Ltsv(keys) => keys.bindings().find_map(unit),
        }
    }

    /// Creates working memory for one thread.
    pub fn scratch(&self) -> Scratch {
        match &self.matcher {
            Matcher::Text(text) => Scratch {
                text: Some(text.scratch()),
                hints: Hints::default(),
            },
            Matcher::Json(_) | Matcher::Ltsv(_) => Scratch {
                text: None,
                hints: Hints::new(),
            },
        }
    }

    /// Returns how lines are read.
    pub fn engine(&self) -> Engine {
        match &self.matcher {
            Matcher::Text(text) if text.plan.is_some() => Engine::Plan,
            Matcher::Text(_) => Engine::Regex,
            Matcher::Json(_) | Matcher::Ltsv(_) => Engine::Scanner,
        }
    }

    /// Restricts reading to these fields; all others stay `None`.
    #[must_use]
    pub fn narrowed(mut self, wanted: FieldSet) -> Self {
        let is_wanted =
            |binding: Binding| binding.fields().iter().any(|field| wanted.contains(field));
        match &mut self.matcher {
            Matcher::Text(text) => text.retain(is_wanted),
            Matcher::Json(keys) | Matcher::Ltsv(keys) => keys.retain(is_wanted),
        }
        self
    }

    /// Parses a line, given without its newline. `scratch` comes from this pattern.
    pub fn parse<'l>(&self, scratch: &mut Scratch, line: &'l [u8]) -> Result<Record<'l>, Reject> {
        let line = self.unframed(line);
        let mut record = Record::default();
        match self.read_ahead(scratch, line, &mut record) {
            Ahead::Line { length, outcome } if length == line.len() => outcome.map(|()| record),
            _ => self.parse_slowly(scratch, line),
        }
    }

    /// Reads the line that `text` begins with before its end is known. The outcome is the one that
    /// [`Pattern::parse`] has for that line; `record` has to be empty.
    #[inline]
    pub fn parse_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        if self.is_framed && text.first() == Some(&b'<') {
            return Ahead::Undecided;
        }
        match self.read_ahead(scratch, text, record) {
            // The `\r` of a `\r\n` does not belong to the line.
            Ahead::Line { length, .. } if text[..length].ends_with(b"\r") => Ahead::Undecided,
            ahead => ahead,
        }
    }

    /// Parses a whole line that [`Pattern::parse_ahead`] left undecided, as [`Pattern::parse`]
    /// does, but without a second attempt of the fast way. `line` ends where the text had its
    /// newline; a line from which a `\r` was cut goes to [`Pattern::parse`].
    pub fn parse_undecided<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if self.is_framed && line.first() == Some(&b'<') {
            self.parse(scratch, line)
        } else {
            self.parse_slowly(scratch, line)
        }
    }

    /// Parses a line by the regex alone: the reference for [`Pattern::parse`]. A pattern of keys
    /// parses the line without hints.
    pub fn parse_by_regex<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        if let (Matcher::Text(text), Some(scratch)) = (&self.matcher, &mut scratch.text) {
            text.parse_by_regex(scratch, self.unframed(line))
        } else {
            let hints = Hints::default();
            self.parse(&mut Scratch { text: None, hints }, line)
        }
    }

    #[inline]
    fn read_ahead<'l>(
        &self,
        scratch: &mut Scratch,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Ahead {
        let hints = &mut scratch.hints;
        match &self.matcher {
            Matcher::Text(matcher) => match &matcher.plan {
                Some(plan) => plan.run(text, record),
                None => Ahead::Undecided,
            },
            Matcher::Json(keys) => json::read(keys, hints, text, record),
            Matcher::Ltsv(keys) => ltsv::read(keys, hints, text, record),
        }
    }

    /// Parses a line that the fast way does not read. A scanner of keys has no slower way.
    fn parse_slowly<'l>(
        &self,
        scratch: &mut Scratch,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        match (&self.matcher, &mut scratch.text) {
            (Matcher::Text(text), Some(scratch)) => text.parse(scratch, line),
            _ => Err(Reject::Mismatch),
        }
    }

    /// Strips a syslog frame.
    #[inline]
    fn unframed<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        if self.is_framed {
            syslog::strip(line)
        } else {
            line
        }
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
    fn of_two_variables_for_a_field_the_lower_rank_is_read() {
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
    fn a_custom_regex_reads_any_unit() {
        let regex = r"^(?<method>\S+) (?<target>\S+) (?<status>\d{3}) (?<duration_ms>\d+)$";
        assert_eq!(
            show(Dialect::Regex, regex, "GET / 200 17", Field::Duration).as_deref(),
            Some("17ms")
        );
    }

    proptest::proptest! {
        #[test]
        fn formats_and_lines_never_panic(
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
