//! Names of sources, and globs of paths.
//!
//! Invariant: literal characters of a path stay literal in its glob.

use crate::diag::is_printable;

/// Characters that a glob treats specially.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// Turns a path of nginx into a glob, with `*` for each variable.
pub(super) fn to_glob(path: &str) -> String {
    let is_glob = path.contains(['$', '*', '?', '[', '{']);
    let mut glob = String::new();
    let mut rest = path;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '$' => {
                rest = after_variable(rest);
                // `**` would match directories.
                if !glob.ends_with('*') || glob.ends_with("\\*") {
                    glob.push('*');
                }
            }
            special if is_glob && SPECIAL.contains(&special) => glob.extend(['\\', special]),
            _ => glob.push(next),
        }
    }
    glob
}

/// Turns a literal path into a glob that matches only this path.
pub(super) fn escape_glob(path: &str) -> String {
    if path.contains(['*', '?', '[', '{']) {
        let escape = |next| SPECIAL.contains(&next).then_some('\\');
        let escaped = path
            .chars()
            .flat_map(|next| escape(next).into_iter().chain([next]));
        return escaped.collect();
    }
    path.to_owned()
}

/// Returns the text after the variable name with which `rest` begins.
fn after_variable(rest: &str) -> &str {
    if let Some(braced) = rest.strip_prefix('{') {
        return braced.split_once('}').map_or("", |(_, behind)| behind);
    }
    rest.trim_start_matches(|next: char| next.is_ascii_alphanumeric() || next == '_')
}

/// Derives the name of a source from the distinctive part of its path: of the file name, or else of a
/// directory.
pub(super) fn source_name(path: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let plain = to_glob(path).replace(['*', '\\'], "");
    let mut parts = plain.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let file = file.strip_suffix(".log").unwrap_or(file);
    let is_edge = |next: char| matches!(next, '.' | '-' | '_') || next.is_whitespace();
    let distinctive = |name: &str| {
        let name = name.trim_matches(is_edge);
        let name = name.strip_suffix("access").unwrap_or(name);
        let name = name.strip_prefix("access").unwrap_or(name);
        let name: String = name.trim_matches(is_edge).chars().take(40).collect();
        let is_name = !name.is_empty() && name != "log" && name != "logs";
        is_name.then(|| printable(&name))
    };
    let found = distinctive(file).or_else(|| parts.find_map(distinctive));
    unique(&valid(&found.unwrap_or_default()), is_taken)
}

/// Makes a name that a configuration may give: printable, and short enough for a number after it.
pub(super) fn valid(name: &str) -> String {
    let mut name = printable(name);
    name.truncate(name.floor_char_boundary(56));
    if name.is_empty() {
        "nginx".clone_into(&mut name);
    }
    name
}

/// Returns the name, with a number appended if it is taken.
pub fn unique(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    numbered.find(|name| !is_taken(name)).unwrap_or_default()
}

/// Replaces characters that would break a line or mislead in a terminal.
pub(super) fn printable(text: &str) -> String {
    text.replace(|c| !is_printable(c), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_stars() {
        let check = |path: &str, expected: &str| assert_eq!(to_glob(path), expected);
        check("/var/log/nginx/access.log", "/var/log/nginx/access.log");
        check("/l/$host.access.log", "/l/*.access.log");
        check("/l/${host}x/$a$b.log", "/l/*x/*.log");
        check("/l/a\\b", "/l/a\\b");
        check("/l/[a]{b}\\", "/l/\\[a\\]\\{b\\}\\\\");
        check("/l/*$x", "/l/\\**");
        check("/l/${x", "/l/*");
    }

    #[test]
    fn sources_are_named_after_the_distinctive_part() {
        let check = |path: &str, expected: &str| {
            assert_eq!(
                source_name(path, |name| name == "taken"),
                expected,
                "{path}"
            );
        };
        check("/var/log/nginx/access.log", "nginx");
        check(
            "/var/log/nginx/shop.example.com.access.log",
            "shop.example.com",
        );
        check("/var/log/nginx/shop-access.log", "shop");
        check("/var/log/nginx/access_api.log", "api");
        check("/srv/shop/logs/access.log", "shop");
        check("/var/log/nginx/$host.access.log", "nginx");
        check("/taken.log", "taken-2");
        check("/access.log", "nginx");
    }
}
