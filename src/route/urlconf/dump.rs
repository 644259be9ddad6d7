//! Reads a dump that `deploy/django/dump_urlconf.py` wrote.
//!
//! Invariant: a dump that is cut off is not used at all, since a missing route would leave its paths to another view. A
//! branch that cannot be used is left out, and the report names it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::language::Languages;
use super::routes::{Level, LevelKind, Route, Urlconf, check_view_name};
use crate::diag::{Fault, FaultList, Place, Report, Text};
use crate::model::counted;

/// Format that the first line of a dump names.
const FORMAT: &str = "httplog-exporter urlconf";
/// Beginning of the first line. The output of a site's settings may precede it.
const BEGIN: &str = r#"{"format": "httplog-exporter urlconf""#;
/// Version of the format that the script writes.
const VERSION: u64 = 2;
/// Version without a last line that marks the end.
const WITHOUT_END: u64 = 1;
const REMEDY: &str = "generate it: python manage.py shell < dump_urlconf.py > urlconf.jsonl";
const LOST: &str = "their requests count for the next view that matches, or as unresolved";

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
#[serde(untagged)]
enum Line {
    Route(RouteLine),
    /// A branch that the script could not dump.
    Lost {
        lost: String,
        reason: String,
    },
    /// A pattern that may match otherwise than it is dumped.
    Inexact {
        inexact: String,
        reason: String,
    },
    /// The last line: the number of lines between the first and this one.
    End {
        end: usize,
    },
}

#[derive(Debug, Deserialize)]
struct RouteLine {
    view: String,
    chain: Vec<(String, String, BTreeMap<String, String>)>,
    route: Option<String>,
    languages: Option<Vec<String>>,
}

/// Progress of reading a dump.
struct Reading {
    urlconf: Urlconf,
    /// Lines behind the first that begin as JSON objects do.
    objects: usize,
    /// The number of lines that the last line states; `None` until it is read.
    announced: Option<usize>,
    /// Branches that are left out.
    lost: FaultList,
    inexact: FaultList,
}

impl Urlconf {
    /// Reads a dump; `None` if the report has an error of it.
    pub fn read(text: &Arc<Text>, report: &mut Report) -> Option<Self> {
        let mut lines = lines(text);
        let read = read_header(&mut lines, text);
        let (urlconf, version) = read.map_err(|fault| report.push(fault.help(REMEDY))).ok()?;
        let mut reading = Reading {
            urlconf,
            objects: 0,
            announced: None,
            lost: FaultList::default(),
            inexact: FaultList::default(),
        };
        let mut last = None;
        while reading.announced.is_none()
            && let Some((line, place)) = lines.next()
        {
            if !line.trim().is_empty() {
                last = Some(reading.line(line, place));
            }
        }
        let is_torn = !text.content.ends_with('\n') && last == Some(false);
        if let Some(fault) = reading.check_end(&text.name, version, is_torn, report) {
            report.push(fault.help(REMEDY));
            return None;
        }
        reading.finish(&text.name, report)
    }
}

impl Reading {
    /// Reads a line; false if it is not JSON of a known form.
    fn line(&mut self, line: &str, place: Place) -> bool {
        let is_object = line.trim_start().starts_with('{');
        self.objects += usize::from(is_object);
        let Ok(parsed) = serde_json::from_str(line) else {
            let why = match serde_json::from_str::<serde::de::IgnoredAny>(line) {
                Ok(_) => "it is not an object of a dump".to_owned(),
                Err(_) if line.contains(char::REPLACEMENT_CHARACTER) => "not valid UTF-8".into(),
                Err(error) => without_place(&error),
            };
            let fault = Fault::warning(format!("this line is not a route: {why}"));
            self.lost.push(fault.at(place));
            return false;
        };
        match parsed {
            Line::Route(route) => {
                let shown = shown(&route);
                match read_route(route, &self.urlconf.languages) {
                    Ok(route) => self.urlconf.routes.push(route),
                    Err(why) => {
                        let fault =
                            Fault::warning(format!("the route `{shown}` is left out: {why}"));
                        self.lost.push(fault.at(place));
                    }
                }
            }
            Line::Lost { lost, reason } => {
                let fault = format!("the branch `{lost}` is not in the dump: {reason}");
                self.lost.push(Fault::warning(fault).at(place));
            }
            Line::Inexact { inexact, reason } => {
                let fault = format!("the pattern `{inexact}` may match other paths: {reason}");
                self.inexact.push(Fault::warning(fault).at(place));
            }
            Line::End { end } => {
                self.objects -= usize::from(is_object);
                self.announced = Some(end);
            }
        }
        true
    }

    /// Returns the fault of a dump that is cut off. `is_torn` if the text ends within a line.
    fn check_end(
        &self,
        name: &str,
        version: u64,
        is_torn: bool,
        report: &mut Report,
    ) -> Option<Fault> {
        let Reading { objects, .. } = self;
        match self.announced {
            Some(announced) if announced > *objects => Some(Fault::error(format!(
                "{name} is incomplete: its last line announces {} before it, found {objects}",
                counted(announced, "line")
            ))),
            Some(_) => None,
            None if version == WITHOUT_END && !is_torn => {
                let message = format!(
                    "{name} has version {WITHOUT_END} of the format, which does not show whether a dump is complete"
                );
                let help = "generate it with the current dump_urlconf.py";
                report.push(Fault::warning(message).help(help));
                None
            }
            None => Some(Fault::error(format!(
                "{name} is cut off: its last line does not mark the end"
            ))),
        }
    }

    fn finish(self, name: &str, report: &mut Report) -> Option<Urlconf> {
        let (lost, kept) = (self.lost.count(), self.urlconf.routes.len());
        self.lost.report(
            ["branch that is left out", "branches that are left out"],
            report,
        );
        self.inexact.report(
            [
                "pattern that may match other paths",
                "patterns that may match other paths",
            ],
            report,
        );
        if kept == 0 {
            report.push(Fault::error(format!("{name} has no routes")).help(REMEDY));
            return None;
        }
        if lost > 0 {
            let branches = if lost == 1 { "branch" } else { "branches" };
            let message = format!("{name}: {lost} {branches} left out, routes in use: {kept}");
            report.push(Fault::warning(message).help(LOST));
        }
        Some(self.urlconf)
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

/// Returns the route as the URLconf writes it.
fn shown(line: &RouteLine) -> String {
    let patterns = || line.chain.iter().map(|(_, pattern, _)| pattern.as_str());
    line.route.clone().unwrap_or_else(|| patterns().collect())
}

/// Skips what precedes the dump, and makes a URLconf without routes of the first line. Returns it with the version of the
/// format.
fn read_header<'t>(
    lines: &mut impl Iterator<Item = (&'t str, Place)>,
    text: &Text,
) -> Result<(Urlconf, u64), Fault> {
    let mut other = None;
    for (line, place) in lines {
        if let Some(begin) = line.find(BEGIN) {
            return parse_header(&line[begin..]).map_err(|message| Fault::error(message).at(place));
        }
        if other.is_none() && line.starts_with('{') {
            other = Some((parse_header(line), place));
        }
    }
    Err(match other {
        // Another notation of the same object, or an object of another kind.
        Some((Ok(read), _)) => return Ok(read),
        Some((Err(message), place)) => Fault::error(message).at(place),
        None if text.content.trim().is_empty() => {
            Fault::error(format!("{} is not a URLconf dump: it is empty", text.name))
        }
        None => Fault::error(format!(
            "{} is not a URLconf dump: none of its lines begins one",
            text.name
        )),
    })
}

/// Parses the first line.
fn parse_header(line: &str) -> Result<(Urlconf, u64), String> {
    let header = serde_json::from_str::<Header>(line)
        .map_err(|error| format!("invalid first line: {}", without_place(&error)))?;
    if header.format.as_deref() != Some(FORMAT) {
        return Err("not the first line of a URLconf dump".into());
    }
    let Some(version @ (WITHOUT_END | VERSION)) = header.version else {
        let version = header.version.map_or("none".into(), |v| v.to_string());
        return Err(format!(
            "unsupported dump version: {version}, expected {VERSION}"
        ));
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
    Ok((urlconf, version))
}

fn read_route(line: RouteLine, site: &Languages) -> Result<Route, String> {
    check_view_name(&line.view)?;
    let shown = shown(&line);
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
        r#"{"format": "httplog-exporter urlconf", "version": 2, "languages": ["en"]}"#;
    const ROUTE: &str = r#"{"chain": [["lit", "a/", {}], ["re", "^(?P<x>[0-9]+)/\\Z", {"x": "int"}]], "view": "a:x", "languages": ["en"]}"#;

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

    /// Returns the routes that are kept and the faults of a dump whose last line is right.
    fn read_lines(lines: &[&str]) -> (usize, Vec<String>) {
        let (end, lines) = (lines.len(), lines.join("\n"));
        let (urlconf, faults) = read(&format!("{HEADER}\n{lines}\n{{\"end\": {end}}}\n"));
        (urlconf.map_or(0, |urlconf| urlconf.routes.len()), faults)
    }

    #[test]
    fn output_of_the_site_before_and_behind_a_dump_is_skipped() {
        for before in [
            "7 objects imported.\n",
            "{\"level\": \"INFO\", \"message\": \"settings loaded\"}\n\n",
            "{broken\n",
            "caf\u{fffd}\nloading ... ",
        ] {
            let content = format!("{before}{HEADER}\n{ROUTE}\n{{\"end\": 1}}\nbye\n{{\n");
            let (urlconf, faults) = read(&content);
            assert_eq!(faults, [""; 0], "{before}");
            let route = &urlconf.unwrap().routes[0];
            assert_eq!(
                (&*route.view, route.chain[1].kind),
                ("a:x", LevelKind::Search)
            );
            assert_eq!(route.languages, Some(vec![0]));
        }
    }

    #[test]
    fn a_strange_branch_is_left_out_and_named() {
        let long = format!(
            r#"{{"chain": [["lit", "l", {{}}]], "view": "{}"}}"#,
            "v".repeat(257)
        );
        let (kept, faults) = read_lines(&[
            r#"{"chain": [["lit", "e", {}]], "view": ""}"#,
            &long,
            r#"{"chain": [["lot", "k", {}]], "view": "a"}"#,
            r#"{"chain": [["lit", "f", {}]], "view": "a", "languages": ["fr"]}"#,
            r#"{"chain": [["lit-end", "", {}], ["lit", "", {}]], "view": "a", "route": "x/"}"#,
            r#"{"chain": [], "view": "a", "route": "none/"}"#,
            r#"{"chain": [["lit", "c", {}]], "view": "a\nb"}"#,
            ROUTE,
            r#"{"lost": "shop/", "reason": "ImportError: no module"}"#,
            r#"{"inexact": "own/", "reason": "shop.Own has its own match()"}"#,
            r#"{"level": "INFO"}"#,
            r#"{"chain""#,
        ]);
        assert_eq!(kept, 1);
        assert_eq!(
            faults,
            [
                "2: the route `e` is left out: a view name must have 1 to 256 bytes",
                "3: the route `l` is left out: a view name must have 1 to 256 bytes",
                "4: the route `k` is left out: unknown kind of pattern `lot`",
                "5: the route `f` is left out: `fr` is not one of the site's languages",
                "6: the route `x/` is left out: `lit-end` is only valid as the last pattern",
                "7: the route `none/` is left out: the chain of a route must not be empty",
                "8: the route `c` is left out: a view name must not contain control or invisible characters",
                "10: the branch `shop/` is not in the dump: ImportError: no module",
                "11: the pattern `own/` may match other paths: shop.Own has its own match()",
                "12: this line is not a route: it is not an object of a dump",
                "13: this line is not a route: EOF while parsing an object",
                "0: urlconf.jsonl: 10 branches left out, routes in use: 1",
            ]
        );
    }

    #[test]
    fn many_strange_branches_are_counted() {
        let mut lines = vec![r#"{"lost": "x/", "reason": "y"}"#; 300];
        lines.push(ROUTE);
        let (kept, faults) = read_lines(&lines);
        assert_eq!((kept, faults.len()), (1, 22));
        assert_eq!(faults[20], "0: 280 more branches that are left out");
        let summary = "0: urlconf.jsonl: 300 branches left out, routes in use: 1";
        assert_eq!(faults[21], summary);
    }

    #[test]
    fn a_dump_that_is_cut_off_is_refused() {
        let whole = format!("{HEADER}\n{ROUTE}\n{ROUTE}\n{{\"end\": 2}}\n");
        assert_eq!(read(&whole).1, [""; 0]);
        for end in 1..whole.len() - 2 {
            let (urlconf, faults) = read(&whole[..end]);
            assert!(urlconf.is_none(), "{end}: {faults:?}");
        }
        assert_eq!(
            read(&whole[..whole.len() - 11]).1,
            ["0: urlconf.jsonl is cut off: its last line does not mark the end"]
        );
        assert_eq!(
            read(&whole.replacen(&format!("{ROUTE}\n"), "", 1)).1,
            ["0: urlconf.jsonl is incomplete: its last line announces 2 lines before it, found 1"]
        );
    }

    #[test]
    fn a_dump_without_an_end_is_used_with_a_warning_if_its_version_has_none() {
        let old = HEADER.replace(": 2", ": 1");
        let content = format!("{old}\n{ROUTE}\n");
        let (urlconf, faults) = read(&content);
        assert_eq!(urlconf.unwrap().routes.len(), 1);
        assert_eq!(
            faults,
            [
                "0: urlconf.jsonl has version 1 of the format, which does not show whether a dump is complete"
            ]
        );
        let torn = &content[..content.len() - 5];
        let message = "0: urlconf.jsonl is cut off: its last line does not mark the end";
        assert_eq!(read(torn).1, [message]);
    }

    #[test]
    fn other_files_are_not_dumps() {
        let check = |content: &str, message: &str| assert_eq!(read(content).1, [message]);
        check("\n", "0: urlconf.jsonl is not a URLconf dump: it is empty");
        check(
            "Traceback\n",
            "0: urlconf.jsonl is not a URLconf dump: none of its lines begins one",
        );
        check("{}\n", "1: not the first line of a URLconf dump");
        check(
            &format!("{HEADER}\n{{\"end\": 0}}\n"),
            "0: urlconf.jsonl has no routes",
        );
        check(
            &HEADER.replace(": 2", ": 3"),
            "1: unsupported dump version: 3, expected 2",
        );
    }
}
