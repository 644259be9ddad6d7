//! Notifications to systemd (`sd_notify(3)`).
//!
//! Invariant: without `NOTIFY_SOCKET` nothing is sent; a notification that fails is logged and never fatal.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

pub(super) fn ready() {
    send(&[NotifyState::Ready]);
}

pub(super) fn stopping() {
    send(&[NotifyState::Stopping]);
}

pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => warn(&error),
    }
}

pub(super) fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// Returns the watchdog timeout, if systemd sets one.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|every| !every.is_zero())
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn(&error);
    }
}

fn warn(error: &io::Error) {
    tracing::warn!("cannot notify systemd: {error}");
}
