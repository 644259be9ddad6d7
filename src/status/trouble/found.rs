//! The kinds of trouble.

use crate::status::document::Severity;
use crate::status::setup::SourceSetup;

/// A trouble.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found<'s> {
    InputFailing {
        source: &'s SourceSetup,
        reason: &'s str,
    },
    InputWaiting {
        source: &'s SourceSetup,
        reason: &'s str,
    },
    MostRejected {
        source: &'s SourceSetup,
        rejected: u64,
        lines: u64,
    },
    SomeRejected {
        source: &'s SourceSetup,
        rejected: u64,
        lines: u64,
    },
    Late {
        source: &'s SourceSetup,
        seconds: f64,
        bytes: u64,
    },
    LinesLost {
        source: &'s SourceSetup,
        events: u64,
    },
    PeerSilent {
        source: &'s SourceSetup,
        missing: u64,
        passed: u64,
    },
    UrlconfRefused {
        source: &'s str,
    },
    Silent {
        source: &'s SourceSetup,
        hours: u64,
    },
    SeriesFull {
        limit: u64,
        overflow: u64,
    },
    SeriesNearlyFull {
        used: u64,
        limit: u64,
    },
    NotDurable {
        reason: Option<&'s str>,
    },
    NotKept,
    ReloadRefused {
        reason: Option<&'s str>,
    },
    WebConfigRefused,
    CertificateExpired,
    CertificateExpires {
        days: u64,
    },
    FewDescriptors {
        used: u64,
        limit: u64,
    },
    NginxDown {
        address: &'s str,
        reason: &'s str,
    },
    MessagesDropped {
        messages: u64,
    },
    ConfigurationWarning {
        text: &'s str,
    },
}

impl Found<'_> {
    /// Kind of the trouble, and its urgency.
    pub(super) fn kind(&self) -> (&'static str, Severity) {
        use Severity::{Error, Notice, Warning};
        match self {
            Self::InputFailing { .. } => ("input_failing", Error),
            Self::InputWaiting { .. } => ("input_waiting", Warning),
            Self::MostRejected { .. } => ("most_lines_rejected", Error),
            Self::SomeRejected { .. } => ("lines_rejected", Warning),
            Self::Late { .. } => ("late", Warning),
            Self::LinesLost { .. } => ("lines_lost", Error),
            Self::PeerSilent { .. } => ("peer_silent", Warning),
            Self::UrlconfRefused { .. } => ("urlconf_refused", Warning),
            Self::Silent { .. } => ("silent", Notice),
            Self::SeriesFull { .. } => ("series_full", Error),
            Self::SeriesNearlyFull { .. } => ("series_nearly_full", Warning),
            Self::NotDurable { .. } => ("state_not_durable", Error),
            Self::NotKept => ("state_not_kept", Notice),
            Self::ReloadRefused { .. } => ("reload_refused", Error),
            Self::WebConfigRefused => ("web_config_refused", Error),
            Self::CertificateExpired => ("certificate_expired", Error),
            Self::CertificateExpires { .. } => ("certificate_expires", Warning),
            Self::FewDescriptors { .. } => ("few_descriptors", Warning),
            Self::NginxDown { .. } => ("nginx_down", Warning),
            Self::MessagesDropped { .. } => ("messages_dropped", Notice),
            Self::ConfigurationWarning { .. } => ("configuration_warning", Notice),
        }
    }

    /// Name of the source that it concerns.
    pub(super) fn source(&self) -> Option<&str> {
        match self {
            Self::InputFailing { source, .. }
            | Self::InputWaiting { source, .. }
            | Self::MostRejected { source, .. }
            | Self::SomeRejected { source, .. }
            | Self::Late { source, .. }
            | Self::LinesLost { source, .. }
            | Self::PeerSilent { source, .. }
            | Self::Silent { source, .. } => Some(&source.name),
            Self::UrlconfRefused { source } => Some(source),
            _ => None,
        }
    }

    /// Reason in the words of the system.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::InputFailing { reason, .. }
            | Self::InputWaiting { reason, .. }
            | Self::NginxDown { reason, .. } => Some(reason),
            Self::NotDurable { reason } | Self::ReloadRefused { reason } => *reason,
            Self::ConfigurationWarning { text } => Some(text),
            _ => None,
        }
    }
}
