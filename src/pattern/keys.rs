//! Keys of JSON and LTSV lines, and the fields that their values fill.
//!
//! Invariant: each field has one key, and the keys that a line must have do not depend on which
//! fields are read.

use super::binding::{Binding, TimeUnit};
use super::number::{scaled, status_of_number, whole};
use super::{Ahead, Complaint, Reject};
use crate::model::{Bytes, Field, FieldSet, Micros, Record, Status};

/// Longest key, in bytes.
pub(super) const KEY_BYTES: usize = 256;
/// Lengths distinguished before bytes are compared; longer keys share the last one.
const LENGTHS: usize = 64;

/// Keys and their bindings. A set of keys is a `u32` with a bit for each: there are 24 fields, and at most 8 values that fill none.
#[derive(Clone, Debug)]
pub struct Keys {
    all: Vec<Key>,
    by_length: Box<[u32; LENGTHS]>,
    fields: FieldSet,
    /// The keys that a line must have: those of status, method and target.
    required: u32,
    status: u32,
    /// The keys whose values are read.
    wanted: u32,
    /// The keys with dots, which may lead into objects.
    dotted: u32,
    /// Names of values that fill no field, and their keys.
    variables: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Key {
    path: Box<[u8]>,
    /// `None` where the value is not read.
    binding: Option<Binding>,
}

/// A prefix that some keys share, like the `http.` of `http.status`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    /// The keys that begin with the prefix.
    pub(super) keys: u32,
    /// Length of the prefix in bytes.
    pub(super) length: u32,
}

/// The keys and values found in a line so far.
#[derive(Debug)]
pub(super) struct Found<'r, 'l> {
    seen: u32,
    record: &'r mut Record<'l>,
    outcome: Result<(), Reject>,
}

impl Keys {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self {
            all: Vec::new(),
            by_length: Box::new([0; LENGTHS]),
            fields: FieldSet::EMPTY,
            required: 0,
            status: 0,
            wanted: 0,
            dotted: 0,
            variables: Vec::new(),
        }
    }

    /// Returns the bindings of the values that are read.
    pub(super) fn bindings(&self) -> impl Iterator<Item = Binding> + '_ {
        self.all.iter().filter_map(|key| key.binding)
    }

    /// Binds a key to the field `name`, or to `request`, or to a duration in another unit.
    pub fn bind(&mut self, name: &str, key: &str) -> Result<(), Complaint> {
        let binding = Binding::from_name(name).ok_or_else(|| {
            Complaint::new(format!("`{name}` is not a field"), 0..0).suggest(name, Binding::names())
        })?;
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(Complaint::new(
                format!("a key must have 1 to {KEY_BYTES} bytes"),
                0..0,
            ));
        }
        if binding
            .fields()
            .iter()
            .any(|field| self.fields.contains(field))
        {
            return Err(Complaint::new(
                format!("`{name}` sets a field that another key sets"),
                0..0,
            ));
        }
        self.add(key, binding);
        Ok(())
    }

    /// Names the value of a key that fills no field.
    pub fn name(&mut self, name: &str, key: &str) {
        self.variables.push((name.to_owned(), key.to_owned()));
    }

    /// Returns the names of values that fill no field.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Reads the value of a name, else of the key of this name.
    pub(super) fn add_variable(&mut self, name: &str, binding: Binding) {
        let named = self.variables.iter().find(|(known, _)| known == name);
        let key = named.map_or_else(|| name.to_owned(), |(_, key)| key.clone());
        self.add(&key, binding);
    }

    /// Adds a key; the fields of `binding` must not have one yet.
    pub(super) fn add(&mut self, key: &str, binding: Binding) {
        let bit = 1 << self.all.len();
        self.by_length[key.len().min(LENGTHS - 1)] |= bit;
        self.fields = self.fields.union(binding.fields());
        let fields = binding.fields();
        if [Field::Status, Field::Method, Field::Target]
            .into_iter()
            .any(|field| fields.contains(field))
        {
            self.required |= bit;
        }
        if binding == Binding::Status {
            self.status |= bit;
        }
        self.wanted |= bit;
        self.dotted |= bit * u32::from(key.contains('.'));
        self.all.push(Key {
            path: key.as_bytes().into(),
            binding: Some(binding),
        });
    }

    /// Returns the fields that have a key.
    pub(super) fn fields(&self) -> FieldSet {
        self.fields
    }

    /// Returns every key.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.all.iter().map(|key| &*key.path)
    }

    /// Returns the keys that a line must have.
    pub(super) fn required(&self) -> impl Iterator<Item = &[u8]> {
        let keys = self.all.iter().enumerate();
        keys.filter(|(at, _)| self.required >> at & 1 == 1)
            .map(|(_, key)| &*key.path)
    }

    /// Returns whether the text cannot be read as the value of a key.
    pub(super) fn refuses(&self, key: &str, text: &[u8]) -> bool {
        let keys = self.find(Prefix::ROOT, key.as_bytes());
        let mut record = Record::default();
        let mut found = Found::new(&mut record);
        self.give(keys, Some(text), &mut found);
        found.outcome.is_err()
    }

    /// Stops reading the values whose bindings `wanted` refuses.
    pub(super) fn retain(&mut self, wanted: impl Fn(Binding) -> bool) {
        self.wanted = 0;
        for (at, key) in self.all.iter_mut().enumerate() {
            key.binding = key.binding.filter(|binding| wanted(*binding));
            self.wanted |= u32::from(key.binding.is_some()) << at;
        }
    }

    /// Returns the keys that consist of `prefix` and `part`.
    #[inline]
    pub(super) fn find(&self, prefix: Prefix, part: &[u8]) -> u32 {
        let length = prefix.length as usize + part.len();
        let mut left = self.by_length[length.min(LENGTHS - 1)] & prefix.keys;
        let mut found = 0;
        while left != 0 {
            let key = left.trailing_zeros();
            left &= left - 1;
            let path = self.path(key);
            if path.len() == length && path.ends_with(part) {
                found |= 1 << key;
            }
        }
        found
    }

    /// Returns the keys that go on after `prefix`, `part` and a dot.
    pub(super) fn below(&self, prefix: Prefix, part: &[u8]) -> Prefix {
        let mut left = prefix.keys & self.dotted;
        let mut keys = 0;
        while left != 0 {
            let key = left.trailing_zeros();
            left &= left - 1;
            let rest = self
                .path(key)
                .get(prefix.length as usize..)
                .unwrap_or_default();
            let is_below = rest.len() > part.len() + 1
                && rest.starts_with(part)
                && rest.get(part.len()) == Some(&b'.');
            keys |= u32::from(is_below) << key;
        }
        if keys == 0 {
            return Prefix::NOWHERE;
        }
        #[expect(
            clippy::expect_used,
            reason = "a key of at most KEY_BYTES begins with the part"
        )]
        let length = u32::try_from(part.len()).expect("a part is shorter than a key");
        Prefix {
            keys,
            length: prefix.length + length + 1,
        }
    }

    fn path(&self, key: u32) -> &[u8] {
        self.all.get(key as usize).map_or(b"", |key| &key.path)
    }

    /// Records a value of these keys; only the first value of a key counts.
    #[inline]
    pub(super) fn give<'l>(&self, keys: u32, text: Option<&'l [u8]>, found: &mut Found<'_, 'l>) {
        let left = keys & self.wanted & !found.seen;
        found.seen |= keys;
        if let (Some(text), 1..) = (text, left) {
            self.give_each(left, text, found);
        }
    }

    #[inline(never)]
    fn give_each<'l>(&self, mut left: u32, text: &'l [u8], found: &mut Found<'_, 'l>) {
        while left != 0 {
            let key = left.trailing_zeros() as usize;
            left &= left - 1;
            if let Some(Some(binding)) = self.all.get(key).map(|key| key.binding)
                && let Err(reject) = read(binding, text, found.record)
            {
                found.outcome = Err(reject);
            }
        }
    }

    /// Returns whether the key of the status is among these.
    #[inline]
    pub(super) fn include_status(&self, keys: u32) -> bool {
        keys & self.status != 0
    }

    /// Ends a line of `length` bytes; it is rejected if a key that every request has is missing.
    pub(super) fn finish(&self, found: &Found<'_, '_>, length: usize) -> Ahead {
        let is_request = if self.required == 0 {
            found.seen != 0
        } else {
            found.seen & self.required == self.required
        };
        let outcome = if is_request {
            found.outcome
        } else {
            Err(Reject::Mismatch)
        };
        Ahead::Line { length, outcome }
    }
}

impl Prefix {
    /// The empty prefix, which every key has.
    pub(super) const ROOT: Self = Self {
        keys: u32::MAX,
        length: 0,
    };
    /// A prefix that no key has.
    pub(super) const NOWHERE: Self = Self { keys: 0, length: 0 };
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

impl<'r, 'l> Found<'r, 'l> {
    /// Starts a line whose values go to `record`.
    pub(super) fn new(record: &'r mut Record<'l>) -> Self {
        Self {
            seen: 0,
            record,
            outcome: Ok(()),
        }
    }
}

/// Reads a value like [`Binding::read`], but accepts every notation of a number that JSON allows.
fn read<'l>(binding: Binding, text: &'l [u8], record: &mut Record<'l>) -> Result<(), Reject> {
    match binding {
        Binding::Duration(unit) if !matches!(text, b"" | b"-") => {
            let digits = match unit {
                TimeUnit::Seconds => 6,
                TimeUnit::Millis => 3,
                TimeUnit::Micros => 0,
                TimeUnit::Nanos => -3,
            };
            let plain = match unit {
                TimeUnit::Seconds => Micros::from_seconds(text),
                TimeUnit::Millis | TimeUnit::Micros | TimeUnit::Nanos => None,
            };
            let micros = plain.or_else(|| scaled(text, digits).map(Micros));
            record.duration = Some(micros.ok_or(Reject::Number)?);
            Ok(())
        }
        Binding::Status => {
            record.status = match *text {
                [] | [b'-'] => return Ok(()),
                [ones] => Status::from_digits(&[b'0', b'0', ones]),
                [tens, ones] => Status::from_digits(&[b'0', tens, ones]),
                _ => Status::from_digits(text).or_else(|| status_of_number(text)),
            };
            record.status.map(|_| ()).ok_or(Reject::Number)
        }
        Binding::Bytes(field) => {
            binding.read(text, record)?;
            if let Some(size) = record.bytes_mut(field)
                && size.is_none()
            {
                *size = whole(text).map(Bytes);
            }
            Ok(())
        }
        _ => binding.read(text, record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_one_key() {
        let mut keys = Keys::new();
        keys.bind("request", "r").unwrap();
        let complaint = |keys: &mut Keys, name, key| keys.bind(name, key).unwrap_err().message;
        assert_eq!(
            complaint(&mut keys, "method", "m"),
            "`method` sets a field that another key sets"
        );
        assert_eq!(
            complaint(&mut keys, "statsu", "s"),
            "`statsu` is not a field"
        );
        assert_eq!(
            complaint(&mut keys, "status", ""),
            "a key must have 1 to 256 bytes"
        );
    }
}
