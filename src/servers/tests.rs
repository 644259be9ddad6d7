use std::path::Path;

use proptest::prelude::*;

use super::{Dump, Files, Nginx, draft, gunicorn, nginx};
use crate::config::Config;
use crate::diag::Report;

/// Drafts a configuration from a text of nginx's; returns it and the report.
fn drafted(text: &str) -> (super::Draft, Report) {
    let text = format!("# configuration file /etc/nginx/nginx.conf:\n{text}");
    let dump = Dump::read(&text).unwrap();
    let mut report = Report::default();
    let read: Nginx = nginx::read(dump.main(), "/usr/share/nginx", &dump, &mut report);
    let draft = draft(Some(&read), None, &["x\ny".to_owned()], &mut report);
    (draft, report)
}

/// Asserts that a draft with sources passes `check`.
fn assert_passes(draft: &super::Draft) {
    if draft.sources > 0 {
        let checked = Config::parse(
            "config.toml",
            &draft.toml,
            Path::new("/etc/httplog-exporter"),
        );
        assert!(
            !checked.report.has_errors(),
            "{}\n{}",
            checked.report,
            draft.toml
        );
        assert_eq!(checked.config.unwrap().sources.len(), draft.sources);
    }
}

/// An empty store of files.
struct Nowhere;

impl Files for Nowhere {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }

    fn matching(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn messages(http: &str) -> (usize, Vec<String>) {
    let (draft, report) = drafted(&format!("http {{ {http} }}"));
    assert_passes(&draft);
    let faults = report.faults();
    let messages = faults.iter().map(|fault| {
        assert!(fault.place.is_some(), "{fault}");
        fault.message.clone()
    });
    (draft.sources, messages.collect())
}

#[test]
fn logs_that_cannot_be_followed_are_reported() {
    let check = |http: &str, sources: usize, expected: &[&str]| {
        let timed = format!(
            "log_format t '$status \"$request\" $request_time'; log_format u '$request_time \"$request\" $status'; {http}"
        );
        let (found, messages) = messages(&timed);
        assert_eq!(messages, expected, "{http}");
        assert_eq!(found, sources, "{http}");
    };
    check("access_log /a.log t; access_log /b.log u;", 2, &[]);
    check(
        "access_log /a.log t; access_log /a.log u;",
        0,
        &["/a.log is written in two formats, `t` and `u`"],
    );
    check(
        "access_log /a.log t gzip flush=1m;",
        0,
        &["gzip= compresses this log: it cannot be followed"],
    );
    check(
        "access_log /dev/stdout t;",
        0,
        &["/dev/stdout is not a file that can be followed"],
    );
    check(
        "access_log $x/a.log t;",
        0,
        &["the path begins with a variable: its directory is unknown"],
    );
    // nginx would write these; `check` refuses them.
    check(
        "access_log http://collector/log t; access_log /b.log t;",
        1,
        &[],
    );
    check(
        "access_log http://collector/$host t;",
        0,
        &["the path contains `://`: nginx writes a file of that name here and sends nothing"],
    );
    check(
        "access_log /l/$host.gz t;",
        0,
        &["/l/$host.gz ends in `.gz`: a file of that name is taken for a compressed one"],
    );
    check(
        "access_log syslog:server=unix:/dev/log t;",
        0,
        &["this log goes to syslog (server=unix:/dev/log), not to a file"],
    );
    check(
        "server { access_log /l/$host.log t; } server { access_log /l/a.log u; }",
        1,
        &["/l/*.log also matches /l/a.log, which another access_log writes"],
    );
    check(
        "server { access_log /l/$host.log t; } server { access_log /l/$x.a.log u; }",
        1,
        &["/l/*.log also matches /l/*.a.log, which another access_log writes"],
    );
    // In the same format, it is followed once.
    check(
        "server { access_log /l/$host.log t; } server { access_log /l/a.log t; }",
        1,
        &[],
    );
    check(
        "server { access_log /l/$host.log t; } server { access_log /l/$x.log t; }",
        1,
        &[],
    );
    check(
        "server { access_log /l/$host.log t; } server { access_log /l/$x.log u; }",
        0,
        &["/l/$x.log is written in two formats, `t` and `u`"],
    );
}

#[test]
fn paths_of_gunicorn_that_check_refuses_are_commented_out() {
    for (path, remark) in [
        ("http://collector/log", "is relative to the directory"),
        (
            "/srv/http://collector/log",
            "contains `://`: it is an address, or a file that is not followed",
        ),
        (
            "/var/log/access.log.gz",
            "ends in `.gz`: a file of that name is taken for a compressed one",
        ),
    ] {
        let mut report = Report::default();
        let text = format!("accesslog = '{path}'\naccess_log_format = '\"%(r)s\" %(s)s %(L)s'\n");
        let read = gunicorn::read("g.py", text, &Nowhere, &mut report);
        let draft = draft(None, Some(&read), &[], &mut report);
        assert_eq!(draft.sources, 0, "{path}");
        let faults = report.faults();
        assert_eq!(faults.len(), 1, "{report}");
        assert!(faults[0].message.contains(remark), "{report}");
        assert!(draft.toml.contains("# Not followed: "), "{}", draft.toml);
    }
}

#[test]
fn requests_in_two_logs_are_noted() {
    let (draft, _) = drafted("http { access_log /a.log; access_log /b.log; }");
    let said = draft
        .toml
        .matches("# The same requests are also in /")
        .count();
    assert_eq!((draft.sources, said), (2, 2), "{}", draft.toml);
    // A log that cannot be followed then needs no remark.
    let timed = "log_format t '$status \"$request\" $request_time';";
    let both = format!("{timed} access_log /a.log t; access_log syslog:server=a t;");
    assert_eq!(messages(&both), (1, vec![]));
}

/// Drafts a configuration from a text of nginx's `http` and one of gunicorn's.
fn drafted_both(http: &str, path: &str, gunicorn: &str) -> (super::Draft, Report) {
    let mut report = Report::default();
    let nginx = format!("# configuration file /etc/nginx/nginx.conf:\nhttp {{ {http} }}");
    let dump = Dump::read(&nginx).unwrap();
    let nginx = nginx::read(dump.main(), "/usr/share/nginx", &dump, &mut report);
    let gunicorn = gunicorn::read(path, gunicorn.into(), &Nowhere, &mut report);
    let draft = draft(Some(&nginx), Some(&gunicorn), &[], &mut report);
    assert_passes(&draft);
    (draft, report)
}

#[test]
fn the_hosts_in_front_of_one_gunicorn_are_joined() {
    let conf = "accesslog = '/g.log'\n\
                    access_log_format = '\"%(r)s\" %(s)s %(L)s %({x-request-id}i)s'\n";
    let format = "log_format t '\"$request\" $status $upstream_response_time $request_id';";
    let header = "proxy_set_header X-Request-ID $request_id;";
    let check = |servers: &str, expected: &[&str], absent: &str| {
        let (draft, _) = drafted_both(&format!("{format} {servers}"), "g.py", conf);
        for line in expected {
            assert!(draft.toml.contains(line), "{line}: {}", draft.toml);
        }
        assert!(!draft.toml.contains(absent), "{absent}: {}", draft.toml);
    };
    let host = |log: &str, inside: &str| {
        format!(
            "server {{ access_log /{log}.log t; location / {{ proxy_pass http://g; {inside} }} }}"
        )
    };
    let both = host("shop", "") + &host("blog", "");
    let sets = "sets = [\"httplog\"]";
    check(
        &format!("{header} {both}"),
        &[
            "\nbehind = [\"shop\", \"blog\"]\n",
            sets,
            "# Leave out of `behind`",
        ],
        "# proxy_set_header",
    );
    let proposed = "set behind = [\"shop\", \"blog\"] here";
    check(
        &both,
        &[proposed, "# proxy_set_header X-Request-ID", sets],
        "\nbehind",
    );
    // A level that sets headers does not inherit those of the outer one.
    let one = host("shop", header) + &host("blog", "proxy_set_header Host $host;");
    check(
        &format!("{header} {one}"),
        &["\nbehind = \"shop\"\n", proposed],
        "# Leave out",
    );
    // A host of files has nothing to do with gunicorn.
    let files = "server { access_log /files.log t; root /srv; }";
    check(
        &format!("{header} {files} {}", host("shop", "")),
        &["\nbehind = \"shop\"\n"],
        "# proxy_set_header",
    );
}

#[test]
fn what_is_not_known_is_said_with_its_reason() {
    let check = |path: &str, conf: &str, sources: usize, expected: &[&str]| {
        let mut report = Report::default();
        let gunicorn = gunicorn::read(path, conf.into(), &Nowhere, &mut report);
        let draft = draft(None, Some(&gunicorn), &[], &mut report);
        assert_passes(&draft);
        let faults = report.faults();
        let messages: Vec<&str> = faults.iter().map(|fault| &*fault.message).collect();
        assert_eq!(messages, expected, "{conf}");
        assert_eq!(draft.sources, sources, "{conf}");
    };
    let unless = "no access log is set here: unless the command line or GUNICORN_CMD_ARGS sets one, gunicorn writes none";
    check("g.py", "bind = 'x'", 0, &[unless]);
    let timed = "access_log_format = '\"%(r)s\" %(s)s %(L)s'\n";
    check("g.py", &format!("{timed}accesslog = '/a'"), 1, &[]);
    let why =
        "`accesslog` is only known at run time: `m.P` is defined in a module that is not read";
    check(
        "g.py",
        &format!("from m import P\n{timed}accesslog = P"),
        0,
        &[why],
    );
    let may = "`accesslog` has another value if the environment sets L";
    check(
        "g.py",
        &format!("import os\n{timed}accesslog = os.getenv('L', '/a')"),
        1,
        &[may],
    );
    let elsewhere =
        "`logconfig_dict` configures logging: where requests are logged, if at all, stands there";
    check("g.py", "logconfig_dict = {'a': 1}", 0, &[elsewhere]);
    check("g.py", "logconfig_dict = {}", 0, &[unless]);
    let unit = |command: &str| format!("[Service]\nWorkingDirectory=/\nExecStart={command}\n");
    check(
        "g.service",
        &unit("gunicorn x"),
        0,
        &["gunicorn writes no access log"],
    );
    check(
        "g.service",
        &unit("bash -c 'gunicorn $OPTS x'"),
        0,
        &["gunicorn writes no access log"],
    );
    let open = "no access log is set here: unless the environment sets one, gunicorn writes none";
    check("-", "gunicorn --chdir / x", 0, &[open]);
    let open = "no access log is set here: unless `$OPTS` sets one, gunicorn writes none";
    check("-", "gunicorn $OPTS x", 0, &[open]);
    check(
        "g.service",
        &unit("uvicorn --no-access-log x:y"),
        0,
        &["uvicorn writes no access log"],
    );
    let output = "uvicorn's access log goes to its output, not to a file";
    check("g.service", &unit("uvicorn x:y"), 0, &[output]);
    let none = "no duration is logged: uvicorn has none in its format";
    check(
        "g.service",
        &(unit("uvicorn x:y") + "StandardOutput=append:/u.log"),
        1,
        &[none],
    );
    check(
        "g.service",
        &(unit("granian --access-log x:y") + "StandardOutput=append:/g.log"),
        1,
        &[],
    );
    check(
        "g.service",
        &unit("daphne x:y"),
        0,
        &["daphne's access log goes to its output, not to a file"],
    );
    let none = "no duration is logged: daphne has none in its format";
    check(
        "g.service",
        &unit("daphne --access-log /d.log x:y"),
        1,
        &[none],
    );
}

/// Returns the comment on paths that nginx changes.
fn rewrites(servers: &str) -> Vec<String> {
    let (draft, report) = drafted(&format!("http {{ {servers} }}"));
    assert_passes(&draft);
    assert!(!report.has_errors(), "{report}");
    let behind = draft.toml.split_once("start = \"end\"\n").unwrap().1;
    let lines = behind.lines().take_while(|line| line.starts_with('#'));
    lines
        .map(|line| line[1..].trim_start().to_owned())
        .collect()
}

#[test]
fn changed_paths_are_listed() {
    let at = "/etc/nginx/nginx.conf";
    let untouched =
        "server { location / { proxy_pass http://g; } location /a/ { proxy_pass http://g; } }";
    assert_eq!(rewrites(untouched), [""; 0]);
    let lines = rewrites(
        "server { location / { proxy_pass http://g; } location /a/ { proxy_pass http://g/; }\n\
         location /a/b/ { proxy_pass http://g; }\nlocation '/\"\\'x/' { proxy_pass http://g/y/; } }\n\
         server { location /a/ { proxy_pass http://g; } }\nserver { location /a/ { proxy_pass http://g/c/; } }\n\
         server { location /a/ { proxy_pass http://g/; } rewrite ^/x$ /y; }",
    );
    assert_eq!(
        lines[2..],
        [
            "[routes.nginx]",
            "urlconf = \"urlconf.jsonl\"",
            "[routes.nginx.rewrite]",
            &format!("\"/a/\" = \"/\" # {at}:1"),
            &format!("\"/\\\"'x/\" = \"/y/\" # {at}:3"),
            &format!("\"/a/b/\" = \"/a/b/\" # {at}:2"),
            "Check which paths Django sees after these changes: routes.NAME.rewrite replaces prefixes only.",
            &format!("{at}:5: /a/ becomes /c/, but / in {at}:1"),
            &format!("{at}:6: rewrite ^/x$ /y"),
            &format!("{at}:4: /a/ becomes /a/, but / in {at}:1"),
        ]
    );
    let many = "rewrite ^/x$ /y;\n".repeat(22);
    let lines = rewrites(&format!("server {{\n{many}}}"));
    assert_eq!(lines.last().unwrap(), "and 2 more");
    assert_eq!(lines.len(), 22);
}

#[test]
fn uncommented_rewrites_pass_check() {
    let (draft, _) = drafted(
        "http { server { location /a/ { proxy_pass http://g/; } location /a/b/ { proxy_pass http://g; } } }",
    );
    let (before, comment) = draft.toml.split_once("# [routes").unwrap();
    let tables: String = format!("# [routes{comment}")
        .lines()
        .flat_map(|line| [line.strip_prefix("# ").unwrap_or(line), "\n"])
        .collect();
    let before = before.replace("start = \"end\"", "start = \"end\"\nroutes = \"nginx\"");
    let checked = Config::parse("config.toml", &(before + &tables), Path::new("/etc/x"));
    assert!(checked.report.faults().is_empty(), "{}", checked.report);
    let config = checked.config.unwrap();
    let rewrites = config.sources[0].routes.as_ref().unwrap().rewrites.clone();
    let pairs = rewrites.as_slice().iter().map(|one| (one.from(), one.to()));
    assert_eq!(
        pairs.collect::<Vec<_>>(),
        [("/a/b/", "/a/b/"), ("/a/", "/")]
    );
}

#[test]
fn a_format_that_is_defined_already_is_recommended() {
    let check = |http: &str, expected: &[&str], has_new: bool| {
        let (draft, report) = drafted(&format!("http {{ {http} }}"));
        assert_passes(&draft);
        let messages: Vec<&str> = report
            .faults()
            .iter()
            .map(|fault| &*fault.message)
            .collect();
        assert_eq!(messages, expected, "{http}");
        assert_eq!(
            report.to_string().contains("log_format httplog"),
            has_new,
            "{report}"
        );
    };
    let main = "log_format main '\"$request\" $status $host';";
    let timed = "log_format timed '\"$request\" $status $request_time $host';";
    let log = "access_log /a.log main;";
    let lacks = "log_format `main`: no duration: response times will not be measured";
    let better = "no duration is logged here, but the format `timed` has one";
    check(&format!("{main} {timed} {log}"), &[lacks, better], false);
    let none = "no duration is logged here; nginx can log it, and everything else that is counted";
    check(&format!("{main} {log}"), &[lacks, none], true);
    // It lacks the host.
    let timed = timed.replace(" $host", "");
    check(&format!("{main} {timed} {log}"), &[lacks, none], true);
}

#[test]
fn other_texts_yield_an_empty_draft() {
    for text in ["", "events { }", "a = b;"] {
        let (draft, report) = drafted(text);
        assert_eq!(
            (draft, report.errors()),
            (super::Draft::default(), 1),
            "{text}"
        );
    }
    // One file of a tree is enough.
    assert_eq!(drafted("server { access_log /a.log; }").0.sources, 1);
}

#[test]
fn incomplete_formats_are_reported() {
    let check = |format: &str, expected: &[&str]| {
        let (_, messages) = messages(&format!("log_format x {format}; access_log /a.log x;"));
        assert_eq!(messages, expected, "{format}");
    };
    check(
        "'$status $upstream_response_time \"$request\"'",
        &[
            "log_format `x`: no duration: response times will not be measured",
            "no duration is logged here; nginx can log it, and everything else that is counted",
        ],
    );
    check(
        "'\"$request\" $status $upstream_response_time $http_referer $request_time'",
        &[
            "log_format `x`: the end of `$upstream_response_time` is ambiguous: lines that can be read in two ways are rejected",
        ],
    );
    check(
        "escape=none '\"$request\" $status $request_time'",
        &[
            "log_format `x`: `escape=none` lets clients forge log lines: quotes and line breaks are logged unescaped",
        ],
    );
    check(
        "'$status $request_time'",
        &[
            "log_format `x`: no method: requests cannot be counted by method",
            "log_format `x`: no path: requests have no route",
        ],
    );
}

/// Generates pieces of configurations.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "access_log ",
        "log_format ",
        "server ",
        "location ",
        "http ",
        "include ",
        "off",
        "combined",
        "escape=json",
        "escape=none",
        "buffer=1k",
        "gzip",
        "if=$x",
        "syslog:server=a",
        "/var/log/a.log",
        "/l/$host.log",
        "'",
        "\"",
        ";",
        "{",
        "}",
        "$",
        "${",
        "\\",
        "#",
        "\n",
        " ",
        "*",
        "[",
        "x_by_lua_block ",
        "'$status \"$request\"'",
        "$request_time",
        "main",
        "ü",
        "\t",
        "\u{7f}",
        "'{\"a\":$status}'",
        "proxy_pass ",
        "rewrite ",
        "http://g/",
        "unix:",
        "^/a/(.*)$",
        "/b/$1",
        "break",
        "~ ",
    ]);
    prop_oneof![
        8 => fixed.prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

/// Generates a quoted word for nginx.
fn quoted() -> impl Strategy<Value = String> {
    "[^\\x00]{1,12}"
        .prop_map(|text: String| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")))
}

/// Generates a configuration that nginx would accept, apart from unknown variables.
fn accepted() -> impl Strategy<Value = String> {
    let format = (
        "[a-z]{1,3}|'nginx-main'|'a b.\"c'",
        prop::sample::select(vec!["", "escape=json", "escape=none", "escape=default"]),
        prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "'$status '",
                    "'\"$request\" '",
                    "'$request_time'",
                    "\" $host \"",
                    "'$upstream_response_time, '",
                    "'{\"s\":$status}'",
                    "'\\t'",
                    "'$time_local|'",
                ])
                .prop_map(str::to_owned),
                quoted(),
            ],
            1..5,
        ),
    );
    let format = format.prop_map(|(name, escape, pieces)| {
        (
            name.clone(),
            format!("log_format {name} {escape} {};", pieces.join(" ")),
        )
    });
    let path = prop_oneof![
        prop::sample::select(vec![
            "/l/a.log",
            "/l/$host.log",
            "/l/*.log",
            "/l/${a}$b",
            "logs/x",
            "off",
            "/l/{a}[b"
        ])
        .prop_map(|path| format!("'{path}'")),
        quoted().prop_map(|path| format!("'/{}", &path[1..])),
    ];
    let log = (
        path,
        prop::option::of(0..4_usize),
        prop::sample::select(vec!["", "buffer=1k", "if=$x", "gzip"]),
    );
    (
        prop::collection::vec(format, 4),
        prop::collection::vec((log, any::<bool>(), quoted()), 1..5),
    )
        .prop_map(|(formats, logs)| {
            let mut text = String::from("http {\n");
            for (number, (_, format)) in formats.iter().enumerate() {
                // The first of a name; nginx refuses a second.
                if !formats[..number]
                    .iter()
                    .any(|(name, _)| *name == formats[number].0)
                {
                    text.extend([format, "\n"]);
                }
            }
            for ((path, format, option), is_server, name) in logs {
                let log = match (format, &*path) {
                    (_, "'off'") | (None, _) => format!("access_log {path};"),
                    (Some(format), _) => {
                        format!("access_log {path} {} {option};", formats[format].0)
                    }
                };
                let server = format!("server {{ server_name {name}; {log} }}");
                text.extend([if is_server { &server } else { &log }, "\n"]);
            }
            text + "}\n"
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_without_harm(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        let (draft, report) = drafted(&text);
        assert_passes(&draft);
        // Each fault can be shown.
        prop_assert!(report.faults().is_empty() || !report.to_string().is_empty());
    }

    #[test]
    fn drafts_of_accepted_configurations_pass(text in accepted()) {
        let (draft, _) = drafted(&text);
        assert_passes(&draft);
    }

    #[test]
    fn any_text_of_gunicorn_is_read_without_harm(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "accesslog", "access_log_format", "=", "'", "\"", "\"\"\"", "(", ")", "\n", " ", "    ", "\\", "#",
            "f'", "%(h)s", "%(r)s \"%(L)s\"", "/var/log/g.log", "-", "None", "if x:", ":", "def f():", "ü", "+",
            "[Service]\n", "ExecStart=", "gunicorn ", "--access-logfile ", "--access-logformat=", "-c ", "$", "%%",
            "syslog", "True", ";", "sh -c ", "\u{0}", "import os\n", "os.environ.get('A', '/x')", "f'{", "}'", "{", "}",
            "[", "]", "% ", ".format(", "a.", "else:\n", "elif x:\n", "for x in y:\n", "try:\n", "except:\n", "lambda", ":=",
            " if ", " else ", " or ", "exec(", "global accesslog\n", "Path(__file__) / ", ", ", "$OPTS", "${", "EnvironmentFile=/x\n",
            "uvicorn ", "daphne ", " >> /a", "accesslog                         = /x\n", "*", "match x:\n", "case 1:\n", "\t",
        ]), 0..60),
        name in prop::sample::select(vec!["g.py", "g.service", "-"]),
    ) {
        let mut report = Report::default();
        let read = gunicorn::read(name, pieces.concat(), &Nowhere, &mut report);
        let draft = draft(None, Some(&read), &[], &mut report);
        assert_passes(&draft);
        prop_assert!(report.faults().is_empty() || !report.to_string().is_empty());
    }

    #[test]
    fn mangled_configurations_are_read_without_harm(
        file in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,3}"), 0..8),
    ) {
        let all = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/init/gunicorn"));
        let mut all: Vec<_> = all.unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        let path = file.get(&all);
        let mut text = std::fs::read_to_string(path).unwrap();
        for (from, length, inserted) in cuts {
            let from = text.floor_char_boundary(from.index(text.len() + 1));
            let to = text.floor_char_boundary((from + length.index(9)).min(text.len())).max(from);
            text.replace_range(from..to, &inserted);
        }
        let mut report = Report::default();
        let read = gunicorn::read(&path.display().to_string(), text, &Nowhere, &mut report);
        let draft = draft(None, Some(&read), &[], &mut report);
        assert_passes(&draft);
        prop_assert!(report.faults().is_empty() || !report.to_string().is_empty());
    }
}
