//! Options of commands that request a document.
//!
//! Invariant: a password is read from a file or the environment, never from the command line, which other users can see.

use std::env;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use hyper::header::HeaderValue;

use super::Client;
use crate::cli::exit::{Exit, Failure};
use crate::client::SYSTEM_AUTHORITIES;
use crate::text_file::{Accept, read_file};

/// Variable of the environment that holds the password.
const PASSWORD: &str = "HTTPLOG_EXPORTER_PASSWORD";

/// Options of a client.
#[derive(Debug, Args)]
pub(crate) struct ClientOptions {
    /// User, if the web configuration has users; the password is that of --password-file, or of the environment variable
    /// `HTTPLOG_EXPORTER_PASSWORD`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File whose first line is the password of the user
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Certificates to trust with https://: of authorities, or of the server itself
    #[arg(long, value_name = "FILE", default_value = SYSTEM_AUTHORITIES)]
    ca: PathBuf,
}

impl ClientOptions {
    /// Creates a client with these options.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let credentials = self.user.as_deref().map(|user| self.credentials(user));
        Client::new(credentials.transpose()?, self.ca.clone())
    }

    /// Creates a client that trusts the same certificates, and has no password.
    pub(crate) fn anonymous(&self) -> Result<Client, Failure> {
        Client::new(None, self.ca.clone())
    }

    /// Returns whether requests have a password.
    pub(crate) fn has_password(&self) -> bool {
        self.user.is_some()
    }

    fn credentials(&self, user: &str) -> Result<HeaderValue, Failure> {
        if user.contains(':') {
            return Err(Failure::message(
                Exit::Usage,
                "the name of a user has no colon",
            ));
        }
        let password = self.password()?;
        let pair = [user.as_bytes(), b":", &password].concat();
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut value =
            HeaderValue::try_from(value).map_err(|error| Failure::new(Exit::Usage, error))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn password(&self) -> Result<Vec<u8>, Failure> {
        if let Some(path) = &self.password_file {
            return first_line(path);
        }
        env::var_os(PASSWORD)
            .map(std::ffi::OsString::into_encoded_bytes)
            .ok_or_else(|| {
                Failure::message(Exit::Usage, "--user without a password").help(format!(
                    "name its file with --password-file, or set the environment variable {PASSWORD}"
                ))
            })
    }
}

fn first_line(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = read_file(path, Accept::RegularOrPipe)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let message = format!("the first line of {} is empty", path.display());
        return Err(Failure::message(Exit::NoInput, message).help("write the password there"));
    }
    Ok(line.to_vec())
}
