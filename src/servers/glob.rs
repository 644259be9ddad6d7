//! Globs as the C library's `glob(3)` reads them, which nginx asks for its includes.
//!
//! Invariant: `*`, `?` and `[…]` match within one name, and never a dot that a name begins with.

/// Whether a text is a glob and not a plain path.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a glob matches a whole path.
pub fn matches(glob: &str, path: &str) -> bool {
    let (mut globs, mut names) = (glob.split('/'), path.split('/'));
    loop {
        match (globs.next(), names.next()) {
            (None, None) => return true,
            (Some(glob), Some(name)) if name_matches(glob, name) => {}
            _ => return false,
        }
    }
}

/// Whether a glob without a slash matches a name.
pub fn name_matches(glob: &str, name: &str) -> bool {
    if name.starts_with('.') && !glob.starts_with('.') {
        return false;
    }
    let glob: Vec<char> = glob.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The usual two cursors: on a mismatch, the last `*` takes one character more.
    let (mut at, mut read) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while read < name.len() {
        let step = match glob.get(at) {
            Some('*') => {
                last_star = Some((at, read));
                at += 1;
                continue;
            }
            Some('?') => Some(at + 1),
            Some('[') => class(&glob, at, name[read]),
            Some('\\') => (glob.get(at + 1) == Some(&name[read])).then_some(at + 2),
            Some(other) => (*other == name[read]).then_some(at + 1),
            None => None,
        };
        match (step, last_star) {
            (Some(next), _) => {
                at = next;
                read += 1;
            }
            (None, Some((star, taken))) => {
                last_star = Some((star, taken + 1));
                at = star + 1;
                read = taken + 1;
            }
            (None, None) => return false,
        }
    }
    glob[at..].iter().all(|rest| *rest == '*')
}

/// Where the glob goes on behind the `[…]` at `at`, if that matches; a `[` that is never closed is
/// itself.
fn class(glob: &[char], at: usize, character: char) -> Option<usize> {
    let is_negated = matches!(glob.get(at + 1), Some('!' | '^'));
    let start = at + 1 + usize::from(is_negated);
    // A `]` that stands first is a member.
    let close = (start + 1..glob.len()).find(|close| glob[*close] == ']');
    let Some(close) = close else {
        return (character == '[').then_some(at + 1);
    };
    let members = &glob[start..close];
    let mut is_member = false;
    let mut member = 0;
    while member < members.len() {
        if members.get(member + 1) == Some(&'-') && member + 2 < members.len() {
            is_member |= (members[member]..=members[member + 2]).contains(&character);
            member += 3;
        } else {
            is_member |= members[member] == character;
            member += 1;
        }
    }
    (is_member != is_negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_the_c_library_does() {
        let check = |glob: &str, path: &str, expected: bool| {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        };
        check(
            "/etc/nginx/sites-enabled/*",
            "/etc/nginx/sites-enabled/shop",
            true,
        );
        check("/etc/nginx/*/*.conf", "/etc/nginx/conf.d/a.b.conf", true);
        check("/etc/*.conf", "/etc/nginx/a.conf", false);
        check("/e/*", "/e/.hidden", false);
        check("/e/.*", "/e/.hidden", true);
        check("/e/[ab]?[!c-e].conf", "/e/axf.conf", true);
        check("/e/[ab]?[!c-e].conf", "/e/axd.conf", false);
        check("/e/[", "/e/[", true);
        check("/e/\\*", "/e/*", true);
        check("/e/*a*b*", "/e/xaxxbx", true);
        check("/e/*a*b", "/e/xaxxbx", false);
        check("a", "a/b", false);
    }
}
