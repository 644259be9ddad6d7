//! Counts HTTP events in the exporter's own metrics.

use std::sync::Arc;

use crate::http::{HttpEvent, Observer};
use crate::telemetry::Telemetry;

/// Counter of connections, responses and scrapes.
#[derive(Debug)]
pub(super) struct HttpObserver(pub(super) Arc<Telemetry>);

impl Observer for HttpObserver {
    fn observe(&self, event: HttpEvent) {
        match event {
            HttpEvent::Opened => self.0.http_connection_opened(),
            HttpEvent::Closed => self.0.http_connection_closed(),
            HttpEvent::Displaced | HttpEvent::Refused | HttpEvent::AcceptFailed => {
                self.0.http_connection_rejected();
            }
            HttpEvent::Responded { page, status } => self.0.http_request(page.path(), status),
            HttpEvent::Scraped { took } => self.0.scraped(took),
        }
    }
}
