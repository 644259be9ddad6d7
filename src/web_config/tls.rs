//! `tls_server_config`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::digest::{Context, SHA256};
use rustls::server::NoServerSessionStorage;
use rustls::{InconsistentKeys, ServerConfig, SupportedProtocolVersion};

use super::certificate::Validity;
use super::client::{ClientAuth, ClientRule};
use super::files::Files;
use super::map::{Map, Reading};
use super::names::{Version, groups, provider, suites};
use super::pem::Pem;
use crate::diag::{Fault, Spot};
use crate::http::Tls;
use crate::model::counted;

/// The protocol that is served.
const PROTOCOL: &[u8] = b"http/1.1";
/// Validity that a certificate should still have.
const SOON: Duration = Duration::from_hours(30 * 24);
const DAY: u64 = 24 * 60 * 60;

/// TLS, and the end of the certificate's validity.
#[derive(Debug)]
pub(super) struct LoadedTls {
    pub(super) tls: Tls,
    pub(super) not_after: Option<SystemTime>,
}

/// The keys of `tls_server_config`, checked one by one.
struct Keys {
    cert: Option<Pem>,
    key: Option<Pem>,
    authorities: Option<Pem>,
    auth: Option<ClientAuth>,
    names: Option<Vec<Spot<String>>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    prefers_own_suites: bool,
}

/// Reads the section; `None` if it does not turn TLS on, or has errors.
pub(super) fn read(
    mut map: Map<'_>,
    has_http2: bool,
    base: &Path,
    files: &mut Files,
    now: SystemTime,
    reading: &mut Reading,
) -> Option<LoadedTls> {
    let before = reading.report.errors();
    let cert = Pem::read(&mut map, ["cert_file", "cert"], base, reading);
    let key = Pem::read(&mut map, ["key_file", "key"], base, reading);
    let authorities = Pem::read(&mut map, ["client_ca_file", "client_ca"], base, reading);
    let auth = map.string("client_auth_type", reading);
    let auth = auth.filter(|auth| !auth.value.is_empty());
    let auth_place = auth.as_ref().map(|auth| auth.place.clone());
    let is_on = cert.is_some() || key.is_some() || authorities.is_some() || auth.is_some();
    let auth = match &auth {
        Some(auth) => ClientAuth::read(auth, reading),
        None => Some(ClientAuth::None),
    };
    let names = map.strings("client_allowed_sans", reading);
    let (min, max) = (
        map.string("min_version", reading),
        map.string("max_version", reading),
    );
    let versions = read_versions(min.as_ref(), max.as_ref(), reading);
    let has_tls12 = versions.contains(&&rustls::version::TLS12);
    let listed = map.strings("cipher_suites", reading);
    let suites = suites(listed, has_http2 && has_tls12 && is_on, reading);
    let groups = groups(map.strings("curve_preferences", reading), reading);
    let prefers_own_suites = map
        .boolean("prefer_server_cipher_suites", reading)
        .unwrap_or(true);
    let place = map.place(reading);
    let is_empty = map.entries().next().is_none();
    map.finish(reading);
    if !is_on {
        if !is_empty {
            let fault = Fault::warning(
                "`tls_server_config` has no certificate: connections are not encrypted",
            );
            reading.push(
                fault
                    .at(place)
                    .help("set cert_file and key_file, or remove the section"),
            );
        }
        return None;
    }
    for (part, keys) in [(&cert, ["cert_file", "cert"]), (&key, ["key_file", "key"])] {
        if part.is_none() {
            let fault = Fault::error(format!("`tls_server_config` needs `{}`", keys[0]));
            reading.push(fault.at(place.clone()).help(format!(
                "{}: PATH, or `{}` with the text itself",
                keys[0], keys[1]
            )));
        }
    }
    let keys = Keys {
        cert,
        key,
        authorities,
        auth,
        names,
        versions,
        prefers_own_suites,
    };
    judge_clients(&keys, auth_place, reading);
    let provider = provider(suites.as_deref(), groups.as_deref());
    let loaded = keys.load(&provider, files, now, reading);
    loaded.filter(|_| reading.report.errors() == before)
}

/// Reads the versions from `min_version` to `max_version`.
fn read_versions(
    min: Option<&Spot<String>>,
    max: Option<&Spot<String>>,
    reading: &mut Reading,
) -> Vec<&'static SupportedProtocolVersion> {
    let given = |name: Option<&Spot<String>>, reading: &mut Reading| {
        let name = name.filter(|name| !name.value.is_empty())?;
        Some((name.place.clone(), Version::read(name, reading)?))
    };
    let (min, max) = (given(min, reading), given(max, reading));
    if let Some((place, Version::Tls10 | Version::Tls11)) = &min {
        let fault = Fault::warning("the least version is TLS 1.2: older ones are not supported");
        reading.push(fault.at(place.clone()).help("min_version: TLS12"));
    }
    if let Some((place, Version::Tls10 | Version::Tls11)) = &max {
        let fault =
            Fault::error("no client could connect: versions before TLS 1.2 are not supported");
        reading.push(fault.at(place.clone()).help("max_version: TLS13"));
    } else if let (Some((_, min)), Some((place, max))) = (&min, &max)
        && min > max
    {
        let fault = Fault::error("`max_version` is below `min_version`");
        reading.push(fault.at(place.clone()).help("max_version: TLS13"));
        return rustls::ALL_VERSIONS.to_vec();
    }
    let (min, max) = (min.map(|(_, min)| min), max.map(|(_, max)| max));
    let mut versions = Vec::new();
    if max != Some(Version::Tls12) {
        versions.push(&rustls::version::TLS13);
    }
    if min != Some(Version::Tls13) {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

/// Reports rules for client certificates that contradict each other.
fn judge_clients(keys: &Keys, place: Option<crate::diag::Place>, reading: &mut Reading) {
    let Some(auth) = keys.auth else {
        return;
    };
    if let (Some(authorities), ClientAuth::None) = (&keys.authorities, auth) {
        let fault = authorities
            .error("certificates of clients are not requested, so their authority has no use");
        reading.push(fault.help("client_auth_type: RequireAndVerifyClientCert"));
    }
    if auth.verifies() && keys.authorities.is_none() {
        let fault = Fault::warning("no client certificate will be trusted: no authority is named");
        reading.push(fault.at(place.clone()).help("client_ca_file: PATH"));
    }
    if keys.names.as_ref().is_some_and(Vec::is_empty) && auth != ClientAuth::None {
        let fault = Fault::warning("every client is refused: `client_allowed_sans` is empty");
        let fault = fault.at(place.clone());
        reading.push(fault.help("add a name, or remove the list"));
    }
    if let Some(first) = keys.names.as_ref().and_then(|names| names.first()) {
        if auth == ClientAuth::None {
            let fault = first.warning(
                "`client_allowed_sans` has no effect: certificates of clients are not requested",
            );
            reading.push(fault.help("client_auth_type: RequireAndVerifyClientCert"));
        } else if !auth.needs_certificate() {
            let fault =
                first.warning("`client_allowed_sans` refuses clients without a certificate");
            reading.push(fault.help("client_auth_type: RequireAndVerifyClientCert says so"));
        }
    }
    if auth == ClientAuth::RequireAny {
        let fault =
            Fault::warning("any certificate is accepted, also one that the client made itself");
        reading.push(
            fault
                .at(place)
                .help("client_auth_type: RequireAndVerifyClientCert, with client_ca_file"),
        );
    }
}

impl Keys {
    /// Reads the files and puts everything together.
    fn load(
        &self,
        provider: &Arc<rustls::crypto::CryptoProvider>,
        files: &mut Files,
        now: SystemTime,
        reading: &mut Reading,
    ) -> Option<LoadedTls> {
        let cert_bytes = self.cert.as_ref().and_then(|pem| pem.load(files, reading));
        let key_bytes = self.key.as_ref().and_then(|pem| pem.load(files, reading));
        let authority_bytes = self
            .authorities
            .as_ref()
            .map(|pem| pem.load(files, reading));
        let chain = cert_bytes
            .as_ref()
            .and_then(|bytes| self.cert.as_ref()?.certificates(bytes, reading));
        let key = key_bytes
            .as_ref()
            .and_then(|bytes| self.key.as_ref()?.private_key(bytes, reading));
        let authorities = match (&self.authorities, authority_bytes.as_ref()) {
            (Some(pem), Some(bytes)) => Some((pem, pem.certificates(bytes.as_ref()?, reading)?)),
            _ => None,
        };
        let auth = self.auth?;
        let names = self
            .names
            .as_ref()
            .map(|names| names.iter().map(|name| name.value.clone()).collect());
        let rule = match auth {
            ClientAuth::None => None,
            auth => Some(ClientRule::new(
                auth,
                authorities,
                names,
                provider,
                reading,
            )?),
        };
        let (chain, key) = (chain?, key?);
        let validity = chain.first().and_then(Validity::of);
        let cert = self.cert.as_ref()?;
        if let Some(validity) = validity {
            judge_validity(cert, validity, now, reading);
        }
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
        let Ok(builder) = builder.with_protocol_versions(&self.versions) else {
            let fault = cert.error("no cipher suite is left for these versions of TLS");
            reading.push(fault.help("remove `cipher_suites`"));
            return None;
        };
        let has_rule = rule.is_some();
        let builder = match rule {
            Some(rule) => builder.with_client_cert_verifier(Arc::new(rule)),
            None => builder.with_no_client_auth(),
        };
        let mut config = match builder.with_single_cert(chain, key) {
            Ok(config) => config,
            Err(error) => {
                let pem = self.key.as_ref()?;
                reading.push(refused_key(pem, cert, &error));
                return None;
            }
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.ignore_client_order = self.prefers_own_suites;
        if has_rule {
            // A resumed session would not show its certificate again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let clients = format!(
            "{auth:?} {:?}",
            self.names
                .as_ref()
                .map(|names| names.iter().map(|name| &name.value).collect::<Vec<_>>())
        );
        let authority_bytes = authority_bytes.flatten().unwrap_or_default();
        let clients = digest(&[clients.as_bytes(), &authority_bytes]);
        let settings = format!(
            "{:?} {:?} {:?} {}",
            self.versions, provider.cipher_suites, provider.kx_groups, self.prefers_own_suites
        );
        let identity = digest(&[settings.as_bytes(), &clients, &cert_bytes?, &key_bytes?]);
        let tls = Tls {
            config: Arc::new(config),
            identity,
            clients,
        };
        let not_after = validity.map(|validity| validity.not_after);
        Some(LoadedTls { tls, not_after })
    }
}

fn refused_key(key: &Pem, cert: &Pem, error: &rustls::Error) -> Fault {
    if let rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) = error {
        let message = format!(
            "the key of {} is not that of the certificate in {}",
            key.name(),
            cert.name()
        );
        return key
            .error(message)
            .help("the server's certificate comes first in its file");
    }
    let fault = key.error(format!("the key of {} cannot be used", key.name()));
    fault.help("use RSA with 2048 bits or more, ECDSA with P-256 or P-384, or Ed25519")
}

fn judge_validity(cert: &Pem, validity: Validity, now: SystemTime, reading: &mut Reading) {
    let name = cert.name();
    let fault = match validity.not_after.duration_since(now) {
        Err(_) => cert.warning(format!("the certificate of {name} has expired")),
        Ok(left) if left < SOON => {
            let days = left.as_secs() / DAY;
            cert.warning(format!(
                "the certificate of {name} expires in {}",
                counted(days, "day")
            ))
        }
        Ok(_) if validity.not_before > now => {
            cert.warning(format!("the certificate of {name} is not valid yet"))
        }
        Ok(_) => return,
    };
    reading.push(fault.help("renew it; the files are read again when they change"));
}

/// Returns the digest of several texts.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
