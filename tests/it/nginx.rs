//! A real nginx with a configuration of the test.

use std::fs::File;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::stack::path_with_sbin;
use crate::support::{until, wait_for_end};

/// A running nginx. Dropping it ends it.
pub struct Nginx(Child);

/// Returns nginx's command with `etc/nginx.conf` in this directory.
pub fn nginx(dir: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.env("PATH", path_with_sbin()).arg("-p").arg(dir);
    command.arg("-c").arg(dir.join("etc/nginx.conf"));
    command
}

impl Nginx {
    /// Starts nginx, and waits until it listens at a port of 127.0.0.1.
    pub fn start(dir: &Path, port: u16) -> Self {
        let mut command = nginx(dir);
        command.args(["-g", "daemon off;"]);
        // Its messages about missing files are irrelevant.
        command.stderr(File::create(dir.join("nginx.stderr")).unwrap());
        let server = Self(command.spawn().unwrap());
        until(|| TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
        server
    }

    /// Shuts nginx down gracefully: it finishes its requests and flushes its logs.
    pub fn stop(mut self) {
        self.signal(Signal::QUIT);
        wait_for_end(&mut self.0);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.signal(Signal::TERM);
            let _ = self.0.wait();
        }
    }
}
