//! Reads the web configuration again when its files change.
//!
//! Invariant: a policy replaces another one only as a whole. While a file has errors, the policy before stays in force, and the errors
//! are logged once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::aside::aside;
use super::control::lock;
use super::error::StartError;
use crate::clock::Clock;
use crate::config::Web;
use crate::diag::Report;
use crate::http::{Policies, Policy, PolicySource};
use crate::model::counted;
use crate::telemetry::Telemetry;
use crate::text_file::Accept;
use crate::web_config::{Loaded, Stamps, WebFile};

/// The web configuration in force.
#[derive(Clone)]
pub(super) struct WebControl {
    reader: Arc<Reader>,
    pub(super) policies: Arc<Policies>,
    /// True if the command line names the file.
    is_given: bool,
}

struct Reader {
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` without a web configuration.
    file: Option<WebFile>,
    /// Files of the last attempt; `None` if the next one has to read them.
    stamps: Option<Stamps>,
    /// True if a change of the files since then shows.
    are_settled: bool,
    /// Faults of the last attempt, if it failed.
    refused: Option<String>,
}

impl WebControl {
    /// Reads the web configuration. `is_given` if the command line names it.
    pub(super) fn start(
        config: &Web,
        is_given: bool,
        telemetry: &Arc<Telemetry>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let reader = Reader {
            telemetry: Arc::clone(telemetry),
            clock: Arc::clone(clock),
            state: Mutex::new(State {
                file: file_of(config),
                ..State::default()
            }),
        };
        let policy = reader.read(&mut lock(&reader.state));
        let policy = policy.map_err(StartError::Web)?.unwrap_or_default();
        let reader = Arc::new(reader);
        let source: Arc<dyn PolicySource> = reader.clone();
        Ok(Self {
            policies: Policies::new(policy, Some(source), Arc::clone(clock)),
            reader,
            is_given,
        })
    }

    /// Applies a reloaded configuration, and reads its files. Returns the reason for which the policy before stays in force, if
    /// they have errors. May wait for files.
    pub(super) fn apply(&self, config: &Web) -> Option<String> {
        let mut state = lock(&self.reader.state);
        let mut file = file_of(config);
        if self.is_given {
            let path = state.file.as_ref().map(|file| file.path.clone());
            file = path.map(|path| web_file(path, config));
        }
        if state.file != file {
            *state = State {
                file,
                ..State::default()
            };
        }
        drop(state);
        self.policies.check_now();
        // Another thread's check ends first.
        let state = lock(&self.reader.state);
        let (Some(_), Some(file)) = (&state.refused, &state.file) else {
            return None;
        };
        let path = file.path.display();
        Some(format!(
            "reloaded, but the previous web configuration stays in force: {path} has errors, which `check` reports"
        ))
    }

    /// Looks at the files on a thread of its own.
    pub(super) fn check_aside(&self) {
        let policies = Arc::clone(&self.policies);
        if let Err(error) = aside("web-config", move || policies.check_now()) {
            tracing::error!("cannot start a thread to read the web configuration: {error}");
        }
    }
}

fn file_of(config: &Web) -> Option<WebFile> {
    let path = config.config_file.clone()?;
    Some(web_file(path, config))
}

fn web_file(path: PathBuf, config: &Web) -> WebFile {
    let open_health = config.open_health;
    WebFile { path, open_health }
}

impl Reader {
    /// Reads the files, and records the outcome. `None` without a web configuration.
    fn read(&self, state: &mut State) -> Result<Option<Policy>, Report> {
        let Some(file) = &state.file else {
            self.telemetry.web_config_absent();
            state.stamps = Some(Stamps::default());
            state.are_settled = true;
            return Ok(None);
        };
        let now = self.clock.wall();
        let Loaded {
            policy,
            report,
            stamps,
            not_after,
        } = file.load(Accept::Regular, now);
        let is_news = state.stamps.as_ref() != Some(&stamps) || state.refused.is_some();
        state.are_settled = stamps.are_settled(now);
        state.stamps = Some(stamps);
        let Some(policy) = policy else {
            self.telemetry.web_config_refused();
            return Err(report);
        };
        if is_news {
            for fault in report.faults() {
                tracing::warn!("{fault}");
            }
            tracing::info!("web configuration read from {}", file.path.display());
        }
        state.refused = None;
        self.telemetry.web_config_loaded(not_after);
        Ok(Some(policy))
    }
}

impl PolicySource for Reader {
    fn check(&self) -> Option<Policy> {
        let mut state = lock(&self.state);
        let is_known = |stamps: &Stamps| state.are_settled && stamps.are_current();
        // After a failure, the files may be readable without having changed.
        if state.refused.is_none() && state.stamps.as_ref().is_some_and(is_known) {
            return None;
        }
        match self.read(&mut state) {
            Ok(policy) => Some(policy.unwrap_or_default()),
            Err(report) => {
                let text = report.to_string();
                if state.refused.as_ref() != Some(&text) {
                    for fault in report.faults() {
                        tracing::error!("{fault}");
                    }
                    tracing::error!(
                        "web configuration not read, the previous one stays in force: {}",
                        counted(report.errors(), "error")
                    );
                    state.refused = Some(text);
                }
                None
            }
        }
    }
}
