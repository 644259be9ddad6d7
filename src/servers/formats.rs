//! Which pattern reads a server's format: a preset where one says the same, else one of its own.
//!
//! Invariant: a pattern that is named compiles, and reads the very text that the server was given.

use std::sync::OnceLock;

use super::nginx::Format;
use super::paste;
use crate::diag::{Fault, Place, Report};
use crate::model::{Field, FieldSet};
use crate::pattern::{Complaint, Dialect, Pattern, advice, presets};

/// A pattern that reads a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// As a source names it.
    pub(super) name: String,
    pub(super) fields: FieldSet,
}

/// A pattern of the configuration's own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    /// As the configuration gives it.
    pub(super) source: String,
    /// Where it was taken from.
    pub(super) place: Option<Place>,
}

/// The patterns that a configuration needs.
#[derive(Debug, Default)]
pub(super) struct Formats {
    pub(super) own: Vec<Own>,
    /// Every format that was asked for, and what became of it.
    known: Vec<(Wanted, Option<Chosen>)>,
}

/// What a server writes by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    dialect: Dialect,
    escape: String,
    text: String,
}

/// A preset as a server would be given it.
struct Known {
    wanted: Wanted,
    name: &'static str,
    fields: FieldSet,
}

impl Formats {
    /// The pattern for a `log_format` that the log at `log` is written in; what could be better
    /// about it goes to the report, once. `None` if there is no way to read it.
    pub(super) fn nginx(
        &mut self,
        format: &Format,
        log: Option<&Place>,
        report: &mut Report,
    ) -> Option<Chosen> {
        let wanted = Wanted::nginx(format);
        let is_plain = wanted.escape == "default" && !paste::is_directive(&format.text);
        let source = if is_plain {
            format.text.clone()
        } else {
            format.directive()
        };
        let place = format.place.as_ref().or(log);
        let what = format!("log_format `{}`", format.name);
        // A server's own format cannot be changed, only left.
        let is_given = format.place.is_some();
        self.choose(
            wanted,
            source,
            (&format.name, &what),
            place,
            is_given,
            report,
        )
    }

    /// The same for gunicorn's `access_log_format`.
    pub(super) fn gunicorn(
        &mut self,
        text: &str,
        place: Option<&Place>,
        report: &mut Report,
    ) -> Option<Chosen> {
        let wanted = Wanted::plain(Dialect::Gunicorn, text);
        let names = ("gunicorn-own", "access_log_format");
        let is_given = Wanted::plain(Dialect::Gunicorn, super::gunicorn::FORMAT) != wanted;
        self.choose(wanted, text.to_owned(), names, place, is_given, report)
    }

    fn choose(
        &mut self,
        wanted: Wanted,
        source: String,
        (name, what): (&str, &str),
        place: Option<&Place>,
        is_given: bool,
        report: &mut Report,
    ) -> Option<Chosen> {
        if let Some((_, chosen)) = self.known.iter().find(|(known, _)| *known == wanted) {
            return chosen.clone();
        }
        let chosen = match Pattern::compile(name, wanted.dialect, &source) {
            Ok(pattern) => {
                let remarks = advice(&pattern, wanted.dialect, &source);
                let more = lacking(&pattern, wanted.dialect);
                for remark in remarks.into_iter().chain(more).filter(|_| is_given) {
                    let fault = Fault::warning(format!("{what}: {remark}"));
                    report.push(placed(fault, remark, place));
                }
                let preset = known_presets().iter().find(|known| known.wanted == wanted);
                Some(match preset {
                    Some(preset) => Chosen {
                        name: preset.name.to_owned(),
                        fields: preset.fields,
                    },
                    None => Chosen {
                        name: self.add(name, wanted.dialect, source, place),
                        fields: pattern.fields(),
                    },
                })
            }
            Err(complaint) => {
                let fault = Fault::error(format!("{what} cannot be read: {complaint}"));
                report.push(placed(fault, complaint, place));
                None
            }
        };
        self.known.push((wanted, chosen.clone()));
        chosen
    }

    /// Adds a pattern under a name that nothing else has.
    fn add(
        &mut self,
        name: &str,
        dialect: Dialect,
        source: String,
        place: Option<&Place>,
    ) -> String {
        let is_taken = |name: &str| {
            self.own.iter().any(|own| own.name == name)
                || presets().iter().any(|preset| preset.name == name)
        };
        let name = super::names::unique(name, is_taken);
        self.own.push(Own {
            name: name.clone(),
            dialect,
            source,
            place: place.cloned(),
        });
        name
    }
}

impl Wanted {
    fn nginx(format: &Format) -> Self {
        Self {
            dialect: Dialect::Nginx,
            escape: format
                .escape
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            text: format.text.clone(),
        }
    }

    fn plain(dialect: Dialect, text: &str) -> Self {
        Self {
            dialect,
            escape: "default".to_owned(),
            text: text.to_owned(),
        }
    }
}

/// The presets that are a server's format.
fn known_presets() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let definitions = presets()
            .iter()
            .filter_map(|preset| Some((preset.name, preset.definition().ok()?)));
        definitions
            .filter_map(|(name, definition)| {
                let wanted = match definition.dialect {
                    Dialect::Nginx => Format::parse(&definition.source).map_or_else(
                        || Wanted::plain(Dialect::Nginx, &definition.source),
                        |format| Wanted::nginx(&format),
                    ),
                    Dialect::Gunicorn => Wanted::plain(Dialect::Gunicorn, &definition.source),
                    _ => return None,
                };
                Some(Known {
                    wanted,
                    name,
                    fields: definition.pattern.fields(),
                })
            })
            .collect()
    })
}

/// What a format lacks that everything else is counted by.
fn lacking(pattern: &Pattern, dialect: Dialect) -> Vec<Complaint> {
    let (request, status) = match dialect {
        Dialect::Gunicorn => ("\"%(r)s\"", "%(s)s"),
        _ => ("\"$request\"", "$status"),
    };
    let lacking = [
        (
            Field::Method,
            "no method: requests cannot be told apart by it",
            request,
        ),
        (Field::Target, "no path: requests have no route", request),
        (Field::Status, "no status: failures cannot be told", status),
    ];
    let fields = pattern.fields();
    lacking
        .into_iter()
        .filter(|(field, ..)| !fields.contains(*field))
        .map(|(_, message, add)| Complaint {
            message: message.to_owned(),
            span: 0..0,
            help: Some(format!("add {add} to it")),
        })
        .collect()
}

/// A fault with a complaint's remedy, at the directive. "And here" in it is what is printed next.
fn placed(fault: Fault, complaint: Complaint, place: Option<&Place>) -> Fault {
    let fault = match place {
        Some(place) => fault.at(place.clone()),
        None => fault,
    };
    match complaint.help {
        Some(help) => fault.help(help.replace(" and here", ", then run init again")),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::Text;

    fn chosen(directive: &str) -> (Option<String>, Vec<String>, Vec<Own>) {
        let mut formats = Formats::default();
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
        let chosen = formats.nginx(&format, None, &mut report);
        let faults = report
            .faults()
            .iter()
            .map(|fault| fault.message.clone())
            .collect();
        (chosen.map(|chosen| chosen.name), faults, formats.own)
    }

    #[test]
    fn a_preset_is_known_by_its_text() {
        let combined = Format::combined().directive();
        assert_eq!(chosen(&combined).0.as_deref(), Some("nginx-combined"));
        let main = combined.replace("_agent\"'", "_agent\" ' '\"$http_x_forwarded_for\"'");
        assert_eq!(chosen(&main).0.as_deref(), Some("nginx-main"));
        for preset in ["nginx-django", "nginx-json", "nginx-timed"] {
            let definition = crate::pattern::Preset::find(preset)
                .unwrap()
                .definition()
                .unwrap();
            let source = definition.source;
            let directive = if source.starts_with("log_format") {
                source
            } else {
                format!("log_format x escape=default '{source}';")
            };
            let (name, faults, _) = chosen(&directive);
            assert_eq!((name.as_deref(), faults.len()), (Some(preset), 0));
        }
    }

    #[test]
    fn other_formats_become_patterns() {
        let (name, faults, own) =
            chosen("log_format nginx-main '$status \"$request\" $request_time';");
        assert_eq!((name.as_deref(), faults.len()), (Some("nginx-main-2"), 0));
        assert_eq!(own[0].source, "$status \"$request\" $request_time");
        let (_, faults, own) = chosen("log_format j escape=json '{\"a\":\"$request_uri\"}';");
        assert_eq!(
            own[0].source,
            "log_format j escape=json '{\"a\":\"$request_uri\"}';"
        );
        assert_eq!(
            faults,
            [
                "log_format `j`: no duration: response times will not be measured",
                "log_format `j`: no method: requests cannot be told apart by it",
                "log_format `j`: no status: failures cannot be told",
            ]
        );
        let (name, faults, _) = chosen("log_format x '$statsu';");
        assert_eq!(name, None);
        assert_eq!(
            faults,
            ["log_format `x` cannot be read: unknown variable `$statsu`"]
        );
    }
}
