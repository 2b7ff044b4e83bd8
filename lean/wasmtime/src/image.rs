//! A Lean to begin with: what one has changed since it started, laid into another.
//!
//! Where many statements stand behind the same preamble, the preamble is elaborated once, and each of them begins with a
//! copy. What has changed is what the system has copied for it: a page that came from the snapshot's file and was written
//! to is no page of a file any more, and the system tells that without rights.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use stepwise_lean::hooks::Hooks;
use stepwise_lean::machine::{Machine, Result};
use stepwise_lean::module::global;

use crate::instance::Running;

/// What a Lean has changed since it started.
pub(crate) struct Image {
    memory_bytes: u64,
    globals: [u32; global::COUNT],
    /// Parts of the memory, by their addresses.
    changed: Vec<(u32, Vec<u8>)>,
    hooks: Hooks,
}

impl Image {
    /// What a Lean has changed whose memory lies at `base`; `None` where the system does not tell.
    pub(crate) fn of(lean: &mut dyn Machine, base: usize) -> Option<Self> {
        let memory_bytes = lean.memory_bytes();
        let mut changed = Vec::new();
        for (address, length) in written(base, memory_bytes)? {
            changed.push((address, lean.bytes(address, length).ok()?));
        }
        let globals = std::array::from_fn(|number| lean.global(number));
        Some(Self { memory_bytes, globals, changed, hooks: lean.hooks().fork() })
    }

    /// How many bytes it takes.
    pub(crate) fn n_bytes(&self) -> usize {
        self.changed.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Changes a Lean that has just started from the same snapshot.
    pub(crate) fn lay_into(&self, lean: &mut Running<'_>) -> Result<()> {
        lean.begin_at(self.memory_bytes, &self.globals, "what stands before the statement")?;
        for (address, bytes) in &self.changed {
            lean.write(*address, bytes)?;
        }
        *lean.hooks() = self.hooks.fork();
        Ok(())
    }
}

/// The parts of a mapping that its owner has written to, as offset and length.
fn written(base: usize, bytes: u64) -> Option<Vec<(u32, u32)>> {
    // Linux: Documentation/admin-guide/mm/pagemap.rst.
    const ENTRY_BYTES: usize = 8;
    const IS_OF_A_FILE: u64 = 1 << 61;
    const IS_SWAPPED: u64 = 1 << 62;
    const IS_PRESENT: u64 = 1 << 63;
    const PAGE: u64 = 4096;

    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return None; // another size of pages, or no such file
    }
    let n_pages = usize::try_from(bytes / PAGE).ok()?;
    let mut entries = vec![0; n_pages * ENTRY_BYTES];
    let mut file = File::open("/proc/self/pagemap").ok()?;
    file.seek(SeekFrom::Start(base as u64 / PAGE * ENTRY_BYTES as u64)).ok()?;
    file.read_exact(&mut entries).ok()?;
    let mut parts: Vec<(u32, u32)> = Vec::new();
    let entries = entries.chunks_exact(ENTRY_BYTES).map(|entry| entry.try_into().map_or(0, u64::from_le_bytes));
    for (page, entry) in entries.enumerate() {
        if entry & (IS_PRESENT | IS_SWAPPED) == 0 || entry & IS_OF_A_FILE != 0 {
            continue;
        }
        let (address, page_bytes) = (u32::try_from(page as u64 * PAGE).ok()?, PAGE as u32);
        match parts.last_mut() {
            Some((first, length)) if *first + *length == address => *length += page_bytes,
            _ => parts.push((address, page_bytes)),
        }
    }
    Some(parts)
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_written_are_told_apart() {
        const PAGE: usize = 4096;
        // Large enough for a mapping of its own, of which nothing is there before it is written.
        let mut memory = vec![0_u8; 64 << 20];
        let base = (memory.as_ptr() as usize).next_multiple_of(PAGE);
        let first = base - memory.as_ptr() as usize;
        for page in [10, 11, 4000] {
            memory[first + page * PAGE + 17] = 1;
        }
        let found = written(base, 5000 * PAGE as u64).unwrap();
        let is_found = |page: usize| {
            let address = (page * PAGE) as u32;
            found.iter().any(|(first, length)| (*first..first + length).contains(&address))
        };
        assert!([10, 11, 4000].into_iter().all(is_found), "{found:?}");
        // Where the system gives larger pages, their neighbours are told too.
        assert!(!is_found(2000), "{found:?}");
    }
}
