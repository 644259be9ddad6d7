//! The accept loop.
//!
//! Invariant: every connection is a task of one set; when [`serve`] returns, none runs any more.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::connection::{self, Context};
use super::listener::{Accepted, Accepting};
use super::{Event, Limits, Listener, Routes};

/// Between two attempts to accept when the system has no descriptors or memory left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Between two attempts to make room when all connections have a request in work.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be handed to the runtime.
    #[error("cannot wait for connections")]
    Listen(#[source] io::Error),
    /// An answer panicked, so the state behind it cannot be trusted.
    #[error("a request handler panicked")]
    Panicked(#[source] JoinError),
}

/// Serves the routes on all listeners until `stop` completes; needs a tokio runtime with I/O and
/// time.
///
/// At stop the listeners close (and unix socket files go), idle connections end at once, answers
/// in work are finished within [`Limits::stop`], and what is left then is cut off. All
/// connections are over when this returns.
///
/// # Errors
///
/// [`ServeError::Panicked`] ends serving at once, in the same order.
pub async fn serve(
    listeners: Vec<Listener>,
    routes: Routes,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let accepting = listeners
        .into_iter()
        .map(Listener::start)
        .collect::<Result<Vec<_>, _>>()
        .map_err(ServeError::Listen)?;
    let mut server = Server {
        context: Arc::new(routes.into_context(limits)),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let outcome = server.run(&accepting, stop).await;
    drop(accepting);
    let drained = server.drain().await;
    outcome.and(drained)
}

struct Server {
    context: Arc<Context>,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

/// A connection for which there is no room yet.
struct Newcomer {
    stream: Accepted,
    patience: Instant,
}

impl Server {
    async fn run(
        &mut self,
        accepting: &[Accepting],
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let mut stop = pin!(stop);
        let mut turn = 0;
        let mut newcomer = None;
        loop {
            newcomer = match newcomer {
                Some(newcomer) => self.take_in(newcomer).await?,
                None => None,
            };
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                Some(ended) = self.tasks.join_next() => check(ended)?,
                () = sleep(ROOM_PAUSE), if newcomer.is_some() => {}
                accepted = accept(accepting, &mut turn), if newcomer.is_none() => match accepted {
                    Ok(stream) => newcomer = Some(Newcomer {
                        stream,
                        patience: Instant::now() + self.context.limits.stall,
                    }),
                    Err(error) if is_of_client(&error) => self.tell(Event::AcceptFailed),
                    Err(_) => {
                        self.tell(Event::AcceptFailed);
                        // Its descriptor may be what is missing.
                        self.context.table.displace();
                        tokio::select! {
                            () = &mut stop => return Ok(()),
                            () = sleep(ACCEPT_PAUSE) => {}
                        }
                    }
                },
            }
        }
    }

    /// Serves a connection, if room for it is there or can be made; gives it back if it has to
    /// wait on.
    async fn take_in(&mut self, newcomer: Newcomer) -> Result<Option<Newcomer>, ServeError> {
        while self.tasks.len() >= self.context.limits.connections.max(1) {
            if !self.context.table.displace() {
                if Instant::now() < newcomer.patience {
                    return Ok(Some(newcomer));
                }
                self.tell(Event::Refused);
                return Ok(None);
            }
            // A connection told to leave ends without waiting for anything.
            if let Some(ended) = self.tasks.join_next().await {
                check(ended)?;
            }
        }
        let seat = self.context.table.enter();
        let context = Arc::clone(&self.context);
        let watcher = self.graceful.watcher();
        match newcomer.stream {
            Accepted::Tcp(stream) => self
                .tasks
                .spawn(connection::run(stream, seat, context, watcher)),
            Accepted::Unix(stream) => self
                .tasks
                .spawn(connection::run(stream, seat, context, watcher)),
        };
        Ok(None)
    }

    /// Finishes what is in work, cuts off the rest, and waits for all of it.
    async fn drain(mut self) -> Result<(), ServeError> {
        // Past the deadline the tasks are aborted; that it passed needs no further word.
        let _ = timeout(self.context.limits.stop, self.graceful.shutdown()).await;
        self.tasks.abort_all();
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(check(ended));
        }
        outcome
    }

    fn tell(&self, event: Event) {
        self.context.observer.observe(event);
    }
}

/// The next connection of any listener; they take turns.
async fn accept(accepting: &[Accepting], turn: &mut usize) -> io::Result<Accepted> {
    poll_fn(|cx| {
        for _ in 0..accepting.len() {
            *turn = (*turn + 1) % accepting.len();
            let Some(listener) = accepting.get(*turn) else {
                continue;
            };
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Errors of the connection that was to be accepted, accept(2); the next one may be fine.
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
