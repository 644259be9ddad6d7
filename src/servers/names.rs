//! Names of sources, and paths as globs.
//!
//! Invariant: what is literal in a path stays literal in the glob made of it.

/// A path of nginx's as a source follows it: variables become `*`.
pub(super) fn glob(path: &str) -> String {
    let is_glob = path.contains(['$', '*', '?', '[', '{']);
    let mut glob = String::new();
    let mut rest = path;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '$' => {
                rest = behind_variable(rest);
                // `**` would stand for directories.
                if !glob.ends_with('*') || glob.ends_with("\\*") {
                    glob.push('*');
                }
            }
            '*' | '?' | '[' | ']' | '{' | '}' | '\\' if is_glob => glob.extend(['\\', next]),
            _ => glob.push(next),
        }
    }
    glob
}

/// What stands behind the variable whose name `rest` begins with.
fn behind_variable(rest: &str) -> &str {
    if let Some(braced) = rest.strip_prefix('{') {
        return braced.split_once('}').map_or("", |(_, behind)| behind);
    }
    rest.trim_start_matches(|next: char| next.is_ascii_alphanumeric() || next == '_')
}

/// A source's name, made of its path: what is special about the file's name, or else the folder's.
pub(super) fn source(path: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let plain = glob(path).replace(['*', '\\'], "");
    let mut parts = plain.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let file = file.strip_suffix(".log").unwrap_or(file);
    let is_edge = |next: char| matches!(next, '.' | '-' | '_') || next.is_whitespace();
    let special = |name: &str| {
        let name = name.trim_matches(is_edge);
        let name = name.strip_suffix("access").unwrap_or(name);
        let name = name.strip_prefix("access").unwrap_or(name);
        let name: String = name.trim_matches(is_edge).chars().take(40).collect();
        let is_name = !name.is_empty() && name != "log" && name != "logs";
        is_name.then(|| printable(&name))
    };
    let found = special(file).or_else(|| parts.find_map(special));
    let mut name = found.unwrap_or_else(|| "nginx".to_owned());
    while name.len() > 56 {
        name.pop();
    }
    unique(&name, is_taken)
}

/// The name, or if it is taken, with a number behind it.
pub(super) fn unique(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    numbered.find(|name| !is_taken(name)).unwrap_or_default()
}

/// Without what would break a line or a terminal.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_stars() {
        let check = |path: &str, expected: &str| assert_eq!(glob(path), expected);
        check("/var/log/nginx/access.log", "/var/log/nginx/access.log");
        check("/l/$host.access.log", "/l/*.access.log");
        check("/l/${host}x/$a$b.log", "/l/*x/*.log");
        check("/l/a\\b", "/l/a\\b");
        check("/l/[a]{b}\\", "/l/\\[a\\]\\{b\\}\\\\");
        check("/l/*$x", "/l/\\**");
        check("/l/${x", "/l/*");
    }

    #[test]
    fn sources_are_named_for_what_is_special() {
        let check = |path: &str, expected: &str| {
            assert_eq!(source(path, |name| name == "taken"), expected, "{path}");
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
