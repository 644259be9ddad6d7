//! Counts HTTP events in the exporter's own metrics.

use crate::http::{HttpEvent, Observer};
use crate::telemetry::Telemetry;

impl Observer for Telemetry {
    fn observe(&self, event: HttpEvent) {
        match event {
            HttpEvent::Opened => self.http_connection_opened(),
            HttpEvent::Closed => self.http_connection_closed(),
            HttpEvent::Displaced | HttpEvent::Refused | HttpEvent::AcceptFailed => {
                self.http_connection_rejected();
            }
            HttpEvent::HandshakeFailed => self.tls_handshake_failed(),
            HttpEvent::Responded { page, status } => self.http_request(page.name(), status),
            HttpEvent::Scraped { took } => self.scraped(took),
        }
    }
}
