//! Runs what may block on a thread of its own, so that the main loop goes on.
//!
//! Invariant: the main loop waits only for a result, and stops waiting at a deadline. A thread that a system call holds,
//! such as on a file system that does not respond, is left to the end of the process.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Starts `work` on a thread and returns the receiver of its result, which fails if the thread panics.
pub(super) fn aside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, result) = oneshot::channel();
    // Not joined: sending the result is the last thing it does.
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Fails if the result is not wanted any more.
            let _ = sender.send(work());
        })?;
    Ok(result)
}
