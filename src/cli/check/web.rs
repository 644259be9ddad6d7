//! Checks the web configuration.

use crate::clock::{Clock as _, SystemClock};
use crate::diag::{Fault, Report};
use crate::http::{Address, Policy};
use crate::text_file::Accept;
use crate::web_config::WebFile;

/// Reads a web configuration, and returns a summary unless it has errors. `listen` are the addresses that it protects.
pub(super) fn check_web(file: &WebFile, listen: &[Address], report: &mut Report) -> Option<String> {
    let loaded = file.load(Accept::RegularOrPipe, SystemClock::new().wall());
    report.extend(loaded.report);
    let policy = loaded.policy?;
    for address in listen {
        if let Some((message, help)) = address.exposure_under(&policy) {
            report.push(Fault::warning(message).help(help));
        }
    }
    Some(summary(&policy))
}

fn summary(policy: &Policy) -> String {
    let mut parts = Vec::new();
    parts.push(
        if policy.tls.is_some() {
            "TLS"
        } else {
            "no TLS"
        }
        .to_owned(),
    );
    parts.push(match policy.users.len() {
        0 => "no users".to_owned(),
        1 => "1 user".to_owned(),
        count => format!("{count} users"),
    });
    if let Some(rate) = policy.rate {
        let (burst, interval) = (rate.burst, rate.interval);
        parts.push(format!("a request every {interval:?} and {burst} at once"));
    }
    parts.join(", ")
}
