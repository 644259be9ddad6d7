//! Recognises that paths are logged with another prefix than the one that is stripped.
//!
//! Invariant: a prefix is named only if it is the site's: its script name, or one that nearly all paths begin with and that
//! looks like no data.

use std::collections::BTreeMap;

use super::Resolver;
use super::path::Path;
use crate::route::fold::fold;

/// Most segments of a prefix that is not the script name.
const SEGMENTS: usize = 3;
/// Fewest paths that show a prefix that they have in common.
const COMMON_PATHS: usize = 3;
/// Least share of the paths that begin with such a prefix, in percent.
const COMMON_PERCENT: usize = 75;
/// Least share of the paths that resolve with the other prefix, in percent. The others may be static files.
const RESOLVED_PERCENT: usize = 25;
/// Least ratio of the paths that resolve with the other prefix to those that resolve as logged.
const TIMES_MORE: usize = 4;

/// The prefix with which logged paths would resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixAdvice {
    /// The prefix, empty if the paths are logged without one.
    pub prefix: String,
    /// Paths that resolve to a view as it is.
    pub resolved: usize,
    /// Paths that would.
    pub would_resolve: usize,
    /// All paths.
    pub paths: usize,
}

impl Resolver {
    /// Returns the prefix that should be stripped from these request targets instead of [`Resolver::prefix`]. `None` if it
    /// is right, or fewer than `least` paths would resolve with another one. Much slower than [`Resolver::resolve`].
    pub fn advise_prefix<'t>(
        &self,
        targets: impl IntoIterator<Item = &'t [u8]>,
        least: usize,
    ) -> Option<PrefixAdvice> {
        let mut scratch = Vec::new();
        let paths = targets.into_iter().filter_map(|target| {
            let path = Path::from_target(target, &mut scratch)?;
            let rewrite = self.rewrites.find(path.bytes());
            let (from, to) = rewrite.map_or(("", ""), |rewrite| (rewrite.from(), rewrite.to()));
            Some([to.as_bytes(), &path.bytes()[from.len()..]].concat())
        });
        let paths: Vec<Vec<u8>> = paths.collect();
        let resolved = self.resolved_below(&paths, &self.prefix);
        let script_name = self.urlconf.script_name.as_deref().unwrap_or_default();
        let mut candidates = vec![String::new(), script_name.trim_end_matches('/').to_owned()];
        if paths.len() >= COMMON_PATHS {
            candidates.extend(common_prefixes(&paths));
        }
        let rated = candidates.into_iter().filter(|it| *it != self.prefix);
        let rated = rated.map(|prefix| (self.resolved_below(&paths, &prefix), prefix));
        // Of two that are as good, the shorter one.
        let (would_resolve, prefix) =
            rated.max_by_key(|(count, prefix)| (*count, usize::MAX - prefix.len()))?;
        let is_better = would_resolve >= least.max(1)
            && would_resolve * 100 >= paths.len() * RESOLVED_PERCENT
            && would_resolve >= resolved * TIMES_MORE;
        is_better.then_some(PrefixAdvice {
            prefix,
            resolved,
            would_resolve,
            paths: paths.len(),
        })
    }

    /// Returns the number of paths that resolve if this prefix is stripped.
    fn resolved_below(&self, paths: &[Vec<u8>], prefix: &str) -> usize {
        let resolves = |path: &&Vec<u8>| {
            let path = Path::from_unescaped(path);
            let at = path.below(prefix.as_bytes());
            at.is_some_and(|at| self.resolve_rest(&path, at).is_some())
        };
        paths.iter().filter(resolves).count()
    }
}

/// Returns the prefixes of whole segments that nearly all paths begin with.
fn common_prefixes(paths: &[Vec<u8>]) -> Vec<String> {
    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    for path in paths {
        let slashes = path.iter().enumerate().skip(1);
        let ends = slashes.filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.take(SEGMENTS) {
            *counts.entry(&path[..end]).or_default() += 1;
        }
    }
    let mut folded = Vec::new();
    let common = counts.into_iter().filter(|(prefix, count)| {
        count * 100 >= paths.len() * COMMON_PERCENT && fold(prefix, &mut folded) == Some(*prefix)
    });
    common
        .map(|(prefix, _)| String::from_utf8_lossy(prefix).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Report;
    use crate::route::{PathTemplate, Rewrite, Rewrites, Urlconf};

    fn resolver(script_name: Option<&str>, strip: Option<&str>) -> Resolver {
        let mut urlconf = Urlconf {
            script_name: script_name.map(str::to_owned),
            ..Urlconf::default()
        };
        for template in ["/", "/articles/<int:year>/", "/login/"] {
            let parsed = PathTemplate::parse(template, &BTreeMap::new()).unwrap();
            urlconf.routes.push(parsed.route("view").unwrap());
        }
        Resolver::new(urlconf, strip, &mut Report::default())
    }

    fn advice(resolver: &Resolver, targets: &[&str]) -> Option<(String, usize, usize)> {
        let targets = targets.iter().map(|target| target.as_bytes());
        let advice = resolver.advise_prefix(targets, 1)?;
        Some((advice.prefix, advice.resolved, advice.would_resolve))
    }

    #[test]
    fn a_script_name_that_the_log_lacks_is_recognised() {
        let named = resolver(Some("/app/"), None);
        let without = ["/articles/2026/?q", "/login/", "/", "/favicon.ico"];
        assert_eq!(advice(&named, &without), Some((String::new(), 0, 3)));
        let with = ["/app/articles/2026/", "/app/login/", "/app/", "/static/a"];
        assert_eq!(advice(&named, &with), None);
        let stripped = resolver(Some("/app"), Some(""));
        assert_eq!(advice(&stripped, &with), Some(("/app".into(), 0, 3)));
        assert_eq!(advice(&stripped, &without), None);
    }

    #[test]
    fn a_prefix_that_nothing_names_is_recognised_if_nearly_all_paths_have_it() {
        let plain = resolver(None, None);
        let targets = [
            "/a/shop/login/",
            "/a/shop/articles/7/",
            "/a/shop/",
            "/a/shop/x",
        ];
        assert_eq!(advice(&plain, &targets), Some(("/a/shop".into(), 0, 3)));
        // Here, half of the paths begin otherwise.
        let mixed = ["/a/login/", "/a/articles/7/", "/b/login/", "/b/x"];
        assert_eq!(advice(&plain, &mixed), None);
        // What looks like data is not a site's prefix.
        assert_eq!(advice(&plain, &["/7d3f1c9a4b/login/"; 4]), None);
        assert_eq!(advice(&plain, &["/nothing/", "*", "", "/other/"]), None);
        assert_eq!(advice(&plain, &[]), None);
    }

    #[test]
    fn rewrites_come_first() {
        let rewrites = Rewrites::new(vec![Rewrite::new("/public/", "/app/").unwrap()]);
        let moved = resolver(None, None).with_rewrites(rewrites, &mut Report::default());
        let targets = ["/public/login/", "/public/articles/7/", "/public/"];
        assert_eq!(advice(&moved, &targets), Some(("/app".into(), 0, 3)));
    }
}
