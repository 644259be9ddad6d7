//! Accepts connections, on a thread of its own.
//!
//! To accept and close the connections of clients that connect and leave in a loop takes more time than everything else
//! that the server does. Its thread would always be busy, and so wait for a processor whenever another one is.
//!
//! Invariant: at most [`WAITING`] accepted connections wait for the server; every listener is closed once
//! [`Acceptor::stop`] has returned.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::connections::Connections;
use super::event::HttpEvent;
use super::listener::{Accepted, Listener};

/// Accepted connections that may wait for the server.
const WAITING: usize = 16;
/// Connections of one listener that are accepted before the others have their turn.
const IN_TURN: usize = 256;
/// Pause before accepting again after the system has run out of descriptors or memory.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The thread that accepts, seen from the server.
#[derive(Debug)]
pub(super) struct Acceptor {
    accepted: mpsc::Receiver<Accepted>,
    /// Its peer is readable once this end is closed.
    stop: UnixStream,
    thread: JoinHandle<()>,
}

/// The state of the thread.
struct Accepting {
    listeners: Vec<Listener>,
    connections: Arc<Connections>,
    stopped: UnixStream,
    /// Dropped last: then the listeners are closed.
    server: mpsc::Sender<Accepted>,
}

/// Marks the end of the thread: the server has stopped.
struct Stopped;

impl Acceptor {
    /// Starts the thread.
    pub(super) fn start(
        listeners: Vec<Listener>,
        connections: &Arc<Connections>,
    ) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let (server, accepted) = mpsc::channel(WAITING);
        let accepting = Accepting {
            listeners,
            connections: Arc::clone(connections),
            stopped,
            server,
        };
        let thread = thread::Builder::new()
            .name("accept".to_owned())
            .spawn(move || {
                let Stopped = accepting.run();
            })?;
        Ok(Self {
            accepted,
            stop,
            thread,
        })
    }

    /// Returns the next connection, or `None` once the thread has ended, which means that it has panicked.
    pub(super) async fn next(&mut self) -> Option<Accepted> {
        self.accepted.recv().await
    }

    /// Closes the listeners, and returns the outcome of the thread. Connections that the server has not taken are
    /// closed, too.
    pub(super) async fn stop(mut self) -> thread::Result<()> {
        drop(self.stop);
        self.accepted.close();
        while self.accepted.recv().await.is_some() {}
        // Nothing is left to wait for.
        self.thread.join()
    }
}

impl Accepting {
    fn run(self) -> Stopped {
        let stopped = PollFd::new(&self.stopped, PollFlags::IN);
        let mut polled: Vec<_> = self
            .listeners
            .iter()
            .map(|listener| PollFd::new(listener, PollFlags::IN))
            .chain([stopped])
            .collect();
        loop {
            let outcome = poll(&mut polled, None);
            if outcome.is_err_and(|error| error != Errno::INTR)
                && let Err(stopped) = self.pause()
            {
                return stopped;
            }
            for (listener, polled) in self.listeners.iter().zip(&polled) {
                if !polled.revents().is_empty()
                    && let Err(stopped) = self.accept(listener)
                {
                    return stopped;
                }
            }
            if polled
                .last()
                .is_some_and(|stopped| !stopped.revents().is_empty())
            {
                return Stopped;
            }
        }
    }

    /// Accepts what has come, up to [`IN_TURN`] connections. Those whose client has left already are dropped.
    fn accept(&self, listener: &Listener) -> Result<(), Stopped> {
        for _ in 0..IN_TURN {
            match listener.accept() {
                Ok(connection) if connection.has_left() => {}
                Ok(connection) => {
                    let sent = self.server.blocking_send(connection);
                    sent.map_err(|_| Stopped)?;
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => {
                    self.connections.observer.observe(HttpEvent::AcceptFailed);
                    if !is_of_client(error) {
                        // Closing a connection frees a descriptor, which may be what is missing.
                        self.connections.displace();
                        return self.pause();
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits a moment, unless the server stops.
    fn pause(&self) -> Result<(), Stopped> {
        let mut stopped = [PollFd::new(&self.stopped, PollFlags::IN)];
        match poll(&mut stopped, Some(&PAUSE)) {
            Ok(1..) => Err(Stopped),
            _ => Ok(()),
        }
    }
}

/// Returns whether an error concerns only the connection that was to be accepted (accept(2)); the
/// next one may succeed.
fn is_of_client(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED | Errno::CONNRESET | Errno::CONNREFUSED | Errno::INTR
    )
}
