//! The policy in force, and its replacement when the configuration changes.
//!
//! Invariant: files are checked only when a client comes, at most once in [`INTERVAL`], on another thread.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::bucket::Bucket;
use crate::clock::Clock;
use crate::http::{Policy, Tls};

/// Least time between two checks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time that a client waits for a check: a disk that does not respond delays a request no further.
const PATIENCE: Duration = Duration::from_millis(250);

/// Reads policies.
pub trait PolicySource: Send + Sync {
    /// Returns the policy to apply from now on, if it has changed. May wait for files; calls do not overlap.
    fn check(&self) -> Option<Policy>;
}

/// The policy in force.
pub struct Policies {
    source: Option<Arc<dyn PolicySource>>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    in_force: Arc<InForce>,
    /// Time of the next check, of the monotonic clock.
    due: Duration,
    is_checking: bool,
}

/// A policy with what it counts.
pub(in crate::http) struct InForce {
    pub(in crate::http) policy: Policy,
    bucket: Option<Arc<Mutex<Bucket>>>,
}

/// Standing of a connection that was opened under another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Standing {
    /// The connection goes on.
    Valid,
    /// The connection ends after the response: the next one shows another certificate.
    Replaced,
    /// The connection is not encrypted, and has to be.
    Plain,
    /// The client was admitted by other rules than those in force.
    Void,
}

impl Policies {
    /// Starts with a policy, which `source` may replace.
    pub fn new(
        policy: Policy,
        source: Option<Arc<dyn PolicySource>>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let now = clock.monotonic();
        let bucket = policy
            .rate
            .map(|rate| Arc::new(Mutex::new(Bucket::new(rate, now))));
        Arc::new(Self {
            source,
            clock,
            state: Mutex::new(State {
                in_force: Arc::new(InForce { policy, bucket }),
                due: now + INTERVAL,
                is_checking: false,
            }),
        })
    }

    /// Returns the policy in force, after a check if one is due.
    pub(in crate::http) async fn current(self: &Arc<Self>) -> Arc<InForce> {
        if self.begins_check(false) {
            let policies = Arc::clone(self);
            let checked = tokio::task::spawn_blocking(move || policies.check());
            let _ = timeout(PATIENCE, checked).await;
        }
        Arc::clone(&self.lock().in_force)
    }

    /// Returns the policy in force.
    pub fn policy(&self) -> Policy {
        self.lock().in_force.policy.clone()
    }

    /// Checks the files now, unless another thread does. May wait for them.
    pub fn check_now(&self) {
        if self.begins_check(true) {
            self.check();
        }
    }

    fn begins_check(&self, is_forced: bool) -> bool {
        if self.source.is_none() {
            return false;
        }
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.is_checking || (!is_forced && now < state.due) {
            return false;
        }
        state.is_checking = true;
        state.due = now + INTERVAL;
        true
    }

    /// Checks the files. [`Self::begins_check`] must have returned true.
    fn check(&self) {
        let _checking = Checking(self);
        let Some(mut policy) = self.source.as_ref().and_then(|source| source.check()) else {
            return;
        };
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let before = &state.in_force;
        if let (Some(tls), Some(used)) = (&policy.tls, &before.policy.tls)
            && tls.identity == used.identity
        {
            // Keeps sessions that clients can resume.
            policy.tls = Some(Arc::clone(used));
        }
        let bucket = if policy.rate == before.policy.rate {
            before.bucket.clone()
        } else {
            policy
                .rate
                .map(|rate| Arc::new(Mutex::new(Bucket::new(rate, now))))
        };
        state.in_force = Arc::new(InForce { policy, bucket });
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").finish_non_exhaustive()
    }
}

/// A check that goes on. When dropped, another one may begin.
struct Checking<'p>(&'p Policies);

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.lock().is_checking = false;
    }
}

impl InForce {
    /// Counts a request against the rate limit. Returns false if it is over the limit.
    pub(super) fn takes_request(&self, now: Duration) -> bool {
        self.bucket.as_ref().is_none_or(|bucket| {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(now)
        })
    }

    /// Returns what the policy means for a connection with this TLS.
    pub(in crate::http) fn standing(&self, tls: Option<&Arc<Tls>>) -> Standing {
        match (tls, &self.policy.tls) {
            (None, None) => Standing::Valid,
            (None, Some(_)) => Standing::Plain,
            (Some(_), None) => Standing::Replaced,
            (Some(tls), Some(used)) if Arc::ptr_eq(tls, used) => Standing::Valid,
            (Some(tls), Some(used)) if tls.clients == used.clients => Standing::Replaced,
            (Some(_), Some(_)) => Standing::Void,
        }
    }
}
