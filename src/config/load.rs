//! Reads configurations from files and texts.
//!
//! Invariant: a [`Config`] is returned only if its report has no error.

use std::path::Path;
use std::sync::Arc;

use super::limits::Limits;
use super::patterns;
use super::read::{Config, read_limits};
use crate::diag::{Document, Report, Text};
use crate::pattern::Pattern;
use crate::text_file::{self, Accept, ReadError};

/// Default path of the configuration.
pub const DEFAULT_PATH: &str = "/etc/httplog-exporter/config.toml";

/// Result of reading a configuration.
#[derive(Debug)]
pub struct Checked {
    /// The configuration; `None` when the report has errors.
    pub config: Option<Config>,
    /// Errors and warnings.
    pub report: Report,
}

/// The part of a configuration that determines how lines are read; the rest may have faults.
#[derive(Debug, Default)]
pub struct LineSettings {
    /// Custom patterns of the configuration and of the folder `patterns` beside it, used or not.
    pub patterns: Vec<Pattern>,
    /// Faults of custom patterns.
    pub report: Report,
    /// Limits; the defaults where the configuration's are wrong.
    pub limits: Limits,
}

impl Config {
    /// Reads and checks a file, and the patterns in the folder `patterns` beside it.
    ///
    /// # Errors
    ///
    /// The file is missing, of a kind that is not accepted, too large, or cannot be read.
    pub fn load(path: &Path, accept: Accept) -> Result<Checked, ReadError> {
        let bytes = text_file::read_file(path, accept)?;
        let (text, fault) = text_file::decode(path.display().to_string(), bytes);
        let mut report = Report::default();
        if let Some(fault) = fault {
            report.push(fault);
            return Ok(Checked {
                config: None,
                report,
            });
        }
        // Fails only without a current directory, and then the path as given is as good.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let custom = patterns::read_folder(&path.with_file_name("patterns"), &mut report);
        let base = path.parent().unwrap_or(&path);
        let config = Self::read(&text, custom, base, &mut report);
        Ok(Checked { config, report })
    }

    /// Checks a text; relative paths are relative to `base`.
    pub fn parse(name: &str, content: &str, base: &Path) -> Checked {
        let mut report = Report::default();
        let text = Arc::new(Text {
            name: name.to_owned(),
            content: content.to_owned(),
        });
        let config = Self::read(&text, Vec::new(), base, &mut report);
        Checked { config, report }
    }
}

impl LineSettings {
    /// Reads a configuration's patterns and limits, whatever else is wrong with it.
    ///
    /// # Errors
    ///
    /// As of [`Config::load`].
    pub fn load(path: &Path, accept: Accept) -> Result<Self, ReadError> {
        let bytes = text_file::read_file(path, accept)?;
        let (text, fault) = text_file::decode(path.display().to_string(), bytes);
        let mut report = Report::default();
        report.extend(fault);
        let document = Document::parse(&text, &mut report);
        let mut root = document.root();
        let read = patterns::read(&mut root, &mut report).into_iter();
        let mut patterns: Vec<_> = read.filter_map(|(_, pattern)| pattern).collect();
        let limits = read_limits(&mut root, &mut Report::default());
        let folder = path.with_file_name("patterns");
        patterns.extend(patterns::read_folder(&folder, &mut report));
        Ok(Self {
            patterns,
            report,
            limits,
        })
    }
}
