//! Tests of streams over real pipes and sockets.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::clock::{Clock, SystemClock, Waker};
use crate::model::Batch;
use crate::source::frame::READ_BYTES;
use crate::source::{Progress, Start};

const DEADLINE: Duration = Duration::from_secs(30);

/// A receiver, and what it has handed over.
struct Bench {
    receiver: StreamReceiver,
    waker: Waker,
    lines: Vec<u8>,
    overlong: u64,
    events: Vec<String>,
    lost: u64,
}

impl Bench {
    fn start(stream: Stream) -> Self {
        Self::with_limit(stream, 1_000)
    }

    fn with_limit(stream: Stream, line_bytes: usize) -> Self {
        Self::on(&new_thread(), stream, line_bytes)
    }

    fn on(thread: &StreamThread, stream: Stream, line_bytes: usize) -> Self {
        let waker = Waker::default();
        let mut receiver =
            StreamReceiver::prepare(stream, line_bytes, waker.clone(), thread).unwrap();
        receiver.begin(None);
        let mut bench = Self {
            receiver,
            waker,
            lines: Vec::new(),
            overlong: 0,
            events: Vec::new(),
            lost: 0,
        };
        bench.until("opened", |bench| bench.receiver.open_was_tried());
        bench
    }

    fn poll(&mut self) {
        let Self {
            receiver,
            lines,
            overlong,
            events,
            lost,
            ..
        } = self;
        let mut sink = |batch: &Batch<'_>| {
            lines.extend_from_slice(batch.bytes());
            *overlong += batch.overlong();
        };
        let mut observe = |event: StreamEvent| {
            events.push(event.to_string());
            *lost += event.gap().map_or(0, |gap| gap.count);
        };
        while receiver.poll(&mut sink, &mut observe) == Progress::More {}
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let clock = SystemClock::new();
        loop {
            self.poll();
            if is_so(self) {
                return;
            }
            let late = clock.monotonic() > DEADLINE;
            assert!(
                !late,
                "not {what}: {} lines, {:?}",
                self.count(),
                self.events
            );
            self.waker.wait(Duration::from_millis(50));
        }
    }

    fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.lines).count()
    }

    fn until_lines(&mut self, expected: &str) {
        self.until(expected, |bench| bench.lines == expected.as_bytes());
    }

    fn until_event(&mut self, what: &str) {
        self.until(what, |bench| {
            bench.events.iter().any(|it| it.contains(what))
        });
    }

    fn stop(&mut self) {
        self.receiver.stop();
        self.until("ended", |bench| bench.receiver.has_ended());
        self.poll();
    }
}

fn new_thread() -> StreamThread {
    StreamThread::new(Arc::new(SystemClock::new()))
}

fn syslog(address: &str) -> Stream {
    Stream::Syslog(Syslog {
        address: address.parse().unwrap(),
        receive_buffer: 1 << 20,
        socket_mode: 0o600,
        max_connections: 3,
    })
}

fn unix(path: &Path) -> Stream {
    syslog(&format!("unix:{}", path.display()))
}

/// Returns a free address, for both protocols.
fn free_address() -> SocketAddr {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap()
}

fn make_fifo(path: &Path) {
    mkfifoat(CWD, path, Mode::RWXU).unwrap();
}

fn writer(path: &Path) -> std::fs::File {
    std::fs::File::options().write(true).open(path).unwrap()
}

#[test]
fn datagrams_become_lines_without_their_terminators() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bench = Bench::with_limit(unix(&path), 100_000);
    let sender = UnixDatagram::unbound().unwrap();
    let sent: [&[u8]; 6] = [
        b"plain",
        b"nul\0",
        b"newline\n",
        b"both\r\n\0",
        b"two\nlines",
        b"",
    ];
    for datagram in sent {
        sender.send_to(datagram, &path).unwrap();
    }
    bench.until_lines("plain\nnul\nnewline\nboth\ntwo\nlines\n\n");
    sender.send_to(&vec![b'x'; 100_001], &path).unwrap();
    bench.until("counted", |bench| bench.overlong == 1);
    assert_eq!(bench.count(), 7);
    bench.stop();
    assert!(!path.exists());
}

#[test]
fn datagrams_sent_before_the_stop_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bench = Bench::start(unix(&path));
    let sender = UnixDatagram::unbound().unwrap();
    for _ in 0..1_000 {
        sender.send_to(b"x", &path).unwrap();
    }
    bench.stop();
    assert_eq!(bench.count(), 1_000);
}

#[test]
fn losses_of_a_full_queue_are_counted_by_datagram() {
    let address = free_address();
    let Stream::Syslog(settings) = syslog(&format!("udp://{address}")) else {
        panic!("not syslog");
    };
    let mut bench = Bench::start(Stream::Syslog(Syslog {
        receive_buffer: 65_536,
        ..settings
    }));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The queue is not polled meanwhile.
    for _ in 0..5_000 {
        sender.send_to(&[b'x'; 99], address).unwrap();
    }
    bench.stop();
    assert!(bench.lost > 0 && bench.count() > 0);
    assert_eq!(bench.count() as u64 + bench.lost, 5_000);
}

#[test]
fn a_socket_whose_file_was_removed_is_bound_again() {
    let dir = tempfile::tempdir().unwrap();
    for stream in [
        unix(&dir.path().join("s")),
        syslog(&format!("unix-stream:{}/t", dir.path().display())),
    ] {
        let Stream::Syslog(settings) = &stream else {
            panic!("not syslog");
        };
        let path = settings.address.path().unwrap().to_owned();
        let mut bench = Bench::start(stream);
        std::fs::remove_file(&path).unwrap();
        bench.until("bound again", |_| path.exists());
    }
}

#[test]
fn an_address_in_use_is_reported_and_bound_later() {
    let address = free_address();
    let taken = UdpSocket::bind(address).unwrap();
    let mut bench = Bench::start(syslog(&format!("udp://{address}")));
    bench.until_event("cannot read udp://");
    assert_eq!(bench.receiver.open(), 0);
    drop(taken);
    bench.until("bound", |bench| bench.receiver.open() == 1);
}

#[test]
fn connections_are_read_concurrently_and_an_unfinished_line_is_counted() {
    let address = free_address();
    let mut bench = Bench::start(syslog(&format!("tcp://{address}")));
    let mut counted = TcpStream::connect(address).unwrap();
    let mut plain = TcpStream::connect(address).unwrap();
    counted.write_all(b"6 <190>a6 <19").unwrap();
    bench.until_lines("<190>a\n");
    plain.write_all(b"<190>c\n<190>cut").unwrap();
    bench.until_lines("<190>a\n<190>c\n");
    counted.write_all(b"0>b").unwrap();
    bench.until_lines("<190>a\n<190>c\n<190>b\n");
    drop(plain);
    bench.until_lines("<190>a\n<190>c\n<190>b\n<190>cut\n");
    drop(counted);
    bench.until("closed", |bench| bench.receiver.open() == 1);
}

#[test]
fn connections_over_the_limit_are_refused_until_others_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bench = Bench::start(syslog(&format!("unix-stream:{}", path.display())));
    let open: Vec<_> = (0..5)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    // The receiver updates the count of open descriptors before its next wait.
    bench.until("refused", |bench| {
        bench.lost == 2 && bench.receiver.open() == 4
    });
    drop(open);
    bench.until("closed", |bench| bench.receiver.open() == 1);
    let mut late = UnixStream::connect(&path).unwrap();
    late.write_all(b"late\n").unwrap();
    bench.until_lines("late\n");
}

#[test]
fn a_broken_frame_closes_only_its_connection() {
    let address = free_address();
    let mut bench = Bench::start(syslog(&format!("tcp://{address}")));
    let mut good = TcpStream::connect(address).unwrap();
    let mut bad = TcpStream::connect(address).unwrap();
    bad.write_all(b"6 <190>ax").unwrap();
    bench.until("closed", |bench| bench.lost == 1);
    good.write_all(b"<190>b\n").unwrap();
    bench.until_lines("<190>a\n<190>b\n");
}

#[test]
fn a_writer_waits_while_the_queue_is_full() {
    let address = free_address();
    let mut bench = Bench::start(syslog(&format!("tcp://{address}")));
    let mut peer = TcpStream::connect(address).unwrap();
    let text = "0123456789\n".repeat(3 << 20);
    let length = text.len();
    let writing = thread::spawn(move || peer.write_all(text.as_bytes()));
    bench.until("all", |bench| bench.lines.len() == length);
    writing.join().unwrap().unwrap();
    assert_eq!((bench.lost, bench.overlong), (0, 0));
}

#[test]
fn a_fifo_is_read_across_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let mut bench = Bench::start(Stream::Fifo(path.clone()));
    bench.until_event("No such file");
    make_fifo(&path);
    let mut first = writer(&path);
    first.write_all(b"a\nb").unwrap();
    bench.until_lines("a\n");
    let mut second = writer(&path);
    drop(first);
    second.write_all(b"c\n").unwrap();
    bench.until_lines("a\nbc\n");
    second.write_all(b"cut").unwrap();
    drop(second);
    bench.until_lines("a\nbc\ncut\n");
    for n in 0..100 {
        writeln!(writer(&path), "{n}").unwrap();
    }
    bench.until("all", |bench| bench.count() == 103);
}

#[test]
fn a_replaced_fifo_is_read_to_its_end_before_its_successor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    make_fifo(&path);
    let mut bench = Bench::start(Stream::Fifo(path.clone()));
    let mut old = writer(&path);
    std::fs::remove_file(&path).unwrap();
    old.write_all(b"old\n").unwrap();
    bench.until_lines("old\n");
    make_fifo(&path);
    let mut new = writer(&path);
    new.write_all(b"new\n").unwrap();
    bench.until_lines("old\nnew\n");
}

#[test]
fn bytes_in_a_fifo_and_a_connection_at_the_stop_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    make_fifo(&path);
    let address = free_address();
    let text = "line\n".repeat(10_000);
    // In some of these rounds, most of the text is still in the kernel at the stop.
    for _ in 0..20 {
        let mut fifo = Bench::start(Stream::Fifo(path.clone()));
        writer(&path).write_all(text.as_bytes()).unwrap();
        fifo.stop();
        assert_eq!(fifo.count(), 10_000);
        let mut tcp = Bench::start(syslog(&format!("tcp://{address}")));
        let mut peer = TcpStream::connect(address).unwrap();
        tcp.until("accepted", |bench| bench.receiver.open() == 2);
        peer.write_all(text.as_bytes()).unwrap();
        tcp.stop();
        assert_eq!(tcp.count(), 10_000);
    }
}

/// Sends bytes without a newline, as fast as they are read, until the other side is closed. The first ones were sent when it
/// returns.
fn flood(mut to: impl std::io::Write + Send + 'static) -> thread::JoinHandle<()> {
    let piece = vec![b'A'; 100_000];
    to.write_all(&piece).unwrap();
    thread::spawn(move || while to.write_all(&piece).is_ok() {})
}

#[test]
fn writers_of_endless_lines_cannot_delay_the_stop_and_each_line_is_one_reject() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    make_fifo(&path);
    let mut fifo = Bench::start(Stream::Fifo(path.clone()));
    let address = free_address();
    let mut tcp = Bench::start(syslog(&format!("tcp://{address}")));
    let mut writers = vec![flood(writer(&path))];
    writers.extend((0..3).map(|_| flood(TcpStream::connect(address).unwrap())));
    tcp.until("accepted", |bench| bench.receiver.open() == 4);
    fifo.stop();
    tcp.stop();
    assert_eq!((fifo.count(), tcp.count()), (0, 0));
    drop((fifo.receiver, tcp.receiver));
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!((fifo.overlong, tcp.overlong), (1, 3));
}

#[test]
fn over_long_datagrams_without_an_end_cannot_delay_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bench = Bench::start(unix(&path));
    let sender = UnixDatagram::unbound().unwrap();
    let datagram = vec![b'x'; 70_000];
    let flood = thread::spawn(move || while sender.send_to(&datagram, &path).is_ok() {});
    bench.until("received", |bench| bench.overlong > 0);
    bench.stop();
    drop(bench);
    flood.join().unwrap();
}

#[test]
fn neither_a_full_queue_nor_a_flood_delays_another_stream() {
    let dir = tempfile::tempdir().unwrap();
    let thread = new_thread();
    let on_thread = |stream| Bench::on(&thread, stream, 1_000);
    let full_path = dir.path().join("full");
    let mut full = on_thread(syslog(&format!("unix-stream:{}", full_path.display())));
    let fifo_path = dir.path().join("f");
    make_fifo(&fifo_path);
    let mut flooded = on_thread(Stream::Fifo(fifo_path.clone()));
    let path = dir.path().join("s");
    let mut bench = on_thread(unix(&path));

    let mut peer = UnixStream::connect(&full_path).unwrap();
    let text = "0123456789\n".repeat(3 << 20);
    let length = text.len();
    let writing = thread::spawn(move || peer.write_all(text.as_bytes()));
    let flooding = flood(writer(&fifo_path));
    let (clock, queue_bytes) = (SystemClock::new(), 1 << 20);
    while full.receiver.lag_bytes() < queue_bytes {
        assert!(clock.monotonic() < DEADLINE);
        thread::yield_now();
    }
    let sender = UnixDatagram::unbound().unwrap();
    for n in 1..=1_000 {
        sender.send_to(b"x", &path).unwrap();
        bench.until("counted", |bench| bench.count() == n);
    }
    assert!(!writing.is_finished(), "the writer waits");
    assert!(full.receiver.lag_bytes() < 2 * queue_bytes);
    full.until("all", |bench| bench.lines.len() == length);
    writing.join().unwrap().unwrap();
    flooded.stop();
    drop(flooded);
    flooding.join().unwrap();
    bench.stop();
    assert!(!path.exists());
    full.stop();
}

#[test]
fn lines_in_the_kernel_at_the_stop_are_counted_although_the_queue_is_full() {
    let address = free_address();
    let Stream::Syslog(settings) = syslog(&format!("tcp://{address}")) else {
        panic!("not syslog");
    };
    let mut bench = Bench::start(Stream::Syslog(Syslog {
        receive_buffer: 1_000,
        ..settings
    }));
    let mut peer = TcpStream::connect(address).unwrap();
    bench.until("accepted", |bench| bench.receiver.open() == 2);
    // More than the queue holds and one read brings, and less than the kernel's buffers hold.
    let text = "0123456789\n".repeat(20_000);
    peer.write_all(text.as_bytes()).unwrap();
    bench.stop();
    assert_eq!(bench.count(), 20_000);
}

#[test]
fn a_poll_hands_over_one_batch_of_a_burst() {
    let address = free_address();
    let mut bench = Bench::start(syslog(&format!("tcp://{address}")));
    let mut peer = TcpStream::connect(address).unwrap();
    let text = "0123456789\n".repeat(50_000);
    thread::spawn(move || peer.write_all(text.as_bytes()));
    let clock = SystemClock::new();
    while bench.receiver.lag_bytes() < 500_000 {
        assert!(clock.monotonic() < DEADLINE);
        thread::yield_now();
    }
    let mut sizes = Vec::new();
    let mut sink = |batch: &Batch<'_>| sizes.push(batch.bytes().len());
    bench.receiver.poll(&mut sink, &mut |_| {});
    let lag = bench.receiver.lag_bytes();
    bench.receiver.poll(&mut sink, &mut |_| {});
    assert!(sizes.len() == 2 && sizes[0] <= READ_BYTES, "{sizes:?}");
    assert_eq!(bench.receiver.lag_bytes() + sizes[1] as u64, lag);
}

#[test]
fn a_regular_file_in_place_of_a_fifo_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "x\n").unwrap();
    let mut bench = Bench::start(Stream::Fifo(path));
    bench.until_event("follow it with `paths`");
    assert_eq!(bench.count(), 0);
}

#[test]
fn a_journal_whose_program_cannot_start_is_reported() {
    // The PATH belongs to the whole test process, so an invalid argument makes the start fail.
    let unit = "no\0unit".to_owned();
    let mut bench = Bench::start(Stream::Journal(Journal {
        unit,
        start: Start::End,
    }));
    bench.until_event("cannot read the journal of");
}
