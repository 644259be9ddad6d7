//! Runs what has no end of its own until it is interrupted, or until its output has no reader.
//!
//! Invariant: the process ends soon after the request, also if the output is not read meanwhile.

use std::future::pending;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::exit::Failure;
use crate::clock::Waker;

/// Time for the end of the work. It takes longer only if it waits for the reader of the output.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    is_requested: Arc<AtomicBool>,
    waker: Waker,
}

impl Stop {
    /// Returns whether the stop was requested.
    pub(super) fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::Acquire)
    }

    /// Returns the waker that the request wakes. The work waits for it, for this and anything else.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn request(&self) {
        self.is_requested.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// Runs `work` on a thread of its own until it ends, and requests its end at SIGINT, at SIGTERM, or once the reader of
/// standard output is gone. An end by such a request is a success.
pub(super) fn until_stopped(
    work: impl FnOnce(&Stop) -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    let mut runtime = runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(Failure::cannot("wait for signals"))?;
    runtime.block_on(async {
        let signal = |kind| signal(kind).map_err(Failure::cannot("wait for signals"));
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = Stop::default();
        let (done, mut ended) = oneshot::channel();
        let of_work = stop.clone();
        thread::Builder::new()
            .name("work".into())
            .spawn(move || {
                // Fails if nothing waits for the end any more.
                let _ = done.send(work(&of_work));
            })
            .map_err(Failure::cannot("start a thread"))?;
        tokio::select! {
            outcome = &mut ended => return outcome.unwrap_or(Ok(())),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = closed(io::stdout()) => {}
        }
        stop.request();
        match timeout(PATIENCE, ended).await {
            Ok(outcome) => outcome.unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    })
}

/// Waits until a pipe has no reader left; without an end if that cannot be known.
async fn closed(output: io::Stdout) {
    let copy = output.as_fd().try_clone_to_owned();
    // A file is refused. Nothing is written by this copy, so it does not matter that a write would wait.
    let Ok(pipe) = copy.and_then(Sender::from_owned_fd_unchecked) else {
        return pending().await;
    };
    if pipe.ready(Interest::ERROR).await.is_err() {
        pending::<()>().await;
    }
}
