//! Commands to paste into a shell, and queries to paste into Prometheus.
//!
//! Invariant: a value is one word of a shell, and one string of a query, whatever it contains.

use memchr::memchr3;

/// A single quote inside single quotes of a shell.
const QUOTE_IN_QUOTES: &str = r"'\''";

/// Returns whether a shell takes a text as one word, as it is.
pub fn is_shell_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// Returns a text as one word of a POSIX shell.
pub fn shell_word(text: &str) -> String {
    if is_shell_word(text) {
        return text.to_owned();
    }
    ["'", &text.replace('\'', QUOTE_IN_QUOTES), "'"].concat()
}

/// Label matchers of a query, in the sequence given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Matchers {
    /// With an opening brace, and without the closing one; empty without any.
    open: String,
}

impl Matchers {
    /// Returns a matcher for each label that has a value.
    pub(super) fn new<'l>(labels: impl IntoIterator<Item = (&'l str, Option<&'l str>)>) -> Self {
        let mut open = String::with_capacity(128);
        for (name, value) in labels {
            let Some(value) = value else {
                continue;
            };
            open.push(if open.is_empty() { '{' } else { ',' });
            open.push_str(name);
            open.push_str("=\"");
            push_escaped(value, &mut open);
            open.push('"');
        }
        Self { open }
    }

    /// Returns the matchers in braces, in two parts; nothing without any.
    pub(super) fn all(&self) -> [&str; 2] {
        [&self.open, if self.open.is_empty() { "" } else { "}" }]
    }

    /// Returns the first part as it stands in single quotes of a shell, if it differs there.
    pub(super) fn quoted(&self) -> Option<String> {
        let has_quotes = self.open.contains('\'');
        has_quotes.then(|| self.open.replace('\'', QUOTE_IN_QUOTES))
    }

    /// Returns them with a status from 500 to 599 besides, in two parts.
    pub(super) fn errors(&self) -> [&str; 2] {
        if self.open.is_empty() {
            ["{", "status=~\"5..\"}"]
        } else {
            [&self.open, ",status=~\"5..\"}"]
        }
    }
}

/// Appends a label value as `/metrics` and Prometheus' queries escape it.
fn push_escaped(value: &str, to: &mut String) {
    let mut rest = value;
    while let Some(at) = memchr3(b'"', b'\\', b'\n', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        to.push_str(plain);
        to.push_str(match escaped.as_bytes()[0] {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            _ => "\\n",
        });
        rest = &escaped[1..];
    }
    to.push_str(rest);
}

/// A text in parts; the last ones may be empty. It can be written without being copied into one piece first.
pub type Parts<'p> = [&'p str; 9];

/// Returns the query for the rate of lines by outcome.
pub(super) fn lines_query(of: &Matchers) -> String {
    let [open, close] = of.all();
    let (before, after) = (
        "sum by (outcome) (rate(httplog_exporter_lines_total",
        "[5m]))",
    );
    [before, open, close, after].concat()
}

/// Returns the query for the rate of requests by status.
pub(super) fn requests_query<'p>(family: &'p str, of: &'p Matchers) -> Parts<'p> {
    let [open, close] = of.all();
    let before = "sum by (status) (rate(";
    [before, family, open, close, "[5m]))", "", "", "", ""]
}

/// Returns the query for the share of requests with a status from 500 to 599.
pub(super) fn errors_query<'p>(family: &'p str, of: &'p Matchers) -> Parts<'p> {
    let ([errors, errors_close], [all, all_close]) = (of.errors(), of.all());
    let (before, between, after) = ("sum(rate(", "[5m])) / sum(rate(", "[5m]))");
    [
        before,
        family,
        errors,
        errors_close,
        between,
        family,
        all,
        all_close,
        after,
    ]
}

/// Returns the query for the p95 of a histogram.
pub(super) fn p95_query<'p>(family: &'p str, of: &'p Matchers) -> Parts<'p> {
    let [open, close] = of.all();
    let before = "histogram_quantile(0.95, sum by (le) (rate(";
    [
        before, family, "_bucket", open, close, "[5m])))", "", "", "",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_itself_to_a_shell() {
        for text in [
            "", "a b", "it's", "$(id)", "`id`", "a\nb", "*.log", "~", "é",
        ] {
            let script = format!("printf %s {}", shell_word(text));
            let run = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(run.stdout).unwrap(), text);
        }
        assert_eq!(
            shell_word("/var/log/nginx/access.log"),
            "/var/log/nginx/access.log"
        );
    }
}
