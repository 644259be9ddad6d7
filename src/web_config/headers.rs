//! The header fields that the web configuration adds to every response.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use super::map::{Map, Reading};

/// Names, with the values that are allowed; any, if there is none.
const ALLOWED: [(&str, HeaderName, &[&str]); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
    (
        "X-Content-Type-Options",
        X_CONTENT_TYPE_OPTIONS,
        &["nosniff"],
    ),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
];

/// Reads the header fields. A blank one is left out.
pub(super) fn read(mut map: Map<'_>, reading: &mut Reading) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, header, allowed) in ALLOWED {
        let Some(value) = map.string(name, reading) else {
            continue;
        };
        if !allowed.is_empty() && !allowed.contains(&&*value.value) {
            let fault = value.error(format!("`{}` is not allowed for {name}", value.value));
            reading.push(fault.help(format!("one of: {}", allowed.join(", "))));
        } else if let Ok(valid) = HeaderValue::from_str(&value.value) {
            if !valid.is_empty() {
                headers.push((header, valid));
            }
        } else {
            let fault = value.error(format!("not a value of a header field: {name}"));
            reading.push(fault.help("write one line of ASCII"));
        }
    }
    map.finish(reading);
    headers
}
