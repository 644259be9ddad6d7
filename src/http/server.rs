//! The server's loop.
//!
//! Invariant: every connection is a task of one set; none is left when [`serve`] returns.

use std::io;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::acceptor::Acceptor;
use super::connection::{self, Shared};
use super::event::HttpEvent;
use super::limits::Limits;
use super::linger::Socket;
use super::listener::{Accepted, Listener};
use super::routes::Routes;

/// Pause before trying again to make room while every connection is needed.
const ROOM_PAUSE: Duration = Duration::from_millis(2);

/// The reason for which the server ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The thread that accepts could not be started.
    #[error("cannot accept connections")]
    Listen(#[source] io::Error),
    /// A request handler panicked, so the state behind it cannot be trusted.
    #[error("a request handler panicked")]
    Panicked(#[source] JoinError),
}

/// Serves the routes on all listeners until `stop` completes; needs a tokio runtime with I/O and
/// time.
///
/// At stop the listeners close (and unix socket files are removed), idle connections end at once,
/// responses in progress have [`Limits::stop`] to finish, and what is left then is aborted. Every
/// connection has ended when this returns.
///
/// # Errors
///
/// [`ServeError::Panicked`] stops the server in the same way.
pub async fn serve(
    listeners: Vec<Listener>,
    routes: Routes,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let shared = Arc::new(routes.into_shared(limits));
    let mut acceptor =
        Acceptor::start(listeners, &shared.connections).map_err(ServeError::Listen)?;
    let mut server = Server {
        shared,
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let outcome = server.run(&mut acceptor, stop).await;
    let accepting = acceptor.stop().await;
    let drained = server.drain().await;
    if let Err(payload) = accepting {
        resume_unwind(payload);
    }
    outcome.and(drained)
}

struct Server {
    shared: Arc<Shared>,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

/// An accepted connection that waits for room.
struct Newcomer {
    stream: Accepted,
    deadline: Instant,
}

impl Server {
    async fn run(
        &mut self,
        acceptor: &mut Acceptor,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let mut stop = pin!(stop);
        let mut newcomer = None;
        loop {
            newcomer = match newcomer {
                Some(newcomer) => self.admit(newcomer).await?,
                None => None,
            };
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                Some(ended) = self.tasks.join_next() => check(ended)?,
                () = sleep(ROOM_PAUSE), if newcomer.is_some() => {}
                accepted = acceptor.next(), if newcomer.is_none() => match accepted {
                    Some(stream) => newcomer = Some(Newcomer {
                        stream,
                        deadline: Instant::now() + self.shared.limits.stall,
                    }),
                    // The thread has panicked; stopping it returns the panic.
                    None => return Ok(()),
                },
            }
        }
    }

    /// Serves a connection if there is room or room can be made; returns it if it has to wait.
    async fn admit(&mut self, newcomer: Newcomer) -> Result<Option<Newcomer>, ServeError> {
        while self.live_tasks()? >= self.shared.limits.connections.max(1) {
            // Lets every connection read what has arrived first: it may be a request.
            yield_now().await;
            if !self.shared.connections.displace() {
                if Instant::now() < newcomer.deadline {
                    return Ok(Some(newcomer));
                }
                self.shared.observe(HttpEvent::Refused);
                return Ok(None);
            }
            // An evicted connection ends without waiting for anything.
            if let Some(ended) = self.tasks.join_next().await {
                check(ended)?;
            }
        }
        let registered = match newcomer.stream {
            Accepted::Tcp(tcp) => TcpStream::from_std(tcp).map(|tcp| self.spawn(tcp)),
            Accepted::Unix(unix) => UnixStream::from_std(unix).map(|unix| self.spawn(unix)),
        };
        if registered.is_err() {
            self.shared.observe(HttpEvent::AcceptFailed);
        }
        Ok(None)
    }

    fn spawn<S: Socket + Send + 'static>(&mut self, stream: S) {
        let registration = self.shared.connections.register();
        let (shared, watcher) = (Arc::clone(&self.shared), self.graceful.watcher());
        self.tasks
            .spawn(connection::serve(stream, registration, shared, watcher));
    }

    /// Joins the tasks that have ended, and returns the number of the others.
    fn live_tasks(&mut self) -> Result<usize, ServeError> {
        while let Some(ended) = self.tasks.try_join_next() {
            check(ended)?;
        }
        Ok(self.tasks.len())
    }

    /// Waits for responses in progress, aborts the rest, and joins every task.
    async fn drain(mut self) -> Result<(), ServeError> {
        self.shared.connections.stop();
        // What remains after the deadline is aborted below, so its outcome does not matter.
        let _ = timeout(self.shared.limits.stop, self.graceful.shutdown()).await;
        self.tasks.abort_all();
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(check(ended));
        }
        outcome
    }
}

fn check(ended: Result<(), JoinError>) -> Result<(), ServeError> {
    match ended {
        Err(error) if error.is_panic() => Err(ServeError::Panicked(error)),
        _ => Ok(()),
    }
}
