//! Certificates, and the rules for those of clients.

use std::fs;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{Site, get, status};

/// An authority that signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    key: String,
}

/// A certificate and its key.
pub struct Made {
    pub pem: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let text = key.serialize_pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            key: text,
        }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the certificate of the authority itself.
    fn itself(&self) -> Made {
        Made {
            pem: self.pem.clone(),
            key: self.key.clone(),
        }
    }

    /// Signs a certificate for servers and clients with these names.
    pub fn make(&self, names: &[&str]) -> Made {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        for name in names {
            let text = || (*name).try_into().unwrap();
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains("://") => SanType::URI(text()),
                Err(_) if name.contains('@') => SanType::Rfc822Name(text()),
                Err(_) => SanType::DnsName(text()),
            });
        }
        Made {
            pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Returns a client that trusts an authority.
pub fn client(authority: &Authority) -> Arc<ClientConfig> {
    client_with(authority, None)
}

/// Returns a client that trusts an authority, and shows a certificate if it is requested.
pub fn client_with(authority: &Authority, shown: Option<&Made>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some(made) => {
            let chain = CertificateDer::pem_slice_iter(made.pem.as_bytes()).map(Result::unwrap);
            let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain.collect(), key).unwrap()
        }
    })
}

#[test]
fn each_rule_admits_its_clients() {
    let trusted = Authority::new("scrapers");
    let signed = trusted.make(&["prometheus.example"]);
    let stranger = Authority::new("stranger").make(&["prometheus.example"]);
    // Without a certificate, with one that is signed, with a stranger's, and with the authority's own, as many use it.
    let itself = trusted.itself();
    let shown = [None, Some(&signed), Some(&stranger), Some(&itself)];
    let cases = [
        ("NoClientCert", false, [true, true, true, true]),
        ("RequestClientCert", false, [true, true, true, true]),
        ("RequireAnyClientCert", false, [false, true, true, true]),
        ("VerifyClientCertIfGiven", true, [true, true, false, true]),
        (
            "RequireAndVerifyClientCert",
            true,
            [false, true, false, true],
        ),
        (
            "VerifyClientCertIfGiven",
            false,
            [true, false, false, false],
        ),
        (
            "RequireAndVerifyClientCert",
            false,
            [false, false, false, false],
        ),
    ];
    for (rule, has_authority, admitted) in cases {
        let mut site = Site::new();
        fs::write(site.path("clients.pem"), trusted.pem()).unwrap();
        let authority = if has_authority {
            "  client_ca_file: clients.pem\n"
        } else {
            ""
        };
        site.start(&format!("  client_auth_type: {rule}\n{authority}"), "");
        for (made, admitted) in shown.iter().zip(admitted) {
            let client = client_with(&site.authority, *made);
            let response = site.request(&client, &get("/-/healthy", ""));
            let is_served = response
                .as_ref()
                .is_ok_and(|response| status(response) == "200");
            assert_eq!(is_served, admitted, "{rule}: {response:?}");
        }
    }
}

#[test]
fn a_certificate_needs_one_of_the_allowed_names() {
    let mut site = Site::new();
    let allowed = [
        "prometheus.example",
        "ops@example.org",
        "192.0.2.7",
        "2001:db8::1",
        "spiffe://example/scraper",
    ];
    site.start(
        &format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: ['{}']\n",
            allowed.join("', '")
        ),
        "",
    );
    let is_served = |names: &[&str]| {
        let made = site.authority.make(names);
        let client = client_with(&site.authority, Some(&made));
        site.request(&client, &get("/-/healthy", ""))
            .is_ok_and(|response| status(&response) == "200")
    };
    for name in allowed {
        assert!(is_served(&["other.example", name]), "{name}");
    }
    for name in [
        "other.example",
        "a.prometheus.example",
        "x@example.org",
        "192.0.2.8",
        "spiffe://example/other",
    ] {
        assert!(!is_served(&[name]), "{name}");
    }
    assert!(!is_served(&[]));
}

#[test]
fn allowed_names_refuse_clients_without_a_certificate() {
    let mut site = Site::new();
    site.start(
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [prometheus.example]\n",
        "",
    );
    assert!(site.get("/-/healthy").is_err());
}
