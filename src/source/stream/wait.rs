//! The wait of a receiver, which the thread of all streams carries out.
//!
//! Invariant: an interrupt that comes while the receiver does not wait ends its next wait.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::poller::Poller;

/// A descriptor that a receiver waits for. It is shared with the thread, which needs it during the wait.
pub(super) type Descriptor = Arc<OwnedFd>;

/// Conditions that end a wait, apart from an interrupt.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// One of these is readable.
    pub(super) fds: Vec<Descriptor>,
    /// The time is over.
    pub(super) timeout: Option<Duration>,
}

/// The waits of one receiver, one after the other.
#[derive(Debug)]
pub(super) struct Wait {
    /// Wait of the thread, which an interrupt ends too.
    poller: Arc<Poller>,
    is_interrupted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Conditions of a wait that the thread has not begun.
    wish: Option<Wish>,
    /// Descriptors of the last wait that may be read, in the sequence of the wish.
    ready: Vec<bool>,
}

impl Wait {
    /// Makes the waits of a receiver on the thread that waits with `poller`.
    pub(super) fn new(poller: Arc<Poller>) -> Self {
        Self {
            poller,
            is_interrupted: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the present wait of the receiver, or its next one.
    pub(super) fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::SeqCst);
        self.poller.interrupt();
    }

    /// Waits until one of `fds` is readable, for an interrupt, or for `timeout`. Returns for each of `fds` whether to read
    /// it. Other receivers have their turns meanwhile, even if `timeout` is zero.
    pub(super) fn until(
        &self,
        fds: Vec<Descriptor>,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Vec<bool>> {
        let mut wish = Some(Wish { fds, timeout });
        // The thread polls a receiver again only when its wait is over.
        poll_fn(move |_| match wish.take() {
            Some(wish) => {
                self.lock().wish = Some(wish);
                Poll::Pending
            }
            None => Poll::Ready(std::mem::take(&mut self.lock().ready)),
        })
    }

    /// Takes the conditions of the wait that the receiver has asked for.
    pub(super) fn take_wish(&self) -> Wish {
        self.lock().wish.take().unwrap_or_default()
    }

    /// Returns whether an interrupt has come that has ended no wait.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::SeqCst)
    }

    /// Returns whether an interrupt has come since the last call.
    pub(super) fn take_interrupt(&self) -> bool {
        self.is_interrupted.swap(false, Ordering::SeqCst)
    }

    /// Ends the wait with the descriptors that may be read.
    pub(super) fn end(&self, ready: Vec<bool>) {
        self.lock().ready = ready;
    }
}
