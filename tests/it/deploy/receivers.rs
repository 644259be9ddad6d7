//! Receivers of alerts: stand-ins for Slack and for a mail server.
//!
//! Invariant: each receiver has one thread, which ends with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::until;

/// Time after which a silent client is disconnected.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that stores the messages it receives.
pub struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Handles one connection and returns the messages received.
type Talk = fn(&TcpStream) -> std::io::Result<Vec<String>>;

impl Receiver {
    /// Starts a stand-in for a Slack webhook: accepts JSON by POST and responds `ok`.
    pub fn slack() -> Self {
        Self::start(post)
    }

    /// Starts a mail server without TLS.
    pub fn mail() -> Self {
        Self::start(mail)
    }

    fn start(talk: Talk) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (inbox, end) = (messages.clone(), is_over.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // A broken connection delivers nothing; Alertmanager tries again.
                if let Ok(brought) = talk(&stream) {
                    inbox.lock().unwrap().extend(brought);
                }
            }
        });
        Self {
            address,
            messages,
            is_over,
            thread: Some(thread),
        }
    }

    /// Returns the listen address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a message that contains all of these strings.
    pub fn wait_for(&self, parts: &[&str]) {
        until(|| {
            let messages = self.messages.lock().unwrap();
            let is_it = |message: &String| parts.iter().all(|part| message.contains(part));
            let missing = || format!("no {parts:?} in {messages:#?}");
            messages.iter().any(is_it).then_some(()).ok_or_else(missing)
        });
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A connection wakes the thread from `accept`.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn post(mut stream: &TcpStream) -> std::io::Result<Vec<String>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")?;
    Ok(vec![String::from_utf8_lossy(&body).into_owned()])
}

/// Serves the part of SMTP (RFC 5321) that Alertmanager uses.
fn mail(mut stream: &TcpStream) -> std::io::Result<Vec<String>> {
    let mut messages = Vec::new();
    stream.write_all(b"220 mail.example.test ESMTP\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next() {
        let command = line?.to_ascii_uppercase();
        let answer: &[u8] = match command.split(' ').next().unwrap_or_default() {
            "EHLO" => b"250-mail.example.test\r\n250 8BITMIME\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut message = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    // Quoted-printable: a line that ends in `=` is continued.
                    match line.strip_suffix('=') {
                        Some(part) => message.push_str(part),
                        None => message.extend([line.as_str(), "\n"]),
                    }
                }
                messages.push(message);
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                break;
            }
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(messages)
}
