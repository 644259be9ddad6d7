//! What systemd wants to hear (`sd_notify(3)`).
//!
//! Invariant: without `NOTIFY_SOCKET` nothing happens; a message that cannot be sent is a line in
//! the log, not a failure.

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
        Err(error) => complain(&error),
    }
}

pub(super) fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear that we are alive, if at all.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|every| !every.is_zero())
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        complain(&error);
    }
}

fn complain(error: &io::Error) {
    tracing::warn!("cannot notify systemd: {error}");
}
