//! Numbers with their nouns, as texts for people have them.
//!
//! Invariant: a noun agrees with its number, by the rule of the language.

use super::Language;

impl Language {
    /// Returns the form of a word that a number takes.
    pub fn plural<'w>(self, count: impl TryInto<u64>, one: &'w str, many: &'w str) -> &'w str {
        let count = count.try_into().unwrap_or(u64::MAX);
        let is_one = match self {
            Self::English => count == 1,
            Self::French => count < 2,
        };
        if is_one { one } else { many }
    }
}

/// Returns the form of an English word that a number takes.
pub fn plural<'w>(count: impl TryInto<u64>, one: &'w str, many: &'w str) -> &'w str {
    Language::English.plural(count, one, many)
}

/// Returns a number with an English noun whose plural ends in `s`: `1 error`, `2 errors`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {noun}{}", plural(count, "", "s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        let counts = [0_usize, 1, 2].map(|count| counted(count, "error"));
        assert_eq!(counts, ["0 errors", "1 error", "2 errors"]);
        let french = [0_u64, 1, 2].map(|count| Language::French.plural(count, "ligne", "lignes"));
        assert_eq!(french, ["ligne", "ligne", "lignes"]);
    }
}
