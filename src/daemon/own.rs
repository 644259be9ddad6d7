//! The series about the exporter itself that a configuration makes, for those who ask before it runs.
//!
//! Invariant: they are those of the first scrapes of `run`; the values mean nothing.

use std::time::UNIX_EPOCH;

use super::input::gap_reasons;
use crate::config::Config;
use crate::model::Family;
use crate::telemetry::{Telemetry, TelemetryError};

/// Returns the families about the exporter itself, but for those of the sources' lines.
///
/// # Errors
///
/// If the name of a metric is invalid or repeated, which tests rule out.
pub fn own_families(config: &Config) -> Result<Vec<Family>, TelemetryError> {
    let telemetry = Telemetry::new("", UNIX_EPOCH)?;
    for source in &config.sources {
        let own = telemetry.source(&source.name, gap_reasons(&source.input));
        own.set_last_line(UNIX_EPOCH);
        let routes = source.routes.as_ref();
        own.set_urlconf(
            routes
                .and_then(|routes| routes.urlconf.as_ref())
                .map(|_| true),
        );
        telemetry.set_fronts(&source.name, &source.behind);
    }
    telemetry.set_capacities(&config.capacities);
    telemetry.config_loaded(UNIX_EPOCH);
    if config.web.config_file.is_some() {
        telemetry.web_config_loaded(None);
    }
    if config.state.is_some() {
        telemetry.state()?;
    }
    telemetry.http_request("/metrics", 200);
    let mut families = telemetry.families();
    families.append(&mut telemetry.gap_families());
    Ok(families)
}
