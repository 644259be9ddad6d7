//! Writes selected lines.
//!
//! Invariant: a pipe or a file receives a line as it was logged; a terminal receives no control character of a log.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::aggregate::Measure;
use crate::diag::is_printable;
use crate::expose::push_exact;
use crate::label::Label;
use crate::metric::{self, Quantity};
use crate::model::{Field, FieldSet, Record, Unit, UpstreamList};

/// Form of the output.
#[derive(Debug)]
pub(super) enum Form {
    /// Whole lines.
    Lines,
    /// Columns with a tab between them.
    Columns(Vec<Column>),
    /// An object for each line.
    Json,
    /// A number.
    Count,
}

impl Form {
    /// Returns the labels of its columns, other than `source`.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        let columns = match self {
            Self::Columns(columns) => columns.as_slice(),
            Self::Lines | Self::Json | Self::Count => &[],
        };
        columns.iter().filter_map(|column| match column {
            Column::Label(name) => Some(&**name),
            Column::Source | Column::Field(_) | Column::Quantity(_) => None,
        })
    }

    /// Returns the fields that it shows of lines with these fields.
    pub(super) fn fields(&self, available: FieldSet) -> FieldSet {
        match self {
            Self::Lines | Self::Count => FieldSet::EMPTY,
            Self::Json => available,
            Self::Columns(columns) => (columns.iter())
                .filter_map(|column| match column {
                    Column::Field(field) => Some(*field),
                    Column::Quantity(quantity) => quantity.measure(available).map(metric::field),
                    Column::Source | Column::Label(_) => None,
                })
                .collect(),
        }
    }
}

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The name of the source.
    Source,
    /// A number, in its base unit.
    Quantity(Quantity),
    /// A field as it was logged.
    Field(Field),
    /// The value of the label of this name, as /metrics shows it.
    Label(Arc<str>),
}

/// A selected line.
pub(super) struct Selected<'l> {
    pub(super) text: &'l [u8],
    pub(super) source: &'l str,
    pub(super) record: &'l Record<'l>,
    /// Labels and values of the series.
    pub(super) labels: (&'l [Label], &'l [Arc<str>]),
    /// Reason for its rejection.
    pub(super) reason: Option<&'static str>,
}

/// A value of a line.
enum Shown<'l> {
    Number(u64, Unit),
    Text(&'l [u8]),
}

/// Lines to be written.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) form: Form,
    pub(super) is_terminal: bool,
    pending: Vec<u8>,
}

impl Column {
    /// Returns the column of a name. A configuration may define labels of other names.
    pub(super) fn from_name(name: &str, has_own_labels: bool) -> Option<Self> {
        let label = Label::from_name(name);
        // These are logged in the same form or not at all.
        let is_logged = |label: &Label| {
            matches!(
                label,
                Label::Method | Label::Status | Label::Host | Label::Scheme
            )
        };
        match label.filter(|label| !is_logged(label)) {
            Some(Label::Source) => return Some(Self::Source),
            Some(_) => return Some(Self::Label(name.into())),
            None => {}
        }
        let field = Field::from_name(name).map(Self::Field);
        let mut quantities = Quantity::ALL.into_iter();
        let quantity = || {
            let found = quantities.find(|(known, _)| *known == name);
            found.map(|(_, quantity)| Self::Quantity(quantity))
        };
        let own = || has_own_labels.then(|| Self::Label(name.into()));
        field.or_else(quantity).or_else(own)
    }
}

impl Output {
    pub(super) fn new(form: Form, is_terminal: bool) -> Self {
        Self {
            form,
            is_terminal,
            pending: Vec::new(),
        }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &Selected<'_>) {
        let out = &mut self.pending;
        match &self.form {
            Form::Count => return,
            Form::Lines if self.is_terminal => push_visible(line.text, out),
            Form::Lines => out.extend_from_slice(line.text),
            Form::Columns(columns) => {
                for (at, column) in columns.iter().enumerate() {
                    if at > 0 {
                        out.push(b'\t');
                    }
                    push_column(line, column, self.is_terminal, out);
                }
            }
            Form::Json => {
                let object = Value::Object(object(line));
                // Writing into memory does not fail.
                let _ = serde_json::to_writer(&mut *out, &object);
            }
        }
        self.pending.push(b'\n');
    }

    /// Writes what was added.
    pub(super) fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.pending.is_empty() {
            out.write_all(&self.pending)?;
            out.flush()?;
            self.pending.clear();
        }
        Ok(())
    }
}

/// Returns the number of a measure that a record holds.
pub(super) fn measured(record: &Record<'_>, measure: Measure) -> Option<u64> {
    let last = |list: Option<UpstreamList<'_>>| list?.last_and_retries().0.map(|last| last.0);
    match measure {
        Measure::Duration => record.duration.map(|duration| duration.0),
        Measure::UpstreamDuration => last(record.upstream_durations),
        Measure::UpstreamRetries => record
            .upstream_durations
            .map(|list| list.last_and_retries().1),
        Measure::ResponseBytes => record.response_bytes.map(|bytes| bytes.0),
        Measure::RequestBytes => record.request_bytes.map(|bytes| bytes.0),
        Measure::ContentLength => record.content_length.map(|bytes| bytes.0),
        Measure::RequestBodyBytes => Some(record.content_length.map_or(0, |bytes| bytes.0)),
        Measure::ConnectDuration => last(record.connect_duration),
    }
}

fn field<'l>(record: &Record<'l>, field: Field) -> Option<Shown<'l>> {
    let mut copy = *record;
    match field {
        Field::Status => {
            let status = record.status?;
            return Some(Shown::Number(status.code().into(), Unit::One));
        }
        Field::Duration => return Some(Shown::Number(record.duration?.0, Unit::Micros)),
        _ => {}
    }
    if let Some(text) = copy.text_mut(field) {
        return text.map(Shown::Text);
    }
    if let Some(bytes) = copy.bytes_mut(field) {
        return bytes.map(|bytes| Shown::Number(bytes.0, Unit::Bytes));
    }
    let list = copy.list_mut(field)?;
    list.map(|list| Shown::Text(list.0))
}

fn push_column(line: &Selected<'_>, column: &Column, is_terminal: bool, out: &mut Vec<u8>) {
    let shown = match column {
        Column::Field(name) => field(line.record, *name),
        Column::Quantity(quantity) => {
            let number = match quantity {
                Quantity::Of(measure) => measured(line.record, *measure),
                Quantity::Latency => measured(line.record, Measure::UpstreamDuration)
                    .or_else(|| measured(line.record, Measure::Duration)),
            };
            number.map(|number| Shown::Number(number, quantity.unit()))
        }
        Column::Source => Some(Shown::Text(line.source.as_bytes())),
        Column::Label(name) => {
            let mut labels = line.labels.0.iter();
            let at = labels.position(|known| known.name() == &**name);
            let value = at.and_then(|at| line.labels.1.get(at));
            value.map(|value| Shown::Text(value.as_bytes()))
        }
    };
    match shown {
        None => out.push(b'-'),
        Some(Shown::Number(number, unit)) => push_exact(number, unit, out),
        Some(Shown::Text(text)) if is_terminal => push_visible(text, out),
        Some(Shown::Text(text)) => {
            for byte in text {
                match byte {
                    b'\t' => out.extend_from_slice(b"\\t"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    byte => out.push(*byte),
                }
            }
        }
    }
}

fn object(line: &Selected<'_>) -> Map<String, Value> {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let mut object = Map::new();
    object.insert("source".to_owned(), Value::String(line.source.to_owned()));
    object.insert("line".to_owned(), text(line.text));
    if let Some(reason) = line.reason {
        object.insert("reason".to_owned(), Value::String(reason.to_owned()));
        return object;
    }
    let (labels, values) = line.labels;
    let labels = labels.iter().zip(values);
    let labels = labels.map(|(label, value)| (label.name().to_owned(), text(value.as_bytes())));
    object.insert("labels".to_owned(), Value::Object(labels.collect()));
    let fields = Field::ALL.into_iter().filter_map(|name| {
        let value = match field(line.record, name)? {
            Shown::Text(bytes) => text(bytes),
            Shown::Number(number, unit) => {
                let mut decimal = Vec::new();
                push_exact(number, unit, &mut decimal);
                serde_json::from_slice(&decimal).ok()?
            }
        };
        Some((name.name().to_owned(), value))
    });
    object.insert("fields".to_owned(), Value::Object(fields.collect()));
    object
}

/// Appends a text with bytes and characters that are not printable escaped: `\t`, `\x1B`.
fn push_visible(text: &[u8], out: &mut Vec<u8>) {
    let escape = |bytes: &[u8], out: &mut Vec<u8>| {
        for byte in bytes {
            // Writing into memory does not fail.
            let _ = write!(out, "\\x{byte:02X}");
        }
    };
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            match c {
                '\t' => out.extend_from_slice(b"\\t"),
                _ if is_printable(c) => out.extend_from_slice(bytes),
                _ => escape(bytes, out),
            }
        }
        escape(chunk.invalid(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, is_terminal: bool, text: &[u8]) -> Vec<u8> {
        let record = Record {
            target: Some(text),
            duration: Some(crate::model::Micros(12_000)),
            ..Record::default()
        };
        let mut output = Output::new(form, is_terminal);
        output.add(&Selected {
            text,
            source: "nginx",
            record: &record,
            labels: (&[Label::Route], &["home".into()]),
            reason: None,
        });
        let mut out = Vec::new();
        output.flush(&mut out).unwrap();
        out
    }

    const HOSTILE: &[u8] = b"a\x1b[2J\t\xff\xe2\x80\xae\xc3\xa9";

    #[test]
    fn a_pipe_receives_the_bytes_and_a_terminal_no_control_character() {
        let raw = [HOSTILE, b"\n"].concat();
        assert_eq!(written(Form::Lines, false, HOSTILE), raw);
        let visible = "a\\x1B[2J\\t\\xFF\\xE2\\x80\\xAE\u{e9}\n";
        assert_eq!(written(Form::Lines, true, HOSTILE), visible.as_bytes());
    }

    #[test]
    fn columns_are_separated_by_the_only_tabs() {
        let columns = [
            "duration",
            "target",
            "route",
            "host",
            "source",
            "upstream_retries",
        ];
        let columns = columns
            .map(|name| Column::from_name(name, false).unwrap())
            .to_vec();
        let out = written(Form::Columns(columns), false, b"/a\tb");
        assert_eq!(out, b"0.012\t/a\\tb\thome\t-\tnginx\t-\n");
    }

    #[test]
    fn objects_are_valid_whatever_the_line_contains() {
        let out = written(Form::Json, false, HOSTILE);
        let object: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["fields"]["duration"], 0.012);
        assert_eq!(object["labels"]["route"], "home");
        assert_eq!(object["line"], String::from_utf8_lossy(HOSTILE).as_ref());
    }
}
