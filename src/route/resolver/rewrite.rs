//! Prefixes that a server in front replaces before it passes a request on.
//!
//! Invariant: the longest matching prefix of a path is replaced, byte for byte and once, as nginx does for
//! `location FROM { proxy_pass http://upstream/TO; }`. Every other path is left unchanged.

use std::cmp::Reverse;

use super::path;
use crate::diag::Fault;

/// A prefix of logged paths and its replacement in the paths that Django receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    from: String,
    to: String,
}

/// Reason why two texts are not a valid [`Rewrite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewriteError {
    /// The prefix does not start with `/`.
    From,
    /// The replacement does not start with `/`.
    To,
}

impl Rewrite {
    /// Makes the rewrite of `from` to `to`. Both start with `/`, with escapes undone.
    pub fn new(from: &str, to: &str) -> Result<Self, RewriteError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        match (from.starts_with('/'), to.starts_with('/')) {
            (false, _) => Err(RewriteError::From),
            (_, false) => Err(RewriteError::To),
            _ => Ok(Self { from, to }),
        }
    }

    /// Returns the prefix of logged paths.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns the prefix of the paths that Django receives.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns a warning, without a place, if the rewrite is probably a mistake beside `all` others.
    pub fn warning(&self, all: &[Self]) -> Option<Fault> {
        let (from, to) = (&self.from, &self.to);
        if from == to {
            // It may exempt paths from the rewrite of a shorter prefix.
            let is_needed = all
                .iter()
                .any(|other| other.from.len() < from.len() && from.starts_with(&other.from));
            let fault = Fault::warning(format!("`{from}` is rewritten to itself"));
            return (!is_needed).then(|| {
                fault.help("remove it: paths without a matching prefix are left unchanged")
            });
        }
        let ended = |text: &str| format!("{}/", text.trim_end_matches('/'));
        let (with, without, becomes) = match (from.ends_with('/'), to.ends_with('/')) {
            (true, false) => (from, to, format!("`{from}x` becomes `{to}x`")),
            (false, true) => (to, from, format!("`{from}/x` becomes `{to}/x`")),
            _ => return None,
        };
        let (from, to) = (ended(from), ended(to));
        Some(
            Fault::warning(format!(
                "`{with}` ends with a slash and `{without}` does not: {becomes}"
            ))
            .help(format!("rewrite = {{ \"{from}\" = \"{to}\" }}")),
        )
    }

    /// Returns a warning, without a place, if the rewritten paths are outside the site's prefix.
    pub(super) fn outside_warning(&self, prefix: &str) -> Option<Fault> {
        let (from, to, site) = (self.from.as_bytes(), self.to.as_bytes(), prefix.as_bytes());
        let is_below = |path| path::below(path, site).is_some();
        // The rest of a path may supply the prefix, unless `from` already contained it.
        let may_be_below = is_below(to) || (site.starts_with(to) && !is_below(from));
        let message = || {
            Fault::warning(format!(
                "`{}` is rewritten to `{}`, which is outside `{prefix}`: these paths resolve to no view",
                self.from, self.to
            ))
            .help(format!(
                "if Django receives paths without `{prefix}`: strip_prefix = \"\""
            ))
        };
        // A rewrite to itself only exempts paths from a shorter prefix.
        (from != to && !may_be_below).then(message)
    }
}

/// Rewrites by the length of their prefix, longest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites(Box<[Rewrite]>);

impl Rewrites {
    /// Largest number of rewrites; each path is compared with all of them.
    pub const MOST: usize = 64;

    /// Sorts rewrites. Of two with the same prefix, the first applies.
    pub fn new(mut all: Vec<Rewrite>) -> Self {
        all.sort_by_key(|rewrite| Reverse(rewrite.from.len()));
        Self(all.into())
    }

    /// Returns the rewrites, longest prefix first.
    pub fn as_slice(&self) -> &[Rewrite] {
        &self.0
    }

    /// Finds the rewrite that changes a path whose escapes are undone.
    pub(super) fn find(&self, path: &[u8]) -> Option<&Rewrite> {
        let mut all = self.0.iter();
        let longest = all.find(|rewrite| path.starts_with(rewrite.from.as_bytes()));
        longest.filter(|rewrite| rewrite.from != rewrite.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrites(pairs: &[(&str, &str)]) -> Rewrites {
        let pairs = pairs
            .iter()
            .map(|(from, to)| Rewrite::new(from, to).unwrap());
        Rewrites::new(pairs.collect())
    }

    #[test]
    fn the_longest_prefix_that_matches_is_replaced() {
        let all = rewrites(&[
            ("/a/", "/x/"),
            ("/a/b/", "/y/"),
            ("/a/b/c/", "/a/b/c/"),
            ("/d", "/e"),
        ]);
        let check = |path: &str, expected: Option<&str>| {
            let found = all.find(path.as_bytes()).map(Rewrite::to);
            assert_eq!(found, expected, "{path}");
        };
        check("/a/", Some("/x/"));
        check("/a", None);
        check("/a/b", Some("/x/"));
        check("/a/b/1", Some("/y/"));
        check("/a/b/c/1", None);
        check("/dd", Some("/e"));
        check("/", None);
        check("/b/a/", None);
    }

    #[test]
    fn probable_mistakes_are_warned_of() {
        let check = |pairs: &[(&str, &str)], expected: &[&str]| {
            let all = rewrites(pairs);
            let faults = all
                .as_slice()
                .iter()
                .filter_map(|one| one.warning(all.as_slice()));
            let messages: Vec<_> = faults.map(|fault| fault.message).collect();
            assert_eq!(messages, expected);
        };
        check(&[("/a/", "/b/"), ("/c", "/d"), ("/", "/e/")], &[]);
        check(&[("/a/", "/a/")], &["`/a/` is rewritten to itself"]);
        check(&[("/a/", "/"), ("/a/b/", "/a/b/")], &[]);
        check(
            &[("/a/", "/b"), ("/cc", "/")],
            &[
                "`/a/` ends with a slash and `/b` does not: `/a/x` becomes `/bx`",
                "`/` ends with a slash and `/cc` does not: `/cc/x` becomes `//x`",
            ],
        );
    }

    #[test]
    fn both_sides_must_be_paths() {
        assert_eq!(Rewrite::new("a", "b"), Err(RewriteError::From));
        assert_eq!(Rewrite::new("/a", "b"), Err(RewriteError::To));
        assert_eq!(Rewrite::new("/a", ""), Err(RewriteError::To));
    }

    #[test]
    fn rewrites_out_of_the_site_are_warned_of() {
        let check = |from: &str, to: &str, prefix: &str, is_outside: bool| {
            let rewrite = Rewrite::new(from, to).unwrap();
            assert_eq!(
                rewrite.outside_warning(prefix).is_some(),
                is_outside,
                "{from} {to}"
            );
        };
        check("/a/", "/", "", false);
        check("/a/", "/app/", "/app", false);
        check("/a", "/app", "/app", false);
        check("/a/", "/app/x/", "/app", false);
        check("/a/", "/", "/app", false);
        check("/app/", "/", "/app", true);
        check("/static/", "/static/", "/app", false);
        check("/a/", "/apple/", "/app", true);
        check("/a/", "/store/", "/app", true);
    }
}
