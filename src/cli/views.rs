//! Views of the logs that are read whole.
//!
//! Invariant: a dump is read once, when the first log needs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::exit::Failure;
use crate::config;
use crate::diag::Report;
use crate::route::Resolver;

/// Views of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) resolver: Option<Arc<Resolver>>,
    /// The most routes.
    pub(super) max_routes: Option<usize>,
    /// Name of the routes in the configuration.
    pub(super) routes: Option<String>,
}

/// Decides which views the requests of a log have.
pub(super) enum Views {
    /// One choice for every log.
    Same(Choice),
    /// For each log the choice of its source; the resolvers that were loaded, by name.
    BySource(BTreeMap<String, Choice>),
}

impl Views {
    /// Returns the views that the command line or the only source decides, or else each source its own. `dump` is the
    /// path of a URLconf dump.
    pub(super) fn choose(
        has_none: bool,
        dump: Option<&Path>,
        only: Option<&config::Source>,
    ) -> Result<Self, Failure> {
        if has_none {
            return Ok(Self::Same(Choice {
                max_routes: Some(0),
                ..Choice::default()
            }));
        }
        let given = dump.map(config::Routes::from_dump);
        let routes = given
            .as_ref()
            .or(only.and_then(|only| only.routes.as_deref()));
        Ok(match routes {
            // A dump of the command line has no key.
            Some(routes) => Self::Same(Choice {
                routes: given.is_none().then(|| routes.name.clone()),
                ..load(routes)?
            }),
            None => Self::BySource(BTreeMap::new()),
        })
    }

    /// Returns the views of a log, given the routes of its source.
    pub(super) fn find(&mut self, routes: Option<&config::Routes>) -> Result<Choice, Failure> {
        let known = match self {
            Self::Same(choice) => return Ok(choice.clone()),
            Self::BySource(known) => known,
        };
        let Some(routes) = routes else {
            return Ok(Choice::default());
        };
        if let Some(choice) = known.get(&routes.name) {
            return Ok(choice.clone());
        }
        let choice = load(routes)?;
        known.insert(routes.name.clone(), choice.clone());
        Ok(choice)
    }
}

fn load(routes: &config::Routes) -> Result<Choice, Failure> {
    let mut report = Report::default();
    match routes.load(&mut report) {
        Some(resolver) => Ok(Choice {
            resolver: Some(resolver),
            max_routes: routes.max_routes,
            routes: Some(routes.name.clone()),
        }),
        None => Err(report.into()),
    }
}
