//! Colours of a terminal.
//!
//! Invariant: no meaning is in a colour alone, and without a terminal, or with `NO_COLOR`, there is none.

use std::env;
use std::io::{self, IsTerminal as _};

/// The use of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Coloured,
}

/// A style of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Good,
    Warning,
    Bad,
    Heading,
}

impl Paint {
    /// Returns whether standard output has colours.
    pub(super) fn of_stdout() -> Self {
        let has = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        if io::stdout().is_terminal() && !has("NO_COLOR") && !is_dumb {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    /// Appends a text in a style.
    pub(super) fn push(self, style: Style, text: &str, out: &mut String) {
        if self == Self::Plain {
            out.push_str(text);
            return;
        }
        out.push_str(match style {
            Style::Good => "\x1b[32m",
            Style::Warning => "\x1b[33m",
            Style::Bad => "\x1b[31m",
            Style::Heading => "\x1b[1m",
        });
        out.push_str(text);
        out.push_str("\x1b[0m");
    }
}
