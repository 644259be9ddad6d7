//! Globs as the C library's `glob(3)` matches them, which nginx uses for `include`.
//!
//! Invariant: `*`, `?` and `[…]` match within one name, and never its leading dot.

use globset::GlobBuilder;

/// Returns whether a text is a glob rather than a plain path.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Returns whether a glob matches a whole path.
pub fn matches(glob: &str, path: &str) -> bool {
    let (globs, names) = (glob.split('/'), path.split('/'));
    globs.clone().count() == names.clone().count()
        && globs
            .zip(names)
            .all(|(glob, name)| name_matches(glob, name))
}

/// Returns whether a glob without a slash matches a name.
pub fn name_matches(glob: &str, name: &str) -> bool {
    if !glob.contains(['*', '?', '[', '\\']) {
        return glob == name;
    }
    if name.starts_with('.') && !glob.starts_with('.') {
        return false;
    }
    // Braces are literal in `glob(3)`, and alternatives in `globset`.
    let mut escaped = String::new();
    let mut is_escaped = false;
    for next in glob.chars() {
        if matches!(next, '{' | '}') && !is_escaped {
            escaped.push('\\');
        }
        is_escaped = next == '\\' && !is_escaped;
        escaped.push(next);
    }
    let built = GlobBuilder::new(&escaped)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    match built {
        Ok(built) => built.compile_matcher().is_match(name),
        // `[` without `]` is an ordinary character.
        Err(_) => glob == name,
    }
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
        check("/e/\\*", "/e/x", false);
        check("/e/*a*b*", "/e/xaxxbx", true);
        check("/e/*a*b", "/e/xaxxbx", false);
        check("/e/**.conf", "/e/a.conf", true);
        check("/**/a", "/b/a", true);
        check("/**/a", "/b/c/a", false);
        check("/e/{a,b}*", "/e/ab", false);
        check("/e/{a,b}*", "/e/{a,b}c", true);
        check("/e/\\{a\\}*", "/e/{a}c", true);
        check("/e/[{}]*", "/e/{c", true);
        check("a", "a/b", false);
    }
}
