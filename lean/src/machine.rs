//! What the driver needs of whoever runs Lean's module: calls, memory, a clock. The native program implements it with
//! wasmtime, a page with the browser's own WebAssembly.

use std::time::Duration;

use crate::hooks::Hooks;
use crate::imports::Process;
use crate::symbols::Symbols;

/// Why an instance of Lean cannot go on. Code was cut off in the middle, so nothing in it can be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The memory that it may have did not suffice.
    #[error("out of memory: Lean has {mebibytes} MiB and may not have more ({detail})")]
    OutOfMemory {
        mebibytes: u64,
        /// What it ended with.
        detail: String,
    },
    /// It did not end in time, though it was told to.
    #[error("Lean did not stop when it was told to")]
    Stopped,
    /// It called what has not been compiled yet. Nothing is wrong with what was asked.
    #[error("set-up has not compiled all of Lean yet")]
    Incomplete,
    /// The stack of the thread that runs it is at its end.
    #[error("stack exhausted")]
    StackExhausted,
    /// A trap, an abort, an exit, an exception that nobody caught.
    #[error("{0}")]
    Crashed(String),
    /// An address that the driver read or wrote lies outside Lean's memory.
    #[error("Lean's memory holds the address {0:#x}, which lies outside of it")]
    OutOfBounds(u32),
    /// This Lean is not the one that the driver was written for.
    #[error("{0}: this driver does not fit this Lean")]
    Unfit(String),
}

/// A value, unless the instance is done for.
pub type Result<T> = std::result::Result<T, Fault>;

/// One instance of Lean's module. A word is an `i32` of the module: a number, an address, or an object.
pub trait Machine {
    /// Calls the function in a slot of the table, which takes and gives words only. One without a result gives 0.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    fn invoke(&mut self, slot: u32, arguments: &[u32]) -> Result<u32>;

    /// How many words the function in a slot takes.
    ///
    /// # Errors
    ///
    /// [`Fault::Unfit`] where there is none.
    fn arity(&mut self, slot: u32) -> Result<usize>;

    /// The size of the memory in bytes.
    fn memory_bytes(&self) -> u64;

    /// Copies `into.len()` bytes out of the memory.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfBounds`].
    fn read(&self, address: u32, into: &mut [u8]) -> Result<()>;

    /// Copies `bytes` into the memory.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfBounds`].
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()>;

    /// How large the memory may grow, in bytes.
    fn most_memory_bytes(&self) -> u64;

    /// Lets the memory have at least `bytes` bytes; false where it may not.
    fn grow(&mut self, bytes: u64) -> bool;

    /// One of the module's mutable globals, by its number among them.
    fn global(&mut self, number: usize) -> u32;

    /// Sets one of the module's mutable globals.
    fn set_global(&mut self, number: usize, value: u32);

    /// Where Lean's functions and constants are.
    fn symbols(&self) -> &Symbols;

    /// What the driver keeps for the time when Lean calls back.
    fn hooks(&mut self) -> &mut Hooks;

    /// The process that Lean believes to be.
    fn process(&mut self) -> &mut Process;

    /// Starts the clock: when `limit` is over, the word at `token` becomes Lean's `true`; when Lean does not end within a
    /// grace after that, the call that runs gives [`Fault::Stopped`].
    fn start_clock(&mut self, token: u32, limit: Duration);

    /// Stops the clock.
    fn stop_clock(&mut self);
}
