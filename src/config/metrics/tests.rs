//! Faults of `[metrics]` and `[[metric]]`.

use std::path::Path;

use crate::config::Config;

const SOURCE: &str =
    "[[source]]\nname = 'nginx'\npaths = ['access.log']\npattern = 'nginx-timed'\n";

fn faults(content: &str) -> Vec<String> {
    let content = format!("{content}\n{SOURCE}");
    let checked = Config::parse("config.toml", &content, Path::new("/etc/httplog-exporter"));
    let faults = checked.report.faults();
    let messages = faults.iter().map(|fault| match &fault.help {
        Some(help) => format!("{}; {help}", fault.message),
        None => fault.message.clone(),
    });
    messages.collect()
}

fn metric(rest: &str) -> Vec<String> {
    faults(&format!(
        "[[metric]]\nname = 'checkout_total'\nhelp = 'h'\ntype = 'counter'\n{rest}"
    ))
}

#[test]
fn a_custom_metric_is_read() {
    let good = "[metrics]\nsets = ['httplog', 'django', 'nginxlog']\n[[metric]]\nname = 'checkout_seconds'\nhelp = 'h'\ntype = 'histogram'\nvalue = 'duration'\nlabels = ['route', 'method']\nbuckets = [0.05, 1, 2.5]\nwhen = { route = ['checkout:*'], status = ['5xx', '!501'] }\n";
    assert_eq!(faults(good), [""; 0]);
    let content = format!("{good}{SOURCE}sets = ['django']\n");
    let config = Config::parse("c", &content, Path::new("/etc/x"))
        .config
        .unwrap();
    let names = |metrics: &crate::metric::Metrics| -> Vec<String> {
        metrics
            .iter()
            .map(|metric| metric.name.to_string())
            .collect()
    };
    assert!(names(&config.metrics).contains(&"nginx_parse_errors_total".to_owned()));
    let own = names(&config.sources[0].metrics);
    assert!(own.contains(&"checkout_seconds".to_owned()));
    assert!(!own.contains(&"httplog_requests_total".to_owned()));
}

#[test]
fn start_times_are_shown_on_request() {
    let shown = |text: &str| {
        let checked = Config::parse("c", &format!("{text}{SOURCE}"), Path::new("/etc/x"));
        checked.config.map(|config| config.shows_created)
    };
    assert_eq!(shown(""), Some(false));
    assert_eq!(shown("[metrics]\ncreated = true\n"), Some(true));
    assert_eq!(shown("[metrics]\ncreated = 'yes'\n"), None);
}

#[test]
fn histograms_are_native_on_request() {
    const OWN: &str = "[[metric]]\nname = 'own_seconds'\nhelp = 'h'\ntype = 'histogram'\nvalue = 'duration'\nbuckets = [1]\n";
    let native = |text: &str| {
        let checked = Config::parse("c", &format!("{text}{SOURCE}"), Path::new("/etc/x"));
        let config = checked.config.unwrap();
        let metrics = config.sources[0].metrics.iter();
        let native = metrics.filter(|metric| metric.is_native);
        native
            .map(|metric| metric.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(native(OWN), [""; 0]);
    assert_eq!(native(&format!("{OWN}native = true\n")), ["own_seconds"]);
    let both = "[metrics]\nnative = ['httplog_request_duration_seconds', 'own_seconds']\n";
    assert_eq!(
        native(&format!("{both}{OWN}")),
        ["httplog_request_duration_seconds", "own_seconds"]
    );

    let named = |name: &str| faults(&format!("[metrics]\nnative = ['{name}']\n{OWN}"));
    assert_eq!(named("own_seconds"), [""; 0]);
    assert_eq!(named("django_http_requests_body_total_bytes"), [""; 0]);
    assert_eq!(
        named("httplog_request_durations_seconds"),
        [
            "`httplog_request_durations_seconds` is not a metric; did you mean `httplog_request_duration_seconds`?"
        ]
    );
    assert_eq!(
        named("httplog_requests_total"),
        ["`httplog_requests_total` is a counter, which has no native buckets"]
    );
    assert_eq!(
        named("httplog_queue_duration_seconds"),
        [
            "`httplog_queue_duration_seconds` is a metric of linked sources, which has no native buckets"
        ]
    );
    assert_eq!(
        faults(
            "[metrics]\nnative = ['httplog_response_size_bytes', 'httplog_response_size_bytes']"
        ),
        ["`httplog_response_size_bytes` is listed twice"]
    );
    assert_eq!(
        metric("native = true\n"),
        ["a counter has no native buckets"]
    );
}

#[test]
fn a_metric_of_a_set_takes_further_conditions() {
    let when = |text: &str| faults(&format!("[metrics.when]\n{text}\n"));
    assert_eq!(
        when("httplog_request_duration_seconds = { route = ['!/events/'] }"),
        [""; 0]
    );
    assert_eq!(
        when("httplog_request_durations_seconds = { route = ['!/events/'] }"),
        [
            "`httplog_request_durations_seconds` is not a metric of a set; did you mean `httplog_request_duration_seconds`?"
        ]
    );
    assert_eq!(
        when("nginx_parse_errors_total = { status = ['200'] }"),
        ["`nginx_parse_errors_total` counts rejected lines, which have no labels"]
    );
    let content =
        format!("[metrics.when]\nhttplog_requests_total = {{ status = ['!5xx'] }}\n{SOURCE}");
    let config = Config::parse("c", &content, Path::new("/etc/x"))
        .config
        .unwrap();
    let mut metrics = config.metrics.iter();
    let metric = metrics.find(|metric| &*metric.name == "httplog_requests_total");
    assert_eq!(metric.unwrap().when.len(), 1);
}

#[test]
fn fields_that_identify_a_client_are_refused_with_the_reason() {
    for field in ["remote_addr", "user", "referer", "user_agent"] {
        let refused = metric(&format!("labels = ['{field}']"));
        let expected = format!(
            "`{field}` cannot be a label; it identifies the client, and such text never leaves the log"
        );
        assert_eq!(refused, [expected]);
    }
    assert!(metric("labels = ['request_id']")[0].contains("cannot be a label"));
}

#[test]
fn unknown_words_come_with_a_suggestion() {
    let check = |rest: &str, expected: &str| assert_eq!(metric(rest), [expected], "{rest}");
    check(
        "labels = ['rout']",
        "unknown label `rout`; did you mean `route`?",
    );
    check(
        "value = 'duraton'",
        "unknown value `duraton`; did you mean `duration`?",
    );
    check(
        "needs = ['schem']",
        "`schem` is not a field; did you mean `scheme`?",
    );
    check(
        "when = { rout = ['/'] }",
        "unknown key `rout`; did you mean `route`?",
    );
    check(
        "when = { method = ['GTE'] }",
        "`GTE` matches no `method`; did you mean `GET`?",
    );
    check(
        "when = { status = ['6xx'] }",
        "`6xx` matches no `status`; expected a number from 100 to 599, a class such as `5xx`, or `<other>`",
    );
    check(
        "when = { duration = ['1'] }",
        "`when` cannot test `duration`; it tests labels, once for each combination of their values, not once for each line; [label.NAME] makes a label of a field",
    );
}

#[test]
fn bounds_are_exact_and_ascend() {
    let check = |value: &str, buckets: &str, expected: &str| {
        let content = format!(
            "[[metric]]\nname = 'x'\nhelp = 'h'\ntype = 'histogram'\nvalue = '{value}'\nbuckets = {buckets}"
        );
        assert_eq!(faults(&content), [expected], "{buckets}");
    };
    check(
        "duration",
        "[0.0000001]",
        "`0.0000001` is not a valid bound: expected seconds with at most six decimals",
    );
    check(
        "response_bytes",
        "[0.5]",
        "`0.5` is not a valid bound: expected whole bytes",
    );
    check(
        "duration",
        "[1, 0.5]",
        "`0.5` is not greater than the bound before it",
    );
    check(
        "response_bytes",
        "[9007199254740992, 9007199254740993]",
        "`9007199254740993` is too large for a bound: a float cannot hold each number above 2^53",
    );
    check(
        "duration",
        "[]",
        "a histogram takes 1 to 64 bounds, not counting +Inf",
    );
}

#[test]
fn hosts_are_listed_where_a_metric_shows_them() {
    let check = |hosts: &str, labels: &str, expected: &[&str]| {
        let metric = "name = 'a_total'\nhelp = 'h'\ntype = 'counter'";
        let content = format!("[metrics]\n{hosts}\n[[metric]]\n{metric}\nlabels = [{labels}]");
        assert_eq!(faults(&content), expected, "{hosts} {labels}");
    };
    check("hosts = ['Shop.example', '*.example.org']", "'host'", &[]);
    check(
        "hosts = ['shop.example', 'SHOP.example', 'http://a', 'b:80', 'é.test']",
        "'host'",
        &[
            "`SHOP.example` is listed twice",
            "`http://a` is not a host name; write the host name alone, without scheme, port and path; `*.` may precede it",
            "`b:80` is not a host name; write the host name alone, without scheme, port and path; `*.` may precede it",
            "`é.test` is not a host name; write it in ASCII, as clients send it (`xn--…`)",
        ],
    );
    check(
        "hosts = ['shop.example']",
        "'method'",
        &[
            "this has no effect: no metric has the label `host`; add it to the metrics of the sets, metrics.labels = [\"host\"], or to a `[[metric]]`",
        ],
    );
    check(
        "",
        "'host'",
        &[
            "`a_total`: every host is `<other>`; list the hosts to distinguish: metrics.hosts = [\"www.example.org\"]",
        ],
    );
    let many: Vec<String> = (0..1_001).map(|number| format!("'h{number}'")).collect();
    check(
        &format!("hosts = [{}]", many.join(", ")),
        "'host'",
        &["more than 1000 hosts; `*.example.org` covers every subdomain"],
    );
}

#[test]
fn initial_series_are_read() {
    let initial = |keys: &str| {
        let content = format!("[metrics]\n{keys}\n{SOURCE}");
        let config = Config::parse("c", &content, Path::new("/etc/x")).config;
        let initial = config.unwrap().sources[0].metrics.initial().cloned();
        initial.map(|initial| {
            let methods: Vec<&str> = initial.methods.iter().map(|it| it.name()).collect();
            format!("{} {:?}", methods.join(" "), initial.statuses)
        })
    };
    assert_eq!(initial(""), None);
    assert_eq!(initial("initialise = false"), None);
    assert_eq!(initial("initialise = true").unwrap(), "GET POST [500]");
    let none = "initialise = true\ninitialise_methods = []\ninitialise_statuses = []";
    assert_eq!(initial(none).unwrap(), " []");
    let own = "initialise = true\ninitialise_methods = ['PUT']\ninitialise_statuses = [200, 500]";
    assert_eq!(initial(own).unwrap(), "PUT [200, 500]");
}

#[test]
fn initial_series_that_cannot_exist_are_reported() {
    let check = |keys: &str, expected: &[&str]| {
        assert_eq!(faults(&format!("[metrics]\n{keys}")), expected, "{keys}");
    };
    check(
        "initialise = true\ninitialise_methods = ['GTE', '<other>', 'GET', 'GET']",
        &[
            "unknown method `GTE`; did you mean `GET`?",
            "unknown method `<other>`; one of: CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE",
            "`GET` is listed twice",
        ],
    );
    check(
        "initialise = true\ninitialise_statuses = [99, 200.5, 200, 200]",
        &[
            "`99` is not a status code; expected a whole number from 100 to 599",
            "`200.5` is not a status code; expected a whole number from 100 to 599",
            "`200` is listed twice",
        ],
    );
    let idle = "this has no effect: no series starts at 0; initialise = true";
    check("initialise_statuses = [500]", &[idle]);
    check("initialise = false\ninitialise_methods = ['GET']", &[idle]);
    check(
        "initialise = 1",
        &["expected true or false, found 1; initialise = true"],
    );
}

#[test]
fn names_are_unique() {
    let clash = |name: &str| {
        faults(&format!(
            "[[metric]]\nname = '{name}'\nhelp = 'h'\ntype = 'counter'\n"
        ))
    };
    assert_eq!(
        clash("httplog_requests_total"),
        [
            "`httplog_requests_total` is already taken by a metric of the set `httplog`; choose another name"
        ]
    );
    assert!(clash("httplog_request_duration_seconds_count")[0].contains("is already taken"));
    for name in [
        "httplog_queue_duration_seconds_sum",
        "httplog_unreached_requests_total",
    ] {
        assert!(clash(name)[0].contains("is already taken by a metric of linked sources"));
    }
    assert!(clash("httplog_exporter_x")[0].contains("the exporter itself"));
    assert!(clash("1x")[0].contains("not a valid metric name"));
}
