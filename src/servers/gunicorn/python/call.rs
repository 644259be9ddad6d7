//! Functions and methods of Python whose results are computed.
//!
//! Invariant: none of them has an effect, and each result is Python's own.

use super::value::Value;

/// The arguments of a call: those by position, and those by name.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) given: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
}

impl Arguments {
    fn texts(&self) -> Option<Vec<&str>> {
        self.given.iter().map(Value::as_text).collect()
    }

    /// Returns the argument at a position, or by its name.
    pub(super) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        let named = || self.named.iter().find(|(found, _)| found == name);
        self.given.get(at).or_else(|| Some(&named()?.1))
    }
}

/// Calls a function by its full name; `None` if its result is not computed. `directory` is the present one.
pub(super) fn function(
    name: &str,
    arguments: &Arguments,
    directory: Option<&str>,
) -> Option<Value> {
    let one = || match &*arguments.given {
        [one] if arguments.named.is_empty() => Some(one),
        _ => None,
    };
    let path = || one()?.as_text();
    Some(match name {
        "str" => Value::text(one()?.shown()?),
        "bool" => Value::Flag(one()?.truth()?),
        "int" => match one()? {
            Value::Text(text) => Value::Number(text.trim().replace('_', "").parse().ok()?),
            Value::Number(number) => Value::Number(*number),
            Value::Flag(flag) => Value::Number(i64::from(*flag)),
            _ => return None,
        },
        "len" => Value::Number(match one()? {
            Value::List(list) => i64::try_from(list.len()).ok()?,
            _ => return None,
        }),
        "max" | "min" if arguments.named.is_empty() => {
            let number = |value: &Value| match value {
                Value::Number(number) => Some(*number),
                _ => None,
            };
            let numbers: Option<Vec<i64>> = arguments.given.iter().map(number).collect();
            let numbers = numbers.filter(|numbers| numbers.len() > 1)?.into_iter();
            Value::Number(if name == "max" {
                numbers.max()?
            } else {
                numbers.min()?
            })
        }
        "os.path.join" => Value::text(arguments.texts()?.into_iter().fold(String::new(), joined)),
        "os.path.dirname" => Value::text(parent(path()?)),
        "os.path.basename" => Value::text(path()?.rsplit('/').next()?.to_owned()),
        "os.path.normpath" => Value::text(normal(path()?)),
        // Links are not resolved: the path leads to the same file.
        "os.path.abspath" | "os.path.realpath" => Value::text(absolute(path()?, directory)?),
        "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" | "pathlib.PurePosixPath" => {
            Value::Path(plain(
                &arguments.texts()?.into_iter().fold(String::new(), joined),
            ))
        }
        "os.getcwd" => Value::text(directory?.to_owned()),
        "pathlib.Path.cwd" => Value::Path(directory?.to_owned()),
        "os.fspath" => Value::text(path()?.to_owned()),
        "json.dumps" => Value::text(json(one()?)?),
        _ => return None,
    })
}

/// Calls a method; `None` if its result is not computed.
pub(super) fn method(
    value: &Value,
    name: &str,
    arguments: &Arguments,
    directory: Option<&str>,
) -> Option<Value> {
    let texts = || arguments.texts().filter(|_| arguments.named.is_empty());
    Some(match (value, name) {
        (Value::Text(text), "format") => Value::text(formatted(text, arguments)?),
        (Value::Text(text), "join") => {
            let [Value::List(list)] = &*arguments.given else {
                return None;
            };
            let inner = Arguments {
                given: list.clone(),
                named: Vec::new(),
            };
            Value::text(inner.texts()?.join(text))
        }
        (Value::Text(text), "strip" | "lstrip" | "rstrip") => {
            let texts = texts()?;
            let is_cut = |next: char| match &*texts {
                [] => next.is_whitespace(),
                [set, ..] => set.contains(next),
            };
            let text = if name == "rstrip" {
                text
            } else {
                text.trim_start_matches(is_cut)
            };
            Value::text(
                if name == "lstrip" {
                    text
                } else {
                    text.trim_end_matches(is_cut)
                }
                .to_owned(),
            )
        }
        (Value::Text(text), "lower") => Value::text(text.to_lowercase()),
        (Value::Text(text), "upper") => Value::text(text.to_uppercase()),
        (Value::Text(text), "replace") => match &*texts()? {
            [from, to] if !from.is_empty() && to.len() <= from.len().max(64) => {
                Value::text(text.replace(from, to))
            }
            _ => return None,
        },
        (Value::Text(text), "startswith") => match &*texts()? {
            [start] => Value::Flag(text.starts_with(start)),
            _ => return None,
        },
        (Value::Text(text), "endswith") => match &*texts()? {
            [end] => Value::Flag(text.ends_with(end)),
            _ => return None,
        },
        (Value::Path(path), "resolve" | "absolute") => Value::Path(absolute(path, directory)?),
        (Value::Path(path), "as_posix") => Value::text(path.clone()),
        (Value::Path(path), "joinpath") => {
            Value::Path(plain(&texts()?.into_iter().fold(path.clone(), joined)))
        }
        (Value::Map(map), "get") => {
            let Value::Text(key) = arguments.given.first()? else {
                return None;
            };
            let found = map.iter().rev().find(|(name, _)| name == key);
            let default = arguments
                .get(1, "default")
                .cloned()
                .unwrap_or(Value::Nothing);
            found.map_or(default, |(_, value)| value.clone())
        }
        _ => return None,
    })
}

/// Returns an attribute that is not a method.
pub(super) fn attribute(value: &Value, name: &str) -> Option<Value> {
    let Value::Path(path) = value else {
        return None;
    };
    let file = path.rsplit('/').next()?;
    let stem = match file.rfind('.') {
        Some(at) if at > 0 => &file[..at],
        _ => file,
    };
    Some(match name {
        "parent" => Value::Path(path_parent(path)),
        "name" => Value::text(file.to_owned()),
        "stem" => Value::text(stem.to_owned()),
        "parents" => {
            let mut parents = vec![];
            let mut path = path.clone();
            while parents.len() < 64 && path_parent(&path) != path {
                path = path_parent(&path);
                parents.push(Value::Path(path.clone()));
            }
            Value::List(parents)
        }
        _ => return None,
    })
}

/// Joins two paths as Python does: an absolute one replaces the first.
pub(super) fn joined(first: String, second: &str) -> String {
    if second.starts_with('/') || first.is_empty() {
        second.to_owned()
    } else if first.ends_with('/') {
        first + second
    } else {
        first + "/" + second
    }
}

/// Joins two paths of `pathlib`.
pub(super) fn path(first: &str, second: &str) -> Value {
    let joined = joined(first.to_owned(), second);
    match Value::text(joined) {
        Value::Text(path) => Value::Path(plain(&path)),
        unknown => unknown,
    }
}

/// Formats by `%`; `None` if the result is not computed.
pub(super) fn percent(format: &str, value: &Value) -> Option<String> {
    let mut given = match value {
        Value::List(list) => list.iter(),
        value => std::slice::from_ref(value).iter(),
    };
    let is_map = matches!(value, Value::Map(_));
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let value = match (rest.strip_prefix('('), value) {
            (Some(named), Value::Map(map)) => {
                let (name, after) = named.split_once(')')?;
                rest = after;
                &map.iter().rev().find(|(found, _)| found == name)?.1
            }
            (None, _) => given.next()?,
            _ => return None,
        };
        match (rest.chars().next()?, value) {
            ('s', value) => text.push_str(&value.shown()?),
            ('d' | 'i', Value::Number(number)) => text.push_str(&number.to_string()),
            _ => return None,
        }
        rest = &rest[1..];
    }
    text.push_str(rest);
    // Python refuses values that remain.
    (is_map || given.next().is_none()).then_some(text)
}

/// Formats by `str.format`; `None` if the result is not computed.
fn formatted(format: &str, arguments: &Arguments) -> Option<String> {
    let mut text = String::new();
    let mut next = 0;
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let (name, after) = rest.split_once('}').filter(|_| brace == "{")?;
        rest = after;
        let value = if let Ok(at) = name.parse::<usize>() {
            arguments.given.get(at)?
        } else if name.is_empty() {
            next += 1;
            arguments.given.get(next - 1)?
        } else {
            &arguments.named.iter().find(|(found, _)| found == name)?.1
        };
        text.push_str(&value.shown()?);
    }
    text.push_str(rest);
    Some(text)
}

fn json(value: &Value) -> Option<String> {
    let list = |all: Option<Vec<String>>| all.map(|all| all.join(", "));
    Some(match value {
        Value::Text(text) if text.is_ascii() => serde_json::to_string(text).ok()?,
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Nothing => "null".to_owned(),
        Value::List(all) => format!("[{}]", list(all.iter().map(json).collect())?),
        Value::Map(map) => {
            let pair = |(key, value): &(String, Value)| {
                Some(format!(
                    "{}: {}",
                    json(&Value::Text(key.clone()))?,
                    json(value)?
                ))
            };
            format!("{{{}}}", list(map.iter().map(pair).collect())?)
        }
        _ => return None,
    })
}

/// Returns the part of a path before its last slash.
fn parent(path: &str) -> String {
    let (before, _) = path.rsplit_once('/').unwrap_or_default();
    if before.is_empty() && path.starts_with('/') {
        return "/".to_owned();
    }
    before.trim_end_matches('/').to_owned()
}

fn path_parent(path: &str) -> String {
    match parent(path) {
        empty if empty.is_empty() => ".".to_owned(),
        parent => parent,
    }
}

/// Returns a path without doubled slashes and `.`.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    match (path.starts_with('/'), parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

/// Returns a path without `..` and what it leaves out.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    plain(&format!(
        "{}{}",
        if path.starts_with('/') { "/" } else { "" },
        parts.join("/")
    ))
}

fn absolute(path: &str, directory: Option<&str>) -> Option<String> {
    if path.starts_with('/') {
        return Some(normal(path));
    }
    Some(normal(&joined(directory?.to_owned(), path)))
}
