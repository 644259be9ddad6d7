//! Recorded logs of real servers, and the presets that read them.

/// Presets, each with the recorded log in its format.
pub const RECORDED: [(&str, &str); 19] = [
    ("nginx-combined", "fixtures/corpora/nginx_combined.log"),
    ("nginx-timed", "fixtures/corpora/nginx_timed.log"),
    ("nginx-vhost", "fixtures/corpora/nginx_vhost_main.log"),
    ("nginx-django", "fixtures/demo/access.log"),
    ("nginx-json", "fixtures/corpora/nginx_json.log"),
    ("nginx-ltsv", "fixtures/corpora/nginx_ltsv.log"),
    ("gunicorn", "fixtures/corpora/gunicorn_real_default.log"),
    ("gunicorn-seconds", "fixtures/corpora/gunicorn_L_s.log"),
    ("gunicorn-micros", "fixtures/corpora/gunicorn_D_us.log"),
    ("gunicorn-millis", "fixtures/corpora/gunicorn_M_ms.log"),
    ("uvicorn", "fixtures/corpora/uvicorn_default.log"),
    ("hypercorn", "fixtures/corpora/hypercorn.log"),
    ("granian", "fixtures/corpora/granian.log"),
    ("daphne", "fixtures/corpora/daphne.log"),
    ("uwsgi", "fixtures/corpora/uwsgi.log"),
    ("uwsgi-micros", "fixtures/corpora/uwsgi_micros.log"),
    ("common", "fixtures/corpora/apache_common.log"),
    ("apache-combined", "fixtures/corpora/apache_combined.log"),
    ("apache-vhost", "fixtures/corpora/apache_vhost_combined.log"),
];

/// Returns a line of nginx's `combined` format, with its newline.
pub fn line(method: &str, status: u16) -> String {
    format!(
        "127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"{method} /a HTTP/1.1\" {status} 10 \"-\" \"ua\"\n"
    )
}
