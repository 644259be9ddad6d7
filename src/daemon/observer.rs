//! Counts HTTP events in the exporter's own metrics.

use std::sync::Arc;

use crate::http::{Event, Observer};
use crate::telemetry::Telemetry;

/// Counter of connections, responses and scrapes.
#[derive(Debug)]
pub(super) struct HttpObserver(pub(super) Arc<Telemetry>);

impl Observer for HttpObserver {
    fn observe(&self, event: Event) {
        match event {
            Event::Opened => self.0.http_connection_opened(),
            Event::Closed => self.0.http_connection_closed(),
            Event::Displaced | Event::Refused | Event::AcceptFailed => {
                self.0.http_connection_rejected();
            }
            Event::Answered { page, status } => self.0.http_request(page.path(), status),
            Event::Scraped { took, .. } => self.0.scraped(took),
        }
    }
}
