//! Extracts the format string from a directive found from a server's configuration.
//!
//! Invariant: the text is what the server reads after unquoting, and every byte of it has a place in
//! the source.

use std::ops::Range;

use super::Complaint;
use super::template::{Item, Template};

/// A format string extracted from a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extracted {
    /// The format string.
    pub(super) text: String,
    /// Offset in the source of each byte of the text, followed by the length of the source.
    places: Vec<usize>,
    /// Value and span of nginx's `escape=`.
    pub(super) escape: Option<(String, Range<usize>)>,
}

/// The kind of quoting around a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// A string of nginx or Apache.
    Server,
    /// A Python string, perhaps triple-quoted.
    Python,
    /// A raw Python string, in which backslashes are literal.
    PythonRaw,
}

/// Extracts from nginx's `log_format name [escape=…] 'a' "b" c;`, or from a bare format.
pub(super) fn nginx(source: &str) -> Result<Extracted, Complaint> {
    let Some(start) = directive(source, "log_format") else {
        return Ok(Extracted::whole(source));
    };
    let mut found = Extracted::empty();
    let mut at = start;
    let mut words = 0;
    while let Some(next) = skip_blanks(source, at) {
        at = next;
        let rest = &source[at..];
        if rest.starts_with(';') {
            if skip_blanks(source, at + 1).is_some() {
                return Err(Complaint::new("text after the `;`", at + 1..source.len())
                    .help("a pattern has exactly one `log_format`"));
            }
            break;
        }
        let (word, end) = word(source, at, Extracted::empty())?;
        if words == 1
            && let Some(escape) = word.text.strip_prefix("escape=")
        {
            found.escape = Some((escape.to_owned(), at..end));
        } else if words > 0 {
            found.append(word);
        }
        words += 1;
        at = end;
    }
    found.end(source)
}

/// Extracts from gunicorn's `access_log_format = "…"`, including adjacent strings in parentheses, from
/// its option `--access-logformat '…'`, or from a bare format.
pub(super) fn gunicorn(source: &str) -> Result<Extracted, Complaint> {
    let start = directive(source, "--access-logformat")
        .map(|at| after_equals(source, at).unwrap_or(at))
        .or_else(|| after_equals(source, keyword(source, "access_log_format")?));
    let Some(start) = start else {
        return Ok(Extracted::whole(source));
    };
    let mut found = Extracted::empty();
    let mut at = start;
    while let Some(next) = skip_blanks(source, at) {
        at = next;
        let rest = &source[at..];
        let raw = rest.starts_with(['r', 'R']);
        let quote = usize::from(rest.starts_with(['r', 'R', 'u', 'U']));
        match &rest.as_bytes()[quote..] {
            [b'"' | b'\'', ..] => {
                let quoting = if raw {
                    Quoting::PythonRaw
                } else {
                    Quoting::Python
                };
                at = string(source, at + quote, quoting, &mut found)?;
            }
            _ if rest.starts_with(['(', ')', ',', '\\']) => at += 1,
            _ => {
                return Err(
                    Complaint::new("expected a string or the end", at..source.len())
                        .help("paste the format string itself, or the assignment with its quotes"),
                );
            }
        }
    }
    found.end(source)
}

/// Extracts from Apache's `LogFormat "…" [name]`, or from a bare format. Quotes may be escaped in both.
pub(super) fn apache(source: &str) -> Result<Extracted, Complaint> {
    let mut found = Extracted::empty();
    let Some(start) = directive(source, "LogFormat") else {
        unescape(source, 0..source.len(), Quoting::Server, &mut found);
        return found.end(source);
    };
    let Some(at) = skip_blanks(source, start) else {
        return found.end(source);
    };
    if !source[at..].starts_with(['"', '\'']) {
        return Err(Complaint::new("the format needs quotes", at..source.len())
            .help("LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b\" common"));
    }
    string(source, at, Quoting::Server, &mut found)?;
    found.end(source)
}

impl Extracted {
    fn empty() -> Self {
        Self {
            text: String::new(),
            places: Vec::new(),
            escape: None,
        }
    }

    fn whole(source: &str) -> Self {
        Self {
            text: source.to_owned(),
            places: (0..=source.len()).collect(),
            escape: None,
        }
    }

    fn push(&mut self, character: char, place: usize) {
        self.text.push(character);
        // The bytes of a character are contiguous in the source.
        let bytes = place..place + character.len_utf8();
        self.places.extend(bytes);
    }

    fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.places.extend(other.places);
    }

    fn end(mut self, source: &str) -> Result<Self, Complaint> {
        if self.text.is_empty() {
            return Err(Complaint::new("no format string", 0..source.len())
                .help("paste the server's own format string"));
        }
        self.places.push(source.len());
        Ok(self)
    }

    /// Maps a span of the text to a span of the source.
    fn place(&self, span: &Range<usize>) -> Range<usize> {
        let whole = || *self.places.last().unwrap_or(&0);
        let start = self.places.get(span.start).copied().unwrap_or_else(whole);
        // The end follows the last byte; quotes may separate it from the next byte.
        let end = match span.end.checked_sub(1) {
            Some(last) if span.end > span.start => {
                self.places.get(last).map_or_else(whole, |place| place + 1)
            }
            _ => start,
        };
        start..end.max(start)
    }

    /// Maps the spans of all slots to the source.
    pub(super) fn place_in_source(&self, template: &mut Template) {
        for item in &mut template.items {
            if let Item::Slot(slot) = item {
                slot.span = self.place(&slot.span);
            }
        }
    }

    /// Maps the span of a complaint to the source.
    pub(super) fn complaint_in_source(&self, mut complaint: Complaint) -> Complaint {
        complaint.span = self.place(&complaint.span);
        for other in &mut complaint.others {
            other.span = self.place(&other.span);
        }
        complaint
    }
}

/// Returns the offset after the name of a directive with which the source begins.
fn directive(source: &str, name: &str) -> Option<usize> {
    let end = keyword(source, name)?;
    source[end..]
        .starts_with(|next: char| next.is_whitespace() || next == '=')
        .then_some(end)
}

fn keyword(source: &str, name: &str) -> Option<usize> {
    let start = source.len() - source.trim_start().len();
    let word = source.get(start..start + name.len())?;
    word.eq_ignore_ascii_case(name)
        .then_some(start + name.len())
}

fn after_equals(source: &str, at: usize) -> Option<usize> {
    let rest = source[at..].trim_start();
    rest.starts_with('=').then(|| source.len() - rest.len() + 1)
}

/// Skips blanks and comments. Returns the offset of the next word, or `None` at the end.
fn skip_blanks(source: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = source[at..].trim_start();
        at = source.len() - rest.len();
        match rest.chars().next()? {
            '#' => at += rest.find('\n')?,
            _ => return Some(at),
        }
    }
}

/// Reads a word of nginx's configuration, quoted or bare. Returns it and the offset after it.
fn word(source: &str, at: usize, mut word: Extracted) -> Result<(Extracted, usize), Complaint> {
    let rest = &source[at..];
    let end = if rest.starts_with(['"', '\'']) {
        string(source, at, Quoting::Server, &mut word)?
    } else {
        let mut is_escaped = false;
        let length = rest
            .find(|next: char| {
                let is_end = !is_escaped && (next.is_whitespace() || next == ';');
                is_escaped = next == '\\' && !is_escaped;
                is_end
            })
            .unwrap_or(rest.len());
        unescape(source, at..at + length, Quoting::Server, &mut word);
        at + length
    };
    Ok((word, end))
}

/// Appends the quoted string at `at` to `found`. Returns the offset after it.
fn string(
    source: &str,
    at: usize,
    quoting: Quoting,
    found: &mut Extracted,
) -> Result<usize, Complaint> {
    let rest = &source[at..];
    let quote = rest.get(..1).unwrap_or_default();
    let thrice = quote.repeat(3);
    let quote = if quoting != Quoting::Server && rest.starts_with(&thrice) {
        &thrice
    } else {
        quote
    };
    let start = at + quote.len();
    let mut is_escaped = false;
    let end = source[start..].char_indices().find_map(|(offset, next)| {
        let is_end = !is_escaped && source[start + offset..].starts_with(quote);
        is_escaped = next == '\\' && !is_escaped;
        is_end.then_some(start + offset)
    });
    let Some(end) = end else {
        return Err(Complaint::new(
            format!("a string without its closing `{quote}`"),
            at..source.len(),
        ));
    };
    unescape(source, start..end, quoting, found);
    Ok(end + quote.len())
}

/// Appends a piece of the source without its escapes.
fn unescape(source: &str, span: Range<usize>, quoting: Quoting, found: &mut Extracted) {
    let mut characters = source[span.clone()].char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let place = span.start + offset;
        let meant = match (character, characters.peek()) {
            ('\\', Some((_, next))) if quoting != Quoting::PythonRaw => unescaped(*next),
            _ => None,
        };
        match meant {
            Some(meant) => {
                characters.next();
                found.push(meant, place);
            }
            None => found.push(character, place),
        }
    }
}

/// Returns the character that a backslash and `escaped` stand for. nginx (`ngx_conf_read_token`),
/// Apache (`ap_getword_conf`, then `parse_log_misc_string`) and, as far as formats need it, Python agree.
fn unescaped(escaped: char) -> Option<char> {
    match escaped {
        '"' | '\'' | '\\' => Some(escaped),
        't' => Some('\t'),
        'r' => Some('\r'),
        'n' => Some('\n'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Result<Extracted, Complaint>, text: &str, escape: Option<&str>) {
        let found = found.unwrap();
        assert_eq!(found.text, text);
        assert_eq!(
            found.escape.as_ref().map(|(escape, _)| escape.as_str()),
            escape
        );
        assert_eq!(found.places.len(), found.text.len() + 1);
    }

    #[test]
    fn nginx_directives_are_joined_as_nginx_joins_them() {
        check(nginx("$status x"), "$status x", None);
        check(nginx("log_formats $status"), "log_formats $status", None);
        check(
            nginx(
                "  log_format main '$status \"$request\" ' # first\n\t  \"it's \\\"$host\\\"\\t\";\n",
            ),
            "$status \"$request\" it's \"$host\"\t",
            None,
        );
        check(
            nginx(r#"log_format j escape=json '{"s":$status}'"#),
            r#"{"s":$status}"#,
            Some("json"),
        );
        check(
            nginx(r"log_format j $status\ $host ;"),
            r"$status\ $host",
            None,
        );
        check(nginx("log_format é 'é$status';"), "é$status", None);
        let complaint = |source| nginx(source).unwrap_err().message;
        assert_eq!(complaint("log_format main"), "no format string");
        assert_eq!(
            complaint("log_format main '$status"),
            "a string without its closing `'`"
        );
        assert_eq!(
            complaint("log_format a '$status'; log_format b '$host';"),
            "text after the `;`"
        );
    }

    #[test]
    fn assignments_and_options_are_read_as_python_reads_them() {
        check(gunicorn("%(s)s"), "%(s)s", None);
        check(
            gunicorn("access_log_format = (\n    '%(s)s \"%(r)s\" '  # first\n    r'%(L)s'\n)\n"),
            "%(s)s \"%(r)s\" %(L)s",
            None,
        );
        check(
            gunicorn(r#"access_log_format="""%(s)s "%(r)s" x""""#),
            "%(s)s \"%(r)s\" x",
            None,
        );
        check(gunicorn("--access-logformat '%(s)s'"), "%(s)s", None);
        check(gunicorn("--access-logformat='%(s)s'"), "%(s)s", None);
        assert!(gunicorn("access_log_format = None").is_err());
    }

    #[test]
    fn apache_formats_come_with_and_without_their_directive() {
        let plain = r#"%h "%r" %>s"#;
        check(apache(plain), plain, None);
        check(apache(r#"%h \"%r\" %>s"#), plain, None);
        check(apache(r#"LogFormat "%h \"%r\" %>s" common"#), plain, None);
        check(apache(r#"logformat '%h "%r" %>s'"#), plain, None);
        assert!(apache("LogFormat common").is_err());
    }

    #[test]
    fn places_lead_back_into_the_source() {
        let source = r#"log_format a 'é$status ' "\"$host\"";"#;
        let found = nginx(source).unwrap();
        for variable in ["$status", "$host", "é"] {
            let at = found.text.find(variable).unwrap();
            let place = found.place(&(at..at + variable.len()));
            assert_eq!(&source[place], variable);
        }
    }

    proptest::proptest! {
        #[test]
        fn extraction_never_panics(source in r#"(log_format |access_log_format ?= ?|LogFormat |--access-logformat[ =])?[ru]?['"]{0,3}(\PC|[\\'"; #\n=(]){0,20}"#) {
            for found in [nginx(&source), gunicorn(&source), apache(&source)] {
                match found {
                    Ok(found) => {
                        for at in 0..=found.text.len() {
                            let place = found.place(&(at..found.text.len()));
                            assert!(place.end <= source.len());
                        }
                    }
                    Err(complaint) => assert!(source.get(complaint.span).is_some()),
                }
            }
        }
    }
}
