//! Recommended lines for the servers' configurations.
//!
//! Invariant: the formats are those of the presets, byte for byte.

use crate::pattern::Preset;

/// Longest piece of a format on one line, in characters.
const PIECE: usize = 72;

/// Returns whether a text begins like a whole `log_format` directive.
pub(super) fn is_directive(text: &str) -> bool {
    const NAME: &str = "log_format";
    let word = text.trim_start().get(..NAME.len());
    word.is_some_and(|word| word.eq_ignore_ascii_case(NAME))
}

/// Returns the recommended `log_format`, under this name.
pub(super) fn log_format(name: &str) -> String {
    let pieces = pieces("nginx-django");
    format!("log_format {name} {};", pieces.join("\n    "))
}

/// Returns the recommended lines for `gunicorn.conf.py`.
pub(super) fn gunicorn_conf(path: &str) -> String {
    let pieces = pieces("gunicorn-django");
    format!(
        "accesslog = \"{path}\"\naccess_log_format = (\n    {}\n)",
        pieces.join("\n    ")
    )
}

/// Splits a preset's format after blanks into quoted pieces.
fn pieces(preset: &str) -> Vec<String> {
    let definition = Preset::find(preset).and_then(|preset| preset.definition().ok());
    let source = definition.map_or_else(String::new, |definition| definition.source);
    let mut pieces: Vec<String> = vec![String::new()];
    for word in source.split_inclusive(' ') {
        match pieces.last_mut() {
            Some(piece) if piece.len() + word.len() <= PIECE => piece.push_str(word),
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces.iter().map(|piece| format!("'{piece}'")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::nginx::Format;

    #[test]
    fn snippets_define_the_presets() {
        let parsed = Format::parse(&log_format("httplog")).unwrap();
        let preset = Preset::find("nginx-django").unwrap().definition().unwrap();
        assert_eq!((&*parsed.name, parsed.text), ("httplog", preset.source));
        let pattern = crate::pattern::Pattern::compile(
            "x",
            crate::pattern::Dialect::Gunicorn,
            gunicorn_conf("/a").split_once('\n').unwrap().1,
        );
        let preset = Preset::find("gunicorn-django").unwrap().pattern().unwrap();
        assert_eq!(pattern.unwrap().fields(), preset.fields());
    }
}
