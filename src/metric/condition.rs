//! Which lines a metric counts.
//!
//! Invariant: a condition asks for a label's value alone, so it is answered once for each row, not
//! for each line.

use crate::label::Label;

/// A label and the values that pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is asked.
    pub label: Label,
    /// Globs (`*`, `?`): one of them, if there is any, must match.
    pub any: Vec<String>,
    /// Globs of which none may match.
    pub none: Vec<String>,
}

impl Condition {
    /// Of globs; those that begin with `!` leave out what they match.
    pub fn new<'g>(label: Label, globs: impl IntoIterator<Item = &'g str>) -> Self {
        let mut condition = Self {
            label,
            any: Vec::new(),
            none: Vec::new(),
        };
        for glob in globs {
            let (side, glob) = match glob.strip_prefix('!') {
                Some(glob) => (&mut condition.none, glob),
                None => (&mut condition.any, glob),
            };
            side.push(match (label, glob.strip_suffix("xx")) {
                (Label::Status, Some(class)) => format!("{class}??"),
                _ => glob.to_owned(),
            });
        }
        condition
    }

    /// Whether a value passes.
    pub fn passes(&self, value: &str) -> bool {
        let matches = |glob: &String| matches(glob.as_bytes(), value.as_bytes());
        (self.any.is_empty() || self.any.iter().any(matches)) && !self.none.iter().any(matches)
    }
}

/// Whether a glob matches a text: `*` any bytes, `?` one. Time is bounded by the product of lengths.
pub(super) fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                at = after;
                seen = from + 1;
            }
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_values() {
        let check = |glob: &str, text: &str, expected| {
            assert_eq!(
                matches(glob.as_bytes(), text.as_bytes()),
                expected,
                "{glob} {text}"
            );
        };
        check("checkout:*", "checkout:pay", true);
        check("checkout:*", "a checkout:pay", false);
        check("*:pay", "checkout:pay", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b", false);
        check("", "", true);
        check("", "a", false);
    }

    #[test]
    fn classes_of_status_and_exceptions_are_understood() {
        let errors = Condition::new(Label::Status, ["5xx", "!501"]);
        assert!(errors.passes("500"));
        assert!(!errors.passes("501") && !errors.passes("404"));
        let named = Condition::new(Label::View, ["!<unnamed view>"]);
        assert!(named.passes("home") && !named.passes("<unnamed view>"));
    }

    proptest::proptest! {
        #[test]
        fn a_glob_is_the_expression_it_stands_for(glob in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let expression = glob.replace('*', ".*").replace('?', ".");
            let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&text);
            proptest::prop_assert_eq!(matches(glob.as_bytes(), text.as_bytes()), expected);
        }
    }
}
