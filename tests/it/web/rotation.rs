//! Certificates and configurations that change while clients come.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use super::{Authority, Site, client, get, login, status, users};
use crate::support::{rename, until};

const SUCCESSFUL: &str = "httplog_exporter_web_config_last_reload_successful";
const NOT_AFTER: &str = "httplog_exporter_certificate_not_after_timestamp_seconds";

#[test]
fn a_rotation_with_half_written_files_refuses_no_client() {
    let mut site = Site::new();
    site.start("", "");
    let trusting = client(&site.authority);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let response = site.request(&trusting, &get("/-/healthy", "")).unwrap();
                    assert_eq!(status(&response), "200");
                }
            });
        }
        for _ in 0..3 {
            let renewed = site.authority.make(&["localhost"]);
            // Cut off, of another key, missing, empty, and complete.
            fs::write(
                site.path("server.pem"),
                &renewed.pem[..renewed.pem.len() / 2],
            )
            .unwrap();
            site.wait_for(SUCCESSFUL, 0.0);
            fs::write(site.path("server.pem"), &renewed.pem).unwrap();
            site.wait_for(SUCCESSFUL, 0.0);
            fs::remove_file(site.path("server.key")).unwrap();
            site.wait_for(SUCCESSFUL, 0.0);
            fs::write(site.path("server.key"), "").unwrap();
            site.wait_for(SUCCESSFUL, 0.0);
            fs::write(site.path("server.key"), &renewed.key).unwrap();
            site.wait_for(SUCCESSFUL, 1.0);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let said = site.daemon().said();
    assert!(
        said.contains("server.pem is not valid PEM")
            || said.contains("server.pem has no certificate"),
        "{said}"
    );
    assert!(!said.contains("PRIVATE"), "{said}");
    // Each state once.
    let errors = said.matches("the previous one stays in force").count();
    assert!((3..=12).contains(&errors), "{errors} in {said}");
}

#[test]
fn a_renewed_certificate_of_another_authority_is_served_at_once() {
    let mut site = Site::new();
    site.start("", "");
    assert!(site.metric(NOT_AFTER).unwrap() > 1e9);
    let other = Authority::new("other");
    let renewed = other.make(&["localhost"]);
    // As certbot and Kubernetes do.
    for (name, text) in [("server.key", &renewed.key), ("server.pem", &renewed.pem)] {
        let next = site.path(&format!("{name}.next"));
        fs::write(&next, text).unwrap();
        rename(&next, &site.path(name));
    }
    let trusting = client(&other);
    until(|| site.request(&trusting, &get("/-/healthy", "")).map(|_| ()));
    assert!(site.get("/-/healthy").is_err());
}

#[test]
fn users_change_without_a_restart_and_a_faulty_file_changes_nothing() {
    let mut site = Site::new();
    site.start("", &users(&[("scraper", "one")]));
    let trusting = client(&site.authority);
    let try_login = |password: &str| {
        let response = site
            .request(&trusting, &get("/metrics", &login("scraper", password)))
            .unwrap();
        status(&response).to_owned()
    };
    let tls = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let becomes = |password: &str, expected: &str| {
        until(|| match try_login(password) {
            found if found == expected => Ok(()),
            found => Err(format!("{found}, expected {expected}")),
        });
    };
    assert_eq!(
        (try_login("one"), try_login("two")),
        ("200".into(), "401".into())
    );
    fs::write(
        site.path("web.yml"),
        format!("{tls}{}", users(&[("scraper", "two")])),
    )
    .unwrap();
    becomes("two", "200");
    assert_eq!(try_login("one"), "401");
    fs::write(
        site.path("web.yml"),
        format!("{tls}{}nonsense: 1\n", users(&[("scraper", "three")])),
    )
    .unwrap();
    site.daemon().signal(Signal::HUP);
    site.daemon().wait_until_said("unknown key `nonsense`");
    assert_eq!(
        (try_login("two"), try_login("three")),
        ("200".into(), "401".into())
    );
    // The file that names it may change as well.
    fs::write(
        site.path("other.yml"),
        format!("{tls}{}", users(&[("scraper", "four")])),
    )
    .unwrap();
    site.write_config("config_file = 'other.yml'\n");
    site.daemon().signal(Signal::HUP);
    becomes("four", "200");
    site.write_config("");
    site.daemon().signal(Signal::HUP);
    until(|| {
        crate::support::get(&format!("http://{}/-/healthy", site.daemon().socket())).map(|_| ())
    });
}

#[test]
fn a_reload_by_http_tells_that_the_web_configuration_has_errors() {
    let mut site = Site::new();
    site.start_with(&users(&[("scraper", "one")]), "enable_lifecycle = true\n");
    let reload = || {
        let url = format!("http://{}/-/reload", site.daemon().socket());
        let agent = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = ureq::Agent::from(agent.build());
        let login = login("scraper", "one");
        let (name, value) = login.trim_end().split_once(": ").unwrap();
        let mut response = agent.post(&url).header(name, value).send_empty().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    };
    assert_eq!(reload(), (200, "reloaded\n".to_owned()));
    let good = fs::read_to_string(site.path("web.yml")).unwrap();
    for _ in 0..2 {
        fs::write(site.path("web.yml"), good.clone() + "nonsense: 1\n").unwrap();
        let (status, said) = reload();
        assert_eq!(status, 500, "{said}");
        assert!(said.contains("web.yml has errors"), "{said}");
    }
    fs::write(site.path("web.yml"), &good).unwrap();
    assert_eq!(reload().0, 200);
}
