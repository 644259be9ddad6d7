//! From a path to the view that Django's resolver would find.
//!
//! Invariant: the answer is the first route, in Django's order, whose chain matches; the trie and
//! the slower engine only share the work.

mod chain;
mod explain;
mod lower;
mod path;
mod rewrite;
mod segment;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod trie;

use crate::diag::{Fault, Report};

use chain::{Chain, Needs};
use path::Path;
use trie::{Builder, Guard, NONE, Trie};

pub use explain::{Explanation, Near};
pub use rewrite::{NoRewrite, Rewrite, Rewrites};

use super::urlconf::{Route, Urlconf};

/// A URLconf, ready to resolve paths; shared by all that do.
#[derive(Clone, Debug)]
pub struct Resolver {
    urlconf: Urlconf,
    rewrites: Rewrites,
    prefix: String,
    /// Whether paths of the log are not those that the URLconf sees: there is a prefix, or a rewrite.
    is_moved: bool,
    trie: Trie,
    /// Routes that tokens cannot express, ascending.
    slow: Box<[(u32, Chain)]>,
    /// The first of them, or none.
    first_slow: u32,
    /// How each route is matched.
    engines: Box<[Engine]>,
    /// Routes that are there in some languages only, and not by their own prefix.
    guarded: Box<[bool]>,
    has_guards: bool,
}

/// How a route is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Segment by segment, together with all others of its kind.
    Trie,
    /// By regular expressions, one route behind the other.
    Regex,
    /// By expressions that look around or back; these may go back and forth.
    Backtracking,
    /// Not at all, for this reason.
    None(String),
}

impl Engine {
    /// As `routes` prints it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trie => "trie",
            Self::Regex => "regex",
            Self::Backtracking => "backtracking",
            Self::None(_) => "none",
        }
    }
}

impl Resolver {
    /// Makes a resolver. `prefix` is what paths begin with before they reach the site; without
    /// one, it is the script name of the dump. What does not work as in Django is a warning.
    pub fn new(urlconf: Urlconf, prefix: Option<&str>, report: &mut Report) -> Self {
        let prefix = prefix
            .or(urlconf.script_name.as_deref())
            .unwrap_or_default();
        let prefix = prefix.trim_end_matches('/').to_owned();
        let mut builder = Builder::new();
        let (mut slow, mut engines, mut guarded) = (Vec::new(), Vec::new(), Vec::new());
        for (route, order) in urlconf.routes.iter().zip(0..NONE) {
            guarded.push(route.languages.is_some() && !names_its_language(route, &urlconf));
            if let Some(ways) = lower::lower(route, urlconf.int_digits) {
                for way in &ways {
                    builder.add(order, way);
                }
                engines.push(Engine::Trie);
                continue;
            }
            engines.push(match Chain::compile(route, urlconf.int_digits) {
                Ok(chain) => {
                    let needs = chain.needs();
                    slow.push((order, chain));
                    match needs {
                        Needs::Nothing | Needs::Regex => Engine::Regex,
                        Needs::Fancy => Engine::Backtracking,
                    }
                }
                Err(reason) => {
                    report.push(unmatched(route, &reason));
                    Engine::None(reason)
                }
            });
        }
        for converter in &urlconf.refusing {
            report.extend(refusing(&urlconf, converter));
        }
        Self {
            rewrites: Rewrites::default(),
            is_moved: !prefix.is_empty(),
            prefix,
            trie: builder.build(),
            first_slow: slow.first().map_or(NONE, |(order, _)| *order),
            slow: slow.into(),
            engines: engines.into(),
            has_guards: guarded.contains(&true),
            guarded: guarded.into(),
            urlconf,
        }
    }

    /// With prefixes that are replaced before the one of the site is taken off. What leads past the
    /// site is a warning.
    #[must_use]
    pub fn with_rewrites(mut self, rewrites: Rewrites, report: &mut Report) -> Self {
        let all = rewrites.as_slice().iter();
        report.extend(all.filter_map(|rewrite| rewrite.astray(&self.prefix)));
        self.is_moved |= !rewrites.as_slice().is_empty();
        self.rewrites = rewrites;
        self
    }

    /// What it was made from.
    pub fn urlconf(&self) -> &Urlconf {
        &self.urlconf
    }

    /// How each route is matched, in their order.
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// Prefixes that are replaced before the one of the site is taken off.
    pub fn rewrites(&self) -> &Rewrites {
        &self.rewrites
    }

    /// What paths begin with before they reach the site; without a slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The place of the route that a request target leads to. `scratch` is room to undo escapes and
    /// to replace a prefix.
    #[inline]
    pub fn resolve(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        if self.is_moved {
            return self.resolve_moved(target, scratch);
        }
        let target = path::start(target)?;
        let path = Path::scan(target);
        if path.is_plain() {
            self.resolve_rest(&path, path::START)
        } else {
            self.resolve_undone(target, scratch)
        }
    }

    /// The same where the path has escapes, or bytes beyond ASCII.
    #[cold]
    #[inline(never)]
    fn resolve_undone(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        self.resolve_rest(&Path::undone(target, scratch), path::START)
    }

    /// The same where the URLconf sees other paths than the log.
    #[cold] // Most sites have neither, and do not pay for it.
    #[inline(never)]
    fn resolve_moved(&self, target: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
        let path = Path::of(target, scratch)?;
        let Some(rewrite) = self.rewrites.of(path.bytes()) else {
            return self.resolve_path(&path);
        };
        let (cut, by) = (rewrite.from().len(), rewrite.to().as_bytes());
        let start = path::replaced(target, cut, by, scratch)?;
        self.resolve_path(&Path::decoded(&scratch[start..]))
    }

    /// The place of the route of a path in which prefixes were replaced.
    fn resolve_path(&self, path: &Path<'_>) -> Option<usize> {
        let at = path.below(self.prefix.as_bytes())?;
        self.resolve_rest(path, at)
    }

    /// The place of the route of what is left of a path from `at` on.
    #[inline]
    fn resolve_rest(&self, path: &Path<'_>, at: u32) -> Option<usize> {
        let best = if self.has_guards {
            self.first(path, at, &mut Spoken::new(self, path.rest(at)))
        } else {
            self.first(path, at, &mut Everywhere)
        };
        (best != NONE).then_some(best as usize)
    }

    #[inline]
    fn first(&self, path: &Path<'_>, at: u32, guard: &mut impl Guard) -> u32 {
        let best = self.trie.find(path, at, guard);
        if best <= self.first_slow {
            return best;
        }
        for (order, chain) in &self.slow {
            if *order >= best {
                break;
            }
            if chain.matches(path.rest(at)) && guard.admits(*order) {
                return *order;
            }
        }
        best
    }
}

#[cfg(test)]
impl Resolver {
    /// The view of a target; `-` if none answers it.
    pub(crate) fn view_of(&self, target: &str) -> &str {
        let route = self.resolve(target.as_bytes(), &mut Vec::new());
        route.map_or("-", |route| &self.urlconf.routes[route].view)
    }
}

/// No route depends on the language.
struct Everywhere;

impl Guard for Everywhere {
    #[inline]
    fn admits(&mut self, _: u32) -> bool {
        true
    }
}

/// Routes that depend on the language of the path.
struct Spoken<'r> {
    resolver: &'r Resolver,
    path: &'r [u8],
    language: Language,
}

/// The language of a path.
#[derive(Clone, Copy)]
enum Language {
    /// Nobody has asked yet.
    Unasked,
    /// A cookie or a header decides.
    Open,
    Known(u16),
}

impl<'r> Spoken<'r> {
    fn new(resolver: &'r Resolver, path: &'r [u8]) -> Self {
        Self {
            resolver,
            path,
            language: Language::Unasked,
        }
    }
}

impl Guard for Spoken<'_> {
    #[inline]
    fn admits(&mut self, order: u32) -> bool {
        let guarded = self.resolver.guarded.get(order as usize);
        !guarded.is_some_and(|guarded| *guarded) || self.admits_language(order)
    }
}

impl Spoken<'_> {
    fn admits_language(&mut self, order: u32) -> bool {
        let urlconf = &self.resolver.urlconf;
        if matches!(self.language, Language::Unasked) {
            let found = urlconf.languages.of_path(self.path);
            self.language = found.map_or(Language::Open, Language::Known);
        }
        // Where the path does not decide, any of the languages may be spoken.
        let Language::Known(language) = self.language else {
            return true;
        };
        let route = urlconf.routes.get(order as usize);
        let languages = route.and_then(|route| route.languages.as_ref());
        languages.is_none_or(|known| known.contains(&language))
    }
}

/// Whether a path of this route begins with the code of its only language: then that is spoken.
fn names_its_language(route: &Route, urlconf: &Urlconf) -> bool {
    let Some([language]) = route.languages.as_deref() else {
        return false;
    };
    let code = urlconf.languages.codes.get(usize::from(*language));
    let prefix = chain::prefix(&route.chain);
    code.is_some_and(|code| {
        prefix
            .strip_prefix(code.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"/"))
    })
}

fn unmatched(route: &Route, reason: &str) -> Fault {
    Fault::warning(format!(
        "the route `{}` of view `{}` matches no path: {reason}",
        route.shown, route.view
    ))
    .help("its paths are counted for the next view that takes them, or as unresolved; write its expression otherwise")
}

/// A warning of a converter that some route uses.
fn refusing(urlconf: &Urlconf, converter: &str) -> Option<Fault> {
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
            "the converter `{converter}` of view `{first}`{more} may refuse values that its expression accepts"
        ))
        .help("paths with such values are counted for its view, where Django would try the next one"),
    )
}
