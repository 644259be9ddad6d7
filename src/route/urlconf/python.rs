//! Translates Python's regular expressions to Rust's.
//!
//! Invariant: a translated expression matches what Python's `re` matches, code point by code point. Syntax that
//! has no translation is an error that names it.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A translated expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Translated {
    /// The expression in Rust's syntax.
    pub(crate) text: String,
    /// Uses look-around, backreferences or possessive quantifiers, which automata do not support.
    pub(crate) is_fancy: bool,
}

/// Python's `\w`: letters, numbers of any kind, the underscore; not marks, unlike Rust's.
const WORD: &str = r"\p{L}\p{N}_";
const ASCII_WORD: &str = "0-9A-Za-z_";
/// Python's `\s`: Rust's and the four ASCII separators.
const SPACE: &str = r"\s\x1c-\x1f";
const ASCII_SPACE: &str = r"\t\n\x0b\x0c\r\x20";

/// Translates an expression. With `is_full`, only a match of the whole text counts.
pub(crate) fn translate(pattern: &str, is_full: bool) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        text: String::with_capacity(pattern.len() + 16),
        is_fancy: false,
        is_ascii: false,
        is_verbose: false,
        is_multiline: false,
        is_full,
    };
    translator.run()?;
    let Translator { text, is_fancy, .. } = translator;
    let text = if is_full {
        format!(r"\A(?:{text})\z")
    } else {
        text
    };
    Ok(Translated { text, is_fancy })
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent flags of the expression"
)]
struct Translator<'p> {
    rest: Peekable<Chars<'p>>,
    text: String,
    is_fancy: bool,
    is_ascii: bool,
    is_verbose: bool,
    is_multiline: bool,
    is_full: bool,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '{' => self.braces(),
                '$' => self.dollar(),
                '*' | '+' | '?' => {
                    self.text.push(c);
                    self.quantifier_suffix();
                }
                '.' | '^' | '|' | ')' => self.text.push(c),
                '#' if self.is_verbose => {
                    self.rest.by_ref().find(|c| *c == '\n');
                }
                c if self.is_verbose && c.is_ascii_whitespace() => {}
                c => literal(&mut self.text, c),
            }
        }
        Ok(())
    }

    /// Translates `$`: the end, or before a final newline.
    fn dollar(&mut self) {
        if self.is_multiline {
            self.text.push('$');
        } else if self.is_full && self.rest.peek().is_none() {
            self.text.push_str(r"\z");
        } else {
            self.is_fancy = true;
            self.text.push_str(r"(?=\n?\z)");
        }
    }

    /// Translates `+` (possessive) and `?` (lazy) behind a quantifier.
    fn quantifier_suffix(&mut self) {
        if self.rest.next_if_eq(&'+').is_some() {
            self.is_fancy = true;
            self.text.push('+');
        } else if self.rest.next_if_eq(&'?').is_some() {
            self.text.push('?');
        }
    }

    /// Translates a quantifier in braces, or the brace as a literal.
    fn braces(&mut self) {
        let mut ahead = self.rest.clone();
        let mut digits = |text: &mut String| {
            while let Some(digit) = ahead.next_if(char::is_ascii_digit) {
                text.push(digit);
            }
            ahead.next()
        };
        let (mut least, mut most) = (String::new(), String::new());
        let ends = match digits(&mut least) {
            Some('}') if least.is_empty() => false,
            Some('}') => {
                most.clone_from(&least);
                true
            }
            Some(',') => digits(&mut most) == Some('}'),
            _ => false,
        };
        if !ends {
            self.text.push_str(r"\{");
            return;
        }
        self.rest = ahead;
        let least = if least.is_empty() { "0" } else { &least };
        let _ = write!(self.text, "{{{least},{most}}}");
        self.quantifier_suffix();
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.next() else {
            return Err("trailing backslash".into());
        };
        match c {
            'd' | 'w' | 's' => {
                let class = self.shorthand(c);
                let _ = write!(self.text, "[{class}]");
            }
            'D' | 'W' | 'S' => {
                let class = self.shorthand(c.to_ascii_lowercase());
                let _ = write!(self.text, "[^{class}]");
            }
            'b' | 'B' => {
                self.is_fancy = true;
                let class = self.shorthand('w');
                let (one, other) = if c == 'b' { ('!', '=') } else { ('=', '!') };
                let _ = write!(
                    self.text,
                    "(?:(?<=[{class}])(?{one}[{class}])|(?<![{class}])(?{other}[{class}]))"
                );
            }
            'A' => self.text.push_str(r"\A"),
            'Z' => self.text.push_str(r"\z"),
            '1'..='9' => {
                self.is_fancy = true;
                let mut number = String::from(c);
                if let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                let _ = write!(self.text, r"(?:\{number})");
            }
            c => {
                let c = self.character(c)?;
                literal(&mut self.text, c);
            }
        }
        Ok(())
    }

    /// Returns the members of `\d`, `\w` or `\s`, to stand inside a class.
    fn shorthand(&self, c: char) -> &'static str {
        match (c, self.is_ascii) {
            ('d', false) => r"\p{Nd}",
            ('d', true) => "0-9",
            ('w', false) => WORD,
            ('w', true) => ASCII_WORD,
            (_, false) => SPACE,
            (_, true) => ASCII_SPACE,
        }
    }

    /// Returns the character of an escape.
    fn character(&mut self, c: char) -> Result<char, String> {
        let mut code = |digits: usize, radix: u32| {
            let mut value = 0;
            for _ in 0..digits {
                let digit = self.rest.next_if(|c| c.is_digit(radix))?.to_digit(radix)?;
                value = value * radix + digit;
            }
            char::from_u32(value)
        };
        let found = match c {
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' => code(2, 16),
            'u' => code(4, 16),
            'U' => code(8, 16),
            '0' => {
                let mut value = 0;
                for _ in 0..2 {
                    let digit = self.rest.next_if(|c| c.is_digit(8));
                    value = digit
                        .and_then(|digit| digit.to_digit(8))
                        .map_or(value, |digit| value * 8 + digit);
                }
                char::from_u32(value)
            }
            c if c.is_ascii_alphanumeric() => None,
            c => Some(c),
        };
        found.ok_or_else(|| format!(r"unsupported escape `\{c}`"))
    }

    fn class(&mut self) -> Result<(), String> {
        self.text.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.text.push('^');
        }
        let mut is_first = true;
        loop {
            let Some(c) = self.rest.next() else {
                return Err("unterminated character set".into());
            };
            if c == ']' && !is_first {
                self.text.push(']');
                return Ok(());
            }
            is_first = false;
            let Some(from) = self.member(c)? else {
                continue;
            };
            literal(&mut self.text, from);
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-')
                && let Some(c) = ahead.next().filter(|c| *c != ']')
            {
                self.rest = ahead;
                self.text.push('-');
                if let Some(to) = self.member(c)? {
                    literal(&mut self.text, to);
                }
            }
        }
    }

    /// Returns a character of a class; `None` for a shorthand, which is already written.
    fn member(&mut self, c: char) -> Result<Option<char>, String> {
        if c != '\\' {
            return Ok(Some(c));
        }
        match self.rest.next() {
            Some(c @ ('d' | 'w' | 's')) => {
                let class = self.shorthand(c);
                self.text.push_str(class);
                Ok(None)
            }
            Some(c @ ('D' | 'W' | 'S')) => {
                let class = self.shorthand(c.to_ascii_lowercase());
                let _ = write!(self.text, "[^{class}]");
                Ok(None)
            }
            Some('b') => Ok(Some('\x08')),
            Some(c) => self.character(c).map(Some),
            None => Err("trailing backslash".into()),
        }
    }

    fn group(&mut self) -> Result<(), String> {
        if self.rest.next_if_eq(&'?').is_none() {
            self.text.push('(');
            return Ok(());
        }
        match self.rest.peek() {
            Some('#') => {
                self.rest.by_ref().find(|c| *c == ')');
            }
            Some('P') => {
                self.rest.next();
                let is_reference = self.rest.peek() == Some(&'=');
                self.is_fancy |= is_reference;
                self.text.push_str("(?P");
                self.copy_through(if is_reference { ')' } else { '>' });
            }
            Some(':') => {
                self.rest.next();
                self.text.push_str("(?:");
            }
            Some('=' | '!' | '>') => {
                self.is_fancy = true;
                self.text.push_str("(?");
                self.text.extend(self.rest.next());
            }
            Some('<') => {
                self.is_fancy = true;
                self.text.push_str("(?<");
                self.rest.next();
                self.text.extend(self.rest.next());
            }
            Some('(') => {
                self.is_fancy = true;
                self.text.push_str("(?");
                self.copy_through(')');
            }
            _ => self.flags()?,
        }
        Ok(())
    }

    /// Copies the text up to and including a character.
    fn copy_through(&mut self, end: char) {
        for c in self.rest.by_ref() {
            self.text.push(c);
            if c == end {
                break;
            }
        }
    }

    fn flags(&mut self) -> Result<(), String> {
        let mut kept = String::new();
        let mut is_removed = false;
        loop {
            match self.rest.next() {
                Some('u') => {}
                Some('-') => {
                    is_removed = true;
                    kept.push('-');
                }
                Some(c @ ('i' | 's')) => kept.push(c),
                Some('m') => {
                    self.is_multiline = !is_removed;
                    kept.push('m');
                }
                Some(c @ ('a' | 'x')) if !is_removed && self.text.is_empty() => {
                    self.is_ascii |= c == 'a';
                    self.is_verbose |= c == 'x';
                }
                Some(')') if kept.is_empty() => return Ok(()),
                Some(end @ (')' | ':')) => {
                    let _ = write!(self.text, "(?{kept}{end}");
                    return Ok(());
                }
                Some(c) => return Err(format!("unsupported inline flag `{c}`")),
                None => return Err("unterminated group".into()),
            }
        }
    }
}

/// Appends a character, escaped if need be.
fn literal(text: &mut String, c: char) {
    match c {
        '<' | '>' => text.push(c),
        c if c.is_ascii_punctuation() => text.extend(['\\', c]),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => {
            let _ = write!(text, r"\x{:02x}", u32::from(c));
        }
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, is_full: bool, good: &[&str], bad: &[&str]) {
        let translated = translate(pattern, is_full).unwrap();
        let regex = fancy_regex::Regex::new(&translated.text)
            .unwrap_or_else(|error| panic!("{pattern}: {} {error}", translated.text));
        if !translated.is_fancy {
            regex::Regex::new(&translated.text).unwrap();
        }
        for text in good {
            assert!(regex.is_match(text).unwrap(), "{pattern} on {text:?}");
        }
        for text in bad {
            assert!(!regex.is_match(text).unwrap(), "{pattern} on {text:?}");
        }
    }

    #[test]
    fn expressions_accept_what_python_accepts() {
        check(r"^a\Z", false, &["a"], &["a\n", "ab"]);
        check(r"^a$", true, &["a"], &["a\n"]);
        check(r"^a$", false, &["a", "a\n"], &["a\n\n"]);
        check(
            r"^\w+\Z",
            false,
            &["é", "²", "٣", "_"],
            &["a\u{301}", "\u{200d}", "‿"],
        );
        check(r"^\d+\Z", false, &["٣7"], &["²"]);
        check(
            r"^[\s]\Z",
            false,
            &["\x1c", " ", "\u{a0}"],
            &["a", "\u{200b}"],
        );
        check(r"^[^\W\d]\Z", false, &["a"], &["1", "-"]);
        check(r"(?a)^\w+\Z", false, &["az_9"], &["é"]);
        check(r"^x{,2}\Z", false, &["", "xx"], &["xxx"]);
        check(r"^x{a}{}\Z", false, &["x{a}{}"], &["x"]);
        check(r"^[[&&~~a-]\Z", false, &["[", "&", "~", "a", "-"], &["b"]);
        check(r"^[]^-]\Z", false, &["]", "^", "-"], &["a"]);
        check(r"^[a-z\-.]\Z", false, &["b", "-", "."], &["A"]);
        check(r"^a\ b\-c\~\/\<\Z", false, &["a b-c~/<"], &[]);
        check(r"^(?P<x>a)(?P=x)\Z", false, &["aa"], &["ab"]);
        check(r"^(a)\1\Z", false, &["aa"], &["ab"]);
        check(r"^(?!admin)\w+\Z", false, &["shop"], &["admins"]);
        check(r"^a(?<=a)\b-", false, &["a-"], &["ab-"]);
        check(r"^a++b\Z", false, &["aab"], &["aac"]);
        check("(?x) ^ a # first\n b [ ] \\Z", false, &["ab "], &["a b "]);
        check(r"^(?#note)a(?i:B)\Z", false, &["ab"], &["Ab"]);
        check(r"^\x41\u00e9\07\Z", false, &["Aé\x07"], &[]);
    }

    #[test]
    fn unsupported_syntax_is_named_in_the_error() {
        assert_eq!(
            translate(r"\N{DIGIT ONE}", false),
            Err(r"unsupported escape `\N`".into())
        );
        assert_eq!(
            translate("a(?a:b)", false),
            Err("unsupported inline flag `a`".into())
        );
        assert!(translate("[a", false).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_translated_or_refused(pattern in r"[\\\[\](){}?P<>=!:*+,|^$#a-z0-9 \-&é]{0,24}", is_full: bool) {
            let _ = translate(&pattern, is_full);
        }
    }
}
