//! Patterns shipped with the program, embedded from `patterns/*.toml`.
//!
//! Invariant: every file in `patterns/` is embedded, compiles, and reads its own examples.

use std::sync::Arc;

use super::{Definition, Pattern};
use crate::diag::{Document, Report, Text};

/// A shipped pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name as used in `pattern = "…"`.
    pub name: &'static str,
    toml: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(Preset { name: $name, toml: include_str!(concat!("../../patterns/", $name, ".toml")) }),*]
    };
}

/// Sorted as documented, which is also the preference of recognition.
const PRESETS: &[Preset] = presets![
    "nginx-combined",
    "nginx-main",
    "nginx-vhost",
    "nginx-timed",
    "nginx-django",
    "nginx-json",
    "nginx-ltsv",
    "gunicorn",
    "gunicorn-seconds",
    "gunicorn-micros",
    "gunicorn-millis",
    "gunicorn-django",
    "uvicorn",
    "hypercorn",
    "granian",
    "daphne",
    "uwsgi",
    "uwsgi-micros",
    "common",
    "apache-combined",
    "apache-vhost",
    "apache-timed",
    "ingress-nginx",
    "traefik",
    "traefik-json",
    "caddy",
    "haproxy",
    "envoy",
];

/// Returns every shipped pattern.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

impl Preset {
    /// Finds the preset of this name.
    pub fn find(name: &str) -> Option<Self> {
        PRESETS.iter().copied().find(|preset| preset.name == name)
    }

    /// Compiles the preset and tries its examples. An error means a broken build.
    pub fn definition(self) -> Result<Definition, Report> {
        let text = Arc::new(Text {
            name: format!("patterns/{}.toml", self.name),
            content: self.toml.to_owned(),
        });
        let mut report = Report::default();
        let document = Document::parse(&text, &mut report);
        let mut root = document.root();
        let definition = root
            .named("pattern", &mut report)
            .into_iter()
            .filter_map(|(name, section)| Definition::read(&name, section, &mut report))
            .find(|definition| definition.pattern.name() == self.name);
        root.finish(&mut report);
        match definition {
            Some(definition) if !report.has_errors() => Ok(definition),
            _ => Err(report),
        }
    }

    /// Compiles the preset.
    pub fn pattern(self) -> Result<Pattern, Report> {
        self.definition().map(|definition| definition.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_compiles_and_reads_its_examples() {
        for preset in presets() {
            let definition = preset
                .definition()
                .unwrap_or_else(|report| panic!("{report}"));
            assert!(!definition.description.is_empty(), "{}", preset.name);
            assert!(definition.examples.len() >= 2, "{}", preset.name);
        }
    }

    #[test]
    fn every_shipped_file_is_embedded() {
        let mut files: Vec<String> =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/patterns"))
                .unwrap()
                .map(|entry| {
                    entry
                        .unwrap()
                        .path()
                        .file_stem()
                        .unwrap()
                        .to_string_lossy()
                        .into_owned()
                })
                .collect();
        files.sort();
        let mut names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }
}
