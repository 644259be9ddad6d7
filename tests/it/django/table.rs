//! Compares two pages of metrics and accounts for each difference.
//!
//! Invariant: a series is explained only if the sums over all requests match both pages exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::request::{Event, FAMILIES, LATENCY, LATENCY_BY_VIEW, Labels};
use crate::scrape::{Sample, Scrape};

/// Upper bounds of the histograms of bytes: 0, 1, 2, 4 to 2^29.
const BYTE_BOUNDS: usize = 31;

/// One number of a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub family: String,
    pub labels: BTreeMap<String, String>,
    /// Empty for a counter, otherwise `sum`, `count` or the upper bound of a bucket.
    pub part: String,
}

/// The cells of one page without zeros.
pub type Cells = BTreeMap<Cell, f64>;

type Key = (String, BTreeMap<String, String>);

/// Sums over requests for both sides, and the causes of differences.
#[derive(Debug, Default)]
pub struct Account {
    pub theirs: Cells,
    pub ours: Cells,
    /// Number of differing requests by family and labels, then by cause.
    causes: BTreeMap<Key, BTreeMap<&'static str, u64>>,
}

/// Reads the cells of a page; of latencies only the number of observations.
pub fn cells(page: &str) -> Cells {
    let scrape = Scrape::parse(page);
    scrape
        .all()
        .filter_map(|sample| Some((cell(sample)?, sample.value)))
        .filter(|(cell, value)| {
            *value != 0.0 && !(is_latency(&cell.family) && cell.part != "count")
        })
        .collect()
}

/// Reads the sums of a histogram of latencies by labels.
pub fn sums(page: &str, family: &str) -> Vec<(BTreeMap<String, String>, f64)> {
    let scrape = Scrape::parse(page);
    let cells = scrape
        .all()
        .filter_map(|sample| Some((cell(sample)?, sample.value)));
    cells
        .filter(|(cell, _)| cell.family == family && cell.part == "sum")
        .map(|(cell, value)| (cell.labels, value))
        .collect()
}

fn is_latency(family: &str) -> bool {
    [LATENCY, LATENCY_BY_VIEW].contains(&family)
}

fn cell(sample: &Sample) -> Option<Cell> {
    let family = FAMILIES
        .iter()
        .filter(|family| sample.name.starts_with(**family))
        .max_by_key(|family| family.len())?;
    let mut labels = sample.labels.clone();
    let part = match &sample.name[family.len()..] {
        "" => String::new(),
        "_sum" => "sum".to_owned(),
        "_count" => "count".to_owned(),
        "_bucket" => bound(&labels.remove("le")?),
        _ => return None,
    };
    Some(Cell {
        family: (*family).to_owned(),
        labels,
        part,
    })
}

/// Normalizes the notation of a bound.
fn bound(le: &str) -> String {
    le.parse::<f64>().unwrap().to_string()
}

impl Account {
    /// Adds a request: what each side counts of it, and the cause where a family differs.
    pub fn add(
        &mut self,
        theirs: &[Event],
        ours: &[Event],
        cause: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), String> {
        add(&mut self.theirs, theirs);
        add(&mut self.ours, ours);
        for event in difference(theirs, ours) {
            let cause = cause(event.family).ok_or_else(|| format!("no cause for {event:?}"))?;
            let key = (event.family.to_owned(), owned(&event.labels));
            *self
                .causes
                .entry(key)
                .or_default()
                .entry(cause)
                .or_default() += 1;
        }
        Ok(())
    }

    /// Returns the table of all series of these families, and the unexplained ones.
    pub fn compare(
        &self,
        theirs: &Cells,
        ours: &Cells,
        families: &[&str],
    ) -> (String, Vec<String>) {
        let mut table = String::from("family | series | theirs | ours | why different\n");
        let mut faults = Vec::new();
        let all: BTreeSet<&Cell> = [theirs, ours, &self.theirs, &self.ours]
            .into_iter()
            .flat_map(|cells| cells.keys())
            .filter(|cell| families.contains(&cell.family.as_str()))
            .collect();
        let mut equal = 0;
        for cell in &all {
            let (their, our) = (get(theirs, cell), get(ours, cell));
            let expected = (get(&self.theirs, cell), get(&self.ours, cell));
            let key = (cell.family.clone(), cell.labels.clone());
            let causes = self.causes.get(&key);
            let why = match causes {
                _ if same(their, our) => String::new(),
                Some(causes) => shown(causes),
                None => "?".to_owned(),
            };
            equal += usize::from(same(their, our));
            let series = series(cell);
            let row = format!("{} | {series} | {their} | {our} | {why}", cell.family);
            if !same(their, expected.0) || !same(our, expected.1) {
                let (a, b) = expected;
                faults.push(format!("{row} | requests add up to {a} and {b}"));
            } else if why == "?" {
                faults.push(row.clone());
            }
            // Buckets would only lengthen the table.
            if !cell.part.starts_with(|c: char| c.is_ascii_digit()) {
                writeln!(table, "{row}").unwrap();
            }
        }
        writeln!(
            table,
            "{} numbers, {equal} equal, {} unexplained",
            all.len(),
            faults.len()
        )
        .unwrap();
        (table, faults)
    }

    /// Returns whether some request counts differently for a series.
    pub fn differs(&self, family: &str, labels: &BTreeMap<String, String>) -> bool {
        self.causes
            .contains_key(&(family.to_owned(), labels.clone()))
    }

    /// Returns how many requests count differently in a family, by the causes that begin so.
    pub fn total(&self, family: &str, causes: &[&str]) -> u64 {
        let own = self.causes.iter().filter(|((name, _), _)| name == family);
        let own = own.flat_map(|(_, causes)| causes);
        let meant = own.filter(|(cause, _)| causes.iter().any(|begin| cause.starts_with(begin)));
        meant.map(|(_, count)| count).sum()
    }

    /// Lists the differing requests by family and cause.
    pub fn summary(&self) -> String {
        let mut totals: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((family, _), causes) in &self.causes {
            for (cause, count) in causes {
                *totals.entry((family, cause)).or_default() += count;
            }
        }
        let mut text = String::from("family | why different | observations\n");
        for ((family, cause), count) in totals {
            writeln!(text, "{family} | {cause} | {count}").unwrap();
        }
        text
    }
}

fn get(cells: &Cells, cell: &Cell) -> f64 {
    cells.get(cell).copied().unwrap_or_default()
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.5
}

fn series(cell: &Cell) -> String {
    let labels: Vec<String> = cell
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{{{}}} {}", labels.join(","), cell.part)
}

fn shown(causes: &BTreeMap<&'static str, u64>) -> String {
    let causes: Vec<String> = causes
        .iter()
        .map(|(cause, count)| format!("{cause} ({count})"))
        .collect();
    causes.join("; ")
}

fn owned(labels: &Labels) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Returns the events of one side only.
fn difference<'e>(one: &'e [Event], other: &'e [Event]) -> Vec<&'e Event> {
    let mut counts: BTreeMap<&Event, i64> = BTreeMap::new();
    for event in one {
        *counts.entry(event).or_default() += 1;
    }
    for event in other {
        *counts.entry(event).or_default() -= 1;
    }
    counts.retain(|_, count| *count != 0);
    counts.into_keys().collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes of a test's traffic are far below 2^53"
)]
fn add(cells: &mut Cells, events: &[Event]) {
    for event in events {
        let cell = |part: &str| Cell {
            family: event.family.to_owned(),
            labels: owned(&event.labels),
            part: part.to_owned(),
        };
        let mut more = |part: &str, by: f64| {
            if by != 0.0 {
                *cells.entry(cell(part)).or_default() += by;
            }
        };
        match event.bytes {
            None if is_latency(event.family) => more("count", 1.0),
            None => more("", 1.0),
            Some(bytes) => {
                more("count", 1.0);
                more("sum", bytes as f64);
                let bounds = (0..BYTE_BOUNDS).map(|n| if n == 0 { 0 } else { 1 << (n - 1) });
                for bound in bounds.filter(|bound| bytes <= *bound) {
                    more(&bound.to_string(), 1.0);
                }
                more("inf", 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{BY_STATUS, REQUEST_BYTES, REQUESTS};
    use super::*;

    fn counted(status: &str) -> Event {
        Event {
            family: BY_STATUS,
            labels: vec![("status", status.to_owned())],
            bytes: None,
        }
    }

    const THEIRS: &str = "django_http_responses_total_by_status_total{status=\"404\"} 2.0\n\
                          django_http_responses_total_by_status_created{status=\"404\"} 1.7e+09\n";
    const OURS: &str = "django_http_responses_total_by_status_total{status=\"301\"} 1\n\
                        django_http_responses_total_by_status_total{status=\"404\"} 1\n";

    #[test]
    fn a_difference_with_a_cause_is_shown_and_accepted() {
        let mut account = Account::default();
        let slash = |_: &str| Some("slash");
        account
            .add(&[counted("404")], &[counted("404")], |_| None)
            .unwrap();
        account
            .add(&[counted("404")], &[counted("301")], slash)
            .unwrap();
        let (table, faults) = account.compare(&cells(THEIRS), &cells(OURS), &FAMILIES);
        assert_eq!(faults, [""; 0]);
        assert!(
            table.contains("{status=404}  | 2 | 1 | slash (1)\n"),
            "{table}"
        );
        assert!(
            table.ends_with("2 numbers, 0 equal, 0 unexplained\n"),
            "{table}"
        );
    }

    #[test]
    fn a_difference_without_a_request_is_a_fault() {
        let mut account = Account::default();
        for _ in 0..2 {
            account
                .add(&[counted("404")], &[counted("404")], |_| None)
                .unwrap();
        }
        let (_, faults) = account.compare(&cells(THEIRS), &cells(OURS), &FAMILIES);
        assert_eq!(faults.len(), 2, "{faults:?}");
        let undocumented = account.add(&[counted("404")], &[], |_| None);
        assert!(undocumented.is_err());
    }

    #[test]
    fn a_histogram_of_bytes_is_compared_bucket_by_bucket() {
        let event = Event {
            family: REQUEST_BYTES,
            labels: Vec::new(),
            bytes: Some(3),
        };
        let mut found = Cells::new();
        add(&mut found, &[event]);
        let part = |part: &str| {
            let cell = |cell: &&Cell| cell.part == part;
            found.keys().find(cell).map(|cell| found[cell])
        };
        assert_eq!(
            [part("2"), part("4"), part("sum")],
            [None, Some(1.0), Some(3.0)]
        );
        assert_eq!(part("536870912").and(part("inf")), Some(1.0));
        assert_eq!(bound("536870912.0"), bound("5.36870912e+08"));
        assert_eq!(bound("+Inf"), "inf");
        assert_eq!(cells(&format!("{REQUESTS} 0\n")), Cells::new());
    }
}
