//! Keys and the labels they stand for.
//!
//! Invariant: packing loses nothing; two keys are equal only if every label is.

use std::sync::Arc;

use crate::aggregate::{Key, Names};
use crate::label::{Budget, Method, OTHER};
use crate::route::{RouteId, Router};

/// What is needed to name a source's keys.
#[derive(Debug)]
pub(super) struct SourceNames {
    source: Arc<str>,
    budget: Budget,
}

/// With the routes known at the moment.
#[derive(Debug)]
pub(super) struct KeyNames<'n> {
    names: &'n SourceNames,
    router: &'n Router,
}

/// Method in the lowest 8 bits, status (0 for none) in the next 16, route above.
pub(super) fn pack(method: Method, status: Option<u16>, route: RouteId) -> Key {
    Key(method as u64 | u64::from(status.unwrap_or(0)) << 8 | u64::from(route.0) << 24)
}

impl SourceNames {
    pub(super) fn new(source: &str, budget: Budget) -> Self {
        Self {
            source: source.into(),
            budget,
        }
    }

    pub(super) fn with<'n>(&'n self, router: &'n Router) -> KeyNames<'n> {
        KeyNames {
            names: self,
            router,
        }
    }
}

impl Names for KeyNames<'_> {
    fn label(&self, key: Key, label: &str) -> Arc<str> {
        match label {
            "source" => Arc::clone(&self.names.source),
            "method" => Method::ALL
                .into_iter()
                .find(|method| *method as u64 == key.0 & 0xff)
                .map_or(OTHER, Method::name)
                .into(),
            "status" => match key.0 >> 8 & 0xffff {
                0 => OTHER.into(),
                status => status.to_string().into(),
            },
            // The upper 40 bits hold a `u32`.
            "route" => self
                .router
                .name(RouteId(u32::try_from(key.0 >> 24).unwrap_or(0))),
            _ => OTHER.into(),
        }
    }

    fn overflow(&self, label: &str) -> Arc<str> {
        if label == "source" {
            Arc::clone(&self.names.source)
        } else {
            OTHER.into()
        }
    }

    fn admit(&self, series: usize) -> bool {
        self.names.budget.take(series)
    }
}
