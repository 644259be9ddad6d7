//! Reads the statements of a program in their sequence.
//!
//! Invariant: a block is read as often as the program may run it, and definitions never.

use super::merge::merge;
use super::state::State;
use super::token::{Line, Spanned, split};
use super::value::Value;

/// Most blocks inside each other, as in Python.
const DEPTH: usize = 100;

/// Functions that may assign any name.
const ASSIGN_ANYTHING: [&str; 6] = ["exec", "execfile", "globals", "locals", "vars", "setattr"];

/// A program that is being read.
pub(super) struct Reader<'w> {
    pub(super) state: State<'w>,
    depth: usize,
}

/// The statements that belong to a line with a colon.
#[derive(Clone, Copy)]
pub(super) struct Body<'t, 's> {
    pub(super) head: &'t [Spanned<'s>],
    inline: &'t [Spanned<'s>],
    block: &'t [Line<'s>],
}

/// Returns the word that a statement begins with.
pub(super) fn keyword<'s>(tokens: &[Spanned<'s>]) -> &'s str {
    tokens.first().and_then(Spanned::word).unwrap_or_default()
}

/// Splits a line with a colon from what it applies to.
fn body<'t, 's>(line: &'t Line<'s>, block: &'t [Line<'s>]) -> Body<'t, 's> {
    let head = split(&line.tokens, ":")
        .first()
        .map_or(0, |head| head.len());
    Body {
        head: line.tokens.get(1..head).unwrap_or_default(),
        inline: line.tokens.get(head + 1..).unwrap_or_default(),
        block,
    }
}

impl<'w> Reader<'w> {
    pub(super) const fn new(state: State<'w>) -> Self {
        Self { state, depth: 0 }
    }

    /// Finds names that functions and `:=` assign, and code that may assign any name.
    pub(super) fn find_shared(&mut self, line: &Line<'w>) {
        let (tokens, line) = (&*line.tokens, line.number);
        for (at, token) in tokens.iter().enumerate() {
            let Some(word) = token.word() else { continue };
            let next = tokens.get(at + 1);
            let is_attribute = at > 0 && tokens[at - 1].is_sign(".");
            let is_called = next.is_some_and(|next| next.is_sign("("));
            let assigns_any = !is_attribute && is_called && ASSIGN_ANYTHING.contains(&word);
            let is_of_sys = word == "modules" && at > 1 && tokens[at - 2].word() == Some("sys");
            if assigns_any || is_attribute && is_of_sys {
                let why = format!("`{word}` in line {line} may assign any name");
                self.state
                    .unreadable
                    .get_or_insert((why, token.span.clone()));
            }
            if next.is_some_and(|next| next.is_sign(":=")) {
                let why = format!("`:=` assigns it in line {line}");
                self.state.shared.insert(word, (why, token.span.clone()));
            }
            if word == "global" && !is_attribute {
                let names = tokens[at + 1..].iter();
                let names = names.take_while(|next| next.word().is_some() || next.is_sign(","));
                for name in names.filter_map(Spanned::word) {
                    let why = format!("a function may assign it: `global` in line {line}");
                    let reason = (why, token.span.clone());
                    self.state.shared.insert(name, reason);
                }
            }
        }
    }

    /// Reads the lines of a block.
    pub(super) fn block(&mut self, lines: &[Line<'w>]) {
        if self.depth > DEPTH {
            let why = "its blocks are too deep".to_owned();
            self.state.unreadable.get_or_insert((why, 0..0));
            return;
        }
        self.depth += 1;
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            if !self.state.step() {
                break;
            }
            let mut bodies: Vec<(&'w str, Body<'_, 'w>)> = Vec::new();
            // A statement goes on with `else` and its like.
            while let Some(next) = lines.get(at) {
                let word = keyword(&next.tokens);
                let goes_on = matches!(word, "elif" | "else" | "except" | "finally")
                    && next.indent == line.indent;
                if !(bodies.is_empty() || goes_on) {
                    break;
                }
                let inside = lines[at + 1..]
                    .iter()
                    .take_while(|inner| inner.indent > line.indent);
                let end = at + 1 + inside.count();
                bodies.push((word, body(next, &lines[at + 1..end])));
                at = end;
            }
            self.statement(line, &bodies);
        }
        self.depth -= 1;
    }

    fn statement(&mut self, line: &Line<'w>, bodies: &[(&'w str, Body<'_, 'w>)]) {
        let number = line.number;
        let has_colon = line.tokens.last().is_some_and(|last| last.is_sign(":"));
        match keyword(&line.tokens) {
            "match" | "case" if !has_colon => self.simple(&line.tokens),
            "if" => self.branches(bodies, number),
            "try" => self.attempt(bodies, number),
            "for" | "while" | "match" => {
                for (word, body) in bodies {
                    self.repeated(word, *body, number);
                }
            }
            "case" => {
                let before = self.state.names.clone();
                self.run(bodies[0].1);
                let why = format!("a `case` in line {number} decides");
                self.state.names = merge(before, std::mem::take(&mut self.state.names), &why);
            }
            "with" => {
                let head = bodies[0].1.head;
                let names = head.windows(2).filter(|pair| pair[0].word() == Some("as"));
                for name in names.filter_map(|pair| pair[1].word()) {
                    self.unknown(name, &format!("`with` in line {number} assigns it"), line);
                }
                self.state.forget_containers();
                self.run(bodies[0].1);
            }
            "def" | "class" => self.definition(&line.tokens[1..], number, line),
            "async" => self.definition(line.tokens.get(2..).unwrap_or_default(), number, line),
            _ => {
                for statement in split(&line.tokens, ";") {
                    self.simple(statement);
                }
            }
        }
    }

    fn definition(&mut self, tokens: &[Spanned<'w>], number: usize, line: &Line<'w>) {
        if let Some(name) = tokens.first().and_then(Spanned::word) {
            self.unknown(name, &format!("`{name}` of line {number} is not run"), line);
        }
    }

    fn unknown(&mut self, name: &str, why: &str, line: &Line<'w>) {
        let span = line.tokens.first().map_or(0..0, |first| first.span.clone());
        self.state.bind(name, Value::Unknown(why.to_owned()), span);
    }

    pub(super) fn run(&mut self, body: Body<'_, 'w>) {
        for statement in split(body.inline, ";") {
            self.simple(statement);
        }
        self.block(body.block);
    }
}
