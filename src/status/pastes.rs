//! Commands and queries about the requests of a route.
//!
//! Invariant: a text is made when it is written. A page has thousands of them.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::command::{Matchers, Parts, errors_query, p95_query, requests_query};

/// Commands to paste into a shell, and queries to paste into Prometheus, about the requests of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pastes {
    of: Matchers,
    /// The first part of `of` in single quotes of a shell, if it differs there.
    quoted: Option<String>,
    requests: &'static str,
    /// The family of the durations, if there are any.
    durations: Option<&'static str>,
    logs: Option<Arc<Logs>>,
}

/// Arguments of the command `lines`, as words of a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Options.
    pub options: String,
    /// Names of the logs.
    pub names: String,
}

impl Pastes {
    /// Returns those about the requests with these labels that the family `requests` counts. `durations` is the family of their
    /// durations, if there are any; `logs` are `None` if the log cannot be read again.
    pub fn new<'l>(
        requests: &'static str,
        durations: Option<&'static str>,
        labels: impl IntoIterator<Item = (&'l str, Option<&'l str>)>,
        logs: Option<Arc<Logs>>,
    ) -> Self {
        let of = Matchers::new(labels);
        Self {
            quoted: of.quoted(),
            of,
            requests,
            durations,
            logs,
        }
    }

    /// Returns the command that shows the log lines behind the requests.
    pub fn lines(&self) -> Option<Parts<'_>> {
        self.lines_of(self.of.all())
    }

    /// Returns the command that shows the log lines behind the requests with a status from 500 to 599.
    pub fn error_lines(&self) -> Option<Parts<'_>> {
        self.lines_of(self.of.errors())
    }

    fn lines_of<'p>(&'p self, [open, close]: [&'p str; 2]) -> Option<Parts<'p>> {
        let Logs { options, names } = &**self.logs.as_ref()?;
        let open = self.quoted.as_deref().unwrap_or(open);
        let (before, family) = ("httplog-exporter lines ", self.requests);
        Some([before, options, " '", family, open, close, "' ", names, ""])
    }

    /// Returns the query for requests a second, by status.
    pub fn requests_query(&self) -> Parts<'_> {
        requests_query(self.requests, &self.of)
    }

    /// Returns the query for the share of requests with a status from 500 to 599.
    pub fn errors_query(&self) -> Parts<'_> {
        errors_query(self.requests, &self.of)
    }

    /// Returns the query for the p95 of the durations, if there are any.
    pub fn p95_query(&self) -> Option<Parts<'_>> {
        Some(p95_query(self.durations?, &self.of))
    }
}

/// The fields `lines`, `error_lines` and `queries` of a route.
impl Serialize for Pastes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_map(Some(3))?;
        let text = |parts: Option<Parts<'_>>| parts.map(|parts| parts.concat());
        fields.serialize_entry("lines", &text(self.lines()))?;
        fields.serialize_entry("error_lines", &text(self.error_lines()))?;
        fields.serialize_entry("queries", &Queries(self))?;
        fields.end()
    }
}

struct Queries<'p>(&'p Pastes);

impl Serialize for Queries<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_map(None)?;
        fields.serialize_entry("requests", &self.0.requests_query().concat())?;
        fields.serialize_entry("errors", &self.0.errors_query().concat())?;
        if let Some(query) = self.0.p95_query() {
            fields.serialize_entry("durations", &query.concat())?;
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_route_is_one_word_of_a_shell_and_one_string_of_a_query() {
        let labels = [("source", None), ("route", Some("it's \"a\\b\""))];
        let logs = Logs {
            options: "--pattern combined".into(),
            names: "access.log*".into(),
        };
        let pastes = Pastes::new("requests", Some("durations"), labels, Some(Arc::new(logs)));
        let shown = serde_json::to_string_pretty(&pastes).unwrap();
        insta::assert_snapshot!(shown, @r#"
        {
          "lines": "httplog-exporter lines --pattern combined 'requests{route=\"it'\\''s \\\"a\\\\b\\\"\"}' access.log*",
          "error_lines": "httplog-exporter lines --pattern combined 'requests{route=\"it'\\''s \\\"a\\\\b\\\"\",status=~\"5..\"}' access.log*",
          "queries": {
            "requests": "sum by (status) (rate(requests{route=\"it's \\\"a\\\\b\\\"\"}[5m]))",
            "errors": "sum(rate(requests{route=\"it's \\\"a\\\\b\\\"\",status=~\"5..\"}[5m])) / sum(rate(requests{route=\"it's \\\"a\\\\b\\\"\"}[5m]))",
            "durations": "histogram_quantile(0.95, sum by (le) (rate(durations_bucket{route=\"it's \\\"a\\\\b\\\"\"}[5m])))"
          }
        }
        "#);
        let none = Pastes::new("requests", None, [], None);
        let shown = serde_json::to_string_pretty(&none).unwrap();
        insta::assert_snapshot!(shown, @r#"
        {
          "lines": null,
          "error_lines": null,
          "queries": {
            "requests": "sum by (status) (rate(requests[5m]))",
            "errors": "sum(rate(requests{status=~\"5..\"}[5m])) / sum(rate(requests[5m]))"
          }
        }
        "#);
    }
}
