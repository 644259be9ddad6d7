//! Recognizes files that were overwritten before their deletion, as `shred` does.
//!
//! Invariant: pure. Text of a log is not taken for random bytes: servers escape control characters.

/// Share of control characters, as one in so many bytes, that no text has. Of random bytes, one in ten is one.
const SHARE: usize = 32;

/// Returns whether the first bytes of a file are random ones. Zeros may be the hole that a truncation leaves before a
/// writer that does not append; tabs, line breaks and the escape character of colours occur in text.
pub(super) fn is_shredded(head: &[u8]) -> bool {
    let is_control = |byte: &&u8| matches!(byte, 1..=8 | 11..=12 | 14..=26 | 28..=31 | 127);
    let controls = head.iter().filter(is_control).count();
    controls > head.len() / SHARE + 2
}

/// Returns whether the first bytes of a file are random ones, or zeros, with which `shred -z` hides that it overwrote them.
pub(super) fn is_noise(head: &[u8]) -> bool {
    let is_blank = || !head.is_empty() && head.iter().all(|byte| *byte == 0);
    is_shredded(head) || is_blank()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns pseudo-random bytes (splitmix64).
    fn random(mut seed: u64, length: usize) -> Vec<u8> {
        let next = || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = seed;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn random_bytes_are_recognized() {
        for seed in 0..1_000 {
            assert!(is_shredded(&random(seed, 4_096)));
            assert!(is_shredded(&random(seed, 512)));
        }
    }

    #[test]
    fn text_is_not_recognized() {
        let texts = [
            String::new(),
            "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /\u{e9}\u{30c6} HTTP/1.1\" 200 1\n"
                .repeat(40),
            "\u{1b}[32mINFO\u{1b}[0m:\t127.0.0.1:5 - \"GET / HTTP/1.1\" 200 OK\r\n".repeat(40),
            "\0".repeat(4_096),
            "\u{1}\u{2}".to_owned(),
        ];
        for text in texts {
            assert!(!is_shredded(text.as_bytes()), "{text}");
        }
    }
}
