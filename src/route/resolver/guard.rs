//! Routes that exist in some languages only.

use std::cell::OnceCell;

use super::chain;
use crate::route::urlconf::{Route, Urlconf};

/// Decides whether a route exists for a path, apart from its pattern.
pub(super) trait RouteGuard {
    /// Returns whether the route may match.
    fn admits(&self, order: u32) -> bool;
}

/// Guard of a URLconf whose routes exist in every language.
pub(super) struct Unguarded;

impl RouteGuard for Unguarded {
    #[inline]
    fn admits(&self, _: u32) -> bool {
        true
    }
}

/// Guard by the language of a path.
pub(super) struct LanguageGuard<'r> {
    pub(super) urlconf: &'r Urlconf,
    /// By route: the result of [`needs_guard`].
    pub(super) guarded: &'r [bool],
    pub(super) path: &'r [u8],
    /// The language of the path, determined on first use; `None` if a cookie or a header decides.
    pub(super) language: OnceCell<Option<u16>>,
}

impl RouteGuard for LanguageGuard<'_> {
    #[inline]
    fn admits(&self, order: u32) -> bool {
        let guarded = self.guarded.get(order as usize);
        !guarded.is_some_and(|guarded| *guarded) || self.admits_language(order)
    }
}

impl LanguageGuard<'_> {
    fn admits_language(&self, order: u32) -> bool {
        let detect = || self.urlconf.languages.detect(self.path);
        // Without a language in the path, any of them may be active.
        let Some(language) = *self.language.get_or_init(detect) else {
            return true;
        };
        let route = self.urlconf.routes.get(order as usize);
        let languages = route.and_then(|route| route.languages.as_ref());
        languages.is_none_or(|known| known.contains(&language))
    }
}

/// Returns whether a route depends on the language of the path. One whose paths all begin with the code of its
/// only language does not.
pub(super) fn needs_guard(route: &Route, urlconf: &Urlconf) -> bool {
    let Some(languages) = route.languages.as_deref() else {
        return false;
    };
    let [language] = languages else {
        return true;
    };
    let prefix = chain::literal_prefix(&route.chain);
    let code = urlconf.languages.codes.get(usize::from(*language));
    let rest = code.and_then(|code| prefix.strip_prefix(code.as_bytes()));
    !rest.is_some_and(|rest| rest.starts_with(b"/"))
}
