//! Suggestions for a word that is not among the known ones.
//!
//! Invariant: a suggestion names known words only.

/// Longest list that is shown beside a suggestion.
const SHORT_LIST: usize = 5;
/// Shortest word that is looked for within others.
const PART: usize = 3;

/// Returns `did you mean …?` if candidates are similar to a word or contain it, and the list of candidates if it is short or
/// nothing else is known; `None` without candidates. The list has the order of the candidates.
pub fn suggestion<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for candidate in candidates {
        if !all.contains(&candidate) {
            all.push(candidate);
        }
    }
    let near = match nearest(word, all.iter().copied()) {
        Some(near) => vec![near],
        None => related(word, &all),
    };
    let list = || format!("one of: {}", all.join(", "));
    let meant = || {
        let near = near.iter().map(|near| format!("`{near}`"));
        format!("did you mean {}?", near.collect::<Vec<_>>().join(" or "))
    };
    match (near.len(), all.len()) {
        (_, 0) => None,
        (0, _) => Some(list()),
        (1.., 2..=SHORT_LIST) => Some(format!("{} One of: {}", meant(), all.join(", "))),
        (1..=3, _) => Some(meant()),
        _ => Some(format!("one of: {}", near.join(", "))),
    }
}

/// Returns the candidate most similar to a misspelt word, if one is similar enough.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        // A candidate that differs in every letter is not similar.
        .filter(|(distance, _)| *distance < word.chars().count())
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the candidates that begin with a word, have it as a part between `-` and `_`, or begin it.
fn related<'c>(word: &str, candidates: &[&'c str]) -> Vec<&'c str> {
    if word.len() < PART {
        return Vec::new();
    }
    let is_related = |candidate: &&&str| {
        candidate.starts_with(word)
            || candidate.split(['-', '_']).any(|part| part == word)
            || (candidate.len() > PART && word.starts_with(**candidate))
    };
    candidates.iter().filter(is_related).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, candidates: &[&str], expected: Option<&str>) {
        let found = suggestion(word, candidates.iter().copied());
        assert_eq!(found.as_deref(), expected, "{word}");
    }

    #[test]
    fn only_similar_candidates_are_suggested() {
        let names = ["nginx-combined", "nginx-timed", "gunicorn"];
        assert_eq!(nearest("nginx-combind", names), Some("nginx-combined"));
        assert_eq!(nearest("nginx_timed", names), Some("nginx-timed"));
        assert_eq!(nearest("unicorn", names), Some("gunicorn"));
        assert_eq!(nearest("apache", names), None);
        assert_eq!(nearest("z", ["a", "b"]), None);
    }

    #[test]
    fn of_few_values_all_are_listed() {
        check(
            "pwer",
            &["power", "process", "none"],
            Some("did you mean `power`? One of: power, process, none"),
        );
        check(
            "full",
            &["power", "process", "none", "power"],
            Some("one of: power, process, none"),
        );
        check("nam", &["name"], Some("did you mean `name`?"));
        check("x", &[], None);
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        let names = [
            "apache-combined",
            "apache-timed",
            "common",
            "daphne",
            "gunicorn",
            "nginx-combined",
            "nginx-main",
            "nginx-timed",
            "nginx-vhost",
        ];
        check(
            "combined",
            &names,
            Some("did you mean `apache-combined` or `nginx-combined`?"),
        );
        check(
            "nginx",
            &names,
            Some("one of: nginx-combined, nginx-main, nginx-timed, nginx-vhost"),
        );
        check(
            "begin",
            &["beginning", "end"],
            Some("did you mean `beginning`? One of: beginning, end"),
        );
        check(
            "nginx-timed-long",
            &names,
            Some("did you mean `nginx-timed`?"),
        );
        check(
            "co",
            &names,
            Some(
                "one of: apache-combined, apache-timed, common, daphne, gunicorn, nginx-combined, nginx-main, nginx-timed, nginx-vhost",
            ),
        );
    }
}
