//! What a snapshot of a Lean that has started holds, and nothing of how it is stored.

use serde::{Deserialize, Serialize};

use crate::machine::{Machine, Result};
use crate::module::global;
use crate::object::Object;

/// A page of WebAssembly's memory, in bytes.
pub const PAGE_BYTES: u32 = 65536;

const BLOCK: usize = 4096;
/// How much of the memory is looked at in one go: a multiple of the block, and a divisor of the page.
const CHUNK: usize = PAGE_BYTES as usize;

/// What there is to know about a snapshot besides the bytes of its runs.
///
/// It is only valid with the very module that it was made with. What the host keeps outside the memory (exceptions that
/// are being handled, open files) is not in it: there is nothing of that at the moment it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The size of the memory, in pages of 64 KiB.
    pub pages: u32,
    /// The mutable globals, by their numbers.
    pub globals: [u32; global::COUNT],
    /// The parts of the memory that are kept, as address and length. All others are zero.
    pub runs: Vec<(u32, u32)>,
    /// What whoever starts from the snapshot has to know of the objects in it.
    pub start: Start,
}

/// Objects with which a driver starts. They belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The environment after the imports.
    pub env: Object,
    /// Command states after preambles that were elaborated ahead, with the preambles' texts.
    pub preambles: Vec<(String, Object)>,
}

/// Prepares a Lean for being copied many times: what its copies share is to stay as it is in all of them.
///
/// What can be reached from `start` is counted no more, because a count that goes up and down is a page of its own in
/// every copy. And whatever is allocated from here on gets pages of its own: between what stays there are small holes on
/// thousands of pages, and allocating in them would take thousands of copies.
///
/// # Errors
///
/// Whatever cuts Lean's code off.
pub fn settle(lean: &mut dyn Machine, start: &Start) -> Result<()> {
    for object in start.preambles.iter().map(|(_, state)| *state).chain([start.env]) {
        lean.runtime("lean_mark_persistent", &[object])?;
    }
    let heap = lean.runtime("mi_heap_new", &[])?;
    lean.runtime("mi_heap_set_default", &[heap])?;
    Ok(())
}

impl Snapshot {
    /// Describes the memory of a Lean that has these objects.
    ///
    /// # Errors
    ///
    /// None that a memory of whole pages could cause.
    pub fn take(lean: &mut dyn Machine, start: Start) -> Result<Self> {
        let bytes = lean.memory_bytes();
        Ok(Self {
            pages: (bytes / u64::from(PAGE_BYTES)) as u32,
            globals: std::array::from_fn(|number| lean.global(number)),
            runs: used_runs(bytes, |address, into| lean.read(address, into))?,
            start,
        })
    }
}

/// The runs of blocks that are not all zero.
fn used_runs(bytes: u64, read: impl Fn(u32, &mut [u8]) -> Result<()>) -> Result<Vec<(u32, u32)>> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    for start in (0..bytes).step_by(CHUNK) {
        read(start as u32, &mut chunk)?;
        for (i, block) in chunk.chunks(BLOCK).enumerate() {
            let address = start as u32 + (i * BLOCK) as u32;
            if block == [0; BLOCK] {
                continue;
            }
            match runs.last_mut() {
                Some((first, length)) if *first + *length == address => *length += BLOCK as u32,
                _ => runs.push((address, BLOCK as u32)),
            }
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_blocks_that_are_not_all_zero() {
        let mut memory = vec![0_u8; 3 * CHUNK];
        memory[0] = 1;
        memory[BLOCK - 1] = 1;
        memory[3 * BLOCK + 17] = 1;
        // A run may cross a border of what is read in one go.
        memory[CHUNK - 1] = 1;
        memory[CHUNK] = 1;
        memory[3 * CHUNK - 1] = 1;
        let runs = used_runs(memory.len() as u64, |address, into| {
            into.copy_from_slice(&memory[address as usize..][..into.len()]);
            Ok(())
        });
        let block = BLOCK as u32;
        let chunk = CHUNK as u32;
        let known = vec![(0, block), (3 * block, block), (chunk - block, 2 * block), (3 * chunk - block, block)];
        assert_eq!(runs, Ok(known));
    }
}
