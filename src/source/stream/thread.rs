//! The thread on which all streams are received.
//!
//! Invariant: there is one, however many streams and connections there are. A receiver runs only when its wait is over, and
//! handles a bounded number of bytes before the next one, so that none keeps the others from being received.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker as TaskWaker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::kernel::UdpTable;
use super::poller::Poller;
use super::queue::{Queue, RETRY_INTERVAL};
use super::wait::{Descriptor, Wait};
use crate::clock::{Clock, Waker};

/// Time that the thread has to end after its last stream.
const END_WAIT: Duration = Duration::from_millis(500);

/// Time between two ends of long waits.
const BEAT: Duration = Duration::from_millis(BEAT_MILLIS as u64);
const BEAT_MILLIS: u32 = 250;

/// The place where streams are received: a thread that is started for the first stream and ends with the last one.
pub struct StreamThread {
    pub(super) clock: Arc<dyn Clock>,
    running: Mutex<Weak<Running>>,
}

/// The running thread. It ends when this is dropped.
pub(super) struct Running {
    pub(super) udp: Arc<UdpTable>,
    shared: Arc<Shared>,
    /// `None` once joined.
    thread: Option<JoinHandle<()>>,
}

/// State shared with the thread.
struct Shared {
    clock: Arc<dyn Clock>,
    poller: Arc<Poller>,
    /// Receivers that have not had a turn yet.
    begun: Mutex<Vec<Task>>,
    is_closed: AtomicBool,
    /// Woken when the thread has ended.
    ended: Waker,
}

/// A receiver, which the thread runs until its end.
pub(super) struct Task {
    receiver: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Descriptors for which it waits.
    fds: Vec<Descriptor>,
    /// Latest end of its wait.
    until: Option<Duration>,
    /// Dropped after the receiver.
    queue: EndMark,
}

/// Records the end of a receiver when dropped.
struct EndMark(Arc<Queue>);

/// Wakes the owner of the thread when dropped.
struct ThreadEnd<'s>(&'s Waker);

impl StreamThread {
    /// Makes a place without a thread.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            running: Mutex::default(),
        }
    }

    /// Returns the thread, and starts it if it does not run. Fails if the system has no thread or descriptor left.
    pub(super) fn get(&self) -> io::Result<Arc<Running>> {
        let mut running = lock(&self.running);
        if let Some(thread) = running.upgrade() {
            return Ok(thread);
        }
        let thread = Arc::new(Running::start(Arc::clone(&self.clock))?);
        *running = Arc::downgrade(&thread);
        Ok(thread)
    }
}

impl Running {
    fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            clock,
            poller: Arc::new(Poller::new()?),
            begun: Mutex::default(),
            is_closed: AtomicBool::new(false),
            ended: Waker::default(),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("streams".to_owned())
            .spawn(move || own.run())?;
        Ok(Self {
            udp: Arc::default(),
            shared,
            thread: Some(thread),
        })
    }

    /// Returns what interrupts the waits of the thread.
    pub(super) fn poller(&self) -> Arc<Poller> {
        Arc::clone(&self.shared.poller)
    }

    /// Lets a receiver run.
    pub(super) fn begin(&self, task: Task) {
        lock(&self.shared.begun).push(task);
        self.shared.poller.interrupt();
    }
}

impl Drop for Running {
    /// Ends the thread. If a system call holds it, such as on a file system that does not respond, it is left to the end of
    /// the process, since its owner must not wait with it.
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        self.shared.poller.interrupt();
        if self.shared.ended.wait(END_WAIT)
            && let Some(thread) = self.thread.take()
        {
            // A panic would have ended the process.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let _ended = ThreadEnd(&self.ended);
        let mut tasks = Vec::new();
        while !self.is_closed.load(Ordering::SeqCst) {
            let begun = std::mem::take(&mut *lock(&self.begun));
            begin(&mut tasks, begun, self.clock.as_ref());
            round(&mut tasks, &self.poller, self.clock.as_ref());
        }
    }
}

/// Runs receivers to their first waits.
fn begin(tasks: &mut Vec<Task>, begun: Vec<Task>, clock: &dyn Clock) {
    for mut task in begun {
        if task.run(Vec::new(), clock) {
            tasks.push(task);
        }
    }
}

/// Waits until the wait of a receiver is over, and gives one turn to each of which it is.
fn round(tasks: &mut Vec<Task>, poller: &Poller, clock: &dyn Clock) {
    let ends = tasks.iter().filter_map(|task| task.until);
    let now = clock.monotonic();
    let timeout = if tasks.iter().any(|task| task.wait().is_interrupted()) {
        Some(Duration::ZERO)
    } else {
        ends.min().map(|until| until.saturating_sub(now))
    };
    let fds = tasks.iter().flat_map(|task| &task.fds);
    let fds: Vec<BorrowedFd<'_>> = fds.map(|fd| fd.as_fd()).collect();
    let ready = poller.wait(&fds, timeout).unwrap_or_else(|_| {
        // poll(2) fails for lack of memory. Pausing keeps the thread from spinning.
        Waker::default().wait(timeout.unwrap_or(RETRY_INTERVAL).min(RETRY_INTERVAL));
        vec![false; fds.len()]
    });
    let now = clock.monotonic();
    let mut ready = &ready[..];
    tasks.retain_mut(|task| {
        let (own, rest) = ready.split_at(task.fds.len());
        ready = rest;
        let is_due = task.until.is_some_and(|until| until <= now);
        // Taken at every turn, since the receiver then sees what it was interrupted for.
        let is_interrupted = task.wait().take_interrupt();
        if is_interrupted || is_due || own.contains(&true) {
            task.run(own.to_vec(), clock)
        } else {
            true
        }
    });
}

impl Task {
    /// Makes a task of a receiver that waits with `queue`.
    pub(super) fn new(
        queue: &Arc<Queue>,
        receiver: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            receiver: Box::pin(receiver),
            fds: Vec::new(),
            until: None,
            queue: EndMark(Arc::clone(queue)),
        }
    }

    fn wait(&self) -> &Wait {
        &self.queue.0.wait
    }

    /// Runs the receiver to its next wait. Returns false if it has ended.
    fn run(&mut self, ready: Vec<bool>, clock: &dyn Clock) -> bool {
        // What the receiver closes now must not stay open here.
        self.fds.clear();
        self.wait().end(ready);
        let mut context = Context::from_waker(TaskWaker::noop());
        let is_waiting = self.receiver.as_mut().poll(&mut context).is_pending();
        let wish = self.wait().take_wish();
        self.fds = wish.fds;
        let now = clock.monotonic();
        self.until = wish.timeout.map(|timeout| end_of_wait(now, timeout));
        is_waiting
    }
}

/// Returns when a wait ends that begins now. Long ones are a little longer, so that those of many streams end together.
fn end_of_wait(now: Duration, timeout: Duration) -> Duration {
    let end = now.saturating_add(timeout);
    if timeout < RETRY_INTERVAL {
        return end;
    }
    let beats = end.subsec_millis() / BEAT_MILLIS + 1;
    Duration::from_secs(end.as_secs()).saturating_add(BEAT * beats)
}

impl Drop for EndMark {
    fn drop(&mut self) {
        self.0.set_ended();
    }
}

impl Drop for ThreadEnd<'_> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one receiver to its end on the calling thread.
#[cfg(test)]
pub(super) fn run_alone(
    queue: &Arc<Queue>,
    poller: &Poller,
    receiver: impl Future<Output = ()> + Send + 'static,
) {
    let clock = crate::clock::SystemClock::new();
    let mut tasks = Vec::new();
    begin(&mut tasks, vec![Task::new(queue, receiver)], &clock);
    while !tasks.is_empty() {
        round(&mut tasks, poller, &clock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn queue(thread: &Running) -> Arc<Queue> {
        Arc::new(Queue::new(1, Waker::default(), thread.poller()))
    }

    #[test]
    fn the_thread_ends_with_its_last_stream_and_starts_again() {
        let place = StreamThread::new(Arc::new(SystemClock::new()));
        let first = place.get().unwrap();
        let second = place.get().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let shared = Arc::downgrade(&first.shared);
        drop(first);
        assert!(shared.upgrade().is_some());
        drop(second);
        assert!(shared.upgrade().is_none(), "it was joined");
        let thread = place.get().unwrap();
        let queue = queue(&thread);
        thread.begin(Task::new(&queue, async {}));
        assert!(queue.wait_for_end(DEADLINE));
    }

    #[test]
    fn long_waits_end_together() {
        let check = |now, timeout, expected| {
            let end = end_of_wait(Duration::from_millis(now), Duration::from_millis(timeout));
            assert_eq!(end, Duration::from_millis(expected), "{now} {timeout}");
        };
        check(0, 0, 0);
        check(1, 999, 1_000);
        check(0, 1_000, 1_250);
        check(7_010, 1_000, 8_250);
        check(7_249, 1_000, 8_250);
        check(7_990, 60_000, 68_000);
    }
}
