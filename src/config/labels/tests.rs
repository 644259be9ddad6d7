//! Faults of labels, and of options for the families of sets.

use std::path::Path;

use crate::config::Config;

const FORMAT: &str = r#"$remote_addr "$request" $status $request_time $upstream_cache_status "$http_user_agent" $server_protocol"#;

/// Returns message and remedy of each fault.
fn faults(content: &str) -> Vec<String> {
    let content = format!(
        "[[source]]\nname = 'nginx'\npaths = ['a.log']\npattern = 'own'\n[pattern.own]\nnginx = '{FORMAT}'\n{content}\n"
    );
    messages(&content)
}

fn messages(content: &str) -> Vec<String> {
    let report = Config::parse("c", content, Path::new("/etc/x")).report;
    let messages = report.faults().into_iter().map(|fault| match &fault.help {
        Some(help) => format!("{}; {help}", fault.message),
        None => fault.message.clone(),
    });
    messages.collect()
}

#[test]
fn labels_are_made_of_variables_and_fields() {
    let good = "[label.cache]\nfield = 'upstream_cache_status'\nvalues = ['HIT', 'MISS']\n\
        [label.http]\nfield = 'server_protocol'\nmap = { 'HTTP/1.*' = '1', 'HTTP/2*' = '2' }\n\
        [label.bot]\nfield = 'user_agent'\nmap = { '~*bot|crawler' = 'yes', '*' = 'no' }\n\
        [label.net]\nfield = 'remote_addr'\nmap = { '10.0.0.0/8' = 'internal' }\n\
        [label.class]\nfield = 'status'\nmap = { '5*' = 'error' }\n\
        [metrics]\nlabels = ['cache', 'http', 'bot', 'net', 'class']\n\
        when = { client = ['!10.1.0.0/16', '!::1'], cache = ['!HIT'], httplog_requests_total = { http = ['2'] } }\n\
        buckets = { httplog_request_duration_seconds = [0.1, 1] }\ndrop = ['httplog_request_size_bytes']\n";
    assert_eq!(faults(good), [""; 0]);
}

#[test]
fn a_label_without_a_bound_is_refused() {
    let check = |label: &str, expected: &str| {
        let found = faults(&format!("[metrics]\nlabels = ['x']\n[label.x]\n{label}"));
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{label}: {found:?}"
        );
    };
    check(
        "field = 'upstream_cache_status'",
        "the label `x` has no list of values: it would be unbounded; values = [",
    );
    check(
        "field = 'status'\nvalues = ['a']\nmap = { a = 'b' }",
        "the label `x` has both `values` and `map`",
    );
    check("values = ['a']", "the label `x` has no `field`; field = ");
    check(
        "field = 'status'\nvalues = []",
        "the label `x` has no values",
    );
    check(
        "field = 'user_agent'\nvalues = ['curl']",
        "`user_agent` may identify a client: its text cannot be a label value; map it to names: map = { \"~*bot\" = \"bot\" }",
    );
    check(
        "field = 'http_user_agent'\nvalues = ['curl']",
        "`http_user_agent` may identify a client",
    );
    check(
        "field = 'http_cookie'\nvalues = ['a']",
        "`http_cookie` may identify a client",
    );
    check(
        "field = 'request_time'\nvalues = ['a']",
        "`request_time` of the format of `nginx` cannot be text",
    );
    check(
        "field = 'remote_addr'\nmap = { '10.0.0.1/8' = 'in' }",
        "`10.0.0.1/8` is not a network; the network is `10.0.0.0/8`",
    );
    check(
        "field = 'status'\nmap = { '~(' = 'in' }",
        "`~(` is not a regular expression: unclosed group",
    );
    check(
        "field = 'status'\nmap = { '4*' = 'client', '404' = 'none' }",
        "`404` can never match: `4*` before it does; the first rule that matches counts",
    );
    check(
        "field = 'status'\nvalues = ['404', '404']",
        "`404` is listed twice",
    );
    check(
        "field = 'status'\nvalues = [\"a\\u0000\"]",
        "a label value contains U+0000",
    );
    check(
        "field = 'upstream_cache_statsu'\nvalues = ['HIT']",
        "the format of `nginx` has no `upstream_cache_statsu`: `x` is always the value for its absence; did you mean `upstream_cache_status`?",
    );
}

#[test]
fn the_names_of_labels_do_not_shadow_each_other() {
    let check = |name: &str, expected: &str| {
        let found = faults(&format!(
            "[label.'{name}']\nfield = 'status'\nvalues = ['200']"
        ));
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{name}: {found:?}"
        );
        let found = faults(&format!(
            "[[source]]\nname = 'b'\npaths = ['b.log']\npattern = 'own'\nlabels = {{ '{name}' = 'x' }}"
        ));
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{name}: {found:?}"
        );
    };
    check(
        "route",
        "`route` is a label of the exporter already; choose another name",
    );
    check("le", "`le` has another meaning as a label");
    check("client", "`client` has another meaning as a label");
    check("__x", "`__x` is reserved for Prometheus itself");
    check(
        "a-b",
        "`a-b` is not a valid label name; use up to 128 letters",
    );
    let both = "[label.env]\nfield = 'status'\nvalues = ['200']\n[[source]]\nname = 'b'\npaths = ['b.log']\npattern = 'own'\nlabels = { env = 'x' }";
    assert_eq!(
        faults(both)[0],
        "`env` is a label of [label.env] already; choose another name"
    );
}

#[test]
fn what_is_not_used_is_warned_of() {
    let unused = "[label.cache]\nfield = 'upstream_cache_status'\nvalues = ['HIT']";
    assert_eq!(
        faults(unused),
        [
            "this has no effect: no metric has the label; add it to metrics.labels, or to the `labels` of a metric: [\"cache\"]"
        ]
    );
}

#[test]
fn labels_have_to_fit_a_key_and_a_record() {
    let label = |name: usize, field: &str, values: usize| {
        let values: Vec<String> = (0..values).map(|value| format!("'{value}'")).collect();
        format!(
            "[label.l{name}]\nfield = '{field}'\nvalues = [{}]\n",
            values.join(", ")
        )
    };
    let metrics = "[metrics]\nlabels = ['l0', 'l1', 'l2']\n";
    let large: String = (0..3)
        .map(|name| label(name, "upstream_cache_status", 900))
        .collect();
    let found = faults(&format!("{metrics}{large}"));
    assert_eq!(
        found,
        [
            "the labels of `nginx` have too many combinations of values; list fewer values, or use fewer labels in one source: l0 has 901, l1 has 901, l2 has 901"
        ]
    );
    let many = label(0, "upstream_cache_status", 1_001);
    assert!(
        faults(&many)[0]
            .starts_with("more than 1000 values or rules; map several texts to one name")
    );
    let names: Vec<String> = (0..9).map(|name| format!("$v{name}")).collect();
    let labels: String = (0..9)
        .map(|name| label(name, &format!("v{name}"), 1))
        .collect();
    let format = names.join(" ");
    let used: Vec<String> = (0..9).map(|name| format!("'l{name}'")).collect();
    let content = format!(
        "[[source]]\nname = 'n'\npaths = ['a']\npattern = 'own'\n[pattern.own]\nnginx = '{format} \"$request\" $status $request_time'\n{labels}[metrics]\nlabels = [{}]\n",
        used.join(", ")
    );
    let found = messages(&content);
    assert!(found[0].starts_with("the labels of `n` are made of 9 values of its format that fill no field; at most 8 can be read"), "{found:?}");
}

#[test]
fn options_name_families_of_sets() {
    let check = |metrics: &str, expected: &str| {
        let found = faults(&format!("[metrics]\n{metrics}"));
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{metrics}: {found:?}"
        );
    };
    check(
        "drop = ['httplog_request_size_byte']",
        "`httplog_request_size_byte` is not a metric of a set; did you mean `httplog_request_size_bytes`?",
    );
    check(
        "buckets = { httplog_requests_total = [1] }",
        "`httplog_requests_total` is a counter, which has no buckets",
    );
    check(
        "buckets = { httplog_response_size_bytes = [1.5] }",
        "`1.5` is not a valid bound: expected whole bytes",
    );
    check("buckets = { x = [1] }", "unknown key `x`");
    check(
        "when = { x_total = { status = ['5xx'] } }",
        "`x_total` is not a metric of a set",
    );
    check(
        "when = { client = ['10.0.0.0/33'] }",
        "`10.0.0.0/33` is not a network; the prefix of such an address has 0 to 32 bits",
    );
    check("when = { client = [] }", "an empty list matches no line");
    check(
        "when = { remote_addr = ['10.0.0.1'] }",
        "`when` cannot test `remote_addr`; `client` tests the client's address by its network: client = [\"!10.0.0.0/8\"]",
    );
    check(
        "when = { rout = ['a'] }",
        "unknown key `rout`; did you mean `route`?",
    );
    check("labels = ['cash']", "unknown label `cash`");
}

#[test]
fn lines_that_are_added_up_have_the_same_buckets() {
    let source = |name: &str, more: &str| {
        format!(
            "[[source]]\nname = '{name}'\npaths = ['{name}.log']\npattern = 'nginx-timed'\nsets = ['django']\n{more}\n"
        )
    };
    let buckets =
        "buckets = { django_http_requests_latency_including_middlewares_seconds = [1, 2] }";
    let found = messages(&(source("a", "") + &source("b", buckets)));
    assert_eq!(
        found,
        [
            "`django_http_requests_latency_including_middlewares_seconds` has other buckets in `b` than in `a`, whose lines are added up; set its buckets in [metrics], for all sources, or tell the sources apart by `labels`"
        ]
    );
    let apart = source("a", "labels = { site = 'one' }")
        + &source("b", &format!("labels = {{ site = 'two' }}\n{buckets}"));
    assert_eq!(messages(&apart), [""; 0]);
}

#[test]
fn what_identifies_a_client_is_recognised_in_every_notation() {
    let is_refused = |field: &str| {
        let found = faults(&format!(
            "[metrics]\nlabels = ['x']\n[label.x]\nfield = '{field}'\nvalues = ['a']"
        ));
        found
            .iter()
            .any(|fault| fault.contains("may identify a client"))
    };
    for field in [
        "http_forwarded",
        "http_true_client_ip",
        "http_cf_connecting_ip",
        "http_proxy_authorization",
        "http_x_api_key",
        "http_x_auth_token",
        "sent_http_set_cookie",
        "upstream_cookie_session",
        "ssl_session_id",
        "http_x_user_id",
        "http_x_email",
        "arg_token",
        "args",
        "query_string",
        "request_uri",
        "request_body",
        "{authorization}i",
        "{cookie}i",
        "{x-forwarded-for}i",
        "{set-cookie}o",
        "{REMOTE_USER}e",
        "q",
        "{sessionid}C",
        "{SSL_CLIENT_S_DN}x",
        "http.h.Authorization",
        "user_name",
        "email",
        "client_ip",
        "userid",
        "api_key",
        "http_x_request_id",
    ] {
        assert!(is_refused(field), "{field}");
    }
    for field in [
        "upstream_cache_status",
        "upstream_addr",
        "ssl_protocol",
        "country",
        "{x-tenant}i",
        "server_name",
        "scheme",
        "http_x_forwarded_proto",
        "geoip2_data_country_code",
        "gzip_ratio",
        "http_accept_language",
        "protocol",
    ] {
        assert!(!is_refused(field), "{field}");
    }
}

#[test]
fn one_mistake_in_a_label_is_one_fault() {
    let found = faults(
        "[metrics]\nlabels = ['x']\nwhen = { x = ['a'] }\n[label.x]\nfield = '$status'\nvalues = ['a']",
    );
    assert_eq!(
        found,
        ["`$status` is not a field; write it without its sign: field = \"status\""]
    );
}

#[test]
fn classes_of_status_are_rules() {
    let good = "[metrics]\nlabels = ['x']\n[label.x]\nfield = 'status'\nmap = { '4xx' = 'client', '5xx' = 'server' }";
    assert_eq!(faults(good), [""; 0]);
}
