//! Parses gunicorn's command line, alone or in a systemd unit.
//!
//! Invariant: words are split as in `systemd.service(5)`, which usually equals a shell's splitting.

use std::ops::Range;

/// The options of a command line that concern logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) access_log: Option<String>,
    pub(super) format: Option<String>,
    pub(super) config: Option<String>,
    pub(super) directory: Option<String>,
    pub(super) is_syslog: bool,
    pub(super) workers: Option<String>,
    pub(super) threads: Option<String>,
    pub(super) worker_class: Option<String>,
    /// First option that configures logging elsewhere.
    pub(super) logging_config: Option<String>,
}

/// The settings of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// Options and span of each `ExecStart=` that runs gunicorn.
    pub(super) commands: Vec<(Options, Range<usize>)>,
    /// `GUNICORN_CMD_ARGS`, which the command line overrides.
    pub(super) environment: Options,
    /// `SCRIPT_NAME` of the environment, and the span of its line.
    pub(super) script_name: Option<(String, Range<usize>)>,
    pub(super) directory: Option<String>,
}

/// Returns whether a text is a systemd unit.
pub(super) fn is_unit(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Service]")
}

/// Returns whether a text is one command that runs gunicorn.
pub(super) fn is_command(text: &str) -> bool {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().and_then(words);
    lines.next().is_none() && first.is_some_and(|words| runs_gunicorn(&words))
}

fn runs_gunicorn(words: &[String]) -> bool {
    words.iter().any(|word| {
        let name = word.rsplit('/').next().unwrap_or_default();
        name == "gunicorn" || name.starts_with("gunicorn3") || name.contains("gunicorn ")
    })
}

/// Parses a command; `None` if a quote is unclosed.
pub(super) fn command(text: &str) -> Option<Options> {
    words(&text.replace("\\\n", " ")).map(|words| options(&words))
}

/// Parses a unit.
pub(super) fn unit(text: &str) -> Unit {
    let mut unit = Unit::default();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let mut value = String::new();
        // A backslash at the end continues the line.
        for line in text[start..].split_inclusive('\n') {
            at += line.len();
            let Some(begun) = line.trim_end().strip_suffix('\\') else {
                value.push_str(line.trim_end());
                break;
            };
            value.extend([begun, " "]);
        }
        let end = start + text[start..at].trim_end().len();
        let Some((key, value)) = value.split_once('=') else {
            continue;
        };
        // `%%` is a percent sign; other specifiers stay unexpanded.
        let value = value.trim().replace("%%", "%");
        match key.trim() {
            "WorkingDirectory" => unit.directory = Some(value.trim_start_matches('-').to_owned()),
            "Environment" => {
                for word in words(&value).unwrap_or_default() {
                    if let Some(arguments) = word.strip_prefix("GUNICORN_CMD_ARGS=") {
                        unit.environment = command(arguments).unwrap_or_default();
                    }
                    if let Some(prefix) = word.strip_prefix("SCRIPT_NAME=")
                        && prefix.starts_with('/')
                    {
                        unit.script_name = Some((prefix.to_owned(), start..end));
                    }
                }
            }
            "ExecStart" => {
                let command = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
                let words = words(&command.replace("$$", "$")).unwrap_or_default();
                if runs_gunicorn(&words) {
                    unit.commands.push((options(&words), start..end));
                }
            }
            _ => {}
        }
    }
    unit
}

/// Splits a command into words; `None` if a quote is unclosed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(next) = characters.next() {
        match (quote, next) {
            (Some(open), _) if next == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(next),
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, '"' | '\'') => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            (None, _) if next.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(next),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn options(words: &[String]) -> Options {
    let mut options = Options::default();
    // In `sh -c 'exec gunicorn …'`, the command is a single word.
    if let Some(inner) = words.iter().find(|word| word.contains("gunicorn "))
        && let Some(inner) = self::words(inner)
    {
        return self::options(&inner);
    }
    let mut words = words.iter().map(|word| &**word);
    while let Some(word) = words.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ if word.len() > 2
                && ["-c", "-w", "-k"]
                    .iter()
                    .any(|short| word.starts_with(short)) =>
            {
                let (name, value) = word.split_at(2);
                (name, Some(value))
            }
            _ => (word, None),
        };
        let mut value = || joined.or_else(|| words.next()).map(str::to_owned);
        match name {
            "--access-logfile" => options.access_log = value(),
            "--access-logformat" => options.format = value(),
            "-c" | "--config" => options.config = value(),
            "--chdir" => options.directory = value(),
            "-w" | "--workers" => options.workers = value(),
            "--threads" => options.threads = value(),
            "-k" | "--worker-class" => options.worker_class = value(),
            "--log-syslog" => options.is_syslog = true,
            "--log-config" | "--log-config-json" | "--logger-class" => {
                value();
                let option = &mut options.logging_config;
                option.get_or_insert_with(|| name.to_owned());
            }
            _ => {}
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed_in_every_notation() {
        let check = |text: &str, access: &str, format: &str, config: &str| {
            let found = command(text).unwrap();
            let shown = |value: &Option<String>| value.clone().unwrap_or_default();
            assert_eq!(
                (
                    shown(&found.access_log),
                    shown(&found.format),
                    shown(&found.config)
                ),
                (access.to_owned(), format.to_owned(), config.to_owned()),
                "{text}"
            );
        };
        check("gunicorn -w 3 shop.wsgi", "", "", "");
        check("gunicorn -c a.py --access-logfile - x", "-", "", "a.py");
        check(
            "/v/bin/gunicorn --access-logfile=/a\\ b --access-logformat '%(h)s \"%(r)s\"' -ca.py",
            "/a b",
            "%(h)s \"%(r)s\"",
            "a.py",
        );
        check("sh -c 'exec gunicorn --config=b.py x'", "", "", "b.py");
        assert_eq!(command("gunicorn 'x"), None);
        assert!(is_command("# c\ngunicorn \\\n -b x\n") && !is_command("import gunicorn\na = 1"));
    }

    #[test]
    fn a_unit_contains_a_command() {
        let text = "[Unit]\n[Service]\nWorkingDirectory=/srv/shop\n\
                    Environment=\"GUNICORN_CMD_ARGS=--access-logfile=-\" B=c\n\
                    ExecStartPre=/bin/true\n\
                    ExecStart=/srv/v/bin/gunicorn -c g.py \\\n  --access-logformat '%%(h)s' shop.wsgi\n";
        assert!(is_unit(text));
        let unit = unit(text);
        assert_eq!(unit.directory.as_deref(), Some("/srv/shop"));
        assert_eq!(unit.environment.access_log.as_deref(), Some("-"));
        let [(options, span)] = unit.commands.as_slice() else {
            panic!("{unit:?}")
        };
        assert_eq!(options.format.as_deref(), Some("%(h)s"));
        assert_eq!(options.config.as_deref(), Some("g.py"));
        assert!(
            text[span.clone()].starts_with("ExecStart=") && text[span.clone()].ends_with("wsgi")
        );
    }
}
