//! Conversion of a router's names to and from their saved form.

use std::sync::Arc;

use super::{Mode, Router};
use crate::model::SavedRoutes;

impl Router {
    /// Returns what another router needs to know the same names.
    pub fn save(&self) -> SavedRoutes {
        let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
        SavedRoutes {
            are_folded: matches!(self.mode, Mode::Learning),
            // Patterns are of the URLconf, not learned.
            names: self.names.plain().map(Arc::clone).collect(),
            folded: count(self.learned),
            stated: count(self.registered),
        }
    }

    /// Learns saved names. Those of a router of the other kind, views instead of folded paths, are left out.
    pub fn resume(&mut self, saved: &SavedRoutes) {
        if saved.are_folded != matches!(self.mode, Mode::Learning) {
            return;
        }
        for name in &saved.names {
            self.names.intern(name.as_bytes());
        }
        let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
        self.learned = count(saved.folded);
        self.registered = count(saved.stated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    #[test]
    fn a_resumed_router_knows_the_same_names_and_has_the_same_room() {
        let served = Status::from_digits(b"200");
        let mut router = Router::new(2);
        router.route(b"/articles/7/", served);
        router.register_view(b"shop:cart");
        let saved = router.save();
        let mut resumed = Router::new(2);
        resumed.resume(&saved);
        assert_eq!(resumed.save(), saved);
        let mut name = |target: &[u8]| {
            let id = resumed.route(target, None);
            resumed.name(id).to_string()
        };
        assert_eq!(name(b"/articles/8/"), "/articles/<int>/");
        assert_eq!(name(b"/other/"), "<other>");
        resumed.route(b"/b", served);
        resumed.route(b"/c", served);
        assert_eq!(resumed.save().names.len(), 3, "one more had room");
    }

    #[test]
    fn views_do_not_become_folded_paths() {
        let mut router = Router::new(2);
        let views = SavedRoutes {
            are_folded: false,
            names: vec!["shop:cart".into()],
            folded: 0,
            stated: 1,
        };
        router.resume(&views);
        assert!(router.save().names.is_empty());
    }
}
