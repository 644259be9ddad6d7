//! Paths and globs that name the files to follow.
//!
//! Invariant: a `PathPattern` is valid. Scanning only the directories it can reach finds the paths that
//! [`PathPattern::matches`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

use super::rotated::Rotated;
use crate::model::compressed_ending;

/// One path, or all paths that match a glob.
///
/// In a glob `*`, `?`, `[…]` and `{a,b}` match parts of one name, `**` matches any directories, and `\` escapes the
/// character after it. A name between two slashes that has brackets or braces, but no `*` or `?`, is taken literally if it
/// exists as it is written. As in a shell, a name that begins with a dot is matched only by a pattern that does. Compressed
/// files (`.gz` and the like) are not matched.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: PathBuf,
    pub(super) shape: Shape,
}

/// Reason why a text is not a pattern.
#[derive(Debug, Error)]
pub enum PatternError {
    /// The text is empty.
    #[error("a path must not be empty")]
    Empty,
    /// A part between slashes is not a glob; alternatives cannot span a slash.
    #[error("`{part}` is not a glob for one name")]
    Glob {
        /// Text between two slashes.
        part: String,
        /// Cause.
        #[source]
        source: globset::Error,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// One literal path.
    Plain,
    /// All paths that the steps match below `base`.
    Glob { base: PathBuf, steps: Vec<GlobStep> },
}

/// One component of a glob.
#[derive(Clone, Debug)]
pub(super) enum GlobStep {
    /// One literal name.
    Name(OsString),
    /// Any name that matches a glob.
    Match {
        matcher: GlobMatcher,
        hidden: bool,
        /// The text, if it may be a name that has brackets or braces.
        name: Option<OsString>,
    },
    /// Any number of directories.
    Directories,
}

impl PathPattern {
    /// Parses a path or a glob; a text that contains any of `*?[{` is a glob, unless it is not a valid one and exists.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::relative(Path::new(""), text)
    }

    fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if !is_glob(text) {
            return Ok(Self::literal(PathBuf::from(text)));
        }
        let mut base = PathBuf::from(if text.starts_with('/') { "/" } else { "" });
        let mut steps = Vec::new();
        for part in text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
        {
            if steps.is_empty() && !is_glob(part) && !part.contains('\\') {
                base.push(part);
            } else {
                steps.push(GlobStep::new(part)?);
            }
        }
        Ok(Self {
            text: PathBuf::from(text),
            shape: Shape::Glob { base, steps },
        })
    }

    /// Parses like [`PathPattern::new`]; a relative text names files below `base`, whose name is taken literally.
    pub fn relative(base: &Path, text: &str) -> Result<Self, PatternError> {
        let own = match Self::parse(text) {
            Err(PatternError::Glob { .. }) if base.join(text).exists() => {
                return Ok(Self::literal(base.join(text)));
            }
            parsed => parsed?,
        };
        if text.starts_with('/') {
            return Ok(own);
        }
        let shape = match own.shape {
            Shape::Plain => Shape::Plain,
            Shape::Glob { base: inner, steps } => Shape::Glob {
                base: base.join(inner),
                steps,
            },
        };
        Ok(Self {
            text: base.join(own.text),
            shape,
        })
    }

    /// Makes a pattern of one path, whatever characters it contains.
    pub fn literal(path: PathBuf) -> Self {
        Self {
            text: path,
            shape: Shape::Plain,
        }
    }

    /// Returns the pattern as it was written.
    pub fn as_path(&self) -> &Path {
        &self.text
    }

    /// Returns whether the file at `path` is to be followed.
    pub fn matches(&self, path: &Path) -> bool {
        match &self.shape {
            Shape::Plain => path == self.text,
            Shape::Glob { base, steps } => {
                let names = path
                    .strip_prefix(base)
                    .map(|rest| rest.components().collect());
                names.is_ok_and(|names: Vec<_>| steps_match(steps, &names))
            }
        }
    }

    /// Returns whether it matches compressed files only, by the ending of their names.
    pub fn is_compressed(&self) -> bool {
        compressed_ending(self.text.as_os_str().as_bytes()).is_some()
    }

    /// Returns the path that a file of this name had before it was rotated or compressed; `None` for a glob, and for a name
    /// that a rotation does not make.
    pub fn rotated_from(&self) -> Option<PathBuf> {
        if !self.is_literal() {
            return None;
        }
        Rotated::base_of(&self.text)
            .or_else(|| self.is_compressed().then(|| Rotated::unpacked(&self.text)))
    }

    /// Returns whether both are the same pattern.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.text == other.text && self.is_literal() == other.is_literal()
    }

    /// Returns whether it is one literal path.
    pub fn is_literal(&self) -> bool {
        matches!(self.shape, Shape::Plain)
    }
}

impl GlobStep {
    fn new(part: &str) -> Result<Self, PatternError> {
        if part == "**" {
            return Ok(Self::Directories);
        }
        if !is_glob(part) && !part.contains('\\') {
            return Ok(Self::Name(part.into()));
        }
        let glob = GlobBuilder::new(part)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|source| PatternError::Glob {
                part: part.to_owned(),
                source,
            })?;
        Ok(Self::Match {
            matcher: glob.compile_matcher(),
            hidden: part.starts_with('.') || part.starts_with("\\."),
            name: (!part.contains(['*', '?', '\\'])).then(|| part.into()),
        })
    }

    /// Returns whether a directory entry of this name matches.
    pub(super) fn allows(&self, name: &OsStr) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Match {
                matcher,
                hidden,
                name: own,
            } => {
                let is_matched = || (*hidden || !is_hidden(name)) && matcher.is_match(name);
                own.as_deref() == Some(name) || is_matched()
            }
            Self::Directories => !is_hidden(name),
        }
    }

    /// Returns whether a file of this name matches the last step of a glob.
    pub(super) fn allows_file(&self, name: &OsStr) -> bool {
        // A rotation makes these from files that were followed under another name.
        let is_compressed = compressed_ending(name.as_bytes()).is_some();
        self.allows(name) && (!is_compressed || matches!(self, Self::Name(_)))
    }
}

fn steps_match(steps: &[GlobStep], names: &[Component<'_>]) -> bool {
    let Some((step, later_steps)) = steps.split_first() else {
        return names.is_empty();
    };
    let Some((name, later_names)) = names.split_first() else {
        return false;
    };
    let name = name.as_os_str();
    match step {
        GlobStep::Directories if later_steps.is_empty() => {
            let directories = &names[..names.len() - 1];
            directories.iter().all(|name| step.allows(name.as_os_str()))
                && names
                    .last()
                    .is_some_and(|name| step.allows_file(name.as_os_str()))
        }
        GlobStep::Directories => {
            steps_match(later_steps, names)
                || (step.allows(name) && steps_match(steps, later_names))
        }
        _ if later_steps.is_empty() => step.allows_file(name) && later_names.is_empty(),
        _ => step.allows(name) && steps_match(later_steps, later_names),
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        let pattern = PathPattern::new(pattern).unwrap();
        assert_eq!(
            pattern.matches(Path::new(path)),
            expected,
            "{pattern:?} {path}"
        );
    }

    #[test]
    fn a_star_stays_within_one_name() {
        check("/log/*.log", "/log/a.log", true);
        check("/log/*.log", "/log/b/a.log", false);
        check("/log/*/access.log", "/log/b/access.log", true);
        check("/log/*/access.log", "/log/access.log", false);
        check("/log/a[0-9].{log,txt}", "/log/a7.txt", true);
        check("logs/*.log", "logs/a.log", true);
        check("./*.log", "a.log", true);
    }

    #[test]
    fn two_stars_match_any_directories() {
        check("/log/**/*.log", "/log/a.log", true);
        check("/log/**/*.log", "/log/a/b/c.log", true);
        check("/log/**/*.log", "/log/a/.b/c.log", false);
        check("/log/**", "/log/a/b", true);
        check("/log/**", "/log/a/b.gz", false);
    }

    #[test]
    fn hidden_and_compressed_files_are_matched_explicitly_only() {
        check("/log/*.log*", "/log/.a.log.swp", false);
        check("/log/.*.log", "/log/.a.log", true);
        check("/log/*.log*", "/log/a.log.2.gz", false);
        check("/log/a.log.2.gz", "/log/a.log.2.gz", true);
    }

    #[test]
    fn a_backslash_escapes_a_character() {
        check(r"/log/\[a\]*", "/log/[a]b", true);
        check(r"/log/\[a\]*", "/log/ab", false);
        assert!(PathPattern::literal("/log/[a]".into()).matches(Path::new("/log/[a]")));
    }

    #[test]
    fn a_relative_pattern_matches_below_a_base_of_any_name() {
        let base = Path::new(r"/etc/[x]*\y");
        let check = |text, path: &str, expected| {
            let pattern = PathPattern::relative(base, text).unwrap();
            assert_eq!(pattern.matches(Path::new(path)), expected, "{text} {path}");
        };
        check("a.log", r"/etc/[x]*\y/a.log", true);
        check("logs/*.log", r"/etc/[x]*\y/logs/a.log", true);
        check("*.log", "/etc/xy/a.log", false);
        check("/log/*.log", "/log/a.log", true);
        assert!(PathPattern::relative(base, "").is_err());
    }

    #[test]
    fn a_name_with_brackets_is_matched_as_it_is_written() {
        check("/[shop]/a.log", "/[shop]/a.log", true);
        check("/[shop]/a.log", "/s/a.log", true);
        check("/x{1,2}y/*.log", "/x{1,2}y/a.log", true);
        check("/[[]shop]/*.log", "/[shop]/a.log", true);
        check("/[a]*.log", "/[a]b.log", false);
    }

    #[test]
    fn a_text_that_is_not_a_glob_and_exists_is_a_path() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("[a"), "").unwrap();
        let pattern = PathPattern::relative(root.path(), "[a").unwrap();
        assert!(pattern.is_literal() && pattern.matches(&root.path().join("[a")));
        assert!(PathPattern::relative(root.path(), "[b").is_err());
    }

    #[test]
    fn an_invalid_glob_is_refused() {
        assert!(matches!(PathPattern::new(""), Err(PatternError::Empty)));
        for text in ["/log/[a", "/log/{a/b,c}", "/log/{a"] {
            let error = PathPattern::new(text).unwrap_err();
            assert!(matches!(error, PatternError::Glob { .. }), "{text}");
        }
    }
}
