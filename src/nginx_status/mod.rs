//! nginx's page of the module stub status: its metrics, under the names of nginx-prometheus-exporter.
//!
//! Invariant: a page is requested for a scrape and shared by those that wait for it; a scrape waits for a limited time only, and
//! values of an earlier request are never served.

mod address;
mod event;
mod families;
mod poller;
mod stub;

pub use address::{StubAddress, StubAddressError};
pub use event::{StubError, StubEvent};
pub use families::{FAMILIES, families, series_names};
pub use poller::{Poll, Poller, StubDown, try_all};
pub use stub::Stub;
