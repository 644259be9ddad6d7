//! Waits for descriptors, and interrupts such a wait from another thread.
//!
//! Invariant: an interrupt that comes while the thread is not waiting ends its next wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// An eventfd that poll(2) waits for beside the other descriptors.
#[derive(Debug)]
pub(super) struct Poller(OwnedFd);

impl Poller {
    /// Fails if the process has no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }

    /// Ends the present wait, or the next one.
    pub(super) fn interrupt(&self) {
        // Fails only when the counter is full: then an interrupt is pending already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until one of `fds` is readable, for an interrupt, or for `timeout`. Returns for each
    /// of `fds` whether to read it, which includes one that was hung up or failed: reading it
    /// returns the reason.
    pub(super) fn wait(
        &self,
        fds: &[BorrowedFd<'_>],
        timeout: Option<Duration>,
    ) -> io::Result<Vec<bool>> {
        let mut polled: Vec<PollFd<'_>> = std::iter::once(self.0.as_fd())
            .chain(fds.iter().copied())
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(vec![false; fds.len()]),
            Err(error) => return Err(error.into()),
        }
        let mut ready = polled.iter().map(|fd| !fd.revents().is_empty());
        if ready.next() == Some(true) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
        Ok(ready.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_one_wait_and_readable_descriptors_are_reported() {
        let poller = Poller::new().unwrap();
        poller.interrupt();
        poller.interrupt();
        assert_eq!(poller.wait(&[], None).unwrap(), [false; 0]);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let (other, _writer) = rustix::pipe::pipe().unwrap();
        let fds = [other.as_fd(), read.as_fd()];
        let ready = poller.wait(&fds, Some(Duration::ZERO)).unwrap();
        assert_eq!(ready, [false, false], "the interrupt was cleared");
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(poller.wait(&fds, None).unwrap(), [false, true]);
    }
}
