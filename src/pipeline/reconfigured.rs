//! Other settings for a pipeline that has counted lines.
//!
//! Invariant: routes that were counted keep their names.

use std::sync::Arc;

use super::{Pipeline, Settings};
use crate::label::Budget;
use crate::route::{Resolver, Router};

impl Pipeline {
    /// Replaces the settings; keeps the routes it has learned.
    #[must_use]
    pub fn reconfigure(self, settings: Settings, budget: Budget) -> Self {
        let mut new = Self::new(settings, budget);
        let learns = |pipeline: &Self| pipeline.router.resolver().is_none();
        if learns(&self) && learns(&new) {
            Self {
                router: self.router,
                ..new
            }
        } else {
            if self.router.folds() && new.router.folds() {
                new.router.resume(&self.router.save());
            }
            new
        }
    }

    /// Resolves views by another URLconf from the next line on. Its shard stays valid: routes that were counted keep
    /// their names.
    pub fn set_views(&mut self, resolver: Arc<Resolver>) {
        let router = std::mem::replace(&mut self.router, Router::new(0));
        self.router = router.with_urlconf(Arc::clone(&resolver), self.settings.max_routes);
        self.settings.routes = Some(resolver);
    }
}
