//! Values with their places.

use super::{Fault, Place, Report};

/// A value with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot<T> {
    /// The value.
    pub value: T,
    /// The place of the value.
    pub place: Place,
}

impl<T> Spot<T> {
    /// Returns an error at this place.
    pub fn error(&self, message: impl Into<String>) -> Fault {
        Fault::error(message).at(self.place.clone())
    }

    /// Returns a warning at this place.
    pub fn warning(&self, message: impl Into<String>) -> Fault {
        Fault::warning(message).at(self.place.clone())
    }
}

/// Parses each item of a list. Reports an item that `read` refuses or that repeats another, at its place.
pub fn distinct<T: PartialEq>(
    items: &[Spot<String>],
    read: impl Fn(&str) -> Result<T, Fault>,
    report: &mut Report,
) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        let fault = match read(&item.value) {
            Ok(value) if found.contains(&value) => {
                Fault::error(format!("`{}` is listed twice", item.value))
            }
            Ok(value) => {
                found.push(value);
                continue;
            }
            Err(fault) => fault,
        };
        report.push(fault.at(item.place.clone()));
    }
    found
}
