//! The source of what the server shows.

use crate::expose::Options;
use crate::model::{Families, Language};
use crate::status::Status;

/// A source of metrics.
pub trait Scrape: Send + Sync {
    /// Returns all families as of one instant; may block.
    fn families(&self) -> Families;

    /// Returns the options of the encoding.
    fn options(&self) -> Options {
        Options::default()
    }

    /// Returns the status for people, of families that were gathered, with texts in this language.
    fn status(&self, families: &Families, language: Language) -> Status;
}
