//! Facts about a running exporter that its metrics do not have.

use super::command::shell_word;
use super::document::SourceState;

/// The configuration in force, as far as people want to see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// Version of the program.
    pub version: String,
    /// Path of the configuration file; `None` if the command line names the logs.
    pub file: Option<String>,
    /// Warnings about it.
    pub warnings: Vec<String>,
    /// `limits.series`.
    pub series_limit: u64,
    /// Sources, in its sequence.
    pub sources: Vec<SourceSetup>,
}

impl Setup {
    /// Returns the options of `lines` by which it reads the logs of a source as the exporter does, as words of a shell.
    pub(super) fn lines_options(&self, source: &SourceSetup) -> String {
        match &self.file {
            Some(file) => format!("--config {}", shell_word(file)),
            None => format!("--pattern {}", shell_word(&source.pattern)),
        }
    }
}

/// A source of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceSetup {
    /// Value of the label `source`.
    pub name: String,
    /// Paths, or the name of the stream.
    pub input: Vec<String>,
    /// Name of the pattern.
    pub pattern: String,
    /// The sources of the servers in front.
    pub behind: Vec<String>,
    /// Command that shows the reason why a line is rejected.
    pub explain: Option<String>,
    /// Arguments of `lines` that name the logs, as words of a shell; `None` if they cannot be read again.
    pub logs: Option<String>,
}

/// State of the input of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputState {
    /// State.
    pub state: SourceState,
    /// Reason why it is not open.
    pub reason: Option<String>,
}

/// Facts that change while the configuration does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circumstances {
    /// Current time, in seconds since 1970.
    pub time: f64,
    /// Time since the start of the process, in seconds.
    pub uptime: f64,
    /// State of each source's input, in the sequence of [`Setup::sources`].
    pub inputs: Vec<InputState>,
    /// Reason why the last reload was refused; `None` if it was not.
    pub reload_refusal: Option<String>,
    /// Reason why the last commit failed; `None` if it did not.
    pub commit_failure: Option<String>,
    /// Address of each of nginx's stub status pages that had no numbers at the last scrape, and the reason.
    pub nginx_down: Vec<(String, String)>,
}
