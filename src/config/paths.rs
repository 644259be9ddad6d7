//! `paths` of a source: which files are followed.
//!
//! Invariant: each path keeps its place in the text, so that what only the file system shows is reported there.

use std::path::{Component, Path, PathBuf};

use crate::diag::{Fault, Place, Report, Severity, Spot};
use crate::source::{Frame, PathPattern, Start};

/// Files to follow.
#[derive(Clone, Debug)]
pub struct Files {
    /// Absolute paths and globs.
    pub paths: Vec<PathPattern>,
    /// Place of each path in the configuration; empty for paths of the command line.
    pub places: Vec<Place>,
    /// Start position in files that exist when the daemon starts.
    pub start: Start,
    /// Wrapper of each line.
    pub frame: Frame,
    /// True to use inotify; otherwise the files are only polled.
    pub watch: bool,
}

/// Reads the paths of a source; `None` after an error.
pub(super) fn read(
    paths: &Spot<Vec<Spot<String>>>,
    base: &Path,
    report: &mut Report,
) -> Option<(Vec<PathPattern>, Vec<Place>)> {
    if paths.value.is_empty() {
        let fault = paths.error("`paths` is empty: nothing would be followed");
        report.push(fault.help("paths = [\"/var/log/nginx/access.log\"]"));
        return None;
    }
    let mut all: Vec<(PathPattern, Place)> = Vec::new();
    for path in &paths.value {
        match PathPattern::relative(base, &path.value) {
            Ok(pattern) => match judge(path, &pattern) {
                Some(fault) if fault.severity == Severity::Error => report.push(fault),
                warning => {
                    if all.iter().any(|(known, _)| is_same(known, &pattern)) {
                        let message = format!("`{}` is listed twice", path.value);
                        report.push(path.warning(message).help("remove one of both"));
                    }
                    report.extend(warning);
                    all.push((pattern, path.place.clone()));
                }
            },
            Err(error) => report.push(path.error(error.to_string())),
        }
    }
    (all.len() == paths.value.len()).then(|| all.into_iter().unzip())
}

/// Returns what is wrong with a path, whatever is there.
fn judge(path: &Spot<String>, pattern: &PathPattern) -> Option<Fault> {
    let text = path.value.as_str();
    if let Some((scheme, rest)) = text.split_once("://") {
        let fault = path.error(format!("`{text}` is an address, not a path"));
        return Some(match scheme {
            "file" => fault.help(format!(
                "write the path alone: \"/{}\"",
                rest.trim_start_matches('/')
            )),
            "udp" | "tcp" => fault.help(format!(
                "syslog = \"{text}\" receives lines, in place of `paths`"
            )),
            _ => fault
                .help("files of this machine are followed; for lines of others, receive `syslog`"),
        });
    }
    if pattern.is_compressed() {
        let fault = path.error("a compressed file is not followed: it does not grow");
        let name = pattern
            .rotated_from()
            .map_or_else(String::new, |base| format!(", \"{}\"", base.display()));
        return Some(fault.help(format!(
            "name the log that is written{name}; its compressed rotated files are found beside it. \
             `replay` and `backfill` read archives"
        )));
    }
    if text.starts_with("~/") || text == "~" {
        let fault = path.warning("`~` is not replaced by a home directory");
        return Some(fault.help("write the whole path, for example \"/home/shop/access.log\""));
    }
    if text.starts_with('$') || text.contains("/$") || text.contains("${") {
        let fault = path.warning("variables of the environment are not replaced in a path");
        return Some(fault.help(
            "write the whole path; a glob stands for names that differ, \"/srv/*/access.log\"",
        ));
    }
    let base = pattern.rotated_from()?;
    let fault = path.warning(format!(
        "`{text}` is the name of a rotated file, which does not grow"
    ));
    Some(fault.help(format!(
        "name the log that is written, \"{}\": its rotated files are found beside it. To count a rotated file alone: \
         httplog-exporter replay {text}",
        base.display()
    )))
}

/// Returns whether two patterns are the same apart from `.` and repeated slashes.
fn is_same(one: &PathPattern, other: &PathPattern) -> bool {
    one.is_literal() == other.is_literal() && lexical(one.as_path()) == lexical(other.as_path())
}

/// Returns a path without `.` and repeated slashes.
fn lexical(path: &Path) -> PathBuf {
    let parts = path.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

impl Files {
    /// Returns the place of the path that names a file, or of the only path.
    pub fn place_of(&self, path: &Path) -> Option<&Place> {
        let named = self.paths.iter().zip(&self.places);
        let mut named = named.filter(|(own, _)| own.as_path() == path || own.matches(path));
        let found = named.next().map(|(_, place)| place);
        found.or_else(|| self.places.first().filter(|_| self.places.len() == 1))
    }

    /// Returns the paths that lead nowhere now, without `.` and repeated slashes, each with its place. Globs are left out.
    pub fn absent(&self) -> impl Iterator<Item = (PathBuf, Option<&Place>)> {
        let absent = |path: &&PathPattern| path.is_literal() && !path.as_path().exists();
        let paths = self.paths.iter().enumerate();
        let paths = paths.filter(move |(_, path)| absent(path));
        paths.map(|(at, path)| (lexical(path.as_path()), self.places.get(at)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    /// Returns the faults of paths, each as `message | help`.
    fn faults(paths: &str) -> Vec<String> {
        let text =
            format!("[[source]]\nname = 'a'\npattern = 'nginx-combined'\npaths = [{paths}]\n");
        let report = Config::parse("c", &text, Path::new("/etc/x")).report;
        let faults = report.faults().into_iter();
        let shown = faults.map(|fault| {
            let help = fault.help.as_deref().unwrap_or("-");
            format!("{} | {help}", fault.message)
        });
        shown.collect()
    }

    #[test]
    fn a_rotated_file_names_the_log_that_is_written() {
        for (name, base) in [
            ("access.log.1", "access.log"),
            ("access.log-20261122", "access.log"),
        ] {
            assert_eq!(
                faults(&format!("'{name}'")),
                [format!(
                    "`{name}` is the name of a rotated file, which does not grow | name the log that is written, \
                     \"/etc/x/{base}\": its rotated files are found beside it. To count a rotated file alone: \
                     httplog-exporter replay {name}"
                )]
            );
        }
        for name in [
            "access.log.2.gz",
            "access.log.bz2",
            "access.log.1.xz",
            "access.log.zst",
        ] {
            let faults = faults(&format!("'{name}'"));
            let expected = "a compressed file is not followed: it does not grow | name the log that is written, \"/etc/x/access.log\";";
            assert!(faults[0].starts_with(expected), "{faults:?}");
        }
        assert_eq!(faults("'access.log', '*.log', 'shop-1.log'"), [""; 0]);
    }

    #[test]
    fn what_a_shell_replaces_is_not_replaced() {
        let one = |path: &str| faults(&format!("'{path}'")).concat();
        assert!(one("~/access.log").starts_with("`~` is not replaced by a home directory"));
        assert!(
            one("$HOME/access.log").starts_with("variables of the environment are not replaced")
        );
        assert!(one("/srv/${SITE}/access.log").starts_with("variables of the environment"));
        assert_eq!(
            one("file:///var/log/a.log"),
            "`file:///var/log/a.log` is an address, not a path | write the path alone: \"/var/log/a.log\""
        );
        assert!(one("http://x/y").starts_with("`http://x/y` is an address, not a path"));
        assert!(one("udp://127.0.0.1:514").ends_with("receives lines, in place of `paths`"));
    }

    #[test]
    fn a_path_that_is_listed_twice_is_a_warning() {
        assert_eq!(
            faults("'a.log', './a.log', '/etc/x//a.log', 'b.log'"),
            [
                "`./a.log` is listed twice | remove one of both",
                "`/etc/x//a.log` is listed twice | remove one of both",
            ]
        );
    }
}
