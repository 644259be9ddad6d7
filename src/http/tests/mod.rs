//! Tests of the HTTP server over real sockets.

mod guard;
mod limits;
mod memory;
mod routes;
mod server;
mod sharing;
mod stop;
mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::clock::{Clock as _, SystemClock};
use crate::model::{Families, Family, Kind, Language, Number, Series, Unit, Value};
use crate::status::Status;

/// Timeout of a test that hangs; a passing test never reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a free port, stopped and joined when dropped.
struct Server {
    address: SocketAddr,
    ready: Ready,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Events of the server.
#[derive(Default)]
struct Seen {
    events: Mutex<Vec<HttpEvent>>,
    arrived: Condvar,
}

impl Observer for Seen {
    fn observe(&self, event: HttpEvent) {
        self.events.lock().unwrap().push(event);
        self.arrived.notify_all();
    }
}

impl Seen {
    /// Waits until `count` matching events have arrived.
    fn wait_for(&self, count: usize, is: impl Fn(&HttpEvent) -> bool) {
        let events = self.events.lock().unwrap();
        let few =
            |events: &mut Vec<HttpEvent>| events.iter().filter(|event| is(event)).count() < count;
        let (events, outcome) = self
            .arrived
            .wait_timeout_while(events, PATIENCE, few)
            .unwrap();
        assert!(
            !outcome.timed_out(),
            "only these events arrived: {events:?}"
        );
    }

    fn count(&self, event: HttpEvent) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|seen| **seen == event).count()
    }
}

/// One gauge, with a help text of this length, in bytes.
struct Gauge(usize);

impl Scrape for Gauge {
    fn families(&self) -> Families {
        Families::new([Family {
            name: "up".into(),
            help: "h".repeat(self.0).into(),
            kind: Kind::Gauge,
            series: vec![Series {
                labels: vec![],
                value: Value::Number(Number::Exact(1, Unit::One)),
                created: None,
            }],
        }])
    }

    fn status(&self, _: &Families, _: Language) -> Status {
        Status::default()
    }
}

/// The policy that a test puts in force next.
#[derive(Default)]
struct Next(Mutex<Option<Policy>>);

impl PolicySource for Next {
    fn check(&self) -> Option<Policy> {
        self.0.lock().unwrap().take()
    }
}

impl Server {
    fn start() -> Self {
        Self::with(Gauge(1), Limits::default())
    }

    fn limited(limits: Limits) -> Self {
        Self::with(Gauge(1), limits)
    }

    fn with(scrape: impl Scrape + 'static, limits: Limits) -> Self {
        Self::on("127.0.0.1:0", scrape, limits, &[])
    }

    fn obeying(orders: Arc<dyn Lifecycle>) -> Self {
        Self::run(
            "127.0.0.1:0",
            Gauge(1),
            Limits::default(),
            &[],
            Some(orders),
        )
    }

    fn on(address: &str, scrape: impl Scrape + 'static, limits: Limits, more: &[Address]) -> Self {
        Self::run(address, scrape, limits, more, None)
    }

    /// Starts with a policy, which `source` may replace.
    fn under(
        policy: Policy,
        source: Option<Arc<dyn PolicySource>>,
        scrape: impl Scrape + 'static,
        limits: Limits,
        more: &[Address],
    ) -> Self {
        Self::run_under(policy, source, "127.0.0.1:0", scrape, limits, more, None)
    }

    fn run(
        address: &str,
        scrape: impl Scrape + 'static,
        limits: Limits,
        more: &[Address],
        lifecycle: Option<Arc<dyn Lifecycle>>,
    ) -> Self {
        Self::run_under(
            Policy::default(),
            None,
            address,
            scrape,
            limits,
            more,
            lifecycle,
        )
    }

    fn run_under(
        policy: Policy,
        source: Option<Arc<dyn PolicySource>>,
        address: &str,
        scrape: impl Scrape + 'static,
        limits: Limits,
        more: &[Address],
        lifecycle: Option<Arc<dyn Lifecycle>>,
    ) -> Self {
        let listener = Listener::bind(&address.parse().unwrap(), None).unwrap();
        let Address::Ip(address) = *listener.local_address() else {
            panic!("not an IP address");
        };
        let mut listeners = vec![listener];
        listeners.extend(more.iter().map(|more| Listener::bind(more, None).unwrap()));
        let (ready, seen) = (Ready::default(), Arc::<Seen>::default());
        let clock = Arc::new(SystemClock::new());
        let routes = Routes {
            scrape: Arc::new(scrape),
            metrics_path: MetricsPath::default(),
            hosts: Hosts::new(&["x".parse().unwrap()], &[]),
            lifecycle,
            ready: ready.clone(),
            clock: clock.clone(),
            observer: seen.clone(),
            policies: Policies::new(policy, source, clock),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listeners, routes, limits, async {
                let _ = stopped.await;
            }))
        });
        Self {
            address,
            ready,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes on a separate connection and reads until the server closes it.
    fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // The server may respond and close before it has read everything.
        let _ = stream.write_all(request.as_ref());
        rest_of(&mut stream)
    }

    fn get(&self, path: &str) -> String {
        self.exchange(format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Requests the stop, without waiting for it.
    fn request_stop(&mut self) {
        self.stop.take();
    }

    /// Stops the server and returns its outcome.
    fn join(&mut self) -> Result<(), ServeError> {
        self.request_stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.request_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads until the other side closes.
fn rest_of(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection was not closed: {error}"),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Reads one response with its body; the connection stays open.
fn response_on(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next()?;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
