//! Hashes that name things: problems, statements, the settings of a run.

use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal, over texts each preceded by its length, so that no two lists of texts collide.
#[must_use]
pub fn sha256_of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}
