//! Reads configurations from files and texts.
//!
//! Invariant: a [`Config`] is returned only if its report has no error.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::limits::Limits;
use super::patterns;
use super::read::{Config, lines};
use crate::diag::{Fault, Place, Report, Text};
use crate::pattern::Pattern;

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
pub struct Reading {
    /// Custom patterns of the configuration and of the folder `patterns` beside it, used or not.
    pub patterns: Vec<Pattern>,
    /// Faults of custom patterns.
    pub report: Report,
    /// Limits; the defaults where the configuration's are wrong.
    pub limits: Limits,
}

impl Config {
    /// Reads and checks a file, and the patterns in the folder `patterns` beside it.
    pub fn load(path: &Path) -> io::Result<Checked> {
        let content = std::fs::read(path)?;
        let name = path.display().to_string();
        let mut report = Report::default();
        let content = match String::from_utf8(content) {
            Ok(content) => content,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let content = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let text = Arc::new(Text { name, content });
                let place = Place { text, span: at..at };
                let fault = Fault::error("not valid UTF-8");
                report.push(fault.at(place).help("save the file as UTF-8"));
                return Ok(Checked {
                    config: None,
                    report,
                });
            }
        };
        let base = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let base = std::path::absolute(base)?;
        let custom = patterns::read_folder(&base.join("patterns"), &mut report);
        let text = Arc::new(Text { name, content });
        let config = Self::read(&text, custom, &base, &mut report);
        Ok(checked(config, report))
    }

    /// Checks a text; relative paths are relative to `base`.
    pub fn parse(name: &str, content: &str, base: &Path) -> Checked {
        let mut report = Report::default();
        let text = Arc::new(Text {
            name: name.to_owned(),
            content: content.to_owned(),
        });
        let config = Self::read(&text, Vec::new(), base, &mut report);
        checked(config, report)
    }
}

fn checked(config: Option<Config>, report: Report) -> Checked {
    Checked {
        config: config.filter(|_| !report.has_errors()),
        report,
    }
}

/// Reads the patterns and limits of a configuration, whatever else is wrong with it.
pub fn reading_of(path: &Path) -> io::Result<Reading> {
    let content = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    let name = path.display().to_string();
    let mut report = Report::default();
    let (mut patterns, limits) = lines(&Arc::new(Text { name, content }), &mut report);
    let folder = path.with_file_name("patterns");
    patterns.extend(patterns::read_folder(&folder, &mut report));
    Ok(Reading {
        patterns,
        report,
        limits,
    })
}
