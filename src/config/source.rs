//! `[[source]]`: lines of one format and their origin.
//!
//! Invariant: a source without a fault names an input, a pattern and metrics that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::families::FamilyOptions;
use super::input::{Context, Input, RawInput};
use super::labels::{Constants, read_constants};
use super::limits::NAME_BYTES;
use super::metrics::{Selection, read_sets};
use super::patterns::{self, CompiledPresets, Patterns};
use super::routes::Routes;
use super::state::State;
use crate::diag::{Fault, Report, Section, Spot};
use crate::label::OwnLabel;
use crate::metric::Metrics;
use crate::model::ExemplarId;
use crate::pattern::Pattern;

/// Lines of one format and their origin.
#[derive(Clone, Debug)]
pub struct Source {
    /// Unique name; the value of the label `source`.
    pub name: String,
    /// Origin of the lines.
    pub input: Input,
    /// Format of the lines.
    pub pattern: Arc<Pattern>,
    /// Origin of the views' names; without it, paths are folded.
    pub routes: Option<Arc<Routes>>,
    /// Metrics that count the lines.
    pub metrics: Metrics,
    /// Labels that are the same for all lines, by name.
    pub labels: Constants,
    /// The id that exemplars show, if there are any and the lines have it.
    pub exemplars: Option<ExemplarId>,
    /// The sources of the servers that pass requests on to this one; their lines are joined with its own.
    pub behind: Vec<String>,
}

/// Routes by name; `None` for those whose faults are in the report.
pub(super) type RoutesByName = BTreeMap<String, Option<Arc<Routes>>>;

/// Definitions that a source may name.
pub(super) struct Definitions<'k> {
    pub(super) patterns: &'k Patterns,
    pub(super) presets: CompiledPresets,
    pub(super) routes: &'k RoutesByName,
    pub(super) metrics: &'k Selection,
    /// The labels that the configuration defines.
    pub(super) labels: &'k [Arc<OwnLabel>],
    /// Base of relative paths.
    pub(super) base: &'k Path,
    pub(super) state: Option<&'k State>,
}

/// Properties that only one source can have, collected from all sections.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) names: BTreeSet<String>,
    /// Streams of the sources, by their displayed form.
    pub(super) streams: BTreeSet<String>,
    pub(super) behinds: Vec<Behind>,
}

/// Unchecked links of a source.
pub(super) struct Behind {
    /// Name of the source.
    pub(super) name: String,
    /// Names of the sources in front of it.
    pub(super) fronts: Spot<Vec<Spot<String>>>,
}

impl Source {
    /// Creates a source that counts the default metrics, without routes.
    pub fn new(name: String, input: Input, pattern: Arc<Pattern>) -> Self {
        Self {
            name,
            input,
            pattern,
            routes: None,
            metrics: Metrics::default(),
            labels: Constants::new(),
            exemplars: None,
            behind: Vec::new(),
        }
    }

    /// Reads and checks a section. The link to a source in front is left to `taken`.
    pub(super) fn read(
        mut section: Section<'_>,
        known: &Definitions<'_>,
        taken: &mut Taken,
        report: &mut Report,
    ) -> Option<Self> {
        let name = section.string("name", report);
        let input = RawInput::read(&mut section, report);
        let pattern = section.string("pattern", report);
        let routes = section.string("routes", report);
        let sets = section.strings("sets", report);
        let options = FamilyOptions::read(&mut section, known.labels, report);
        let labels = read_constants(&mut section, known.labels, report);
        let fronts = section.string_or_strings("behind", report);
        let place = section.place();
        for (key, help) in [
            ("name", "name = \"nginx\": the value of the label `source`"),
            (
                "pattern",
                "pattern = \"nginx-combined\": the format of the lines; `httplog-exporter patterns` lists all",
            ),
        ] {
            if section.lacks(key) {
                let fault = Fault::error(format!("a source without `{key}`"));
                report.push(fault.at(place.clone()).help(help));
            }
        }
        section.finish(report);
        if let Some(name) = &name {
            check_name(name, &mut taken.names, report);
            taken.behinds.extend(fronts.map(|fronts| Behind {
                name: name.value.clone(),
                fronts,
            }));
        }
        let pattern =
            pattern.and_then(|name| patterns::find(&name, known.patterns, &known.presets, report));
        let routes = routes.and_then(|name| find_routes(&name, known.routes, report));
        let sets = sets.map(|sets| read_sets(&sets, report));
        let context = Context {
            section: place,
            base: known.base,
            state: known.state,
        };
        let input = input.check(&context, &mut taken.streams, report);
        Some(Self {
            name: name?.value,
            input: input?,
            pattern: pattern?,
            routes,
            metrics: known.metrics.of_source(sets.as_deref(), &options),
            labels,
            exemplars: known.metrics.exemplars().map(|which| which.value),
            behind: Vec::new(),
        })
    }
}

fn check_name(name: &Spot<String>, names: &mut BTreeSet<String>, report: &mut Report) {
    name.check_name("a source", NAME_BYTES, report);
    if !names.insert(name.value.clone()) {
        report.push(
            name.error(format!("two sources are named `{}`", name.value))
                .help("the name is the value of the label `source` and must be unique"),
        );
    }
}

fn find_routes(
    name: &Spot<String>,
    known: &RoutesByName,
    report: &mut Report,
) -> Option<Arc<Routes>> {
    let found = known.get(&name.value);
    if found.is_none() {
        report.push(
            name.error(format!("unknown routes `{}`", name.value))
                .suggest(&name.value, known.keys().map(String::as_str)),
        );
    }
    found?.clone()
}
