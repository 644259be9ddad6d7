//! Tries nginx's stub status pages.

use crate::config::Config;
use crate::diag::Report;
use crate::nginx_status::try_all;

/// Warns of pages that give no numbers now: nginx may be stopped.
pub(super) fn check_nginx(config: &Config, report: &mut Report) {
    if config.nginx_status.is_empty() {
        return;
    }
    let addresses = config.nginx_status.iter().map(|page| &page.value);
    // Without a runtime, nothing can be said about them.
    let outcomes = try_all(addresses).unwrap_or_default();
    for (page, outcome) in config.nginx_status.iter().zip(outcomes) {
        if let Err(error) = outcome {
            let fault = page.warning(format!("no metrics from nginx: {}", error.reason()));
            report.push(fault.help(error.remedy()));
        }
    }
}
