//! Parses systemd units.
//!
//! Invariant: a unit's environment is whole only if every file that it names was read.

use std::ops::Range;

use super::command::{self, Options};
use super::environment::{Environment, Expander};
use crate::servers::Files;

/// The settings of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// Options and span of the first `ExecStart=` that runs a server.
    pub(super) command: Option<(Options, Range<usize>)>,
    pub(super) environment: Environment,
    /// Span of the line that sets `SCRIPT_NAME`.
    pub(super) script_name: Option<Range<usize>>,
    pub(super) directory: Option<String>,
    /// File to which the output is written.
    pub(super) output: Option<String>,
    /// Files of the environment that could not be read: path, reason and span.
    pub(super) unread: Vec<(String, String, Range<usize>)>,
}

/// Returns whether a text is a systemd unit.
pub(super) fn is_unit(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Service]")
}

/// Parses a unit, or several that add to each other, as `systemctl cat` prints them.
pub(super) fn unit(text: &str, files: &dyn Files) -> Unit {
    let mut unit = Unit::default();
    unit.environment.is_whole = true;
    let mut from_files = Environment::default();
    let mut commands: Vec<(String, Range<usize>)> = Vec::new();
    for (key, value, span) in settings(text) {
        match &*key {
            "WorkingDirectory" => unit.directory = Some(value.trim_start_matches('-').to_owned()),
            "Environment" if value.is_empty() => unit.environment.variables.clear(),
            "Environment" => {
                let words = Environment::default().words(&value, Expander::Systemd);
                for word in words.unwrap_or_default() {
                    if let Some((name, value)) = word.split_once('=') {
                        if name == "SCRIPT_NAME" {
                            unit.script_name = Some(span.clone());
                        }
                        let variables = &mut unit.environment.variables;
                        variables.insert(name.to_owned(), value.to_owned());
                    }
                }
            }
            "EnvironmentFile" if value.is_empty() => from_files = Environment::default(),
            "EnvironmentFile" => match files.read(value.trim_start_matches('-')) {
                Ok(text) => {
                    from_files.read_file(&text);
                    if text.contains("SCRIPT_NAME") {
                        unit.script_name = Some(span);
                    }
                }
                // systemd passes over such a file if it is missing; one that cannot be read may exist.
                Err(why) if value.starts_with('-') => {
                    unit.environment.is_whole &= why.starts_with("No such file");
                }
                Err(why) => unit.unread.push((value, why, span)),
            },
            "PassEnvironment" => unit.environment.is_whole = false,
            "StandardOutput" => {
                let written = ["append:", "file:", "truncate:"];
                let path = written
                    .into_iter()
                    .find_map(|kind| value.strip_prefix(kind));
                unit.output = path.map(str::to_owned);
            }
            "ExecStart" if value.is_empty() => commands.clear(),
            "ExecStart" => commands.push((value, span)),
            _ => {}
        }
    }
    unit.environment.is_whole &= unit.unread.is_empty();
    // The variables of files override those of the unit.
    unit.environment.variables.extend(from_files.variables);
    unit.command = commands.into_iter().find_map(|(value, span)| {
        let command = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let words = unit.environment.words(command, Expander::Systemd)?;
        Some((command::parse(&words, &mut unit.environment)?, span))
    });
    unit
}

/// Returns the settings of a unit: key, value and span of each.
fn settings(text: &str) -> Vec<(String, String, Range<usize>)> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let mut value = String::new();
        // A backslash at the end continues the line.
        for line in text[start..].split_inclusive('\n') {
            at += line.len();
            if line.starts_with(['#', ';']) {
                break;
            }
            let Some(begun) = line.trim_end().strip_suffix('\\') else {
                value.push_str(line.trim_end());
                break;
            };
            value.extend([begun, " "]);
        }
        let end = start + text[start..at].trim_end().len();
        if let Some((key, value)) = value.split_once('=') {
            // `%%` is a percent sign; other specifiers stay unexpanded.
            let value = value.trim().replace("%%", "%");
            all.push((key.trim().to_owned(), value, start..end));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Dump;

    #[test]
    fn a_unit_contains_a_command() {
        let text = "[Unit]\n[Service]\nWorkingDirectory=/srv/shop\n\
                    Environment=\"GUNICORN_CMD_ARGS=--access-logfile=-\" B=c\n\
                    EnvironmentFile=/etc/default/shop\nEnvironmentFile=-/none\n\
                    StandardOutput=append:/var/log/shop.log\n\
                    ExecStartPre=/bin/true\nExecStart=/v/gunicorn replaced\nExecStart=\n\
                    ExecStart=/srv/v/bin/gunicorn -c g.py $OPTS \\\n  --access-logformat '%%(h)s' shop.wsgi\n";
        assert!(is_unit(text));
        let files = "# configuration file /etc/default/shop:\nOPTS=\"-w 3 --threads=2\"\nB=d\n";
        let unit = unit(text, &Dump::read(files).unwrap());
        assert_eq!(unit.directory.as_deref(), Some("/srv/shop"));
        assert_eq!(unit.output.as_deref(), Some("/var/log/shop.log"));
        assert_eq!(
            unit.environment.variables["GUNICORN_CMD_ARGS"],
            "--access-logfile=-"
        );
        assert_eq!(unit.environment.variables["B"], "d");
        assert!(!unit.environment.is_whole);
        let (options, span) = unit.command.unwrap();
        assert_eq!(options.format.as_deref(), Some("%(h)s"));
        assert_eq!(options.config.as_deref(), Some("g.py"));
        assert_eq!(
            (options.workers.as_deref(), options.threads.as_deref()),
            (Some("3"), Some("2"))
        );
        assert!(text[span.clone()].starts_with("ExecStart=") && text[span].ends_with("wsgi"));
    }
}
