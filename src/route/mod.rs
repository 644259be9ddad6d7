//! From a request target to the route it belongs to.
//!
//! Invariant: a route's name is a path the site answered well, what looks like data in it folded;
//! there are never more of them than the configured number, and everything else is
//! [`RouteId::OTHER`].

mod fold;

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::model::Status;

/// A route of one [`Router`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// Learns a site's routes from its traffic, by folding what looks like data in a path.
///
/// A template becomes a route when the site answers it well (2xx, 302 to 304, 307) or fails on it
/// (500); until then, and past the cap, requests for it are [`RouteId::OTHER`]. So a scan for
/// `/wp-login.php` makes no series.
#[derive(Debug)]
pub struct Router {
    names: Vec<Arc<str>>,
    ids: HashTable<u32>,
    hasher: RandomState,
    max_routes: usize,
    folded: Vec<u8>,
}

impl RouteId {
    /// Whatever is no known route.
    pub const OTHER: Self = Self(0);
}

impl Router {
    /// Longest name of a route, in bytes.
    pub const NAME_BYTES: usize = 128;

    /// Learns at most `max_routes` routes.
    pub fn new(max_routes: usize) -> Self {
        Self {
            names: vec!["<other>".into()],
            ids: HashTable::new(),
            hasher: RandomState::default(),
            max_routes,
            folded: Vec::with_capacity(2 * Self::NAME_BYTES),
        }
    }

    /// The route of a request target as logged, and of the status it got.
    pub fn route(&mut self, target: &[u8], status: Option<Status>) -> RouteId {
        let Some(folded) = fold::fold(target, &mut self.folded) else {
            return RouteId::OTHER;
        };
        let hash = self.hasher.hash_one(folded);
        let names = &self.names;
        let name = |id: u32| names.get(id as usize).map(|name| name.as_bytes());
        if let Some(id) = self.ids.find(hash, |id| name(*id) == Some(folded)) {
            return RouteId(*id);
        }
        if self.ids.len() >= self.max_routes || !status.is_some_and(teaches) {
            return RouteId::OTHER;
        }
        // Folding writes ASCII only.
        let Ok(learned) = std::str::from_utf8(folded) else {
            return RouteId::OTHER;
        };
        let Ok(id) = u32::try_from(self.names.len()) else {
            return RouteId::OTHER;
        };
        self.names.push(learned.into());
        let (names, hasher) = (&self.names, &self.hasher);
        let rehash = |id: &u32| {
            hasher.hash_one(
                names
                    .get(*id as usize)
                    .map_or(&b""[..], |name| name.as_bytes()),
            )
        };
        self.ids.insert_unique(hash, id, rehash);
        RouteId(id)
    }

    /// The name of a route, as the label `route` shows it.
    pub fn name(&self, id: RouteId) -> Arc<str> {
        let known = self.names.get(id.0 as usize).or(self.names.first());
        known.map_or_else(|| "<other>".into(), Arc::clone)
    }
}

/// Whether a response of this status says that the path exists.
fn teaches(status: Status) -> bool {
    matches!(status.code(), 200..=299 | 302..=304 | 307 | 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(router: &mut Router, target: &str, status: &str) -> String {
        let id = router.route(target.as_bytes(), Status::from_digits(status.as_bytes()));
        router.name(id).to_string()
    }

    #[test]
    fn a_route_is_learned_from_a_good_answer_only() {
        let mut router = Router::new(10);
        assert_eq!(name(&mut router, "/articles/7/", "404"), "<other>");
        assert_eq!(name(&mut router, "/articles/7/", "200"), "/articles/<int>/");
        assert_eq!(
            name(&mut router, "/articles/8/?q=1", "404"),
            "/articles/<int>/"
        );
        assert_eq!(name(&mut router, "/wp-login.php", "301"), "<other>");
        assert_eq!(name(&mut router, "*", "200"), "<other>");
    }

    #[test]
    fn past_the_cap_everything_is_other() {
        let mut router = Router::new(2);
        assert_eq!(name(&mut router, "/a", "200"), "/a");
        assert_eq!(name(&mut router, "/b", "200"), "/b");
        assert_eq!(name(&mut router, "/c", "200"), "<other>");
        assert_eq!(name(&mut router, "/a", "500"), "/a");
    }

    proptest::proptest! {
        #[test]
        fn any_targets_stay_under_the_cap(targets: Vec<Vec<u8>>) {
            let mut router = Router::new(3);
            for target in targets {
                let id = router.route(&[b"/", &*target].concat(), Status::from_digits(b"200"));
                let name = router.name(id);
                proptest::prop_assert!(id.0 <= 3 && name.len() <= Router::NAME_BYTES && name.is_ascii());
            }
        }
    }
}
