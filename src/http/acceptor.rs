//! Accepts connections, on a thread of its own.
//!
//! To accept and close the connections of clients that connect and leave in a loop takes more time than everything else
//! that the server does. Its thread would always be busy, and so wait for a processor whenever another one is.
//!
//! A connection is handed over once its client has sent something: one that stays silent takes no place of another one.
//!
//! Invariant: at most [`WAITING`] accepted connections wait for the server, and at most [`SILENT`] for their clients; every
//! listener is closed once [`Acceptor::stop`] has returned.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::connections::Connections;
use super::event::HttpEvent;
use super::listener::{Accepted, FirstMove, Listener};

/// Accepted connections that may wait for the server.
const WAITING: usize = 16;
/// Connections of one listener that are accepted before the others have their turn.
const IN_TURN: usize = 256;
/// Connections whose clients have sent nothing yet. For a further one, the oldest is closed.
pub(super) const SILENT: usize = 256;
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
    /// Silent connections, the oldest first, with the time of the monotonic clock at which they are closed.
    silent: VecDeque<(Accepted, Duration)>,
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
            silent: VecDeque::new(),
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

    /// Returns the next connection; `None` once the thread has ended, which it does only at [`Acceptor::stop`].
    pub(super) async fn next(&mut self) -> Option<Accepted> {
        self.accepted.recv().await
    }

    /// Closes the listeners, and ends the thread. Connections that the server has not taken are closed, too.
    pub(super) async fn stop(mut self) {
        drop(self.stop);
        self.accepted.close();
        while self.accepted.recv().await.is_some() {}
        // Nothing is left to wait for, and a panic would have ended the process.
        let _ = self.thread.join();
    }
}

impl Accepting {
    fn run(mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.handle_events() {
                return stopped;
            }
        }
    }

    /// Waits for events, and handles them.
    fn handle_events(&mut self) -> Result<(), Stopped> {
        let fds = [self.stopped.as_fd()].into_iter();
        let fds = fds.chain(self.listeners.iter().map(AsFd::as_fd));
        let fds = fds.chain(self.silent.iter().map(|(silent, _)| silent.as_fd()));
        let mut polled: Vec<_> = fds
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let outcome = poll(&mut polled, self.patience().as_ref());
        let has_event: Vec<bool> = polled
            .iter()
            .map(|polled| !polled.revents().is_empty())
            .collect();
        if outcome.is_err_and(|error| error != Errno::INTR) {
            self.pause()?;
        }
        let (stopped, others) = has_event.split_at(1);
        if stopped.contains(&true) {
            return Err(Stopped);
        }
        let (listeners, silent) = others.split_at(self.listeners.len());
        self.hand_over(silent)?;
        for (at, has_event) in listeners.iter().enumerate() {
            if *has_event {
                self.accept(at)?;
            }
        }
        Ok(())
    }

    /// Returns the time until the oldest silent connection is closed; `None` if there is none.
    fn patience(&self) -> Option<Timespec> {
        let (_, until) = self.silent.front()?;
        let now = self.connections.clock.monotonic();
        // Rounded up, so that the time is over then.
        let left = until.saturating_sub(now) + Duration::from_millis(1);
        Timespec::try_from(left).ok()
    }

    /// Hands over those of the silent connections whose clients have moved, and closes those whose time is over.
    fn hand_over(&mut self, have_moved: &[bool]) -> Result<(), Stopped> {
        let now = self.connections.clock.monotonic();
        let silent = std::mem::take(&mut self.silent);
        for ((connection, until), has_moved) in silent.into_iter().zip(have_moved) {
            if *has_moved {
                self.receive(connection)?;
            } else if now < until {
                self.silent.push_back((connection, until));
            }
        }
        Ok(())
    }

    /// Hands a connection over if its client has sent something, keeps it if the client may still do so, and closes it otherwise.
    fn receive(&mut self, connection: Accepted) -> Result<(), Stopped> {
        match connection.first_move() {
            FirstMove::Bytes => {
                let sent = self.server.blocking_send(connection);
                sent.map_err(|_| Stopped)?;
            }
            FirstMove::None => {
                if self.silent.len() >= SILENT {
                    self.silent.pop_front();
                    self.connections.observer.observe(HttpEvent::Displaced);
                }
                let now = self.connections.clock.monotonic();
                let until = now + self.connections.limits.head;
                self.silent.push_back((connection, until));
            }
            FirstMove::Left => {}
        }
        Ok(())
    }

    /// Accepts what has come at a listener, up to [`IN_TURN`] connections.
    fn accept(&mut self, listener: usize) -> Result<(), Stopped> {
        for _ in 0..IN_TURN {
            match self.listeners[listener].accept() {
                Ok(connection) => self.receive(connection)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => {
                    self.connections.observer.observe(HttpEvent::AcceptFailed);
                    if !is_of_client(error) {
                        // Closing a connection frees a descriptor, which may be what is missing.
                        if self.silent.pop_front().is_none() {
                            self.connections.displace();
                        }
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
