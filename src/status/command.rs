//! Commands to paste into a shell, and queries to paste into Prometheus.
//!
//! Invariant: a value is one word of a shell, and one string of a query, whatever it contains.

use memchr::memchr3;

use super::reading::Reading;

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
    ["'", &text.replace('\'', r"'\''"), "'"].concat()
}

/// Label matchers of a query, in the sequence given.
#[derive(Clone, Debug)]
pub(super) struct Matchers {
    /// In braces; empty without any.
    all: String,
    /// With a status from 500 to 599 besides.
    errors: String,
}

impl Matchers {
    /// Returns a matcher for each label that has a value.
    pub(super) fn new<'l>(labels: impl IntoIterator<Item = (&'l str, Option<&'l str>)>) -> Self {
        let mut text = String::new();
        for (name, value) in labels {
            let Some(value) = value else {
                continue;
            };
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            push_escaped(value, &mut text);
            text.push('"');
        }
        if text.is_empty() {
            return Self {
                all: text,
                errors: "{status=~\"5..\"}".into(),
            };
        }
        Self {
            all: ["{", &text, "}"].concat(),
            errors: ["{", &text, ",status=~\"5..\"}"].concat(),
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

/// Returns the query for the rate of lines by outcome.
pub(super) fn lines_query(of: &Matchers) -> String {
    let Matchers { all, .. } = of;
    format!("sum by (outcome) (rate(httplog_exporter_lines_total{all}[5m]))")
}

/// Returns the query for the rate of requests by status.
pub(super) fn requests_query(reading: &Reading, of: &Matchers) -> String {
    [
        "sum by (status) (rate(",
        reading.requests,
        &of.all,
        "[5m]))",
    ]
    .concat()
}

/// Returns the query for the share of requests with a status from 500 to 599.
pub(super) fn errors_query(reading: &Reading, of: &Matchers) -> String {
    let family = reading.requests;
    [
        "sum(rate(",
        family,
        &of.errors,
        "[5m])) / sum(rate(",
        family,
        &of.all,
        "[5m]))",
    ]
    .concat()
}

/// Returns the query for the p95 of a histogram.
pub(super) fn p95_query(family: &str, of: &Matchers) -> String {
    [
        "histogram_quantile(0.95, sum by (le) (rate(",
        family,
        "_bucket",
        &of.all,
        "[5m])))",
    ]
    .concat()
}

/// Returns the command that shows the log lines of the requests with these labels, all of them or those with a status from 500 to
/// 599. `options` and `logs` are arguments, as words of a shell.
pub(super) fn lines_command(
    reading: &Reading,
    of: &Matchers,
    is_errors: bool,
    options: &str,
    logs: &str,
) -> String {
    let selected = if is_errors { &of.errors } else { &of.all };
    let series = shell_word(&[reading.requests, selected].concat());
    ["httplog-exporter lines ", options, " ", &series, " ", logs].concat()
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
