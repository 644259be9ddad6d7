//! Runs the exporter beside the site and collects everything that it outputs.
//!
//! Invariant: each daemon runs in an empty directory, so that it wrote every file found there later.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::counts;
use crate::prometheus::Prometheus;
use crate::stack::Site;
use crate::support::{Daemon, HEAD, Source, get, program, run};

/// Levels of the exporter's log.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Paths that the exporter serves, and one that it does not.
const PAGES: [&str; 5] = ["/", "/metrics", "/-/healthy", "/-/ready", "/nothing"];
const REPLAYED: [&str; 3] = ["summary", "metrics", "json"];
/// Directories of the daemons.
const HOMES: [&str; 3] = ["views", "folding", "joined"];

/// Names and contents of outputs.
pub type Outputs = Vec<(String, Vec<u8>)>;

/// Three daemons and a Prometheus that scrapes the first: one resolves views, one folds paths, one joins
/// the lines of both servers.
pub struct Exporters {
    dir: PathBuf,
    daemons: Vec<(Daemon, Vec<(&'static str, PathBuf)>)>,
    prometheus: Prometheus,
}

impl Exporters {
    /// Starts daemons on the logs of a site. `sets` is a section of the configuration, or empty.
    pub fn start(dir: &Path, site: &Site, dump: &Path, sets: &str) -> Self {
        let views = vec![("nginx", site.log("access.log"))];
        let folding = vec![
            ("nginx", site.log("combined.log")),
            ("gunicorn", site.log("gunicorn.log")),
        ];
        let joined = vec![
            ("nginx", site.log("access.log")),
            ("gunicorn", site.log("gunicorn.log")),
        ];
        let routes = format!(
            "routes = 'shop'\n[routes.shop]\nurlconf = '{}'\n",
            dump.display()
        );
        let toml = |name, pattern, log: &Path| Source { name, pattern, log }.toml();
        let configs = [
            toml("nginx", "nginx-django", &views[0].1) + &routes,
            toml("nginx", "nginx-combined", &folding[0].1)
                + &toml("gunicorn", "gunicorn-django", &folding[1].1),
            toml("nginx", "nginx-django", &joined[0].1)
                + &toml("gunicorn", "gunicorn-django", &joined[1].1)
                + "behind = 'nginx'\n",
        ];
        let mut daemons = Vec::new();
        let logs = [views, folding, joined];
        for ((name, config), logs) in HOMES.into_iter().zip(configs).zip(logs) {
            let home = dir.join(name);
            fs::create_dir_all(&home).unwrap();
            fs::write(home.join("config.toml"), format!("{HEAD}\n{sets}{config}")).unwrap();
            let mut command = program(["--log-level", "trace", "run", "--config"]);
            command.arg(home.join("config.toml")).current_dir(&home);
            daemons.push((Daemon::start(&home, command), logs));
        }
        let prometheus = Prometheus::start(dir, daemons[0].0.socket());
        Self {
            dir: dir.to_owned(),
            daemons,
            prometheus,
        }
    }

    /// Waits until every line is counted, then queries Prometheus.
    pub fn ask(&self, queries: &[&'static str]) -> Vec<(&'static str, Vec<(Value, f64)>)> {
        for (daemon, logs) in &self.daemons {
            let lines: Vec<(&str, u64)> = logs
                .iter()
                .map(|(name, log)| {
                    (
                        *name,
                        counts::total(&counts::of_log(&fs::read(log).unwrap())),
                    )
                })
                .collect();
            daemon.metrics_after(&lines);
        }
        queries
            .iter()
            .map(|query| (*query, self.prometheus.answer(query)))
            .collect()
    }

    /// Collects everything that the exporter served, logged and wrote.
    pub fn into_outputs(self) -> Outputs {
        let mut outputs = Outputs::new();
        for (daemon, logs) in &self.daemons {
            for page in PAGES {
                let url = format!("http://{}{page}", daemon.socket());
                let text = get(&url).unwrap_or_else(|error| error);
                outputs.push((url, text.into_bytes()));
            }
            let log = logs[0].1.to_str().unwrap();
            for output in REPLAYED {
                let args = ["replay", "--output", output, log];
                outputs.push(self.replayed(&args));
            }
            for level in LEVELS {
                outputs.push(self.replayed(&["--log-level", level, "replay", log]));
            }
        }
        let config = self.dir.join("joined/config.toml");
        let (config, logs) = (config.to_str().unwrap(), &self.daemons[2].1);
        let [nginx, gunicorn] = [0, 1].map(|at| logs[at].1.to_str().unwrap());
        for output in REPLAYED {
            let args = ["replay", "--config", config, "--output", output];
            let (name, text) = self.replayed(&[&args[..], &[nginx, gunicorn]].concat());
            let is_joined = memchr::memmem::find(&text, b"unreached").is_some();
            assert!(is_joined, "{name} joined nothing");
            outputs.push((name, text));
        }
        drop(self.daemons);
        for home in HOMES {
            collect_files(&self.dir.join(home), &mut outputs);
        }
        outputs
    }

    fn replayed(&self, args: &[&str]) -> (String, Vec<u8>) {
        let ended = run(&self.dir, args, "");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        (args.join(" "), (ended.out + &ended.err).into_bytes())
    }
}

fn collect_files(folder: &Path, outputs: &mut Outputs) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(&path, outputs);
        } else {
            outputs.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}
