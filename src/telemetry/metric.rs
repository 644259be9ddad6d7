//! Names, help texts and labels of the exporter's own metrics.
//!
//! Invariant: the program contains each name once, here.

/// A metric about the exporter itself.
///
/// Metrics that are counted with the lines, such as `lines_total` and `read_bytes_total`, are not among
/// these: `aggregate` counts them, so that a scrape sees them at the same moment as the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Always 1; the label is the version.
    BuildInfo,
    /// Always 1; the labels are a source and one in front of it.
    SourceInfo,
    /// Requests that the workers of a source handle at once.
    WorkerCapacity,
    /// Events in which lines may have been lost, by source and reason.
    GapEvents,
    /// Bounds on the bytes lost in such events, by source, reason and bound.
    GapBytes,
    /// Unread bytes, by source.
    LagBytes,
    /// Age of the oldest unread byte, by source.
    LagSeconds,
    /// Time at which the last line was read, by source.
    LastLineTimestamp,
    /// Files, pipes, sockets and connections held open, by source.
    FilesOpen,
    /// 1 if the last read of the URLconf succeeded, else 0, by source.
    UrlconfReloadSuccessful,
    /// 1 if the last load of the configuration succeeded, else 0.
    ReloadSuccessful,
    /// Time of the last successful load of the configuration.
    ReloadSuccessTimestamp,
    /// Responses of the HTTP server, by path and status code.
    HttpRequests,
    /// Open connections.
    HttpConnections,
    /// Connections refused, or closed to make room for another.
    HttpConnectionsRejected,
    /// TLS handshakes that failed.
    TlsHandshakesFailed,
    /// 1 if the last read of the web configuration succeeded, else 0.
    WebConfigReloadSuccessful,
    /// End of the validity of the server's certificate.
    CertificateNotAfter,
    /// Time to gather and encode a scrape.
    ScrapeDuration,
    /// Messages of the log that were dropped.
    LogMessagesDropped,
    /// Attempts to replace the checkpoint, by outcome.
    StateCommits,
    /// Time to replace the checkpoint.
    StateCommitDuration,
    /// Time since which counts may not be kept.
    StateAge,
    /// 1 if what is served survives the end of the process, else 0.
    StateDurable,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 24] = [
        Self::BuildInfo,
        Self::SourceInfo,
        Self::WorkerCapacity,
        Self::GapEvents,
        Self::GapBytes,
        Self::LagBytes,
        Self::LagSeconds,
        Self::LastLineTimestamp,
        Self::FilesOpen,
        Self::UrlconfReloadSuccessful,
        Self::ReloadSuccessful,
        Self::ReloadSuccessTimestamp,
        Self::HttpRequests,
        Self::HttpConnections,
        Self::HttpConnectionsRejected,
        Self::TlsHandshakesFailed,
        Self::WebConfigReloadSuccessful,
        Self::CertificateNotAfter,
        Self::ScrapeDuration,
        Self::LogMessagesDropped,
        Self::StateCommits,
        Self::StateCommitDuration,
        Self::StateAge,
        Self::StateDurable,
    ];

    /// Returns the full name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildInfo => "httplog_exporter_build_info",
            Self::SourceInfo => "httplog_exporter_source_info",
            Self::WorkerCapacity => "httplog_worker_capacity",
            Self::GapEvents => "httplog_exporter_gap_events_total",
            Self::GapBytes => "httplog_exporter_gap_bytes_total",
            Self::LagBytes => "httplog_exporter_lag_bytes",
            Self::LagSeconds => "httplog_exporter_lag_seconds",
            Self::LastLineTimestamp => "httplog_exporter_last_line_timestamp_seconds",
            Self::FilesOpen => "httplog_exporter_files_open",
            Self::UrlconfReloadSuccessful => "httplog_exporter_urlconf_last_reload_successful",
            Self::ReloadSuccessful => "httplog_exporter_config_last_reload_successful",
            Self::ReloadSuccessTimestamp => {
                "httplog_exporter_config_last_reload_success_timestamp_seconds"
            }
            Self::HttpRequests => "httplog_exporter_http_requests_total",
            Self::HttpConnections => "httplog_exporter_http_connections",
            Self::HttpConnectionsRejected => "httplog_exporter_http_connections_rejected_total",
            Self::TlsHandshakesFailed => "httplog_exporter_tls_handshakes_failed_total",
            Self::WebConfigReloadSuccessful => "httplog_exporter_web_config_last_reload_successful",
            Self::CertificateNotAfter => "httplog_exporter_certificate_not_after_timestamp_seconds",
            Self::ScrapeDuration => "httplog_exporter_scrape_duration_seconds",
            Self::LogMessagesDropped => "httplog_exporter_log_messages_dropped_total",
            Self::StateCommits => "httplog_exporter_state_commits_total",
            Self::StateCommitDuration => "httplog_exporter_state_commit_duration_seconds",
            Self::StateAge => "httplog_exporter_state_age_seconds",
            Self::StateDurable => "httplog_exporter_state_durable",
        }
    }

    /// Returns the text of the `HELP` line.
    pub fn help(self) -> &'static str {
        match self {
            Self::BuildInfo => "Always 1; the label names the running version.",
            Self::SourceInfo => {
                "Always 1; `behind` names the source of a server in front, empty without one."
            }
            Self::WorkerCapacity => "Requests that the workers of a source can handle at once.",
            Self::GapEvents => "Times lines of a source may have been lost, by reason.",
            Self::GapBytes => {
                "Bytes that such gaps cost at least (min) or at most (max), for reasons that tell."
            }
            Self::LagBytes => "Bytes a source is known to have that were not counted yet.",
            Self::LagSeconds => "How long the oldest unread byte of a source has waited.",
            Self::LastLineTimestamp => "When a line of a source was last read, as Unix time.",
            Self::FilesOpen => "Files, pipes, sockets and connections a source holds open.",
            Self::UrlconfReloadSuccessful => {
                "Whether the file that names a source's views was taken (1) or refused (0)."
            }
            Self::ReloadSuccessful => {
                "Whether the last configuration offered was taken (1) or refused (0)."
            }
            Self::ReloadSuccessTimestamp => "When a configuration was last taken, as Unix time.",
            Self::HttpRequests => "Requests answered, by path and status code.",
            Self::HttpConnections => "Connections open now.",
            Self::HttpConnectionsRejected => {
                "Connections refused, or closed to make room for another."
            }
            Self::TlsHandshakesFailed => "TLS handshakes that failed.",
            Self::WebConfigReloadSuccessful => {
                "Whether the web configuration, as it is now, was taken (1) or refused (0)."
            }
            Self::CertificateNotAfter => {
                "When the certificate that clients are shown expires, as Unix time."
            }
            Self::ScrapeDuration => "Time to gather and encode one scrape.",
            Self::LogMessagesDropped => {
                "Messages of the exporter's own log that standard error did not take."
            }
            Self::StateCommits => "Attempts to write the state to disk, by outcome.",
            Self::StateCommitDuration => "Time to write the state to disk.",
            Self::StateAge => "Time since all that was counted was on disk.",
            Self::StateDurable => {
                "Whether what is served is on disk (1) or restarts at an older state (0)."
            }
        }
    }

    /// Returns the label names, in the order in which values are given.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::BuildInfo => &["version"],
            Self::SourceInfo => &["source", "behind"],
            Self::GapEvents => &["source", "reason"],
            Self::GapBytes => &["source", "reason", "bound"],
            Self::WorkerCapacity
            | Self::LagBytes
            | Self::LagSeconds
            | Self::LastLineTimestamp
            | Self::FilesOpen
            | Self::UrlconfReloadSuccessful => &["source"],
            Self::HttpRequests => &["path", "code"],
            Self::StateCommits => &["outcome"],
            Self::ReloadSuccessful
            | Self::ReloadSuccessTimestamp
            | Self::HttpConnections
            | Self::HttpConnectionsRejected
            | Self::TlsHandshakesFailed
            | Self::WebConfigReloadSuccessful
            | Self::CertificateNotAfter
            | Self::ScrapeDuration
            | Self::LogMessagesDropped
            | Self::StateCommitDuration
            | Self::StateAge
            | Self::StateDurable => &[],
        }
    }
}
