//! Reads a dump that `deploy/django/dump_urlconf.py` wrote.
//!
//! Invariant: every fault is found in one pass and points at its line. A dump with an error is not used at all: a
//! missing route would leave its paths to another view.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::language::Languages;
use super::routes::{Level, LevelKind, Route, Urlconf, VIEW_BYTES};
use crate::diag::{Fault, Place, Report, Text};

/// Format that the first line of a dump names.
const FORMAT: &str = "httplog-exporter urlconf";
/// Supported version of the format.
const VERSION: u64 = 1;
const REMEDY: &str = "generate it: python manage.py shell < dump_urlconf.py > urlconf.jsonl";

/// The first line of a dump.
#[derive(Debug, Deserialize)]
struct Header {
    format: Option<String>,
    version: Option<u64>,
    script_name: Option<String>,
    #[serde(default)]
    languages: Vec<String>,
    otherwise: Option<String>,
    #[serde(default)]
    fallbacks: BTreeMap<String, Vec<String>>,
    int_digits: Option<usize>,
    #[serde(default)]
    refusing: Vec<String>,
}

/// Every other line.
#[derive(Debug, Deserialize)]
struct RouteLine {
    view: String,
    chain: Vec<(String, String, BTreeMap<String, String>)>,
    route: Option<String>,
    languages: Option<Vec<String>>,
}

impl Urlconf {
    /// Reads a dump; `None` if the report has an error of it.
    pub fn read(text: &Arc<Text>, report: &mut Report) -> Option<Self> {
        let before = report.errors();
        let mut lines = lines(text).skip_while(|(line, _)| !line.starts_with('{'));
        let Some((line, place)) = lines.next() else {
            let message = format!("{} is not a URLconf dump: it is empty", text.name);
            report.push(Fault::error(message).help(REMEDY));
            return None;
        };
        let mut fault = |message: String, place| {
            report.push(Fault::error(message).at(place).help(REMEDY));
        };
        let mut urlconf = read_header(line)
            .map_err(|message| fault(message, place))
            .ok()?;
        for (line, place) in lines {
            if line.trim().is_empty() {
                continue;
            }
            let parsed = serde_json::from_str(line)
                .map_err(|error| format!("invalid route: {}", without_place(&error)));
            match parsed.and_then(|line| read_route(line, &urlconf.languages)) {
                Ok(route) => urlconf.routes.push(route),
                Err(message) => fault(message, place),
            }
        }
        if urlconf.routes.is_empty() && report.errors() == before {
            report.push(Fault::error(format!("{} has no routes", text.name)).help(REMEDY));
        }
        (report.errors() == before).then_some(urlconf)
    }
}

/// Returns the lines and their places.
fn lines(text: &Arc<Text>) -> impl Iterator<Item = (&str, Place)> {
    let mut start = 0;
    text.content.split('\n').map(move |line| {
        let span = start..start + line.len();
        start = span.end + 1;
        let text = Arc::clone(text);
        (line, Place { text, span })
    })
}

/// Makes a URLconf without routes of the first line.
fn read_header(line: &str) -> Result<Urlconf, String> {
    let header = serde_json::from_str::<Header>(line)
        .map_err(|error| format!("invalid first line: {}", without_place(&error)))?;
    if header.format.as_deref() != Some(FORMAT) {
        return Err("not the first line of a URLconf dump".into());
    }
    if header.version != Some(VERSION) {
        let version = header.version.map_or("none".into(), |v| v.to_string());
        return Err(format!(
            "unsupported dump version: {version}, expected {VERSION}"
        ));
    }
    Ok(Urlconf {
        routes: Vec::new(),
        languages: Languages {
            codes: header.languages,
            otherwise: header.otherwise,
            fallbacks: header.fallbacks.into_iter().collect(),
        },
        script_name: header.script_name.filter(|name| !name.is_empty()),
        int_digits: header.int_digits.filter(|digits| *digits > 0),
        refusing: header.refusing,
    })
}

fn read_route(line: RouteLine, site: &Languages) -> Result<Route, String> {
    if line.view.is_empty() || line.view.len() > VIEW_BYTES {
        return Err(format!("a view name must have 1 to {VIEW_BYTES} bytes"));
    }
    if line.chain.is_empty() {
        return Err("the chain of a route must not be empty".into());
    }
    let last = line.chain.len() - 1;
    let mut chain = Vec::new();
    for (index, (kind, pattern, converters)) in line.chain.into_iter().enumerate() {
        let kind = LevelKind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| format!("unknown kind of pattern `{kind}`"))?;
        if index < last && matches!(kind, LevelKind::Exact | LevelKind::Full) {
            return Err(format!(
                "`{}` is only valid as the last pattern",
                kind.name()
            ));
        }
        chain.push(Level {
            kind,
            pattern,
            converters: converters.into_iter().collect(),
        });
    }
    let find = |code: String| {
        site.find(&code)
            .ok_or_else(|| format!("`{code}` is not one of the site's languages"))
    };
    let languages = line
        .languages
        .map(|codes| codes.into_iter().map(find).collect::<Result<_, _>>())
        .transpose()?;
    let patterns = || chain.iter().map(|level| level.pattern.as_str());
    let shown = line.route.unwrap_or_else(|| patterns().collect());
    Ok(Route {
        view: line.view,
        shown,
        chain,
        languages,
    })
}

/// Returns a message of `serde_json` without its line and column: it parsed a single line.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        r#"{"format": "httplog-exporter urlconf", "version": 1, "languages": ["en"]}"#;

    fn read(content: &str) -> (Option<Urlconf>, Vec<String>) {
        let text = Arc::new(Text {
            name: "urlconf.jsonl".into(),
            content: content.into(),
        });
        let mut report = Report::default();
        let urlconf = Urlconf::read(&text, &mut report);
        assert_eq!(urlconf.is_none(), report.has_errors());
        let line = |fault: &&Fault| fault.place.as_ref().map_or(0, |p| p.line_and_column().0);
        let faults = report.faults();
        let faults = faults.iter().map(|f| format!("{}: {}", line(f), f.message));
        (urlconf, faults.collect())
    }

    #[test]
    fn output_of_the_shell_before_a_dump_is_skipped() {
        let route = r#"{"chain": [["lit", "a/", {}], ["re", "^(?P<x>[0-9]+)/\\Z", {"x": "int"}]], "view": "a:x", "languages": ["en"]}"#;
        let (urlconf, faults) = read(&format!("7 objects imported.\n{HEADER}\n{route}\n"));
        assert_eq!(faults, [""; 0]);
        let route = &urlconf.unwrap().routes[0];
        assert_eq!(
            (&*route.view, route.chain[1].kind),
            ("a:x", LevelKind::Search)
        );
        assert_eq!(route.languages, Some(vec![0]));
    }

    #[test]
    fn every_fault_of_a_dump_is_reported_with_its_line() {
        let content = format!(
            "{HEADER}\n{}\n{}\n{}\n{}\nnonsense\n",
            r#"{"chain": [["lit", "", {}]], "view": ""}"#,
            r#"{"chain": [["lot", "", {}]], "view": "a"}"#,
            r#"{"chain": [["lit", "", {}]], "view": "a", "languages": ["fr"]}"#,
            r#"{"chain": [["lit-end", "", {}], ["lit", "", {}]], "view": "a"}"#,
        );
        assert_eq!(
            read(&content).1,
            [
                "2: a view name must have 1 to 256 bytes",
                "3: unknown kind of pattern `lot`",
                "4: `fr` is not one of the site's languages",
                "5: `lit-end` is only valid as the last pattern",
                "6: invalid route: expected ident",
            ]
        );
        assert_eq!(
            read("").1,
            ["0: urlconf.jsonl is not a URLconf dump: it is empty"]
        );
        assert_eq!(read(HEADER).1, ["0: urlconf.jsonl has no routes"]);
        assert_eq!(
            read(&HEADER.replace(": 1", ": 2")).1,
            ["1: unsupported dump version: 2, expected 1"]
        );
    }
}
