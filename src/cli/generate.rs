//! `generate`: man pages and completions, made of the definitions that the command line is read by.
//!
//! Invariant: the same program writes the same bytes; packages are built from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::exit::{Exit, Failure};
use super::{Cli, EXIT_CODES};
use crate::config;

const NAME: &str = "httplog-exporter";
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

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
    /// Completions for bash, fish and zsh, each named as its shell looks for it
    Completions(Directory),
}

#[derive(Debug, Args)]
struct Directory {
    /// Where to write; made if missing
    #[arg(value_name = "DIR")]
    path: PathBuf,
}

impl Generate {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let (directory, written) = match &self.what {
            What::Man(directory) => (directory, man(&directory.path)),
            What::Completions(directory) => (directory, completions(&directory.path)),
        };
        written.map_err(|error| {
            let context = format!("cannot write into {}", directory.path.display());
            Failure::new(Exit::Io, anyhow::Error::new(error).context(context))
        })
    }
}

/// One page for the program, and one for each command that people are shown.
fn man(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    // Built, a command's display name is the program's and its own: `httplog-exporter-run`.
    for command in program.get_subcommands().filter(|one| !one.is_hide_set()) {
        let page = page(command.clone());
        let mut text = Vec::new();
        page.render(&mut text)?;
        fs::write(directory.join(page.get_filename()), text)?;
    }
    // What `--help` ends with has a section of its own in a page.
    let page = page(program.after_help(None::<&str>));
    let mut text = Vec::new();
    page.render(&mut text)?;
    exit_status().to_writer(&mut text)?;
    files().to_writer(&mut text)?;
    fs::write(directory.join(page.get_filename()), text)
}

fn page(command: Command) -> Man {
    Man::new(command)
        .manual(NAME)
        .source(concat!("httplog-exporter ", env!("CARGO_PKG_VERSION")))
}

fn exit_status() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for line in EXIT_CODES.lines().skip(1) {
        if let Some((code, meaning)) = line.trim().split_once(' ') {
            section.control("TP", []);
            section.text([roman(code)]);
            section.text([roman(meaning.trim())]);
        }
    }
    section
}

/// The section that the definitions of the command line do not have.
fn files() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["FILES"]);
    for (path, what) in [
        (config::DEFAULT_PATH, "The configuration."),
        (
            "/etc/httplog-exporter/patterns/*.toml",
            "Patterns of your own.",
        ),
    ] {
        section.control("TP", []);
        section.text([roman(path)]);
        section.text([roman(what)]);
    }
    section
}

fn completions(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let program = Cli::command();
    // What people are not shown is not offered to them either.
    let shown = |command: &&Command| !command.is_hide_set();
    let mut program = Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .args(program.get_arguments().cloned())
        .subcommands(program.get_subcommands().filter(shown).cloned());
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut program, NAME, directory)?;
    }
    Ok(())
}
