//! The parts of a pipeline that outlive the process.

use super::Pipeline;
use crate::join::{Link, Tap};
use crate::model::SavedRoutes;

impl Pipeline {
    /// Returns the link whose first front the source is.
    pub fn led_link(&self) -> Option<&Link> {
        self.tap.as_ref().and_then(Tap::led_link)
    }

    /// Returns the names of routes.
    pub fn save_routes(&self) -> SavedRoutes {
        self.router.save()
    }

    /// Learns saved names of routes.
    pub fn resume_routes(&mut self, routes: &SavedRoutes) {
        self.router.resume(routes);
    }
}
