//! From the keys of a `[[source]]` to where its lines come from.
//!
//! Invariant: a source has exactly one input, no two sources have the same socket or pipe, and a
//! key that means nothing for the input is a fault.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::{Files, Input};
use crate::diag::{Fault, Place, Report, Section, Spot};
use crate::source::{Journal, PathPattern, Start, Stream, Syslog, SyslogAddress};

/// What is asked of the kernel where nobody says otherwise: 8 MiB.
const RECEIVE_BUFFER: usize = 8 << 20;
/// As `/dev/log` has it: servers write under users of their own.
const SOCKET_MODE: u32 = 0o666;
const MAX_CONNECTIONS: usize = 64;
/// Longest name of a unit (`UNIT_NAME_MAX`).
const UNIT_BYTES: usize = 255;

/// The keys that say where lines come from.
const INPUTS: &str = "`paths`, `stdin`, `syslog`, `journal`, `fifo`";

/// All keys of a section that concern its input.
pub(super) struct Keys {
    paths: Option<Spot<Vec<Spot<String>>>>,
    stdin: Option<Spot<bool>>,
    syslog: Option<Spot<String>>,
    journal: Option<Spot<String>>,
    fifo: Option<Spot<String>>,
    start: Option<Spot<String>>,
    watch: Option<Spot<bool>>,
    receive_buffer: Option<Spot<u64>>,
    socket_mode: Option<Spot<u64>>,
    max_connections: Option<Spot<u64>>,
    /// Inputs that are named, with a good value or not.
    given: Vec<&'static str>,
}

/// What stands around the keys.
pub(super) struct Around<'k> {
    pub(super) section: Place,
    /// What relative paths are relative to.
    pub(super) base: &'k Path,
    pub(super) state_dir: Option<&'k Path>,
    /// The source's name, if it has one.
    pub(super) name: Option<&'k str>,
}

/// Streams that a source has already.
#[derive(Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Keys {
    /// Reads them all, so that none counts as unknown.
    pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> Self {
        let stdin = section.boolean("stdin", report);
        let is_off = stdin.as_ref().is_some_and(|stdin| !stdin.value);
        let given = ["paths", "stdin", "syslog", "journal", "fifo"]
            .into_iter()
            .filter(|key| section.contains(key) && !(*key == "stdin" && is_off))
            .collect();
        Self {
            paths: section.strings("paths", report),
            stdin: stdin.filter(|stdin| stdin.value),
            syslog: section.string("syslog", report),
            journal: section.string("journal", report),
            fifo: section.string("fifo", report),
            start: section.string("start", report),
            watch: section.boolean("watch", report),
            receive_buffer: section.integer("receive_buffer", 65_536..=1 << 30, report),
            socket_mode: section.integer("socket_mode", 0..=0o777, report),
            max_connections: section.integer("max_connections", 1..=1024, report),
            given,
        }
    }

    /// What they say; `None` after a fault.
    pub(super) fn input(
        self,
        around: &Around<'_>,
        taken: &mut Taken,
        report: &mut Report,
    ) -> Option<Input> {
        let one = format!("give it exactly one of {INPUTS}");
        match self.given.as_slice() {
            [_] => {}
            [] => {
                let fault = Fault::error("a source without an input");
                report.push(fault.at(around.section.clone()).help(one));
                return None;
            }
            several => {
                let fault = Fault::error(format!("a source with {} inputs", several.len()));
                report.push(fault.at(around.section.clone()).help(one));
                return None;
            }
        }
        let start = match &self.start {
            Some(start) => read_start(start, report),
            None => Some(Start::End),
        };
        let address = self
            .syslog
            .as_ref()
            .and_then(|text| read_address(text, around.base, report));
        self.misplaced(address.as_ref(), report);
        if let Some(paths) = &self.paths {
            return Some(Input::Files(Files {
                paths: read_paths(paths, around.base, report)?,
                start: start?,
                watch: self.watch.is_none_or(|watch| watch.value),
            }));
        }
        let (stream, place) = self.stream(around, address, start, report)?;
        if !taken.0.insert(stream.to_string()) && !matches!(stream, Stream::Journal(_)) {
            report.push(Fault::error(format!("two sources read {stream}")).at(place));
        }
        Some(Input::Stream(stream))
    }

    fn stream(
        &self,
        around: &Around<'_>,
        address: Option<SyslogAddress>,
        start: Option<Start>,
        report: &mut Report,
    ) -> Option<(Stream, Place)> {
        if let Some(stdin) = &self.stdin {
            let head = [].into();
            return Some((Stream::Stdin { head }, stdin.place.clone()));
        }
        if let Some(fifo) = &self.fifo {
            if fifo.value.is_empty() {
                report.push(Fault::error("an empty path").at(fifo.place.clone()));
                return None;
            }
            let path = around.base.join(&fifo.value);
            return Some((Stream::Fifo(path), fifo.place.clone()));
        }
        if let Some(unit) = &self.journal {
            return Some((journal(unit, start?, around, report)?, unit.place.clone()));
        }
        let syslog = Syslog {
            address: address?,
            receive_buffer: size(self.receive_buffer.as_ref(), RECEIVE_BUFFER),
            socket_mode: self
                .socket_mode
                .as_ref()
                .and_then(|mode| u32::try_from(mode.value).ok())
                .unwrap_or(SOCKET_MODE),
            max_connections: size(self.max_connections.as_ref(), MAX_CONNECTIONS),
        };
        let place = self.syslog.as_ref()?.place.clone();
        Some((Stream::Syslog(syslog), place))
    }

    /// Tells of keys that mean nothing for this input.
    fn misplaced(&self, address: Option<&SyslogAddress>, report: &mut Report) {
        let is_given = |key| self.given.contains(&key);
        // Of an address with a fault nobody knows what would go with it.
        let fits =
            |asks: fn(&SyslogAddress) -> bool| is_given("syslog") && address.is_none_or(asks);
        let place = |spot: &Option<Spot<u64>>| spot.as_ref().map(|spot| spot.place.clone());
        let keys = [
            (
                "start",
                "`paths` and `journal`",
                self.start.as_ref().map(|start| start.place.clone()),
                is_given("paths") || is_given("journal"),
            ),
            (
                "watch",
                "`paths`",
                self.watch.as_ref().map(|watch| watch.place.clone()),
                is_given("paths"),
            ),
            (
                "receive_buffer",
                "`syslog`",
                place(&self.receive_buffer),
                is_given("syslog"),
            ),
            (
                "socket_mode",
                "unix sockets of `syslog`",
                place(&self.socket_mode),
                fits(|address| address.path().is_some()),
            ),
            (
                "max_connections",
                "`tcp://` and `unix-stream:` of `syslog`",
                place(&self.max_connections),
                fits(SyslogAddress::has_connections),
            ),
        ];
        for (key, owner, place, fits) in keys {
            if let (Some(place), false) = (place, fits) {
                report.push(Fault::error(format!("`{key}` is for {owner}")).at(place));
            }
        }
    }
}

fn size(given: Option<&Spot<u64>>, default: usize) -> usize {
    given
        .and_then(|given| usize::try_from(given.value).ok())
        .unwrap_or(default)
}

fn read_address(text: &Spot<String>, base: &Path, report: &mut Report) -> Option<SyslogAddress> {
    let refused = |error: String| {
        Fault::error(format!("`{}` is not a valid syslog address", text.value))
            .at(text.place.clone())
            .help(error)
    };
    let address = match text.value.parse::<SyslogAddress>() {
        Ok(address) => address.relative_to(base),
        Err(error) => {
            report.push(refused(error.to_string()));
            return None;
        }
    };
    if !address.fits() {
        let help = "with the directory of the configuration, its path has more than 107 bytes";
        report.push(refused(help.to_owned()));
        return None;
    }
    if address.is_reachable() {
        report.push(
            Fault::warning(format!("whoever can reach {address} can write numbers"))
                .at(text.place.clone())
                .help("listen on 127.0.0.1 or a unix socket, or let only your servers through the firewall"),
        );
    }
    Some(address)
}

fn journal(
    unit: &Spot<String>,
    start: Start,
    around: &Around<'_>,
    report: &mut Report,
) -> Option<Stream> {
    let is_unit = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte);
    let name = &unit.value;
    if !(1..=UNIT_BYTES).contains(&name.len()) || !name.bytes().all(is_unit) || !name.contains('.')
    {
        report.push(
            Fault::error(format!("`{name}` is not a systemd unit"))
                .at(unit.place.clone())
                .help("write its full name: journal = \"gunicorn.service\""),
        );
        return None;
    }
    if around.state_dir.is_none() {
        report.push(
            Fault::warning("nothing keeps the place reached in the journal")
                .at(unit.place.clone())
                .help("what is logged while the exporter is down is counted with:\n[state]\ndir = \"/var/lib/httplog-exporter\""),
        );
    }
    let cursor_file = around
        .state_dir
        .zip(around.name)
        .map(|(dir, source)| dir.join(format!("journal-{}", file_name(source))));
    Some(Stream::Journal(Journal {
        unit: name.clone(),
        start,
        cursor_file,
    }))
}

/// A source's name as part of a file's, different for different names.
fn file_name(source: &str) -> String {
    let mut name = String::new();
    for byte in source.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

fn read_start(start: &Spot<String>, report: &mut Report) -> Option<Start> {
    match start.value.as_str() {
        "end" => Some(Start::End),
        "beginning" => Some(Start::Beginning),
        other => {
            report.push(
                Fault::error(format!("unknown start `{other}`"))
                    .at(start.place.clone())
                    .suggest(other, ["beginning", "end"]),
            );
            None
        }
    }
}

fn read_paths(
    paths: &Spot<Vec<Spot<String>>>,
    base: &Path,
    report: &mut Report,
) -> Option<Vec<PathPattern>> {
    if paths.value.is_empty() {
        report.push(Fault::error("no path to follow").at(paths.place.clone()));
        return None;
    }
    let mut all = Vec::new();
    for path in &paths.value {
        if path.value.is_empty() {
            report.push(Fault::error("an empty path").at(path.place.clone()));
            continue;
        }
        match PathPattern::relative(base, &path.value) {
            Ok(pattern) => all.push(pattern),
            Err(error) => report.push(Fault::error(error.to_string()).at(path.place.clone())),
        }
    }
    (all.len() == paths.value.len()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const STATE: &str = "[state]\ndir = 'state'\ndurability = 'none'\n";

    fn parse(keys: &str) -> crate::config::Checked {
        let text = format!("{STATE}[[source]]\nname = 'a b'\npattern = 'nginx-combined'\n{keys}\n");
        Config::parse("config.toml", &text, Path::new("/etc/x"))
    }

    fn stream(keys: &str) -> Stream {
        let config = parse(keys).config.unwrap();
        match &config.sources[0].input {
            Input::Stream(stream) => stream.clone(),
            Input::Files(_) => panic!("files"),
        }
    }

    fn faults(keys: &str) -> Vec<String> {
        let report = parse(keys).report;
        let faults = report.faults();
        faults.iter().map(|fault| fault.message.clone()).collect()
    }

    #[test]
    fn each_input_has_a_key_and_paths_below_the_configuration() {
        assert_eq!(stream("stdin = true"), Stream::Stdin { head: [].into() });
        assert_eq!(stream("fifo = 'f'"), Stream::Fifo("/etc/x/f".into()));
        let syslog = |address: SyslogAddress, receive_buffer, socket_mode, max_connections| {
            Stream::Syslog(Syslog {
                address,
                receive_buffer,
                socket_mode,
                max_connections,
            })
        };
        assert_eq!(
            stream("syslog = 'unix:s'\nsocket_mode = 0o622\nreceive_buffer = 65536"),
            syslog(SyslogAddress::Unix("/etc/x/s".into()), 65_536, 0o622, 64)
        );
        assert_eq!(
            stream("syslog = 'tcp://127.0.0.1:601'\nmax_connections = 3"),
            syslog(
                SyslogAddress::Tcp(([127, 0, 0, 1], 601).into()),
                8 << 20,
                0o666,
                3
            )
        );
        assert_eq!(
            stream("journal = 'gunicorn@shop.service'\nstart = 'beginning'"),
            Stream::Journal(Journal {
                unit: "gunicorn@shop.service".into(),
                start: Start::Beginning,
                cursor_file: Some("/etc/x/state/journal-a%20b".into()),
            })
        );
    }

    #[test]
    fn a_source_has_exactly_one_input() {
        assert_eq!(faults(""), ["a source without an input"]);
        assert_eq!(faults("stdin = false"), ["a source without an input"]);
        assert_eq!(
            faults("stdin = true\npaths = ['x']\nfifo = 'f'"),
            ["a source with 3 inputs"]
        );
        assert_eq!(faults("stdin = false\nfifo = 'f'"), [""; 0]);
    }

    #[test]
    fn keys_that_mean_nothing_are_faults() {
        assert_eq!(
            faults("fifo = 'f'\nstart = 'end'\nwatch = true\nreceive_buffer = 65536"),
            [
                "`start` is for `paths` and `journal`",
                "`watch` is for `paths`",
                "`receive_buffer` is for `syslog`",
            ]
        );
        assert_eq!(
            faults("syslog = 'udp://127.0.0.1:1'\nsocket_mode = 0o600\nmax_connections = 2"),
            [
                "`socket_mode` is for unix sockets of `syslog`",
                "`max_connections` is for `tcp://` and `unix-stream:` of `syslog`",
            ]
        );
        // A mode in the wrong notation.
        assert_eq!(faults("syslog = 'unix:s'\nsocket_mode = 660").len(), 1);
    }

    #[test]
    fn what_cannot_be_read_from_is_told() {
        let one = |keys: &str| {
            let faults = faults(keys);
            assert_eq!(faults.len(), 1, "{faults:?}");
            faults[0].clone()
        };
        assert_eq!(
            one("syslog = '127.0.0.1:514'"),
            "`127.0.0.1:514` is not a valid syslog address"
        );
        assert_eq!(
            one(&format!("syslog = 'unix:{}'", "x".repeat(104))),
            format!("`unix:{}` is not a valid syslog address", "x".repeat(104))
        );
        assert_eq!(
            one("syslog = 'udp://0.0.0.0:514'"),
            "whoever can reach udp://0.0.0.0:514 can write numbers"
        );
        assert_eq!(
            one("journal = 'gunicorn'"),
            "`gunicorn` is not a systemd unit"
        );
        assert_eq!(
            one("journal = 'g*.service'"),
            "`g*.service` is not a systemd unit"
        );
        assert_eq!(one("fifo = ''"), "an empty path");
    }

    #[test]
    fn two_sources_cannot_share_a_stream_and_a_journal_without_state_is_warned_of() {
        let two = |keys: &str| {
            let text = ["a", "b"]
                .map(|name| {
                    format!("[[source]]\nname = '{name}'\npattern = 'nginx-combined'\n{keys}\n")
                })
                .concat();
            let checked = Config::parse("c", &text, Path::new("/etc/x"));
            let faults = checked.report.faults();
            let messages: Vec<_> = faults.iter().map(|fault| fault.message.clone()).collect();
            messages
        };
        assert_eq!(two("stdin = true"), ["two sources read standard input"]);
        assert_eq!(two("syslog = 'unix:s'"), ["two sources read unix:/etc/x/s"]);
        assert_eq!(
            two("journal = 'a.service'"),
            ["nothing keeps the place reached in the journal"; 2]
        );
    }
}
