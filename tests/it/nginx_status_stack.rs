//! Stub status of a real nginx, over a port and a unix socket.

use std::fs;
use std::net::TcpListener;

use crate::nginx::Nginx;
use crate::stack::send;
use crate::support::{Daemon, HEAD, run, until};

#[test]
fn a_real_nginx_is_read_over_a_port_and_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().display().to_string();
    for name in ["etc", "log"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let conf = format!(
        "pid {root}/nginx.pid;\nerror_log {root}/log/error.log;\nevents {{}}\nhttp {{\n\
         access_log {root}/log/access.log combined;\nclient_body_temp_path {root}/body;\nproxy_temp_path {root}/proxy;\n\
         fastcgi_temp_path {root}/fastcgi;\nuwsgi_temp_path {root}/uwsgi;\nscgi_temp_path {root}/scgi;\n\
         server {{\nlisten 127.0.0.1:{port};\nlisten unix:{root}/status.sock;\n\
         location = /stub_status {{ stub_status; access_log off; allow 127.0.0.1; allow unix:; deny all; }}\n\
         location = /closed {{ stub_status; deny all; }}\nlocation / {{ return 200 \"hello\"; }}\n}}\n}}\n"
    );
    fs::write(dir.path().join("etc/nginx.conf"), &conf).unwrap();
    let nginx = Nginx::start(dir.path(), port);
    let init = run(dir.path(), ["init", "--nginx-config", "etc/nginx.conf"], "");
    let tables = ["http", "unix"].map(|kind| match kind {
        "http" => format!("\n[[nginx_status]]\nurl = \"http://127.0.0.1:{port}/stub_status\"\n"),
        _ => format!("\n[[nginx_status]]\nurl = \"unix:{root}/status.sock:/stub_status\"\n"),
    });
    assert!(init.out.contains(tables[0].trim_start()), "{init:?}");
    // Both show the numbers of one nginx.
    assert_eq!(init.out.matches("[[nginx_status]]").count(), 1);
    let source = format!(
        "\n[[source]]\nname = 'nginx'\npaths = ['{root}/log/access.log']\npattern = 'nginx-combined'\nstart = 'beginning'\n"
    );
    let config = format!("{HEAD}{source}{}", tables.concat());
    let daemon = Daemon::configured(dir.path(), &config);
    let number = |name: &str, addr: &str| -> Option<u64> {
        let page = daemon.metrics();
        let start = format!("{name}{{addr=\"{addr}");
        let line = page.lines().find(|line| line.starts_with(&start))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    for addr in ["http://", "unix:"] {
        assert_eq!(number("nginx_up", addr), Some(1));
        assert!(number("nginx_connections_writing", addr) >= Some(1));
        let before = number("nginx_http_requests_total", addr).unwrap();
        for _ in 0..20 {
            send(("127.0.0.1", port), "localhost", "/");
        }
        // Each scrape requests both pages at once, in either sequence.
        let after = number("nginx_http_requests_total", addr).unwrap();
        assert!(
            (before + 21..=before + 23).contains(&after),
            "{before} {after}"
        );
        let accepted = number("nginx_connections_accepted", addr).unwrap();
        assert!(accepted >= 20 && number("nginx_connections_handled", addr) > Some(accepted));
    }
    nginx.stop();
    for addr in ["http://", "unix:"] {
        assert_eq!(number("nginx_up", addr), Some(0));
        assert_eq!(number("nginx_connections_active", addr), None);
    }
    let nginx = Nginx::start(dir.path(), port);
    until(|| {
        (number("nginx_up", "unix:") == Some(1))
            .then_some(())
            .ok_or("down".to_owned())
    });
    daemon.wait_until_said("metrics from nginx's unix:");
    // A location that admits no client.
    let closed =
        format!("{HEAD}{source}\n[[nginx_status]]\nurl = 'http://127.0.0.1:{port}/closed'\n");
    fs::write(dir.path().join("closed.toml"), closed).unwrap();
    let check = run(dir.path(), ["check", "--config", "closed.toml"], "").succeeded();
    assert!(
        check.contains("responds with 403 Forbidden") && check.contains("allow 127.0.0.1;"),
        "{check}"
    );
    nginx.stop();
}
