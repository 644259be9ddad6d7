//! Options of the HTTP server, named as in other exporters.

use std::path::PathBuf;

use clap::Args;

use crate::config::Web;
use crate::http::{Address, MetricsPath};

const LISTEN_HELP: &str = "Listen address, in place of web.listen: 127.0.0.1:9914, [::1]:9914, :9914 for every interface, \
     localhost:9914, unix:/path or systemd; may be repeated";

/// Options that override keys of `[web]`.
#[derive(Debug, Args)]
pub(super) struct WebOptions {
    /// Listen address, in place of web.listen; may be repeated
    #[arg(id = "listen", long = "listen", visible_alias = "web.listen-address", short, value_name = "ADDR", long_help = LISTEN_HELP)]
    listen: Vec<Address>,
    /// Listen on the sockets that systemd passes, in place of web.listen
    #[arg(long = "web.systemd-socket", conflicts_with = "listen")]
    systemd_socket: bool,
    /// Path of the metrics, in place of the configured one [default: /metrics]
    #[arg(long = "web.telemetry-path", value_name = "PATH")]
    metrics_path: Option<MetricsPath>,
    /// Web configuration in the format of Prometheus' exporters, in place of the configured one: TLS, users, headers, a rate limit
    #[arg(long = "web.config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,
}

impl WebOptions {
    /// Returns the keys that the options override.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let keys = [
            ("web.listen", self.listens()),
            ("web.telemetry_path", self.metrics_path.is_some()),
            ("web.config_file", self.config_file.is_some()),
        ];
        let given = keys.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(key, _)| key).collect()
    }

    /// Overrides settings.
    pub(super) fn apply(&self, web: &mut Web) {
        if self.systemd_socket {
            web.listen = vec![Address::Systemd];
        } else if self.listens() {
            web.listen.clone_from(&self.listen);
        }
        if let Some(path) = &self.metrics_path {
            web.metrics_path = path.clone();
        }
        if let Some(path) = &self.config_file {
            // As with other exporters, an empty name stands for none.
            web.config_file = Some(path.clone()).filter(|path| !path.as_os_str().is_empty());
        }
    }

    /// Returns whether the options have listen addresses.
    pub(super) fn listens(&self) -> bool {
        self.systemd_socket || !self.listen.is_empty()
    }
}
