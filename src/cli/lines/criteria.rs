//! Reads conditions: those of `--where`, and those of a series as `/metrics` shows it.
//!
//! Invariant: every fault of an argument is reported, with its place and a remedy.

use std::ops::Range;
use std::sync::Arc;

use super::between::Between;
use super::test::{NumberTest, Operator, TextTest, notation, number};
use crate::diag::{Fault, Place, Report, Text};
use crate::label::Label;
use crate::metric::Quantity;
use crate::model::Field;

/// The name of the label of a histogram's bounds.
pub(super) const LE: &str = "le";

/// Criteria of a selection.
#[derive(Debug, Default)]
pub(super) struct Criteria {
    pub(super) series: Option<Series>,
    /// Those of `--where`.
    pub(super) conditions: Vec<Condition>,
    pub(super) between: Option<Between>,
    /// The reason of the rejected lines to select.
    pub(super) reject: Option<&'static str>,
}

/// A series, or a part of one.
#[derive(Debug)]
pub(super) struct Series {
    /// The name of the samples, if it is given.
    pub(super) name: Option<(String, Place)>,
    pub(super) conditions: Vec<Condition>,
}

/// A condition that a line must meet.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) name: String,
    /// The value as it was given.
    pub(super) value: String,
    pub(super) test: Test,
    pub(super) place: Place,
}

/// A test of a condition.
#[derive(Debug)]
pub(super) enum Test {
    Text(TextTest),
    Number(NumberTest),
}

/// Reads one argument.
struct Reader<'r> {
    text: Arc<Text>,
    at: usize,
    /// True if a configuration may define labels.
    has_own_labels: bool,
    report: &'r mut Report,
}

/// Reads the conditions of `--where`, separated by blanks: `route=home status=5.. duration>1s`. A
/// configuration may define labels of other names.
pub(super) fn conditions(text: &str, has_own_labels: bool, report: &mut Report) -> Vec<Condition> {
    let mut reader = Reader::new("--where", text, has_own_labels, report);
    let mut conditions = Vec::new();
    loop {
        reader.skip_blanks();
        if reader.rest().is_empty() {
            return conditions;
        }
        conditions.extend(reader.condition());
    }
}

/// Reads a series: `name{label="value",…}`, where the name may be missing. What stands behind it, such as the value of a
/// sample, is ignored.
pub(super) fn series(text: &str, has_own_labels: bool, report: &mut Report) -> Series {
    let mut reader = Reader::new("SERIES", text, has_own_labels, report);
    reader.skip_blanks();
    let start = reader.at;
    let name = reader.word(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    let name = (!name.is_empty()).then(|| (name, reader.place(start..reader.at)));
    let mut conditions = Vec::new();
    reader.skip_blanks();
    if reader.accept("{") {
        loop {
            reader.skip_blanks();
            if reader.accept("}") {
                break;
            }
            let Some(condition) = reader.matcher() else {
                break;
            };
            conditions.push(condition);
            reader.skip_blanks();
            if !reader.accept(",") && !reader.rest().starts_with('}') {
                reader.fault(reader.at..text.len(), "expected `,` or `}`", QUOTING);
                break;
            }
        }
    } else if name.is_none() || reader.rest().starts_with(|c: char| !c.is_ascii_digit()) {
        reader.fault(reader.at..text.len(), "expected `{`", QUOTING);
    }
    Series { name, conditions }
}

/// Returns whether a text can only be meant as a series: it contains `{`, or is a name that ends as those of samples do.
pub(super) fn is_series(text: &[u8]) -> bool {
    let name = text.split(|byte| *byte == b' ').next().unwrap_or(text);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    let ends = [&b"_total"[..], b"_bucket", b"_count", b"_sum"];
    text.contains(&b'{') || name.iter().all(is_name) && ends.iter().any(|end| name.ends_with(end))
}

/// Remedy for a series that cannot be read.
const QUOTING: &str = "put the series in single quotes, as /metrics shows it: \
'httplog_requests_total{route=\"home\",status=\"502\"}'";

impl<'r> Reader<'r> {
    fn new(name: &str, text: &str, has_own_labels: bool, report: &'r mut Report) -> Self {
        let text = Arc::new(Text {
            name: name.to_owned(),
            content: text.to_owned(),
        });
        Self {
            text,
            at: 0,
            has_own_labels,
            report,
        }
    }

    fn rest(&self) -> &str {
        self.text.content.get(self.at..).unwrap_or_default()
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place {
            text: Arc::clone(&self.text),
            span,
        }
    }

    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: &str) {
        let fault = Fault::error(message).at(self.place(span)).help(help);
        self.report.push(fault);
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn accept(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = rest[..length].to_owned();
        self.at += length;
        word
    }

    fn operator(&mut self) -> Option<Operator> {
        let (_, operator) = (Operator::ALL.into_iter()).find(|(text, _)| self.accept(text))?;
        Some(operator)
    }

    /// Reads a value in quotes, if one follows; reports one that does not end.
    fn quoted(&mut self, quotes: &[char]) -> Option<String> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let (_, quote) = chars.next().filter(|(_, c)| quotes.contains(c))?;
        let mut value = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c)) if c == '\\' || c == quote => value.push(c),
                    Some((_, c)) => value.extend(['\\', c]),
                    None => break,
                },
                c if c == quote => {
                    self.at = start + at + c.len_utf8();
                    return Some(value);
                }
                c => value.push(c),
            }
        }
        let end = self.text.content.len();
        let help = format!("add `{quote}` behind the value");
        self.fault(start..end, format!("no `{quote}` ends the value"), &help);
        self.at = end;
        None
    }

    /// Reads a condition of `--where`. Always reads something.
    fn condition(&mut self) -> Option<Condition> {
        let start = self.at;
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let name_span = start..self.at;
        let operator = self.operator();
        let value_start = self.at;
        let value = match self.rest().chars().next() {
            Some('"' | '\'') => self.quoted(&['"', '\''])?,
            _ => self.word(|c| !c.is_whitespace()),
        };
        let span = start..self.at;
        let Some(operator) = operator.filter(|_| !name.is_empty()) else {
            let help = "write NAME=VALUE, as in `route=home status=5.. duration>1s`; \
                        a value with blanks in quotes, as in `route=\"a b\"`";
            self.fault(span, "expected a condition", help);
            return None;
        };
        let value_span = value_start..self.at;
        if value_span.is_empty() {
            let help = "write the value behind the operator without a blank, an empty one as \"\"";
            self.fault(span, format!("`{name}` has no value"), help);
            return None;
        }
        let test = self.test(&name, name_span, operator, &value, value_span)?;
        Some(Condition {
            name,
            value,
            test,
            place: self.place(span),
        })
    }

    fn test(
        &mut self,
        name: &str,
        name_span: Range<usize>,
        operator: Operator,
        value: &str,
        value_span: Range<usize>,
    ) -> Option<Test> {
        let is_it = |(known, _): &(&str, Quantity)| *known == name;
        if let Some((_, quantity)) = Quantity::ALL.into_iter().find(is_it) {
            let Some(value) = number(value, quantity.unit()) else {
                let message = format!("`{value}` is not a value of `{name}`");
                self.fault(value_span, message, notation(quantity.unit()));
                return None;
            };
            return Some(Test::Number(NumberTest {
                quantity,
                operator,
                value,
            }));
        }
        let is_known = Label::from_name(name).is_some() || Field::from_name(name).is_some();
        if !is_known && !self.has_own_labels {
            let fault = Fault::error(format!("`{name}` is neither a label nor a field"));
            let fault = fault.at(self.place(name_span)).suggest(name, names());
            self.report.push(fault);
            return None;
        }
        if operator.is_of_numbers() {
            let message = format!("`{name}` is not compared by size");
            let help = "write an expression for its values, as in `status=5..`; \
                        `duration`, `response_bytes` and other numbers have an order";
            self.fault(name_span, message, help);
            return None;
        }
        let pattern = match value.strip_suffix("xx").filter(|_| name == "status") {
            Some(class) => format!("{class}.."),
            None => value.to_owned(),
        };
        let is_either = matches!(operator, Operator::Is | Operator::IsNot);
        match TextTest::expression(&pattern, operator, is_either) {
            Ok(test) => Some(Test::Text(test)),
            // A route may contain what is not an expression.
            Err(_) if is_either => Some(Test::Text(TextTest::literal(value, operator))),
            Err(_) => {
                let help = "escape characters that have a meaning in expressions with a backslash";
                self.fault(value_span, "not a regular expression", help);
                None
            }
        }
    }

    /// Reads a label and its value in a series.
    fn matcher(&mut self) -> Option<Condition> {
        let start = self.at;
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let name_span = start..self.at;
        self.skip_blanks();
        let operator = self.operator().filter(|it| !it.is_of_numbers());
        self.skip_blanks();
        let Some(operator) = operator.filter(|_| !name.is_empty()) else {
            let end = self.text.content.len();
            self.fault(start..end, "expected a label and its value", QUOTING);
            return None;
        };
        let value_start = self.at;
        if !self.rest().starts_with('"') {
            let end = self.text.content.len();
            self.fault(
                value_start..end,
                "expected a value in double quotes",
                QUOTING,
            );
            return None;
        }
        let value = self.quoted(&['"'])?;
        let value_span = value_start..self.at;
        if name != LE && Label::from_name(&name).is_none() && !self.has_own_labels {
            let labels = Label::ALL.iter().map(Label::name).chain([LE]);
            let fault = Fault::error(format!("`{name}` is not a label"));
            self.report
                .push(fault.at(self.place(name_span)).suggest(&name, labels));
        }
        let test = match operator {
            Operator::Is | Operator::IsNot => TextTest::literal(&value, operator),
            _ => {
                let test = TextTest::expression(&value, operator, false);
                test.unwrap_or_else(|_| {
                    let help = "escape characters that have a meaning in expressions, such as `(`";
                    self.fault(value_span, "not a regular expression", help);
                    TextTest::literal(&value, operator)
                })
            }
        };
        Some(Condition {
            name,
            value,
            test: Test::Text(test),
            place: self.place(start..self.at),
        })
    }
}

/// Returns all names of labels, fields and quantities.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    static LABELS: [Label; Label::ALL.len()] = Label::ALL;
    let labels = LABELS.iter().map(Label::name);
    let fields = Field::ALL.into_iter().map(Field::name);
    let fields = fields.filter(|name| Label::from_name(name).is_none());
    let quantities = Quantity::ALL.into_iter().map(|(name, _)| name);
    let quantities = quantities.filter(|name| Field::from_name(name).is_none());
    labels.chain(fields).chain(quantities)
}
