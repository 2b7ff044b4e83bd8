//! What a kernel's call takes, by its shape alone: the measure that its time is held against.

/// What one call takes at least, whatever runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes that pass between memory and the kernel when each buffer is read or written once.
    pub bytes: u64,
    /// Operations on numbers: a multiplication and an addition are two.
    pub flops: u64,
    /// Dispatches that carry it out.
    pub dispatches: u64,
}
