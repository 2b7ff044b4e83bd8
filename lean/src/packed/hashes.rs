//! What Lean computes of an object's other fields and keeps in it: the hashes of names, and what an expression knows of
//! itself. A third of what the memory holds besides pointers is that, and none of it has to be told.

use super::WORD;
use super::index::{Marks, Objects};
use super::layout::{BEFORE_TEXT, HEADER, Header, STRING, n_words};

/// `Lean.Name.anonymous` and `Lean.Level.zero`, which are no objects, and their hashes.
const NO_OBJECT: u32 = 1;
const ANONYMOUS: u64 = 1723;
const ZERO: u64 = 2221;
/// With what strings' hashes begin.
const STRING_SEED: u64 = 11;
/// Longer strings and lists are not looked at.
const MOST: usize = 4096;

/// Where the two words of an object are that Lean computes, if there may be some: behind its fields.
pub(super) fn place(header: Header, room: usize) -> Option<usize> {
    let Header { size, n_fields, tag } = header;
    let is_name = matches!((tag, n_fields, size), (1 | 2, 2, 24));
    let is_expression = matches!((tag, n_fields, size), (1, 1, 24) | (4 | 5, 2, 24) | (6 | 7, 3, 32));
    let at = HEADER + n_fields as usize;
    ((is_name || is_expression) && at + 2 <= room).then_some(at)
}

/// What can be looked at.
pub(super) struct View<'a> {
    pub(super) memory: &'a [u32],
    pub(super) objects: &'a Objects,
    /// The objects whose computed words are not there yet.
    pub(super) open: &'a Marks,
}

/// An expression's own data (`Lean.Expr.Data`): 32 bits of hash, 8 of depth, 4 flags, 20 of loose bound variables.
#[derive(Clone, Copy)]
struct Data(u64);

impl Data {
    fn new(hash: u64, depth: u64, flags: u64, loose: u64) -> Self {
        Self(hash & 0xffff_ffff | depth.min(255) << 32 | flags << 40 | loose << 44)
    }

    fn hash(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    fn depth(self) -> u64 {
        self.0 >> 32 & 0xff
    }

    fn flags(self) -> u64 {
        self.0 >> 40 & 0xf
    }

    fn loose(self) -> u64 {
        self.0 >> 44
    }
}

impl View<'_> {
    /// What Lean computes for the object at a word, unless it cannot be one of those.
    pub(super) fn computed(&self, at: usize) -> Option<u64> {
        let Header { n_fields, tag, .. } = Header::of(self.memory[at + 1]);
        match (tag, n_fields) {
            (1, 1) => self.free_variable(at),
            (1, 2) => Some(mix(self.name(self.field(at, 0))?, self.string(self.field(at, 1))?)),
            (2, 2) => self.numbered_name(at),
            (4, _) => self.constant(at),
            (5, _) => self.application(at),
            (6 | 7, _) => self.binder(at),
            _ => None,
        }
    }

    fn field(&self, at: usize, field: usize) -> u32 {
        self.memory[at + HEADER + field]
    }

    /// The word of an object at an address, and its header.
    fn object(&self, address: u32) -> Option<(usize, Header)> {
        self.objects.number(address)?;
        let at = (address / WORD) as usize;
        Some((at, Header::of(*self.memory.get(at + 1)?)))
    }

    /// What stands behind the fields of an object, where it is there.
    fn behind_fields(&self, address: u32) -> Option<u64> {
        let (at, header) = self.object(address)?;
        let place = at + HEADER + header.n_fields as usize;
        let [low, high] = *self.memory.get(place..place + 2)?.as_array()?;
        (!self.open.has(at)).then_some(u64::from(low) | u64::from(high) << 32)
    }

    fn data(&self, address: u32) -> Option<Data> {
        self.behind_fields(address).map(Data)
    }

    fn name(&self, address: u32) -> Option<u64> {
        if address == NO_OBJECT { Some(ANONYMOUS) } else { self.behind_fields(address) }
    }

    fn string(&self, address: u32) -> Option<u64> {
        let (at, header) = self.object(address)?;
        // The zero at its end is no part of it.
        let n_bytes = self.memory.get(at + HEADER)?.checked_sub(1)?;
        let words = self.memory.get(at + BEFORE_TEXT..)?.get(..n_words(n_bytes))?;
        if header.tag != STRING || words.len() > MOST {
            return None;
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).take(n_bytes as usize).collect();
        Some(hash_bytes(&bytes, STRING_SEED))
    }

    fn numbered_name(&self, at: usize) -> Option<u64> {
        let number = self.field(at, 1);
        let is_small = number & 1 == 1;
        is_small.then(|| Some(mix(self.name(self.field(at, 0))?, u64::from(number >> 1))))?
    }

    fn free_variable(&self, at: usize) -> Option<u64> {
        const KIND: u64 = 13;
        const HAS_FREE_VARIABLE: u64 = 1;
        let id = mix(0, self.name(self.field(at, 0))?);
        Some(Data::new(mix(KIND, id), 0, HAS_FREE_VARIABLE, 0).0)
    }

    fn constant(&self, at: usize) -> Option<u64> {
        const KIND: u64 = 5;
        const LIST_SEED: u64 = 7;
        const CONS: Header = Header { size: 16, n_fields: 2, tag: 1 };

        let name = self.name(self.field(at, 0))?;
        let (mut hash, mut flags) = (LIST_SEED, 0);
        let mut list = self.field(at, 1);
        for _ in 0..MOST {
            if list == NO_OBJECT {
                return Some(Data::new(mix(KIND, mix(name, hash)), 0, flags, 0).0);
            }
            let (cell, header) = self.object(list)?;
            if header != CONS {
                return None;
            }
            let [level, rest] = *self.memory.get(cell + HEADER..cell + HEADER + 2)?.as_array()?;
            if level == NO_OBJECT {
                hash = mix(hash, ZERO);
            } else {
                let level = self.behind_fields(level)?;
                hash = mix(hash, level & 0xffff_ffff);
                // A level knows of its metavariables and parameters, and so does an expression.
                flags |= (level >> 32 & 3) << 2;
            }
            list = rest;
        }
        None
    }

    fn application(&self, at: usize) -> Option<u64> {
        let (function, argument) = (self.data(self.field(at, 0))?, self.data(self.field(at, 1))?);
        let depth = function.depth().max(argument.depth()) + 1;
        let loose = function.loose().max(argument.loose());
        Some(Data::new(mix(function.0, argument.0), depth, function.flags() | argument.flags(), loose).0)
    }

    fn binder(&self, at: usize) -> Option<u64> {
        let (domain, body) = (self.data(self.field(at, 1))?, self.data(self.field(at, 2))?);
        let depth = domain.depth().max(body.depth()) + 1;
        let loose = domain.loose().max(body.loose().saturating_sub(1));
        let hash = mix(depth, mix(domain.hash(), body.hash()));
        Some(Data::new(hash, depth, domain.flags() | body.flags(), loose).0)
    }
}

const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// `lean_uint64_mix_hash`.
const fn mix(hash: u64, next: u64) -> u64 {
    let mut next = next.wrapping_mul(FACTOR);
    next ^= next >> SHIFT;
    next ^= FACTOR;
    (hash ^ next).wrapping_mul(FACTOR)
}

/// `lean::hash_str`: MurmurHash64A.
pub(super) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        word = (word ^ word >> SHIFT).wrapping_mul(FACTOR);
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = hash.wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}
