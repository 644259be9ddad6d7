//! Runs the queries of Grafana's boards and alerts on a live Prometheus.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::prometheus::Prometheus;
use crate::support::project;

/// Boards of a Prometheus that stores classic buckets.
const CLASSIC: [&str; 3] = ["site", "django", "exporter"];
/// Boards of one that stores native histograms instead.
const NATIVE: [&str; 2] = ["native/site-native", "native/django-native"];

/// Least number of panels on a board.
const PANELS: usize = 20;

fn json(path: &str) -> Value {
    let text = fs::read_to_string(project("deploy/grafana").join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Expands the variables of a query as Grafana does when everything is selected; of a single source, `nginx`.
fn expanded(expr: &str) -> String {
    let mut expanded = expr
        .replace("$__rate_interval", "1m")
        .replace("\"$source\"", "\"nginx\"")
        .replace("=~\"nginx\"", "=~\".*\"")
        .replace("$job", "httplog")
        .replace("$compare", "2s");
    for variable in ["$instance", "$view", "$method", "$route"] {
        expanded = expanded.replace(variable, ".*");
    }
    // Samples of a day or a week ago do not exist, and what was a little traffic a day ago is little now.
    [" offset 1d", " offset 23h30m", " offset 1w"]
        .into_iter()
        .fold(expanded, |text, offset| text.replace(offset, ""))
        // Numbers of events below which alerts do not fire.
        .replace(">= 30", ">= 0")
        .replace(">= 10", ">= 0")
}

/// Returns the labels in a legend: `source` and `instance` of `{{source}} on {{instance}}`.
fn labels(legend: &str) -> impl Iterator<Item = &str> {
    let parts = legend.split("{{").skip(1);
    parts.filter_map(|rest| Some(rest.split_once("}}")?.0))
}

/// A query of a panel: its text, and the legend of its series.
fn question(panel: &Value, target: &Value) -> (String, String) {
    let [expr, legend] = ["expr", "legendFormat"].map(|key| target[key].as_str().unwrap());
    let expr = expanded(expr);
    let is_histogram = panel["type"] == "heatmap" && !expr.contains("by (le)");
    let whole = if is_histogram {
        format!("histogram_count({expr})")
    } else {
        expr
    };
    (whole, legend.to_owned())
}

/// Asserts that every panel and variable of the boards has data, and every series a name.
fn boards_have_data(prometheus: &Prometheus, boards: &[&str]) {
    for name in boards {
        let board = json(&format!("dashboards/{name}.json"));
        let mut questions = BTreeSet::new();
        let mut panels = 0;
        for panel in list(&board["panels"]) {
            let targets = list(&panel["targets"]);
            panels += usize::from(!targets.is_empty());
            questions.extend(targets.iter().map(|target| question(panel, target)));
        }
        for variable in list(&board["templating"]["list"]) {
            let query = variable["query"].as_str().unwrap();
            if let Some(query) = query.strip_prefix("label_values(") {
                let (of, label) = query.trim_end_matches(')').rsplit_once(", ").unwrap();
                let values = format!("count by ({label}) ({})", expanded(of));
                questions.insert((values, format!("{{{{{label}}}}}")));
            }
        }
        for (question, legend) in &questions {
            assert!(!question.contains('$'), "{question}");
            // Data may take a scrape or two to arrive.
            for (series, _) in prometheus.answer(question) {
                for label in labels(legend) {
                    let value = series[label].as_str().unwrap_or_default();
                    assert!(!value.is_empty(), "a series without a name: {question}");
                }
            }
        }
        eprintln!("{name}: {panels} panels; {} questions", questions.len());
        assert!(panels >= PANELS, "{name}: {panels} panels");
    }
}

/// Asserts that every panel, variable and alert of Grafana has data, in a Prometheus that stores classic buckets.
pub fn have_data(prometheus: &Prometheus) {
    boards_have_data(prometheus, &CLASSIC);
    let rules = json("provisioning/alerting/rules.json");
    for rule in list(&rules["groups"][0]["rules"]) {
        let exprs = list(&rule["data"])
            .iter()
            .filter_map(|query| query["model"]["expr"].as_str());
        exprs.for_each(|expr| {
            prometheus.answer(&expanded(expr));
        });
    }
}

/// Asserts that every panel and variable has data, in a Prometheus that stores native histograms.
pub fn have_native_data(prometheus: &Prometheus) {
    boards_have_data(prometheus, &NATIVE);
}
