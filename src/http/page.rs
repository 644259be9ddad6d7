//! The landing page at `/`, for people who open the address in a browser.
//!
//! Invariant: the page is readable without scripts, styles and other files; nothing in it comes
//! from a request.

use super::event::Page;
use super::paths::Paths;

const STYLE: &str = include_str!("page.css");

/// Content security policy that allows the page's own style, by its hash, and nothing else.
pub(super) const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-0Ic/bgL0rBdI7W1NQfmu6TJTi7Zy7ctc/0zNDtFWkWg='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns the page as HTML.
pub(super) fn html(paths: &Paths) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let [metrics, healthy, ready] =
        [Page::Metrics, Page::Healthy, Page::Ready].map(|page| paths.of(page));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>httplog-exporter</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>httplog-exporter</h1>
<p>Version {version}. Prometheus metrics for a Django site, from the access logs that nginx and
gunicorn already write.</p>
<h2>Endpoints</h2>
<dl>
<dt><a href="{metrics}">Metrics</a></dt>
<dd><code>{metrics}</code> is the page for Prometheus to scrape.</dd>
<dt><a href="{healthy}">Health</a></dt>
<dd><code>{healthy}</code> returns 200 while the process is running.</dd>
<dt><a href="{ready}">Readiness</a></dt>
<dd><code>{ready}</code> returns 200 if every source is open, and otherwise 503 with the sources that are not and
why, as JSON.</dd>
</dl>
</main>
</body>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the SHA-256 of a short text (FIPS 180-4).
    fn sha256(text: &[u8]) -> [u8; 32] {
        let primes =
            || (2_u32..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
        // The first 32 bits of the fractional part of the roots of primes.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 2^32 and positive"
        )]
        let fraction = |root: f64| (root.fract() * 4_294_967_296.0) as u32;
        let k: Vec<u32> = primes()
            .take(64)
            .map(|p| fraction(f64::from(p).cbrt()))
            .collect();
        let mut hash: Vec<u32> = primes()
            .take(8)
            .map(|p| fraction(f64::from(p).sqrt()))
            .collect();
        let mut message = text.to_vec();
        message.push(0x80);
        message.resize(message.len().next_multiple_of(64), 0);
        if text.len() % 64 >= 56 {
            message.resize(message.len() + 64, 0);
        }
        let bits = (text.len() as u64 * 8).to_be_bytes();
        let end = message.len() - 8;
        message[end..].copy_from_slice(&bits);
        for block in message.chunks(64) {
            let mut w: Vec<u32> = block
                .chunks(4)
                .map(|b| u32::from_be_bytes(b.try_into().unwrap()))
                .collect();
            for t in 16..64 {
                let (a, b) = (w[t - 15], w[t - 2]);
                let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
                let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
                w.push(
                    w[t - 16]
                        .wrapping_add(s0)
                        .wrapping_add(w[t - 7])
                        .wrapping_add(s1),
                );
            }
            let mut v = hash.clone();
            for t in 0..64 {
                let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
                let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
                let sum = [s1, choice, k[t], w[t]]
                    .into_iter()
                    .fold(v[7], u32::wrapping_add);
                let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
                let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
                v.rotate_right(1);
                v[4] = v[4].wrapping_add(sum);
                v[0] = sum.wrapping_add(s0).wrapping_add(majority);
            }
            for (total, part) in hash.iter_mut().zip(v) {
                *total = total.wrapping_add(part);
            }
        }
        let bytes: Vec<u8> = hash.into_iter().flat_map(u32::to_be_bytes).collect();
        bytes.try_into().unwrap()
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut group = [0; 4];
            group[1..=chunk.len()].copy_from_slice(chunk);
            let group = u32::from_be_bytes(group);
            for place in 0..4 {
                let digit = (group >> (18 - 6 * place)) & 63;
                let padding = place > chunk.len();
                text.push(if padding {
                    '='
                } else {
                    DIGITS[digit as usize].into()
                });
            }
        }
        text
    }

    #[test]
    fn the_policy_contains_the_hash_of_the_style() {
        let known = sha256(b"abc");
        assert_eq!(known[..4], [0xba, 0x78, 0x16, 0xbf]);
        let hash = base64(&sha256(STYLE.as_bytes()));
        assert!(
            POLICY.contains(&format!("'sha256-{hash}'")),
            "the style's hash is {hash}"
        );
    }

    #[test]
    fn the_page_links_to_every_endpoint_and_loads_nothing() {
        let paths = Paths::default();
        let html = html(&paths);
        for page in [Page::Metrics, Page::Healthy, Page::Ready] {
            assert!(html.contains(&format!("href=\"{}\"", paths.of(page))));
        }
        assert!(html.contains("<html lang=\"en\">"));
        assert!(html.contains("name=\"viewport\""));
        assert!(html.contains(env!("CARGO_PKG_VERSION")));
        for foreign in ["<script", "http://", "https://", "src=", "style=\""] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }
}
