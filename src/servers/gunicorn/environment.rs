//! Splits commands into words, and replaces variables of the environment.
//!
//! Invariant: a variable that may be set elsewhere stays as it is written.

use std::collections::BTreeMap;

/// Stands for a `$` between single quotes of a shell.
const LITERAL: char = '\u{f0000}';

/// Stands for a `$` between double quotes.
const QUOTED: char = '\u{f0001}';

/// The environment of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, String>,
    /// True if no other variables are set.
    pub(super) is_whole: bool,
}

/// The program that replaces variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expander {
    Systemd,
    Shell,
}

impl Environment {
    /// Returns a variable, empty if it is known to be unset; `None` if it may be set elsewhere.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.variables.get(name).map(String::as_str);
        found.or_else(|| self.is_whole.then_some(""))
    }

    /// Adds the variables of an environment file.
    pub(super) fn read_file(&mut self, text: &str) {
        let joined = text.replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some((name, value)) = line.split_once('=') {
                let value = words(value).map(|words| words.join(" "));
                let value = value.unwrap_or_default().replace([LITERAL, QUOTED], "$");
                self.variables.insert(name.trim().to_owned(), value);
            }
        }
    }

    /// Splits a command into its words, with their variables replaced; `None` if a quote is unclosed.
    pub(super) fn words(&self, text: &str, expander: Expander) -> Option<Vec<String>> {
        let words = words(&text.replace("\\\n", " "))?;
        Some(
            words
                .iter()
                .flat_map(|word| self.expand(word, expander))
                .collect(),
        )
    }

    fn expand(&self, word: &str, expander: Expander) -> Vec<String> {
        let is_shell = expander == Expander::Shell;
        let name = word.strip_prefix('$').unwrap_or_default();
        let in_braces = name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        let name = in_braces.filter(|_| is_shell).unwrap_or(name);
        if !name.is_empty()
            && name_length(name) == name.len()
            && let Some(value) = self.get(name)
        {
            return value.split_whitespace().map(str::to_owned).collect();
        }
        let mut text = String::new();
        let mut rest = word;
        while let Some(at) = rest.find(['$', LITERAL, QUOTED]) {
            text.push_str(&rest[..at]);
            let is_literal = rest[at..].starts_with(LITERAL) && is_shell;
            let length = rest[at..].chars().next().map_or(0, char::len_utf8);
            rest = &rest[at + length..];
            text.push('$');
            if is_literal {
                continue;
            }
            if !is_shell && rest.starts_with(['$', LITERAL, QUOTED]) {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                rest = &rest[length..];
                continue;
            }
            let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let (name, after) = match inside {
                Some(pair) => pair,
                None if is_shell => rest.split_at(name_length(rest)),
                None => continue,
            };
            let (name, default) = match name.split_once(":-") {
                Some((name, default)) if is_shell => (name, Some(default)),
                _ => (name, None),
            };
            let value = self.get(name);
            let value = match default {
                Some(default) if value == Some("") => Some(default),
                _ => value,
            };
            if let Some(value) = value.filter(|_| !name.is_empty()) {
                text.pop();
                text.push_str(value);
                rest = after;
            }
        }
        text.push_str(rest);
        vec![text]
    }
}

fn name_length(text: &str) -> usize {
    text.bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count()
}

/// Splits a command into words; `None` if a quote is unclosed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(next) = characters.next() {
        match (quote, next) {
            (Some(open), _) if next == open => quote = None,
            (Some('\''), '$') => word.get_or_insert_default().push(LITERAL),
            (Some('\''), _) => word.get_or_insert_default().push(next),
            (Some(_), '$') => word.get_or_insert_default().push(QUOTED),
            (_, '\\') => match characters.next() {
                Some('$') => word.get_or_insert_default().push(LITERAL),
                next => word.get_or_insert_default().extend(next),
            },
            (None, '"' | '\'') => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            (None, _) if next.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(next),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_systemd_and_shells_do() {
        let check = |is_whole, expander, text: &str, expected: &[&str]| {
            let variables = BTreeMap::from([("A".to_owned(), "1 2".to_owned())]);
            let environment = Environment {
                variables,
                is_whole,
            };
            assert_eq!(
                environment.words(text, expander).unwrap(),
                expected,
                "{text}"
            );
        };
        let systemd = |text, expected: &[&str]| check(true, Expander::Systemd, text, expected);
        systemd(
            "x $A ${A} y$A $B ${B} $$A",
            &["x", "1", "2", "1 2", "y$A", "", "$A"],
        );
        systemd("sh -c 'x ${A} $A'", &["sh", "-c", "x 1 2 $A"]);
        let shell = |text, expected: &[&str]| check(true, Expander::Shell, text, expected);
        shell(
            "x $A \"$A\" '$A' y${A}",
            &["x", "1", "2", "1 2", "$A", "y1 2"],
        );
        shell("${B:-d} $B \\$A", &["d", "$A"]);
        check(
            false,
            Expander::Shell,
            "$B x$B ${B:-d}",
            &["$B", "x$B", "${B:-d}"],
        );
    }

    #[test]
    fn environment_files_are_read() {
        let mut environment = Environment::default();
        environment.read_file("# c\nA=b c\nB=\"x $y\"\n ; c\nC='it''s' \\\n d\nD\n");
        let found: Vec<_> = environment.variables.into_iter().collect();
        let expected = [("A", "b c"), ("B", "x $y"), ("C", "its d")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, expected);
    }
}
