//! Why a path leads where it leads.
//!
//! Invariant: the route found is the one that [`Resolver::resolve`] finds; reasons come from trying
//! the routes before it one by one.

use super::chain::{Chain, start_of};
use super::path::Path;
use super::{Engine, Resolver, Rewrite};
use crate::route::urlconf::{Kind, Level};

/// Routes shown that nearly matched.
const NEAR: usize = 3;

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The path, escapes undone; `None` if the target has none.
    pub path: Option<String>,
    /// The path with a prefix replaced, and by what; `None` if it stays as it is.
    pub rewritten: Option<(String, Rewrite)>,
    /// What is left of the path that Django sees, below the prefix; `None` if it lies elsewhere.
    pub below: Option<String>,
    /// The language that the path speaks, where routes depend on it.
    pub language: Option<String>,
    /// The route that answers, by its place.
    pub route: Option<usize>,
    /// Parameters of the route and their values.
    pub captured: Vec<(String, String)>,
    /// Routes before it that came far, the furthest first.
    pub near: Vec<Near>,
}

/// A route that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The route, by its place.
    pub route: usize,
    /// How much of the path it would have taken.
    pub reach: String,
    /// The level that did not match; `None` if all did, and the route is of another language.
    pub level: Option<usize>,
}

impl Resolver {
    /// Says how a request target is resolved. Slower than [`Resolver::resolve`] by far.
    pub fn explain(&self, target: &[u8]) -> Explanation {
        let mut scratch = Vec::new();
        let mut explanation = Explanation {
            path: None,
            rewritten: None,
            below: None,
            language: None,
            route: None,
            captured: Vec::new(),
            near: Vec::new(),
        };
        let Some(path) = Path::of(target, &mut scratch) else {
            return explanation;
        };
        explanation.path = Some(text(path.bytes()));
        let rewrite = self.rewrites.of(path.bytes());
        let (from, to) = rewrite.map_or(("", ""), |rewrite| (rewrite.from(), rewrite.to()));
        let rewritten = [to.as_bytes(), &path.bytes()[from.len()..]].concat();
        let path = Path::decoded(&rewritten);
        explanation.rewritten = rewrite.map(|rewrite| (text(path.bytes()), rewrite.clone()));
        let Some(at) = path.below(self.prefix.as_bytes()) else {
            return explanation;
        };
        let rest = path.rest(at);
        explanation.below = Some(text(rest));
        if self.has_guards {
            let languages = &self.urlconf.languages;
            let code = languages.of_path(rest).map(usize::from);
            explanation.language = code.and_then(|code| languages.codes.get(code).cloned());
        }
        explanation.route = self.resolve_path(&path);
        let routes = self.urlconf.routes.iter().zip(&self.engines).enumerate();
        let tried = explanation.route.map_or(usize::MAX, |route| route + 1);
        let mut near = Vec::new();
        for (place, (route, engine)) in routes.take(tried) {
            if matches!(engine, Engine::None(_)) {
                continue;
            }
            let Ok(chain) = Chain::compile(route, self.urlconf.int_digits) else {
                continue;
            };
            let trace = chain.trace(rest);
            if explanation.route == Some(place) {
                let values = trace.captured.into_iter();
                explanation.captured = values
                    .map(|(name, range)| (name, text(&rest[range])))
                    .collect();
                break;
            }
            let level = route.chain.get(trace.levels);
            let reach = trace.taken + level.map_or(0, |level| begun(level, &rest[trace.taken..]));
            // Of a first segment that only begins alike, nothing is to be learned.
            if rest[..reach].contains(&b'/') {
                near.push((reach, place, level.map(|_| trace.levels)));
            }
        }
        near.sort_by_key(|(reach, place, _)| (usize::MAX - reach, *place));
        let near = near.into_iter().take(NEAR);
        explanation.near = near
            .map(|(reach, route, level)| Near {
                route,
                reach: text(&rest[..reach]),
                level,
            })
            .collect();
        explanation
    }
}

/// Bytes of a path that a level's own text begins with.
fn begun(level: &Level, rest: &[u8]) -> usize {
    let start = match level.kind {
        Kind::Prefix | Kind::Exact => level.pattern.as_bytes().to_vec(),
        Kind::Search | Kind::Full => start_of(&level.pattern, level.kind == Kind::Full),
    };
    let pairs = start.iter().zip(rest);
    pairs.take_while(|(one, other)| one == other).count()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
