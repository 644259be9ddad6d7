//! The `DaemonSet` on the layout of a node: the configuration of its `ConfigMap`, and the files of 50 pods.

mod node;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::scrape::Scrape;
use crate::support::{Daemon, project};
use node::{Node, Place};

/// Pods of each workload: the namespace, the workload, and the names that its controller gives them.
const WORKLOADS: [(&str, &str, &str); 5] = [
    ("shop", "shop", "shop-7d4b9c6f5d-PPPPP"),
    ("shop", "shop-admin", "shop-admin-5b8f6d4c9-PPPPP"),
    ("blog", "blog", "blog-N"),
    ("edge", "ingress", "ingress-PPPPP"),
    // Not in the lists.
    ("jobs", "import", "import-6c9d8b7f4-PPPPP"),
];

/// Returns the configuration of `deploy/kubernetes/configmap.yaml`, with the directories of a test and these values of labels.
fn config(node: &Path, state: &Path) -> String {
    let manifest = fs::read_to_string(project("deploy/kubernetes/configmap.yaml")).unwrap();
    let (_, text) = manifest.split_once("  config.toml: |\n").unwrap();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "no {from} in {text}");
        text = text.replace(from, to);
    };
    replace("0.0.0.0:9914", "127.0.0.1:0");
    replace(
        "/var/log/containers",
        node.join("containers").to_str().unwrap(),
    );
    replace("/var/lib/httplog-exporter", state.to_str().unwrap());
    replace(
        "field = \"kubernetes_namespace\"\nvalues = [\"shop\"]",
        "field = \"kubernetes_namespace\"\nvalues = [\"shop\", \"blog\", \"edge\"]",
    );
    replace(
        "field = \"kubernetes_workload\"\nvalues = [\"shop\"]",
        "field = \"kubernetes_workload\"\nvalues = [\"shop\", \"shop-admin\", \"blog\", \"ingress\"]",
    );
    text
}

/// Returns a line of a container in the format that its source has.
fn line(container: &str, number: u64) -> String {
    let status = if number.is_multiple_of(7) { 404 } else { 200 };
    let common = format!(
        "10.0.0.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /articles/{number}/ HTTP/1.1\" {status} 10 \"-\" \"ua\""
    );
    if container == "gunicorn" {
        common
    } else {
        common + " \"-\""
    }
}

/// Starts the pods of all workloads with these numbers.
fn start(node: &mut Node, numbers: std::ops::Range<usize>) {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    for number in numbers {
        let (namespace, workload, form) = WORKLOADS[number % WORKLOADS.len()];
        let random = (0..5).map(|nth| char::from(LETTERS[(number * 31 + nth * 7) % LETTERS.len()]));
        let pod = form
            .replace("PPPPP", &random.collect::<String>())
            .replace('N', &(number / WORKLOADS.len()).to_string());
        // The last one is not a server.
        node.start(namespace, &pod, workload, &["nginx", "gunicorn", "worker"]);
    }
}

/// Writes some lines of every container.
fn write(node: &mut Node, lines: u64) {
    for number in 0..lines {
        for nth in 0..node.containers.len() {
            let text = line(node.containers[nth].name(), number);
            node.write(nth, &text);
            if nth.is_multiple_of(5) {
                node.error(nth);
            }
        }
    }
}

/// Returns the requests of a page by namespace, workload and container.
fn requests(page: &Scrape) -> BTreeMap<Place, u64> {
    let mut counts = BTreeMap::new();
    for sample in page.samples("httplog_requests_total", &[]) {
        let [namespace, workload, container] = ["namespace", "workload", "container"]
            .map(|label| sample.labels.get(label).cloned().unwrap_or_default());
        *counts.entry((namespace, workload, container)).or_default() += sample.count();
    }
    counts.retain(|_, count| *count > 0);
    counts
}

/// Returns what the page must have: the containers that the sources select, with `<other>` for what is not listed.
fn shown(node: &Node) -> BTreeMap<Place, u64> {
    let mut counts = BTreeMap::new();
    for (place, lines) in &node.written {
        let mut place = place.clone();
        if place.0 == "jobs" {
            (place.0, place.1) = ("<other>".into(), "<other>".into());
        }
        if place.2 != "worker" {
            *counts.entry(place).or_default() += lines;
        }
    }
    counts
}

/// Waits until the daemon has read all lines, and compares the counts by label.
fn check(daemon: &Daemon, node: &Node) {
    let expected = ["nginx", "gunicorn"].map(|source| {
        let of = |counts: &BTreeMap<Place, u64>| {
            let here = |place: &&Place| place.2 == source;
            counts.keys().filter(here).map(|place| counts[place]).sum()
        };
        // Each piece of standard error is a line that is skipped.
        (source, [of(&node.written), of(&node.errors), 0])
    });
    let read = expected.map(|(source, lines)| (source, lines.iter().sum()));
    let page = Scrape::parse(&daemon.metrics_after(&read));
    assert_eq!(requests(&page), shown(node));
    for (source, lines) in expected {
        let outcomes = ["recorded", "skipped", "rejected"].map(|it| page.lines(source, Some(it)));
        assert_eq!(outcomes, lines, "{source}");
    }
    for gap in page.samples("httplog_exporter_gap_events_total", &[]) {
        assert_eq!(gap.count(), 0, "{gap:?}");
    }
}

#[test]
fn fifty_pods_are_counted_by_namespace_workload_and_container_through_rotations_restarts_and_kills()
{
    let dir = tempfile::tempdir().unwrap();
    let [logs, home] = ["log", "exporter"].map(|name| dir.path().join(name));
    for path in [&logs, &home] {
        fs::create_dir(path).unwrap();
    }
    let mut node = Node::new(&logs);
    let config = config(&logs, &home.join("state"));

    // The exporter is there before the pods: what they write is read from its first line.
    let mut daemon = Daemon::waiting(&home, &config);
    start(&mut node, 0..40);
    write(&mut node, 3);
    daemon.wait_until_ready();
    check(&daemon, &node);

    // Logs are rotated while they are written, and the exporter is killed right after that, also within lines.
    for round in 0..3 {
        for nth in 0..node.containers.len() {
            let text = line(node.containers[nth].name(), 100);
            node.begin(nth, &text);
            if nth % 3 == round {
                node.rotate(nth);
            }
        }
        write(&mut node, 2);
        drop(daemon);
        // While it is down, other logs are rotated, some of them twice, so that one file is compressed unread; containers restart.
        for nth in 0..node.containers.len() {
            if nth % 4 == round && nth % 3 != round {
                node.rotate(nth);
            }
        }
        write(&mut node, 1);
        for nth in 0..node.containers.len() {
            if nth % 8 == round && nth % 3 != round {
                node.rotate(nth);
            }
            if nth % 7 == round {
                node.restart(nth);
            }
        }
        write(&mut node, 1);
        daemon = Daemon::configured(&home, &config);
        write(&mut node, 1);
        check(&daemon, &node);
    }

    // More pods start, and a new version of the DaemonSet takes over.
    start(&mut node, 40..50);
    write(&mut node, 2);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    write(&mut node, 2);
    let daemon = Daemon::configured(&home, &config);
    check(&daemon, &node);

    // Pods are deleted right after their last lines.
    let pods: Vec<_> = node.containers.iter().map(|it| it.pod.clone()).collect();
    write(&mut node, 1);
    // Each pod has three containers.
    for pod in pods.iter().step_by(6) {
        node.delete(pod);
    }
    write(&mut node, 1);
    check(&daemon, &node);
    assert_eq!(node.containers.len(), 25 * 3);
    eprintln!(
        "{} requests, {} pieces of standard error, {} MiB at most",
        node.written.values().sum::<u64>(),
        node.errors.values().sum::<u64>(),
        daemon.peak_memory() >> 20
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
}
