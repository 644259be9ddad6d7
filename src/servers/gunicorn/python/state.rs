//! The names of a configuration file, and what surrounds it.
//!
//! Invariant: a name that something not computed may have changed is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::call::{self, Arguments};
use super::token::Spanned;
use super::value::Value;

/// Most statements and expressions that are computed: enough for any file written by people.
const STEPS: usize = 50_000;

/// Functions and types that exist without an import.
const BUILTINS: [&str; 13] = [
    "str", "int", "bool", "len", "max", "min", "float", "list", "dict", "tuple", "print", "open",
    "sorted",
];

/// The surroundings of a program.
#[derive(Clone, Debug, Default)]
pub(in crate::servers) struct Surroundings {
    /// Known variables of the environment.
    pub(in crate::servers) variables: BTreeMap<String, String>,
    /// True if the environment has no other variables.
    pub(in crate::servers) is_whole: bool,
    /// Path of the file, if it has one.
    pub(in crate::servers) file: Option<String>,
    pub(in crate::servers) directory: Option<String>,
    /// Number of this machine's processors.
    pub(in crate::servers) processors: Option<u64>,
}

/// Something that a value depends on, and that the program decides elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumed {
    /// The environment does not set this variable.
    Unset(String),
    /// The machine has so many processors.
    Processors(u64),
}

/// A reason for which a name is unknown, and the bytes that give it.
pub(super) type Reason = (String, Range<usize>);

/// A name with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::servers) struct Bound {
    pub(in crate::servers) value: Value,
    /// Bytes of the statement.
    pub(in crate::servers) span: Range<usize>,
    pub(in crate::servers) assumed: BTreeSet<Assumed>,
}

/// The names at a point of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) all: BTreeMap<String, Bound>,
    /// Reason for which any name may have another value.
    pub(super) anything: Option<Reason>,
    /// True if the program does not go on.
    pub(super) has_ended: bool,
}

/// The state of a program while it is read.
pub(super) struct State<'w> {
    pub(super) source: &'w str,
    pub(super) surroundings: &'w Surroundings,
    pub(super) names: Names,
    /// Reason for which no name is known.
    pub(super) unreadable: Option<Reason>,
    /// Dependencies of the conditions around the present statement.
    pub(super) conditions: BTreeSet<Assumed>,
    /// Names that may be assigned at other times than the program's text says, with the reason.
    pub(super) shared: BTreeMap<&'w str, Reason>,
    /// Variables that the program has set itself.
    set: BTreeMap<String, Value>,
    /// True if the program reads further variables from a file.
    reads_variables: bool,
    assumed: BTreeSet<Assumed>,
    steps: usize,
}

impl<'w> State<'w> {
    pub(super) fn new(source: &'w str, surroundings: &'w Surroundings) -> Self {
        Self {
            source,
            surroundings,
            names: Names::default(),
            unreadable: None,
            conditions: BTreeSet::new(),
            shared: BTreeMap::new(),
            set: BTreeMap::new(),
            reads_variables: false,
            assumed: BTreeSet::new(),
            steps: 0,
        }
    }

    /// Counts a step; false if there were too many.
    pub(super) fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            let why = "the file is too long to be computed".to_owned();
            self.unreadable.get_or_insert((why, 0..0));
        }
        self.steps <= STEPS
    }

    pub(super) fn take_assumed(&mut self) -> BTreeSet<Assumed> {
        std::mem::take(&mut self.assumed)
    }

    pub(super) fn assume_all(&mut self, assumed: BTreeSet<Assumed>) {
        self.assumed.extend(assumed);
    }

    /// Returns the number of the line of an offset.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.source.as_bytes().get(..at).unwrap_or_default();
        before.split(|byte| *byte == b'\n').count()
    }

    /// Quotes tokens for a message, shortened.
    pub(super) fn quoted(&self, tokens: &[Spanned<'_>]) -> String {
        const LONGEST: usize = 40;
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return "an empty expression".to_owned();
        };
        let text = self
            .source
            .get(first.span.start..last.span.end)
            .unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() <= LONGEST {
            return format!("`{text}`");
        }
        format!("`{}…`", text.chars().take(LONGEST).collect::<String>())
    }

    /// Gives a name a value.
    pub(super) fn bind(&mut self, name: &str, value: Value, span: Range<usize>) {
        let assumed = self.assumed.union(&self.conditions).cloned().collect();
        self.names.all.insert(
            name.to_owned(),
            Bound {
                value,
                span,
                assumed,
            },
        );
    }

    /// Forgets the lists and dictionaries, which something may have changed.
    pub(super) fn forget_containers(&mut self) {
        for bound in self.names.all.values_mut() {
            if bound.value.is_container() {
                bound.value = Value::Unknown("code that is not computed may change it".to_owned());
            }
        }
    }

    /// Returns the value of a name.
    pub(super) fn name(&mut self, name: &str) -> Value {
        if let Some((why, _)) = self.unreadable.as_ref().or_else(|| self.shared.get(name)) {
            return Value::Unknown(why.clone());
        }
        if let Some(bound) = self.names.all.get(name) {
            self.assumed.extend(bound.assumed.iter().cloned());
            return bound.value.clone();
        }
        if let Some((why, _)) = &self.names.anything {
            return Value::Unknown(why.clone());
        }
        if name == "__file__" {
            let file = self.surroundings.file.clone();
            return file.map_or(
                Value::Unknown("the path of the file is not known".to_owned()),
                Value::text,
            );
        }
        if BUILTINS.contains(&name) {
            return Value::Name(name.to_owned());
        }
        Value::Unknown(format!("`{name}` is not assigned in this file"))
    }

    /// Returns a variable of the environment; `default` is the value if it is unset, `None` if that is an error.
    pub(super) fn variable(&mut self, name: &str, default: Option<Value>) -> Value {
        if let Some(value) = self.set.get(name) {
            return value.clone();
        }
        if let Some(value) = self.surroundings.variables.get(name) {
            return Value::text(value.clone());
        }
        match default {
            Some(default) => {
                if self.reads_variables || !self.surroundings.is_whole {
                    self.assumed.insert(Assumed::Unset(name.to_owned()));
                }
                default
            }
            None => Value::Unknown(format!(
                "the variable {name} of the environment is not known here"
            )),
        }
    }

    /// Calls a value.
    pub(super) fn call(&mut self, called: &Value, arguments: &Arguments) -> Value {
        let Value::Name(name) = called else {
            self.forget_containers();
            let reason = called.reason();
            let why = reason.unwrap_or_else(|| "init does not compute the call".to_owned());
            return Value::Unknown(why);
        };
        let key = match arguments.given.first() {
            Some(Value::Text(key)) => Some(key.clone()),
            _ => None,
        };
        match (&**name, key) {
            ("os.environ.get" | "os.getenv", Some(key)) => {
                let default = arguments.get(1, "default").cloned();
                return self.variable(&key, Some(default.unwrap_or(Value::Nothing)));
            }
            ("os.environ.setdefault", Some(key)) => {
                let default = arguments.given.get(1).cloned().unwrap_or(Value::Nothing);
                let value = self.variable(&key, Some(default));
                self.set.insert(key, value.clone());
                return value;
            }
            ("multiprocessing.cpu_count" | "os.cpu_count", None) => {
                let count = self.surroundings.processors;
                if let Some(count) = count
                    && let Ok(number) = i64::try_from(count)
                {
                    self.assumed.insert(Assumed::Processors(count));
                    return Value::Number(number);
                }
            }
            _ => {}
        }
        let directory = self.surroundings.directory.as_deref();
        if let Some(value) = call::function(name, arguments, directory) {
            return value;
        }
        if name.contains("env") {
            self.reads_variables = true;
        }
        let is_harmless = matches!(&**name, "print" | "os.makedirs" | "os.path.exists");
        if !is_harmless {
            self.forget_containers();
        }
        let given = arguments.given.iter().find_map(Value::reason);
        let is_known = BUILTINS.contains(&&**name) || name.starts_with("os.path.");
        Value::Unknown(match given {
            Some(why) if is_known => why,
            _ => format!("init does not compute `{name}()`"),
        })
    }

    /// Calls a method of a value that is not a module.
    pub(super) fn method(&mut self, value: &Value, name: &str, arguments: &Arguments) -> Value {
        let directory = self.surroundings.directory.as_deref();
        if let Some(value) = call::method(value, name, arguments, directory) {
            return value;
        }
        self.forget_containers();
        let reasons = arguments
            .given
            .iter()
            .chain(arguments.named.iter().map(|(_, value)| value));
        let reason = reasons.chain([value]).find_map(Value::reason);
        Value::Unknown(reason.unwrap_or_else(|| format!("init does not compute `.{name}()`")))
    }

    /// Returns an attribute.
    pub(super) fn attribute(&mut self, value: Value, name: &str) -> Value {
        self.reads_variables |= name.contains("env") && !matches!(name, "environ" | "getenv");
        match value {
            Value::Name(module) => match &*format!("{module}.{name}") {
                "os.sep" | "os.path.sep" => Value::text("/".to_owned()),
                full => Value::Name(full.to_owned()),
            },
            Value::Unknown(_) => value,
            value => call::attribute(&value, name)
                .unwrap_or_else(|| Value::Unknown(format!("init does not compute `.{name}`"))),
        }
    }

    /// Returns an element of a container.
    pub(super) fn element(&mut self, value: &Value, key: &Value) -> Value {
        let found = match (value, key) {
            (Value::Name(name), Value::Text(key)) if name == "os.environ" => {
                Some(self.variable(key, None))
            }
            (Value::List(list), Value::Number(at)) => {
                let from_end = usize::try_from(at.saturating_neg()).ok();
                let from_end = from_end
                    .filter(|_| *at < 0)
                    .and_then(|back| list.len().checked_sub(back));
                let at = usize::try_from(*at).ok().or(from_end);
                at.and_then(|at| list.get(at)).cloned()
            }
            (Value::Map(map), key) => {
                let key = key.shown();
                let found = map
                    .iter()
                    .rev()
                    .find(|(found, _)| Some(found) == key.as_ref());
                found.map(|(_, value)| value.clone())
            }
            _ => None,
        };
        found.unwrap_or_else(|| {
            let reason = key.reason().or_else(|| value.reason());
            Value::Unknown(reason.unwrap_or_else(|| "init does not compute `[…]`".to_owned()))
        })
    }

    /// Assigns a variable of the environment.
    pub(super) fn set_variable(&mut self, name: &Value, value: Value) {
        match name {
            Value::Text(name) => {
                self.set.insert(name.clone(), value);
            }
            _ => self.reads_variables = true,
        }
    }
}
