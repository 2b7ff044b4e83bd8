//! The memory of an instance, mapped copy-on-write from the snapshot's file.
#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use stepwise_lean::snapshot::Snapshot;
use wasmtime::Config;

/// A snapshot and the file that holds its runs, one after the other.
#[derive(Debug)]
pub struct SnapshotFile {
    pub(crate) snapshot: Snapshot,
    pub(crate) file: File,
}

impl SnapshotFile {
    /// Opens the file of a snapshot.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is shorter than the runs.
    pub fn open(snapshot: Snapshot, path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let wanted: u64 = snapshot.runs.iter().map(|(_, length)| u64::from(*length)).sum();
        if file.metadata()?.len() != wanted {
            return Err(std::io::Error::other(format!("{} does not have {wanted} bytes", path.display())));
        }
        Ok(Self { snapshot, file })
    }

    /// What it says besides the bytes.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

#[cfg(unix)]
pub(crate) use unix::Mapper;

#[cfg(unix)]
mod unix {
    use std::ffi::c_void;
    use std::ptr::null_mut;

    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
    use wasmtime::{LinearMemory, MemoryCreator, MemoryType, Result};

    use super::{Arc, Config, SnapshotFile};

    /// What Lean's memory declares, in pages. An engine makes other memories too, for its own use.
    const LEAN_MEMORY: (u64, Option<u64>) = (256, Some(32768));

    /// Makes memories that begin with a snapshot.
    pub(crate) struct Mapper(Arc<SnapshotFile>);

    impl Mapper {
        /// Lets an engine's memories begin with a snapshot.
        pub(crate) fn install(config: &mut Config, snapshot: Arc<SnapshotFile>) {
            config.with_host_memory(Arc::new(Self(snapshot)));
        }
    }

    // SAFETY: a memory is one reservation of `reserved + guard` bytes that never moves; what lies beyond its size cannot be
    // accessed; what does not come from the snapshot reads as zero.
    unsafe impl MemoryCreator for Mapper {
        fn new_memory(
            &self,
            ty: MemoryType,
            minimum: usize,
            maximum: Option<usize>,
            reserved: Option<usize>,
            guard: usize,
        ) -> std::result::Result<Box<dyn LinearMemory>, String> {
            let capacity = reserved.or(maximum).unwrap_or(minimum);
            let mut memory = Mapped::reserve(capacity, guard).map_err(|error| error.to_string())?;
            let begun = if (ty.minimum(), ty.maximum()) == LEAN_MEMORY {
                memory.map(&self.0, minimum)
            } else {
                memory.open_up_to(minimum)
            };
            begun.map_err(|error| error.to_string())?;
            Ok(Box::new(memory))
        }
    }

    struct Mapped {
        base: *mut c_void,
        reserved: usize,
        capacity: usize,
        size: usize,
    }

    // SAFETY: the pages belong to this value alone, and it changes them only through `&mut self`.
    unsafe impl Send for Mapped {}
    // SAFETY: as above.
    unsafe impl Sync for Mapped {}

    impl Mapped {
        fn reserve(capacity: usize, guard: usize) -> std::io::Result<Self> {
            let reserved = capacity + guard;
            // SAFETY: a new mapping wherever the system has room for it.
            let base = unsafe {
                mmap_anonymous(null_mut(), reserved, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE)
            }?;
            Ok(Self { base, reserved, capacity, size: 0 })
        }

        /// Puts the snapshot's runs in their places and makes the first `minimum` bytes accessible. The others become so
        /// when the memory grows over them.
        fn map(&mut self, snapshot: &SnapshotFile, minimum: usize) -> std::io::Result<()> {
            let mut from = 0;
            for &(address, length) in &snapshot.snapshot.runs {
                let (address, length) = (address as usize, length as usize);
                if address + length > self.capacity {
                    return Err(std::io::Error::other("the snapshot is larger than a memory"));
                }
                let flags = MapFlags::PRIVATE | MapFlags::FIXED;
                // SAFETY: the target lies within this value's own reservation. The file is private to the user and is
                // never changed once it stands under its name; pages that are written become copies.
                unsafe {
                    mmap(self.base.byte_add(address), length, ProtFlags::empty(), flags, &snapshot.file, from)?;
                }
                from += length as u64;
            }
            self.open_up_to(minimum)
        }

        fn open_up_to(&mut self, size: usize) -> std::io::Result<()> {
            if size > self.size {
                // SAFETY: within this value's own reservation.
                unsafe {
                    mprotect(
                        self.base.byte_add(self.size),
                        size - self.size,
                        MprotectFlags::READ | MprotectFlags::WRITE,
                    )?;
                }
                self.size = size;
            }
            Ok(())
        }
    }

    // SAFETY: the pointer stays the same for as long as the memory lives, and `byte_size` bytes behind it are accessible.
    unsafe impl LinearMemory for Mapped {
        fn byte_size(&self) -> usize {
            self.size
        }

        fn byte_capacity(&self) -> usize {
            self.capacity
        }

        fn grow_to(&mut self, new_size: usize) -> Result<()> {
            if new_size > self.capacity {
                return Err(std::io::Error::other("beyond the reservation").into());
            }
            Ok(self.open_up_to(new_size)?)
        }

        fn as_ptr(&self) -> *mut u8 {
            self.base.cast()
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: the whole of this value's own reservation, to which nobody has a pointer any more.
            let unmapped = unsafe { munmap(self.base, self.reserved) };
            debug_assert!(unmapped.is_ok());
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Mapper;

#[cfg(not(unix))]
impl Mapper {
    /// wasmtime has no copy-on-write here: an instance copies the snapshot when it starts.
    pub(crate) fn install(_: &mut Config, _: Arc<SnapshotFile>) {}
}
