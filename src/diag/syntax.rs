//! Syntax errors of TOML in the words of the text: what is wrong in the line, and the mended line.
//!
//! Invariant: of a list that is not closed, and of each line, one error is reported.

use std::ops::Range;
use std::sync::Arc;

use toml::de::Error;

use super::mistyped::truth;
use super::{Fault, Place, Report, Text};

/// Quotation marks that word processors and web pages put in the place of `"`.
const TYPOGRAPHIC: [char; 7] = ['“', '”', '„', '«', '»', '‘', '’'];

/// Parts of a text that are not valid TOML. What is read from them, or missing because of them, is not a fault of its own.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// Whole lines.
    lines: Vec<Range<usize>>,
    /// True if the header of a table may be among them, so that keys may stand in another table than they seem to.
    has_header: bool,
}

/// An error, as it is reported.
struct Finding {
    message: String,
    help: Option<String>,
    span: Range<usize>,
    /// Lines that the error spoils.
    lines: Range<usize>,
}

/// A line `key = value`, without the comment behind it.
struct Entry<'l> {
    key: &'l str,
    value: &'l str,
    /// Offset of the value in the text.
    start: usize,
}

impl Broken {
    /// Reports the errors of a text.
    pub(super) fn report(text: &Arc<Text>, errors: &[Error], report: &mut Report) -> Self {
        let mut broken = Self::default();
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            if broken.covers(&span) {
                continue;
            }
            let found = find(&text.content, error.message().trim(), span);
            // Each further line of a list that is not closed has an error, too.
            if broken.covers(&found.span) {
                broken.lines.push(found.lines);
                continue;
            }
            let place = Place {
                text: Arc::clone(text),
                span: found.span,
            };
            let fault = Fault::error(format!("not valid TOML: {}", found.message)).at(place);
            report.push(fault.help_if_known(found.help));
            let line = text.content[found.lines.clone()].trim_start();
            broken.has_header |= line.starts_with('[') || line.contains('\n');
            broken.lines.push(found.lines);
        }
        broken
    }

    /// Returns whether the text is valid.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns whether a span touches a line with an error.
    pub(super) fn covers(&self, span: &Range<usize>) -> bool {
        let touches = |lines: &Range<usize>| {
            span.start <= lines.end && lines.start <= span.end.max(span.start)
        };
        self.lines.iter().any(touches)
    }

    /// Returns whether a key may belong to another table than the one it was read in.
    pub(super) fn may_move(&self, span: &Range<usize>) -> bool {
        self.has_header && self.lines.iter().any(|lines| lines.start < span.start)
    }
}

/// Finds what is wrong where the parser stopped.
fn find(content: &str, message: &str, span: Range<usize>) -> Finding {
    let at = floor(content, span.start);
    let line = line_around(content, at);
    let shown = &content[line.clone()];
    let finding = |message: String, help: Option<String>, span: Range<usize>| Finding {
        message,
        help,
        span,
        lines: line.clone(),
    };
    if let Some(open) = unclosed_list(content, &line, message) {
        return Finding {
            lines: line_around(content, open.start).start..line.end,
            ..open.finding(content)
        };
    }
    if message == "duplicate key" {
        return duplicate(content, &line, span);
    }
    if shown.trim_start().starts_with('[') && message.contains("table") {
        let header = shown.trim().trim_matches(['[', ']']).trim();
        let help = if shown.trim_start().starts_with("[[") {
            format!("[[{header}]]")
        } else {
            format!("[{header}]")
        };
        return finding("the header is not closed".to_owned(), Some(help), span);
    }
    let indent = &shown[..shown.len() - shown.trim_start().len()];
    if let Some((key, value)) = colon(shown) {
        let value = mended(value).unwrap_or_else(|| value.to_owned());
        let help = Some(format!("{key} = {value}"));
        let start = line.start + indent.len() + key.len();
        let message = format!("`:` follows `{key}` where `=` is expected");
        return finding(message, help, start..start + 1);
    }
    let Some(entry) = entry(content, &line) else {
        return finding(message.replace('\n', ", "), None, span);
    };
    let (key, value) = (entry.key, entry.value);
    let whole = entry.start..entry.start + value.len();
    let help = mended(value).map(|mended| format!("{key} = {mended}"));
    let is_list = value.starts_with('[');
    let message = if value.is_empty() {
        return finding(format!("`{key}` has no value"), None, span);
    } else if value.contains(TYPOGRAPHIC) && !value.starts_with(['"', '\'']) {
        "a text needs straight quotes".to_owned()
    } else if boolean(value).is_some() {
        format!("`{value}` is neither a text in quotes nor `true` or `false`")
    } else if message.contains("escape") {
        return finding(
            "in double quotes, `\\` begins an escape, and this is not one".to_owned(),
            literal(value).map(|literal| format!("{key} = {literal}")),
            span,
        );
    } else if is_unclosed(value) {
        format!("the text of `{key}` has no closing quote")
    } else if is_list && help.is_some() {
        "a text needs quotes".to_owned()
    } else if value.starts_with(['"', '\'', '[', '{']) {
        return finding(message.replace('\n', ", "), None, span);
    } else {
        format!("`{value}` is not in quotes; a text needs them")
    };
    finding(message, help, whole)
}

/// Returns the nearest boundary of a character at or before an offset.
fn floor(content: &str, at: usize) -> usize {
    let at = at.min(content.len());
    (0..=at)
        .rev()
        .find(|at| content.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Returns the line around an offset, without its end.
fn line_around(content: &str, at: usize) -> Range<usize> {
    let start = content[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = content[at..]
        .find('\n')
        .map_or(content.len(), |end| at + end);
    start..end
}

/// Returns the key and the value of a line.
fn entry<'l>(content: &'l str, line: &Range<usize>) -> Option<Entry<'l>> {
    let shown = &content[line.clone()];
    let (key, value) = shown.split_once('=')?;
    let start = line.end - value.trim_start().len();
    let key = key.trim();
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.\"".contains(c));
    is_key.then(|| Entry {
        key,
        value: without_comment(value).trim(),
        start,
    })
}

/// Returns the key and the value of a line that has `:` in the place of `=`.
fn colon(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim(), without_comment(value).trim());
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    (is_key && !value.is_empty()).then_some((key, value))
}

/// Removes a comment behind a value that is not in quotes.
fn without_comment(value: &str) -> &str {
    if value.trim_start().starts_with(['"', '\'', '[', '{']) {
        return value;
    }
    value.split_once(" #").map_or(value, |(value, _)| value)
}

/// Returns whether a text in quotes on one line lacks its end.
fn is_unclosed(value: &str) -> bool {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return false;
    };
    let is_long = value.starts_with(&quote.to_string().repeat(3));
    !is_long && !value[1..].contains(quote)
}

/// Returns the value as it was probably meant; `None` if that is not known.
fn mended(value: &str) -> Option<String> {
    if let Some(boolean) = boolean(value) {
        return Some(boolean.to_owned());
    }
    if value.contains(TYPOGRAPHIC) {
        return Some(value.replace(TYPOGRAPHIC, "\""));
    }
    if let Some(items) = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let items = items
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let items: Vec<String> = items
            .map(|item| mended(item).unwrap_or_else(|| item.to_owned()))
            .collect();
        let mended = format!("[{}]", items.join(", "));
        return (mended != value).then_some(mended);
    }
    if is_unclosed(value) {
        return Some(format!("{value}{}", &value[..1]));
    }
    let is_bare = !value.starts_with(['"', '\'', '[', '{']) && value.parse::<f64>().is_err();
    (is_bare && !matches!(value, "true" | "false")).then(|| quoted(value))
}

/// Returns the boolean that a word in another form stands for.
fn boolean(value: &str) -> Option<&'static str> {
    truth(value).filter(|truth| *truth != value)
}

/// Returns a text as a TOML string.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.contains('\'') {
        format!("'{text}'")
    } else {
        format!("{text:?}")
    }
}

/// Returns a text in double quotes as one in single quotes, in which `\` is an ordinary character.
fn literal(value: &str) -> Option<String> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\'')).then(|| format!("'{}'", text.replace("\\\"", "\"")))
}

/// A list whose end is missing.
struct OpenList {
    start: usize,
}

impl OpenList {
    fn finding(&self, content: &str) -> Finding {
        let line = line_around(content, self.start);
        let shown = content[line.clone()].trim();
        Finding {
            message: "the list that begins here is not closed".to_owned(),
            help: Some(format!("{}]", shown.trim_end_matches(','))),
            span: self.start..line.end,
            lines: line,
        }
    }
}

/// Returns the list that is still open at a line which begins a key or a table.
fn unclosed_list(content: &str, line: &Range<usize>, message: &str) -> Option<OpenList> {
    if !message.contains("array") || message.contains("array table") {
        return None;
    }
    let is_open = |line: &Range<usize>| {
        let entry = entry(content, line)?;
        let is_open = entry.value.starts_with('[') && !entry.value.contains(']');
        is_open.then_some(entry.start)
    };
    let begins =
        content[line.clone()].trim_start().starts_with('[') || entry(content, line).is_some();
    let is_last = content[line.end..].trim().is_empty();
    if !begins && !is_last {
        return None;
    }
    let mut at = line.clone();
    loop {
        if let Some(start) = is_open(&at) {
            return Some(OpenList { start });
        }
        let before = at.start.checked_sub(1)?;
        at = line_around(content, before);
    }
}

/// Describes a key or a table that stands twice.
fn duplicate(content: &str, line: &Range<usize>, span: Range<usize>) -> Finding {
    let shown = content[line.clone()].trim();
    let is_header = shown.starts_with('[');
    let key = content.get(span.clone()).unwrap_or_default().trim();
    let before = content[..line.start]
        .lines()
        .enumerate()
        .collect::<Vec<_>>();
    let same = |other: &str| {
        if is_header {
            other.trim() == shown
        } else {
            other
                .split_once('=')
                .is_some_and(|(other, _)| other.trim() == key)
        }
    };
    let first = before.iter().rev().find(|(_, other)| same(other));
    let what = if is_header { shown } else { key };
    let message = match first {
        Some((number, _)) => format!("`{what}` is set twice, first in line {}", number + 1),
        None => format!("`{what}` is set twice"),
    };
    let help = if is_header {
        "write the keys of both below one header"
    } else {
        "remove one of them; each further source begins with `[[source]]`"
    };
    Finding {
        message,
        help: Some(help.to_owned()),
        span,
        lines: line.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Document;

    /// Returns the errors of a text, each as `line:column: message | help`.
    fn errors(content: &str) -> Vec<String> {
        let text = Arc::new(Text {
            name: "t".into(),
            content: content.into(),
        });
        let mut report = Report::default();
        Document::parse(&text, &mut report);
        let faults = report.faults();
        let shown = faults.iter().map(|fault| {
            let (line, column) = fault.place.as_ref().unwrap().line_and_column();
            let message = fault.message.strip_prefix("not valid TOML: ").unwrap();
            let help = fault.help.as_deref().unwrap_or("-");
            format!("{line}:{column}: {message} | {help}")
        });
        shown.collect()
    }

    fn check(content: &str, expected: &str) {
        assert_eq!(errors(content), [expected], "{content}");
    }

    #[test]
    fn a_text_without_quotes_is_shown_with_them() {
        for word in [
            "nginx-combined",
            "gunicorn",
            "uvicorn",
            "127.0.0.1:9914",
            "30s",
            "inform",
            "/var/log",
        ] {
            check(
                &format!("a = 1\n  p = {word} # why\n"),
                &format!("2:7: `{word}` is not in quotes; a text needs them | p = \"{word}\""),
            );
        }
        check(
            "p = [/var/log/a.log, 'b']\n",
            "1:5: a text needs quotes | p = [\"/var/log/a.log\", 'b']",
        );
        check(
            "p = $status \"$request\"\n",
            "1:5: `$status \"$request\"` is not in quotes; a text needs them | p = '$status \"$request\"'",
        );
    }

    #[test]
    fn wrong_quotes_and_missing_ones_are_mended() {
        check(
            "p = “nginx”\n",
            "1:5: a text needs straight quotes | p = \"nginx\"",
        );
        check(
            "p = 'é\nq = 1\n",
            "1:5: the text of `p` has no closing quote | p = 'é'",
        );
        check(
            "r = \"^(?<status>\\d+)$\"\n",
            r"1:18: in double quotes, `\` begins an escape, and this is not one | r = '^(?<status>\d+)$'",
        );
    }

    #[test]
    fn words_for_true_and_false_are_mended() {
        check(
            "w = True\n",
            "1:5: `True` is neither a text in quotes nor `true` or `false` | w = true",
        );
        check(
            "w = off\n",
            "1:5: `off` is neither a text in quotes nor `true` or `false` | w = false",
        );
    }

    #[test]
    fn a_colon_is_not_an_equals_sign() {
        check(
            "name: nginx\n",
            "1:5: `:` follows `name` where `=` is expected | name = \"nginx\"",
        );
    }

    #[test]
    fn what_is_not_closed_is_reported_where_it_begins() {
        let expected = "1:5: the list that begins here is not closed | p = [\"a\"]";
        check("p = [\"a\"\nq = 'x'\nr = 1\n", expected);
        check("p = [\"a\",\n[web]\nr = 1\n", expected);
        check("p = [\"a\"\n", expected);
        check(
            "[[source]\nname = 'a'\n",
            "1:10: the header is not closed | [[source]]",
        );
        let comma = errors("p = [\n 'a'\n 'b'\n]\n");
        assert_eq!(comma.len(), 1, "{comma:?}");
        assert!(comma[0].starts_with("3:2: missing comma"), "{comma:?}");
    }

    #[test]
    fn what_stands_twice_names_the_first_line() {
        check(
            "[web]\na = 1\nb = 2\na = 3\n",
            "4:1: `a` is set twice, first in line 2 | remove one of them; each further source begins with `[[source]]`",
        );
        check(
            "[web]\n[x]\n[web]\n",
            "3:2: `[web]` is set twice, first in line 1 | write the keys of both below one header",
        );
    }

    #[test]
    fn other_errors_keep_the_words_of_the_parser() {
        check(
            "p = {a = 1, , b = 2}\n",
            "1:13: extra comma in inline table, expected key | -",
        );
        check("p =\n", "1:4: `p` has no value | -");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_an_error_panic(content in r#"([a-z\[\]{}=:,.'"“é# \\\n]{0,12}(=|: |\[)?){0,6}"#) {
            errors_of_any(&content);
        }
    }

    fn errors_of_any(content: &str) {
        let text = Arc::new(Text {
            name: "t".into(),
            content: content.into(),
        });
        let mut report = Report::default();
        Document::parse(&text, &mut report);
        let _ = report.to_string();
    }
}
