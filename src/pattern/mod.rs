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
pub mod envelope;
mod escape;
mod explain;
mod extract;
mod extras;
mod gunicorn;
mod header;
mod hints;
mod items;
mod json;
mod keys;
mod kind;
mod literal;
mod lower;
mod ltsv;
mod nginx;
mod number;
mod opening;
mod parse;
mod plan;
mod preset;
mod readings;
mod recognise;
mod regexp;
mod reject;
mod request;
mod scan;
mod search;
mod target;
mod template;
mod text;
mod variable;
mod walk;

use std::sync::Arc;

use crate::model::{FieldSet, Record};

use hints::Hints;
use opening::{Opening, Suspects};
use text::{Form, TextMatcher, TextScratch};

pub use advice::{advice, lacking, slips};
pub use ahead::Ahead;
pub use binding::{Binding, Query, TimeUnit};
pub use complaint::Complaint;
pub use definition::{Definition, Example};
pub use dialect::{Dialect, Engine};
pub use escape::Escaping;
pub use explain::{Cause, Diagnosis, Explainer, Explanation, Nearest, Outcome, Stop, Value};
pub use extras::Named;
pub use keys::Keys;
pub use kind::Kind;
pub use preset::{Preset, presets};
pub use recognise::{Recognition, recognise};
pub use reject::Reject;
pub use target::TargetForm;
pub use template::{Entry, Item, Shape, Slot, Template};

/// A compiled log format.
#[derive(Clone, Debug)]
pub struct Pattern {
    name: String,
    dialect: Dialect,
    fields: FieldSet,
    escaping: Escaping,
    /// Beginnings of the lines, without an envelope before them.
    opening: Opening,
    matcher: Matcher,
    /// Names of values that fill no field, in the order of [`Record::extras`].
    extras: Vec<Arc<str>>,
    /// Lines that are skipped if the format does not read them.
    skip: Option<regex::bytes::Regex>,
}

/// Working memory of [`Pattern::parse`]: one for each thread and pattern.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `None` for patterns of keys.
    text: Option<TextScratch>,
    /// Has no room if the pattern has no keys.
    hints: Hints,
    /// The lines that may have an envelope: all, if the last line had one.
    suspects: Suspects,
}

/// Fields of a record that the lines of a pattern set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sets {
    /// [`Record::COMMON`] fields.
    Common,
    /// These, and values that fill no field.
    Extras,
    /// Any field.
    Any,
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
        Self::compile_with(name, dialect, source, &[])
    }

    /// Compiles as [`Self::compile`] does. Groups of an expression may have the names of `extras`, at most [`EXTRAS`](crate::model::EXTRAS), which
    /// fill no field.
    pub fn compile_with(
        name: &str,
        dialect: Dialect,
        source: &str,
        extras: &[Arc<str>],
    ) -> Result<Self, Complaint> {
        match dialect {
            Dialect::Nginx => match nginx::compile(source)? {
                nginx::Format::Text(template) => Self::from_template(name, dialect, template),
                nginx::Format::Json(keys) => Self::from_keys(name, Dialect::Json, keys),
            },
            Dialect::Gunicorn => Self::from_template(name, dialect, gunicorn::compile(source)?),
            Dialect::Apache => Self::from_template(name, dialect, apache::compile(source)?),
            Dialect::Regex => {
                let matcher = regexp::compile(source, extras)?;
                let literal = b"<[".iter().copied();
                let literal = literal
                    .into_iter()
                    .find(|first| lower::begins_with(source, *first));
                let opening = Opening::unknown(literal, true);
                let pattern = Self::from_text(name, dialect, matcher, Escaping::None, opening);
                Ok(Self {
                    extras: extras.to_vec(),
                    ..pattern
                })
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
        let (escaping, opening, matcher) = match dialect {
            Dialect::Ltsv => {
                ltsv::check(&keys)?;
                let opening = Opening::unknown(None, false);
                (Escaping::Nginx, opening, Matcher::Ltsv(keys))
            }
            _ => (Escaping::Json, Opening::OBJECT, Matcher::Json(keys)),
        };
        Ok(Self {
            name: name.to_owned(),
            dialect,
            fields,
            escaping,
            opening,
            matcher,
            extras: Vec::new(),
            skip: None,
        })
    }

    fn from_template(name: &str, dialect: Dialect, template: Template) -> Result<Self, Complaint> {
        // gunicorn writes nothing for the address of a client on a unix socket.
        let may_be_empty = if dialect == Dialect::Gunicorn {
            "h"
        } else {
            ""
        };
        let opening = Opening::of_template(&template, may_be_empty);
        let escaping = template.escaping;
        let matcher = TextMatcher::from_template(template)?;
        Ok(Self::from_text(name, dialect, matcher, escaping, opening))
    }

    fn from_text(
        name: &str,
        dialect: Dialect,
        matcher: TextMatcher,
        escaping: Escaping,
        opening: Opening,
    ) -> Self {
        let bindings = matcher.groups.iter().map(|(_, binding)| *binding);
        Self {
            name: name.to_owned(),
            dialect,
            fields: bindings.fold(FieldSet::EMPTY, |fields, binding| {
                fields.union(binding.fields())
            }),
            escaping,
            opening,
            matcher: Matcher::Text(Box::new(matcher)),
            extras: Vec::new(),
            skip: None,
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

    /// Returns the form of the target.
    pub fn target_form(&self) -> TargetForm {
        let path = |binding: Binding| match binding {
            Binding::Path(query) => Some(TargetForm::Path {
                has_query: query != Query::None,
                is_latin: self.dialect == Dialect::Gunicorn,
            }),
            _ => None,
        };
        self.find_binding(path).unwrap_or_default()
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
        self.find_binding(|binding| match binding {
            Binding::Duration(unit) => Some(unit),
            _ => None,
        })
    }

    /// Returns the first result that `find` has for a binding.
    fn find_binding<T>(&self, find: impl Fn(Binding) -> Option<T>) -> Option<T> {
        match &self.matcher {
            Matcher::Text(text) => text.groups.iter().find_map(|(_, binding)| find(*binding)),
            Matcher::Json(keys) | Matcher::Ltsv(keys) => keys.bindings().find_map(find),
        }
    }

    /// Creates working memory for one thread.
    pub fn scratch(&self) -> Scratch {
        let (text, hints) = match &self.matcher {
            Matcher::Text(text) => (Some(text.scratch()), Hints::default()),
            Matcher::Json(_) | Matcher::Ltsv(_) => (None, Hints::new()),
        };
        Scratch {
            text,
            hints,
            suspects: self.opening.suspects(),
        }
    }

    /// Returns how lines are read.
    pub fn engine(&self) -> Engine {
        match &self.matcher {
            Matcher::Text(text) if text.plan.is_some() => Engine::Plan,
            Matcher::Text(text) if text.review.readings.is_some() => Engine::Readings,
            Matcher::Text(_) => Engine::Regex,
            Matcher::Json(_) | Matcher::Ltsv(_) => Engine::Scanner,
        }
    }

    /// Returns what a line sets of a record.
    pub fn sets(&self) -> Sets {
        let any = |is_it: &dyn Fn(Binding) -> bool| {
            let found = self.find_binding(|binding| is_it(binding).then_some(()));
            found.is_some()
        };
        let is_rare = |binding: Binding| {
            let mut fields = binding.fields().iter();
            fields.any(|field| !Record::COMMON.contains(field))
        };
        if any(&is_rare) {
            Sets::Any
        } else if any(&|binding| matches!(binding, Binding::Extra(_))) {
            Sets::Extras
        } else {
            Sets::Common
        }
    }

    /// Restricts reading to these fields; all others stay `None`.
    #[must_use]
    pub fn narrowed(mut self, wanted: FieldSet) -> Self {
        let is_wanted = |binding: Binding| {
            matches!(binding, Binding::Extra(_))
                || binding.fields().iter().any(|field| wanted.contains(field))
        };
        match &mut self.matcher {
            Matcher::Text(text) => text.retain(is_wanted),
            Matcher::Json(keys) | Matcher::Ltsv(keys) => keys.retain(is_wanted),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    pub(in crate::pattern) mod corpora;
    mod property;

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
    fn a_blank_after_a_frame_is_a_relays_or_the_lines_own() {
        const HEAD: &str = "<30>1 2026-11-28T07:00:00.123456+01:00 web1 nginx - - - ";
        const REST: &str =
            r#" - - [28/Nov/2026:07:00:01 +0000] "GET /i/1 HTTP/1.0" 200 5 "-" "curl/7""#;
        let check = |dialect, format: &str, line: String, first: Field, expected: &str| {
            let found = show(dialect, format, &format!("{HEAD}{line}"), first);
            assert_eq!(found.as_deref(), Some(expected), "{line:?}");
        };
        let gunicorn = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;
        for line in [REST.to_owned(), format!(" {REST}")] {
            check(Dialect::Gunicorn, gunicorn, line, Field::Target, "/i/1");
        }
        let combined =
            r#"$http_host - - [$time_local] "$request" $status $body_bytes_sent "-" "-""#;
        let rest = REST.replace("curl/7", "-");
        for blanks in ["", " "] {
            let line = format!("{blanks}shop.example{rest}");
            check(Dialect::Nginx, combined, line, Field::Host, "shop.example");
        }
        // A format that begins with a blank.
        for blanks in [" ", "  "] {
            check(
                Dialect::Nginx,
                " $status",
                format!("{blanks}200"),
                Field::Status,
                "200",
            );
        }
    }

    #[test]
    fn a_value_that_looks_like_a_tag_is_not_an_envelope() {
        let format = "$upstream_http_x_view_name";
        let line = "HTTP/1.1c: ";
        let found = show(Dialect::Nginx, format, line, Field::View);
        assert_eq!(found.as_deref(), Some(line));
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
            "  200 0.001",
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
            "unclosed character class, in the group `status`",
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
    fn two_units_are_alternatives_in_one_expression() {
        let regex = r"^(?<status>\d{3}) (?:(?<duration_ms>[0-9.]+) msecs|(?<duration_us>\d+) micros|(?<duration_ns>\d+))$";
        for (line, shown) in [
            ("200 17 msecs", "17ms"),
            ("200 17 micros", "0.017ms"),
            ("200 17999", "0.017ms"),
        ] {
            let found = show(Dialect::Regex, regex, line, Field::Duration);
            assert_eq!(found.as_deref(), Some(shown), "{line}");
        }
        for both in [
            r"^(?<duration_ms>\d+) (?<duration_us>\d+)$",
            r"^(?:(?<duration_ms>\d+)|(?<duration_us>\d+))+$",
            r"^(?:a|(?<duration_ms>\d+))(?:b|(?<duration_us>\d+))$",
        ] {
            let complaint = Pattern::compile("test", Dialect::Regex, both).unwrap_err();
            assert!(complaint.message.contains("another group"), "{both}");
        }
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
