//! Certificates and keys of the web configuration: inline, or in files.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::files::Files;
use super::map::{Map, Reading};
use crate::diag::{Fault, Place, Spot};
use crate::text_file::Accept;

/// A PEM text.
#[derive(Debug)]
pub(super) struct Pem {
    origin: Origin,
    /// Key that names the text.
    key: &'static str,
    place: Place,
}

#[derive(Debug)]
enum Origin {
    Inline(String),
    File(PathBuf),
}

impl Pem {
    /// Reads the name of a file, or the text itself. An empty value counts as absent.
    pub(super) fn read(
        map: &mut Map<'_>,
        [in_file, inline]: [&'static str; 2],
        base: &Path,
        reading: &mut Reading,
    ) -> Option<Self> {
        let is_given = |text: &Spot<String>| !text.value.is_empty();
        let path = map.string(in_file, reading).filter(is_given);
        let text = map.secret(inline, reading).filter(is_given);
        let (path, text) = match (path, text) {
            (Some(path), text) => {
                if let (Some(_), Some(place)) = (text, map.key(inline, reading)) {
                    let fault =
                        Fault::warning(format!("`{inline}` has no effect beside `{in_file}`"));
                    reading.push(fault.at(place).help("remove one"));
                }
                (path, None)
            }
            (None, text) => (text?, Some(())),
        };
        let (origin, key, place) = if text.is_some() {
            let place = map
                .key(inline, reading)
                .unwrap_or_else(|| path.place.clone());
            (Origin::Inline(path.value), inline, place)
        } else {
            (Origin::File(base.join(&path.value)), in_file, path.place)
        };
        Some(Self { origin, key, place })
    }

    /// Returns the bytes.
    pub(super) fn load(&self, files: &mut Files, reading: &mut Reading) -> Option<Vec<u8>> {
        match &self.origin {
            Origin::Inline(text) => Some(text.clone().into_bytes()),
            Origin::File(path) => match files.read(path, Accept::Regular) {
                Ok(bytes) => Some(bytes),
                Err(error) => {
                    let help = if error.is_missing() {
                        "relative paths are relative to the web configuration"
                    } else {
                        "the exporter's user has to be able to read it"
                    };
                    reading.push(self.error(error.to_string()).help(help));
                    None
                }
            },
        }
    }

    /// Returns the certificates in a text; a text without one is a fault.
    pub(super) fn certificates(
        &self,
        bytes: &[u8],
        reading: &mut Reading,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        match found {
            Ok(found) if !found.is_empty() => Some(found),
            Ok(_) => {
                let fault = self.error(format!("{} has no certificate", self.name()));
                reading.push(fault.help("it begins with -----BEGIN CERTIFICATE-----"));
                None
            }
            Err(_) => {
                let fault = self.error(format!("{} is not valid PEM", self.name()));
                reading.push(fault.help("write the whole file again: it may be cut off"));
                None
            }
        }
    }

    /// Returns the key in a text; a text without one is a fault.
    pub(super) fn private_key(
        &self,
        bytes: &[u8],
        reading: &mut Reading,
    ) -> Option<PrivateKeyDer<'static>> {
        if let Ok(found) = PrivateKeyDer::from_pem_slice(bytes) {
            return Some(found);
        }
        let is_encrypted = memchr::memmem::find(bytes, b"ENCRYPTED").is_some();
        let (what, help) = if is_encrypted {
            (
                "has an encrypted key",
                "decrypt it: openssl pkey -in KEY -out server.key",
            )
        } else {
            (
                "has no private key",
                "it begins with -----BEGIN PRIVATE KEY-----",
            )
        };
        reading.push(self.error(format!("{} {what}", self.name())).help(help));
        None
    }

    /// Returns an error at the place of the text.
    pub(super) fn error(&self, message: impl Into<String>) -> Fault {
        Fault::error(message).at(self.place.clone())
    }

    /// Returns a warning at the place of the text.
    pub(super) fn warning(&self, message: impl Into<String>) -> Fault {
        Fault::warning(message).at(self.place.clone())
    }

    /// Names the text in a fault.
    pub(super) fn name(&self) -> String {
        match &self.origin {
            Origin::Inline(_) => format!("`{}`", self.key),
            Origin::File(path) => path.display().to_string(),
        }
    }
}
