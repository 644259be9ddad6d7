//! Tests of the web configuration: TLS, certificates of clients, users, rotation.

mod certificates;
mod command;
mod rotation;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

pub use certificates::{Authority, Made, client};

use crate::support::{Daemon, HEAD, program, until};

/// Longest wait for a response; a passing test never reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon with a web configuration, in a directory with the certificates of a server.
pub struct Site {
    pub dir: tempfile::TempDir,
    pub authority: Authority,
    daemon: Option<Daemon>,
}

impl Site {
    /// Makes the directory: `ca.pem`, and `server.pem` and `server.key` for localhost.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("ca");
        fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let site = Self {
            dir,
            authority,
            daemon: None,
        };
        site.put_server(&site.authority.make(&["localhost", "127.0.0.1"]));
        site
    }

    /// Writes a server's certificate and its key.
    pub fn put_server(&self, server: &Made) {
        fs::write(self.path("server.key"), &server.key).unwrap();
        fs::write(self.path("server.pem"), &server.pem).unwrap();
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the daemon with TLS and these lines more in `tls_server_config`, and others behind it.
    pub fn start(&mut self, tls: &str, rest: &str) {
        self.start_with(
            &format!(
                "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{tls}{rest}"
            ),
            "",
        );
    }

    /// Starts the daemon with a web configuration, and more in `[web]`.
    pub fn start_with(&mut self, yaml: &str, web: &str) {
        fs::write(self.path("web.yml"), yaml).unwrap();
        self.write_config(&format!("config_file = 'web.yml'\n{web}"));
        let mut command = program(["run", "--config"]);
        command.arg(self.path("config.toml"));
        let mut daemon = Daemon::launch(self.dir.path(), command);
        daemon.wait_until_listening();
        self.daemon = Some(daemon);
    }

    pub fn write_config(&self, web: &str) {
        fs::write(self.path("a.log"), "").unwrap();
        let head = HEAD.replace("[web]\n", &format!("[web]\n{web}"));
        let source = "[[source]]\nname = 'a'\npaths = ['a.log']\npattern = 'nginx-combined'\n";
        fs::write(self.path("config.toml"), format!("{head}\n{source}")).unwrap();
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Sends a request over TLS, and returns the whole response.
    pub fn request(&self, client: &Arc<ClientConfig>, request: &str) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        let socket = TcpStream::connect(self.daemon().socket()).map_err(text)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        let name = ServerName::try_from("localhost").unwrap();
        let session = rustls::ClientConnection::new(Arc::clone(client), name).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        stream.write_all(request.as_bytes()).map_err(text)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response).map_err(text)?;
        String::from_utf8(response).map_err(|error| error.to_string())
    }

    /// Requests a page with a client that trusts the site's authority.
    pub fn get(&self, path: &str) -> Result<String, String> {
        self.request(&client(&self.authority), &get(path, ""))
    }

    /// Returns the value of a metric.
    fn metric(&self, name: &str) -> Option<f64> {
        let page = self.get("/metrics").unwrap();
        let mut lines = page.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    /// Waits until a metric has this value.
    fn wait_for(&self, name: &str, value: f64) {
        until(|| match self.metric(name) {
            Some(found) if (found - value).abs() < 0.5 => Ok(()),
            found => Err(format!("{name} {found:?}, expected {value}")),
        });
    }
}

/// Returns a request, with more header fields.
pub fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n")
}

/// Returns the header field of a login.
fn login(user: &str, password: &str) -> String {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {encoded}\r\n")
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or("none")
}

/// Returns the lines of a web configuration for users with hashes of a low cost.
pub fn users(users: &[(&str, &str)]) -> String {
    let mut text = "basic_auth_users:\n".to_owned();
    for (name, password) in users {
        let hash = bcrypt::hash(password, 4).unwrap();
        writeln!(text, "  {name}: {hash}").unwrap();
    }
    text
}

#[test]
fn a_configuration_of_the_toolkit_is_served() {
    let mut site = Site::new();
    site.start(
        "  min_version: TLS12\n",
        &(users(&[("scraper", "right")])
            + "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"),
    );
    let trusting = client(&site.authority);
    let response = site
        .request(&trusting, &get("/metrics", &login("scraper", "right")))
        .unwrap();
    assert_eq!(status(&response), "200");
    assert!(response.contains("x-frame-options: deny\r\n"), "{response}");
    assert!(response.contains("\nhttplog_exporter_web_config_last_reload_successful 1\n"));
    let response = site
        .request(&trusting, &get("/metrics", &login("scraper", "wrong")))
        .unwrap();
    assert_eq!(status(&response), "401");
    // A client that does not trust the certificate, and one without TLS.
    let stranger = client(&Authority::new("other"));
    assert!(site.request(&stranger, &get("/metrics", "")).is_err());
    let mut plain = TcpStream::connect(site.daemon().socket()).unwrap();
    plain.write_all(get("/metrics", "").as_bytes()).unwrap();
    let mut response = String::new();
    plain.read_to_string(&mut response).unwrap();
    assert_eq!(status(&response), "400");
    assert!(response.contains("HTTPS only"), "{response}");
    let page = site
        .request(&trusting, &get("/metrics", &login("scraper", "right")))
        .unwrap();
    assert!(
        page.contains("\nhttplog_exporter_tls_handshakes_failed_total 1\n"),
        "{page}"
    );
}

#[test]
fn nothing_that_a_client_sends_is_logged_or_counted() {
    let mut site = Site::new();
    site.start("", &users(&[("scraper", "right")]));
    let trusting = client(&site.authority);
    let fields = login("canary-user", "canary-password");
    for path in ["/metrics", "/canary-path", "/-/reload"] {
        for fields in [
            &*fields,
            "Authorization: canary\r\n",
            "X-Canary: canary\r\n",
        ] {
            let response = site.request(&trusting, &get(path, fields)).unwrap();
            assert_eq!(status(&response), "401");
            assert!(!response.contains("canary"), "{response}");
        }
    }
    let page = site
        .request(&trusting, &get("/metrics", &login("scraper", "right")))
        .unwrap();
    assert!(
        !page.contains("canary") && !page.contains("scraper"),
        "{page}"
    );
    let said = site.daemon().said();
    assert!(
        !said.contains("canary") && !said.contains("right") && !said.contains("scraper"),
        "{said}"
    );
}

#[test]
fn wrong_passwords_at_speed_leave_known_clients_and_health_checks_alone() {
    let mut site = Site::new();
    let slow = bcrypt::hash("x", 11).unwrap();
    let users = users(&[("scraper", "right")]) + &format!("  slow: {slow}\n");
    site.start_with(
        &format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{users}"),
        "open_health = true\n",
    );
    let trusting = client(&site.authority);
    let honest = get("/metrics", &login("scraper", "right"));
    assert_eq!(status(&site.request(&trusting, &honest).unwrap()), "200");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let response =
                        site.request(&trusting, &get("/metrics", &login("slow", "wrong")));
                    let response = response.unwrap();
                    assert!(["401", "503"].contains(&status(&response)), "{response}");
                }
            });
        }
        for _ in 0..30 {
            assert_eq!(status(&site.request(&trusting, &honest).unwrap()), "200");
            assert_eq!(status(&site.get("/-/healthy").unwrap()), "200");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn slow_handshakes_leave_others_alone() {
    let mut site = Site::new();
    site.start("", "");
    // More than there are places, each with the beginning of a message.
    let held: Vec<TcpStream> = (0..600)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(site.daemon().socket()).ok()?;
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).ok()?;
            Some(stream)
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(status(&site.get("/metrics").unwrap()), "200");
    }
    drop(held);
}

#[test]
fn tls_applies_to_a_unix_socket() {
    let mut site = Site::new();
    site.start("", "");
    drop(site.daemon.take());
    let socket = site.path("s");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let listen = format!("listen = [\"127.0.0.1:0\", \"unix:{}\"]", socket.display());
    fs::write(
        site.path("config.toml"),
        config.replace("listen = [\"127.0.0.1:0\"]", &listen),
    )
    .unwrap();
    let mut command = program(["run", "--config"]);
    command.arg(site.path("config.toml"));
    let mut daemon = Daemon::launch(site.dir.path(), command);
    daemon.wait_until_listening();
    let stream = std::os::unix::net::UnixStream::connect(Path::new(&socket)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let session = rustls::ClientConnection::new(client(&site.authority), name).unwrap();
    let mut stream = rustls::StreamOwned::new(session, stream);
    stream.write_all(get("/-/healthy", "").as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert_eq!(status(&response), "200");
}
