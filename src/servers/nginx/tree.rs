//! Parses directives into a tree, with includes expanded.
//!
//! Invariant: depth, files and directives are bounded, so recursive includes end.

use std::sync::Arc;

use super::token::{Broken, Lexer, Token, Word};
use crate::diag::{Fault, Place, Report, Text};
use crate::servers::Files;
use crate::servers::glob;

/// Limit of nested blocks and includes.
const DEPTH: usize = 64;
/// Limit of files read, counting repeated includes.
const FILES: usize = 10_000;
/// Limit of directives.
const DIRECTIVES: usize = 1_000_000;

/// A directive.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// Name and parameters; never empty.
    words: Vec<Word>,
    text: Arc<Text>,
    /// Directives between its braces.
    pub(super) block: Vec<Directive>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// Returns the parameters.
    pub(super) fn parameters(&self) -> Vec<&str> {
        self.words[1..].iter().map(|word| &*word.text).collect()
    }

    /// Returns the place from the name to the last parameter.
    pub(super) fn place(&self) -> Place {
        let first = self.words.first().map_or(0, |word| word.span.start);
        let last = self.words.last().map_or(0, |word| word.span.end);
        let (text, span) = (Arc::clone(&self.text), first..last);
        Place { text, span }
    }
}

/// Reads a file and its includes. Errors go to the report; directives before an error are returned.
pub(super) fn read(path: &str, files: &dyn Files, report: &mut Report) -> Vec<Directive> {
    let base = path.rsplit_once('/').map_or(".", |(base, _)| base);
    let mut reader = Reader {
        files,
        base,
        read: 0,
        directives: 0,
        report,
    };
    match reader.open(path) {
        Ok(text) => reader.file(&text, 0),
        Err(why) => {
            report.push(Fault::error(format!("cannot read {path}: {why}")));
            Vec::new()
        }
    }
}

struct Reader<'r> {
    files: &'r dyn Files,
    /// Directory of the main file, to which relative includes refer.
    base: &'r str,
    read: usize,
    directives: usize,
    report: &'r mut Report,
}

impl Reader<'_> {
    fn open(&mut self, path: &str) -> Result<Arc<Text>, String> {
        self.read += 1;
        if self.read > FILES {
            return Err(format!("more than {FILES} files are included"));
        }
        let (name, content) = (path.to_owned(), self.files.read(path)?);
        Ok(Arc::new(Text { name, content }))
    }

    /// Returns the directives of a file. Blocks must be closed in the same file.
    fn file(&mut self, text: &Arc<Text>, depth: usize) -> Vec<Directive> {
        let mut lexer = Lexer::new(&text.content);
        // Open blocks, outermost first: the words, and the preceding directives of that level.
        let mut open: Vec<(Vec<Word>, Vec<Directive>)> = Vec::new();
        let mut level: Vec<Directive> = Vec::new();
        loop {
            let end = match lexer.next() {
                Ok(Token::Simple(words)) => {
                    self.simple(words, text, depth + open.len(), &mut level)
                }
                Ok(Token::Open(words)) if depth + open.len() >= DEPTH => {
                    let message = format!("blocks are nested more than {DEPTH} levels deep");
                    Err(broken(message, &words))
                }
                Ok(Token::Open(words)) => {
                    open.push((words, std::mem::take(&mut level)));
                    Ok(())
                }
                Ok(Token::Close(at)) => match open.pop() {
                    Some((words, outer)) => {
                        let block = std::mem::replace(&mut level, outer);
                        self.add(words, text, block, &mut level)
                    }
                    None => Err(Broken {
                        message: "unexpected `}`".to_owned(),
                        span: at..at + 1,
                    }),
                },
                Ok(Token::End) => match open.last() {
                    None => return level,
                    Some((words, _)) => {
                        Err(broken("a block without a closing `}`".to_owned(), words))
                    }
                },
                Err(broken) => Err(broken),
            };
            if let Err(broken) = end {
                let (text, span) = (Arc::clone(text), broken.span);
                let place = Place { text, span };
                self.report.push(Fault::error(broken.message).at(place));
                break;
            }
        }
        // Close the open blocks, so that the rest of the tree can be used.
        while let Some((words, outer)) = open.pop() {
            let block = std::mem::replace(&mut level, outer);
            let text = Arc::clone(text);
            level.push(Directive { words, text, block });
        }
        level
    }

    fn add(
        &mut self,
        words: Vec<Word>,
        text: &Arc<Text>,
        block: Vec<Directive>,
        level: &mut Vec<Directive>,
    ) -> Result<(), Broken> {
        self.directives += 1;
        if self.directives > DIRECTIVES {
            let message = format!("more than {DIRECTIVES} directives");
            return Err(broken(message, &words));
        }
        let text = Arc::clone(text);
        level.push(Directive { words, text, block });
        Ok(())
    }

    /// Adds a directive without a block; `include` adds the included directives.
    fn simple(
        &mut self,
        words: Vec<Word>,
        text: &Arc<Text>,
        depth: usize,
        level: &mut Vec<Directive>,
    ) -> Result<(), Broken> {
        let target = match words.as_slice() {
            [name, target] if name.text == "include" => &target.text,
            _ => return self.add(words, text, Vec::new(), level),
        };
        if depth >= DEPTH {
            let message = format!("includes are nested more than {DEPTH} levels deep");
            return Err(broken(message, &words));
        }
        let wanted = if target.starts_with('/') {
            target.clone()
        } else {
            format!("{}/{target}", self.base)
        };
        let paths = if glob::is_glob(&wanted) {
            self.files.matching(&wanted)
        } else {
            vec![wanted]
        };
        for path in paths {
            match self.open(&path) {
                Ok(included) => level.extend(self.file(&included, depth + 1)),
                Err(why) => return Err(broken(format!("cannot read {path}: {why}"), &words)),
            }
        }
        Ok(())
    }
}

fn broken(message: String, words: &[Word]) -> Broken {
    let start = words.first().map_or(0, |word| word.span.start);
    let end = words.last().map_or(start, |word| word.span.end);
    let span = start..end;
    Broken { message, span }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Dump;

    fn shown(directives: &[Directive]) -> String {
        let shown = |directive: &Directive| {
            let line = directive.place().line_and_column().0;
            let name = directive.name();
            let inside = shown(&directive.block);
            let inside = if inside.is_empty() {
                inside
            } else {
                format!("{{{inside}}}")
            };
            format!("{name}:{line}{inside}")
        };
        directives.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// Checks the tree of a dump and its errors.
    fn check(dump: &str, tree: &str, faults: &[&str]) {
        let dump = Dump::read(dump).unwrap();
        let mut report = Report::default();
        let read = read(dump.main(), &dump, &mut report);
        let found: Vec<String> = report
            .faults()
            .iter()
            .map(|fault| match &fault.place {
                Some(place) => {
                    let (line, column) = place.line_and_column();
                    format!("{}:{line}:{column}: {}", place.text.name, fault.message)
                }
                None => fault.message.clone(),
            })
            .collect();
        assert_eq!(shown(&read), tree);
        assert_eq!(found, faults);
    }

    #[test]
    fn includes_are_expanded_in_place() {
        check(
            "# configuration file /n/nginx.conf:\na;\nhttp {\n include s/*;\n b;\n}\n\
             # configuration file /n/s/one:\nserver {\n c 'x';\n}\n\
             # configuration file /n/s/two:\ninclude s/../d;\n\
             # configuration file /n/s/../d:\n\n\ne;\n",
            "a:1 http:2{server:1{c:2} e:3 b:4}",
            &[],
        );
    }

    #[test]
    fn faults_point_at_their_file() {
        check(
            "# configuration file /n/nginx.conf:\nhttp {\n include x;\n b;\n",
            "http:1",
            &["/n/nginx.conf:2:2: cannot read /n/x: it is not in the output of nginx -T"],
        );
        check(
            "# configuration file /n/nginx.conf:\nhttp {\n include x; b;\n}\n\
             # configuration file /n/x:\n\nc 'd';\nserver { c };\n",
            "http:1{c:2 server:3 b:2}",
            &["/n/x:3:12: unexpected `}`"],
        );
        check(
            "# configuration file /n:\na; }\n",
            "a:1",
            &["/n:1:4: unexpected `}`"],
        );
    }

    #[test]
    fn recursive_includes_end() {
        let dump = "# configuration file /n:\ninclude /n;\ninclude /n;\n";
        let dump = Dump::read(dump).unwrap();
        let mut report = Report::default();
        assert_eq!(read("/n", &dump, &mut report).len(), 0);
        assert!(report.has_errors());
    }

    #[test]
    fn unclosed_blocks_are_bounded() {
        let dump = format!("# configuration file /n:\n{}", "a{".repeat(100_000));
        let dump = Dump::read(&dump).unwrap();
        let mut report = Report::default();
        read("/n", &dump, &mut report);
        assert_eq!(report.errors(), 1);
    }
}
