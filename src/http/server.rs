//! The accept loop.
//!
//! Invariant: every connection is a task of one set; none is left when [`serve`] returns.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::connection::{self, Shared};
use super::event::HttpEvent;
use super::limits::Limits;
use super::linger::Socket;
use super::listener::{self, Accepted, Acceptor, Listener};
use super::routes::Routes;

/// Pause before accepting again after the system has run out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Pause before trying again to make room while every connection is needed.
const ROOM_PAUSE: Duration = Duration::from_millis(2);

/// The reason for which the server ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be registered with the runtime.
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
    let acceptors = listeners
        .into_iter()
        .map(Listener::start)
        .collect::<Result<Vec<_>, _>>()
        .map_err(ServeError::Listen)?;
    let mut server = Server {
        shared: Arc::new(routes.into_shared(limits)),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let outcome = server.run(&acceptors, stop).await;
    drop(acceptors);
    let drained = server.drain().await;
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
        acceptors: &[Acceptor],
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let mut stop = pin!(stop);
        let mut last = 0;
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
                accepted = accept(acceptors, &mut last), if newcomer.is_none() => match accepted {
                    Ok(stream) => newcomer = Some(Newcomer {
                        stream,
                        deadline: Instant::now() + self.shared.limits.stall,
                    }),
                    Err(error) => {
                        self.shared.observe(HttpEvent::AcceptFailed);
                        if is_of_client(&error) {
                            continue;
                        }
                        // Closing a connection frees a descriptor, which may be what is missing.
                        self.shared.connections.displace();
                        tokio::select! {
                            () = &mut stop => return Ok(()),
                            () = sleep(ACCEPT_PAUSE) => {}
                        }
                    }
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
        match newcomer.stream {
            Accepted::Tcp(tcp) => match listener::register(tcp) {
                Ok(tcp) => self.spawn(tcp),
                Err(_) => self.shared.observe(HttpEvent::AcceptFailed),
            },
            Accepted::Unix(unix) => self.spawn(unix),
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

/// Accepts the next connection of any listener, round-robin from the one after `last`.
async fn accept(acceptors: &[Acceptor], last: &mut usize) -> io::Result<Accepted> {
    poll_fn(|cx| {
        for _ in 0..acceptors.len() {
            *last = (*last + 1) % acceptors.len();
            let Some(acceptor) = acceptors.get(*last) else {
                continue;
            };
            if let Poll::Ready(accepted) = acceptor.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Returns whether an error concerns only the connection that was to be accepted (accept(2)); the
/// next one may succeed.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn check(ended: Result<(), JoinError>) -> Result<(), ServeError> {
    match ended {
        Err(error) if error.is_panic() => Err(ServeError::Panicked(error)),
        _ => Ok(()),
    }
}
