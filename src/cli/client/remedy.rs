//! Remedies of failed requests to an exporter.

use std::io;

use rustls::CertificateError;

use crate::cli::exit::{Exit, Failure};
use crate::client::{ClientError, Endpoint, Target};

/// Returns the failure of a command whose request failed, with the remedy.
pub(crate) fn failure(error: ClientError) -> Failure {
    let remedy = remedy(&error);
    Failure::new(Exit::Io, error).help_if_known(remedy)
}

/// Returns the remedy.
fn remedy(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Connect { target, source } => connect_remedy(target, source),
        ClientError::Tls { target, source } => Some(tls_remedy(target, source)),
        ClientError::Authorities { .. } => Some("name a PEM file with --ca".to_owned()),
        ClientError::Exchange { target, source } => Some(match &target.endpoint {
            Endpoint::Tcp {
                is_encrypted: false,
                ..
            } if source.is_parse() => format!(
                "does another program listen there, or with TLS: https://{}?",
                target.host_field()
            ),
            _ => "is another program listening there, or is the exporter stopping?".to_owned(),
        }),
        ClientError::Late { .. } => {
            Some("the machine is overloaded, or a firewall drops the packets".to_owned())
        }
        ClientError::Long { .. } => Some("is another program listening there?".to_owned()),
        ClientError::Path { .. } => None,
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
