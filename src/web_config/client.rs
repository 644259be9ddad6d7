//! Which client certificates are accepted.
//!
//! Invariant: the client has always proved that it has the key of the certificate that it shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::certificate::{Validity, has_name, is_for_clients};
use super::map::Reading;
use super::pem::Pem;
use crate::diag::Spot;

/// Rules for client certificates, by Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// None is requested.
    None,
    /// One is requested, and need not be sent or trusted.
    Request,
    /// One is needed, and need not be trusted.
    RequireAny,
    /// One is requested, and must be trusted if it is sent.
    VerifyIfGiven,
    /// One that is trusted is needed.
    RequireAndVerify,
}

/// Decides on client certificates.
#[derive(Debug)]
pub(super) struct ClientRule {
    auth: ClientAuth,
    /// Certificates of the configuration; an authority among them vouches for others.
    trusted: Vec<CertificateDer<'static>>,
    /// Checks chains up to them; `None` if there is none.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    /// Names of which a certificate must have one.
    names: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientAuth {
    const NAMES: [(&'static str, Self); 7] = [
        ("", Self::None),
        ("NoClientCert", Self::None),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("RequireClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    /// Reads a rule.
    pub(super) fn read(name: &Spot<String>, reading: &mut Reading) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name.value);
        if found.is_none() {
            let names = Self::NAMES.iter().map(|(name, _)| *name);
            // Kept by exporter-toolkit for files of its first version.
            let names = names.filter(|name| *name != "RequireClientCert");
            let fault = name.error(format!("unknown client_auth_type `{}`", name.value));
            reading.push(fault.suggest(&name.value, names.filter(|name| !name.is_empty())));
        }
        found.map(|(_, auth)| *auth)
    }

    pub(super) fn needs_certificate(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

impl ClientRule {
    /// Makes a rule. A certificate that cannot be an authority is a fault.
    pub(super) fn new(
        auth: ClientAuth,
        authorities: Option<(&Pem, Vec<CertificateDer<'static>>)>,
        names: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
        reading: &mut Reading,
    ) -> Option<Self> {
        let mut rule = Self {
            auth,
            trusted: Vec::new(),
            chains: None,
            names,
            algorithms: provider.signature_verification_algorithms,
        };
        if let Some((pem, trusted)) = authorities {
            let mut roots = RootCertStore::empty();
            let added = trusted.iter().try_for_each(|root| roots.add(root.clone()));
            let built = added.ok().and_then(|()| {
                let provider = Arc::clone(provider);
                let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.build().ok()
            });
            let Some(chains) = built else {
                let fault = pem.error(format!("a certificate of {} cannot be read", pem.name()));
                reading.push(fault.help("write it again in X.509 version 3"));
                return None;
            };
            rule.chains = Some(chains);
            rule.trusted = trusted;
        }
        Some(rule)
    }

    fn check_trust(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(chains) = &self.chains else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        // A certificate that the configuration names itself may be an authority, which a chain could not end with.
        if self.trusted.contains(end_entity) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
            return match Validity::of(end_entity) {
                Some(validity) if !validity.contains(time) => Err(CertificateError::Expired.into()),
                Some(_) if is_for_clients(end_entity) => Ok(()),
                Some(_) => Err(CertificateError::InvalidPurpose.into()),
                None => Err(CertificateError::BadEncoding.into()),
            };
        }
        let verified = chains.verify_client_cert(end_entity, intermediates, now);
        verified.map(|_| ())
    }
}

impl ClientCertVerifier for ClientRule {
    fn client_auth_mandatory(&self) -> bool {
        self.auth.needs_certificate() || self.names.is_some()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        let chains = self.chains.as_ref();
        chains.map_or(&[], |chains| chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.auth.verifies() {
            self.check_trust(end_entity, intermediates, now)?;
        }
        match &self.names {
            Some(names) if !has_name(end_entity, names) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
