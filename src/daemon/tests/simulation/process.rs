//! One life of the process: the product's own code from the start to the kill, without its threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::Sabotage;
use super::page::exact;
use super::site::NAMES;
use crate::clock::{Clock, ManualClock};
use crate::config::Config;
use crate::daemon::assembly::{Assembly, share_out};
use crate::daemon::begin::resume;
use crate::daemon::commits::committer::Committer;
use crate::daemon::notice::Notice;
use crate::daemon::recovery::Recovered;
use crate::daemon::shared_shard::Shards;
use crate::daemon::snapshot::SourceSnapshot;
use crate::daemon::work::Work;
use crate::daemon::worker::{WorkerThread, snapshots};
use crate::join::Links;
use crate::model::{SavedInput, SecretKey};
use crate::pipeline::NarrowedPatterns;
use crate::source::planted::leave_out;
use crate::source::simulation::memory::Memory;
use crate::source::{Notifier, Progress, ReadBuffer, SharedFs, StreamThread};
use crate::state::Settings;
use crate::state::tests::simulated::Simulated;
use crate::telemetry::Telemetry;

/// Threads of the process.
pub(super) const THREADS: usize = 2;
/// Family of the gaps.
const GAPS: &str = "httplog_exporter_gap_events_total";
/// More rounds than any history needs until everything is read.
const MOST_ROUNDS: usize = 10_000;

const CONFIG: &str = r#"
[metrics]
sets = ["connections"]
[[metric]]
name = "lines_total"
help = "Lines, each in a series of its own."
type = "counter"
labels = ["method", "source", "status"]
[[metric]]
name = "bytes_total"
help = "Bytes of responses."
type = "counter"
value = "response_bytes"
labels = ["source"]
[pattern.line]
nginx = '"$request" $status $body_bytes_sent rt=$request_time urt="$upstream_response_time" rid=$request_id'
[[source]]
name = "front"
paths = ["/log/front.log"]
pattern = "line"
start = "beginning"
watch = false
[[source]]
name = "back"
behind = "front"
paths = ["/log/back.log"]
pattern = "line"
start = "beginning"
watch = false
[[source]]
name = "lone"
paths = ["/log/lone.log"]
pattern = "line"
start = "beginning"
watch = false
"#;

/// Parts of a process that no history changes, and that take long to make.
pub(super) struct Surroundings {
    config: Config,
    narrowed: NarrowedPatterns,
    /// Shared by all processes: it takes longer to make than to recover.
    telemetry: Arc<Telemetry>,
}

/// A running process.
pub(super) struct Process {
    pub(super) parts: Vec<Vec<Work<Memory>>>,
    pub(super) committer: Committer,
    pub(super) shards: Arc<Shards>,
    clock: Arc<dyn Clock>,
    buffer: ReadBuffer,
    notices: mpsc::UnboundedSender<Notice>,
    /// An earlier process may have served more than was recovered.
    pub(super) was_behind: bool,
    /// No state was recovered.
    pub(super) starts_over: bool,
}

/// The clock of a process: its monotonic time begins with it.
struct OwnClock {
    world: Arc<ManualClock>,
    began: Duration,
}

impl Clock for OwnClock {
    fn monotonic(&self) -> Duration {
        self.world.monotonic().saturating_sub(self.began)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + self.world.monotonic()
    }
}

impl Surroundings {
    pub(super) fn new() -> Self {
        let checked = Config::parse("simulation", CONFIG, std::path::Path::new("/"));
        let faults: Vec<_> = checked
            .report
            .faults()
            .iter()
            .map(|it| &it.message)
            .collect();
        Self {
            config: checked.config.unwrap_or_else(|| panic!("{faults:?}")),
            narrowed: NarrowedPatterns::default(),
            telemetry: Arc::new(Telemetry::new("1", SystemTime::UNIX_EPOCH).unwrap()),
        }
    }

    /// Returns the number of gaps that were reported for a log.
    pub(super) fn gaps(&self, log: usize) -> u64 {
        let families = self.telemetry.gap_families();
        let events = families.iter().find(|family| &*family.name == GAPS);
        let series = events.map_or(&[][..], |family| &family.series);
        let own = series
            .iter()
            .filter(|series| series.label("source") == Some(NAMES[log]));
        own.map(|series| exact(&series.value)[0]).sum()
    }
}

impl Process {
    /// Starts a process; `None` if it is killed meanwhile.
    pub(super) fn start(
        with: &Surroundings,
        memory: &Memory,
        directory: &Simulated,
        settings: Settings,
        world: &Arc<ManualClock>,
        killed_at: Option<usize>,
    ) -> Result<Option<Self>, String> {
        let clock: Arc<dyn Clock> = Arc::new(OwnClock {
            began: world.monotonic(),
            world: Arc::clone(world),
        });
        let telemetry = Arc::clone(&with.telemetry);
        for name in NAMES {
            telemetry.forget_source(name);
        }
        let (notices, _) = mpsc::unbounded_channel();
        let shards = Arc::new(Shards::new(Arc::clone(&telemetry), Arc::clone(&clock)));
        let mut assembly = Assembly {
            shards: Arc::clone(&shards),
            telemetry,
            clock: Arc::clone(&clock),
            notifier: Notifier::new(Arc::clone(&clock)),
            files: SharedFs::new(memory.clone(), Arc::clone(&clock)),
            streams: Arc::new(StreamThread::new(Arc::clone(&clock))),
            notices: notices.clone(),
            thread_maker: Arc::new(WorkerThread::prepare),
            key: SecretKey::random(),
            web: None,
            overview: None,
        };
        directory.restart(killed_at);
        let mut recovered = Recovered::nothing();
        let read = recovered.read(Box::new(directory.clone()), settings);
        let is_killed = killed_at.is_some_and(|at| directory.operations() > at);
        directory.restart(None);
        if is_killed {
            return Ok(None);
        }
        read.map_err(|error| format!("the start is refused: {error}"))?;
        for source in &mut recovered.saved.sources {
            if let SavedInput::Files(files) = &mut source.input {
                leave_out(files);
            }
        }
        let was_behind = recovered.is_behind;
        if Sabotage::ServesPrevious.is_on() {
            recovered.is_behind = false;
        }
        let starts_over = recovered.saved.sources.is_empty();
        let resumed = resume(&mut assembly, &with.config, recovered);
        let resumed = resumed.map_err(|error| error.to_string())?;
        let made = assembly.make_sources(
            &with.config,
            &BTreeMap::default(),
            Vec::new(),
            &resumed.links,
            resumed.sources,
            &with.narrowed,
        );
        let (works, links) = made.map_err(|refused| refused.error.to_string())?;
        let together = if Sabotage::RingApart.is_on() {
            Links::default()
        } else {
            links
        };
        Ok(Some(Self {
            parts: share_out(works, THREADS, &together),
            committer: resumed.keeper.unwrap().committer(&clock),
            shards,
            clock,
            buffer: ReadBuffer::default(),
            notices,
            was_behind,
            starts_over,
        }))
    }

    /// Lets all sources read all there is.
    pub(super) fn run(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let mut is_idle = true;
            for thread in 0..THREADS {
                is_idle &= self.run_once(thread);
            }
            if is_idle {
                return;
            }
        }
        panic!("the sources do not come to rest");
    }

    /// Lets the sources of a thread do one round; returns whether they have read all there is.
    pub(super) fn run_once(&mut self, thread: usize) -> bool {
        let mut is_idle = true;
        for work in &mut self.parts[thread] {
            let progress = work.round(&*self.clock, &mut self.buffer, &self.notices);
            is_idle &= progress == Progress::Idle;
        }
        is_idle
    }

    /// Takes the snapshots of the sources of a thread, as it does between two batches.
    pub(super) fn cut(&mut self, thread: usize) -> Vec<SourceSnapshot> {
        let logs = self.committer.commits().wanted_logs();
        snapshots(&mut self.parts[thread], &*self.clock, logs)
    }
}
