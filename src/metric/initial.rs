//! Options for series that exist, at 0, before their first event.
//!
//! Invariant: methods and statuses are those that a line can have.

use crate::diag::{Fault, Place, Report, Section, distinct};
use crate::label::Method;

/// Options for series that start at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initial {
    /// Methods, each once; never [`Method::Other`].
    pub methods: Vec<Method>,
    /// Statuses from 100 to 599, each once.
    pub statuses: Vec<u16>,
    /// Place of the option, if it was read from a text.
    pub place: Option<Place>,
}

impl Initial {
    /// Default methods: those that pages and forms use. For others, series would stay at 0 on nearly all views.
    pub const METHODS: [Method; 2] = [Method::Get, Method::Post];
    /// Default statuses: what any view may respond with, and alerts are built on.
    pub const STATUSES: [u16; 1] = [500];

    /// Reads the keys of `[metrics]`; `None` unless series are to start at 0.
    pub fn read(section: &mut Section<'_>, report: &mut Report) -> Option<Self> {
        let wanted = section.boolean("initialise", report);
        let methods = section.strings("initialise_methods", report);
        let statuses = section.numbers("initialise_statuses", report);
        let is_wanted = wanted.as_ref().is_some_and(|wanted| wanted.value);
        if let Some(list) = methods.as_ref().or(statuses.as_ref())
            && !is_wanted
        {
            let fault = Fault::warning("this has no effect: no series starts at 0");
            report.push(fault.at(list.place.clone()).help("initialise = true"));
        }
        let methods = methods.map_or_else(
            || Self::METHODS.into(),
            |names| distinct(&names.value, method, report),
        );
        let statuses = statuses.map_or_else(
            || Self::STATUSES.into(),
            |codes| distinct(&codes.value, status, report),
        );
        is_wanted.then(|| Self {
            methods,
            statuses,
            place: wanted.map(|wanted| wanted.place),
        })
    }
}

fn method(name: &str) -> Result<Method, Fault> {
    match Method::from_bytes(Some(name.as_bytes())) {
        Method::Other => {
            let known = Method::ALL.into_iter();
            let known = known.filter(|method| *method != Method::Other);
            Err(Fault::error(format!("unknown method `{name}`"))
                .suggest(name, known.map(Method::name)))
        }
        method => Ok(method),
    }
}

fn status(code: &str) -> Result<u16, Fault> {
    let number = code.parse().ok();
    let valid = number.filter(|number| (100..=599).contains(number));
    valid.ok_or_else(|| {
        Fault::error(format!("`{code}` is not a status code"))
            .help("expected a whole number from 100 to 599")
    })
}
