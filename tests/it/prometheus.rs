//! Runs a real Prometheus and queries it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{get, until};

/// Returns a free port. The servers of other tests also let the system choose theirs.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub struct Prometheus {
    server: Child,
    address: String,
}

impl Prometheus {
    /// Starts Prometheus with a target of `job="django"`, and waits until the target has been scraped.
    pub fn start(dir: &Path, target: &str) -> Self {
        let text = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs:\n\
             - job_name: django\n  static_configs: [{{targets: [\"{target}\"]}}]\n"
        );
        let prometheus = Self::configured(dir, free_port(), &text);
        prometheus.answer("up{job=\"django\"} == 1");
        prometheus
    }

    /// Starts Prometheus on a configuration, at a port of 127.0.0.1.
    pub fn configured(dir: &Path, port: u16, text: &str) -> Self {
        Self::with_options(dir, port, text, &[])
    }

    /// Starts Prometheus on a configuration, at a port of 127.0.0.1, with further options.
    pub fn with_options(dir: &Path, port: u16, text: &str, options: &[&str]) -> Self {
        let config = dir.join("prometheus.yml");
        fs::write(&config, text).unwrap();
        let output = File::create(dir.join("prometheus.out")).unwrap();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self {
            server,
            address: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Waits until a query returns series, and returns their labels and values. Numbers that are not finite are left out.
    pub fn answer(&self, query: &str) -> Vec<(Value, f64)> {
        until(|| {
            let found = self.ask(query)?;
            if found.is_empty() {
                return Err(format!("no result of {query}"));
            }
            Ok(found)
        })
    }

    /// Returns all series of a selector, also those that have ended.
    pub fn series(&self, selector: &str) -> BTreeSet<String> {
        let selector = quoted(selector);
        let url = format!("{}/api/v1/series?match[]={selector}", self.address);
        let answer: Value = serde_json::from_str(&get(&url).unwrap()).unwrap();
        let found = answer["data"].as_array().unwrap();
        found.iter().map(Value::to_string).collect()
    }

    /// Returns the exemplars of each of a query's series, of all time.
    pub fn exemplars(&self, query: &str) -> Result<Vec<Vec<Value>>, String> {
        let url = format!(
            "{}/api/v1/query_exemplars?query={query}&start=0&end=4000000000",
            self.address
        );
        let answer: Value = serde_json::from_str(&get(&url)?).map_err(|error| error.to_string())?;
        let series = answer["data"].as_array().ok_or("no result")?.iter();
        let exemplars = series.filter_map(|one| one["exemplars"].as_array());
        Ok(exemplars.cloned().collect())
    }

    /// Returns the URL of a path of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Fetches a page of this server.
    pub fn page(&self, path: &str) -> Result<String, String> {
        get(&self.url(path))
    }

    /// Returns a whole number of Prometheus' metrics about itself.
    pub fn own(&self, name: &str) -> u64 {
        let page = self.page("/metrics").unwrap();
        let mut lines = page.lines();
        let found = lines.find_map(|line| line.strip_prefix(name));
        found.unwrap().trim().parse().unwrap()
    }

    /// Runs a query and returns the labels and values of its series, possibly none.
    pub fn ask(&self, query: &str) -> Result<Vec<(Value, f64)>, String> {
        let query = quoted(query);
        let answer = get(&format!("{}/api/v1/query?query={query}", self.address))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let found = answer["data"]["result"].as_array().ok_or("no result")?;
        let numbers = found.iter().map(|series| {
            let number = series["value"][1].as_str().unwrap().parse().unwrap();
            (series["metric"].clone(), number)
        });
        Ok(numbers
            .filter(|(_, number): &(Value, f64)| number.is_finite())
            .collect())
    }
}

/// Returns a text as part of a URL.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        write!(quoted, "%{byte:02x}").unwrap();
    }
    quoted
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Nothing has to be saved.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
