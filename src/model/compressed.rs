//! Names of compressed files.

/// Endings of the names of compressed files.
const ENDINGS: [&str; 6] = [".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z"];

/// Returns the ending by which a name, or a path, is that of a compressed file.
pub fn compressed_ending(name: &[u8]) -> Option<&'static str> {
    let mut endings = ENDINGS.into_iter();
    endings.find(|ending| name.ends_with(ending.as_bytes()))
}
