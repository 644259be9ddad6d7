//! Admits connections and requests by the policy in force.
//!
//! Invariant: a request is admitted before anything is done for it. No text of a request is kept or shown.

mod bucket;
mod credentials;
mod logins;
mod policies;

use std::sync::Arc;

use hyper::Request;
use warp::reply::Response;

pub(super) use policies::{InForce, Standing};
pub use policies::{Policies, PolicySource};

use super::event::Page;
use super::response;
use logins::{Login, Logins};

/// Decides on requests.
pub(super) struct Guard {
    pub(super) policies: Arc<Policies>,
    logins: Logins,
}

impl Guard {
    pub(super) fn new(policies: Arc<Policies>) -> Self {
        Self {
            policies,
            logins: Logins::new(),
        }
    }

    /// Returns the response to a request that is not admitted.
    pub(super) async fn refusal<B>(
        &self,
        request: &Request<B>,
        page: Page,
        policy: &InForce,
    ) -> Option<Response> {
        if !policy.takes_request(self.policies.now()) {
            return Some(response::too_many_requests());
        }
        let users = &policy.policy.users;
        let is_health = matches!(page, Page::Healthy | Page::Ready);
        if users.is_empty() || (is_health && policy.policy.open_health) {
            return None;
        }
        let Some(credentials) = credentials::of(request.headers()) else {
            return Some(response::unauthorized());
        };
        match self.logins.check(users, credentials).await {
            Login::Accepted => None,
            Login::Refused => Some(response::unauthorized()),
            Login::Busy => Some(response::too_many_logins()),
        }
    }
}
