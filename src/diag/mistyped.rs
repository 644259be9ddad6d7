//! Values of a wrong type: their names, and the values that were probably meant.
//!
//! Invariant: a remedy is what stands behind `=`, and of the expected type.

use std::fmt;
use std::ops::RangeInclusive;

use toml::de::DeValue;

/// Type of the value that a key takes.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    String,
    Strings,
    StringOrStrings,
    Numbers,
    Boolean,
    Whole(RangeInclusive<u64>),
    Mode,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("a string"),
            Self::Strings => f.write_str("a list of strings"),
            Self::StringOrStrings => f.write_str("a string or a list of strings"),
            Self::Numbers => f.write_str("a list of numbers"),
            Self::Boolean => f.write_str("true or false"),
            Self::Whole(bounds) => write!(
                f,
                "a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            ),
            Self::Mode => f.write_str("permissions from 0o000 to 0o777"),
        }
    }
}

/// Returns a value in words: a number as it is written, the type of others.
pub(super) fn named(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(integer) => integer.as_str().to_owned(),
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Boolean(_) => "true or false".to_owned(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::String(_) => "a string".to_owned(),
    }
}

/// Returns the value that was meant by one of another type; `None` if that is not known. `written` is the value as it stands in
/// the text.
pub(super) fn remedy(expected: &Expected, value: &DeValue<'_>, written: &str) -> Option<String> {
    match (expected, value) {
        (Expected::String, DeValue::Array(items)) => {
            let only = items.first().filter(|_| items.len() == 1)?;
            only.get_ref().as_str().map(|text| format!("{text:?}"))
        }
        (Expected::String, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_)) => {
            Some(format!("\"{written}\""))
        }
        (Expected::Strings, DeValue::String(_))
        | (Expected::Numbers, DeValue::Integer(_) | DeValue::Float(_)) => {
            Some(format!("[{written}]"))
        }
        (Expected::Boolean, DeValue::String(text)) => boolean(text),
        (Expected::Boolean, DeValue::Integer(integer)) => boolean(integer.as_str()),
        (Expected::Mode, DeValue::String(text)) => octal(text),
        (Expected::Mode, DeValue::Integer(integer)) => octal(integer.as_str()),
        (Expected::Whole(bounds), DeValue::String(text)) => {
            let number = number(text).filter(|number| bounds.contains(number))?;
            Some(number.to_string())
        }
        _ => None,
    }
}

fn boolean(text: &str) -> Option<String> {
    let meant = match text {
        "1" => "true",
        "0" => "false",
        word => truth(word)?,
    };
    Some(meant.to_owned())
}

/// Returns the boolean that a word stands for, in any case of its letters.
pub(super) fn truth(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// Returns digits as permissions.
fn octal(text: &str) -> Option<String> {
    let digits = text.trim_start_matches("0o").trim_start_matches('0');
    let is_mode =
        (1..=3).contains(&digits.len()) && digits.bytes().all(|it| (b'0'..b'8').contains(&it));
    is_mode.then(|| format!("0o{digits}"))
}

/// Returns the number of a text such as `30s`, `64k` or `1_000`: a number in bytes or seconds.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let number: u64 = text[..end].replace('_', "").parse().ok()?;
    let factor = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "k" | "kb" | "kib" => 1 << 10,
        "mb" | "mib" => 1 << 20,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::diag::{Document, Report, Section, Text};

    /// Returns the fault of one line, as `message | help`.
    fn fault(line: &str, read: impl FnOnce(&mut Section<'_>, &mut Report)) -> String {
        let text = Arc::new(Text {
            name: "t".into(),
            content: format!("{line}\n"),
        });
        let mut report = Report::default();
        let document = Document::parse(&text, &mut report);
        read(&mut document.root(), &mut report);
        let faults = report.faults();
        assert_eq!(faults.len(), 1, "{line}");
        let help = faults[0].help.as_deref().unwrap_or("-");
        format!("{} | {help}", faults[0].message)
    }

    #[test]
    fn a_value_of_a_wrong_type_is_shown_as_the_right_one() {
        let strings = |line: &str| fault(line, |root, report| drop(root.strings("k", report)));
        let string = |line: &str| fault(line, |root, report| drop(root.string("k", report)));
        let boolean = |line: &str| fault(line, |root, report| drop(root.boolean("k", report)));
        let numbers = |line: &str| fault(line, |root, report| drop(root.numbers("k", report)));
        assert_eq!(
            strings("k = 'a.log'"),
            "expected a list of strings, found a string | k = ['a.log']"
        );
        assert_eq!(strings("k = 1"), "expected a list of strings, found 1 | -");
        assert_eq!(
            numbers("k = 0.5"),
            "expected a list of numbers, found 0.5 | k = [0.5]"
        );
        assert_eq!(string("k = 1"), "expected a string, found 1 | k = \"1\"");
        assert_eq!(
            string("k = ['a']"),
            "expected a string, found a list | k = \"a\""
        );
        assert_eq!(
            string("k = ['a', 'b']"),
            "expected a string, found a list | -"
        );
        assert_eq!(
            string("k = true"),
            "expected a string, found true or false | -"
        );
        assert_eq!(
            boolean("k = 'yes'"),
            "expected true or false, found a string | k = true"
        );
        assert_eq!(
            boolean("k = 0"),
            "expected true or false, found 0 | k = false"
        );
        assert_eq!(boolean("k = 2"), "expected true or false, found 2 | -");
    }

    #[test]
    fn a_number_has_no_quotes_and_no_unit() {
        let number = |line: &str| {
            let fault = fault(line, |root, report| {
                drop(root.integer("k", 1..=99_999, report));
            });
            let (message, help) = fault.split_once(" | ").unwrap();
            assert!(
                message.starts_with("expected a whole number from 1 to 99999, found "),
                "{message}"
            );
            help.to_owned()
        };
        assert_eq!(number("k = '10_000'"), "k = 10000");
        assert_eq!(number("k = '30s'"), "k = 30");
        assert_eq!(number("k = '2 min'"), "k = 120");
        assert_eq!(number("k = '64KiB'"), "k = 65536");
        for unknown in [
            "k = '0'",
            "k = '1d'",
            "k = '99GiB'",
            "k = ''",
            "k = '99999999999999999999'",
        ] {
            assert_eq!(number(unknown), "-", "{unknown}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        let mode = |line: &str| fault(line, |root, report| drop(root.mode("k", report)));
        let expected = "expected permissions from 0o000 to 0o777, found";
        assert_eq!(mode("k = 660"), format!("{expected} 660 | k = 0o660"));
        assert_eq!(
            mode("k = '0660'"),
            format!("{expected} a string | k = 0o660")
        );
        assert_eq!(mode("k = 980"), format!("{expected} 980 | -"));
    }
}
