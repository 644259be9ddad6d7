//! Detects the language of a path.
//!
//! Invariant: the result is that of Django's `get_language_from_path`, given the languages and fallbacks of the
//! dump.

/// Longest code, in characters, as in Django.
const CODE_CHARS: usize = 500;

/// The languages of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    /// Language codes in the order of `LANGUAGES`.
    pub codes: Vec<String>,
    /// Language of paths that name none; `None` if a cookie or a header decides.
    pub otherwise: Option<String>,
    /// Codes and the languages that serve them: `zh-hans` for `zh-cn`.
    pub fallbacks: Vec<(String, Vec<String>)>,
}

impl Languages {
    /// Returns the index of a code in [`Languages::codes`].
    pub fn find(&self, code: &str) -> Option<u16> {
        let place = self.codes.iter().position(|known| known == code)?;
        u16::try_from(place).ok()
    }

    /// Detects the language of a path without its first slash; `None` if a cookie or a header decides.
    pub fn detect(&self, path: &[u8]) -> Option<u16> {
        self.find_in_first_segment(path)
            .or_else(|| self.find(self.otherwise.as_deref()?))
    }

    /// Returns the language that the first segment of a path names.
    fn find_in_first_segment(&self, path: &[u8]) -> Option<u16> {
        let segment = match memchr::memchr(b'/', path) {
            Some(end) => path.get(..end)?,
            None => path.strip_suffix(b"\n").unwrap_or(path),
        };
        let mut code = std::str::from_utf8(segment)
            .ok()
            .filter(|code| is_code(code))?;
        if code.chars().count() > CODE_CHARS {
            let end = code.char_indices().nth(CODE_CHARS)?.0;
            code = code.get(..code.get(..end)?.rfind('-')?)?;
        }
        let mut generic = code;
        if let Some(found) = self.supported(code) {
            return Some(found);
        }
        let fallbacks = self.fallbacks.iter().filter(|(from, _)| from == code);
        for fallback in fallbacks.flat_map(|(_, to)| to) {
            if let Some(found) = self.supported(fallback) {
                return Some(found);
            }
        }
        while let Some(end) = generic.rfind('-') {
            generic = &generic[..end];
            if let Some(found) = self.supported(generic) {
                return Some(found);
            }
        }
        let is_variant = |known: &String| {
            let rest = known.strip_prefix(generic);
            rest.is_some_and(|rest| rest.starts_with('-'))
        };
        let place = self.codes.iter().position(is_variant)?;
        u16::try_from(place).ok()
    }

    fn supported(&self, code: &str) -> Option<u16> {
        self.find(&code.to_lowercase())
    }
}

/// Matches `\w+([@-]\w+){0,2}`.
fn is_code(text: &str) -> bool {
    let mut words = 0;
    text.split(['@', '-']).all(|word| {
        words += 1;
        words <= 3 && !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_decides_the_language() {
        let languages = Languages {
            codes: ["en", "de", "pt-br", "zh-hans"].map(String::from).into(),
            otherwise: Some("en".into()),
            fallbacks: vec![("zh-cn".into(), vec!["zh-hans".into()])],
        };
        let check = |path: &str, code: &str| {
            let found = languages.detect(path.as_bytes()).unwrap();
            assert_eq!(languages.codes[usize::from(found)], code, "{path}");
        };
        check("", "en");
        check("about/", "en");
        check("de/about/", "de");
        check("de", "de");
        check("de\n", "de");
        check("DE/about/", "de");
        check("de-at/", "de");
        check("de-at-1996/", "de");
        check("de-a-b-c/", "en");
        check("pt/", "pt-br");
        check("PT/", "en");
        check("pt-pt/", "pt-br");
        check("zh-cn/", "zh-hans");
        check("de-/", "en");
        check("-de/", "en");
        check(&format!("de-{}/", "x".repeat(600)), "de");
        let unknown = Languages {
            otherwise: None,
            ..languages
        };
        assert_eq!(unknown.detect(b"about/"), None);
    }
}
