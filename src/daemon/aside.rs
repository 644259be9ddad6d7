//! Runs what may block on a thread of its own, so that the main loop goes on.
//!
//! Invariant: the main loop waits only for a result, and stops waiting at a deadline. A thread that a system call holds,
//! such as on a file system that does not respond, is left to the end of the process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use tokio::sync::oneshot;

/// The result of work on another thread, once it is there. Without one the thread has panicked, which ends the process.
#[derive(Debug)]
pub(super) struct Outcome<T>(pub(super) oneshot::Receiver<T>);

impl<T> Future for Outcome<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(outcome)) => Poll::Ready(outcome),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

/// Starts `work` on a thread and returns its result, to be waited for.
pub(super) fn aside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Outcome<T>> {
    let (sender, result) = oneshot::channel();
    // Not joined: sending the result is the last thing it does.
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Fails if the result is not wanted any more.
            let _ = sender.send(work());
        })?;
    Ok(Outcome(result))
}
