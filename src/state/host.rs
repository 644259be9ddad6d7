//! The host that writes a checkpoint.

use std::fs;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

/// Identifies the machine and its current boot. Zero is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Hash of `/etc/machine-id`, which itself should not leave the machine (machine-id(5)).
    pub machine: u64,
    /// Hash of the boot's id.
    pub boot: u64,
}

impl Host {
    /// Returns the identity of this host; what cannot be read is unknown.
    pub fn read() -> Self {
        Self {
            machine: hash_file("/etc/machine-id"),
            boot: hash_file("/proc/sys/kernel/random/boot_id"),
        }
    }

    /// Returns whether `other` is known to be another machine.
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        differ(self.machine, other.machine)
    }

    /// Returns whether the machine is known to have been started between the two, or to be another.
    pub fn is_rebooted(&self, other: &Self) -> bool {
        differ(self.boot, other.boot) || self.is_elsewhere(other)
    }
}

fn differ(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && one != other
}

fn hash_file(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let text = text.trim();
    // systemd writes `uninitialized` before the first boot of an image.
    if text.is_empty() || text == "uninitialized" {
        return 0;
    }
    let mut hasher = SipHasher24::new_with_key(b"httplog-exporter");
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_differ_only_if_both_are_known() {
        let host = |machine, boot| Host { machine, boot };
        let this = host(1, 2);
        for (other, is_elsewhere, is_rebooted) in [
            (host(1, 2), false, false),
            (host(1, 3), false, true),
            (host(2, 2), true, true),
            (host(0, 2), false, false),
            (host(0, 3), false, true),
            (host(1, 0), false, false),
        ] {
            assert_eq!(this.is_elsewhere(&other), is_elsewhere, "{other:?}");
            assert_eq!(this.is_rebooted(&other), is_rebooted, "{other:?}");
        }
    }

    #[test]
    fn a_host_is_the_same_each_time_and_an_unknown_one_is_zero() {
        assert_eq!(Host::read(), Host::read());
        assert_eq!(hash_file("/nonexistent"), 0);
        // A Linux kernel always has it.
        assert_ne!(Host::read().boot, 0);
    }
}
