//! The outcome of a reload.

use sd_notify::NotifyState;

use super::Workers;
use crate::daemon::systemd;
use crate::http::ReloadOutcome;

impl Workers {
    /// Records that a reload was refused.
    pub(super) fn refuse(&mut self, why: &str) {
        self.assembly.telemetry.config_refused();
        if let Some(overview) = &self.assembly.overview {
            overview.refuse(why);
        }
        tracing::error!("configuration not reloaded, the previous one stays in force: {why}");
        self.end_reload(&Err(format!(
            "not reloaded, the previous configuration stays in force: {why}"
        )));
    }

    /// Notifies systemd of the end of a reload, and begins the next one if it was requested meanwhile.
    pub(super) fn end_reload(&mut self, outcome: &ReloadOutcome) {
        systemd::notify(NotifyState::Ready);
        if !self.is_requested {
            self.clients.send(outcome);
        } else if self.reload.is_none() {
            self.load();
        }
    }
}
