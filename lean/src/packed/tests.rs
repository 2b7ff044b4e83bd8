//! Memories that come back: like a library's, like the allocator's, like nothing, and damaged.

use super::hashes::{View, hash_bytes};
use super::index::{Marks, Objects};
use super::{WORD, pack, unpack, words_of_runs};
use crate::module::global;
use crate::snapshot::{PAGE_BYTES, Snapshot, Start};

/// Two of the allocator's segments.
const PAGES: u32 = (8 << 20) / PAGE_BYTES;
/// What of them is used: for a library, and for the allocator.
const RUNS: [(u32, u32); 2] = [(0, 0x4_0000), (4 << 20, 0x2_0000)];
const LIBRARY: u32 = 0x1_0000;

fn snapshot() -> Snapshot {
    Snapshot { pages: PAGES, globals: [0; global::COUNT], runs: RUNS.to_vec(), start: Start::default() }
}

/// A memory that is being laid out.
struct Layout {
    words: Vec<u32>,
    at: usize,
}

impl Layout {
    fn at(byte: u32) -> Self {
        Self { words: vec![0; (PAGES * PAGE_BYTES / WORD) as usize], at: (byte / WORD) as usize }
    }

    /// Lays words down, and gives their address.
    fn put(&mut self, words: &[u32]) -> u32 {
        let at = self.at;
        self.words[at..at + words.len()].copy_from_slice(words);
        self.at += words.len();
        at as u32 * WORD
    }

    fn string(&mut self, text: &str) -> u32 {
        let size = text.len() as u32 + 1;
        let address = self.put(&[0, 249 << 24 | 1, size, size, text.chars().count() as u32]);
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(text.len() + 1, 0);
        for chunk in bytes.chunks(WORD as usize) {
            let mut word = [0; WORD as usize];
            word[..chunk.len()].copy_from_slice(chunk);
            self.put(&[u32::from_le_bytes(word)]);
        }
        address
    }

    fn name(&mut self, prefix: u32, string: u32, hash: u64) -> u32 {
        self.put(&[0, 1 << 24 | 2 << 16 | 24, prefix, string, hash as u32, (hash >> 32) as u32])
    }

    /// The bytes of its runs.
    fn bytes(&self) -> Vec<u8> {
        let snapshot = snapshot();
        let runs = words_of_runs(&snapshot).map(|(start, length)| &self.words[start..start + length]);
        runs.flatten().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// A library's file with names as Lean makes them: each below the one before.
fn library(n_names: usize) -> Layout {
    let mut layout = Layout::at(LIBRARY);
    layout.put(&[u32::from_le_bytes(*b"olea"), u32::from_le_bytes(*b"n\x02\x004")]);
    layout.at += 80 / WORD as usize;
    let (mut prefix, mut hash) = (1, 1723);
    for i in 0..n_names {
        let text = format!("part{}", i % 7);
        let string = layout.string(&text);
        hash = mixed(hash, hash_bytes(text.as_bytes(), 11));
        prefix = layout.name(prefix, string, hash);
    }
    layout
}

/// `lean_uint64_mix_hash`, as lean.h has it.
fn mixed(hash: u64, next: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let next = next.wrapping_mul(M);
    ((next ^ (next >> 47) ^ M) ^ hash).wrapping_mul(M)
}

fn check(memory: &Layout) -> usize {
    let packed = pack(&snapshot(), &memory.bytes()).unwrap();
    assert!(unpack(&snapshot(), &packed).unwrap() == memory.words, "another memory comes back");
    packed.len()
}

#[test]
fn a_library_comes_back_and_what_lean_computes_costs_nothing() {
    const NAMES: usize = 2000;
    let mut right = library(NAMES);
    let size = check(&right);
    assert!(size < 1000, "{size} bytes for {NAMES} names");
    // The same with one hash that is not Lean's.
    let last = right.at - 1;
    right.words[last] ^= 1;
    assert!(check(&right) > size);
}

#[test]
fn hashes_are_leans() {
    // As it stands in Init.olean of Lean 4.28.
    const OF_INIT: u64 = 0x1a1e_dcc8_b30c_6698;
    let mut layout = Layout::at(64);
    let string = layout.string("Init");
    let name = layout.name(1, string, 0);
    let mut objects = Objects::new(layout.words.len());
    [string, name].iter().for_each(|address| objects.push((address / WORD) as usize));
    let open = Marks::new(layout.words.len());
    let view = View { memory: &layout.words, objects: &objects, open: &open };
    assert_eq!(view.computed((name / WORD) as usize), Some(OF_INIT));
}

#[test]
fn blocks_that_point_in_all_directions_come_back() {
    const BLOCK: u32 = 32;
    const COUNT: u32 = 1000;
    const FIRST: u32 = (4 << 20) + 65_536;
    let mut layout = library(10);
    // What the allocator knows of a page.
    layout.at = ((4 << 20) + 236) / WORD as usize;
    layout.put(&[1, 0, COUNT << 16, COUNT, 0, 0, COUNT, BLOCK, FIRST]);
    layout.at = (FIRST / WORD) as usize;
    for i in 0..COUNT {
        let other = |step: u32| FIRST + BLOCK * ((i * step + 17) % COUNT);
        // Applications of each other, which cannot be, and some that could.
        layout.put(&[0, 5 << 24 | 2 << 16 | 24, other(7), other(i % 5), i, 0, 0, 0xdead_beef]);
    }
    let size = check(&layout);
    assert!(size < 8 * COUNT as usize, "{size}");
}

#[test]
fn what_looks_like_nothing_or_like_something_else_comes_back() {
    let mut layout = library(50);
    let mut number = 1_u32;
    let mut next = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number
    };
    // Random words, behind the head of a file, among objects, and over what the allocator knows.
    for (start, length) in
        [(0, 100), (LIBRARY as usize / 4 + 22, 10), (LIBRARY as usize / 4 + 100, 40), ((4 << 20) / 4, 20_000)]
    {
        layout.words[start..start + length].fill_with(&mut next);
    }
    check(&layout);
}

#[test]
fn what_was_damaged_is_refused_or_read_as_something_else() {
    let memory = library(200);
    let packed = pack(&snapshot(), &memory.bytes()).unwrap();
    // The last word only has to lie between two others.
    for at in (0..packed.len() - WORD as usize).step_by(packed.len() / 8) {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x55;
        assert!(unpack(&snapshot(), &damaged).is_none_or(|words| words != memory.words), "byte {at}");
        assert!(unpack(&snapshot(), &packed[..at]).is_none(), "{at} bytes");
    }
    assert!(unpack(&snapshot(), &[packed.as_slice(), &[0]].concat()).is_none());
    let outside = Snapshot { runs: vec![(PAGES * PAGE_BYTES - 4096, 8192)], ..snapshot() };
    assert!(pack(&outside, &[0; 8192]).is_none());
}
