//! The names of the exporter's own metrics.
//!
//! Invariant: each name stands here and nowhere else in the program.

/// A metric about the exporter itself.
///
/// What is counted together with the lines (`lines_total`, `read_bytes_total` and their kin) comes
/// from the counting side, so that it is of the same instant; it is not among these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// 1, with the version as its label.
    BuildInfo,
    /// Times lines may have been lost, by source and reason.
    GapEvents,
    /// Bytes not read yet, by source.
    LagBytes,
    /// Age of what is not read yet, by source.
    LagSeconds,
    /// When a line was last read, by source.
    LastLineTimestamp,
    /// Files, pipes, sockets and connections held open, by source.
    FilesOpen,
    /// Whether the file of views' names was taken when it was last read, by source.
    UrlconfReloadSuccessful,
    /// Whether the last configuration was taken.
    ReloadSuccessful,
    /// When a configuration was last taken.
    ReloadSuccessTimestamp,
    /// Answers of the web side, by path and status.
    HttpRequests,
    /// Open connections.
    HttpConnections,
    /// Connections refused or closed for want of room.
    HttpConnectionsRejected,
    /// Time to gather and encode a scrape.
    ScrapeDuration,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::BuildInfo,
        Self::GapEvents,
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
        Self::ScrapeDuration,
    ];

    /// The full name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildInfo => "httplog_exporter_build_info",
            Self::GapEvents => "httplog_exporter_gap_events_total",
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
            Self::ScrapeDuration => "httplog_exporter_scrape_duration_seconds",
        }
    }

    /// The text of its `HELP` line.
    pub fn help(self) -> &'static str {
        match self {
            Self::BuildInfo => "Always 1; the label names the running version.",
            Self::GapEvents => "Times lines of a source may have been lost, by reason.",
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
            Self::ScrapeDuration => "Time to gather and encode one scrape.",
        }
    }

    /// Its label names, in the order in which values are given.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::BuildInfo => &["version"],
            Self::GapEvents => &["source", "reason"],
            Self::LagBytes
            | Self::LagSeconds
            | Self::LastLineTimestamp
            | Self::FilesOpen
            | Self::UrlconfReloadSuccessful => &["source"],
            Self::HttpRequests => &["path", "code"],
            Self::ReloadSuccessful
            | Self::ReloadSuccessTimestamp
            | Self::HttpConnections
            | Self::HttpConnectionsRejected
            | Self::ScrapeDuration => &[],
        }
    }
}
