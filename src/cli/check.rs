//! `check`: every fault of a configuration at once.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::exit::{Failure, counted};
use super::load;
use crate::config::{self, Limits, Source};
use crate::metric::Plan;

/// Check a configuration: its keys, patterns and their examples, files and permissions.
///
/// Every fault is shown with its place. Logs are opened with the rights of whoever runs this. Exit
/// code 78 if there is an error, 0 otherwise; a log that is missing is a warning.
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

impl Check {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let mut checked = load(&self.config)?;
        if let Some(config) = &checked.config {
            config::check_files(config, &mut checked.report);
        }
        let Some(config) = checked.config.filter(|_| !checked.report.has_errors()) else {
            return Err(checked.report.into());
        };
        let mut out = io::stdout().lock();
        write!(out, "{}", checked.report)?;
        write!(
            out,
            "{}: good, {}",
            self.config.display(),
            counted(config.sources.len(), "source")
        )?;
        if checked.report.warnings() > 0 {
            write!(out, ", {}", counted(checked.report.warnings(), "warning"))?;
        }
        writeln!(out)?;
        for source in &config.sources {
            write!(
                out,
                "  {}: {} as {}",
                source.name,
                source.input,
                source.pattern.name()
            )?;
            match &source.behind {
                Some(front) => writeln!(out, ", behind {front}")?,
                None => writeln!(out)?,
            }
            estimate(&mut out, source, config.limits.series)?;
        }
        Ok(())
    }
}

/// How many series each family of a source may have at most.
fn estimate(out: &mut impl Write, source: &Source, limit: usize) -> io::Result<()> {
    let plan = Plan::new(&source.metrics, source.pattern.fields());
    let routes = source.routes.as_ref().map(|routes| routes.max_routes);
    for (name, sizes) in plan.sizes(routes.unwrap_or(Limits::MAX_ROUTES)) {
        let product = sizes
            .iter()
            .fold(1_usize, |product, (_, size)| product.saturating_mul(*size));
        let factors: Vec<String> = sizes
            .iter()
            .filter(|(_, size)| *size > 1)
            .map(|(label, size)| format!("{size} {}", label.name()))
            .collect();
        write!(out, "    {name}: at most {} series", product.min(limit))?;
        if product > limit {
            write!(out, " by limits.series of {product}")?;
        }
        match factors.as_slice() {
            [] => writeln!(out)?,
            factors => writeln!(out, " ({})", factors.join(" x "))?,
        }
    }
    Ok(())
}
