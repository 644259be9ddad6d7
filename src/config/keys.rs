//! Keys by table, so that a key in the wrong table is reported with the right one.

use crate::diag::Home;

/// Every table of a configuration, and its keys.
pub(super) const TABLES: [Home; 11] = [
    (
        "[[source]]",
        &[
            "behind",
            "buckets",
            "drop",
            "fifo",
            "frame",
            "journal",
            "labels",
            "max_connections",
            "name",
            "paths",
            "pattern",
            "receive_buffer",
            "routes",
            "sets",
            "socket_mode",
            "start",
            "stdin",
            "syslog",
            "watch",
            "when",
        ],
    ),
    (
        "[web]",
        &[
            "config_file",
            "enable_lifecycle",
            "hosts",
            "listen",
            "open_health",
            "socket_mode",
            "telemetry_path",
        ],
    ),
    ("[state]", &["dir", "durability"]),
    (
        "[limits]",
        &[
            "line_bytes",
            "pending_requests",
            "pending_seconds",
            "series",
        ],
    ),
    (
        "[metrics]",
        &[
            "buckets",
            "created",
            "drop",
            "exemplars",
            "hosts",
            "initialise",
            "initialise_methods",
            "initialise_statuses",
            "labels",
            "native",
            "sets",
            "when",
        ],
    ),
    (
        "[[metric]]",
        &[
            "buckets",
            "help",
            "labels",
            "name",
            "native",
            "needs",
            "other",
            "short_bounds",
            "type",
            "value",
            "when",
        ],
    ),
    ("[label.NAME]", &["field", "map", "values"]),
    ("[[nginx_status]]", &["url"]),
    ("[capacity.NAME]", &["threads", "workers"]),
    (
        "[pattern.NAME]",
        &[
            "apache",
            "description",
            "example",
            "fields",
            "gunicorn",
            "json",
            "ltsv",
            "nginx",
            "regex",
            "skip",
        ],
    ),
    (
        "[routes.NAME]",
        &[
            "converters",
            "fold_unmatched",
            "languages",
            "max_routes",
            "rewrite",
            "strip_prefix",
            "templates",
            "urlconf",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    /// Returns the message and the remedy of each fault about an unknown key.
    fn unknown(content: &str) -> Vec<(String, String)> {
        let report = Config::parse("c", content, Path::new("/etc")).report;
        let faults = report.faults().into_iter();
        let faults = faults.filter(|fault| fault.message.starts_with("unknown key"));
        faults
            .map(|fault| {
                (
                    fault.message.clone(),
                    fault.help.clone().unwrap_or_default(),
                )
            })
            .collect()
    }

    #[test]
    fn the_keys_are_those_that_each_table_reads() {
        for (table, keys) in TABLES {
            let header = table.replace("NAME", "x");
            // Long and unlike every key, so that the remedy is the list of those that are read.
            let faults = unknown(&format!("{header}\nzzzzzzzzzzzzzzzzzzzz = 1\n"));
            let expected = format!("one of: {}", keys.join(", "));
            assert_eq!(faults.len(), 1, "{table}");
            assert_eq!(faults[0].1, expected, "{table}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_table_names_the_right_one() {
        let check = |content: &str, help: &str| {
            let faults = unknown(content);
            assert_eq!(faults.len(), 1, "{content}: {faults:?}");
            assert_eq!(faults[0].1, help, "{content}");
        };
        check("listen = ['127.0.0.1:1']\n", "it belongs in `[web]`");
        check("[[source]]\ndir = '/x'\n", "it belongs in `[state]`");
        check(
            "[[source]]\nnginx = '$status'\n",
            "it belongs in `[pattern.NAME]`",
        );
        check("[limits]\nstart = 'end'\n", "it belongs in `[[source]]`");
        check(
            "[state]\nsets = []\n",
            "it belongs in `[[source]]` or `[metrics]`",
        );
        // A key that is only similar to one of another table.
        check("[[source]]\npath = 'a'\n", "did you mean `paths`?");
    }
}
