use super::*;
use crate::servers::Dump;

/// Reads a configuration; returns its logs and the report.
pub(super) fn read_text(text: &str) -> (Nginx, Report) {
    let dump = Dump::read(&format!("# configuration file /n.conf:\n{text}\n")).unwrap();
    let mut report = Report::default();
    let nginx = read("/n.conf", "/usr/share/nginx", &dump, &mut report);
    (nginx, report)
}

/// Returns the logs as `TARGET FORMAT [SERVERS]`, and the messages.
fn logs(http: &str) -> (Vec<String>, Vec<String>) {
    let (nginx, report) = read_text(&format!("http {{ {http} }}"));
    let shown = |log: &Log| {
        let target = match &log.target {
            Target::File(path) => path.clone(),
            Target::Compressed(path) => format!("gzip:{path}"),
            Target::Syslog(servers) => format!("syslog:{servers}"),
        };
        let servers = log.servers.join(",");
        format!("{target} {} [{servers}]", log.format.name)
    };
    let faults = report
        .faults()
        .iter()
        .map(|fault| fault.message.clone())
        .collect();
    (nginx.logs.iter().map(shown).collect(), faults)
}

#[track_caller]
fn check(http: &str, expected: &[&str]) {
    let (found, faults) = logs(http);
    assert_eq!(
        (found.as_slice(), faults.len()),
        (
            expected
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
                .as_slice(),
            0
        ),
        "{http}\n{faults:?}"
    );
}

#[test]
fn logs_are_inherited_until_a_level_has_its_own() {
    check("", &["/var/log/nginx/access.log combined []"]);
    check(
        "server { server_name a b; }",
        &["/var/log/nginx/access.log combined [a,b]"],
    );
    check("access_log off; server {}", &[]);
    check(
        "access_log /h; server { server_name a; } server { server_name b; access_log /b; }",
        &["/h combined [a]", "/b combined [b]"],
    );
    // The only server has its own log, so the outer one is unused.
    check(
        "access_log /h; server { access_log /b; }",
        &["/b combined []"],
    );
    check(
        "access_log /h; access_log /i; server { location / { access_log /l; if ($x) { access_log off; } } location /y { } }",
        &["/h combined []", "/i combined []", "/l combined []"],
    );
    check("server { access_log /a; access_log off; }", &[]);
}

#[test]
fn formats_and_options_are_read() {
    check(
        "log_format f '$status'; server { access_log logs/a f buffer=32k flush=5s if=$x; access_log /z f gzip; }
         server { access_log syslog:server=unix:/dev/log,tag=x f; }",
        &["/usr/share/nginx/logs/a f []", "gzip:/z f []", "syslog:server=unix:/dev/log,tag=x f []"],
    );
    // A format may follow the logs that use it.
    check(
        "server { access_log /a f; } log_format f $status;",
        &["/a f []"],
    );
}

#[test]
fn errors_that_nginx_refuses_are_reported() {
    let check = |http: &str, expected: &[&str]| assert_eq!(logs(http).1, expected, "{http}");
    check(
        "access_log /a mian; log_format main '$status';",
        &["unknown log format `mian`"],
    );
    check("access_log;", &["`access_log` needs a path"]);
    check(
        "access_log off main;",
        &["`access_log off` takes no other parameters"],
    );
    check(
        "access_log /a combined bufer=3;",
        &["unknown parameter `bufer=3`"],
    );
    check("log_format x;", &["`log_format` needs a format"]);
    check(
        "log_format x escape=json;",
        &["`log_format` needs a format"],
    );
    check(
        "log_format x a; log_format x b;",
        &["duplicate log format name `x`"],
    );
}

#[test]
fn formats_round_trip_through_directives() {
    let check = |directive: &str| {
        let format = Format::parse(directive).unwrap();
        assert_eq!(
            Format::parse(&format.directive()),
            Some(format),
            "{directive}"
        );
    };
    check(r#"log_format main '$remote_addr "$request" ' "it's \"$status\"";"#);
    check(r#"log_format json escape=json '{\"a\":\"$b\\\\\"}' '\t';"#);
    assert_eq!(Format::parse("log_format a"), None);
    assert_eq!(Format::parse("$status"), None);
}

#[test]
fn logs_of_proxied_requests_are_told_with_the_id_that_nginx_passes_on() {
    let check = |http: &str, expected: Option<bool>| {
        let (nginx, _) = read_text(&format!("http {{ {http} }}"));
        assert_eq!(nginx.logs[0].proxies, expected, "{http}");
    };
    let id = "proxy_set_header x-request-id $request_id;";
    let pass = "proxy_pass http://g;";
    check(
        &format!("server {{ location / {{ {pass} {id} }} }}"),
        Some(true),
    );
    check(
        &format!("{id} server {{ location / {{ if ($a) {{ {pass} }} }} }}"),
        Some(true),
    );
    check(
        &format!("server {{ location / {{ {pass} }} location /a {{ {pass} {id} }} }}"),
        Some(false),
    );
    let other = "proxy_set_header X-Request-ID $http_x_request_id;";
    check(
        &format!("{id} server {{ {other} location / {{ {pass} }} }}"),
        Some(false),
    );
    check(
        &format!("{id} server {{ location / {{ root /srv; }} }}"),
        None,
    );
}
