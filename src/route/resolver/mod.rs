//! Resolves a path to the view that Django would find.
//!
//! Invariant: the result is the first route, in Django's order, whose chain matches. The trie and the slower
//! engines only share the work.

mod chain;
mod explain;
mod guard;
mod lower;
mod narrow;
mod path;
mod prefix;
mod rewrite;
mod segment;
mod slow;
mod table;
mod target;
mod token;
mod trie;
mod words;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::diag::{Fault, FaultList, Report};

use chain::Chain;
use guard::{LanguageGuard, RouteGuard, Unguarded};
use path::Path;
use slow::SlowRoutes;
use trie::{NONE, Trie, TrieBuilder};

pub use explain::{Explanation, NearMiss};
pub use prefix::PrefixAdvice;
pub use rewrite::{Rewrite, RewriteError, Rewrites};

use super::urlconf::{Route, Urlconf};

/// A URLconf compiled to resolve paths.
#[derive(Clone, Debug)]
pub struct Resolver {
    urlconf: Urlconf,
    rewrites: Rewrites,
    prefix: String,
    /// True if Django receives other paths than the log shows, because of a prefix or a rewrite.
    is_moved: bool,
    trie: Trie,
    /// Routes that tokens cannot express.
    slow: SlowRoutes,
    /// The first slow route, or `NONE`.
    first_slow: u32,
    /// Engine of each route.
    engines: Box<[Engine]>,
    /// By route: true if the route depends on the language of the path.
    guarded: Box<[bool]>,
    has_guards: bool,
    folds_unmatched: bool,
}

/// Method of matching a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One trie that holds all routes of this kind.
    Trie,
    /// The route's regular expressions, tried one route after the other.
    Regex,
    /// Expressions with look-around or backreferences, whose matching time is not linear.
    Backtracking,
    /// The route is never matched, because an expression cannot be compiled.
    None,
}

impl Engine {
    /// Returns the name that `routes` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trie => "trie",
            Self::Regex => "regex",
            Self::Backtracking => "backtracking",
            Self::None => "none",
        }
    }
}

impl Resolver {
    /// Compiles a URLconf, and warns of what does not work as in Django. `prefix` is the beginning of logged
    /// paths that Django's routes do not see, by default the dump's script name.
    pub fn new(urlconf: Urlconf, prefix: Option<&str>, report: &mut Report) -> Self {
        let prefix = prefix
            .or(urlconf.script_name.as_deref())
            .unwrap_or_default();
        let prefix = prefix.trim_end_matches('/').to_owned();
        let mut builder = TrieBuilder::new();
        let (mut slow, mut engines, mut guarded) = (Vec::new(), Vec::new(), Vec::new());
        let mut uncompiled = FaultList::default();
        for (route, order) in urlconf.routes.iter().zip(0..NONE) {
            guarded.push(guard::needs_guard(route, &urlconf));
            if let Some(alternatives) = lower::lower_route(route, urlconf.int_digits) {
                for alternative in &alternatives {
                    builder.add(order, alternative);
                }
                engines.push(Engine::Trie);
                continue;
            }
            engines.push(match Chain::compile(route, urlconf.int_digits) {
                Ok(chain) => {
                    let is_backtracking = chain.is_backtracking();
                    slow.push((order, chain));
                    if is_backtracking {
                        Engine::Backtracking
                    } else {
                        Engine::Regex
                    }
                }
                Err(reason) => {
                    uncompiled.push(uncompiled_warning(route, &reason));
                    Engine::None
                }
            });
        }
        let count = uncompiled.count();
        uncompiled.report(
            [
                "route that cannot be matched",
                "routes that cannot be matched",
            ],
            report,
        );
        if count > 1 {
            let all = urlconf.routes.len();
            let message = format!("{count} of {all} routes cannot be matched");
            report.push(Fault::warning(message));
        }
        for converter in &urlconf.refusing {
            report.extend(converter_warning(&urlconf, converter));
        }
        let slow = SlowRoutes::new(slow, &urlconf.routes);
        Self {
            rewrites: Rewrites::default(),
            is_moved: !prefix.is_empty(),
            prefix,
            trie: builder.build(),
            first_slow: slow.first(),
            slow,
            engines: engines.into(),
            has_guards: guarded.contains(&true),
            guarded: guarded.into(),
            urlconf,
            folds_unmatched: false,
        }
    }

    /// Adds rewrites, applied before the prefix is stripped, and warns of those that lead out of it.
    #[must_use]
    pub fn with_rewrites(mut self, rewrites: Rewrites, report: &mut Report) -> Self {
        let all = rewrites.as_slice().iter();
        report.extend(all.filter_map(|rewrite| rewrite.outside_warning(&self.prefix)));
        self.is_moved |= !rewrites.as_slice().is_empty();
        self.rewrites = rewrites;
        self
    }

    /// Folds the paths that resolve to no view, if `folds`.
    #[must_use]
    pub fn folding_unmatched(self, folds: bool) -> Self {
        Self {
            folds_unmatched: folds,
            ..self
        }
    }

    /// Returns whether paths that resolve to no view are folded.
    pub fn folds_unmatched(&self) -> bool {
        self.folds_unmatched
    }

    /// Returns the URLconf.
    pub fn urlconf(&self) -> &Urlconf {
        &self.urlconf
    }

    /// Returns the number of distinct views.
    pub fn views(&self) -> usize {
        let views = self.urlconf.routes.iter().map(|route| &*route.view);
        views.collect::<BTreeSet<&str>>().len()
    }

    /// Returns the number of distinct patterns of views.
    pub fn patterns(&self) -> usize {
        let routes = self.urlconf.routes.iter();
        let patterns = routes.map(|route| (&*route.view, &*route.shown));
        patterns.collect::<BTreeSet<_>>().len()
    }

    /// Returns the engine of each route, in Django's order.
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// Returns the rewrites.
    pub fn rewrites(&self) -> &Rewrites {
        &self.rewrites
    }

    /// Returns the prefix that is stripped, without a slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the index of the route that a request target resolves to. `scratch` holds an unescaped or
    /// rewritten path.
    #[inline]
    pub fn resolve(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        if self.is_moved {
            return self.resolve_moved(target, scratch);
        }
        let target = target::from_path(target)?;
        let path = Path::scan(target);
        if path.is_plain() {
            self.resolve_rest(&path, path::START)
        } else {
            self.resolve_escaped(target, scratch)
        }
    }

    /// Resolves a path with escapes or bytes beyond ASCII.
    #[cold]
    #[inline(never)]
    fn resolve_escaped(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        self.resolve_rest(&Path::unescaped(target, scratch), path::START)
    }

    /// Resolves a target with a prefix or rewrites.
    #[cold] // Most sites have neither.
    #[inline(never)]
    fn resolve_moved(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        let path = Path::from_target(target, scratch)?;
        let Some(rewrite) = self.rewrites.find(path.bytes()) else {
            return self.resolve_path(&path);
        };
        let (cut, by) = (rewrite.from().len(), rewrite.to().as_bytes());
        let start = target::write_rewritten(target, cut, by, scratch)?;
        self.resolve_path(&Path::from_unescaped(&scratch[start..]))
    }

    /// Resolves a path whose prefix is rewritten already.
    fn resolve_path(&self, path: &Path<'_>) -> Option<usize> {
        let at = path.below(self.prefix.as_bytes())?;
        self.resolve_rest(path, at)
    }

    /// Resolves a path from `at` on.
    #[inline]
    fn resolve_rest(&self, path: &Path<'_>, at: u32) -> Option<usize> {
        let best = if self.has_guards {
            let guard = LanguageGuard {
                urlconf: &self.urlconf,
                guarded: &self.guarded,
                path: path.rest(at),
                language: OnceCell::new(),
            };
            self.first_match(path, at, &guard)
        } else {
            self.first_match(path, at, &Unguarded)
        };
        (best != NONE).then_some(best as usize)
    }

    /// Returns the first route that matches a path from `at` on, or `NONE`.
    #[inline]
    fn first_match(&self, path: &Path<'_>, at: u32, guard: &impl RouteGuard) -> u32 {
        let best = self.trie.find(path, at, guard);
        if best <= self.first_slow {
            return best;
        }
        self.slow
            .find(path.rest(at), best, |order| guard.admits(order))
    }
}

#[cfg(test)]
impl Resolver {
    /// Returns the view that a target resolves to, or `-`.
    pub(crate) fn view_of(&self, target: &str) -> &str {
        let route = self.resolve(target.as_bytes(), &mut Vec::new());
        route.map_or("-", |route| &self.urlconf.routes[route].view)
    }
}

fn uncompiled_warning(route: &Route, reason: &str) -> Fault {
    Fault::warning(format!(
        "the route `{}` of view `{}` cannot be matched: {reason}",
        route.shown, route.view
    ))
    .help("its requests count for the next view that matches, or as unresolved; change the route's regular expression")
}

/// Warns of a converter if some route uses it.
fn converter_warning(urlconf: &Urlconf, converter: &str) -> Option<Fault> {
    let mut views: Vec<&str> = urlconf
        .routes
        .iter()
        .filter(|route| route.refusing(urlconf).any(|used| used == converter))
        .map(|route| route.view.as_str())
        .collect();
    views.dedup();
    let (first, more) = views.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(
        Fault::warning(format!(
            "the converter `{converter}` of view `{first}`{more} may reject values that its regex matches"
        ))
        .help("requests with such values count for its view; Django would try the next pattern"),
    )
}

#[cfg(test)]
mod tests;
