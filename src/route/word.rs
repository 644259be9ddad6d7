//! Distinguishes words from encoded ids.
//!
//! Invariant: the Base64 of a number is not a word.

/// All-capital words that sites have in paths, sorted.
#[rustfmt::skip]
const CAPITALS: &[&str] = &[
    "AGB", "AJAX", "API", "APK", "ASP", "ASPX", "ATOM", "AWS", "BMP", "CDN", "CGI", "CGU", "CGV", "CHANGELOG",
    "CMS", "CONTRIBUTING", "CRM", "CSS", "CSV", "DNS", "DOC", "DOCX", "DSGVO", "ENV", "EPUB", "ERP", "EU",
    "FAQ", "FAQS", "FTP", "GDPR", "GET", "GIF", "GPS", "GUI", "HEIC", "HTM", "HTML", "HTTP", "HTTPS", "ICO",
    "ICS", "ID", "IMAP", "INDEX", "INSTALL", "IP", "ISO", "IT", "JPEG", "JPG", "JS", "JSON", "JSP", "JWT",
    "KML", "LDAP", "LICENCE", "LICENSE", "LOGIN", "MANIFEST", "MD", "META", "NEWS", "OAUTH", "ODS", "ODT", "OK",
    "PDF", "PHP", "PNG", "POST", "PPT", "PPTX", "PUT", "README", "REST", "RGPD", "RSS", "RTF", "SAML", "SDK",
    "SEO", "SKU", "SMS", "SMTP", "SOAP", "SQL", "SSL", "SSO", "SVG", "TAR", "TEST", "TIFF", "TLS", "TODO",
    "TOS", "TSV", "TXT", "UI", "UK", "URI", "URL", "URN", "US", "USA", "UUID", "VAT", "VPN", "WAR", "WEB",
    "WEBDAV", "WEBP", "WP", "WS", "WSDL", "WWW", "XHTML", "XLS", "XLSX", "XML", "XSD", "XSL", "YAML", "YML",
    "ZIP",
];

/// Letters of a capitalised word among which a vowel is needed.
const BEGINNING: usize = 3;
/// Letters of a word that excuse an unknown acronym before it, as in `CRUDView`.
const LONG_WORD: usize = 4;

/// Rule for capitals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acronyms {
    /// Only well-known ones.
    Known,
    /// Any, before a capitalised word of some length: names of classes.
    BeforeWords,
}

/// Returns whether each part of a segment of ASCII letters and the marks `-`, `_`, `.`, `~` is a word, or the segment is
/// the code of a language and a region.
pub(super) fn has_only_words(segment: &[u8]) -> bool {
    let is_mark = |byte: &u8| !byte.is_ascii_alphabetic();
    let mut parts = segment.split(is_mark);
    let first = parts.next().unwrap_or_default();
    let is_language = matches!(first.len(), 2..=3) && first.iter().all(u8::is_ascii_lowercase);
    is_word(first, Acronyms::Known)
        && parts.all(|part| {
            is_word(part, Acronyms::Known)
                || is_language && matches!(part, [b'A'..=b'Z', b'A'..=b'Z'])
        })
}

/// Returns whether letters are a word: small letters, one letter, a known word of capitals, or small letters and
/// capitalised words, each with a vowel among its first three letters.
pub(super) fn is_word(letters: &[u8], acronyms: Acronyms) -> bool {
    if let [_] = letters {
        return true;
    }
    let mut rest = skip(letters, u8::is_ascii_lowercase);
    while !rest.is_empty() {
        let small = skip(rest, u8::is_ascii_uppercase);
        let (capitals, _) = rest.split_at(rest.len() - small.len());
        let after = skip(small, u8::is_ascii_lowercase);
        let word = &rest[capitals.len() - 1..rest.len() - after.len()];
        if small.len() == after.len() {
            return is_known(capitals);
        }
        let (_, acronym) = capitals.split_last().unwrap_or((&0, &[]));
        let is_excused = acronyms == Acronyms::BeforeWords && word.len() >= LONG_WORD;
        if !has_early_vowel(word) || !(acronym.is_empty() || is_excused || is_known(acronym)) {
            return false;
        }
        rest = after;
    }
    true
}

fn skip(text: &[u8], is_skipped: impl Fn(&u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| !is_skipped(byte));
    &text[end.unwrap_or(text.len())..]
}

/// Returns whether a word has a vowel near its beginning: `a`, `e`, `i`, `o`, `u`, or a `y` as its second letter.
fn has_early_vowel(word: &[u8]) -> bool {
    let mut beginning = word.iter().take(BEGINNING);
    word.get(1) == Some(&b'y')
        || beginning.any(|byte| b"aeiou".contains(&byte.to_ascii_lowercase()))
}

fn is_known(capitals: &[u8]) -> bool {
    CAPITALS
        .binary_search_by(|known| known.as_bytes().cmp(capitals))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the Base64 of a text, without padding.
    fn base64(text: &str) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> = text
            .bytes()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
            .collect();
        let digit = |six: &[u8]| {
            let value = (0..6).fold(0, |value, bit| {
                value << 1 | six.get(bit).copied().unwrap_or(0)
            });
            char::from(DIGITS[usize::from(value)])
        };
        bits.chunks(6).map(digit).collect()
    }

    #[test]
    fn known_words_are_sorted() {
        assert!(CAPITALS.is_sorted());
    }

    #[test]
    fn the_base64_of_a_number_is_not_a_word() {
        assert_eq!(base64("12"), "MTI");
        for number in 0..200_000_u32 {
            let encoded = base64(&number.to_string());
            let is_letters = encoded.bytes().all(|byte| byte.is_ascii_alphabetic());
            assert!(
                !is_letters || !has_only_words(encoded.as_bytes()),
                "{encoded}"
            );
        }
    }

    #[test]
    fn words_are_distinguished_from_encoded_ids() {
        for words in [
            "API",
            "FAQ",
            "README",
            "A",
            "About",
            "iPhone",
            "wp-Admin",
            "Report.PDF",
            "logo.PNG",
            "index.HTML",
            "GetUserById",
            "APIDocs",
            "userAPI",
            "pt-BR",
            "en_US",
            "zh-Hant-TW",
            "Special-Offers",
            "Mein-Konto",
            "LICENSE.txt",
            "CGV",
            "robots.TXT",
            "MyAccount",
            "",
            "-",
            "Los_Angeles",
        ] {
            assert!(has_only_words(words.as_bytes()), "{words}");
        }
        for id in [
            "MTI",
            "Mjk",
            "Mg",
            "NA",
            "eyJhbGciOiJIUzI",
            "dGVzdA",
            "aBcDe",
            "QWJj",
            "XYZ",
            "ABCDEF",
            "JBSWY",
            "abcD",
            "abC",
            "aGVsbG",
            "Ymlu",
            "ab-MTI",
            "DE-de",
            "MTI.json",
            "QmFzZQ",
            "xYzzy",
            "HJKL-abc",
        ] {
            assert!(!has_only_words(id.as_bytes()), "{id}");
        }
    }

    #[test]
    fn names_of_classes_may_begin_with_an_acronym() {
        for name in ["CRUDView", "OAuth", "HTTPLoginView", "KYCPage"] {
            assert!(is_word(name.as_bytes(), Acronyms::BeforeWords), "{name}");
            assert!(
                !is_word(name.as_bytes(), Acronyms::Known) || name == "HTTPLoginView",
                "{name}"
            );
        }
        for id in ["MTI", "MTIzNA", "eyJhbGciOiJIUzI", "XYZab", "QWJjZGVmZ"] {
            assert!(!is_word(id.as_bytes(), Acronyms::BeforeWords), "{id}");
        }
    }
}
