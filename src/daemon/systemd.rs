//! Notifications to systemd (`sd_notify(3)`).
//!
//! Invariant: without `NOTIFY_SOCKET` nothing is sent; a notification that fails is logged and never fatal.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// Notifies systemd of a state.
pub(super) fn notify(state: NotifyState<'_>) {
    log(sd_notify::notify(&[state]));
}

/// Notifies systemd that a reload begins; [`NotifyState::Ready`] ends it.
pub(super) fn notify_reloading() {
    let now = NotifyState::monotonic_usec_now();
    log(now.and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])));
}

/// Returns the watchdog timeout, if systemd sets one.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|every| !every.is_zero())
}

fn log(sent: io::Result<()>) {
    if let Err(error) = sent {
        tracing::warn!("cannot notify systemd: {error}");
    }
}
