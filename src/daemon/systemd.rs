//! Notifications to systemd (`sd_notify(3)`).
//!
//! Invariant: without `NOTIFY_SOCKET` nothing is sent; the first notification that fails is logged, and none is fatal.

use std::io;
use std::sync::Once;
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

/// Logs the first failure: the watchdog is notified again and again.
fn log(sent: io::Result<()>) {
    static REPORTED: Once = Once::new();
    if let Err(error) = sent {
        REPORTED.call_once(|| tracing::warn!("cannot notify systemd: {error}"));
    }
}
