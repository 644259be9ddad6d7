//! Tips for a command line that is wrong, where clap has none.
//!
//! Invariant: a tip names commands and options that exist.

use std::path::Path;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::Cli;
use crate::diag;

/// Returns the tip for an error of these arguments, which begin with the command.
pub fn tip(error: &Error, args: &[String]) -> Option<String> {
    let first = args.first()?;
    if error.get(ContextKind::SuggestedSubcommand).is_some()
        || error.get(ContextKind::SuggestedArg).is_some()
    {
        return None;
    }
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let wrong = named(ContextKind::InvalidSubcommand)?;
            // Of a command of its own, such as `state`, clap lists the commands.
            (wrong == first).then(|| known(wrong)).flatten()
        }
        ErrorKind::UnknownArgument => {
            let wrong = named(ContextKind::InvalidArg)?;
            let is_toml = Path::new(wrong).extension().is_some_and(|it| it == "toml");
            is_toml.then(|| format!("name a configuration by --config: --config {wrong}"))
        }
        ErrorKind::MissingRequiredArgument if first == "lines" => {
            let has_between = args.iter().any(|it| it == "--between");
            has_between.then(|| {
                "--between takes two times, and the logs stand after them: --between 03:00 04:00 access.log"
                    .to_owned()
            })
        }
        _ => None,
    }
}

/// Returns the commands that are meant, or all.
fn known(wrong: &str) -> Option<String> {
    let command = Cli::command();
    let commands = command.get_subcommands().filter(|it| !it.is_hide_set());
    let names: Vec<&str> = commands.map(clap::Command::get_name).collect();
    diag::suggestion(wrong, names)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn check(args: &[&str], expected: Option<&str>) {
        let given = [&["httplog-exporter"], args].concat();
        let error = Cli::try_parse_from(given).unwrap_err();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        assert_eq!(tip(&error, &args).as_deref(), expected, "{args:?}");
    }

    #[test]
    fn an_unknown_command_is_answered_with_the_known_ones() {
        check(&["rnu"], Some("did you mean `run`?"));
        check(
            &["metrics"],
            Some(
                "one of: run, demo, replay, lines, status, compare, backfill, check, explain, patterns, routes, init, state, web",
            ),
        );
        check(&["state", "list"], None);
    }

    #[test]
    fn a_configuration_without_its_option_is_answered_with_it() {
        check(
            &["check", "config.toml"],
            Some("name a configuration by --config: --config config.toml"),
        );
        check(&["check", "x"], None);
        // clap has a tip of its own.
        check(&["check", "--confg", "x"], None);
    }
}
