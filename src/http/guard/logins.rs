//! Checks passwords.
//!
//! Invariant: a name that is not a user's costs what one of a user with a wrong password does: the time of a hash by bcrypt. At
//! most [`AT_ONCE`] hashes are computed at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::credentials::Credentials;
use crate::http::User;

/// Hashes that are computed at a time.
const AT_ONCE: usize = 2;
/// Successful logins that are remembered.
const REMEMBERED: usize = 100;

/// The outcome of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Accepted,
    Refused,
    /// Too many passwords are being checked.
    Busy,
}

/// Keyed digest of a name, a password and a hash that belong together.
type Tag = [u8; 32];

/// Checks passwords, and remembers those that were right.
pub(super) struct Logins {
    /// `None` without randomness: then nothing is remembered.
    key: Option<hmac::Key>,
    /// The latest comes first.
    successes: Mutex<VecDeque<Tag>>,
    slots: Arc<Semaphore>,
}

impl Logins {
    pub(super) fn new() -> Self {
        Self {
            key: hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).ok(),
            successes: Mutex::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Checks credentials. There must be a user.
    pub(super) async fn check(&self, users: &[User], credentials: Credentials) -> Login {
        let Credentials { user, password } = credentials;
        let known = users.iter().find(|known| known.name.as_bytes() == user);
        let stand_in = stand_in(users, &user);
        let Some(checked) = known.or(stand_in) else {
            return Login::Refused;
        };
        let tag = self
            .key
            .as_ref()
            .map(|key| tag(key, &[&user, &password, checked.hash.as_bytes()]));
        if tag.is_some_and(|tag| self.remembers(&tag)) {
            return Login::Accepted;
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Login::Busy;
        };
        let hash = checked.hash.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let is_right = bcrypt::verify(password, &hash);
            drop(slot);
            is_right.unwrap_or(false)
        });
        // The hash of a stand-in may be that of the password, by chance or because somebody has guessed it.
        if verified.await.unwrap_or(false) && known.is_some() {
            if let Some(tag) = tag {
                self.remember(tag);
            }
            return Login::Accepted;
        }
        Login::Refused
    }

    /// Returns whether credentials were right before.
    fn remembers(&self, tag: &Tag) -> bool {
        let mut successes = self
            .successes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(at) = successes.iter().position(|known| known == tag) else {
            return false;
        };
        if let Some(tag) = successes.remove(at) {
            successes.push_front(tag);
        }
        true
    }

    fn remember(&self, tag: Tag) {
        let mut successes = self
            .successes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        successes.truncate(REMEMBERED - 1);
        successes.push_front(tag);
    }
}

/// Returns the user whose hash is computed for an unknown name. A name has one and the same as long as that user's hash does not
/// change, also after a restart, so that the costs of the users' hashes do not tell which names exist.
fn stand_in<'u>(users: &'u [User], name: &[u8]) -> Option<&'u User> {
    users.iter().max_by_key(|user| {
        let key = hmac::Key::new(HMAC_SHA256, user.hash.as_bytes());
        tag(&key, &[name])
    })
}

fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(passwords: &[(&str, &str)]) -> Vec<User> {
        let user = |(name, password): &(&str, &str)| User {
            name: (*name).to_owned(),
            hash: bcrypt::hash(password, 4).unwrap(),
        };
        passwords.iter().map(user).collect()
    }

    fn check(logins: &Logins, users: &[User], user: &str, password: &str) -> Login {
        let credentials = Credentials {
            user: user.into(),
            password: password.into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(logins.check(users, credentials))
    }

    #[test]
    fn only_a_user_with_the_right_password_is_accepted() {
        let (logins, users) = (Logins::new(), users(&[("a", "one"), ("b", "two")]));
        for _ in 0..2 {
            assert_eq!(check(&logins, &users, "a", "one"), Login::Accepted);
            assert_eq!(check(&logins, &users, "b", "two"), Login::Accepted);
            for (user, password) in [
                ("a", "two"),
                ("b", "one"),
                ("a", ""),
                ("", ""),
                ("A", "one"),
            ] {
                assert_eq!(check(&logins, &users, user, password), Login::Refused);
            }
        }
        // Also with the password of the user whose hash is computed.
        for password in ["one", "two"] {
            assert_eq!(check(&logins, &users, "c", password), Login::Refused);
        }
        assert_eq!(logins.successes.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_changed_hash_is_checked_again() {
        let logins = Logins::new();
        assert_eq!(
            check(&logins, &users(&[("a", "one")]), "a", "one"),
            Login::Accepted
        );
        assert_eq!(
            check(&logins, &users(&[("a", "two")]), "a", "one"),
            Login::Refused
        );
    }

    #[test]
    fn remembered_logins_need_no_slot_and_others_are_refused_without_one() {
        let (logins, users) = (Logins::new(), users(&[("a", "one")]));
        assert_eq!(check(&logins, &users, "a", "one"), Login::Accepted);
        let _slots = logins.slots.try_acquire_many(2).unwrap();
        assert_eq!(check(&logins, &users, "a", "one"), Login::Accepted);
        assert_eq!(check(&logins, &users, "a", "two"), Login::Busy);
        assert_eq!(check(&logins, &users, "b", "one"), Login::Busy);
    }

    #[test]
    fn remembered_logins_are_bounded_and_the_oldest_is_forgotten() {
        let logins = Logins::new();
        for n in 0..=REMEMBERED {
            logins.remember([u8::try_from(n).unwrap(); 32]);
            assert!(logins.remembers(&[1; 32]) || n == 0);
        }
        assert_eq!(logins.successes.lock().unwrap().len(), REMEMBERED);
        assert!(!logins.remembers(&[0; 32]));
        assert!(logins.remembers(&[1; 32]));
    }

    #[test]
    fn a_name_keeps_its_stand_in_while_other_users_change() {
        let mut users = users(&[("a", "one"), ("b", "two"), ("c", "three")]);
        let all = |users: &[User]| -> Vec<String> {
            let name = |n: u32| stand_in(users, &n.to_le_bytes()).unwrap().name.clone();
            (0..300).map(name).collect()
        };
        let before = all(&users);
        for name in ["a", "b", "c"] {
            let count = before.iter().filter(|found| *found == name).count();
            assert!(count > 50, "{name}: {count}");
        }
        users.pop();
        let after = all(&users);
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| before == after || before == "c")
        );
    }
}
