//! Languages of pages for people (RFC 9110, 12.5.4).
//!
//! Invariant: every request gets a language; one that accepts none of them gets English.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap};

use super::accept::weight;
use crate::model::Language;

/// Chooses what a request prefers: the language of the greatest weight, the first of those.
pub(super) fn negotiate(headers: &HeaderMap) -> Language {
    let fields = headers.get_all(ACCEPT_LANGUAGE).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    let ranges = texts.flat_map(|text| text.split(',')).filter_map(parse);
    let wanted = ranges.filter(|(_, weight)| *weight > 0);
    // Of equal weights, the first wins.
    let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or_else(Language::default, |(language, _)| language)
}

/// Parses a range of languages with its weight; `None` for other languages.
fn parse(range: &str) -> Option<(Language, u16)> {
    let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
    let primary = tag.trim().split('-').next().unwrap_or_default();
    let language = Language::ALL
        .into_iter()
        .find(|language| language.tag().eq_ignore_ascii_case(primary))?;
    let (_, value) = parameter.split_once('=')?;
    Some((language, weight(value.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_chosen() {
        let chosen = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, text.parse().unwrap());
            negotiate(&headers).tag()
        };
        for text in [
            "fr",
            "fr-CA,en;q=0.8",
            "de, FR;q=0.5, en;q=0.4",
            "en;q=0, fr;q=0.1",
        ] {
            assert_eq!(chosen(text), "fr", "{text}");
        }
        for text in [
            "",
            "de",
            "en, fr",
            "fr;q=0",
            "fr;q=x",
            "*",
            "fr;q=0.5,en-GB",
        ] {
            assert_eq!(chosen(text), "en", "{text}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Language::English);
    }
}
