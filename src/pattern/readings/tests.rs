use super::super::{Dialect, Engine, Pattern, Reject, presets};
use crate::model::Field;

fn pattern(dialect: Dialect, format: &str) -> Pattern {
    Pattern::compile("test", dialect, format).unwrap_or_else(|fault| panic!("{format}: {fault}"))
}

/// Checks the fields of a line: host, method, target, status, duration.
fn check(dialect: Dialect, format: &str, line: &str, expected: [&str; 5]) {
    let pattern = pattern(dialect, format);
    let record = pattern
        .parse(&mut pattern.scratch(), line.as_bytes())
        .unwrap_or_else(|reject| panic!("{format}: {line}: {reject:?}"));
    let fields = [
        Field::Host,
        Field::Method,
        Field::Target,
        Field::Status,
        Field::Duration,
    ];
    let found = fields.map(|field| record.show(field).unwrap_or_default());
    assert_eq!(found, expected, "{format}: {line}");
}

#[test]
fn neighbours_are_divided_by_their_types() {
    let nginx = |format: &str, line: &str, expected| check(Dialect::Nginx, format, line, expected);
    nginx(
        r#""$request_method $scheme://$host$request_uri $server_protocol" $status $request_time"#,
        r#""GET https://www.example.org/a/b/?x=1 HTTP/2.0" 200 0.030"#,
        ["www.example.org", "GET", "/a/b/?x=1", "200", "30ms"],
    );
    nginx(
        "$http_host$request_uri $status",
        "a.test:81/x y?z 200",
        ["a.test:81", "", "/x y?z", "200", ""],
    );
    nginx(
        "$host$uri $status",
        "a.test/x/ 200",
        ["a.test", "", "/x/", "200", ""],
    );
    for (line, target) in [
        ("GET /a/?x=1 200", "/a/?x=1"),
        ("GET /a/- 200", "/a/"),
        ("GET /a/ 200", "/a/"),
        ("GET /- 200", "/"),
    ] {
        let format = "$request_method $uri$is_args$args $status";
        nginx(format, line, ["", "GET", target, "200", ""]);
    }
    let apache =
        |format: &str, line: &str, expected| check(Dialect::Apache, format, line, expected);
    apache(
        r#""%m %{Host}i%U%q" %>s"#,
        r#""GET a.test:80/x/?y" 200"#,
        ["a.test:80", "GET", "/x/?y", "200", ""],
    );
    apache(
        "%v%U%q %>s",
        "a.test/x/ 200",
        ["a.test", "", "/x/", "200", ""],
    );
}

#[test]
fn rare_forms_are_read_where_one_reading_remains() {
    // As nginx 1.22 writes them.
    let format = r#""$request_method $scheme://$host$request_uri $server_protocol" $status"#;
    let nginx = |line: &str, expected| check(Dialect::Nginx, format, line, expected);
    nginx(r#""- http://- -" 400"#, ["", "", "", "400", ""]);
    nginx(r#""- http://- " 505"#, ["", "", "", "505", ""]);
    nginx(
        r#""GET https://~^w\x5Cd+$/a b HTTP/1.0" 200"#,
        [r"~^w\x5Cd+$", "GET", "/a b", "200", ""],
    );
    for line in [
        // `Host: a?b`, or `GET http://a?b/ HTTP/1.1`.
        r#""GET http://a?b/ HTTP/1.1" 200"#,
        // A blank behind the protocol, or a protocol in the path.
        r#""GET http://a/b HTTP/1.1 " 200"#,
    ] {
        let pattern = pattern(Dialect::Nginx, format);
        let found = pattern.parse(&mut pattern.scratch(), line.as_bytes());
        assert_eq!(found.err(), Some(Reject::Ambiguous), "{line}");
    }
}

#[test]
fn an_unquoted_request_ends_in_its_protocol() {
    let expected = ["", "GET", "/a/b/", "200", "10ms"];
    let nginx = |format: &str, line: &str| check(Dialect::Nginx, format, line, expected);
    let format = "$remote_addr $request $http_user_agent $status $request_time";
    nginx(format, "192.0.2.1 GET /a/b/ HTTP/1.1 curl/8 200 0.010");
    nginx(
        format,
        "192.0.2.1 GET /a/b/ HTTP/1.1 Browser/5.0 (X11; Linux) 200 0.010",
    );
    for (variable, value) in [
        ("$http_x_forwarded_for", "192.0.2.1, 192.0.2.2"),
        ("$http_referer", "http://a.test/b/"),
        ("$uri", "/a/b/"),
        ("$request_uri", "/a/b/?x"),
        ("$http_x_forwarded_for", "-"),
    ] {
        nginx(
            &format!("$request {variable} $status $request_time"),
            &format!("GET /a/b/ HTTP/1.1 {value} 200 0.010"),
        );
    }
    check(
        Dialect::Apache,
        "%r %{User-Agent}i %>s %D",
        r"GET /a/b/ HTTP/1.1 Browser/5.0 (\x41; HTTP) 200 10000",
        expected,
    );
    check(
        Dialect::Gunicorn,
        "%(r)s %(a)s %(s)s %(L)s",
        "GET /a/b/ HTTP/1.1 curl/8 x 200 0.010",
        expected,
    );
}

#[test]
fn a_line_with_two_readings_is_rejected() {
    let reject = |format: &str, line: &str, expected| {
        let pattern = pattern(Dialect::Nginx, format);
        let found = pattern.parse(&mut pattern.scratch(), line.as_bytes());
        assert_eq!(found.err(), expected, "{format}: {line}");
    };
    let format = "$request $http_user_agent $status";
    reject(format, "GET /a HTTP/1.1 curl HTTP/1.1 200", None);
    reject(format, "GET /a curl 200", Some(Reject::Ambiguous));
    reject(format, "GET /a", Some(Reject::Mismatch));
    reject(
        "$host$http_x_view_name $status",
        "ab 200",
        Some(Reject::Ambiguous),
    );
    // The list of times may go on in the header.
    let format = "$upstream_response_time $http_user_agent $status";
    reject(format, "0.001, 0.002 x 200", None);
    reject(format, "0.001 : 0.002 x 200", Some(Reject::Ambiguous));
}

#[test]
fn presets_are_read_by_their_plans() {
    for preset in presets() {
        let pattern = preset.pattern().unwrap();
        let is_plain = !matches!(pattern.engine(), Engine::Readings);
        let item = pattern.unclear().and_then(|unclear| unclear.item);
        let slot = item.and_then(|item| pattern.slot(item));
        assert!(is_plain, "{}: {slot:?}", preset.name);
        assert_eq!(pattern.unclear(), None, "{}", preset.name);
    }
}
