//! Strings, and what is no object: bytes by those before them. A string that was there before is told by its number, or for
//! nothing where it follows the same string as the last time.

use std::collections::HashMap;

use super::coder::{Chance, Coder};
use super::fields::hash;
use super::hashes::hash_bytes;
use super::layout::{BEFORE_TEXT, HEADER, n_words};

/// Contexts of bytes.
const CONTEXTS: usize = 1 << 14;
/// Strings that are longer than this are not remembered.
const MOST_BYTES: u32 = 1 << 20;

type Bytes = Vec<[Chance; 256]>;

/// What is known of texts.
#[derive(Debug)]
pub(super) struct Texts {
    letters: Bytes,
    others: Bytes,
    /// Where the strings are that were there, each once.
    strings: Vec<usize>,
    by_content: HashMap<u64, u32>,
    /// Which string came behind a string.
    next: HashMap<u64, u32>,
    last: u64,
    is_next: Chance,
    is_known: Chance,
    has_same_end: Chance,
    ages: [Chance; 64],
    is_zero: [Chance; 2],
}

impl Texts {
    pub(super) fn new() -> Self {
        Self {
            letters: vec![[Chance::EVEN; 256]; CONTEXTS],
            others: vec![[Chance::EVEN; 256]; CONTEXTS],
            strings: Vec::new(),
            by_content: HashMap::new(),
            next: HashMap::new(),
            last: 0,
            is_next: Chance::EVEN,
            is_known: Chance::EVEN,
            has_same_end: Chance::EVEN,
            ages: [Chance::EVEN; 64],
            is_zero: [Chance::EVEN; 2],
        }
    }

    /// Codes which of the strings that were there a string is, if it is one of them: its place in the memory.
    pub(super) fn known<C: Coder>(&mut self, coder: &mut C, memory: &[u32], at: usize, room: usize) -> Option<usize> {
        let count = self.strings.len() as u32;
        let known = if C::WRITES { self.find(memory, at, room) } else { None };
        let next = self.next.get(&self.last).copied();
        let number = if coder.flag(&mut self.is_next, known.is_some() && known == next) {
            next
        } else if coder.flag(&mut self.is_known, known.is_some()) {
            let age = coder.number(&mut self.ages, known.map_or(0, |known| count - known));
            Some(count.wrapping_sub(age))
        } else {
            None
        };
        let place = *self.strings.get(number? as usize)?;
        (BEFORE_TEXT + n_words(memory[place + HEADER]) <= room).then_some(place)
    }

    /// A string that was there and is the same.
    fn find(&self, memory: &[u32], at: usize, room: usize) -> Option<u32> {
        let bytes = bytes_of(memory, at, room)?;
        let number = *self.by_content.get(&hash_bytes(&bytes, 0))?;
        let place = *self.strings.get(number as usize)?;
        let is_same = memory[place + 4] == memory[at + 4] && bytes_of(memory, place, usize::MAX)? == bytes;
        is_same.then_some(number)
    }

    /// Lays the bytes of a string that was there, and codes what stands behind its end; gives its size in words.
    pub(super) fn copy<C: Coder>(&mut self, coder: &mut C, memory: &mut [u32], from: usize, at: usize) -> usize {
        let n_words = BEFORE_TEXT + n_words(memory[from + HEADER]);
        let last = at + n_words - 1;
        let word = memory[last];
        memory.copy_within(from + BEFORE_TEXT..from + n_words, at + BEFORE_TEXT);
        let is_same = memory[last] == word;
        if !coder.flag(&mut self.has_same_end, is_same) {
            memory[last] = coder.plain(u32::BITS, word);
        }
        n_words
    }

    /// Codes words that are letters: each by the three before it.
    pub(super) fn letters<C: Coder>(&mut self, coder: &mut C, words: &mut [u32]) {
        let mut before = [0_u8; 3];
        for word in words {
            let mut bytes = word.to_le_bytes();
            for byte in &mut bytes {
                let [first, second, third] = before;
                // Of the third, what kind of a letter it is will do.
                let context = hash(u32::from(first) | u32::from(second) << 8, u32::from(third & 0xf8)) % CONTEXTS;
                *byte = coder.tree(&mut self.letters[context], u8::BITS, u32::from(*byte)) as u8;
                before = [*byte, first, second];
            }
            *word = u32::from_le_bytes(bytes);
        }
    }

    /// Codes words of which nothing is known: each byte by the two before it, and by the same one of the word before.
    pub(super) fn others<C: Coder>(&mut self, coder: &mut C, words: &mut [u32]) {
        let mut above = [0_u8; 4];
        let mut was_zero = false;
        for word in words {
            was_zero = coder.flag(&mut self.is_zero[usize::from(was_zero)], *word == 0);
            if was_zero {
                *word = 0;
                above = [0; 4];
                continue;
            }
            let mut bytes = word.to_le_bytes();
            for i in 0..bytes.len() {
                let (first, second) = match i {
                    0 => (above[3], above[2]),
                    1 => (bytes[0], above[3]),
                    _ => (bytes[i - 1], bytes[i - 2]),
                };
                let near = u32::from(first) | u32::from(second) << 8 | (i as u32) << 16;
                let context = hash(near, u32::from(above[i])) % CONTEXTS;
                bytes[i] = coder.tree(&mut self.others[context], u8::BITS, u32::from(bytes[i])) as u8;
            }
            above = bytes;
            *word = u32::from_le_bytes(bytes);
        }
    }

    /// Remembers a string that has been coded.
    pub(super) fn remember(&mut self, memory: &[u32], at: usize, room: usize) {
        let Some(bytes) = bytes_of(memory, at, room) else { return };
        let content = hash_bytes(&bytes, 0);
        let count = self.strings.len() as u32;
        let number = *self.by_content.entry(content).or_insert(count);
        if number == count {
            self.strings.push(at);
        }
        self.next.insert(self.last, number);
        self.last = content;
    }
}

/// The bytes of a string, if there is room for them.
fn bytes_of(memory: &[u32], at: usize, room: usize) -> Option<Vec<u8>> {
    let n_bytes = *memory.get(at + HEADER)?;
    if n_bytes == 0 || n_bytes > MOST_BYTES || BEFORE_TEXT + n_words(n_bytes) > room {
        return None;
    }
    let words = memory.get(at + BEFORE_TEXT..)?.get(..n_words(n_bytes))?;
    Some(words.iter().flat_map(|word| word.to_le_bytes()).take(n_bytes as usize).collect())
}
