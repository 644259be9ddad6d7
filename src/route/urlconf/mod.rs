//! A site's URLconf: which views there are, and which paths lead to them.
//!
//! Invariant: routes stand in Django's order, and each is a chain of levels that Django would try
//! one behind the other, each on what the one before it left.

mod dump;
mod language;
mod python;
mod template;

pub use language::Languages;
pub use template::Template;

pub(crate) use python::translate;

/// Longest view name, in bytes.
pub const VIEW_BYTES: usize = 256;

/// Routes in Django's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urlconf {
    /// The routes.
    pub routes: Vec<Route>,
    /// The languages of its `i18n_patterns`.
    pub languages: Languages,
    /// `FORCE_SCRIPT_NAME`: what paths begin with before they reach the routes.
    pub script_name: Option<String>,
    /// Most digits of an `<int:…>`: Python refuses to read more.
    pub int_digits: Option<usize>,
    /// Converters that may refuse what their expression accepts.
    pub refusing: Vec<String>,
}

/// One way to a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The view's name, as `resolver_match.view_name` says it.
    pub view: String,
    /// How it is written in the URLconf.
    pub shown: String,
    /// The levels of `include()`, the outermost first.
    pub chain: Vec<Level>,
    /// The languages it is there in, by their place; `None`: in all.
    pub languages: Option<Vec<u16>>,
}

/// What one `path()`, `re_path()` or `include()` asks of what is left of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// How the pattern is used.
    pub kind: Kind,
    /// A literal or an expression of Python's.
    pub pattern: String,
    /// Parameters and their converters: a short name if it is Django's, else the class.
    pub converters: Vec<(String, String)>,
}

/// How a pattern is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The path begins with this text.
    Prefix,
    /// The path is this text.
    Exact,
    /// The expression is found; what stands before it is skipped.
    Search,
    /// The expression matches the whole.
    Full,
}

impl Urlconf {
    /// Leaves only routes of these languages; names the code that is none of the site's.
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

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Prefix, Self::Exact, Self::Search, Self::Full];

    /// As a dump writes it.
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
    /// Converters of its parameters that may refuse what their expression accepts.
    pub fn refusing<'r>(&'r self, urlconf: &'r Urlconf) -> impl Iterator<Item = &'r str> {
        let converters = self.chain.iter().flat_map(|level| &level.converters);
        converters
            .map(|(_, converter)| converter.as_str())
            .filter(|converter| {
                urlconf
                    .refusing
                    .iter()
                    .any(|refusing| refusing == converter)
            })
    }
}
