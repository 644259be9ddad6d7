//! Pattern definitions in TOML: `[pattern.NAME]` in a configuration or in a file of `patterns/`.
//!
//! Invariant: every example of a definition has been tried.

use std::fmt::Write as _;
use std::sync::Arc;

use super::explain::stop;
use super::{Complaint, Dialect, Keys, Pattern, advice, lacking, slips};
use crate::diag::{Fault, Place, Report, Section, Severity, Spot, distinct};
use crate::model::{EXTRAS, Field};

/// A compiled pattern, its source and its examples.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The compiled pattern.
    pub pattern: Pattern,
    /// Notation of `source`.
    pub dialect: Dialect,
    /// Format string, or table of keys as TOML.
    pub source: String,
    /// Description in one sentence.
    pub description: String,
    /// Example lines and their expected values.
    pub examples: Vec<Example>,
}

/// An example line and its expected values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line as logged.
    pub line: String,
    /// Field names and values; `duration` with its unit, as in `12ms`.
    pub record: Vec<(Field, String)>,
}

impl Definition {
    /// Reads and compiles a definition and tries its examples. Returns `None` if it does not compile.
    pub fn read(
        name: &Spot<String>,
        mut section: Section<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let description = section
            .string("description", report)
            .map_or_else(String::new, |text| text.value);
        let before = report.errors();
        let mut sources: Vec<(Dialect, Source)> = Vec::new();
        let mut given = 0;
        for dialect in Dialect::ALL {
            let is_given = section.contains(dialect.key());
            given += usize::from(is_given);
            let source = if dialect.takes_keys() {
                let mut keys = section.scalars(dialect.key(), report);
                keys.sort_by_key(|(field, _)| field.place.span.start);
                is_given.then_some(Source::Keys(keys))
            } else {
                section.string(dialect.key(), report).map(Source::Text)
            };
            sources.extend(source.map(|source| (dialect, source)));
        }
        let skip = section.string("skip", report);
        let fields = section.strings("fields", report);
        let fields = fields.map_or_else(Vec::new, |names| read_fields(&names, report));
        let has_errors = report.errors() > before;
        let examples = section
            .sections("example", report)
            .into_iter()
            .filter_map(|example| read_example(example, report))
            .collect::<Vec<_>>();
        section.finish(report);
        if given != 1 {
            let keys = Dialect::ALL
                .map(|dialect| format!("`{}`", dialect.key()))
                .join(", ");
            report.push(
                Fault::error(format!("pattern `{}` has {given} formats", name.value))
                    .at(name.place.clone())
                    .help(format!("specify exactly one of {keys}")),
            );
            return None;
        }
        let (dialect, source) = sources.pop().filter(|_| !has_errors)?;
        let mut pattern = source.compile(name, dialect, &fields, report)?;
        if let Some(skip) = skip {
            match pattern.skipping(&skip.value) {
                Ok(skipping) => pattern = skipping,
                Err(complaint) => {
                    report.push(fault(&complaint, "skip", &skip));
                    return None;
                }
            }
        }
        source.advise(&pattern, dialect, name, report);
        for (example, place) in &examples {
            try_example(&pattern, example, place, report);
        }
        Some(Self {
            pattern,
            dialect,
            source: source.text(),
            description,
            examples: examples.into_iter().map(|(example, _)| example).collect(),
        })
    }
}

/// Reads `fields`: names of groups and keys whose values fill no field, for labels of a configuration.
fn read_fields(names: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Vec<Arc<str>> {
    let own = |name: &str| match Field::from_name(name) {
        Some(_) => Err(Fault::error(format!("`{name}` is a field already"))
            .help("leave it out: `fields` are names of your own, for `[label.NAME]`")),
        None => Ok(name.into()),
    };
    let fields = distinct(&names.value, own, report);
    if fields.len() > EXTRAS {
        report.push(names.error(format!("more than {EXTRAS} fields of your own")));
    }
    fields
}

/// The source of a pattern, with its places in the TOML text.
enum Source {
    Text(Spot<String>),
    /// Pairs of field and key.
    Keys(Vec<(Spot<String>, Spot<String>)>),
}

impl Source {
    fn compile(
        &self,
        name: &Spot<String>,
        dialect: Dialect,
        fields: &[Arc<str>],
        report: &mut Report,
    ) -> Option<Pattern> {
        let outcome = match self {
            Self::Text(source) => {
                Pattern::compile_with(&name.value, dialect, &source.value, fields).map_err(
                    |complaint| {
                        let faults = complaint.each();
                        report.extend(
                            faults.map(|complaint| fault(complaint, dialect.key(), source)),
                        );
                    },
                )
            }
            Self::Keys(entries) => {
                let mut keys = Keys::new();
                let mut is_valid = true;
                for (field, key) in entries {
                    if fields.iter().any(|own| **own == *field.value) {
                        keys.name(&field.value, &key.value);
                        continue;
                    }
                    if let Err(complaint) = keys.bind(&field.value, &key.value) {
                        is_valid = false;
                        report.push(keys_fault(&complaint, dialect, &field.place));
                    }
                }
                if !is_valid {
                    return None;
                }
                Pattern::from_keys(&name.value, dialect, keys)
                    .map_err(|complaint| report.push(keys_fault(&complaint, dialect, &name.place)))
            }
        };
        outcome.ok()
    }

    /// Reports warnings about the format.
    fn advise(
        &self,
        pattern: &Pattern,
        dialect: Dialect,
        name: &Spot<String>,
        report: &mut Report,
    ) {
        let source = match self {
            Self::Text(source) => source.value.as_str(),
            Self::Keys(_) => "",
        };
        let remarks = slips(dialect, source).into_iter();
        let remarks = remarks.chain(advice(pattern, dialect, source));
        let remarks = remarks.chain(lacking(pattern, dialect));
        report.extend(remarks.map(|remark| Fault {
            severity: Severity::Warning,
            ..match self {
                Self::Text(source) => fault(&remark, dialect.key(), source),
                Self::Keys(_) => keys_fault(&remark, dialect, &name.place),
            }
        }));
    }

    fn text(self) -> String {
        match self {
            Self::Text(source) => source.value,
            Self::Keys(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(field, key)| format!("{} = {:?}", field.value, key.value))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

fn keys_fault(complaint: &Complaint, dialect: Dialect, place: &Place) -> Fault {
    let mut fault =
        Fault::error(format!("{} keys: {}", dialect.key(), complaint.message)).at(place.clone());
    fault.help.clone_from(&complaint.help);
    fault
}

/// Turns a complaint about a format string into a fault that points into the TOML text.
fn fault(complaint: &Complaint, key: &str, source: &Spot<String>) -> Fault {
    let mut fault = Fault::error(format!("{key} format: {}", complaint.message))
        .at(source.part(&complaint.span));
    fault.help.clone_from(&complaint.help);
    fault
}

fn read_example(mut section: Section<'_>, report: &mut Report) -> Option<(Example, Place)> {
    let line = section.string("line", report);
    let mut record = Vec::new();
    for (name, value) in section.scalars("record", report) {
        match Field::from_name(&name.value) {
            Some(field) => record.push((field, value.value)),
            None => report.push(
                Fault::error(format!("`{}` is not a field", name.value))
                    .at(name.place)
                    .suggest(&name.value, Field::ALL.map(Field::name)),
            ),
        }
    }
    let place = section.place();
    section.finish(report);
    let Some(line) = line else {
        report.push(Fault::error("an example needs a `line`").at(place));
        return None;
    };
    Some((
        Example {
            line: line.value,
            record,
        },
        line.place,
    ))
}

/// Parses an example and reports unexpected values.
fn try_example(pattern: &Pattern, example: &Example, place: &Place, report: &mut Report) {
    let mut scratch = pattern.scratch();
    let record = match pattern.parse(&mut scratch, example.line.as_bytes()) {
        Ok(record) => record,
        Err(reject) => {
            let message = format!(
                "pattern `{}` does not read its own example ({})",
                pattern.name(),
                reject.name()
            );
            let stop = stop::rejected(pattern, example.line.as_bytes(), reject);
            report.push(Fault::error(message).at(place.clone()).help(format!(
                "expected at byte {} of the line: {}\nlikely cause: {}; {}",
                stop.span.start + 1,
                stop.expected,
                stop.diagnosis.reason,
                stop.diagnosis.remedy
            )));
            return;
        }
    };
    let mut differences = String::new();
    for (field, expected) in &example.record {
        let found = record.show(*field);
        if found.as_ref() != Some(expected) {
            let found = found.map_or("nothing".to_owned(), |found| format!("`{found}`"));
            let _ = writeln!(
                differences,
                "{}: expected `{expected}`, read {found}",
                field.name()
            );
        }
    }
    if !differences.is_empty() {
        report.push(
            Fault::error(format!(
                "pattern `{}` reads its own example differently",
                pattern.name()
            ))
            .at(place.clone())
            .help(differences.trim_end().to_owned()),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{Document, Text};

    /// Returns the source of the pattern, and the faults with the text that they point at.
    fn read(toml: &str) -> (Option<String>, Vec<String>) {
        let text = Arc::new(Text {
            name: "t".into(),
            content: format!("[pattern.mine]\n{toml}\n"),
        });
        let mut report = Report::default();
        let document = Document::parse(&text, &mut report);
        let mut root = document.root();
        let source = root
            .named("pattern", &mut report)
            .into_iter()
            .find_map(|(name, section)| Definition::read(&name, section, &mut report))
            .map(|definition| format!("{} = {}", definition.dialect.key(), definition.source));
        root.finish(&mut report);
        let faults = report
            .faults()
            .iter()
            .map(|fault| {
                let place = fault.place.as_ref().unwrap();
                format!("{}: {}", &text.content[place.span.clone()], fault.message)
            })
            .collect();
        (source, faults)
    }

    #[test]
    fn tables_of_keys_are_patterns() {
        let toml = "json = { status = 'http.\"s\"', request = 'r', duration = 'd' }";
        let example = "[[pattern.mine.example]]\nline = '{\"r\":\"GET / HTTP/1.1\",\"http\":{\"\\\"s\\\"\":200}}'\nrecord = { status = 200, method = 'GET' }";
        assert_eq!(
            read(&format!("{toml}\n{example}")),
            (
                Some(r#"json = { status = "http.\"s\"", request = "r", duration = "d" }"#.into()),
                vec![]
            )
        );
        let (source, faults) =
            read("ltsv.status = 'status'\nltsv.request = 'r'\nltsv.duration_us = 't'");
        assert!(source.is_some() && faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn every_wrong_key_is_reported() {
        let check = |toml: &str, expected: &[&str]| {
            let (source, faults) = read(toml);
            assert_eq!(
                (source, faults),
                (
                    None,
                    expected.iter().map(|text| (*text).to_owned()).collect()
                )
            );
        };
        check(
            "json = { statsu = 's', request = 'r', method = 'm', target = '' }",
            &[
                "statsu: json keys: `statsu` is not a field",
                "method: json keys: `method` sets a field that another key sets",
                "target: json keys: a key must have 1 to 256 bytes",
            ],
        );
        check(
            "json = {}",
            &["mine: json keys: no field: nothing would be read"],
        );
        check(
            "json = '{$status}'",
            &["'{$status}': expected a table, found a string"],
        );
        check(
            "ltsv = { status = 'the status' }",
            &["mine: ltsv keys: `the status` is not a valid label"],
        );
        check(
            "nginx = { status = 's' }",
            &["{ status = 's' }: expected a string, found a table"],
        );
    }

    #[test]
    fn tables_without_a_duration_are_warned_about() {
        let message = "mine: json keys: no duration: response times will not be measured";
        let (source, faults) = read("json = { status = 's', request = 'r' }");
        assert!(source.is_some());
        assert_eq!(faults, [message]);
        assert_eq!(
            read("json = { status = 's', request = 'r', duration_ms = 'd' }").1,
            [""; 0]
        );
    }

    #[test]
    fn tables_without_the_fields_of_a_request_are_warned_about() {
        assert_eq!(
            read("json = { host = 'h', duration_ms = 'd' }").1,
            [
                "mine: json keys: no method: requests cannot be counted by method",
                "mine: json keys: no path: requests have no route",
                "mine: json keys: no status: errors cannot be counted, and no route is learned",
            ]
        );
    }

    #[test]
    fn complaints_point_into_pasted_directives() {
        let (source, faults) = read(
            "nginx = '''\nlog_format a '$status \"$request\" '\n  '$request_tiem $request_time';\n'''",
        );
        assert!(source.is_some());
        assert_eq!(
            faults,
            ["$request_tiem: nginx format: unknown variable `$request_tiem`"]
        );
    }

    #[test]
    fn every_wrong_part_of_a_format_is_reported() {
        let check = |toml: &str, expected: &[&str]| assert_eq!(read(toml).1, expected, "{toml}");
        check(
            r#"gunicorn = '%(h)s %(zz)s "%(r)s" %x %(yy)s %(t'"#,
            &[
                "%(zz)s: gunicorn format: unknown atom `zz`",
                "%: gunicorn format: a `%` that starts no atom",
                "%(yy)s: gunicorn format: unknown atom `yy`",
                "%(t: gunicorn format: an atom that never ends",
            ],
        );
        check(
            "apache = '%h %Z %>s %Y'",
            &[
                "%Z: apache format: unknown directive `%Z`",
                "%Y: apache format: unknown directive `%Y`",
            ],
        );
        check(
            r#"nginx = "$status $ \"$request\" ${host""#,
            &[
                "$: nginx format: a `$` without a variable's name",
                "${host: nginx format: `${` is never closed",
            ],
        );
        check(
            "regex = '^(?<statsu>[0-9]+) (?<foo>.*) (?<duration>x)(?<duration_ms>y)$'",
            &[
                "statsu: regex format: `statsu` is not a field",
                "foo: regex format: `foo` is not a field",
                "duration_ms: regex format: `duration_ms` sets a field that another group sets",
            ],
        );
    }

    #[test]
    fn a_fault_of_an_expression_names_its_group() {
        let check = |expression: &str, expected: &str| {
            let (_, faults) = read(&format!("regex = '{expression}'"));
            assert_eq!(faults, [expected], "{expression}");
        };
        check(
            r"^\(x\) (?<status>(?:[0-9+)) x$",
            "[: regex format: unclosed character class, in the group `status`",
        );
        check(
            "^(?<status>*) (?<host>x)$",
            "*: regex format: repetition operator missing expression, in the group `status`",
        );
        check(
            "^(?P<status>[(]) (?<status>x)$",
            "status: regex format: two groups are named `status`",
        );
        check(
            "^(?<status>[0-9]+) (?!x)$",
            "(?!: regex format: look-around, including look-ahead and look-behind, is not supported",
        );
        check(
            "^(?<status>[0-9]+ (?<host>x)$",
            "(: regex format: unclosed group",
        );
    }
}
