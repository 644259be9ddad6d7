//! The server's loop.
//!
//! Invariant: every connection is a task of one set; none is left when [`serve`] returns.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{JoinSet, yield_now};
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

/// The reason for which the server could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The thread that accepts could not be started.
    #[error("cannot accept connections")]
    Listen(#[source] io::Error),
}

/// Serves the routes on all listeners until `stop` completes; needs a tokio runtime with I/O and
/// time.
///
/// At stop the listeners close (and unix socket files are removed), idle connections end at once,
/// responses in progress have [`Limits::stop`] to finish, and what is left then is aborted. Every
/// connection has ended when this returns.
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
    server.run(&mut acceptor, stop).await;
    acceptor.stop().await;
    server.drain().await;
    Ok(())
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
    async fn run(&mut self, acceptor: &mut Acceptor, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut newcomer = None;
        loop {
            newcomer = match newcomer {
                Some(newcomer) => self.admit(newcomer).await,
                None => None,
            };
            tokio::select! {
                biased;
                () = &mut stop => return,
                Some(_) = self.tasks.join_next() => {}
                () = sleep(ROOM_PAUSE), if newcomer.is_some() => {}
                Some(stream) = acceptor.next(), if newcomer.is_none() => newcomer = Some(Newcomer {
                    stream,
                    deadline: Instant::now() + self.shared.limits.stall,
                }),
            }
        }
    }

    /// Serves a connection if there is room or room can be made; returns it if it has to wait.
    async fn admit(&mut self, newcomer: Newcomer) -> Option<Newcomer> {
        while self.live_tasks() >= self.shared.limits.connections.max(1) {
            // Lets every connection read what has arrived first: it may be a request.
            yield_now().await;
            if !self.shared.connections.displace() {
                if Instant::now() < newcomer.deadline {
                    return Some(newcomer);
                }
                self.shared.observe(HttpEvent::Refused);
                return None;
            }
            // An evicted connection ends without waiting for anything.
            self.tasks.join_next().await;
        }
        let registered = match newcomer.stream {
            Accepted::Tcp(tcp) => TcpStream::from_std(tcp).map(|tcp| self.spawn(tcp)),
            Accepted::Unix(unix) => UnixStream::from_std(unix).map(|unix| self.spawn(unix)),
        };
        if registered.is_err() {
            self.shared.observe(HttpEvent::AcceptFailed);
        }
        None
    }

    fn spawn<S: Socket + Send + 'static>(&mut self, stream: S) {
        let registration = self.shared.connections.register();
        let (shared, watcher) = (Arc::clone(&self.shared), self.graceful.watcher());
        self.tasks
            .spawn(connection::serve(stream, registration, shared, watcher));
    }

    /// Joins the tasks that have ended, and returns the number of the others.
    fn live_tasks(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len()
    }

    /// Waits for responses in progress, aborts the rest, and joins every task.
    async fn drain(mut self) {
        self.shared.connections.stop();
        // What remains after the deadline is aborted below, so its outcome does not matter.
        let _ = timeout(self.shared.limits.stop, self.graceful.shutdown()).await;
        self.tasks.shutdown().await;
    }
}
