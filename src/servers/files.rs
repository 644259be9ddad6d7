//! Access to the servers' configuration files.

use std::collections::BTreeMap;

use super::glob;

/// A store of configuration files.
pub trait Files {
    /// Returns the text of a file, or a reason such as `no such file`.
    fn read(&self, path: &str) -> Result<String, String>;

    /// Returns the paths that a glob of nginx's `include` matches, sorted.
    fn matching(&self, glob: &str) -> Vec<String>;

    /// Returns the number of the machine's processors, if its servers run on this machine.
    fn processors(&self) -> Option<u64> {
        None
    }
}

/// The output of `nginx -T`: every file that nginx read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    main: String,
    files: BTreeMap<String, String>,
}

/// Start of the line that nginx prints before each file.
const HEADER: &str = "# configuration file ";

impl Dump {
    /// Parses a dump, perhaps preceded by messages of nginx. `None` if the text is not a dump.
    pub fn read(text: &str) -> Option<Self> {
        let first = text
            .lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("nginx: "))?;
        let main = header(first)?.to_owned();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut current: Option<&mut String> = None;
        for line in text.split_inclusive('\n') {
            if let Some(path) = header(line) {
                current = Some(files.entry(path.to_owned()).or_default());
            } else if let Some(content) = &mut current {
                content.push_str(line);
            }
        }
        Some(Self { main, files })
    }

    /// Returns the path of the first file, which includes the others.
    pub fn main(&self) -> &str {
        &self.main
    }
}

/// Returns the path in a header.
fn header(line: &str) -> Option<&str> {
    let path = line.trim_end().strip_prefix(HEADER)?.strip_suffix(':')?;
    (!path.is_empty()).then_some(path)
}

impl Files for Dump {
    fn read(&self, path: &str) -> Result<String, String> {
        let missing = || "it is not in the output of nginx -T".to_owned();
        self.files.get(path).cloned().ok_or_else(missing)
    }

    fn matching(&self, glob: &str) -> Vec<String> {
        let paths = self.files.keys();
        let paths = paths.filter(|path| glob::matches(glob, path));
        paths.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_distinguished_from_a_file() {
        let text = "nginx: the configuration file /n.conf syntax is ok\n\
                    # configuration file /n.conf:\na;\n# b\n\n\
                    # configuration file /c.d/x.conf:\nc;\n";
        let dump = Dump::read(text).unwrap();
        assert_eq!(dump.main(), "/n.conf");
        assert_eq!(dump.read("/n.conf").unwrap(), "a;\n# b\n\n");
        assert_eq!(dump.matching("/c.d/*.conf"), ["/c.d/x.conf"]);
        assert_eq!(
            dump.read("/x").unwrap_err(),
            "it is not in the output of nginx -T"
        );
        assert_eq!(Dump::read("a;\n# configuration file /n.conf:\n"), None);
        assert_eq!(Dump::read(""), None);
    }
}
