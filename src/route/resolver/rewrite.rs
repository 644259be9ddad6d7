//! Prefixes that a server in front replaces before it hands a path on.
//!
//! Invariant: of a path, the longest prefix that matches is replaced, byte for byte and once, as
//! nginx does for `location FROM { proxy_pass http://upstream/TO; }`; every other path stays.

use std::cmp::Reverse;

use super::path;
use crate::diag::Fault;

/// A prefix, and what stands in its place when Django sees the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    from: String,
    to: String,
}

/// Why two texts are no [`Rewrite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRewrite {
    /// What is replaced does not begin with `/`.
    From,
    /// What it is replaced by does not begin with `/`.
    To,
}

impl Rewrite {
    /// `from` is replaced by `to`; both with escapes undone, both begin with `/`.
    pub fn new(from: &str, to: &str) -> Result<Self, NoRewrite> {
        let (from, to) = (from.to_owned(), to.to_owned());
        match (from.starts_with('/'), to.starts_with('/')) {
            (false, _) => Err(NoRewrite::From),
            (_, false) => Err(NoRewrite::To),
            _ => Ok(Self { from, to }),
        }
    }

    /// What paths begin with in the log.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// What they begin with when Django sees them.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// A warning if it does what hardly anybody wants, given all others; it has no place.
    pub fn oddity(&self, all: &[Self]) -> Option<Fault> {
        let (from, to) = (&self.from, &self.to);
        if from == to {
            // It may keep what is below it from a shorter prefix.
            let is_needed = all
                .iter()
                .any(|other| other.from.len() < from.len() && from.starts_with(&other.from));
            let fault = Fault::warning(format!("`{from}` is rewritten to itself"));
            return (!is_needed)
                .then(|| fault.help("paths that no prefix matches stay as they are"));
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

    /// A warning if what it makes of paths does not lie below the prefix of the site; it has no place.
    pub(super) fn astray(&self, prefix: &str) -> Option<Fault> {
        let (from, to, site) = (self.from.as_bytes(), self.to.as_bytes(), prefix.as_bytes());
        let is_below = |path| path::below(path, site).is_some();
        // What is left of a path may begin with the prefix, if that was not taken off just now.
        let may_be_below = is_below(to) || (site.starts_with(to) && !is_below(from));
        let message = || {
            Fault::warning(format!(
                "`{}` is rewritten to `{}`, which does not lie below `{prefix}`: its paths have no view",
                self.from, self.to
            ))
            .help(format!(
                "where Django sees paths without `{prefix}`: strip_prefix = \"\""
            ))
        };
        // What is rewritten to itself is kept from a shorter prefix, wherever it lies.
        (from != to && !may_be_below).then(message)
    }
}

/// All prefixes that are replaced; the longest stand first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites(Box<[Rewrite]>);

impl Rewrites {
    /// Most pairs: each path is compared with all of them.
    pub const MOST: usize = 64;

    /// Of two with the same prefix, the first counts.
    pub fn new(mut all: Vec<Rewrite>) -> Self {
        all.sort_by_key(|rewrite| Reverse(rewrite.from.len()));
        Self(all.into())
    }

    /// The longest prefix first.
    pub fn as_slice(&self) -> &[Rewrite] {
        &self.0
    }

    /// The one that changes a path, its escapes undone.
    pub(super) fn of(&self, path: &[u8]) -> Option<&Rewrite> {
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
            let found = all.of(path.as_bytes()).map(Rewrite::to);
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
    fn what_hardly_anybody_wants_is_told() {
        let check = |pairs: &[(&str, &str)], expected: &[&str]| {
            let all = rewrites(pairs);
            let faults = all
                .as_slice()
                .iter()
                .filter_map(|one| one.oddity(all.as_slice()));
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
    fn both_sides_are_paths() {
        assert_eq!(Rewrite::new("a", "b"), Err(NoRewrite::From));
        assert_eq!(Rewrite::new("/a", "b"), Err(NoRewrite::To));
        assert_eq!(Rewrite::new("/a", ""), Err(NoRewrite::To));
    }

    #[test]
    fn what_leads_past_the_site_is_told() {
        let check = |from: &str, to: &str, prefix: &str, is_astray: bool| {
            let rewrite = Rewrite::new(from, to).unwrap();
            assert_eq!(rewrite.astray(prefix).is_some(), is_astray, "{from} {to}");
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
