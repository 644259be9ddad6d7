//! Reads a stub status page.
//!
//! Invariant: any other text is refused; no text makes reading panic.

/// The numbers of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stub {
    /// Open connections, waiting ones included.
    pub active: u64,
    /// Connections since the start of nginx.
    pub accepted: u64,
    /// Those of them that were handled.
    pub handled: u64,
    /// Requests since the start of nginx.
    pub requests: u64,
    /// Connections whose request is read.
    pub reading: u64,
    /// Connections whose response is written.
    pub writing: u64,
    /// Idle connections.
    pub waiting: u64,
}

/// The page, word by word; an empty word stands for a number.
const WORDS: [&str; 16] = [
    "Active",
    "connections:",
    "",
    "server",
    "accepts",
    "handled",
    "requests",
    "",
    "",
    "",
    "Reading:",
    "",
    "Writing:",
    "",
    "Waiting:",
    "",
];

impl Stub {
    /// Reads a page; `None` if it is something else.
    ///
    /// ```
    /// use httplog_exporter::nginx_status::Stub;
    ///
    /// let page = "Active connections: 2 \nserver accepts handled requests\n 7 6 9 \nReading: 0 Writing: 1 Waiting: 1 \n";
    /// assert_eq!(Stub::parse(page.as_bytes()).unwrap().requests, 9);
    /// assert_eq!(Stub::parse(b"<html>"), None);
    /// ```
    pub fn parse(page: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(page).ok()?.split_ascii_whitespace();
        let mut numbers = [0; 7];
        let mut places = numbers.iter_mut();
        for expected in WORDS {
            let word = words.next()?;
            if !expected.is_empty() {
                if word != expected {
                    return None;
                }
            } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
                *places.next()? = word.parse().ok()?;
            } else {
                return None;
            }
        }
        if words.next().is_some() {
            return None;
        }
        Some(Self::of(numbers))
    }

    /// Makes the numbers of a page from a list in its sequence.
    fn of(numbers: [u64; 7]) -> Self {
        Self {
            active: numbers[0],
            accepted: numbers[1],
            handled: numbers[2],
            requests: numbers[3],
            reading: numbers[4],
            writing: numbers[5],
            waiting: numbers[6],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630946 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n";

    /// Writes a page as nginx does.
    fn page(stub: &Stub) -> String {
        let counts = [stub.accepted, stub.handled, stub.requests];
        let [accepted, handled, requests] = counts;
        let (reading, writing, idle) = (stub.reading, stub.writing, stub.waiting);
        format!(
            "Active connections: {} \nserver accepts handled requests\n {accepted} {handled} {requests} \nReading: {reading} Writing: {writing} Waiting: {idle} \n",
            stub.active
        )
    }

    #[test]
    fn each_number_is_read_from_its_place() {
        let expected = Stub {
            active: 291,
            accepted: 16_630_948,
            handled: 16_630_946,
            requests: 31_070_465,
            reading: 6,
            writing: 179,
            waiting: 106,
        };
        assert_eq!(Stub::parse(PAGE.as_bytes()), Some(expected));
        assert_eq!(page(&expected), PAGE);
    }

    #[test]
    fn whatever_is_not_the_page_is_refused() {
        for other in [
            String::new(),
            "<html><body>Welcome to nginx!</body></html>".to_owned(),
            "nginx_connections_active 1\n".to_owned(),
            PAGE.replace("291", "-1"),
            PAGE.replace("291", "+1"),
            PAGE.replace("291", "1.5"),
            PAGE.replace("291", "18446744073709551616"),
            PAGE.replace("Writing", "Wrote"),
            format!("{PAGE}more"),
        ] {
            assert_eq!(Stub::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Stub::parse(b"Active connections: \xff"), None);
    }

    #[test]
    fn a_page_that_was_cut_is_refused() {
        // The last number has one digit: without it, the page ends too early.
        let page = PAGE.replace("106", "1");
        let whole = page.trim_end().len();
        for end in 0..page.len() {
            assert_eq!(
                Stub::parse(&page.as_bytes()[..end]).is_some(),
                end >= whole,
                "{end}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_page_is_read_back(numbers in any::<[u64; 7]>()) {
            let stub = Stub::of(numbers);
            assert_eq!(Stub::parse(page(&stub).as_bytes()), Some(stub));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in any::<Vec<u8>>(), at in 0..150_usize, with in any::<u8>()) {
            Stub::parse(&bytes);
            let mut page = PAGE.as_bytes().to_vec();
            let at = at % page.len();
            page[at] = with;
            if let Some(stub) = Stub::parse(&page) {
                assert_eq!(Stub::parse(self::page(&stub).as_bytes()), Some(stub));
            }
        }
    }
}
