//! The web configuration before clients that others have written: Prometheus, and Python over OpenSSL.

use std::fs;

use crate::prometheus::{Prometheus, free_port};
use crate::stack::python;
use crate::support::run_command;
use crate::web::{Site, users};

/// Starts Prometheus on a target with TLS, and waits until it was scraped.
fn scraped(site: &Site, more: &str) -> Prometheus {
    let target = site.daemon().socket();
    let text = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n\
         - job_name: httplog\n  scheme: https\n  static_configs: [{{targets: [\"{target}\"]}}]\n  \
         tls_config:\n    ca_file: ca.pem\n    server_name: localhost\n{more}"
    );
    let prometheus = Prometheus::configured(site.dir.path(), free_port(), &text);
    prometheus.answer("up{job=\"httplog\"} == 1");
    prometheus
}

#[test]
fn prometheus_scrapes_over_tls_with_a_password() {
    let mut site = Site::new();
    site.start("", &users(&[("scraper", "correct horse")]));
    fs::write(site.path("password"), "correct horse").unwrap();
    let login = "  basic_auth:\n    username: scraper\n    password_file: password\n";
    let prometheus = scraped(&site, login);
    let found = prometheus.answer("httplog_exporter_web_config_last_reload_successful");
    assert!((found[0].1 - 1.0).abs() < 0.5);
}

#[test]
fn prometheus_scrapes_with_a_client_certificate_through_a_rotation() {
    let mut site = Site::new();
    site.start(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [prometheus.example]\n",
        "",
    );
    let client = site.authority.make(&["prometheus.example"]);
    fs::write(site.path("client.pem"), &client.pem).unwrap();
    fs::write(site.path("client.key"), &client.key).unwrap();
    let files = "    cert_file: client.pem\n    key_file: client.key\n";
    let prometheus = scraped(&site, files);
    for _ in 0..3 {
        site.put_server(&site.authority.make(&["localhost"]));
        let before =
            prometheus.answer("max_over_time(scrape_samples_scraped{job=\"httplog\"}[1h])");
        assert!(before[0].1 > 1.0);
    }
    let changes = "changes(httplog_exporter_certificate_not_after_timestamp_seconds[1h]) >= 0";
    prometheus.answer(changes);
    let up = prometheus.answer("min_over_time(up{job=\"httplog\"}[1h])");
    assert!((up[0].1 - 1.0).abs() < 0.5, "a scrape failed");
}

#[test]
fn clients_over_openssl_agree_with_ours() {
    let mut site = Site::new();
    site.start(
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n",
        &users(&[("scraper", "right")]),
    );
    let client = site.authority.make(&["prometheus.example"]);
    fs::write(site.path("client.both"), client.pem + &client.key).unwrap();
    let mut command = python("tests/stack/tls.py");
    command.args([
        site.daemon().socket(),
        "ca.pem",
        "client.both",
        "scraper:right",
    ]);
    command.current_dir(site.dir.path());
    let ended = run_command(command, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
