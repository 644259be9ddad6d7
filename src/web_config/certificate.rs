//! Names and validity of certificates.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_CLIENT_AUTH};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

/// A period in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Validity {
    /// Reads the validity of a certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        let time = |since: Duration| SystemTime::UNIX_EPOCH.checked_add(since);
        Some(Self {
            not_before: time(validity.not_before.to_unix_duration())?,
            not_after: time(validity.not_after.to_unix_duration())?,
        })
    }

    pub(super) fn contains(self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// Returns whether a certificate has one of these names: of DNS, an e-mail address, an IP address or a URI. Names are compared as
/// they are written, as Go does.
pub(super) fn has_name(certificate: &CertificateDer<'_>, names: &[String]) -> bool {
    let is_wanted = |name: &str| names.iter().any(|wanted| wanted == name);
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return false;
    };
    let found = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(found)))) = found else {
        return false;
    };
    found.iter().any(|name| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => is_wanted(name.as_str()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.is_ok_and(|address| is_wanted(&address.to_canonical().to_string()))
        }
        _ => false,
    })
}

/// Returns whether a certificate may identify a client.
pub(super) fn is_for_clients(certificate: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return false;
    };
    match certificate
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>()
    {
        Ok(None) => true,
        Ok(Some((_, ExtendedKeyUsage(uses)))) => {
            uses.contains(&ID_KP_CLIENT_AUTH) || uses.contains(&ANY_EXTENDED_KEY_USAGE)
        }
        Err(_) => false,
    }
}
