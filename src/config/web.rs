//! The section `[web]`.

use std::path::{Path, PathBuf};

use crate::diag::{Fault, Report, Section, Spot, distinct};
use crate::http::{Address, HostName, MetricsPath};

/// Default of `web.listen`.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9914";

/// Settings of the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Listen addresses.
    pub listen: Vec<Address>,
    /// Permissions of the files of unix sockets; `None` leaves them to the umask.
    pub socket_mode: Option<u32>,
    /// Path of the metrics.
    pub metrics_path: MetricsPath,
    /// Names to which the pages for people answer, beside `localhost`, the machine's name and IP addresses.
    pub hosts: Vec<HostName>,
    /// True if clients may reload and stop the exporter.
    pub enable_lifecycle: bool,
    /// Path of the web configuration, which a reload may change.
    pub config_file: Option<PathBuf>,
    /// True if health checks need no credentials.
    pub open_health: bool,
}

impl Default for Web {
    fn default() -> Self {
        Self::listening_on(DEFAULT_LISTEN.parse().into_iter().collect())
    }
}

impl Web {
    /// Creates settings with these addresses and defaults for everything else.
    pub fn listening_on(listen: Vec<Address>) -> Self {
        Self {
            listen,
            socket_mode: None,
            metrics_path: MetricsPath::default(),
            hosts: Vec::new(),
            enable_lifecycle: false,
            config_file: None,
            open_health: false,
        }
    }

    /// Returns the keys whose values differ, of those that need a restart.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self {
            listen,
            socket_mode,
            metrics_path,
            hosts,
            enable_lifecycle,
            config_file: _,
            open_health: _,
        } = self;
        let keys = [
            ("web.listen", *listen != other.listen),
            ("web.socket_mode", *socket_mode != other.socket_mode),
            ("web.telemetry_path", *metrics_path != other.metrics_path),
            ("web.hosts", *hosts != other.hosts),
            (
                "web.enable_lifecycle",
                *enable_lifecycle != other.enable_lifecycle,
            ),
        ];
        let differing = keys.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(key, _)| key).collect()
    }

    pub(super) fn read(mut section: Section<'_>, base: &Path, report: &mut Report) -> Self {
        let config_file = section.string("config_file", report);
        let open_health = section.boolean("open_health", report);
        let listen = read_listen(&mut section, config_file.is_some(), report);
        let socket_mode = section.mode("socket_mode", report);
        let path = section.string("telemetry_path", report);
        let hosts = section.strings("hosts", report);
        let enable_lifecycle = section.boolean("enable_lifecycle", report);
        section.finish(report);
        if let (Some(open), None) = (&open_health, &config_file) {
            let fault = open.warning("`open_health` has no effect without `config_file`");
            report.push(fault.help("remove it: without users, health checks need no credentials"));
        }
        let has_socket = |address: &Address| matches!(address, Address::Unix(_));
        if let Some(mode) = &socket_mode
            && !listen.is_empty()
            && !listen.iter().any(has_socket)
        {
            let fault = mode.error("`socket_mode` applies only to addresses `unix:…` of `listen`");
            report.push(fault.help("remove it, or listen on a unix socket"));
        }
        let metrics_path = path.and_then(|path| match path.value.parse::<MetricsPath>() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let message = format!("`{}` is not a path for the metrics", path.value);
                report.push(path.error(message).help(error.to_string()));
                None
            }
        });
        Self {
            listen,
            socket_mode: socket_mode.map(|mode| mode.value),
            metrics_path: metrics_path.unwrap_or_default(),
            hosts: hosts.map_or(Vec::new(), |hosts| read_hosts(&hosts.value, report)),
            enable_lifecycle: enable_lifecycle.is_some_and(|enabled| enabled.value),
            config_file: config_file.map(|path| base.join(path.value)),
            open_health: open_health.is_some_and(|open| open.value),
        }
    }
}

/// Reads the names to which pages answer.
fn read_hosts(hosts: &[Spot<String>], report: &mut Report) -> Vec<HostName> {
    let name = |text: &str| {
        text.parse::<HostName>().map_err(|error| {
            Fault::error(format!("`{text}` is not the name of a host")).help(error.to_string())
        })
    };
    distinct(hosts, name, report)
}

/// Reads the listen addresses. With a web configuration, it depends on that one whether an address is exposed.
fn read_listen(section: &mut Section<'_>, has_config: bool, report: &mut Report) -> Vec<Address> {
    let Some(listen) = section.strings("listen", report) else {
        return Web::default().listen;
    };
    if listen.value.is_empty() {
        let fault = listen.error("`listen` is empty");
        report.push(fault.help(format!("listen = [\"{DEFAULT_LISTEN}\"]")));
        return Vec::new();
    }
    let address = |text: &str| {
        text.parse::<Address>().map_err(|error| {
            Fault::error(format!("`{text}` is not a valid listen address: {error}")).help(format!(
                "for example \"{DEFAULT_LISTEN}\" or \"unix:/run/httplog-exporter/metrics.sock\""
            ))
        })
    };
    for text in &listen.value {
        let address = text.value.parse::<Address>().ok();
        if !has_config && let Some((message, help)) = address.and_then(|address| address.exposure())
        {
            report.push(text.warning(message).help(help));
        }
    }
    distinct(&listen.value, address, report)
}
