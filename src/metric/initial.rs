//! Which series are there before their first event.
//!
//! Invariant: it names only values that a label can have.

use crate::diag::{Fault, Place, Report, Section, distinct};
use crate::label::Method;

/// The values by which series start at 0, where a label's values are not known otherwise. A family with a
/// label of an empty list has no series before its first event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initial {
    /// Methods, each once; never [`Method::Other`].
    pub methods: Vec<Method>,
    /// Statuses from 100 to 599, each once.
    pub statuses: Vec<u16>,
    /// Where it was asked for, if in a text.
    pub place: Option<Place>,
}

impl Initial {
    /// What nobody has to list: the methods that pages and forms use. The others would be series that stay
    /// at 0 on nearly all views.
    pub const METHODS: [Method; 2] = [Method::Get, Method::Post];
    /// What nobody has to list: what any view may answer, and what alerts are made of.
    pub const STATUSES: [u16; 1] = [500];

    /// Reads the keys of `[metrics]`; `None` if series are not to start at 0.
    pub fn read(section: &mut Section<'_>, report: &mut Report) -> Option<Self> {
        let wanted = section.boolean("initialise", report);
        let methods = section.strings("initialise_methods", report);
        let statuses = section.numbers("initialise_statuses", report);
        let is_wanted = wanted.as_ref().is_some_and(|wanted| wanted.value);
        let lists = [methods.as_ref(), statuses.as_ref()].into_iter().flatten();
        if let Some(list) = lists.into_iter().next().filter(|_| !is_wanted) {
            let fault = Fault::warning("this does nothing: no series starts at 0");
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
    let good = number.filter(|number| (100..=599).contains(number));
    good.ok_or_else(|| {
        Fault::error(format!("`{code}` is not a status code"))
            .help("a whole number from 100 to 599")
    })
}
