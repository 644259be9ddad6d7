//! Texts of troubles, and the commands that lead on.

use super::found::Found;
use crate::status::command::shell_word;
use crate::status::setup::Setup;

/// A trouble in the words of a language.
pub(super) struct Text {
    pub(super) summary: String,
    pub(super) remedy: &'static str,
}

/// Returns the text of a trouble.
pub(super) fn text(summary: impl Into<String>, remedy: &'static str) -> Text {
    Text {
        summary: summary.into(),
        remedy,
    }
}

/// Returns whether the system has refused access, in its own words.
pub(super) fn is_denied(reason: &str) -> bool {
    reason.contains("ermission denied")
}

impl Found<'_> {
    /// Returns the command that leads on.
    pub(super) fn command(&self, setup: &Setup) -> Option<String> {
        let check = || {
            let file = setup.file.as_deref()?;
            Some(format!(
                "httplog-exporter check --config {}",
                shell_word(file)
            ))
        };
        match self {
            Self::InputFailing { source, reason } if is_denied(reason) => {
                let path = source.input.first()?;
                Some(format!("namei -l {}", shell_word(path)))
            }
            Self::InputFailing { .. }
            | Self::InputWaiting { .. }
            | Self::ReloadRefused { .. }
            | Self::WebConfigRefused
            | Self::NginxDown { .. }
            | Self::ConfigurationWarning { .. } => check(),
            Self::MostRejected { source, .. } => source.explain.clone(),
            Self::SomeRejected { source, .. } => {
                let logs = source.logs.as_deref()?;
                let options = setup.lines_options(source);
                Some(format!(
                    "httplog-exporter lines {options} --reject mismatch {logs}"
                ))
            }
            Self::LinesLost { .. } | Self::UrlconfRefused { .. } | Self::NotDurable { .. } => {
                Some("journalctl -u httplog-exporter -n 50".to_owned())
            }
            _ => None,
        }
    }
}
