//! Runs the queries of Grafana's boards and alerts on a live Prometheus.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::prometheus::Prometheus;
use crate::support::project;

/// Least number of panels on both boards.
const PANELS: usize = 40;

fn json(path: &str) -> Value {
    let text = fs::read_to_string(project("deploy/grafana").join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Expands the variables of a query as Grafana does when everything is selected.
fn expanded(expr: &str) -> String {
    let mut expanded = expr
        .replace("$__rate_interval", "1m")
        .replace("$job", "httplog");
    for variable in ["$instance", "$view", "$method", "$source"] {
        expanded = expanded.replace(variable, ".*");
    }
    // Samples of half a day ago do not exist.
    expanded.replace(" offset 10m", "")
}

/// Asserts that every panel, variable and alert of Grafana has data.
pub fn have_data(prometheus: &Prometheus) {
    let mut questions = BTreeSet::new();
    let mut panels = 0;
    for board in ["dashboards/django.json", "dashboards/exporter.json"] {
        let board = json(board);
        for panel in list(&board["panels"]) {
            let targets = list(&panel["targets"]);
            panels += usize::from(!targets.is_empty());
            let exprs = targets
                .iter()
                .map(|target| target["expr"].as_str().unwrap());
            questions.extend(exprs.map(expanded));
        }
        for variable in list(&board["templating"]["list"]) {
            let query = variable["query"].as_str().unwrap();
            if let Some(query) = query.strip_prefix("label_values(") {
                let (of, label) = query.trim_end_matches(')').rsplit_once(", ").unwrap();
                questions.insert(format!("count by ({label}) ({})", expanded(of)));
            }
        }
    }
    let rules = json("provisioning/alerting/rules.json");
    for rule in list(&rules["groups"][0]["rules"]) {
        let exprs = list(&rule["data"])
            .iter()
            .filter_map(|query| query["model"]["expr"].as_str());
        questions.extend(exprs.map(expanded));
    }
    for question in &questions {
        assert!(!question.contains('$'), "{question}");
        // Data may take a scrape or two to arrive.
        prometheus.answer(question);
    }
    eprintln!("{panels} panels; {} questions answered", questions.len());
    assert!(panels > PANELS, "{panels} panels");
}
