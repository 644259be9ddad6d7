//! Folds names of views that a line states, in a field that the site or a server in front of it sets.
//!
//! Invariant: the result holds no address, number, UUID, hash or token. Names of views that a URLconf has are not folded.

use memchr::memchr_iter;

use super::word::{Acronyms, is_word};

/// Longest folded name, in bytes.
pub(super) const NAME_BYTES: usize = 128;
/// Longest run of letters of one name, in bytes.
const LETTERS: usize = 40;
/// Most digits in a word, as in `oauth2` and `sha256`.
const DIGITS: usize = 3;
/// Fewest hexadecimal digits of a hash.
const HEX: usize = 8;
/// Placeholder of a token.
const TOKEN: &[u8] = b"<token>";

/// Folds a name, into `folded` where it differs. `None` if it is not the name of a view, or is longer than
/// [`NAME_BYTES`].
pub(super) fn fold<'f>(view: &'f [u8], folded: &'f mut Vec<u8>) -> Option<&'f [u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte);
    if view.len() > NAME_BYTES || view == b"-" || !view.iter().all(is_part) {
        return None;
    }
    if is_address(view) {
        return Some(b"<address>");
    }
    folded.clear();
    for (number, qualified) in view.split(|byte| *byte == b':').enumerate() {
        if number > 0 {
            folded.push(b':');
        }
        push_qualified(qualified, folded)?;
    }
    if folded.as_slice() == view {
        return Some(view);
    }
    Some(&**folded).filter(|folded| folded.len() <= NAME_BYTES)
}

/// Returns whether a name is an IP address, perhaps with a port.
fn is_address(view: &[u8]) -> bool {
    let all = |accepts: fn(&u8) -> bool| view.iter().all(accepts);
    let count = |wanted: u8| memchr_iter(wanted, view).count();
    let has_digit = view.iter().any(u8::is_ascii_digit);
    let is_v4 = all(|byte| byte.is_ascii_digit() || b".:".contains(byte)) && count(b'.') > 0;
    let is_v6 = all(|byte| byte.is_ascii_hexdigit() || b".:".contains(byte)) && count(b':') > 1;
    has_digit && (is_v4 || is_v6)
}

/// Appends a name with its modules, joined by points; a token alone, if one of them is. `None` if one of them is empty.
fn push_qualified(name: &[u8], folded: &mut Vec<u8>) -> Option<()> {
    let start = folded.len();
    for (number, part) in name.split(|byte| *byte == b'.').enumerate() {
        if part.is_empty() {
            return None;
        }
        if number > 0 {
            folded.push(b'.');
        }
        let before = folded.len();
        push_part(part, folded);
        if folded[before..] == *TOKEN {
            folded.truncate(start);
            folded.extend_from_slice(TOKEN);
            return Some(());
        }
    }
    Some(())
}

/// Appends a part of a name, its numbers replaced, or one placeholder.
fn push_part(part: &[u8], folded: &mut Vec<u8>) {
    let hyphens = memchr_iter(b'-', part).count();
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    if part.len() == 36 && hyphens == 4 && part.iter().all(is_hex) {
        folded.extend_from_slice(b"<uuid>");
        return;
    }
    let is_mark = |byte: &u8| b"-_".contains(byte);
    let mut words = part.split(is_mark);
    if let Some(placeholder) = words.find_map(placeholder) {
        folded.extend_from_slice(placeholder);
        return;
    }
    let mut at = 0;
    for word in part.split(is_mark) {
        if !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
            folded.extend_from_slice(b"<int>");
        } else {
            folded.extend_from_slice(word);
        }
        at += word.len();
        folded.extend(part.get(at));
        at += 1;
    }
}

/// Returns the placeholder of a part with this word; `None` if the word is kept, or is a number.
fn placeholder(word: &[u8]) -> Option<&'static [u8]> {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == word.len() {
        return None;
    }
    if digits > 0 && word.len() >= HEX && word.iter().all(u8::is_ascii_hexdigit) {
        return Some(b"<hex>");
    }
    let mut runs = word.split(u8::is_ascii_digit).filter(|run| !run.is_empty());
    let borders = word
        .windows(2)
        .filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit());
    // One run of digits, with letters before it, behind it, or both.
    let is_numbered =
        digits <= DIGITS && borders.count() <= 1 + usize::from(!word[0].is_ascii_digit());
    let are_words = runs.all(|run| run.len() <= LETTERS && is_word(run, Acronyms::BeforeWords));
    (!is_numbered || !are_words).then_some(TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(view: &str) -> String {
        let mut folded = Vec::new();
        let found = fold(view.as_bytes(), &mut folded);
        found.map_or("-".into(), |name| String::from_utf8(name.to_vec()).unwrap())
    }

    #[test]
    fn names_of_views_are_kept() {
        for view in [
            "home",
            "shop:cart",
            "v1:user-detail",
            "api-v2:orders_list",
            "app.views.Cart",
            "django.contrib.auth.views.PasswordResetCompleteView",
            "rest_framework.views.APIView",
            "shop.views.CRUDView",
            "oauth2_provider:token",
            "s3direct",
            "javascript-catalog-i18n",
            "sha256",
            "two_factor:setup_u2f",
            "_private__view",
            "getUser",
            "http404",
        ] {
            assert_eq!(folded(view), view);
        }
    }

    #[test]
    fn data_in_names_is_replaced() {
        let check = |view: &str, expected: &str| assert_eq!(folded(view), expected, "{view}");
        check("user-48213", "user-<int>");
        check("shop:7", "shop:<int>");
        check("192.0.2.7", "<address>");
        check("192.0.2.7:8000", "<address>");
        check("2001:db8::1", "<address>");
        check("fe80::1:2", "<address>");
        check("0e984725c51c4bf49960e1c80e27aba0", "<hex>");
        check("item:0e984725-c51c-4bf4-9960-e1c80e27aba0", "item:<uuid>");
        check(
            "v1:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x-Y_z1:x",
            "v1:<token>:x",
        );
        check("reset:MTI", "reset:<token>");
        check("k3f9a2", "<token>");
        check("abc1234", "<token>");
        check(&"x".repeat(41), "<token>");
    }

    #[test]
    fn other_texts_are_not_names() {
        let long = "v".repeat(NAME_BYTES + 1);
        for other in [
            "",
            "-",
            "a b",
            "/path/",
            "jane@example.com",
            r"a\x22",
            "é",
            "a..b",
            ":a",
            "a:",
            &long,
        ] {
            assert_eq!(folded(other), "-", "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_folded_name_is_bounded_and_has_no_long_number(view: Vec<u8>) {
            let mut folded = Vec::new();
            if let Some(name) = fold(&view, &mut folded) {
                proptest::prop_assert!(name.len() <= NAME_BYTES && name.is_ascii());
                let mut runs = name.split(|byte| !byte.is_ascii_digit());
                proptest::prop_assert!(runs.all(|run| run.len() <= DIGITS));
            }
        }
    }
}
