//! The routes of a URLconf.
//!
//! Invariant: routes are in Django's order. Each is a chain of levels; Django matches a level on what the level
//! before it left of the path.

use super::language::Languages;
use crate::diag::is_printable;

/// Longest view name, in bytes.
pub const VIEW_BYTES: usize = 256;
/// Longest pattern that is a label value, in bytes.
pub const PATTERN_BYTES: usize = 512;

/// All routes of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urlconf {
    /// Routes in Django's order.
    pub routes: Vec<Route>,
    /// Languages of its `i18n_patterns`.
    pub languages: Languages,
    /// `FORCE_SCRIPT_NAME`, the prefix that Django strips from paths.
    pub script_name: Option<String>,
    /// Largest number of digits that Python's `int()` accepts.
    pub int_digits: Option<usize>,
    /// Converters whose `to_python` may raise `ValueError`.
    pub refusing: Vec<String>,
}

/// One way to a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the view, as `resolver_match.view_name` has it.
    pub view: String,
    /// The route as the URLconf writes it, and as `resolver_match.route` has it.
    pub shown: String,
    /// Patterns of the `include()`s, outermost first, then of the route itself.
    pub chain: Vec<Level>,
    /// Indices of the languages in which the route exists; `None` for all.
    pub languages: Option<Vec<u16>>,
}

/// Pattern of one `path()`, `re_path()` or `include()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Method of matching the pattern.
    pub kind: LevelKind,
    /// A literal or a Python regular expression.
    pub pattern: String,
    /// Parameters and their converters: a short name for Django's own, else the class.
    pub converters: Vec<(String, String)>,
}

/// Method of matching the pattern of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelKind {
    /// The path begins with the literal.
    Prefix,
    /// The path equals the literal.
    Exact,
    /// The expression is searched for; text before the match is skipped.
    Search,
    /// The expression matches the whole path.
    Full,
}

/// Checks the name of a view. The error says what is wrong.
pub(super) fn check_view_name(view: &str) -> Result<(), String> {
    if view.is_empty() || view.len() > VIEW_BYTES {
        return Err(format!("a view name must have 1 to {VIEW_BYTES} bytes"));
    }
    if !view.chars().all(is_printable) {
        return Err("a view name must not contain control or invisible characters".into());
    }
    Ok(())
}

impl Urlconf {
    /// Removes routes of other languages. The error is a code that the site does not have.
    pub fn keep_languages(&mut self, codes: &[String]) -> Result<(), String> {
        let find = |code: &String| self.languages.find(code).ok_or_else(|| code.clone());
        let kept: Vec<u16> = codes.iter().map(find).collect::<Result<_, _>>()?;
        self.routes.retain_mut(|route| match &mut route.languages {
            Some(languages) => {
                languages.retain(|language| kept.contains(language));
                !languages.is_empty()
            }
            None => true,
        });
        Ok(())
    }
}

impl Level {
    /// Returns whether a parameter has Django's `int` converter.
    pub(in crate::route) fn is_int(&self, name: &str) -> bool {
        let mut converters = self.converters.iter();
        converters.any(|(known, by)| known == name && by == "int")
    }
}

impl LevelKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Prefix, Self::Exact, Self::Search, Self::Full];

    /// Returns the name of the kind in a dump.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prefix => "lit",
            Self::Exact => "lit-end",
            Self::Search => "re",
            Self::Full => "re-end$",
        }
    }
}

impl Route {
    /// Returns the pattern as a label value; `None` if it is too long.
    pub fn label(&self) -> Option<&str> {
        Some(&*self.shown).filter(|shown| shown.len() <= PATTERN_BYTES)
    }

    /// Returns the converters of the route whose `to_python` may raise `ValueError`.
    pub fn refusing<'r>(&'r self, urlconf: &'r Urlconf) -> impl Iterator<Item = &'r str> {
        let converters = self.chain.iter().flat_map(|level| &level.converters);
        converters
            .map(|(_, converter)| converter.as_str())
            .filter(|used| urlconf.refusing.iter().any(|refusing| refusing == used))
    }
}
