//! The whole file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::files::{Files, Stamps};
use super::map::{Map, Reading};
use super::{duration, headers, mask, node, tls, users};
use crate::diag::{Fault, Report, Spot};
use crate::http::{Policy, Rate};
use crate::text_file::{self, Accept};

/// Most bytes of the file.
const MOST_BYTES: usize = 1 << 20;

/// A web configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebFile {
    /// Path of the file. Paths in it are relative to its directory.
    pub path: PathBuf,
    /// True if `/-/healthy` and `/-/ready` need no credentials.
    pub open_health: bool,
}

/// Result of reading a web configuration.
#[derive(Debug)]
pub struct Loaded {
    /// The policy; `None` if the report has errors.
    pub policy: Option<Policy>,
    /// Errors and warnings, without any secret.
    pub report: Report,
    /// The files that were read.
    pub stamps: Stamps,
    /// End of the validity of the server's certificate.
    pub not_after: Option<SystemTime>,
}

impl WebFile {
    /// Reads the file, and the files that it names.
    pub fn load(&self, accept: Accept, now: SystemTime) -> Loaded {
        let mut files = Files::default();
        let (name, read) = (
            self.path.display().to_string(),
            files.read(&self.path, accept),
        );
        let (text, fault) = match read {
            Ok(bytes) if bytes.len() <= MOST_BYTES => text_file::decode(name, bytes),
            Ok(_) => {
                return Loaded::failed(Fault::error(format!("{name} is larger than 1 MiB")), files);
            }
            Err(error) => {
                let help = "name the web configuration with web.config_file or --web.config.file";
                return Loaded::failed(Fault::error(error.to_string()).help(help), files);
            }
        };
        let mut reading = Reading::new(text);
        if let Some(fault) = fault {
            reading.push(fault);
        }
        // Fails only without a current directory, and then the path as given is as good.
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let base = path.parent().unwrap_or(&path);
        let (policy, not_after) = self.read(&mut reading, base, &mut files, now);
        let report = mask::mask(reading.report, &reading.text, reading.shown);
        Loaded {
            policy: Some(policy).filter(|_| !report.has_errors()),
            report,
            stamps: files.stamps,
            not_after,
        }
    }

    fn read(
        &self,
        reading: &mut Reading,
        base: &Path,
        files: &mut Files,
        now: SystemTime,
    ) -> (Policy, Option<SystemTime>) {
        let mut policy = Policy {
            open_health: self.open_health,
            ..Policy::default()
        };
        let text = Arc::clone(&reading.text);
        let document = match node::parse(&text.content) {
            Ok(document) => document,
            Err(error) => {
                reading.shown = mask::keys(&text.content);
                let fault = Fault::error(format!("not valid YAML: {}", error.message));
                let place = reading.place(error.at..error.at);
                reading.push(
                    fault
                        .at(place)
                        .help("values are indented below their key, with spaces"),
                );
                return (policy, None);
            }
        };
        if let Some(second) = document.second {
            let fault = Fault::warning("only the first document of the file is read");
            let place = reading.place(second..second);
            reading.push(fault.at(place).help("remove what follows"));
        }
        let Some(root) = document.root else {
            return (policy, None);
        };
        let Some(mut root) = reading.map(&root, "a web configuration") else {
            return (policy, None);
        };
        let mut has_http2 = true;
        if let Some(mut http) = root.map("http_server_config", reading) {
            has_http2 = read_http2(&mut http, reading);
            let fields = http.map("headers", reading);
            policy.headers = fields
                .map(|fields| headers::read(fields, reading))
                .unwrap_or_default();
            http.finish(reading);
        }
        let tls = root.map("tls_server_config", reading);
        let tls = tls.and_then(|tls| tls::read(tls, has_http2, base, files, now, reading));
        let not_after = tls.as_ref().and_then(|tls| tls.not_after);
        policy.tls = tls.map(|tls| Arc::new(tls.tls));
        if let Some(map) = root.map("basic_auth_users", reading) {
            policy.users = users::read(&map, reading);
        }
        if let Some(limit) = root.map("rate_limit", reading) {
            policy.rate = read_rate(limit, reading);
        }
        root.finish(reading);
        (policy, not_after)
    }
}

impl Loaded {
    fn failed(fault: Fault, files: Files) -> Self {
        let mut report = Report::default();
        report.push(fault);
        Self {
            policy: None,
            report,
            stamps: files.stamps,
            not_after: None,
        }
    }
}

/// Reads `http2`, which is on by default.
fn read_http2(http: &mut Map<'_>, reading: &mut Reading) -> bool {
    let http2 = http.boolean("http2", reading);
    if http2 == Some(true) {
        let fault = Fault::warning("HTTP/1.1 is served, whatever `http2` says");
        let place = http.key("http2", reading);
        reading.push(fault.at(place).help("remove it, or set it to false"));
    }
    http2.unwrap_or(true)
}

/// Reads `rate_limit`; an interval of 0 turns it off.
fn read_rate(mut map: Map<'_>, reading: &mut Reading) -> Option<Rate> {
    let interval = map.string("interval", reading);
    let burst = map.string("burst", reading);
    map.finish(reading);
    let burst = match &burst {
        None => 0,
        Some(text) => text.value.parse::<u32>().unwrap_or_else(|_| {
            let fault = text.error(format!("expected a whole number, found `{}`", text.value));
            reading.push(fault.help("burst: 20"));
            0
        }),
    };
    let interval: &Spot<String> = interval.as_ref()?;
    let parsed = match interval.value.parse::<u64>() {
        Ok(0) => return None,
        // As Go reads a number without a unit.
        Ok(nanos) => {
            let fault = interval.warning(format!("{nanos} without a unit counts nanoseconds"));
            reading.push(fault.help("interval: 1s"));
            Some(std::time::Duration::from_nanos(nanos))
        }
        Err(_) => duration::parse(&interval.value),
    };
    let Some(parsed) = parsed else {
        let fault = interval.error(format!("`{}` is not a duration", interval.value));
        reading.push(fault.help("for example 1s, 100ms or 1m30s"));
        return None;
    };
    if burst == 0 && !parsed.is_zero() {
        let fault = interval.warning("every request is refused: `burst` is 0");
        reading.push(fault.help("burst: the number of requests that may come at once"));
    }
    (!parsed.is_zero()).then_some(Rate {
        interval: parsed,
        burst,
    })
}
