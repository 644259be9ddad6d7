//! A site's URLconf: its views and the paths that resolve to them.

mod dump;
mod language;
mod python;
mod routes;
mod template;

pub use language::Languages;
pub use routes::{Level, LevelKind, PATTERN_BYTES, Route, Urlconf, VIEW_BYTES};
pub use template::PathTemplate;

pub(crate) use python::translate;
