//! Users and their hashed passwords.

use std::str::FromStr as _;

use bcrypt::{BcryptError, HashParts, Version};

use super::map::{Map, Reading};
use super::node::Value;
use crate::http::User;

/// Default cost of a hash.
pub const DEFAULT_COST: u32 = 10;
/// Highest cost without a warning: a request with it takes about a second.
const HIGH_COST: u32 = 14;
/// Remedy of a hash that is not one.
const HASH_HELP: &str = "hash the password: httplog-exporter web hash-password";

/// The reason for which a password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The password is empty.
    #[error("the password is empty")]
    Empty,
    /// bcrypt ignores what follows.
    #[error("the password has more than 71 bytes, and bcrypt would ignore the rest")]
    Long,
    /// bcrypt failed.
    #[error("cannot hash the password")]
    Bcrypt(#[source] BcryptError),
}

/// Hashes a password by bcrypt, in the form that most tools understand.
pub fn hash_password(password: &[u8], cost: u32) -> Result<String, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    match bcrypt::non_truncating_hash_with_result(password, cost) {
        Ok(parts) => Ok(parts.format_for_version(Version::TwoY)),
        Err(BcryptError::Truncation(_)) => Err(HashError::Long),
        Err(error) => Err(HashError::Bcrypt(error)),
    }
}

/// Reads the users.
pub(super) fn read(map: &Map<'_>, reading: &mut Reading) -> Vec<User> {
    let mut users = Vec::new();
    for (name, key, value) in map.entries() {
        let place = reading.place(key.span.clone());
        let error = |message: String| crate::diag::Fault::error(message).at(place.clone());
        if name.contains(':') {
            let fault = crate::diag::Fault::warning(format!(
                "`{name}` cannot log in: a name with a colon cannot be sent"
            ));
            reading.push(
                fault
                    .at(place.clone())
                    .help("choose a name without a colon"),
            );
        }
        let Value::Scalar { text, .. } = &value.value else {
            reading.push(error(format!("`{name}` has no password hash")).help(HASH_HELP));
            continue;
        };
        let cost = HashParts::from_str(text).map(|parts| parts.get_cost());
        match cost {
            Ok(cost @ 4..=31) => {
                if cost > HIGH_COST {
                    let fault = crate::diag::Fault::warning(format!(
                        "the hash of `{name}` has cost {cost}: its first request takes {} times as long as with {DEFAULT_COST}",
                        1_u64 << (cost - DEFAULT_COST)
                    ));
                    reading.push(
                        fault
                            .at(place.clone())
                            .help("hash the password with a cost from 10 to 12"),
                    );
                }
                users.push(User {
                    name: name.to_owned(),
                    hash: text.clone(),
                });
            }
            Ok(cost) => {
                let message = format!("the hash of `{name}` has cost {cost}, not one from 4 to 31");
                reading.push(error(message).help(HASH_HELP));
            }
            Err(_) => {
                let message = format!("the value of `{name}` is not a hash by bcrypt");
                reading.push(error(message).help(HASH_HELP));
            }
        }
    }
    users
}
