//! The objects by their numbers: pointers are told by how many objects lie between, and most of these numbers are small.

use super::WORD;

/// Words that share an entry of the index.
const GROUP: usize = u64::BITS as usize;

/// A mark for every word of a memory.
#[derive(Debug)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub(super) fn new(n_words: usize) -> Self {
        Self(vec![0; n_words / GROUP + 1])
    }

    pub(super) fn set(&mut self, at: usize, mark: bool) {
        if let Some(group) = self.0.get_mut(at / GROUP) {
            *group = *group & !(1 << (at % GROUP)) | u64::from(mark) << (at % GROUP);
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / GROUP).is_some_and(|group| group >> (at % GROUP) & 1 == 1)
    }
}

/// Where the objects are that are known so far.
#[derive(Debug)]
pub(super) struct Objects {
    /// Their addresses, by their numbers.
    addresses: Vec<u32>,
    begins: Marks,
    /// The number of the first object in each group of words.
    firsts: Vec<u32>,
}

impl Objects {
    pub(super) fn new(n_words: usize) -> Self {
        let firsts = vec![u32::MAX; n_words / GROUP + 1];
        Self { addresses: Vec::new(), begins: Marks::new(n_words), firsts }
    }

    /// Takes in the object at a word, which lies behind those before it in the same area.
    pub(super) fn push(&mut self, at: usize) {
        let first = &mut self.firsts[at / GROUP];
        *first = (*first).min(self.addresses.len() as u32);
        self.begins.set(at, true);
        self.addresses.push(at as u32 * WORD);
    }

    /// The number of the object at an address, if one begins there.
    #[inline]
    pub(super) fn number(&self, address: u32) -> Option<u32> {
        let at = (address / WORD) as usize;
        if !address.is_multiple_of(WORD) || !self.begins.has(at) {
            return None;
        }
        let before = self.begins.0[at / GROUP] & ((1 << (at % GROUP)) - 1);
        let number = self.firsts[at / GROUP].wrapping_add(before.count_ones());
        // Where two areas meet within a group, objects of the second may be found under a wrong number.
        (self.address(number) == Some(address)).then_some(number)
    }

    /// The address of an object.
    #[inline]
    pub(super) fn address(&self, number: u32) -> Option<u32> {
        self.addresses.get(number as usize).copied()
    }
}
