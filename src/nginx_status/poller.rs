//! Requests pages while a scrape gathers metrics.
//!
//! Invariants:
//! - A request and the connection that it makes end by the deadline.
//! - A change of a page's state is reported once.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

use super::address::StubAddress;
use super::event::{StubError, StubEvent};
use super::families::families;
use super::stub::Stub;
use crate::client::{Client, ClientLimits, SYSTEM_AUTHORITIES};
use crate::model::Family;

/// Bounds of a request. nginx writes some hundred bytes.
const LIMITS: ClientLimits = ClientLimits {
    time: Duration::from_millis(250),
    bytes: 4096,
};
/// Longest time that a scrape waits, if the runtime is late too.
const PATIENCE: Duration = Duration::from_millis(300);

type Outcome = Result<Stub, StubError>;

/// The pages of a configuration.
#[derive(Default)]
pub struct Poller {
    pages: Mutex<Vec<Arc<Page>>>,
}

/// Requests that were sent for one scrape.
pub struct Poll {
    pages: Vec<Arc<Page>>,
    outcomes: Receiver<Vec<(usize, Outcome)>>,
}

/// A page without numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StubDown {
    /// Its address.
    pub address: String,
    /// Reason with its causes.
    pub reason: String,
}

struct Page {
    address: StubAddress,
    client: Client,
    state: Mutex<State>,
}

/// Outcome of the last request.
#[derive(Default)]
enum State {
    #[default]
    Untried,
    Up,
    /// The reason.
    Down(String),
}

impl Poller {
    /// Replaces the pages. Those that stay keep their state.
    pub fn configure<'a>(&self, addresses: impl IntoIterator<Item = &'a StubAddress>) {
        let mut pages = lock(&self.pages);
        let next = addresses.into_iter().map(|address| {
            let known = pages.iter().find(|page| page.address == *address);
            known
                .cloned()
                .unwrap_or_else(|| Arc::new(Page::new(address.clone())))
        });
        let next = next.collect();
        *pages = next;
    }

    /// Sends requests on the runtime of the calling thread; `None` without a page.
    pub fn begin(&self) -> Option<Poll> {
        let pages = lock(&self.pages).clone();
        if pages.is_empty() {
            return None;
        }
        let (sender, outcomes) = channel();
        let polled = pages.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // Fails if the scrape has not waited.
                let _ = sender.send(poll_all(polled).await);
            });
        }
        Some(Poll { pages, outcomes })
    }

    /// Returns the pages that had no numbers at the last scrape.
    pub fn down(&self) -> Vec<StubDown> {
        let pages = lock(&self.pages).clone();
        let down = pages.iter().filter_map(|page| match &*lock(&page.state) {
            State::Down(reason) => Some(StubDown {
                address: page.address.to_string(),
                reason: reason.clone(),
            }),
            State::Untried | State::Up => None,
        });
        down.collect()
    }
}

impl Poll {
    /// Waits for the responses, and returns the families and what has changed.
    pub fn finish(self) -> (Vec<Family>, Vec<StubEvent>) {
        let mut outcomes = self.outcomes.recv_timeout(PATIENCE).unwrap_or_default();
        outcomes.sort_unstable_by_key(|(at, _)| *at);
        let mut outcomes = outcomes.into_iter().peekable();
        let (mut shown, mut events) = (Vec::new(), Vec::new());
        for (at, page) in self.pages.iter().enumerate() {
            let outcome = outcomes
                .next_if(|(of, _)| *of == at)
                .map(|(_, outcome)| outcome);
            let outcome =
                outcome.unwrap_or_else(|| Err(page.client.late(page.address.target()).into()));
            events.extend(page.note(&outcome));
            shown.push((&page.address, outcome.ok()));
        }
        (families(&shown), events)
    }
}

impl Page {
    fn new(address: StubAddress) -> Self {
        Self {
            address,
            client: Client::new(LIMITS, None, PathBuf::from(SYSTEM_AUTHORITIES)),
            state: Mutex::default(),
        }
    }

    async fn poll(&self) -> Outcome {
        let response = self.client.get(self.address.target(), "text/plain").await?;
        if response.status != StatusCode::OK {
            return Err(StubError::Status(response.status));
        }
        Stub::parse(&response.body).ok_or(StubError::Other)
    }

    /// Keeps the outcome of a request, and returns the change of the state.
    fn note(&self, outcome: &Outcome) -> Option<StubEvent> {
        let mut state = lock(&self.state);
        let address = || self.address.clone();
        match outcome {
            Ok(_) => {
                let before = std::mem::replace(&mut *state, State::Up);
                matches!(before, State::Down(_)).then(|| StubEvent::Up { address: address() })
            }
            Err(error) => {
                let reason = error.reason();
                let before = std::mem::replace(&mut *state, State::Down(reason.clone()));
                (!matches!(before, State::Down(_))).then(|| StubEvent::Down {
                    address: address(),
                    reason,
                    remedy: error.remedy(),
                })
            }
        }
    }
}

/// Requests pages once, outside of a runtime.
pub fn try_all<'a>(
    addresses: impl IntoIterator<Item = &'a StubAddress>,
) -> io::Result<Vec<Result<Stub, StubError>>> {
    let pages = addresses.into_iter().cloned();
    let pages: Vec<_> = pages.map(|address| Arc::new(Page::new(address))).collect();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut outcomes = runtime.block_on(poll_all(pages));
    outcomes.sort_unstable_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Requests all pages at once. Each outcome has the place of its page.
async fn poll_all(pages: Vec<Arc<Page>>) -> Vec<(usize, Outcome)> {
    let mut requests = JoinSet::new();
    for (at, page) in pages.into_iter().enumerate() {
        requests.spawn(async move { (at, page.poll().await) });
    }
    let mut outcomes = Vec::new();
    while let Some(outcome) = requests.join_next().await {
        outcomes.extend(outcome);
    }
    outcomes
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
