//! The symbol file: where each of Lean's 200,000 exported names is.
//!
//! Layout, little-endian: n hashes of 64 bits in ascending order, then n words of 32 bits. A word with its top bit set is
//! a function's slot in the table; any other is an address, which is below 2 GiB because the memory is.

use std::collections::BTreeMap;

const FUNCTION: u32 = 0x8000_0000;

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A function's slot of the table.
    Slot(u32),
    /// A constant's address in the memory.
    Address(u32),
}

/// The symbols of a module. Cheap to clone where the bytes are.
#[derive(Clone, Debug)]
pub struct Symbols {
    hashes: Vec<u64>,
    words: Vec<u32>,
}

/// 64-bit FNV-1a of a name.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

impl Symbols {
    /// Takes symbols in.
    ///
    /// # Errors
    ///
    /// Two names with one hash.
    pub fn new<'a>(places: impl IntoIterator<Item = (&'a str, Place)>) -> Result<Self, String> {
        let mut rows = BTreeMap::new();
        for (name, place) in places {
            let word = match place {
                Place::Slot(slot) => slot | FUNCTION,
                Place::Address(address) => address,
            };
            if let Some((other, _)) = rows.insert(hash(name), (name, word)) {
                return Err(format!("the symbols {other} and {name} have the same hash"));
            }
        }
        Ok(Self { hashes: rows.keys().copied().collect(), words: rows.values().map(|(_, word)| *word).collect() })
    }

    /// Reads a symbol file; `None` where it cannot be one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.len().is_multiple_of(12) {
            return None;
        }
        let (hashes, words) = bytes.split_at(bytes.len() / 12 * 8);
        let hashes: Vec<u64> = hashes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        let words = words.as_chunks().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        hashes.is_sorted().then_some(Self { hashes, words })
    }

    /// The symbol file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.hashes.iter().flat_map(|hash| hash.to_le_bytes());
        hashes.chain(self.words.iter().flat_map(|word| word.to_le_bytes())).collect()
    }

    /// Where a name is.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Place> {
        let word = self.words[self.hashes.binary_search(&hash(name)).ok()?];
        Some(if word >= FUNCTION { Place::Slot(word - FUNCTION) } else { Place::Address(word) })
    }

    /// A function's slot.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<u32> {
        if let Some(Place::Slot(slot)) = self.find(name) { Some(slot) } else { None }
    }

    /// A constant's address.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<u32> {
        if let Some(Place::Address(address)) = self.find(name) { Some(address) } else { None }
    }
}
