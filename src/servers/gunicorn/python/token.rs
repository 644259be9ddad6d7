//! Splits a Python file into logical lines and tokens.
//!
//! Invariant: any text gives tokens; what is not Python's gives tokens that no expression has.

use std::ops::Range;

use super::literal::{self, Literal};

/// Operators of more than one character, longer ones first.
const OPERATORS: [&str; 24] = [
    "**=", "//=", ">>=", "<<=", "...", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "@=", "**", "//", "<<", ">>",
];

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A name, a keyword or a number.
    Word(&'s str),
    Text(Literal),
    Sign(&'s str),
}

/// A token and its bytes of the source.
#[derive(Clone, Debug)]
pub(super) struct Spanned<'s> {
    pub(super) token: Token<'s>,
    pub(super) span: Range<usize>,
}

/// A logical line: a statement with its colon, or several with semicolons.
#[derive(Clone, Debug, Default)]
pub(super) struct Line<'s> {
    /// Number of its first line in the file.
    pub(super) number: usize,
    pub(super) indent: usize,
    pub(super) tokens: Vec<Spanned<'s>>,
}

impl<'s> Spanned<'s> {
    /// Returns whether the token is this sign.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(found) if found == sign)
    }

    /// Returns the name, keyword or number.
    pub(super) fn word(&self) -> Option<&'s str> {
        match self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// Splits a source into its logical lines, without empty ones.
pub(super) fn lines(source: &str) -> Vec<Line<'_>> {
    let mut all = Vec::new();
    let mut at = usize::from(source.starts_with('\u{feff}')) * '\u{feff}'.len_utf8();
    let (mut number, mut counted) = (1, 0);
    while at < source.len() {
        let newlines = source[counted..at].bytes().filter(|byte| *byte == b'\n');
        number += newlines.count();
        counted = at;
        let mut line = Line {
            number,
            ..Line::default()
        };
        for next in source[at..].bytes() {
            match next {
                b' ' => line.indent += 1,
                b'\t' => line.indent = (line.indent / 8 + 1) * 8,
                _ => break,
            }
            at += 1;
        }
        at = read_line(source, at, &mut line.tokens);
        if !line.tokens.is_empty() {
            all.push(line);
        }
    }
    all
}

/// Reads the tokens of one logical line. Returns the offset of the next one.
pub(super) fn read_line<'s>(
    source: &'s str,
    mut at: usize,
    tokens: &mut Vec<Spanned<'s>>,
) -> usize {
    let mut depth = 0_usize;
    while let Some(next) = source[at..].chars().next() {
        let start = at;
        at += next.len_utf8();
        let token = match next {
            '\n' if depth == 0 => return at,
            '#' => {
                let end = source[start..].find('\n');
                at = end.map_or(source.len(), |end| start + end);
                continue;
            }
            '\\' => {
                // A backslash joins the next line.
                let rest = &source[at..];
                at += if rest.starts_with("\r\n") {
                    2
                } else {
                    rest.chars().next().map_or(0, char::len_utf8)
                };
                continue;
            }
            _ if next.is_whitespace() => continue,
            _ if next.is_alphanumeric() || matches!(next, '_' | '"' | '\'') => {
                if let Some((literal, end)) = literal::read(source, start) {
                    at = end;
                    Token::Text(literal)
                } else {
                    let rest = &source[start..];
                    let is_of_word =
                        |next: char| next.is_alphanumeric() || matches!(next, '_' | '.');
                    let is_number = next.is_ascii_digit();
                    let end =
                        rest.find(|next: char| !(is_of_word(next) && (is_number || next != '.')));
                    // A quote without a string literal is unclosed.
                    at = start + end.unwrap_or(rest.len()).max(next.len_utf8());
                    Token::Word(&source[start..at])
                }
            }
            _ => {
                let rest = &source[start..];
                let operator = OPERATORS.into_iter().find(|sign| rest.starts_with(sign));
                at = start + operator.map_or(next.len_utf8(), str::len);
                match next {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                Token::Sign(&source[start..at])
            }
        };
        let span = start..at;
        tokens.push(Spanned { token, span });
    }
    at
}

/// Splits tokens at a sign outside of brackets.
pub(super) fn split<'t, 's>(tokens: &'t [Spanned<'s>], sign: &str) -> Vec<&'t [Spanned<'s>]> {
    let mut depth = 0_usize;
    let is_border = |token: &Spanned<'s>| {
        match token.token {
            Token::Sign("(" | "[" | "{") => depth += 1,
            Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is_sign(sign)
    };
    tokens.split(is_border).collect()
}
