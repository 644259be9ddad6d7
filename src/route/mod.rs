//! Maps a request target to a route.
//!
//! Invariant: a route is a view of the site's URLconf or, without one or where it has none, a path that the site served,
//! with everything that looks like data folded. There are at most as many routes as configured; every other
//! request counts as [`RouteId::OTHER`] or as unresolved.

mod fold;
mod names;
mod resolver;
mod saved;
mod urlconf;
mod view;
mod word;

use std::sync::Arc;

use crate::model::Status;

use names::Names;

pub use names::RouteId;
pub use resolver::{
    Engine, Explanation, NearMiss, PrefixAdvice, Resolver, Rewrite, RewriteError, Rewrites,
};
pub use urlconf::{
    Languages, Level, LevelKind, PATTERN_BYTES, PathTemplate, Route, Urlconf, VIEW_BYTES,
};

/// Outcome of routing one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The target resolves to a view of the URLconf.
    View(RouteId),
    /// The target resolves to no view; the id is that of [`Router::UNRESOLVED`].
    Unresolved(RouteId),
    /// Without a URLconf: the folded path, [`RouteId::OTHER`] until it is learned.
    Folded(RouteId),
}

/// Names the routes of one source's requests.
///
/// With a URLconf, a request counts for the view that Django resolves its path to.
///
/// Without one, routes are learned from the traffic by folding what looks like data in a path. A folded
/// path becomes a route when the site serves it (2xx, 302 to 304, 307) or fails on it (500); until
/// then, and past the cap, its requests count as [`RouteId::OTHER`]. So a scan for `/wp-login.php`
/// creates no series.
///
/// With a URLconf that [folds unmatched paths](Resolver::folds_unmatched), [`Router::refine`] does the same for requests
/// that resolve to no view.
#[derive(Debug)]
pub struct Router {
    names: Names,
    mode: Mode,
    max_routes: usize,
    /// Routes that were learned by folding.
    learned: usize,
    /// Views that were registered by a line's view field.
    registered: usize,
    /// Holds a folded or unescaped path.
    scratch: Vec<u8>,
    /// True if names are only learned from another router.
    is_replica: bool,
    /// True if the patterns of one view have routes of their own.
    is_by_pattern: bool,
}

/// The names that a router learned from lines. They are only ever added to.
#[derive(Clone, Debug, Default)]
pub struct LearnedNames {
    /// All names, in the order of their ids.
    texts: Vec<Arc<str>>,
    /// Number of routes learned by folding.
    folded: usize,
    /// Number of views registered.
    registered: usize,
}

#[derive(Debug)]
enum Mode {
    Learning,
    Views(Views),
}

#[derive(Debug)]
struct Views {
    resolver: Arc<Resolver>,
    /// By route of the URLconf: the route of requests that resolve to it.
    ids: Box<[RouteId]>,
    /// By route of the URLconf: the route of its view without a pattern. Empty unless patterns have routes of their own.
    plain: Box<[RouteId]>,
    unresolved: RouteId,
}

impl Resolution {
    /// Returns the route that the request counts for.
    #[inline]
    pub fn id(self) -> RouteId {
        match self {
            Self::View(id) | Self::Unresolved(id) | Self::Folded(id) => id,
        }
    }
}

impl Router {
    /// Name of requests that resolve to no view, as django-prometheus writes it.
    pub const UNRESOLVED: &str = "<unnamed view>";
    /// Default of the most routes that are learned from lines.
    pub const MAX_ROUTES: usize = 500;

    /// Makes a router that learns at most `max_routes` routes.
    pub fn new(max_routes: usize) -> Self {
        Self {
            names: Names::new("<other>"),
            mode: Mode::Learning,
            max_routes,
            learned: 0,
            registered: 0,
            scratch: Vec::with_capacity(2 * fold::NAME_BYTES),
            is_replica: false,
            is_by_pattern: false,
        }
    }

    /// Gives the patterns of one view in a URLconf routes of their own, if `is_by_pattern`. They have the view's name. Call it
    /// before [`Self::with_urlconf`].
    #[must_use]
    pub fn by_pattern(self, is_by_pattern: bool) -> Self {
        Self {
            is_by_pattern,
            ..self
        }
    }

    /// Makes this router a replica: it learns nothing from requests. A route that another router might have learned by
    /// then is undecided: its id is none that the other router gives out.
    #[must_use]
    pub fn replica(self) -> Self {
        Self {
            is_replica: true,
            ..self
        }
    }

    /// Adds what was learned since the last call with the same `names`.
    pub fn publish(&self, names: &mut LearnedNames) {
        let known = names.texts.len();
        let new = self.names.texts().get(known..).unwrap_or_default();
        names.texts.extend_from_slice(new);
        names.folded = self.learned;
        names.registered = self.registered;
    }

    /// Learns the names of another router that was made in the same way.
    pub fn adopt(&mut self, names: &LearnedNames) {
        let known = self.names.texts().len();
        for text in names.texts.get(known..).unwrap_or_default() {
            self.names.intern(text.as_bytes());
        }
        self.learned = names.folded;
        self.registered = names.registered;
    }

    /// Makes a router for a URLconf. Views past the first `max_routes` are [`RouteId::OTHER`]; without a cap, none is.
    /// Names that lines state have a cap in either case, by default [`Router::MAX_ROUTES`].
    pub fn from_urlconf(resolver: Arc<Resolver>, max_routes: Option<usize>) -> Self {
        Self::new(Self::MAX_ROUTES).with_urlconf(resolver, max_routes)
    }

    /// Replaces the URLconf. Ids already given out keep their names, so counts made under them stay
    /// right; a view that both have keeps its id.
    #[must_use]
    pub fn with_urlconf(mut self, resolver: Arc<Resolver>, max_routes: Option<usize>) -> Self {
        let unresolved = self.names.intern(Self::UNRESOLVED.as_bytes());
        let mut views = std::collections::BTreeSet::new();
        let (mut ids, mut plain) = (Vec::new(), Vec::new());
        for route in &resolver.urlconf().routes {
            let is_known = views.contains(route.view.as_str());
            if !is_known && max_routes.is_some_and(|most| views.len() >= most) {
                ids.push(RouteId::OTHER);
                plain.push(RouteId::OTHER);
                continue;
            }
            views.insert(route.view.as_str());
            let view = self.names.intern(route.view.as_bytes());
            plain.push(view);
            ids.push(match route.label() {
                Some(pattern) if self.is_by_pattern => {
                    self.names.intern_pattern(&route.view, pattern)
                }
                _ => view,
            });
        }
        if !self.is_by_pattern {
            plain.clear();
        }
        self.mode = Mode::Views(Views {
            ids: ids.into(),
            plain: plain.into(),
            unresolved,
            resolver,
        });
        self.max_routes = max_routes.unwrap_or(Self::MAX_ROUTES);
        self
    }

    /// Returns the resolver; `None` while routes are learned.
    pub fn resolver(&self) -> Option<&Arc<Resolver>> {
        match &self.mode {
            Mode::Learning => None,
            Mode::Views(views) => Some(&views.resolver),
        }
    }

    /// Returns whether routes are learned by folding paths: all, or those that resolve to no view.
    pub fn folds(&self) -> bool {
        let mut resolver = self.resolver().into_iter();
        resolver.all(|resolver| resolver.folds_unmatched())
    }

    /// Returns the routes of all views under the cap and, unless their paths are folded, of requests that resolve to
    /// none; `None` if all paths are folded.
    pub fn views(&self) -> Option<impl Iterator<Item = RouteId>> {
        let Mode::Views(views) = &self.mode else {
            return None;
        };
        let unresolved = (!views.resolver.folds_unmatched()).then_some(views.unresolved);
        let ids = views.ids.iter().copied().chain(unresolved);
        let distinct: std::collections::BTreeSet<RouteId> =
            ids.filter(|id| *id != RouteId::OTHER).collect();
        Some(distinct.into_iter())
    }

    /// Returns the route of a request target as logged. The status matters only while learning.
    #[expect(
        clippy::inline_always,
        reason = "once for each line, in two copies of the loop over lines: one watches"
    )]
    #[inline(always)]
    pub fn route(&mut self, target: &[u8], status: Option<Status>) -> RouteId {
        self.resolve(target, status).id()
    }

    /// Resolves a request target as logged. The status matters only while learning.
    #[expect(
        clippy::inline_always,
        reason = "once for each line, in two copies of the loop over lines: one watches"
    )]
    #[inline(always)]
    pub fn resolve(&mut self, target: &[u8], status: Option<Status>) -> Resolution {
        match &mut self.mode {
            Mode::Learning => Resolution::Folded(self.learn(target, status)),
            Mode::Views(views) => {
                let route = views.resolver.resolve(target, &mut self.scratch);
                match route.and_then(|route| views.ids.get(route)) {
                    Some(id) => Resolution::View(*id),
                    None => Resolution::Unresolved(views.unresolved),
                }
            }
        }
    }

    /// Returns the route of a view that a line names, registering it up to the cap and as
    /// [`RouteId::OTHER`] past it. What looks like data in a name that the URLconf does not have is folded. `None` if
    /// the text is not a valid view name.
    pub fn register_view(&mut self, view: &[u8]) -> Option<RouteId> {
        if let Some(known) = self.names.find(view)
            && is_view_name(view)
        {
            return Some(known);
        }
        let view = view::fold(view, &mut self.scratch)?;
        if let Some(known) = self.names.find(view) {
            return Some(known);
        }
        if self.registered >= self.max_routes {
            return Some(RouteId::OTHER);
        }
        if self.is_replica {
            return Some(RouteId::UNDECIDED);
        }
        self.registered += 1;
        Some(self.names.intern(view))
    }

    /// Returns the route of a request whose line states its view, or that resolved to no view: the stated view with the
    /// pattern that the target resolves to, and the folded path instead of no view. Other routes stay as they are.
    pub fn refine(&mut self, route: RouteId, target: &[u8], status: Option<Status>) -> RouteId {
        let Mode::Views(views) = &self.mode else {
            return route;
        };
        if route == views.unresolved {
            return if views.resolver.folds_unmatched() {
                self.learn(target, status)
            } else {
                route
            };
        }
        if views.plain.is_empty() {
            return route;
        }
        let resolved = views.resolver.resolve(target, &mut self.scratch);
        match resolved {
            Some(at) if views.plain.get(at) == Some(&route) => views.ids[at],
            _ => route,
        }
    }

    fn learn(&mut self, target: &[u8], status: Option<Status>) -> RouteId {
        let Some(folded) = fold::fold(target, &mut self.scratch) else {
            return RouteId::OTHER;
        };
        if let Some(known) = self.names.find(folded) {
            return known;
        }
        if self.learned >= self.max_routes {
            return RouteId::OTHER;
        }
        if self.is_replica {
            return RouteId::UNDECIDED;
        }
        if !status.is_some_and(proves_path) {
            return RouteId::OTHER;
        }
        self.learned += 1;
        self.names.intern(folded)
    }

    /// Returns the name of a route, as the label `route` shows it.
    pub fn name(&self, id: RouteId) -> Arc<str> {
        self.names.name(id)
    }

    /// Returns the URLconf's pattern of a route, if the route has one.
    pub fn pattern(&self, id: RouteId) -> Option<&str> {
        self.names.pattern(id)
    }
}

/// Returns whether a text has the length and the characters of a view's name. Folded paths have others.
fn is_view_name(view: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte);
    view != b"-" && (1..=VIEW_BYTES).contains(&view.len()) && view.iter().all(is_part)
}

/// Returns whether a response of this status proves that the site serves the path.
fn proves_path(status: Status) -> bool {
    matches!(status.code(), 101 | 200..=299 | 302..=304 | 307 | 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(router: &mut Router, target: &str, status: &str) -> String {
        let id = router.route(target.as_bytes(), Status::from_digits(status.as_bytes()));
        router.name(id).to_string()
    }

    #[test]
    fn only_served_paths_become_routes() {
        let mut router = Router::new(10);
        assert_eq!(name(&mut router, "/articles/7/", "404"), "<other>");
        assert_eq!(name(&mut router, "/articles/7/", "200"), "/articles/<int>/");
        assert_eq!(
            name(&mut router, "/articles/8/?q=1", "404"),
            "/articles/<int>/"
        );
        assert_eq!(name(&mut router, "/wp-login.php", "301"), "<other>");
        assert_eq!(name(&mut router, "*", "200"), "<other>");
        assert_eq!(name(&mut router, "/live/", "101"), "/live/");
    }

    #[test]
    fn a_view_named_by_a_line_is_registered_up_to_the_cap() {
        let mut router = Router::new(2);
        let mut named = |view: &str| {
            let id = router.register_view(view.as_bytes());
            id.map(|id| router.name(id).to_string())
        };
        assert_eq!(named("shop:cart").as_deref(), Some("shop:cart"));
        assert_eq!(named("app.views.Cart").as_deref(), Some("app.views.Cart"));
        assert_eq!(named("one_too_many").as_deref(), Some("<other>"));
        assert_eq!(named("shop:cart").as_deref(), Some("shop:cart"));
        assert_eq!(named("one_too_many:7").as_deref(), Some("<other>"));
        let long = "v".repeat(VIEW_BYTES + 1);
        for none in [
            "",
            "-",
            "a b",
            "/path/",
            "jane@example.com",
            r"a\x22",
            "é",
            &long,
        ] {
            assert_eq!(named(none), None, "{none}");
        }
    }

    #[test]
    fn data_in_a_view_that_a_line_names_is_folded_unless_the_urlconf_has_it() {
        let hash = "0e984725c51c4bf49960e1c80e27aba0";
        let named = |router: &mut Router, view: &str| {
            let id = router.register_view(view.as_bytes()).unwrap();
            router.name(id).to_string()
        };
        let mut router = Router::new(2);
        assert_eq!(named(&mut router, "order-1"), "order-<int>");
        assert_eq!(named(&mut router, "order-2"), "order-<int>");
        assert_eq!(named(&mut router, hash), "<hex>");
        assert_eq!(named(&mut router, &hash.replace('0', "1")), "<hex>");
        let mut router = Router::from_urlconf(views(&[hash]), None);
        assert_eq!(named(&mut router, hash), hash);
    }

    #[test]
    fn past_the_cap_everything_is_other() {
        let mut router = Router::new(2);
        assert_eq!(name(&mut router, "/a", "200"), "/a");
        assert_eq!(name(&mut router, "/b", "200"), "/b");
        assert_eq!(name(&mut router, "/c", "200"), "<other>");
        assert_eq!(name(&mut router, "/a", "500"), "/a");
    }

    fn views(names: &[&str]) -> Arc<Resolver> {
        let mut urlconf = Urlconf::default();
        for name in names {
            let template = PathTemplate::parse(
                &format!("/{name}/<int:x>/"),
                &std::collections::BTreeMap::new(),
            );
            urlconf.routes.push(template.unwrap().route(name).unwrap());
        }
        let mut report = crate::diag::Report::default();
        Arc::new(Resolver::new(urlconf, None, &mut report))
    }

    #[test]
    fn a_target_counts_for_its_view_whatever_its_status() {
        let mut router = Router::from_urlconf(views(&["a", "b"]), Some(10));
        assert_eq!(name(&mut router, "/a/1/?q", "404"), "a");
        assert_eq!(name(&mut router, "/a/x/", "200"), "<unnamed view>");
        assert_eq!(name(&mut router, "*", "200"), "<unnamed view>");
        assert!(matches!(
            router.resolve(b"/b/2/", None),
            Resolution::View(_)
        ));
        assert!(matches!(
            router.resolve(b"/c", None),
            Resolution::Unresolved(_)
        ));
    }

    #[test]
    fn views_past_the_cap_are_other_but_resolved() {
        let mut router = Router::from_urlconf(views(&["a", "b", "a"]), Some(1));
        assert_eq!(
            router.resolve(b"/b/2/", None),
            Resolution::View(RouteId::OTHER)
        );
        assert_eq!(name(&mut router, "/a/1/", "200"), "a");
    }

    #[test]
    fn without_a_cap_every_view_of_the_urlconf_is_a_route() {
        let names: Vec<String> = (0..2_183).map(|number| format!("view-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut router = Router::from_urlconf(views(&names), None);
        assert_eq!(name(&mut router, "/view-2182/1/", "200"), "view-2182");
        assert_eq!(router.views().unwrap().count(), 2_184);
        for number in 0..600 {
            router.register_view(format!("other_{}", "x".repeat(number % 30)).as_bytes());
            let letters = [number / 26 % 26, number % 26]
                .map(|at| char::from(b'a' + u8::try_from(at).unwrap()));
            router.register_view(format!("named_{}{}", letters[0], letters[1]).as_bytes());
        }
        assert_eq!(router.registered, Router::MAX_ROUTES);
    }

    #[test]
    fn replacing_the_urlconf_keeps_ids() {
        let mut router = Router::new(10);
        let learned = router.route(b"/c/1/", Status::from_digits(b"200"));
        let mut router = router.with_urlconf(views(&["a", "b"]), Some(10));
        let old = router.route(b"/b/1/", None);
        let mut router = router.with_urlconf(views(&["c", "b"]), Some(10));
        assert_eq!(router.route(b"/b/1/", None), old);
        assert_eq!(name(&mut router, "/c/1/", "200"), "c");
        assert_eq!(&*router.name(learned), "/c/<int>/");
        assert_eq!(&*router.name(old), "b");
    }

    /// Creates a URLconf of these templates and their views.
    fn templates(routes: &[(&str, &str)], folds: bool) -> Arc<Resolver> {
        let mut urlconf = Urlconf::default();
        for (template, view) in routes {
            let template = PathTemplate::parse(template, &std::collections::BTreeMap::new());
            urlconf.routes.push(template.unwrap().route(view).unwrap());
        }
        let mut report = crate::diag::Report::default();
        Arc::new(Resolver::new(urlconf, None, &mut report).folding_unmatched(folds))
    }

    fn by_pattern(routes: &[(&str, &str)]) -> Router {
        Router::new(10)
            .by_pattern(true)
            .with_urlconf(templates(routes, false), None)
    }

    /// Returns the name and the pattern of a target's route.
    fn both(router: &mut Router, target: &str) -> (String, Option<String>) {
        let id = router.route(target.as_bytes(), Status::from_digits(b"200"));
        let pattern = router.pattern(id).map(str::to_owned);
        (router.name(id).to_string(), pattern)
    }

    const YEARS: [(&str, &str); 3] = [("/a/", "a"), ("/a/<int:year>/", "a"), ("/b/", "b")];

    #[test]
    fn patterns_of_one_view_are_distinguished_only_on_request() {
        let mut router = by_pattern(&YEARS);
        let of = |view: &str, pattern: &str| (view.to_owned(), Some(pattern.to_owned()));
        assert_eq!(both(&mut router, "/a/"), of("a", "a/"));
        assert_eq!(both(&mut router, "/a/2026/"), of("a", "a/<int:year>/"));
        assert_eq!(both(&mut router, "/b/"), of("b", "b/"));
        assert_eq!(both(&mut router, "/c/"), (Router::UNRESOLVED.into(), None));
        let mut plain = Router::from_urlconf(templates(&YEARS, false), None);
        assert_eq!(plain.route(b"/a/", None), plain.route(b"/a/2026/", None));
        assert_eq!(both(&mut plain, "/a/"), ("a".to_owned(), None));
        // A folded path is not a pattern.
        let mut folding = Router::new(10).by_pattern(true);
        assert_eq!(both(&mut folding, "/a/7"), ("/a/<int>".to_owned(), None));
    }

    #[test]
    fn a_pattern_that_is_too_long_for_a_label_is_none() {
        let long = format!("/{}/", "x".repeat(PATTERN_BYTES - 1));
        let longer = format!("/{}/", "x".repeat(PATTERN_BYTES));
        let mut router = by_pattern(&[(&long, "long"), (&longer, "longer")]);
        assert_eq!(both(&mut router, &long).1.as_deref(), Some(&long[1..]));
        assert_eq!(both(&mut router, &longer), ("longer".to_owned(), None));
    }

    #[test]
    fn the_pattern_of_a_stated_view_is_that_of_the_path_if_it_leads_there() {
        let mut router = by_pattern(&YEARS);
        let mut refined = |view: &str, target: &str| {
            let stated = router.register_view(view.as_bytes()).unwrap();
            let id = router.refine(stated, target.as_bytes(), None);
            let pattern = router.pattern(id).map(str::to_owned);
            (router.name(id).to_string(), pattern)
        };
        let year = Some("a/<int:year>/".to_owned());
        assert_eq!(refined("a", "/a/2026/?page=2"), ("a".to_owned(), year));
        assert_eq!(refined("b", "/a/2026/"), ("b".to_owned(), None));
        assert_eq!(refined("other", "/nowhere"), ("other".to_owned(), None));
    }

    #[test]
    fn patterns_keep_their_ids_when_the_urlconf_is_replaced_and_are_not_saved() {
        let mut router = by_pattern(&YEARS);
        let (year, plain) = (router.route(b"/a/2026/", None), router.register_view(b"a"));
        let saved = router.save();
        assert!(saved.names.iter().all(|name| !name.contains("year")));
        let replaced = [("/a/<int:year>/", "a"), ("/new/", "a")];
        let mut router = router.with_urlconf(templates(&replaced, false), None);
        assert_eq!(router.route(b"/a/7/", None), year);
        assert_eq!(router.register_view(b"a"), plain);
        assert_eq!(both(&mut router, "/new/").1.as_deref(), Some("new/"));
        let mut resumed = by_pattern(&YEARS);
        resumed.resume(&saved);
        assert_eq!(
            both(&mut resumed, "/a/1/").1.as_deref(),
            Some("a/<int:year>/")
        );
        assert_eq!(resumed.save(), saved);
    }

    fn refined(router: &mut Router, target: &str, status: &str) -> String {
        let status = Status::from_digits(status.as_bytes());
        let id = router.route(target.as_bytes(), status);
        let id = router.refine(id, target.as_bytes(), status);
        router.name(id).to_string()
    }

    #[test]
    fn paths_without_a_view_are_folded_on_request_once_they_were_served() {
        let folding = |most| Router::new(10).with_urlconf(templates(&YEARS, true), Some(most));
        let mut router = folding(2);
        assert_eq!(refined(&mut router, "/a/7/", "200"), "a");
        assert_eq!(refined(&mut router, "/media/7/", "404"), "<other>");
        assert_eq!(refined(&mut router, "/media/7/", "200"), "/media/<int>/");
        assert_eq!(refined(&mut router, "/media/8/", "404"), "/media/<int>/");
        assert_eq!(refined(&mut router, "/robots.txt", "200"), "/robots.txt");
        assert_eq!(refined(&mut router, "/one/too/many", "200"), "<other>");
        assert!(router.folds());
        let names: Vec<String> = (router.views().unwrap())
            .map(|id| router.name(id).to_string())
            .collect();
        assert_eq!(names, ["a", "b"]);
        // What was learned is saved, and takes the same room again.
        let saved = router.save();
        assert_eq!((saved.are_folded, saved.folded), (false, 2));
        let mut resumed = folding(2);
        resumed.resume(&saved);
        assert_eq!(refined(&mut resumed, "/media/9/", "404"), "/media/<int>/");
        assert_eq!(refined(&mut resumed, "/one/more", "200"), "<other>");
        // Without the option, such requests count as before.
        let mut strict = Router::from_urlconf(templates(&YEARS, false), None);
        strict.resume(&saved);
        assert_eq!(refined(&mut strict, "/media/9/", "200"), Router::UNRESOLVED);
        assert_eq!(strict.save().folded, 2);
    }

    #[test]
    fn a_replica_of_a_router_that_folds_unmatched_paths_learns_nothing_itself() {
        let folding = || Router::new(10).with_urlconf(templates(&YEARS, true), None);
        let (mut main, mut replica) = (folding(), folding().replica());
        let status = Status::from_digits(b"200");
        let route = |router: &mut Router| {
            let id = router.route(b"/media/7/", status);
            router.refine(id, b"/media/7/", status)
        };
        assert_eq!(route(&mut replica), RouteId::UNDECIDED);
        let learned = route(&mut main);
        let mut names = LearnedNames::default();
        main.publish(&mut names);
        replica.adopt(&names);
        assert_eq!(route(&mut replica), learned);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_targets_stay_under_the_cap(targets: Vec<Vec<u8>>) {
            let mut router = Router::new(3);
            for target in targets {
                let id = router.route(&[b"/", &*target].concat(), Status::from_digits(b"200"));
                let name = router.name(id);
                proptest::prop_assert!(id.0 <= 3 && name.len() <= fold::NAME_BYTES && name.is_ascii());
            }
        }
    }
}
