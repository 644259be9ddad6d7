//! Splits nginx's configuration into tokens.
//!
//! Invariant: words equal those of `ngx_conf_read_token` (`src/core/ngx_conf_file.c`).

use std::ops::Range;

use super::lua;

/// A word of a directive, without quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Bytes of the source, including quotes.
    pub(super) span: Range<usize>,
}

/// A token of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Words up to a `;`, or before a skipped Lua block.
    Simple(Vec<Word>),
    /// Words up to a `{`.
    Open(Vec<Word>),
    /// A `}`.
    Close(usize),
    /// The end of the source, between two directives.
    End,
}

/// A syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The problem; lower case, no full stop.
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

/// Reads the tokens of a source.
pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    /// Returns the next token.
    pub(super) fn next(&mut self) -> Result<Token, Broken> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            let Some(next) = self.skip_blanks() else {
                return match words.first() {
                    None => Ok(Token::End),
                    Some(first) => Err(Broken {
                        message: "unexpected end of file, expecting `;` or `{`".to_owned(),
                        span: first.span.start..self.source.len(),
                    }),
                };
            };
            let here = self.at;
            match next {
                b';' | b'{' if words.is_empty() => return Err(self.unexpected(here)),
                b'}' if !words.is_empty() => return Err(self.unexpected(here)),
                b'}' => {
                    self.at += 1;
                    return Ok(Token::Close(here));
                }
                b';' => {
                    self.at += 1;
                    return Ok(Token::Simple(words));
                }
                b'{' => {
                    self.at += 1;
                    return self.open(words);
                }
                b'"' | b'\'' => words.push(self.quoted(next)?),
                _ => words.push(self.bare()),
            }
        }
    }

    /// Skips blanks and comments. Returns the next byte.
    fn skip_blanks(&mut self) -> Option<u8> {
        let bytes = self.source.as_bytes();
        loop {
            match *bytes.get(self.at)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => {
                    let line = &bytes[self.at..];
                    let end = line.iter().position(|byte| *byte == b'\n');
                    self.at += end.unwrap_or(line.len());
                }
                other => return Some(other),
            }
        }
    }

    /// Reads a quoted word, which a blank, `;`, `{` or `)` must follow.
    fn quoted(&mut self, quote: u8) -> Result<Word, Broken> {
        let bytes = self.source.as_bytes();
        let start = self.at;
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                None => {
                    return Err(Broken {
                        message: format!("a string without a closing `{}`", char::from(quote)),
                        span: start..self.source.len(),
                    });
                }
                Some(b'\\') => at += 2,
                Some(byte) if *byte == quote => break,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        match bytes.get(self.at) {
            Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') | None => Ok(Word {
                text: unescaped(&self.source[start + 1..at]),
                span: start..self.at,
            }),
            Some(_) => Err(self.unexpected(self.at)),
        }
    }

    /// Reads a bare word: up to a blank, `;`, or `{` without a `$` before it.
    fn bare(&mut self) -> Word {
        let bytes = self.source.as_bytes();
        let start = self.at;
        let mut at = start;
        let mut is_variable = false;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' if is_variable => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => at += 1,
                _ => {}
            }
            is_variable = *byte == b'$' || (*byte == b'{' && is_variable);
            at += 1;
        }
        // The last byte may be a backslash.
        self.at = at.min(self.source.len());
        let span = start..self.at;
        let text = unescaped(&self.source[span.clone()]);
        Word { text, span }
    }

    /// Returns the token for the block that these words open, and skips Lua.
    fn open(&mut self, words: Vec<Word>) -> Result<Token, Broken> {
        let name = words.first().map_or("", |word| &word.text);
        if !name.ends_with("_by_lua_block") {
            return Ok(Token::Open(words));
        }
        let Some(length) = lua::block(&self.source.as_bytes()[self.at..]) else {
            return Err(Broken {
                message: "a Lua block without a closing `}`".to_owned(),
                span: words[0].span.start..self.source.len(),
            });
        };
        self.at += length;
        Ok(Token::Simple(words))
    }

    fn unexpected(&self, at: usize) -> Broken {
        let found = self.source[at..].chars().next().unwrap_or_default();
        Broken {
            message: format!("unexpected `{found}`"),
            span: at..at + found.len_utf8(),
        }
    }
}

/// Removes backslash escapes of quotes, backslashes, `t`, `r` and `n`.
fn unescaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        let meant = match (character, characters.peek()) {
            ('\\', Some('"' | '\'' | '\\')) => characters.next(),
            ('\\', Some('t')) => characters.next().map(|_| '\t'),
            ('\\', Some('r')) => characters.next().map(|_| '\r'),
            ('\\', Some('n')) => characters.next().map(|_| '\n'),
            _ => Some(character),
        };
        text.extend(meant);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formats tokens as text: words separated by bars, then the terminator.
    fn tokens(source: &str) -> Result<Vec<String>, String> {
        let mut lexer = Lexer::new(source);
        let mut all = Vec::new();
        loop {
            let shown = |words: Vec<Word>, end: &str| {
                let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
                format!("{}{end}", words.join("|"))
            };
            all.push(match lexer.next() {
                Ok(Token::Simple(words)) => shown(words, ";"),
                Ok(Token::Open(words)) => shown(words, "{"),
                Ok(Token::Close(_)) => "}".to_owned(),
                Ok(Token::End) => return Ok(all),
                Err(broken) => return Err(broken.message),
            });
        }
    }

    fn check(source: &str, expected: &[&str]) {
        assert_eq!(tokens(source).unwrap(), expected, "{source}");
    }

    #[test]
    fn words_are_those_of_nginx() {
        check("a b\tc;d;", &["a|b|c;", "d;"]);
        check("http{server{}}", &["http{", "server{", "}", "}"]);
        check(
            r#"f "a b" 'c"d' "e\"f" 'g\'h' '\t\\\$';"#,
            &["f|a b|c\"d|e\"f|g'h|\t\\\\$;"],
        );
        check("a# b;\n# c;\n d;", &["a#|b;", "d;"]);
        check(
            "set $a ${b}c; if ($a = b){}",
            &["set|$a|${b}c;", "if|($a|=|b){", "}"],
        );
        check("if ($a = \"b\") {}", &["if|($a|=|b|){", "}"]);
        check("location ~ \\.php$ {}", &["location|~|\\.php${", "}"]);
        check("a b\\ c \\; d\\{;", &["a|b\\ c|\\;|d\\{;"]);
        check("a $;", &["a|$;"]);
        check("a ü'ü;", &["a|ü'ü;"]);
        check("a \"\";", &["a|;"]);
    }

    #[test]
    fn lua_is_skipped() {
        check(
            "content_by_lua_block { local a = { '}' } -- }\n } b;",
            &["content_by_lua_block;", "b;"],
        );
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        for (source, message) in [
            ("a b", "unexpected end of file, expecting `;` or `{`"),
            (";", "unexpected `;`"),
            ("a }", "unexpected `}`"),
            ("a 'b'c;", "unexpected `c`"),
            ("a 'b'ü;", "unexpected `ü`"),
            ("a 'b;", "a string without a closing `'`"),
            ("a 'b\\", "a string without a closing `'`"),
            ("{", "unexpected `{`"),
            ("x_by_lua_block {", "a Lua block without a closing `}`"),
        ] {
            assert_eq!(tokens(source), Err(message.to_owned()), "{source}");
        }
    }
}
