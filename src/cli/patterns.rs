//! `patterns`: lists the presets.

use std::io::{self, Write};

use clap::Args;

use super::exit::{Exit, Failure};
use crate::model::Field;
use crate::pattern::{Definition, Preset, advice, presets};

/// List the presets, or show one with its fields and examples.
#[derive(Debug, Args)]
pub struct Patterns {
    /// Preset to show
    name: Option<String>,
}

impl Patterns {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match &self.name {
            None => list(&mut out),
            Some(name) => match Preset::find(name) {
                Some(preset) => show(&mut out, &preset.definition()?),
                None => Err(unknown(name)),
            },
        }
    }
}

fn unknown(name: &str) -> Failure {
    let names = presets().iter().map(|preset| preset.name);
    let failure = Failure::message(Exit::Usage, format!("unknown preset `{name}`"));
    failure.suggest(name, names)
}

fn list(out: &mut impl Write) -> Result<(), Failure> {
    let widths = presets().iter().map(|preset| preset.name.len());
    let width = widths.max().unwrap_or_default();
    for preset in presets() {
        let (name, description) = (preset.name, preset.definition()?.description);
        writeln!(out, "{name:width$}  {description}")?;
    }
    Ok(())
}

fn show(out: &mut impl Write, definition: &Definition) -> Result<(), Failure> {
    let pattern = &definition.pattern;
    writeln!(out, "{}: {}\n", pattern.name(), definition.description)?;
    writeln!(out, "{} = {}\n", definition.dialect.key(), toml(definition))?;
    let fields: Vec<&str> = pattern.fields().iter().map(Field::name).collect();
    writeln!(out, "fields: {}", fields.join(", "))?;
    writeln!(out, "engine: {}", pattern.engine().name())?;
    for remark in advice(pattern, definition.dialect, &definition.source) {
        writeln!(out, "note: {remark}")?;
    }
    for example in &definition.examples {
        writeln!(out, "\n{}", example.line)?;
        let widths = example.record.iter().map(|(field, _)| field.name().len());
        let width = widths.max().unwrap_or_default();
        for (field, value) in &example.record {
            writeln!(out, "    {:width$}  {value}", field.name())?;
        }
    }
    Ok(())
}

/// Formats the source for pasting into a configuration.
fn toml(definition: &Definition) -> String {
    let source = &definition.source;
    if definition.dialect.takes_keys() {
        source.clone()
    } else if source.contains('\n') {
        format!("'''\n{source}'''")
    } else if source.contains('\'') {
        format!("'''{source}'''")
    } else {
        format!("'{source}'")
    }
}
