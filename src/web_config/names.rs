//! Go's names of TLS versions, cipher suites and key exchange groups.

use std::sync::Arc;

use rustls::crypto::{SupportedKxGroup, ring};
use rustls::{CipherSuite, NamedGroup, SupportedCipherSuite};

use super::map::Reading;
use crate::diag::{Fault, Spot};

/// Suites that Go's `tls.CipherSuites` names, in this or an earlier version, with the one that this program has, if it does.
const SUITES: [(&str, Option<CipherSuite>); 18] = [
    (
        "TLS_AES_128_GCM_SHA256",
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256),
    ),
    (
        "TLS_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384),
    ),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ),
    (
        ECDSA_FOR_HTTP2,
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        RSA_FOR_HTTP2,
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", None),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", None),
    ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", None),
];

/// Number of suites of TLS 1.3, which come first.
const OF_TLS13: usize = 3;

/// Suites of which HTTP/2 needs one (RFC 9113, 9.2.2).
const ECDSA_FOR_HTTP2: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
const RSA_FOR_HTTP2: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

/// Groups that exporter-toolkit names.
const GROUPS: [(&str, NamedGroup); 4] = [
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("CurveP521", NamedGroup::secp521r1),
    ("X25519", NamedGroup::X25519),
];

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    const NAMES: [(&'static str, Self); 4] = [
        ("TLS10", Self::Tls10),
        ("TLS11", Self::Tls11),
        ("TLS12", Self::Tls12),
        ("TLS13", Self::Tls13),
    ];

    /// Reads a version.
    pub(super) fn read(name: &Spot<String>, reading: &mut Reading) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name.value);
        if found.is_none() {
            let fault = name.error(format!("unknown TLS version `{}`", name.value));
            reading.push(fault.help("one of: TLS12, TLS13"));
        }
        found.map(|(_, version)| *version)
    }
}

/// Reads the suites of TLS 1.2 in their sequence; those of TLS 1.3 cannot be chosen, as in Go. `None` stands for the default, also
/// after an error.
pub(super) fn suites(
    names: Option<Vec<Spot<String>>>,
    needs_http2: bool,
    reading: &mut Reading,
) -> Option<Vec<SupportedCipherSuite>> {
    let names = names.filter(|names| !names.is_empty())?;
    let is_for_http2 =
        |name: &Spot<String>| [ECDSA_FOR_HTTP2, RSA_FOR_HTTP2].contains(&&*name.value);
    let before = reading.report.errors();
    let mut suites: Vec<SupportedCipherSuite> = Vec::new();
    for name in &names {
        let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name.value) else {
            let fault = name.error(format!("unknown cipher suite `{}`", name.value));
            let known = SUITES
                .iter()
                .filter(|(_, suite)| suite.is_some())
                .skip(OF_TLS13);
            reading.push(fault.suggest(&name.value, known.map(|(name, _)| *name)));
            continue;
        };
        let all = ring::ALL_CIPHER_SUITES.iter();
        match all.clone().find(|known| Some(known.suite()) == *suite) {
            None => {
                let fault =
                    name.warning(format!("`{}` is not supported, and left out", name.value));
                reading.push(fault.help("it is weak: remove it from the list"));
            }
            Some(suite) if suite.tls13().is_some() => {
                let fault = name.warning(format!(
                    "`{}` is of TLS 1.3, whose suites are always on",
                    name.value
                ));
                reading.push(fault.help("remove it from the list"));
            }
            Some(suite) if suites.contains(suite) => {}
            Some(suite) => suites.push(*suite),
        }
    }
    if reading.report.errors() > before {
        return None;
    }
    if needs_http2
        && !names.iter().any(is_for_http2)
        && let Some(first) = names.first()
    {
        let fault = Fault::error(
            "`cipher_suites` has none of the suites that HTTP/2 needs, which other exporters refuse",
        );
        reading.push(fault.at(first.place.clone()).help(format!(
            "add {RSA_FOR_HTTP2} or {ECDSA_FOR_HTTP2}, by the type of the key, or set http_server_config.http2 to false"
        )));
    }
    Some(suites)
}

/// Reads the groups in their sequence. `None` stands for the default, also after an error.
pub(super) fn groups(
    names: Option<Vec<Spot<String>>>,
    reading: &mut Reading,
) -> Option<Vec<&'static dyn SupportedKxGroup>> {
    let names = names.filter(|names| !names.is_empty())?;
    let before = reading.report.errors();
    let mut groups: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    for name in &names {
        let Some((_, group)) = GROUPS.iter().find(|(known, _)| *known == name.value) else {
            let fault = name.error(format!("unknown curve `{}`", name.value));
            reading.push(fault.suggest(&name.value, GROUPS.map(|(name, _)| name)));
            continue;
        };
        match ring::ALL_KX_GROUPS
            .iter()
            .find(|known| known.name() == *group)
        {
            None => {
                let fault =
                    name.warning(format!("`{}` is not supported, and left out", name.value));
                reading.push(fault.help("use X25519 or CurveP256"));
            }
            Some(group) if groups.iter().any(|known| known.name() == group.name()) => {}
            Some(group) => groups.push(*group),
        }
    }
    if groups.is_empty()
        && reading.report.errors() == before
        && let Some(first) = names.first()
    {
        let fault = first.error("`curve_preferences` has no supported curve");
        reading.push(fault.help("add X25519 or CurveP256"));
    }
    (reading.report.errors() == before).then_some(groups)
}

/// Returns the provider of cryptography with these suites of TLS 1.2 and groups.
pub(super) fn provider(
    suites: Option<&[SupportedCipherSuite]>,
    groups: Option<&[&'static dyn SupportedKxGroup]>,
) -> Arc<rustls::crypto::CryptoProvider> {
    let mut provider = ring::default_provider();
    if let Some(suites) = suites {
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(suites);
    }
    if let Some(groups) = groups {
        groups.clone_into(&mut provider.kx_groups);
    }
    Arc::new(provider)
}
