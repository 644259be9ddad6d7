//! Kinds of values beyond the bytes they may hold: paths, hosts, request lines.

/// The type of a value, which decides where it ends if its neighbours do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    #[default]
    Any,
    /// Any text that a client chooses, normally without blanks.
    Word,
    /// A media type with its parameters, or whatever the site sent in its place.
    MediaType,
    /// A request line: any bytes, normally `METHOD TARGET HTTP/1.1`.
    Request,
    /// A target as received: begins with `/`, or is `*`.
    Target,
    /// A decoded path: begins with `/`, or is `*`.
    Path,
    /// A decoded path and what follows it, a query behind a `?` or nothing.
    PathAndQuery,
    /// A query with its `?`, or nothing.
    Query,
    /// A query without its `?`.
    Args,
    /// `?` or nothing.
    QuestionMark,
    /// A host as the server accepted it: neither blanks nor `/`.
    Host,
    /// A `Host` header as received.
    HostHeader,
    /// `HTTP/1.1`.
    Protocol,
    /// `http` or `https`.
    Scheme,
    /// A method.
    Method,
    /// 32 hexadecimal digits.
    Id,
    /// Addresses, separated by commas, or whatever the client sent in their place.
    Addresses,
    /// A number, or whatever the client sent in its place.
    Length,
}
