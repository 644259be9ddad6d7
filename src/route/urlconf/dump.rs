//! Reading what `deploy/django/dump_urlconf.py` wrote.
//!
//! Invariant: every fault is found in one pass and points at its line; a dump with an error is not
//! used at all, since a route that is missing gives its paths to another view.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, Languages, Level, Route, Urlconf, VIEW_BYTES};
use crate::diag::{Fault, Place, Report, Text};

/// What a dump's first line says it is.
const FORMAT: &str = "httplog-exporter urlconf";
/// The version that is read; dumps without one are of the time before.
const VERSION: u64 = 1;
/// Django's own converters.
const BUILT_IN: [&str; 5] = ["int", "str", "slug", "uuid", "path"];
const REMEDY: &str = "make it anew: python manage.py shell < dump_urlconf.py > urlconf.jsonl";

/// The first line.
#[derive(Debug, Deserialize)]
struct Header {
    format: Option<String>,
    version: Option<u64>,
    script_name: Option<String>,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    otherwise: Option<String>,
    #[serde(default)]
    fallbacks: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    int_digits: Option<usize>,
    #[serde(default)]
    refusing: Vec<String>,
    /// Only in dumps without a version; there it says nothing about the routes.
    append_slash: Option<bool>,
}

/// Every other line.
#[derive(Debug, Deserialize)]
struct Line {
    view: String,
    chain: Vec<(String, String, BTreeMap<String, String>)>,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    languages: Option<Vec<String>>,
}

impl Urlconf {
    /// Reads a dump; `None` if there is an error in the report.
    pub fn read(text: &Arc<Text>, report: &mut Report) -> Option<Self> {
        let before = report.errors();
        let mut lines = lines(text).skip_while(|(line, _)| !line.starts_with('{'));
        let Some((line, place)) = lines.next() else {
            report.push(
                Fault::error(format!(
                    "{} is no dump of a URLconf: it is empty",
                    text.name
                ))
                .help(REMEDY),
            );
            return None;
        };
        let mut urlconf = header(line, place, report)?;
        let is_versioned = urlconf.1;
        for (line, place) in lines {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Line>(line) {
                Ok(line) => match route(line, &urlconf.0, is_versioned) {
                    Ok((route, refusing)) => {
                        for converter in refusing {
                            if !urlconf.0.refusing.contains(&converter) {
                                urlconf.0.refusing.push(converter);
                            }
                        }
                        urlconf.0.routes.push(route);
                    }
                    Err(message) => report.push(Fault::error(message).at(place).help(REMEDY)),
                },
                Err(error) => report.push(
                    Fault::error(format!("not a route: {}", without_place(&error)))
                        .at(place)
                        .help(REMEDY),
                ),
            }
        }
        if urlconf.0.routes.is_empty() && report.errors() == before {
            report.push(Fault::error(format!("{} holds no route", text.name)).help(REMEDY));
        }
        (report.errors() == before).then_some(urlconf.0)
    }
}

/// The lines and where they stand.
fn lines(text: &Arc<Text>) -> impl Iterator<Item = (&str, Place)> {
    let mut start = 0;
    text.content.split('\n').map(move |line| {
        let span = start..start + line.len();
        start = span.end + 1;
        let text = Arc::clone(text);
        (line, Place { text, span })
    })
}

/// An empty URLconf, and whether the dump has a version.
fn header(line: &str, place: Place, report: &mut Report) -> Option<(Urlconf, bool)> {
    let header = match serde_json::from_str::<Header>(line) {
        Ok(header) => header,
        Err(error) => {
            let message = format!("not the first line of a dump: {}", without_place(&error));
            report.push(Fault::error(message).at(place).help(REMEDY));
            return None;
        }
    };
    let is_versioned = match (header.format.as_deref(), header.version) {
        (Some(FORMAT), Some(VERSION)) => true,
        (Some(FORMAT), version) => {
            let version = version.map_or("none".to_owned(), |version| version.to_string());
            let message =
                format!("a dump of version {version}; this program reads version {VERSION}");
            report.push(Fault::error(message).at(place).help(REMEDY));
            return None;
        }
        (None, None) if header.append_slash.is_some() => {
            let message =
                "a dump without a version: languages of unprefixed routes are not told apart";
            report.push(Fault::warning(message).at(place).help(REMEDY));
            false
        }
        _ => {
            let message = "not the first line of a dump of a URLconf";
            report.push(Fault::error(message).at(place).help(REMEDY));
            return None;
        }
    };
    let urlconf = Urlconf {
        routes: Vec::new(),
        languages: Languages {
            codes: header.languages,
            otherwise: header.otherwise,
            fallbacks: header.fallbacks.into_iter().collect(),
        },
        script_name: header.script_name.filter(|name| !name.is_empty()),
        int_digits: header.int_digits.filter(|digits| *digits > 0),
        refusing: header.refusing,
    };
    Some((urlconf, is_versioned))
}

/// A route, and converters of which it is not known that they accept everything.
fn route(
    line: Line,
    urlconf: &Urlconf,
    is_versioned: bool,
) -> Result<(Route, Vec<String>), String> {
    if line.view.is_empty() || line.view.len() > VIEW_BYTES {
        return Err(format!("a view's name has 1 to {VIEW_BYTES} bytes"));
    }
    if line.chain.is_empty() {
        return Err("a route without a level".into());
    }
    let mut refusing = Vec::new();
    let mut chain = Vec::new();
    let last = line.chain.len() - 1;
    for (place, (kind, pattern, converters)) in line.chain.into_iter().enumerate() {
        let kinds = Kind::ALL.into_iter();
        let kind = kinds
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| format!("unknown kind of level `{kind}`"))?;
        if place < last && matches!(kind, Kind::Exact | Kind::Full) {
            return Err(format!("a level `{}` before the last", kind.name()));
        }
        for converter in converters.values() {
            if !is_versioned && !BUILT_IN.contains(&converter.as_str()) {
                refusing.push(converter.clone());
            }
        }
        chain.push(Level {
            kind,
            pattern,
            converters: converters.into_iter().collect(),
        });
    }
    let find = |code: String| {
        let found = urlconf.languages.find(&code);
        found.ok_or_else(|| format!("`{code}` is none of the languages"))
    };
    let languages = line
        .languages
        .map(|codes| codes.into_iter().map(find).collect::<Result<_, _>>())
        .transpose()?;
    let patterns = || chain.iter().map(|level| level.pattern.as_str());
    let shown = line.route.unwrap_or_else(|| patterns().collect());
    let route = Route {
        view: line.view,
        shown,
        chain,
        languages,
    };
    Ok((route, refusing))
}

/// What `serde_json` says, without its line and column: it saw one line only.
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
    fn a_dump_is_read_whatever_the_shell_said_before_it() {
        let route = r#"{"chain": [["lit", "a/", {}], ["re", "^(?P<x>[0-9]+)/\\Z", {"x": "int"}]], "view": "a:x", "languages": ["en"]}"#;
        let (urlconf, faults) = read(&format!("7 objects imported.\n{HEADER}\n{route}\n"));
        assert_eq!(faults, [""; 0]);
        let route = &urlconf.unwrap().routes[0];
        assert_eq!((&*route.view, route.chain[1].kind), ("a:x", Kind::Search));
        assert_eq!(route.languages, Some(vec![0]));
    }

    #[test]
    fn every_fault_of_a_dump_is_told_with_its_line() {
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
                "2: a view's name has 1 to 256 bytes",
                "3: unknown kind of level `lot`",
                "4: `fr` is none of the languages",
                "5: a level `lit-end` before the last",
                "6: not a route: expected ident",
            ]
        );
        assert_eq!(
            read("").1,
            ["0: urlconf.jsonl is no dump of a URLconf: it is empty"]
        );
        assert_eq!(read(HEADER).1, ["0: urlconf.jsonl holds no route"]);
        assert_eq!(
            read(&HEADER.replace(": 1", ": 2")).1,
            ["1: a dump of version 2; this program reads version 1"]
        );
    }
}
