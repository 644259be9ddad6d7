//! Explains how a path is resolved.
//!
//! Invariant: the route is the one that [`Resolver::resolve`] returns.

use super::chain::{Chain, level_prefix};
use super::path::Path;
use super::rewrite::Rewrite;
use super::{Engine, Resolver};

/// Largest number of near misses.
const NEAR_MISSES: usize = 3;

/// Steps of resolving a target, for display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The path with escapes undone; `None` if the target has no path.
    pub path: Option<String>,
    /// The rewritten path and the rewrite; `None` if no rewrite applies.
    pub rewritten: Option<(String, Rewrite)>,
    /// The part of the path that Django resolves; `None` if the path is outside the prefix.
    pub below: Option<String>,
    /// The language of the path, if routes depend on it.
    pub language: Option<String>,
    /// Index of the route that matches.
    pub route: Option<usize>,
    /// Parameters of the route and their values.
    pub captured: Vec<(String, String)>,
    /// Routes before it that matched part of the path, the longest part first.
    pub near_misses: Vec<NearMiss>,
}

/// A route that matched only part of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Index of the route.
    pub route: usize,
    /// The beginning of the path that matched.
    pub reach: String,
    /// Index of the level that failed; `None` if all matched, and the route is of another language.
    pub level: Option<usize>,
}

impl Resolver {
    /// Explains how a request target is resolved. Much slower than [`Resolver::resolve`].
    pub fn explain(&self, target: &[u8]) -> Explanation {
        let mut scratch = Vec::new();
        let mut explanation = Explanation::default();
        let Some(path) = Path::from_target(target, &mut scratch) else {
            return explanation;
        };
        explanation.path = Some(text(path.bytes()));
        let rewrite = self.rewrites.find(path.bytes());
        let (from, to) = rewrite.map_or(("", ""), |rewrite| (rewrite.from(), rewrite.to()));
        let rewritten = [to.as_bytes(), &path.bytes()[from.len()..]].concat();
        let path = Path::from_unescaped(&rewritten);
        explanation.rewritten = rewrite.map(|rewrite| (text(path.bytes()), rewrite.clone()));
        let Some(at) = path.below(self.prefix.as_bytes()) else {
            return explanation;
        };
        let rest = path.rest(at);
        explanation.below = Some(text(rest));
        if self.has_guards {
            let languages = &self.urlconf.languages;
            let code = languages.detect(rest).map(usize::from);
            explanation.language = code.and_then(|code| languages.codes.get(code).cloned());
        }
        explanation.route = self.resolve_path(&path);
        let routes = self.urlconf.routes.iter().zip(&self.engines).enumerate();
        let tried = explanation.route.map_or(usize::MAX, |route| route + 1);
        let mut near = Vec::new();
        for (index, (route, engine)) in routes.take(tried) {
            if *engine == Engine::None {
                continue;
            }
            let Ok(chain) = Chain::compile(route, self.urlconf.int_digits) else {
                continue;
            };
            let trace = chain.trace(rest);
            if explanation.route == Some(index) {
                let values = trace.captured.into_iter();
                explanation.captured = values
                    .map(|(name, range)| (name, text(&rest[range])))
                    .collect();
                break;
            }
            let level = route.chain.get(trace.levels);
            let begun = level.map_or(0, |level| {
                common_prefix(&level_prefix(level), &rest[trace.taken..])
            });
            let reach = trace.taken + begun;
            // A match of less than one segment explains nothing.
            if rest[..reach].contains(&b'/') {
                near.push((reach, index, level.map(|_| trace.levels)));
            }
        }
        near.sort_by_key(|(reach, index, _)| (usize::MAX - reach, *index));
        let near = near.into_iter().take(NEAR_MISSES);
        explanation.near_misses = near
            .map(|(reach, route, level)| NearMiss {
                route,
                reach: text(&rest[..reach]),
                level,
            })
            .collect();
        explanation
    }
}

/// Returns the number of bytes with which both texts begin.
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
