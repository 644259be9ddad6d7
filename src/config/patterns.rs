//! Patterns by name: presets, and the custom ones of a configuration and of the folder `patterns`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::limits::NAME_BYTES;
use crate::diag::{Document, Fault, Report, Section, Spot};
use crate::pattern::{Definition, Pattern, Preset, presets};
use crate::text_file::{self, Accept};

/// Folder of custom patterns where no configuration is given.
pub const DEFAULT_PATTERNS: &str = "/etc/httplog-exporter/patterns";

/// Custom patterns by name; `None` for one whose faults are in the report.
pub(super) type Patterns = BTreeMap<String, Option<Arc<Pattern>>>;

/// Presets that sources have named. A thousand sources share one.
pub(super) type CompiledPresets = RefCell<BTreeMap<String, Arc<Pattern>>>;

/// Reads the custom patterns of every `*.toml` of a folder, in the order of their names. A folder that does not
/// exist is empty.
pub(super) fn read_folder(folder: &Path, report: &mut Report) -> Vec<Pattern> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                let folder = folder.display();
                report.push(Fault::error(format!("cannot list {folder}: {error}")));
            }
            return Vec::new();
        }
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .collect();
    paths.sort();
    let mut patterns = Vec::new();
    for path in paths {
        let text = match text_file::read_file(&path, Accept::Regular) {
            Ok(bytes) => text_file::decode(path.display().to_string(), bytes),
            Err(error) => {
                report.push(Fault::error(error.to_string()));
                continue;
            }
        };
        let (text, None) = text else {
            report.extend(text.1);
            continue;
        };
        let document = Document::parse(&text, report);
        let mut root = document.root();
        let read = read(&mut root, report);
        patterns.extend(read.into_iter().filter_map(|(_, pattern)| pattern));
        root.finish(report);
    }
    patterns
}

/// Reads the tables `[pattern.NAME]`; `None` for one with a fault.
pub(super) fn read(root: &mut Section<'_>, report: &mut Report) -> Vec<(String, Option<Pattern>)> {
    let named = root.named("pattern", report).into_iter();
    named
        .map(|(name, section)| {
            name.check_name("a pattern", NAME_BYTES, report);
            let definition = Definition::read(&name, section, report);
            (name.value, definition.map(|definition| definition.pattern))
        })
        .collect()
}

/// Finds the pattern that a source names, among the custom ones and the presets.
pub(super) fn find(
    name: &Spot<String>,
    custom: &Patterns,
    compiled: &CompiledPresets,
    report: &mut Report,
) -> Option<Arc<Pattern>> {
    if let Some(pattern) = custom.get(&name.value) {
        return pattern.clone();
    }
    if let Some(pattern) = compiled.borrow().get(&name.value) {
        return Some(Arc::clone(pattern));
    }
    let Some(preset) = Preset::find(&name.value) else {
        let presets = presets().iter().map(|preset| preset.name);
        let names = custom.keys().map(String::as_str).chain(presets);
        let fault = name.error(format!("unknown pattern `{}`", name.value));
        report.push(match dialect(&name.value) {
            Some(dialect) => fault.help(format!(
                "a format has a name, by which sources use it:\n[pattern.mine]\n{dialect} = …\nhere: pattern = \"mine\""
            )),
            None => fault.suggest(&name.value, names),
        });
        return None;
    };
    match preset.pattern() {
        Ok(pattern) => {
            let pattern = Arc::new(pattern);
            let name = name.value.clone();
            compiled.borrow_mut().insert(name, Arc::clone(&pattern));
            Some(pattern)
        }
        Err(faults) => {
            report.extend(faults);
            None
        }
    }
}

/// Returns the key of the notation in which a text is probably a format; `None` for a name.
fn dialect(text: &str) -> Option<&'static str> {
    let has = |part: &str| text.contains(part);
    if text.starts_with('^') || has("(?<") || has("(?P<") {
        Some("regex")
    } else if has("$") {
        Some("nginx")
    } else if has("%(") {
        Some("gunicorn")
    } else if has("%") {
        Some("apache")
    } else {
        None
    }
}

/// Finds a pattern by name among the presets and the default folder.
pub fn find_pattern(name: &str) -> Result<Pattern, Report> {
    let mut report = Report::default();
    let custom = read_folder(Path::new(DEFAULT_PATTERNS), &mut report);
    if let Some(pattern) = custom.into_iter().find(|pattern| pattern.name() == name) {
        return Ok(pattern);
    }
    if let Some(preset) = Preset::find(name) {
        return preset.pattern();
    }
    let names = presets().iter().map(|preset| preset.name);
    report.push(Fault::error(format!("unknown pattern `{name}`")).suggest(name, names));
    Err(report)
}
