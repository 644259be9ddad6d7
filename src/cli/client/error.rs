//! Failures of requests, with their remedies.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::CertificateError;

use super::target::{Endpoint, Target};
use crate::cli::exit::{Exit, Failure};

/// The reason for which a response is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The server cannot be reached.
    #[error("cannot connect to {target}")]
    Connect {
        target: Target,
        #[source]
        source: io::Error,
    },
    /// The connection cannot be encrypted.
    #[error("no TLS connection to {target}")]
    Tls {
        target: Target,
        #[source]
        source: io::Error,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the trusted certificates of {}", path.display())]
    Authorities {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The request or the response failed.
    #[error("no complete response from {target}")]
    Exchange {
        target: Target,
        #[source]
        source: hyper::Error,
    },
    /// The server takes too long.
    #[error("no complete response from {target} within {limit:?}")]
    Late { target: Target, limit: Duration },
    /// The response is longer than any that is expected.
    #[error("the response of {target} has more than {limit} bytes")]
    Long { target: Target, limit: usize },
    /// The path is not one of HTTP.
    #[error("`{path}` is not a path")]
    Path { path: String },
}

impl ClientError {
    /// Returns the failure of a command, with the remedy.
    pub(crate) fn into_failure(self) -> Failure {
        let remedy = self.remedy();
        Failure::new(Exit::Io, self).help_if_known(remedy)
    }

    /// Returns the remedy.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Connect { target, source } => connect_remedy(target, source),
            Self::Tls { target, source } => Some(tls_remedy(target, source)),
            Self::Authorities { .. } => Some("name a PEM file with --ca".to_owned()),
            Self::Exchange { target, source } => Some(match &target.endpoint {
                Endpoint::Tcp {
                    is_encrypted: false,
                    ..
                } if source.is_parse() => format!(
                    "does another program listen there, or with TLS: https://{}?",
                    target.host_field()
                ),
                _ => "is another program listening there, or is the exporter stopping?".to_owned(),
            }),
            Self::Late { .. } => {
                Some("the machine is overloaded, or a firewall drops the packets".to_owned())
            }
            Self::Long { .. } => Some("is another program listening there?".to_owned()),
            Self::Path { .. } => None,
        }
    }
}

fn connect_remedy(target: &Target, error: &io::Error) -> Option<String> {
    let is_unix = matches!(target.endpoint, Endpoint::Unix(_));
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound if is_unix => {
            "is the service running, and listening there: systemctl status httplog-exporter; web.listen names its addresses"
                .to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            "is the service running: systemctl status httplog-exporter; if it listens elsewhere (web.listen), name that with --url"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied if is_unix => {
            "run this with sudo, or let your group use the socket: web.socket_mode, and Group= of the service".to_owned()
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "is the host right, and does its firewall admit this machine?".to_owned()
        }
        _ if error.raw_os_error().is_none() && !is_unix => "is the name of the host right?".to_owned(),
        _ => return None,
    })
}

fn tls_remedy(target: &Target, error: &io::Error) -> String {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "name the server in --url as its certificate does".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "renew the certificate of the server".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "compare the clocks of both machines".to_owned()
            }
            _ => "name the authority that signed the certificate, or a self-signed certificate itself, with --ca FILE"
                .to_owned(),
        },
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("does it speak HTTP without TLS: http://{}?", target.host_field())
        }
        Some(rustls::Error::AlertReceived(alert)) => format!(
            "the server refused with {alert:?}: it may want a certificate of the client, or other versions of TLS"
        ),
        _ => "is another program listening there?".to_owned(),
    }
}
