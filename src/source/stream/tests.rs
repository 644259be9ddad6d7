use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::clock::SystemClock;
use crate::source::Start;

const DEADLINE: Duration = Duration::from_secs(30);

/// A receiver, and all that came of it.
struct Bench {
    receiver: Receiver,
    waker: Waker,
    lines: Vec<u8>,
    overlong: u64,
    said: Vec<String>,
    lost: u64,
}

impl Bench {
    fn start(stream: Stream) -> Self {
        Self::with_limit(stream, 1_000)
    }

    fn with_limit(stream: Stream, line_bytes: usize) -> Self {
        let waker = Waker::default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let receiver = Receiver::start(stream, line_bytes, waker.clone(), clock).unwrap();
        let mut bench = Self {
            receiver,
            waker,
            lines: Vec::new(),
            overlong: 0,
            said: Vec::new(),
            lost: 0,
        };
        bench.until("opened", |bench| bench.receiver.has_looked());
        bench
    }

    fn poll(&mut self) {
        let Self {
            receiver,
            lines,
            overlong,
            said,
            lost,
            ..
        } = self;
        let mut sink = |batch: &Batch<'_>| {
            lines.extend_from_slice(batch.bytes());
            *overlong += batch.overlong();
        };
        let mut events = |event: StreamEvent| {
            said.push(event.to_string());
            *lost += event.gap().map_or(0, |(_, count)| count);
        };
        while receiver.poll(&mut sink, &mut events) == Progress::More {}
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let clock = SystemClock::new();
        loop {
            self.poll();
            if is_so(self) {
                return;
            }
            let late = clock.monotonic() > DEADLINE;
            assert!(!late, "not {what}: {} lines, {:?}", self.count(), self.said);
            self.waker.wait(Duration::from_millis(50));
        }
    }

    fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.lines).count()
    }

    fn until_lines(&mut self, expected: &str) {
        self.until(expected, |bench| bench.lines == expected.as_bytes());
    }

    fn until_said(&mut self, what: &str) {
        self.until(what, |bench| bench.said.iter().any(|it| it.contains(what)));
    }

    fn stop(&mut self) {
        self.receiver.stop();
        self.poll();
    }
}

fn syslog(address: SyslogAddress) -> Stream {
    Stream::Syslog(Syslog {
        address,
        receive_buffer: 1 << 20,
        socket_mode: 0o600,
        max_connections: 3,
    })
}

fn unix(path: &Path) -> Stream {
    syslog(SyslogAddress::Unix(path.to_owned()))
}

/// An address that nobody listens on; both protocols.
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
fn datagrams_are_lines_whatever_stands_at_their_end() {
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
fn what_came_before_the_stop_is_counted_after_it() {
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
fn a_full_queue_is_counted_by_the_datagram() {
    let address = free_address();
    let Stream::Syslog(settings) = syslog(SyslogAddress::Udp(address)) else {
        panic!("not syslog");
    };
    let mut bench = Bench::start(Stream::Syslog(Syslog {
        receive_buffer: 65_536,
        ..settings
    }));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Nobody takes from the queue meanwhile.
    for _ in 0..5_000 {
        sender.send_to(&[b'x'; 99], address).unwrap();
    }
    bench.stop();
    assert!(bench.lost > 0 && bench.count() > 0);
    assert_eq!(bench.count() as u64 + bench.lost, 5_000);
}

#[test]
fn a_socket_whose_file_was_removed_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    for stream in [
        unix(&dir.path().join("s")),
        syslog(SyslogAddress::UnixStream(dir.path().join("t"))),
    ] {
        let Stream::Syslog(settings) = &stream else {
            panic!("not syslog");
        };
        let path = settings.address.path().unwrap().to_owned();
        let mut bench = Bench::start(stream);
        std::fs::remove_file(&path).unwrap();
        bench.until("made again", |_| path.exists());
    }
}

#[test]
fn what_cannot_be_bound_is_told_and_bound_later() {
    let address = free_address();
    let taken = UdpSocket::bind(address).unwrap();
    let mut bench = Bench::start(syslog(SyslogAddress::Udp(address)));
    bench.until_said("cannot read udp://");
    assert_eq!(bench.receiver.open(), 0);
    drop(taken);
    bench.until("bound", |bench| bench.receiver.open() == 1);
}

#[test]
fn connections_are_read_side_by_side_and_a_cut_line_is_one() {
    let address = free_address();
    let mut bench = Bench::start(syslog(SyslogAddress::Tcp(address)));
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
fn connections_past_the_limit_are_turned_away_and_room_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut bench = Bench::start(syslog(SyslogAddress::UnixStream(path.clone())));
    let open: Vec<_> = (0..5)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    // What is open is told when the reader comes round again.
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
fn a_broken_frame_closes_its_connection_alone() {
    let address = free_address();
    let mut bench = Bench::start(syslog(SyslogAddress::Tcp(address)));
    let mut good = TcpStream::connect(address).unwrap();
    let mut bad = TcpStream::connect(address).unwrap();
    bad.write_all(b"6 <190>ax").unwrap();
    bench.until("closed", |bench| bench.lost == 1);
    good.write_all(b"<190>b\n").unwrap();
    bench.until_lines("<190>a\n<190>b\n");
}

#[test]
fn a_writer_waits_while_nobody_takes_its_lines() {
    let address = free_address();
    let mut bench = Bench::start(syslog(SyslogAddress::Tcp(address)));
    let mut peer = TcpStream::connect(address).unwrap();
    let text = "0123456789\n".repeat(3 << 20);
    let length = text.len();
    let writing = thread::spawn(move || peer.write_all(text.as_bytes()));
    bench.until("all", |bench| bench.lines.len() == length);
    writing.join().unwrap().unwrap();
    assert_eq!((bench.lost, bench.overlong), (0, 0));
}

#[test]
fn fifo_writers_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let mut bench = Bench::start(Stream::Fifo(path.clone()));
    bench.until_said("No such file");
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
fn a_fifo_that_was_replaced_is_read_to_its_end_and_the_next_one_after_it() {
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
fn what_a_fifo_and_a_connection_hold_at_the_stop_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    make_fifo(&path);
    let address = free_address();
    let text = "line\n".repeat(10_000);
    // Most of it is still in the kernel in some of these rounds.
    for _ in 0..20 {
        let mut fifo = Bench::start(Stream::Fifo(path.clone()));
        writer(&path).write_all(text.as_bytes()).unwrap();
        fifo.stop();
        assert_eq!(fifo.count(), 10_000);
        let mut tcp = Bench::start(syslog(SyslogAddress::Tcp(address)));
        let mut peer = TcpStream::connect(address).unwrap();
        tcp.until("accepted", |bench| bench.receiver.open() == 2);
        peer.write_all(text.as_bytes()).unwrap();
        tcp.stop();
        assert_eq!(tcp.count(), 10_000);
    }
}

#[test]
fn a_file_where_a_fifo_should_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "x\n").unwrap();
    let mut bench = Bench::start(Stream::Fifo(path));
    bench.until_said("followed by `paths`");
    assert_eq!(bench.count(), 0);
}

#[test]
fn a_journal_without_its_program_is_told() {
    // The thread's PATH is the process': tests of the built program give it another one.
    let unit = "no\0unit".to_owned();
    let mut bench = Bench::start(Stream::Journal(Journal {
        unit,
        start: Start::End,
        place: None,
    }));
    bench.until_said("cannot read the journal of");
}
