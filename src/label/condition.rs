//! Conditions on label values.
//!
//! A condition depends on the value of one label alone, so it is evaluated once for each row, not for each line.

use std::fmt;

use globset::{GlobBuilder, GlobSet};

use super::Label;

/// A label, and globs for the values that pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The label whose value is tested.
    pub label: Label,
    /// Globs of which one must match, unless the list is empty.
    any: Globs,
    /// Globs of which none may match.
    none: Globs,
}

/// Globs: `*` matches any bytes, `?` one byte, everything else itself.
#[derive(Clone, Debug)]
struct Globs {
    texts: Vec<String>,
    set: GlobSet,
}

impl Condition {
    /// Compiles globs; those that begin with `!` exclude what they match. Fails if they are too long.
    pub fn new<'g>(
        label: Label,
        globs: impl IntoIterator<Item = &'g str>,
    ) -> Result<Self, globset::Error> {
        let (mut any, mut none) = (Vec::new(), Vec::new());
        for glob in globs {
            let (side, glob) = match glob.strip_prefix('!') {
                Some(glob) => (&mut none, glob),
                None => (&mut any, glob),
            };
            side.push(match (&label, glob.strip_suffix("xx")) {
                (Label::Status | Label::HttpResponseStatusCode | Label::ErrorType, Some(class)) => {
                    format!("{class}??")
                }
                _ => glob.to_owned(),
            });
        }
        Ok(Self {
            label,
            any: Globs::compile(any)?,
            none: Globs::compile(none)?,
        })
    }

    /// Creates the condition that a value is this text.
    pub fn exactly(label: Label, text: String) -> Result<Self, globset::Error> {
        Ok(Self {
            label,
            any: Globs::compile(vec![text])?,
            none: Globs::compile(Vec::new())?,
        })
    }

    /// Returns whether a value passes.
    pub fn passes(&self, value: &str) -> bool {
        (self.any.texts.is_empty() || self.any.set.is_match(value))
            && !self.none.set.is_match(value)
    }
}

/// Writes the label and its globs, `label=glob,!glob`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = self.any.texts.iter().cloned();
        let none = self.none.texts.iter().map(|glob| format!("!{glob}"));
        let globs: Vec<String> = any.chain(none).collect();
        write!(f, "{}={}", self.label.name(), globs.join(","))
    }
}

impl Globs {
    fn compile(texts: Vec<String>) -> Result<Self, globset::Error> {
        let mut set = GlobSet::builder();
        for text in &texts {
            let mut glob = String::with_capacity(text.len());
            for (at, part) in text.split('*').enumerate() {
                // `**` would stand for whole folders.
                if at > 0 && !glob.ends_with('*') {
                    glob.push('*');
                }
                let parts: Vec<String> = part.split('?').map(globset::escape).collect();
                glob += &parts.join("?");
            }
            set.add(GlobBuilder::new(&glob).backslash_escape(false).build()?);
        }
        Ok(Self {
            texts,
            set: set.build()?,
        })
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Globs {}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(label: Label, globs: &[&str]) -> Condition {
        Condition::new(label, globs.iter().copied()).unwrap()
    }

    #[test]
    fn globs_match_whole_values() {
        let check = |glob: &str, text: &str, expected| {
            let condition = condition(Label::View, &[glob]);
            assert_eq!(condition.passes(text), expected, "{glob} {text}");
        };
        check("checkout:*", "checkout:pay", true);
        check("checkout:*", "a checkout:pay", false);
        check("*:pay", "checkout:pay", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b", false);
        check("", "", true);
        check("", "a", false);
        check("/static/*", "/static/a/b.css", true);
        check("**/a", "/x/a", true);
        check("**/a", "a", false);
        check("é?", "é\n", true);
    }

    #[test]
    fn classes_of_status_and_exceptions_are_understood() {
        let errors = condition(Label::Status, &["5xx", "!501"]);
        assert!(errors.passes("500"));
        assert!(!errors.passes("501") && !errors.passes("404"));
        let named = condition(Label::View, &["!<unnamed view>"]);
        assert!(named.passes("home") && !named.passes("<unnamed view>"));
    }

    #[test]
    fn conditions_are_equal_if_their_globs_are() {
        let one = condition(Label::View, &["a*", "!b"]);
        assert_eq!(one, condition(Label::View, &["!b", "a*"]));
        assert_ne!(one, condition(Label::View, &["a*"]));
        assert_ne!(one, condition(Label::Route, &["a*", "!b"]));
    }

    proptest::proptest! {
        #[test]
        fn a_glob_is_equivalent_to_an_expression(
            glob in r"[ab./*?\[\]{},!\\-]{0,8}",
            text in r"[ab./\[\]{},!\\-]{0,8}",
        ) {
            let glob = glob.trim_start_matches('!');
            let expression = regex::escape(glob).replace(r"\*", ".*").replace(r"\?", ".");
            let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&text);
            let found = condition(Label::View, &[glob]).passes(&text);
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
