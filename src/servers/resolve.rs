//! Resolves a server's log format to a preset, or else to a custom pattern.
//!
//! Invariant: the resolved pattern compiles, and its format equals the server's.

use std::sync::OnceLock;

use super::nginx::{Alias, Format};
use super::snippets;
use crate::diag::{Fault, Place, Report};
use crate::model::FieldSet;
use crate::pattern::{Complaint, Dialect, Pattern, Preset, advice, lacking, presets, slips};

/// The pattern that reads a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Name of the pattern.
    pub(super) name: String,
    pub(super) fields: FieldSet,
}

/// A pattern defined in the drafted configuration.
#[derive(Clone, Debug)]
pub(super) struct CustomPattern {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    /// Format string or directive.
    pub(super) source: String,
    /// Place of the format in the server's configuration.
    pub(super) place: Option<Place>,
    /// Remarks on the format, for people.
    pub(super) notes: Vec<String>,
}

/// The patterns that a drafted configuration needs.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    pub(super) custom: Vec<CustomPattern>,
    /// Every format resolved so far.
    known: Vec<(ServerFormat, Option<Resolved>)>,
}

/// A format as the server understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerFormat {
    dialect: Dialect,
    escape: String,
    text: String,
}

/// A format to resolve.
struct Request<'r> {
    format: ServerFormat,
    /// Format string or directive to compile.
    source: String,
    /// Preferred name of a custom pattern.
    name: &'r str,
    /// Setting that defines the format, for messages.
    setting: String,
    place: Option<&'r Place>,
    /// Remarks on the format, for people.
    notes: Vec<String>,
    /// Names of variables that the server's configuration defines.
    defined: &'r [String],
    /// The source with a word in the place of variables that only ever are one, if there are any.
    with_words: Option<String>,
    /// True if the format can be edited; a server's built-in format cannot.
    is_editable: bool,
}

impl Resolved {
    /// The result for a format that cannot be read.
    pub(super) fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            fields: FieldSet::EMPTY,
        }
    }

    /// Returns the preset of this name.
    pub(super) fn preset(name: &str) -> Option<Self> {
        let definition = Preset::find(name)?.definition().ok()?;
        Some(Self {
            name: name.to_owned(),
            fields: definition.pattern.fields(),
        })
    }
}

impl Patterns {
    /// Returns the pattern for a `log_format`, or `None` if it cannot be read. Advice on the format goes
    /// to the report, once. `log` is the place of the `access_log`.
    pub(super) fn for_nginx(
        &mut self,
        format: &Format,
        log: Option<&Place>,
        report: &mut Report,
    ) -> Option<Resolved> {
        let is_plain = format.escape == "default" && !snippets::is_directive(&format.text);
        let request = Request {
            format: ServerFormat::new(Dialect::Nginx, &format.escape, &format.text),
            source: if is_plain {
                format.text.clone()
            } else {
                format.directive()
            },
            name: &format.name,
            setting: format!("log_format `{}`", format.name),
            place: format.place.as_ref().or(log),
            notes: format.aliases.iter().map(note).collect(),
            defined: &format.defined,
            with_words: (!format.words.is_empty()).then(|| format.with_words().directive()),
            is_editable: format.place.is_some(),
        };
        self.resolve(request, report)
    }

    /// Returns the pattern for gunicorn's `access_log_format`, or `None` if it cannot be read. Advice on
    /// the format goes to the report.
    pub(super) fn for_gunicorn(
        &mut self,
        text: &str,
        place: Option<&Place>,
        report: &mut Report,
    ) -> Option<Resolved> {
        let request = Request {
            format: ServerFormat::new(Dialect::Gunicorn, "default", text),
            source: text.to_owned(),
            name: "gunicorn-own",
            setting: "access_log_format".to_owned(),
            place,
            notes: Vec::new(),
            defined: &[],
            with_words: None,
            is_editable: text != super::gunicorn::FORMAT,
        };
        self.resolve(request, report)
    }

    fn resolve(&mut self, request: Request<'_>, report: &mut Report) -> Option<Resolved> {
        let mut known = self.known.iter();
        if let Some((_, resolved)) = known.find(|(format, _)| *format == request.format) {
            return resolved.clone();
        }
        let dialect = request.format.dialect;
        let resolved = match Pattern::compile(request.name, dialect, &request.source) {
            Ok(pattern) => {
                if request.is_editable {
                    let is_slip = |slip: &Complaint| {
                        let is_in = |name: &String| slip.message.ends_with(&format!("`${name}`"));
                        !request.defined.iter().any(is_in)
                    };
                    let slips = slips(dialect, &request.source).into_iter().filter(is_slip);
                    let is_clear = request.is_clear();
                    let advice = advice(&pattern, dialect, &request.source).into_iter();
                    let advice = advice.filter(|one| !is_clear || !is_ambiguity(one));
                    let remarks = slips.chain(advice);
                    for remark in remarks.chain(lacking(&pattern, dialect)) {
                        let fault = Fault::warning(format!("{}: {remark}", request.setting));
                        report.push(with_help(fault, remark, request.place));
                    }
                }
                let mut presets = preset_formats().iter();
                let preset = presets.find(|(format, _)| *format == request.format);
                Some(match preset {
                    Some((_, preset)) => preset.clone(),
                    None => Resolved {
                        name: self.add(&request),
                        fields: pattern.fields(),
                    },
                })
            }
            Err(complaint) => {
                let message = format!("{} cannot be read: {complaint}", request.setting);
                report.push(with_help(Fault::error(message), complaint, request.place));
                None
            }
        };
        self.known.push((request.format, resolved.clone()));
        resolved
    }

    /// Adds a custom pattern and returns its unique name.
    fn add(&mut self, request: &Request<'_>) -> String {
        let is_taken = |name: &str| {
            self.custom.iter().any(|custom| custom.name == name)
                || presets().iter().any(|preset| preset.name == name)
        };
        let name = super::names::unique(&super::names::valid(request.name), is_taken);
        self.custom.push(CustomPattern {
            name: name.clone(),
            dialect: request.format.dialect,
            source: request.source.clone(),
            place: request.place.cloned(),
            notes: request.notes.clone(),
        });
        name
    }
}

impl Request<'_> {
    /// Returns whether each value has a clear end if variables are words that only ever are words.
    fn is_clear(&self) -> bool {
        self.with_words.as_ref().is_some_and(|source| {
            let dialect = self.format.dialect;
            let pattern = Pattern::compile(self.name, dialect, source);
            pattern.is_ok_and(|pattern| !advice(&pattern, dialect, source).iter().any(is_ambiguity))
        })
    }
}

fn is_ambiguity(complaint: &Complaint) -> bool {
    complaint.message.contains(" is ambiguous: ")
}

impl ServerFormat {
    fn new(dialect: Dialect, escape: &str, text: &str) -> Self {
        Self {
            dialect,
            escape: escape.to_owned(),
            text: text.to_owned(),
        }
    }
}

fn note(alias: &Alias) -> String {
    format!("${} stands for ${} there", alias.name, alias.meaning)
}

/// Returns the presets that are formats of nginx or gunicorn.
fn preset_formats() -> &'static [(ServerFormat, Resolved)] {
    static KNOWN: OnceLock<Vec<(ServerFormat, Resolved)>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let formats = presets().iter().filter_map(|preset| {
            let definition = preset.definition().ok()?;
            let (dialect, source) = (definition.dialect, &definition.source);
            let format = match (dialect, Format::parse(source)) {
                (Dialect::Nginx, Some(found)) => {
                    ServerFormat::new(dialect, &found.escape, &found.text)
                }
                (Dialect::Nginx | Dialect::Gunicorn, _) => {
                    ServerFormat::new(dialect, "default", source)
                }
                _ => return None,
            };
            let (name, fields) = (preset.name.to_owned(), definition.pattern.fields());
            Some((format, Resolved { name, fields }))
        });
        formats.collect()
    })
}

/// Adds the place, and the remedy of a complaint, to a fault. `init` generates the pattern, so the
/// remedy asks to run it again instead of editing the pattern.
fn with_help(fault: Fault, complaint: Complaint, place: Option<&Place>) -> Fault {
    let fault = fault.at(place.cloned());
    match complaint.help {
        Some(help) => fault.help(help.replace(" and in the pattern", ", then run init again")),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::Text;

    fn resolve(directive: &str) -> (Option<String>, Vec<String>, Vec<CustomPattern>) {
        let mut patterns = Patterns::default();
        let mut report = Report::default();
        let text = Arc::new(Text {
            name: "n".to_owned(),
            content: directive.to_owned(),
        });
        let span = 0..directive.len();
        let format = Format {
            place: Some(Place { text, span }),
            ..Format::parse(directive).unwrap()
        };
        let resolved = patterns.for_nginx(&format, None, &mut report);
        let faults = report
            .faults()
            .iter()
            .map(|fault| fault.message.clone())
            .collect();
        (
            resolved.map(|resolved| resolved.name),
            faults,
            patterns.custom,
        )
    }

    #[test]
    fn a_preset_is_recognised_by_its_text() {
        let combined = Format::combined().directive();
        assert_eq!(resolve(&combined).0.as_deref(), Some("nginx-combined"));
        let main = combined.replace("_agent\"'", "_agent\" ' '\"$http_x_forwarded_for\"'");
        assert_eq!(resolve(&main).0.as_deref(), Some("nginx-main"));
        for preset in ["nginx-django", "nginx-json", "nginx-timed"] {
            let definition = Preset::find(preset).unwrap().definition().unwrap();
            let source = definition.source;
            let directive = if source.starts_with("log_format") {
                source
            } else {
                format!("log_format x escape=default '{source}';")
            };
            let (name, faults, _) = resolve(&directive);
            assert_eq!((name.as_deref(), faults.len()), (Some(preset), 0));
        }
    }

    #[test]
    fn other_formats_become_patterns() {
        let (name, faults, custom) =
            resolve("log_format nginx-main '$status \"$request\" $request_time';");
        assert_eq!((name.as_deref(), faults.len()), (Some("nginx-main-2"), 0));
        assert_eq!(custom[0].source, "$status \"$request\" $request_time");
        let (_, faults, custom) = resolve("log_format j escape=json '{\"a\":\"$request_uri\"}';");
        assert_eq!(
            custom[0].source,
            "log_format j escape=json '{\"a\":\"$request_uri\"}';"
        );
        assert_eq!(
            faults,
            [
                "log_format `j`: no duration: response times will not be measured",
                "log_format `j`: no method: requests cannot be counted by method",
                "log_format `j`: no status: errors cannot be counted, and no route is learned",
            ]
        );
        let (name, faults, _) = resolve("log_format x '$statsu \"$request\" $request_time';");
        assert_eq!(name.as_deref(), Some("x"));
        assert_eq!(
            faults,
            [
                "log_format `x`: unknown variable `$statsu`",
                "log_format `x`: no status: errors cannot be counted, and no route is learned"
            ]
        );
    }
}
