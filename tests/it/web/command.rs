//! `web hash-password`, and `check` and `run` with a web configuration.

use std::fs;

use insta::assert_snapshot;

use super::{Site, users};
use crate::support::{HEAD, run};

const GOOD: &str = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n";

#[test]
fn a_password_is_hashed_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let hash = |args: &[&str], input: &str| {
        let all = ["web", "hash-password"].iter().chain(args);
        run(dir.path(), all, input)
    };
    for input in ["secret", "secret\n", "secret\r\nmore\n"] {
        let out = hash(&["--cost", "4"], input).succeeded();
        assert!(out.starts_with("$2y$04$"), "{out}");
        assert!(bcrypt::verify("secret", out.trim_end()).unwrap());
    }
    let out = hash(&["--cost", "4", "--user", "o'brien"], "secret\n").succeeded();
    assert!(
        out.starts_with("basic_auth_users:\n  'o''brien': $2y$04$"),
        "{out}"
    );
    fs::write(dir.path().join("web.yml"), out).unwrap();
    let checked = run(dir.path(), ["check", "--web.config.file", "web.yml"], "").succeeded();
    assert_eq!(checked, "web.yml: good, no TLS, 1 user\n");
    assert_eq!(hash(&[], "").failed(64), "error: the password is empty\n");
    let long = hash(&["--cost", "4"], &"x".repeat(72)).failed(64);
    assert_eq!(
        long,
        "error: the password has more than 71 bytes, and bcrypt would ignore the rest\n"
    );
    hash(&["--cost", "3"], "x").failed(64);
    hash(&["--user", "a:b"], "x").failed(64);
}

#[test]
fn check_reads_the_web_configuration_with_the_rest_or_alone() {
    let site = Site::new();
    site.write_config("config_file = 'web.yml'\n");
    fs::write(
        site.path("web.yml"),
        format!("{GOOD}{}", users(&[("a", "x"), ("b", "y")])),
    )
    .unwrap();
    let check = |args: &[&str]| run(site.dir.path(), ["check"].iter().chain(args), "");
    let out = check(&["--config", "config.toml"]).succeeded();
    assert!(out.contains("web.yml: TLS, 2 users\n"), "{out}");
    assert_eq!(
        check(&["--web.config.file", "web.yml"]).succeeded(),
        "web.yml: good, TLS, 2 users\n"
    );
    fs::write(
        site.path("bad.yml"),
        "tls_server_config: {cert_file: server.pem, key_fil: x}\nbasic_auth_users: {a: hunter2}\n",
    )
    .unwrap();
    let faults = check(&["--web.config.file", "bad.yml"]).failed(78);
    assert_snapshot!(faults, @r"
    error: `tls_server_config` needs `key_file`
     --> bad.yml:1:1
      |
    1 | tls_server_config: {cert_file: server.pem, key_fil: *}
      | ^^^^^^^^^^^^^^^^^
      = help: key_file: PATH, or `key` with the text itself

    error: unknown key `key_fil`
     --> bad.yml:1:44
      |
    1 | tls_server_config: {cert_file: server.pem, key_fil: *}
      |                                            ^^^^^^^
      = help: did you mean `key_file`?

    error: the value of `a` is not a hash by bcrypt
     --> bad.yml:2:20
      |
    2 | basic_auth_users: {a: *******}
      |                    ^
      = help: hash the password: httplog-exporter web hash-password

    3 errors
    ");
    let both = check(&["--config", "config.toml", "--web.config.file", "bad.yml"]).failed(78);
    assert!(both.contains("unknown key `key_fil`"), "{both}");
    let missing = check(&["--web.config.file", "absent.yml"]).failed(78);
    assert!(
        missing.starts_with("error: cannot read absent.yml: No such file or directory"),
        "{missing}"
    );
}

#[test]
fn run_does_not_start_on_a_faulty_web_configuration() {
    let site = Site::new();
    site.write_config("config_file = 'web.yml'\n");
    fs::write(site.path("web.yml"), "tls_server_config: {cert_file: ca.pem, key_file: server.key}\nrate_limit: {interval: 1}\nx: 1\n").unwrap();
    let faults = run(site.dir.path(), ["run", "--config", "config.toml"], "").failed(78);
    for fault in [
        "is not that of the certificate in",
        "unknown key `x`",
        "2 errors",
    ] {
        assert!(faults.contains(fault), "{faults}");
    }
}

#[test]
fn an_address_is_exposed_unless_there_is_tls_or_a_password() {
    let site = Site::new();
    site.write_config("config_file = 'web.yml'\n");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let config = config.replace(HEAD.lines().nth(1).unwrap(), "listen = [':9914']");
    fs::write(site.path("config.toml"), config).unwrap();
    let check = |yaml: &str| {
        fs::write(site.path("web.yml"), yaml).unwrap();
        run(site.dir.path(), ["check", "--config", "config.toml"], "").succeeded()
    };
    assert!(check("").contains("there is neither TLS nor a password"));
    assert!(check(&users(&[("a", "x")])).contains("passwords are sent to :9914 in clear text"));
    for good in [GOOD.to_owned(), format!("{GOOD}{}", users(&[("a", "x")]))] {
        assert!(!check(&good).contains("warning"));
    }
}
