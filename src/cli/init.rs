//! `init`: generates a configuration from those of the servers.
//!
//! Invariant: the configuration goes to standard output or to a new file; recommended changes to the
//! servers' configurations go to standard error.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::{Existing, write_file};
use crate::diag::{Fault, Report, Severity};
use crate::model::counted;
use crate::servers::{self, Dump, Files, Gunicorn, Nginx, draft};
use crate::text_file::{self, Accept};

/// Main configuration file of nginx's packages.
const NGINX: &str = "/etc/nginx/nginx.conf";

const EXAMPLES: &str = "\
Examples:
  sudo nginx -T | httplog-exporter init - > config.toml
  httplog-exporter init --nginx-config /etc/nginx/nginx.conf \\
      --gunicorn-config /etc/systemd/system/gunicorn.service --output config.toml
  gunicorn --print-config -c gunicorn.conf.py shop.wsgi | httplog-exporter init -g -
  httplog-exporter init -g \"gunicorn -c gunicorn.conf.py shop.wsgi\"
  httplog-exporter check --config config.toml

Exit code 0 if every log is followed or a remark says why it is not, 78 if a configuration has an
error or no log can be followed, 66 if an input is missing.";

/// Generate a configuration from those of nginx and gunicorn.
///
/// Prints TOML that passes `check`, and on standard error recommended changes to the servers' logging,
/// with the lines to paste. nginx's configuration is read with its includes; gunicorn's is parsed as
/// text, never run.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Init {
    /// nginx's main file, or the output of `nginx -T`; - is standard input
    /// [default: /etc/nginx/nginx.conf, if it exists and --gunicorn-config is not given]
    #[arg(long, short, value_name = "FILE", conflicts_with = "nginx")]
    nginx_config: Option<PathBuf>,
    /// gunicorn.conf.py, the output of `gunicorn --print-config`, a systemd unit, or a command line; - is standard input
    ///
    /// A command line is a file or the argument itself: -g "gunicorn -c gunicorn.conf.py shop.wsgi". Units and command
    /// lines may run uvicorn, Granian, Daphne or Hypercorn, too.
    #[arg(long, short, value_name = "FILE")]
    gunicorn_config: Option<PathBuf>,
    /// Directory to which relative log paths of nginx refer: --prefix in `nginx -V`
    #[arg(long, value_name = "DIR", default_value = "/usr/share/nginx")]
    nginx_prefix: String,
    /// Write the configuration to this file, which must not exist yet
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Short form of --nginx-config
    #[arg(value_name = "NGINX_CONFIG")]
    nginx: Option<PathBuf>,
}

/// The file system.
struct Disk;

impl Init {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let nginx = self.nginx_config.as_ref().or(self.nginx.as_ref());
        let is_stdin = |path: Option<&PathBuf>| path.is_some_and(|path| path.as_os_str() == "-");
        if is_stdin(nginx) && is_stdin(self.gunicorn_config.as_ref()) {
            let message = "only one of the two configurations can be standard input";
            return Err(Failure::message(Exit::Usage, message));
        }
        let mut report = Report::default();
        let mut from = Vec::new();
        let nginx = match nginx {
            Some(path) => Some(path.as_path()),
            None if self.gunicorn_config.is_some() => None,
            None => Some(packaged()?),
        };
        let nginx = nginx.map(|path| self.nginx(path, &mut from, &mut report));
        let nginx = nginx.transpose()?;
        let path = self.gunicorn_config.as_deref();
        let gunicorn = path.map(|path| gunicorn(path, &mut from, &mut report));
        let gunicorn = gunicorn.transpose()?;
        let draft = draft(nginx.as_ref(), gunicorn.as_ref(), &from, &mut report);
        if !draft.toml.is_empty() {
            self.write(&draft.toml)?;
        }
        if report.has_errors() {
            return Err(report.into());
        }
        let remarks = report.warnings();
        if remarks > 0 {
            writeln!(io::stderr(), "{report}{}", counted(remarks, "remark"))?;
        }
        if draft.sources == 0 {
            let message = "none of the access logs can be followed";
            return Err(Failure::message(Exit::Config, message).help(
                "log to a file, as in\nnginx: access_log /var/log/nginx/access.log;\ngunicorn: accesslog = \"/var/log/gunicorn/access.log\"",
            ));
        }
        Ok(())
    }

    fn nginx(
        &self,
        path: &Path,
        from: &mut Vec<String>,
        report: &mut Report,
    ) -> Result<Nginx, Failure> {
        let text = read(path, report)?;
        let prefix = &self.nginx_prefix;
        if let Some(dump) = Dump::read(&text) {
            from.push(format!("nginx -T of {}", dump.main()));
            return Ok(servers::nginx::read(dump.main(), prefix, &dump, report));
        }
        let given = Given::new(path, text)?;
        from.push(given.name.clone());
        Ok(servers::nginx::read(&given.name, prefix, &given, report))
    }

    fn write(&self, toml: &str) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return Ok(io::stdout().lock().write_all(toml.as_bytes())?);
        };
        let write = |out: &mut dyn io::Write| out.write_all(toml.as_bytes());
        let written = write_file(path, Existing::Kept, write);
        written.map_err(|error| {
            let is_there = error.kind() == io::ErrorKind::AlreadyExists;
            Failure::cannot(format!("write {}", path.display()))(error)
                .help_if(is_there, "choose a new file name, and compare the two")
        })
    }
}

/// Returns the default path of nginx's configuration, if it exists.
fn packaged() -> Result<&'static Path, Failure> {
    let path = Path::new(NGINX);
    if path.exists() {
        return Ok(path);
    }
    let message = format!("nginx's configuration is missing: {NGINX} does not exist");
    Err(Failure::message(Exit::NoInput, message).help(
        "pass it: httplog-exporter init --nginx-config FILE\nor: sudo nginx -T | httplog-exporter init -",
    ))
}

/// Reads the configuration of a server of Python's: a file, or a command line itself.
fn gunicorn(path: &Path, from: &mut Vec<String>, report: &mut Report) -> Result<Gunicorn, Failure> {
    if let Some(command) = path.to_str()
        && command.contains(char::is_whitespace)
        && !path.exists()
        && servers::gunicorn::is_command(command)
    {
        from.push(command.to_owned());
        let name = "the command line";
        return Ok(servers::gunicorn::read(
            name,
            command.to_owned(),
            &Disk,
            report,
        ));
    }
    let Given { name, text } = Given::new(path, read(path, report)?)?;
    from.push(name.clone());
    Ok(servers::gunicorn::read(&name, text, &Disk, report))
}

/// Reads a file or standard input. Invalid UTF-8 is replaced, with a remark: servers accept it in comments and in
/// paths, which the drafted configuration cannot name.
fn read(path: &Path, report: &mut Report) -> Result<String, Failure> {
    let bytes = if path.as_os_str() == "-" {
        text_file::read_stdin()?
    } else {
        text_file::read_file(path, Accept::RegularOrPipe)?
    };
    let (text, fault) = text_file::decode(path.display().to_string(), bytes);
    report.extend(fault.map(|fault| Fault {
        severity: Severity::Warning,
        ..fault
    }));
    Ok(text.content.clone())
}

/// The given file, already read, and the file system for its includes.
struct Given {
    name: String,
    text: String,
}

impl Given {
    fn new(path: &Path, text: String) -> Result<Self, Failure> {
        let name = if path.as_os_str() == "-" {
            "-".to_owned()
        } else {
            // Includes are relative to this path.
            std::path::absolute(path)?.display().to_string()
        };
        Ok(Self { name, text })
    }
}

impl Files for Given {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == self.name {
            return Ok(self.text.clone());
        }
        Disk.read(path)
    }

    fn matching(&self, glob: &str) -> Vec<String> {
        Disk.matching(glob)
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let read = text_file::read_file(Path::new(path), Accept::Regular);
        let bytes = read.map_err(|error| error.reason())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn processors(&self) -> Option<u64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let is_processor = |line: &&str| {
            let number = line.strip_prefix("cpu");
            number.is_some_and(|number| number.starts_with(|next: char| next.is_ascii_digit()))
        };
        u64::try_from(text.lines().filter(is_processor).count()).ok()
    }

    fn matching(&self, glob: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for (number, part) in glob.split('/').enumerate() {
            found = found
                .iter()
                .flat_map(|base| expand(base, part, number == 0))
                .collect();
        }
        found.retain(|path| Path::new(path).is_file());
        found.sort();
        found
    }
}

/// Expands one component of a glob in a directory.
fn expand(base: &str, part: &str, is_first: bool) -> Vec<String> {
    let joined = |name: &str| {
        if is_first {
            name.to_owned()
        } else {
            format!("{base}/{name}")
        }
    };
    if !servers::is_glob(part) {
        return vec![joined(part)];
    }
    let directory = match base {
        "" if is_first => ".",
        "" => "/",
        base => base,
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| servers::name_matches(part, name))
        .map(|name| joined(&name))
        .collect()
}
