//! `generate`: man pages and shell completions, from the definition of the command line.
//!
//! Invariant: the output depends on the program alone, so that builds of packages are reproducible.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, Subcommand};
use clap_complete::{Generator as _, Shell};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::exit::{EXIT_CODES, Failure};
use super::output::{Existing, write_file};
use crate::aggregate::FRAME;
use crate::config;
use crate::model::Field;
use crate::pattern::{Reject, presets};
use crate::telemetry::log::{LEVELS, LogFormat};

const NAME: &str = "httplog-exporter";
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];
/// Files of the section FILES, and their meanings.
const FILES: [(&str, &str); 2] = [
    (config::DEFAULT_PATH, "The configuration."),
    ("/etc/httplog-exporter/patterns/*.toml", "Custom patterns."),
];
/// Pages of the section SEE ALSO, which packages make of the documentation (`deploy/man`).
const PAGES: [(&str, &str); 2] = [
    (
        "httplog-exporter-config(5)",
        "Every key of the configuration.",
    ),
    (
        "httplog-exporter-troubleshooting(7)",
        "Symptoms, and every message of the program.",
    ),
];

/// Write man pages or shell completions into a directory, for packages.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A man page for the program and one for each command
    Man(Directory),
    /// Completions for bash, fish and zsh, under the file names that the shells expect
    Completions(Directory),
}

#[derive(Debug, Args)]
struct Directory {
    /// Output directory; created if missing
    #[arg(value_name = "DIR")]
    path: PathBuf,
}

impl Generate {
    pub(super) fn execute(&self, program: Command) -> Result<(), Failure> {
        let (directory, written) = match &self.what {
            What::Man(directory) => (directory, man(program, &directory.path)),
            What::Completions(directory) => (directory, completions(&program, &directory.path)),
        };
        let what = format!("write into {}", directory.path.display());
        written.map_err(Failure::cannot(what))
    }
}

/// Writes one page for the program and one for each visible command, and each below one.
fn man(program: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut program = program.disable_help_subcommand(true);
    program.build();
    // `build` sets the display name of a command: `httplog-exporter-run`.
    let mut commands: Vec<&Command> = vec![&program];
    while let Some(command) = commands.pop() {
        let below = command.get_subcommands().filter(|one| !one.is_hide_set());
        for command in below {
            let page = page(command.clone());
            let mut text = Vec::new();
            page.render(&mut text)?;
            write(directory, &page.get_filename(), &text)?;
            commands.push(command);
        }
    }
    // The end of `--help` becomes a section.
    let page = page(program.after_help(None::<&str>));
    let mut text = Vec::new();
    page.render(&mut text)?;
    let codes = EXIT_CODES.lines().skip(1);
    let codes = codes.filter_map(|line| line.trim().split_once(' '));
    section("EXIT STATUS", codes).to_writer(&mut text)?;
    section("FILES", FILES).to_writer(&mut text)?;
    section("SEE ALSO", PAGES).to_writer(&mut text)?;
    write(directory, &page.get_filename(), &text)
}

fn write(directory: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    write_file(&directory.join(name), Existing::Replaced, |out| {
        out.write_all(text)
    })
}

fn page(command: Command) -> Man {
    Man::new(command)
        .manual(NAME)
        .source(concat!("httplog-exporter ", env!("CARGO_PKG_VERSION")))
}

/// Returns a section of terms and their meanings.
fn section<'t>(title: &str, terms: impl IntoIterator<Item = (&'t str, &'t str)>) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (term, meaning) in terms {
        section.control("TP", []);
        section.text([roman(term)]);
        section.text([roman(meaning.trim())]);
    }
    section
}

fn completions(program: &Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    // Completions leave hidden commands out.
    let shown = |command: &&Command| !command.is_hide_set();
    let mut program = Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .args(program.get_arguments().cloned())
        .subcommands(program.get_subcommands().filter(shown).cloned());
    program = with_values(program);
    for shell in SHELLS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut program, NAME, &mut text);
        if shell == Shell::Bash {
            text = with_labels_of_a_hyphen(&String::from_utf8_lossy(&text)).into_bytes();
        }
        write(directory, &shell.file_name(NAME), &text)?;
    }
    Ok(())
}

/// Returns a script for bash with one form of the program's name in its labels. `clap_complete` 4.6 looks for one and
/// defines another if the name has a hyphen, so that nothing is completed after a command (clap's issue 6421).
fn with_labels_of_a_hyphen(script: &str) -> String {
    script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"))
}

/// Returns a command whose options list the values that shells complete. It is not to parse with: a pattern may be one of
/// the configuration, and the program has better messages about a wrong value.
fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let with = |arg: Arg| match values(&name, &arg) {
        Some(values) => arg.value_parser(PossibleValuesParser::new(values)),
        None => arg,
    };
    command.mut_args(with).mut_subcommands(with_values)
}

/// Returns the values of a command's argument that are known beforehand.
fn values(command: &str, arg: &Arg) -> Option<Vec<&'static str>> {
    Some(match (command, arg.get_id().as_str()) {
        (_, "log_format") => LogFormat::NAMES.into(),
        (_, "log_level") => LEVELS.into(),
        (_, "pattern") | ("patterns", "name") => {
            presets().iter().map(|preset| preset.name).collect()
        }
        ("lines", "fields") => Field::ALL.map(Field::name).into(),
        ("lines", "reject") => {
            let reasons = Reject::ALL.into_iter().map(Reject::name);
            reasons.chain([FRAME]).collect()
        }
        _ => return None,
    })
}
