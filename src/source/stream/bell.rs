//! Waits for descriptors, and interrupts such a wait from another thread.
//!
//! Invariant: a ring that comes while nobody waits ends the next wait, until it is cleared.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// What a waiting thread listens for beside its descriptors.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    /// Fails where the process has no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }

    /// Ends the present wait, or the next one.
    pub(super) fn ring(&self) {
        // Refused only when the counter is full: then the bell rings already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until the bell rings or one of `fds` can be read, at most `timeout`; says of each
    /// whether to read it. One that was hung up or failed counts as readable: reading tells.
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
    fn a_ring_ends_one_wait_and_readable_descriptors_are_told() {
        let bell = Bell::new().unwrap();
        bell.ring();
        bell.ring();
        assert_eq!(bell.wait(&[], None).unwrap(), [false; 0]);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let (other, _writer) = rustix::pipe::pipe().unwrap();
        let fds = [other.as_fd(), read.as_fd()];
        let none = bell.wait(&fds, Some(Duration::ZERO)).unwrap();
        assert_eq!(none, [false, false], "the bell was cleared");
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(bell.wait(&fds, None).unwrap(), [false, true]);
    }
}
