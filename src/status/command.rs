//! Commands to paste into a shell, and queries to paste into Prometheus.
//!
//! Invariant: a value is one word of a shell, and one string of a query, whatever it contains.

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
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Label matchers of a query, in the sequence given.
#[derive(Clone, Debug)]
pub(super) struct Matchers(String);

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
        Self(text)
    }

    /// Adds a matcher.
    fn and(&self, matcher: &str) -> String {
        if self.0.is_empty() {
            return format!("{{{matcher}}}");
        }
        format!("{{{},{matcher}}}", self.0)
    }

    /// Returns the matchers in braces, or nothing without any.
    fn braced(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        format!("{{{}}}", self.0)
    }
}

/// Appends a label value as `/metrics` and Prometheus' queries escape it.
fn push_escaped(value: &str, to: &mut String) {
    for c in value.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            c => to.push(c),
        }
    }
}

/// Returns the query for the rate of lines by outcome.
pub(super) fn lines_query(of: &Matchers) -> String {
    let selected = of.braced();
    format!("sum by (outcome) (rate(httplog_exporter_lines_total{selected}[5m]))")
}

/// Returns the query for the rate of requests by status.
pub(super) fn requests_query(reading: &Reading, of: &Matchers) -> String {
    let selected = format!("{}{}", reading.requests, of.braced());
    format!("sum by (status) (rate({selected}[5m]))")
}

/// Returns the query for the share of requests with a status from 500 to 599.
pub(super) fn errors_query(reading: &Reading, of: &Matchers) -> String {
    let family = reading.requests;
    let (errors, all) = (of.and("status=~\"5..\""), of.braced());
    format!("sum(rate({family}{errors}[5m])) / sum(rate({family}{all}[5m]))")
}

/// Returns the query for the p95 of a histogram.
pub(super) fn p95_query(family: &str, of: &Matchers) -> String {
    let selected = of.braced();
    format!("histogram_quantile(0.95, sum by (le) (rate({family}_bucket{selected}[5m])))")
}

/// Returns the command that shows the log lines of the requests with these labels, all of them or those with a status from 500 to
/// 599. `options` and `logs` arguments, as words of a shell.
pub(super) fn lines_command(
    reading: &Reading,
    of: &Matchers,
    is_errors: bool,
    options: &str,
    logs: &str,
) -> String {
    let selected = if is_errors {
        of.and("status=~\"5..\"")
    } else {
        of.braced()
    };
    let series = shell_word(&format!("{}{selected}", reading.requests));
    format!("httplog-exporter lines {options} {series} {logs}")
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
