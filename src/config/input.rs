//! Inputs: from the keys of a `[[source]]` to the origin of its lines.
//!
//! Invariant: a source has exactly one input, two sources never read the same socket or pipe, and a key that does
//! not apply to the input is a fault.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::limits::bounded;
use super::paths::{self, Files};
use super::state::State;
use crate::diag::{Fault, Place, Report, Section, Spot};
use crate::source::{
    Frame, Journal, PathPattern, Start, Stream, Syslog, SyslogAddress, SyslogAddressError,
};

/// Default receive buffer of a socket: 8 MiB.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Default mode of a unix socket, the same as that of `/dev/log`, since servers run as various users.
const SOCKET_MODE: u32 = 0o666;
const MAX_CONNECTIONS: usize = 64;
/// Longest name of a systemd unit (`UNIT_NAME_MAX`).
const UNIT_BYTES: usize = 255;

/// Keys that select an input.
const INPUTS: [&str; 5] = ["paths", "stdin", "syslog", "journal", "fifo"];

/// Origin of lines.
#[derive(Clone, Debug)]
pub enum Input {
    /// Followed files.
    Files(Files),
    /// Standard input, a FIFO, a socket or the journal.
    Stream(Stream),
}

/// Keys of a section that concern its input, unchecked.
pub(super) struct RawInput {
    paths: Option<Spot<Vec<Spot<String>>>>,
    stdin: Option<Spot<bool>>,
    syslog: Option<Spot<String>>,
    journal: Option<Spot<String>>,
    fifo: Option<Spot<String>>,
    start: Option<Spot<String>>,
    watch: Option<Spot<bool>>,
    frame: Option<Spot<String>>,
    receive_buffer: Option<Spot<u64>>,
    socket_mode: Option<Spot<u32>>,
    max_connections: Option<Spot<u64>>,
    /// True unless keys may be missing because of a syntax error.
    is_whole: bool,
    /// The keys of [`INPUTS`] that are present, even with a wrong value.
    given: Vec<&'static str>,
}

/// Context of an input's keys.
pub(super) struct Context<'k> {
    pub(super) section: Place,
    /// Base of relative paths.
    pub(super) base: &'k Path,
    pub(super) state: Option<&'k State>,
}

impl Input {
    /// Returns the input of one log, read from its beginning.
    pub fn log(path: PathPattern) -> Self {
        Self::Files(Files {
            paths: vec![path],
            places: Vec::new(),
            start: Start::Beginning,
            frame: Frame::Auto,
            watch: true,
        })
    }

    /// Returns the wrapper of each line.
    pub fn frame(&self) -> Frame {
        match self {
            Self::Files(files) => files.frame,
            Self::Stream(_) => Frame::None,
        }
    }

    /// Returns whether a path is one of the followed files.
    pub fn follows(&self, path: &Path) -> bool {
        match self {
            Self::Files(files) => files.paths.iter().any(|own| own.matches(path)),
            Self::Stream(_) => false,
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(files) => {
                let paths = files.paths.iter().map(PathPattern::as_path);
                let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
                f.write_str(&paths.join(", "))
            }
            Self::Stream(stream) => write!(f, "{stream}"),
        }
    }
}

impl RawInput {
    /// Reads every key, so that none of them counts as unknown.
    pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> Self {
        let stdin = section.boolean("stdin", report);
        let is_off = stdin.as_ref().is_some_and(|stdin| !stdin.value);
        let given = INPUTS
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
            frame: section.string("frame", report),
            receive_buffer: section.integer("receive_buffer", 65_536..=1 << 30, report),
            socket_mode: section.mode("socket_mode", report),
            max_connections: section.integer("max_connections", 1..=1024, report),
            is_whole: section.is_whole(),
            given,
        }
    }

    /// Returns the input that the keys describe; `None` after a fault. `taken` are the streams of other sources.
    pub(super) fn check(
        self,
        context: &Context<'_>,
        taken: &mut BTreeSet<String>,
        report: &mut Report,
    ) -> Option<Input> {
        if self.given.len() != 1 {
            let fault = Fault::error(if self.given.is_empty() {
                "a source without an input".to_owned()
            } else {
                format!(
                    "a source with several inputs: `{}`",
                    self.given.join("`, `")
                )
            });
            if self.given.is_empty() && !self.is_whole {
                return None;
            }
            let help = format!("give it exactly one of `{}`", INPUTS.join("`, `"));
            report.push(fault.at(context.section.clone()).help(help));
            return None;
        }
        let start = match &self.start {
            Some(start) => read_start(start, report),
            None => Some(Start::End),
        };
        let frame = match &self.frame {
            Some(frame) => read_frame(frame, report),
            None => Some(Frame::Auto),
        };
        let address =
            (self.syslog.as_ref()).and_then(|text| read_address(text, context.base, report));
        self.check_limited_keys(address.as_ref(), report);
        if let Some(paths) = &self.paths {
            let (paths, places) = paths::read(paths, context.base, report)?;
            return Some(Input::Files(Files {
                paths,
                places,
                start: start?,
                frame: frame?,
                watch: self.watch.is_none_or(|watch| watch.value),
            }));
        }
        let (stream, place) = self.stream(context, address, start, report)?;
        if !taken.insert(stream.to_string()) && !matches!(stream, Stream::Journal(_)) {
            report.push(Fault::error(format!("two sources read {stream}")).at(place));
        }
        Some(Input::Stream(stream))
    }

    fn stream(
        &self,
        context: &Context<'_>,
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
                report.push(fifo.error("empty path"));
                return None;
            }
            let path = context.base.join(&fifo.value);
            return Some((Stream::Fifo(path), fifo.place.clone()));
        }
        if let Some(unit) = &self.journal {
            return Some((journal(unit, start?, context, report)?, unit.place.clone()));
        }
        let syslog = Syslog {
            address: address?,
            receive_buffer: self.receive_buffer.as_ref().map_or(RECEIVE_BUFFER, bounded),
            socket_mode: self
                .socket_mode
                .as_ref()
                .map_or(SOCKET_MODE, |mode| mode.value),
            max_connections: self
                .max_connections
                .as_ref()
                .map_or(MAX_CONNECTIONS, bounded),
        };
        let place = self.syslog.as_ref()?.place.clone();
        Some((Stream::Syslog(syslog), place))
    }

    /// Reports keys that do not apply to this input.
    fn check_limited_keys(&self, address: Option<&SyslogAddress>, report: &mut Report) {
        let mut limit = |place: Option<&Place>, applies: bool, message: &str| {
            if let Some(place) = place.filter(|_| !applies) {
                report.push(Fault::error(message).at(place.clone()));
            }
        };
        let is_given = |key| self.given.contains(&key);
        // With a wrong address, every key that some address allows is accepted.
        let allows =
            |test: fn(&SyslogAddress) -> bool| is_given("syslog") && address.is_none_or(test);
        limit(
            self.start.as_ref().map(|it| &it.place),
            is_given("paths") || is_given("journal"),
            "`start` applies only to `paths` and `journal`",
        );
        limit(
            self.watch.as_ref().map(|it| &it.place),
            is_given("paths"),
            "`watch` applies only to `paths`",
        );
        limit(
            self.frame.as_ref().map(|it| &it.place),
            is_given("paths"),
            "`frame` applies only to `paths`",
        );
        limit(
            self.receive_buffer.as_ref().map(|it| &it.place),
            is_given("syslog"),
            "`receive_buffer` applies only to `syslog`",
        );
        limit(
            self.socket_mode.as_ref().map(|it| &it.place),
            allows(|address| address.path().is_some()),
            "`socket_mode` applies only to unix sockets of `syslog`",
        );
        limit(
            self.max_connections.as_ref().map(|it| &it.place),
            allows(|address| address.has_connections),
            "`max_connections` applies only to `tcp://` and `unix-stream:` of `syslog`",
        );
    }
}

fn read_address(text: &Spot<String>, base: &Path, report: &mut Report) -> Option<SyslogAddress> {
    let parsed = text.value.parse::<SyslogAddress>();
    let parsed = parsed.and_then(|address| address.relative_to(base));
    let refused = |error: SyslogAddressError| {
        let fault = text.error(format!("`{}` is not a valid syslog address", text.value));
        report.push(fault.help(error.to_string()));
    };
    let address = parsed.map_err(refused).ok()?;
    if address.is_reachable() {
        report.push(
            text.warning(format!("any host that can reach {address} can send log lines"))
                .help("listen on 127.0.0.1 or a unix socket, or let only your servers through the firewall"),
        );
    }
    Some(address)
}

fn journal(
    unit: &Spot<String>,
    start: Start,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Stream> {
    let is_unit = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte);
    let name = &unit.value;
    if !(1..=UNIT_BYTES).contains(&name.len()) || !name.bytes().all(is_unit) || !name.contains('.')
    {
        report.push(
            unit.error(format!("`{name}` is not a systemd unit"))
                .help("give the full name: journal = \"gunicorn.service\""),
        );
        return None;
    }
    if context.state.is_none_or(|state| state.durability.is_none()) {
        report.push(
            unit.warning("the position in the journal is not saved")
                .help("to count what is logged while the exporter is down:\n[state]\ndir = \"/var/lib/httplog-exporter\""),
        );
    }
    Some(Stream::Journal(Journal {
        unit: name.clone(),
        start,
    }))
}

fn read_start(start: &Spot<String>, report: &mut Report) -> Option<Start> {
    match start.value.as_str() {
        "end" => Some(Start::End),
        "beginning" => Some(Start::Beginning),
        other => {
            let fault = start.error(format!("unknown start `{other}`"));
            report.push(fault.suggest(other, ["beginning", "end"]));
            None
        }
    }
}

fn read_frame(frame: &Spot<String>, report: &mut Report) -> Option<Frame> {
    match frame.value.as_str() {
        "auto" => Some(Frame::Auto),
        "cri" => Some(Frame::Cri),
        "docker" => Some(Frame::Docker),
        // Patterns find what syslog writes before a line.
        "syslog" | "none" => Some(Frame::None),
        other => {
            let fault = frame.error(format!("unknown frame `{other}`"));
            report.push(fault.suggest(other, ["auto", "cri", "docker", "syslog", "none"]));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const STATE: &str = "[state]\ndir = 'state'\n";

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
    fn each_input_has_a_key_and_relative_paths_start_at_the_configuration() {
        assert_eq!(stream("stdin = true"), Stream::Stdin { head: [].into() });
        assert_eq!(stream("fifo = 'f'"), Stream::Fifo("/etc/x/f".into()));
        let syslog = |address: &str, receive_buffer, socket_mode, max_connections| {
            Stream::Syslog(Syslog {
                address: address.parse().unwrap(),
                receive_buffer,
                socket_mode,
                max_connections,
            })
        };
        assert_eq!(
            stream("syslog = 'unix:s'\nsocket_mode = 0o622\nreceive_buffer = 65536"),
            syslog("unix:/etc/x/s", 65_536, 0o622, 64)
        );
        assert_eq!(
            stream("syslog = 'tcp://127.0.0.1:601'\nmax_connections = 3"),
            syslog("tcp://127.0.0.1:601", 8 << 20, 0o666, 3)
        );
        assert_eq!(
            stream("journal = 'gunicorn@shop.service'\nstart = 'beginning'"),
            Stream::Journal(Journal {
                unit: "gunicorn@shop.service".into(),
                start: Start::Beginning,
            })
        );
    }

    #[test]
    fn a_source_has_exactly_one_input() {
        assert_eq!(faults(""), ["a source without an input"]);
        assert_eq!(faults("stdin = false"), ["a source without an input"]);
        assert_eq!(
            faults("stdin = true\npaths = ['x']\nfifo = 'f'"),
            ["a source with several inputs: `paths`, `stdin`, `fifo`"]
        );
        assert_eq!(faults("stdin = false\nfifo = 'f'"), [""; 0]);
    }

    #[test]
    fn an_archive_is_not_followed() {
        let expected = "a compressed file is not followed: it does not grow";
        assert_eq!(
            faults("paths = ['access.log', 'access.log.2.gz', '*.zst']"),
            [expected, expected]
        );
        assert_eq!(faults("paths = ['gz', 'a.gzip', 'a.gz.log']"), [""; 0]);
    }

    #[test]
    fn keys_that_do_not_apply_are_faults() {
        assert_eq!(
            faults("fifo = 'f'\nstart = 'end'\nwatch = true\nreceive_buffer = 65536"),
            [
                "`start` applies only to `paths` and `journal`",
                "`watch` applies only to `paths`",
                "`receive_buffer` applies only to `syslog`",
            ]
        );
        assert_eq!(
            faults("syslog = 'udp://127.0.0.1:1'\nsocket_mode = 0o600\nmax_connections = 2"),
            [
                "`socket_mode` applies only to unix sockets of `syslog`",
                "`max_connections` applies only to `tcp://` and `unix-stream:` of `syslog`",
            ]
        );
        // A decimal mode.
        assert_eq!(faults("syslog = 'unix:s'\nsocket_mode = 660").len(), 1);
    }

    #[test]
    fn inputs_that_cannot_be_read_are_reported() {
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
            "any host that can reach udp://0.0.0.0:514 can send log lines"
        );
        assert_eq!(
            one("journal = 'gunicorn'"),
            "`gunicorn` is not a systemd unit"
        );
        assert_eq!(
            one("journal = 'g*.service'"),
            "`g*.service` is not a systemd unit"
        );
        assert_eq!(one("fifo = ''"), "empty path");
    }

    #[test]
    fn two_sources_cannot_share_a_stream_and_a_journal_without_state_warns() {
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
            ["the position in the journal is not saved"; 2]
        );
    }
}
