//! Tests of web configurations as files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};

use super::*;
use crate::text_file::Accept;

/// 29 November 2026.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(498_876)
}

struct Made {
    pem: String,
    key: String,
}

/// Makes a certificate that signs itself, valid for some days from now.
fn make(names: &[&str], days: u64) -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    for name in names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().unwrap()),
        });
    }
    params.not_before = (now() - Duration::from_hours(24)).into();
    params.not_after = (now() + Duration::from_hours(24 * days)).into();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key).unwrap();
    Made {
        pem: certificate.pem(),
        key: key.serialize_pem(),
    }
}

/// A directory with certificates in which web configurations are read.
struct Place {
    dir: tempfile::TempDir,
    server: Made,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = make(&["localhost"], 365);
        let client = make(&["prometheus.example"], 365);
        for (name, text) in [
            ("server.pem", &server.pem),
            ("server.key", &server.key),
            ("client.pem", &client.pem),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self { dir, server }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn load(&self) -> Loaded {
        let path = self.dir.path().join("web.yml");
        let open_health = false;
        WebFile { path, open_health }.load(Accept::Regular, now())
    }

    /// Reads a configuration, and returns its faults.
    fn check(&self, text: &str) -> (bool, String) {
        self.write("web.yml", text);
        let loaded = self.load();
        let report = loaded.report.to_string();
        let report = report.replace(&self.dir.path().display().to_string(), "DIR");
        (loaded.policy.is_some(), report)
    }
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "    {line}");
        all
    })
}

#[test]
fn every_fixture_has_its_verdict() {
    let place = Place::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/web");
    let mut names: Vec<_> = fs::read_dir(fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    names.sort();
    let mut verdicts = String::new();
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("@CERT@", &indented(&place.server.pem));
        let text = text.replace("@KEY@", &indented(&place.server.key));
        let (is_good, report) = place.check(&text);
        assert!(!report.contains("hunter"), "{report}");
        let verdict = if is_good { "good" } else { "BAD" };
        let name = path.file_stem().unwrap().to_string_lossy();
        let _ = writeln!(verdicts, "## {name}: {verdict}\n{report}");
    }
    insta::assert_snapshot!(verdicts);
}

#[test]
fn a_certificate_that_expires_soon_or_has_expired_is_a_remark() {
    let place = Place::new();
    let text = "tls_server_config: {cert_file: soon.pem, key_file: soon.key}";
    let check = |days: u64, late: u64, expected: &str| {
        let soon = make(&["localhost"], days);
        place.write("soon.pem", &soon.pem);
        place.write("soon.key", &soon.key);
        place.write("web.yml", text);
        let path = place.dir.path().join("web.yml");
        let file = WebFile {
            path,
            open_health: false,
        };
        let loaded = file.load(Accept::Regular, now() + Duration::from_hours(24 * late));
        assert!(loaded.policy.is_some());
        assert_eq!(
            loaded.not_after,
            Some(now() + Duration::from_hours(24 * days))
        );
        let report = loaded.report.to_string();
        assert!(report.contains(expected), "{report}");
        if expected.is_empty() {
            assert_eq!(report, "");
        }
    };
    check(365, 0, "");
    check(20, 0, "expires in 20 days");
    check(20, 21, "has expired");
}

#[test]
fn changed_settings_and_changed_files_make_another_identity() {
    let place = Place::new();
    let good = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let identity = |text: &str| {
        place.write("web.yml", text);
        let tls = place.load().policy.unwrap().tls.unwrap();
        (tls.identity, tls.clients)
    };
    let first = identity(good);
    assert_eq!(identity(&format!("# a remark\n{good}")), first);
    let newer = identity(&format!("{good}  min_version: TLS13\n"));
    assert_ne!(newer.0, first.0);
    assert_eq!(newer.1, first.1);
    let client = format!("{good}  client_auth_type: RequireAnyClientCert\n");
    assert_ne!(identity(&client).1, first.1);
    let other = make(&["localhost"], 365);
    place.write("server.pem", &other.pem);
    place.write("server.key", &other.key);
    let rotated = identity(good);
    assert_ne!(rotated.0, first.0);
    assert_eq!(rotated.1, first.1);
}

#[test]
fn a_password_is_hashed_in_a_form_that_is_accepted() {
    let hash = hash_password(b"correct horse", 4).unwrap();
    assert!(hash.starts_with("$2y$04$"), "{hash}");
    let place = Place::new();
    assert_eq!(
        place.check(&format!("basic_auth_users: {{a: {hash}}}")),
        (true, String::new())
    );
    assert!(matches!(hash_password(b"", 4), Err(HashError::Empty)));
    assert!(matches!(
        hash_password(&[b'x'; 72], 4),
        Err(HashError::Long)
    ));
    assert!(hash_password(&[b'x'; 71], 4).is_ok());
}

#[test]
fn fifos_directories_and_bytes_that_are_not_utf8_are_refused() {
    let place = Place::new();
    let fifo = place.dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let (is_good, report) = place.check("tls_server_config: {cert_file: fifo, key_file: .}");
    assert!(!is_good);
    assert!(report.contains("is a FIFO, not a regular file"), "{report}");
    assert!(
        report.contains("is a directory, not a regular file"),
        "{report}"
    );
    place.write("web.yml", b"basic_auth_users: \xff");
    assert!(place.load().report.to_string().contains("not valid UTF-8"));
    place.write("web.yml", vec![b'#'; 2 << 20]);
    assert!(
        place
            .load()
            .report
            .to_string()
            .contains("larger than 1 MiB")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_mutated_file_makes_reading_panic_or_shows_a_secret(
        at in 0_usize..400,
        removed in 0_usize..20,
        added in r"[-:{}\[\]&*!|>'\x22%@`#,?\n\t a0é<~$]{0,6}",
        again in 0_usize..400,
    ) {
        let text = "tls_server_config:\n  cert_file: absent.pem\n  key: |\n    SECRETSECRET\n  client_allowed_sans: [a, 'b']\n  \
                    min_version: TLS12\nhttp_server_config:\n  http2: false\n  headers: {X-Frame-Options: deny}\n\
                    basic_auth_users:\n  a: SECRETSECRET\n  b: \"SECRETSECRET\"\nrate_limit: {interval: 1s, burst: 5}\n";
        let cut = |text: &str, at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let start = cut(text, at);
        let end = cut(text, start + removed).max(start);
        let mut mutated = text.to_owned();
        mutated.replace_range(start..end, &added);
        let again = cut(&mutated, again);
        mutated.insert_str(again, &added);
        let place = Place::shared();
        let (is_good, report) = place.check(&mutated);
        prop_assert_eq!(is_good, !report.contains("error"));
        // Otherwise they may have become part of a path.
        let are_secrets = mutated.contains("\n  key: |\n    SECRETSECRET\n")
            && mutated.contains("\nbasic_auth_users:\n  a: SECRETSECRET\n  b: \"SECRETSECRET\"\nrate");
        prop_assert!(!are_secrets || !report.contains("SECRETSECRET"), "{}\n{}", mutated, report);
    }

    #[test]
    fn no_text_makes_reading_panic(text in r"(?s).{0,64}") {
        Place::shared().check(&text);
    }
}

impl Place {
    /// A directory without certificates, one for each thread.
    fn shared() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Made {
            pem: String::new(),
            key: String::new(),
        };
        Self { dir, server }
    }
}
