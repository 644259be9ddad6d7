//! Facts of a configuration that people see on the status page.

use super::reject_watch::explain_command;
use crate::config::{Config, Input, Source};
use crate::source::{PathPattern, Stream};
use crate::status::{Setup, SourceSetup, shell_word};

/// Characters of globs that a shell expands too.
const GLOB: [char; 6] = ['*', '?', '[', ']', '{', '}'];

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
            let words: Vec<String> = paths.map(with_rotated).collect();
            Some(words.join(" "))
        }
        Input::Stream(Stream::Journal(journal)) => {
            let unit = shell_word(&journal.unit);
            Some(format!("<(journalctl -o cat -u {unit})"))
        }
        Input::Stream(_) => None,
    }
}

/// Returns a word that a shell expands to a path, or to the paths that a glob matches, and to their rotated files.
fn with_rotated(path: &PathPattern) -> String {
    let text = path.as_path().to_string_lossy();
    let mut word = String::new();
    if path.is_literal() {
        word = shell_word(&text);
    } else {
        // A shell expands what the glob has, and nothing else of the path.
        for part in text.split_inclusive(GLOB) {
            let literal = part.trim_end_matches(GLOB);
            if !literal.is_empty() {
                word.push_str(&shell_word(literal));
            }
            word.push_str(&part[literal.len()..]);
        }
    }
    if !word.ends_with('*') {
        word.push('*');
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_finds_a_log_and_its_rotated_files() {
        let logs = |path: &str| logs(&Input::log(PathPattern::literal(path.into()))).unwrap();
        assert_eq!(
            logs("/var/log/nginx/access.log"),
            "/var/log/nginx/access.log*"
        );
        assert_eq!(logs("/srv/my logs/a.log"), "'/srv/my logs/a.log'*");
        assert_eq!(logs("/srv/a[1]*.log"), "'/srv/a[1]*.log'*");
        let glob = |path: &str| with_rotated(&PathPattern::new(path).unwrap());
        assert_eq!(glob("/var/log/nginx/*.log"), "/var/log/nginx/*.log*");
        assert_eq!(glob("/srv/my logs/?[ab].log*"), "'/srv/my logs/'?[ab].log*");
    }
}
