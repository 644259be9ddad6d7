//! Facts of a configuration that people see on the status page.

use super::reject_watch::explain_command;
use crate::config::{Config, Input, Source};
use crate::source::Stream;
use crate::status::{Setup, SourceSetup, shell_word};

/// Returns the facts of a configuration that was read from `file`.
pub(super) fn setup(config: &Config, file: Option<String>) -> Setup {
    Setup {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        file,
        warnings: config.warnings.clone(),
        series_limit: config.limits.series as u64,
        sources: config.sources.iter().map(source).collect(),
    }
}

fn source(source: &Source) -> SourceSetup {
    SourceSetup {
        name: source.name.clone(),
        input: match &source.input {
            Input::Files(files) => {
                let paths = files.paths.iter();
                paths
                    .map(|path| path.as_path().display().to_string())
                    .collect()
            }
            Input::Stream(stream) => vec![stream.to_string()],
        },
        pattern: source.pattern.name().to_owned(),
        behind: source.behind.clone(),
        explain: Some(explain_command(source)),
        logs: logs(&source.input),
    }
}

/// Returns the arguments of `lines` that name the logs of an input with their rotated files; `None` if they cannot be read again.
fn logs(input: &Input) -> Option<String> {
    match input {
        Input::Files(files) => {
            let paths = files.paths.iter();
            let words = paths.map(|path| {
                let path = path.as_path().to_string_lossy();
                // A shell expands the globs of a path as the exporter does.
                let parts = path.split('*').map(|part| match part {
                    "" => String::new(),
                    part => shell_word(part),
                });
                let mut word = parts.collect::<Vec<_>>().join("*");
                if !word.ends_with('*') {
                    word.push('*');
                }
                word
            });
            Some(words.collect::<Vec<_>>().join(" "))
        }
        Input::Stream(Stream::Journal(journal)) => {
            let unit = shell_word(&journal.unit);
            Some(format!("<(journalctl -o cat -u {unit})"))
        }
        Input::Stream(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::PathPattern;

    #[test]
    fn a_shell_finds_a_log_and_its_rotated_files() {
        let logs = |path: &str| logs(&Input::log(PathPattern::literal(path.into()))).unwrap();
        assert_eq!(
            logs("/var/log/nginx/access.log"),
            "/var/log/nginx/access.log*"
        );
        assert_eq!(logs("/srv/my logs/a.log"), "'/srv/my logs/a.log'*");
    }
}
