//! The state directory: what is kept across restarts, and how well.

use std::path::{Path, PathBuf};

use crate::diag::{Report, Section};
use crate::state::Durability;

/// Settings of what is kept across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Directory, which one process at a time uses.
    pub dir: PathBuf,
    /// Protection of counts and positions; `None` if they are not kept.
    pub durability: Option<Durability>,
}

impl State {
    /// Reads `[state]`. `None` without a directory.
    pub(super) fn read(mut section: Section<'_>, base: &Path, report: &mut Report) -> Option<Self> {
        let dir = section.string("dir", report);
        let given = section.string("durability", report);
        section.finish(report);
        let dir = match dir {
            Some(dir) if dir.value.is_empty() => {
                let fault = dir.error("`dir` is empty: nothing would be kept");
                report.push(fault.help("dir = \"/var/lib/httplog-exporter\""));
                return None;
            }
            dir => dir,
        };
        let durability = match given.as_ref().map(|given| given.value.as_str()) {
            None | Some("power") => Some(Durability::Power),
            Some("process") => Some(Durability::Process),
            Some("none") => None,
            Some(_) => {
                let known = ["power", "process", "none"];
                if let Some(given) = &given {
                    let fault = given.error(format!("unknown durability `{}`", given.value));
                    report.push(fault.suggest(&given.value, known));
                }
                return None;
            }
        };
        if let (None, Some(given), Some(_)) = (&dir, &given, durability) {
            let message =
                "nothing is kept without a directory: counts restart at 0 with the process";
            let help = "to keep them:\n[state]\ndir = \"/var/lib/httplog-exporter\"";
            report.push(given.warning(message).help(help));
        }
        Some(Self {
            dir: base.join(dir?.value),
            durability,
        })
    }
}
