//! Secret keys of hashes that are kept or compared across restarts.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use siphasher::sip::SipHasher13;

/// The key of a keyed hash, SipHash-1-3: without it, texts of one hash cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretKey(pub [u64; 2]);

impl SecretKey {
    /// Makes a random key.
    pub fn random() -> Self {
        // Each state of the standard library has random keys, which a hash of it depends on.
        Self([0_u64, 1].map(|number| RandomState::new().hash_one(number)))
    }

    /// Returns the hash of these bytes.
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let [first, second] = self.0;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        hasher.write(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_key_and_on_nothing_else() {
        let key = SecretKey([1, 2]);
        // As kept in checkpoints.
        assert_eq!(key.hash(b"id"), 9_756_820_270_349_149_121);
        assert_ne!(key.hash(b"id"), key.hash(b"ie"));
        assert_ne!(key.hash(b"id"), SecretKey([2, 1]).hash(b"id"));
        assert_ne!(SecretKey::random(), SecretKey::random());
    }
}
