//! `status`: shows the state of a running exporter.
//!
//! Invariant: what is shown is what the exporter serves at [`PATH`]; nothing is computed from files of this machine.

mod view;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use hyper::StatusCode;
use rustix::termios::tcgetwinsize;

use super::client::{Client, ClientOptions, failure};
use super::exit::{Exit, Failure};
use super::paint::Paint;
use super::stop::{Stop, until_stopped};
use crate::client::{Response, Target};
use crate::config;
use crate::http::Address;
use crate::status::{Status as Document, VERSION, Verdict};
use crate::text_file::{Accept, read_file};

use view::push_status;

/// Path of the status.
const PATH: &str = "/api/v1/status";
/// Time between two updates of --watch.
const INTERVAL: Duration = Duration::from_secs(2);
/// Line between two updates that are not on a terminal.
const SEPARATOR: &str = "---\n";
/// Moves to the top of a terminal, and clears it.
const CLEAR: &str = "\x1b[H\x1b[2J";
/// Lets a terminal cut long lines, and wrap them again.
const CUT: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Show whether a running exporter is well, and what needs attention.
///
/// Without --url, the exporter is the one of this machine: at the first `web.listen` of /etc/httplog-exporter/config.toml, or at
/// `http://127.0.0.1:9914`.
///
/// Exit code 0 if all is well or there are only warnings, 1 if there is an error (numbers are wrong or missing), 74 if the
/// exporter gives no status.
#[derive(Debug, Args)]
pub struct Status {
    /// Address of the exporter: http://HOST:PORT, https://HOST:PORT or unix:PATH
    #[arg(long, short, value_name = "URL")]
    url: Option<Target>,
    /// Update every two seconds, until interrupted
    #[arg(long, short)]
    watch: bool,
    /// Show the JSON document as received
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientOptions,
}

/// A status as it was received.
struct Received {
    body: Vec<u8>,
    document: Document,
}

impl Status {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let target = self.url.clone().unwrap_or_else(local);
        let path = path_of(target.path());
        let target = target.with_path(path);
        let client = self.client.client()?;
        if self.client.has_password() && target.is_exposed() {
            // The result is on standard output: that a warning cannot be written does not make it wrong.
            let _ = writeln!(
                io::stderr(),
                "warning: the password is sent to {target} in clear text; use https:// if the exporter has TLS"
            );
        }
        if self.watch {
            return until_stopped(move |stop| self.watch(&client, &target, stop));
        }
        let received = self.fetch(&client, &target)?;
        let mut out = io::stdout().lock();
        out.write_all(&self.shown(&received, &target, Paint::of_stdout()))?;
        out.flush()?;
        match received.document.verdict {
            Verdict::Well | Verdict::Attention => Ok(()),
            Verdict::Broken => Err(Failure::shown(Exit::Runtime)),
        }
    }

    /// Shows one status after the other until the stop is requested.
    fn watch(&self, client: &Client, target: &Target, stop: &Stop) -> Result<(), Failure> {
        let paint = Paint::of_stdout();
        let is_screen = io::stdout().is_terminal() && !self.json;
        // What cannot be reached at first may be misspelt; later, it may be restarting.
        let mut shown = self.shown(&self.fetch(client, target)?, target, paint);
        let mut is_first = true;
        while !stop.is_requested() {
            let mut out = io::stdout().lock();
            if is_screen {
                let rows = tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_row);
                // A long line is cut, and takes one row.
                write!(out, "{CLEAR}{CUT}")?;
                out.write_all(first_rows(&shown, rows.into()))?;
                write!(out, "{WRAP}")?;
            } else {
                if !is_first && !self.json {
                    write!(out, "{SEPARATOR}")?;
                }
                out.write_all(&shown)?;
            }
            out.flush()?;
            drop(out);
            is_first = false;
            stop.waker().wait(INTERVAL);
            if stop.is_requested() {
                break;
            }
            shown = match self.fetch(client, target) {
                Ok(received) => self.shown(&received, target, paint),
                Err(failure) if self.json => {
                    let _ = write!(io::stderr(), "{failure}");
                    Vec::new()
                }
                Err(failure) => format!("{failure}trying again\n").into_bytes(),
            };
        }
        Ok(())
    }

    fn shown(&self, received: &Received, target: &Target, paint: Paint) -> Vec<u8> {
        if self.json {
            let mut body = received.body.clone();
            if !body.ends_with(b"\n") {
                body.push(b'\n');
            }
            return body;
        }
        let mut text = String::new();
        push_status(&received.document, &target.to_string(), paint, &mut text);
        text.into_bytes()
    }

    fn fetch(&self, client: &Client, target: &Target) -> Result<Received, Failure> {
        let response = client.get(target, "application/json");
        let response = response.map_err(failure)?;
        if response.status != StatusCode::OK {
            return Err(self.refused(target, &response));
        }
        received(target, response)
    }

    /// Returns the failure of another response than a status.
    fn refused(&self, target: &Target, response: &Response) -> Failure {
        let is_https_only = || {
            let body = String::from_utf8_lossy(&response.body);
            body.contains("HTTPS") && !target.to_string().starts_with("https:")
        };
        let status = response.status;
        let help = match status {
            StatusCode::UNAUTHORIZED if self.client.has_password() => {
                "the user or the password is not one of basic_auth_users in its web configuration".to_owned()
            }
            StatusCode::UNAUTHORIZED => {
                "its web configuration has users: name one with --user, and its password with --password-file".to_owned()
            }
            StatusCode::BAD_REQUEST if is_https_only() => {
                "it has TLS: name it with --url https://HOST:PORT, as its certificate does".to_owned()
            }
            StatusCode::NOT_FOUND => {
                "is this an exporter of this version? --url names it".to_owned()
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                "it has too much to do: try again".to_owned()
            }
            _ if status.is_redirection() => {
                let to = if response.location.is_empty() { "elsewhere" } else { &response.location };
                format!("it refers to {to}: name that with --url if you trust it")
            }
            _ => "is this an exporter of this version? --url names it".to_owned(),
        };
        let message = format!("{target}{} responds with {status}", target.path());
        Failure::message(Exit::Io, message).help(help)
    }
}

/// Reads a response.
fn received(target: &Target, response: Response) -> Result<Received, Failure> {
    /// The part that all versions have.
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let failure = |what: String, help: &str| {
        let message = format!("{target}{} {what}", target.path());
        Err(Failure::message(Exit::Io, message).help(help))
    };
    let body = response.body;
    match serde_json::from_slice::<Versioned>(&body) {
        Err(error) => failure(
            format!("is not a status ({}): {error}", response.content_type),
            "is this an exporter of this version? --url names it",
        ),
        Ok(Versioned { version }) if version != VERSION => failure(
            format!("is a status of version {version}, and this program reads version {VERSION}"),
            "use the program of the version that runs, or --url and curl for the document alone",
        ),
        Ok(_) => match serde_json::from_slice(&body) {
            Ok(document) => Ok(Received { body, document }),
            Err(error) => failure(
                format!("is a status of another program: {error}"),
                "use the program of the version that runs",
            ),
        },
    }
}

/// Returns the exporter of this machine.
pub(super) fn local() -> Target {
    let listen = read_file(Path::new(config::DEFAULT_PATH), Accept::Regular);
    let listen = listen.ok().and_then(|text| first_listen(&text));
    let target = listen.as_ref().and_then(Target::listening);
    target.unwrap_or_default()
}

/// Returns the first `web.listen` of a configuration, which may have faults elsewhere.
fn first_listen(text: &[u8]) -> Option<Address> {
    let config: toml::Table = std::str::from_utf8(text).ok()?.parse().ok()?;
    let listen = config.get("web")?.get("listen")?.as_array()?;
    listen.first()?.as_str()?.parse().ok()
}

/// Returns the path of the status below the path of a URL, which may be that of the metrics too.
fn path_of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let base = path.trim_end_matches('/');
    let base = base.strip_suffix(PATH).unwrap_or(base);
    let base = base.strip_suffix("/metrics").unwrap_or(base);
    format!("{base}{PATH}")
}

/// Returns as many lines as a terminal of so many rows has room for above its last one; all if their number is not known.
fn first_rows(text: &[u8], rows: usize) -> &[u8] {
    let lines = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    let end = match rows.checked_sub(1) {
        None => None,
        Some(rows) => lines.take(rows).last().filter(|_| rows > 0),
    };
    let end = end.unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests;
