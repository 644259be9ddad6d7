//! nginx's `log_format`.

use super::token::{Lexer, Token};
use super::variables::{Alias, Variables, named};
use crate::diag::Place;

/// A `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Name of the format.
    pub name: String,
    /// Value of `escape=`, by default `default`.
    pub escape: String,
    /// The concatenated strings, with variables of nginx's in the place of those that stand for them.
    pub text: String,
    /// The variables that were replaced.
    pub aliases: Vec<Alias>,
    /// Names of the format's other variables that the configuration defines.
    pub defined: Vec<String>,
    /// Names of those that only ever are single words, or empty.
    pub words: Vec<String>,
    /// Place of the directive; `None` for `combined`.
    pub place: Option<Place>,
}

impl Format {
    /// Returns nginx's built-in format (`src/http/modules/ngx_http_log_module.c`).
    pub fn combined() -> Self {
        Self {
            name: "combined".to_owned(),
            escape: "default".to_owned(),
            text: "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                   $body_bytes_sent \"$http_referer\" \"$http_user_agent\""
                .to_owned(),
            aliases: Vec::new(),
            defined: Vec::new(),
            words: Vec::new(),
            place: None,
        }
    }

    /// Parses the `log_format` directive with which a text begins.
    pub fn parse(directive: &str) -> Option<Self> {
        let Ok(Token::Simple(words)) = Lexer::new(directive).next() else {
            return None;
        };
        let words: Vec<&str> = words.iter().map(|word| &*word.text).collect();
        match words.split_first() {
            Some((&"log_format", parameters)) => Self::from_parameters(parameters, None),
            _ => None,
        }
    }

    /// Reads the parameters of a `log_format`; `None` if there are too few.
    pub(super) fn from_parameters(parameters: &[&str], place: Option<Place>) -> Option<Self> {
        let (name, rest) = parameters.split_first()?;
        let escape = rest.first().and_then(|first| first.strip_prefix("escape="));
        let strings = &rest[usize::from(escape.is_some())..];
        (!strings.is_empty()).then(|| Self {
            name: (*name).to_owned(),
            escape: escape.unwrap_or("default").to_owned(),
            text: strings.concat(),
            aliases: Vec::new(),
            defined: Vec::new(),
            words: Vec::new(),
            place,
        })
    }

    /// Replaces variables of the configuration that stand for variables of nginx's.
    pub(super) fn understood(mut self, variables: &Variables) -> Self {
        let names = named(&self.text).map(|(_, name)| name);
        let mut names: Vec<&str> = names.filter(|name| variables.defines(name)).collect();
        self.aliases = variables.aliases(names.iter().copied(), &self.escape);
        names.retain(|name| self.aliases.iter().all(|alias| alias.name != *name));
        self.defined = names.into_iter().map(str::to_owned).collect();
        let words = self.defined.iter().filter(|name| variables.is_word(name));
        self.words = words.cloned().collect();
        let spans: Vec<_> = named(&self.text)
            .filter_map(|(span, name)| {
                let mut aliases = self.aliases.iter();
                Some((span, aliases.find(|alias| alias.name == name)?))
            })
            .collect();
        let mut text = self.text.clone();
        for (span, alias) in spans.into_iter().rev() {
            let rest = text[span.end..].bytes().next();
            let goes_on = rest.is_some_and(|next| next.is_ascii_alphanumeric() || next == b'_');
            let meaning = &alias.meaning;
            let variable = if goes_on {
                format!("${{{meaning}}}")
            } else {
                format!("${meaning}")
            };
            text.replace_range(span, &variable);
        }
        self.text = text;
        self
    }

    /// Returns the format with a word in the place of each variable that only ever is one.
    #[must_use]
    pub fn with_words(&self) -> Self {
        let spans =
            named(&self.text).filter(|(_, name)| self.words.iter().any(|word| word == name));
        let spans: Vec<_> = spans.map(|(span, _)| span).collect();
        let mut format = self.clone();
        for span in spans.into_iter().rev() {
            format.text.replace_range(span, "word");
        }
        format
    }

    /// Returns a directive that defines this format.
    pub fn directive(&self) -> String {
        let text = self.text.replace('\\', "\\\\").replace('\'', "\\'");
        let name = &self.name;
        match &*self.escape {
            "default" => format!("log_format {name} '{text}';"),
            escape => format!("log_format {name} escape={escape} '{text}';"),
        }
    }
}
