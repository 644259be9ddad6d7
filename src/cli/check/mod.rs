//! `check`: reports every fault of a configuration at once.

mod bounds;
mod files;
mod forecast;
mod logs;
mod nginx;
mod sample;
mod shown;
mod web;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use bounds::write_bounds;
use files::check_files;
use forecast::Forecast;
use nginx::check_nginx;
use shown::shown;
use web::check_web;

use super::exit::Failure;
use super::load::load;
use super::paint::Paint;
use crate::config::{self, Config, Limits, Resolvers};
use crate::daemon::pipeline_settings;
use crate::diag::{Fault, Report};
use crate::label::Budget;
use crate::model::counted;
use crate::pipeline::{Initialised, Pipeline};
use crate::text_file::Accept;
use crate::web_config::WebFile;

/// Check a configuration: keys, patterns with their examples, files and permissions.
///
/// Reports every fault with its place. Logs are opened with the rights of the current user, and their last
/// 100 lines are tried with the pattern of the source. A missing log, or one whose lines do not match, is a
/// warning. The exit code is 78 after an error and 0 otherwise.
///
/// With --log, whole logs are counted as `run` would count them, such as those of a day. Printed are the number of series
/// that Prometheus gets, those of each metric, what is left of `limits.series`, and the busiest values of each label.
#[derive(Debug, Args)]
pub struct Check {
    /// Path of the configuration [default: /etc/httplog-exporter/config.toml, unless --web.config.file is given]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Web configuration to check, in place of `web.config_file`
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Logs to count, `.gz` too, `-` for standard input [default: all files that the sources follow]. A log belongs to the
    /// source that follows it, or followed it before it was rotated; another log to the only source, or to the one whose
    /// pattern reads most of its first lines
    #[arg(long, value_name = "LOG", num_args = 0..)]
    log: Option<Vec<PathBuf>>,
    /// Source of all logs of --log
    #[arg(long, value_name = "NAME", requires = "log")]
    source: Option<String>,
    /// List the most series that each metric of each source can have, too
    #[arg(long, short)]
    verbose: bool,
}

impl Check {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        match (&self.config, &self.web_config) {
            (None, Some(path)) if self.log.is_none() => check_alone(path),
            (None, _) => self.check(Path::new(config::DEFAULT_PATH)),
            (Some(path), _) => self.check(path),
        }
    }

    fn check(&self, path: &Path) -> Result<(), Failure> {
        let mut checked = load(path, Accept::RegularOrPipe)?;
        let mut web = None;
        if let Some(config) = &checked.config {
            check_files(config, path, &mut checked.report);
            check_nginx(config, &mut checked.report);
            let given = self.web_config.as_ref().or(config.web.config_file.as_ref());
            web = given.and_then(|path| {
                let (path, open_health) = (path.clone(), config.web.open_health);
                let summary = check_web(
                    &WebFile {
                        path: path.clone(),
                        open_health,
                    },
                    &config.web.listen,
                    &mut checked.report,
                )?;
                Some((path, summary))
            });
        }
        let Some(config) = checked.config.filter(|_| !checked.report.has_errors()) else {
            return Err(checked.report.into());
        };
        // The faults are in the report already.
        let resolvers = config.resolvers(&mut Report::default());
        let initial = initialised(&config, &resolvers);
        judge(&config, &initial, &mut checked.report);
        let given = self.log.as_ref();
        let logs = given.map(|given| logs::choose(&config, given, self.source.as_deref()));
        let logs = logs.transpose()?;
        let mut out = io::stdout().lock();
        write!(out, "{}", checked.report)?;
        let sources = counted(config.sources.len(), "source");
        write!(out, "{}: good, {sources}", path.display())?;
        if checked.report.warnings() > 0 {
            write!(out, ", {}", counted(checked.report.warnings(), "warning"))?;
        }
        writeln!(out)?;
        if let Some((path, summary)) = web {
            writeln!(out, "  {}: {summary}", path.display())?;
        }
        for page in &config.nginx_status {
            writeln!(out, "  nginx's metrics: {}", page.value)?;
        }
        for (source, initial) in config.sources.iter().zip(&initial) {
            let (name, pattern) = (&source.name, source.pattern.name());
            write!(out, "  {name}: {} as {pattern}", source.input)?;
            if source.behind.is_empty() {
                writeln!(out)?;
            } else {
                writeln!(out, ", behind {}", source.behind.join(", "))?;
            }
            if self.verbose {
                write_bounds(&mut out, source, &resolvers, config.limits.series, initial)?;
            }
        }
        if let Some(logs) = logs {
            out.flush()?;
            let forecast = Forecast::new(&config, path, &resolvers, &logs)?;
            out.write_all(shown(&forecast, Paint::of_stdout()).as_bytes())?;
        }
        Ok(())
    }
}

/// Checks a web configuration alone.
fn check_alone(path: &Path) -> Result<(), Failure> {
    let mut report = Report::default();
    let file = WebFile {
        path: path.to_owned(),
        open_health: false,
    };
    let Some(summary) = check_web(&file, &[], &mut report) else {
        return Err(report.into());
    };
    let mut out = io::stdout().lock();
    write!(out, "{report}{}: good, {summary}", path.display())?;
    if report.warnings() > 0 {
        write!(out, ", {}", counted(report.warnings(), "warning"))?;
    }
    writeln!(out)?;
    Ok(())
}

/// Returns the families of each source that start at 0 under `run`.
fn initialised(config: &Config, resolvers: &Resolvers) -> Vec<Vec<Initialised>> {
    let budget = Budget::new(config.limits.series);
    let sources = config.sources.iter();
    sources
        .map(|source| {
            let settings = pipeline_settings(source, config.limits.line_bytes, resolvers, None);
            let pipeline = Pipeline::new(settings, budget.clone());
            pipeline.initialise(&mut pipeline.shard())
        })
        .collect()
}

/// Warns of series that should start at 0 and will not.
fn judge(config: &Config, initial: &[Vec<Initialised>], report: &mut Report) {
    let asked = config.metrics.initial();
    let Some(place) = asked.and_then(|asked| asked.place.as_ref()) else {
        return;
    };
    let all = || initial.iter().flatten();
    let wanted = all().fold(0_usize, |sum, known| sum.saturating_add(known.series));
    let left_out: Vec<String> = all()
        .filter(|known| !known.is_there)
        .map(|known| format!("`{}`", known.family))
        .collect();
    if !left_out.is_empty() {
        let needed = wanted.saturating_mul(2);
        let fewer = "fewer `initialise_methods` or `initialise_statuses`";
        let fault = Fault::warning(format!(
            "{wanted} series are to start at 0, which may be half of limits.series ({}): those of {} \
             will not",
            config.limits.series,
            left_out.join(", ")
        ));
        let help = if needed > Limits::MAX_SERIES {
            fewer.to_owned()
        } else {
            format!("limits.series = {needed}, or {fewer}")
        };
        report.push(fault.at(place.clone()).help(help));
    }
    for (source, known) in config.sources.iter().zip(initial) {
        if known.is_empty() {
            let fault = Fault::warning(format!(
                "source `{}`: no series is known before its first event",
                source.name
            ));
            let help = "views are known from `routes` of the source, methods and statuses from the lists beside this key";
            report.push(fault.at(place.clone()).help(help));
        }
    }
}
