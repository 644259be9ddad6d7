//! Tests of the manifests for Kubernetes and of the file for Docker Compose.

use super::tool;
use crate::support::project;

#[test]
fn manifests_and_compose_match_their_schemas_and_each_other() {
    let python = project(".venv/bin/python");
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    let said = tool(
        python.to_str().unwrap(),
        &["tests/stack/manifests.py", program],
    );
    eprintln!("{said}");
    assert!(said.starts_with("9 resources, "), "{said}");
}
