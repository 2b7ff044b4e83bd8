//! Set-up: makes the module that runs out of the npm package's `lean.wasm`, and says so if it is not the one it knows.
//!
//! - **No exports.** An engine makes an object or a record for each of 200,000 exports before the first instruction
//!   runs. So the exported functions move into the function table, and their names into [`Symbols`].
//! - **Nothing to link.** The package's module needs a table, a memory and functions of the loader's; this one defines
//!   them itself, and imports functions only: those of the operating system and of C++ under their own names,
//!   and from [`HOST`] the hooks ([`Hook`](crate::hooks::Hook)) and the host's half of what throws ([`THROWING`]).
//! - **C++ exceptions are WebAssembly's.** The build compiles them the old way: a call that may throw goes out to the
//!   host, `invoke_SIGNATURE(slot, arguments...)`, which catches and sets the flag `__THREW__`. Leaving wasm for every
//!   such call costs more than the call, so here each `invoke_` is a function of the module with a `try_table`.
//! - **One thread.** The memory is not shared, and tasks run where they are made (`patch`).
//!
//! - **Pieces.** Proving runs a tenth of the module's functions, and an engine takes a minute or two to compile all of
//!   them. So they are divided among modules (`divide`): the first holds what runs in most proofs, memory, table and
//!   globals; the others import those. A call from piece to piece goes through the table. Where the piece that a slot
//!   belongs to is not there yet, a function of the first one stands in its place, which asks the host for the piece
//!   ([`LOAD`]) and then calls what came: a piece that is never called need not be there.
//!
//! The first piece keeps the package's data and its start function, which lays the data down unless the memory holds it
//! already. So one module serves to start from nothing and to start from a [`Snapshot`](crate::snapshot::Snapshot).

mod code;
mod divide;
mod merge;
mod parse;
mod patch;
mod profile;
mod slots;
mod throwing;
mod verify;

#[cfg(test)]
mod tests;

use wasm_encoder::reencode;

pub use self::profile::{Profile, Ran};
use crate::symbols::Symbols;

/// The module name of the imports that the rewriting adds.
pub const HOST: &str = "stepwise";

/// The import of [`HOST`] that brings a piece, by its number, before something in it is called.
pub const LOAD: &str = "load";

/// The import of [`HOST`] that is told which function runs for the first time, in a module that is [`watched`].
pub const WATCH: &str = "watch";

/// The global that holds the slot of the last call through the table: whoever calls a function of a slot sets it first.
pub const TARGET: &str = "target";

/// The piece that needs no other: what runs in most proofs.
pub const FIRST: usize = 0;
/// The piece of what runs only while Lean starts and imports its library.
pub const BOOT: usize = 1;

/// Imports that throw, and how many words each takes.
///
/// The module imports each from [`HOST`] with one word as its result: the address of the exception to throw, or 0 to
/// return.
pub const THROWING: [(&str, usize); 4] =
    [("__cxa_throw", 3), ("__resumeException", 1), ("__cxa_rethrow", 0), ("__cxa_rethrow_primary_exception", 1)];

/// The module's mutable globals with a known meaning, by their numbers. It exports the one with number `N` as
/// `globalN`.
pub mod global {
    /// How many there are. A snapshot keeps them all.
    pub const COUNT: usize = 12;
    /// Where the C stack ends that grows downwards.
    pub const STACK_POINTER: usize = 0;
    /// The address of the thread-local block.
    pub const THREAD_LOCAL: usize = 1;
    /// The lowest address that the C stack may reach.
    pub const STACK_END: usize = 8;
    /// The address at which the C stack begins.
    pub const STACK_BASE: usize = 9;
    /// The address of `__THREW__`, which tells the caller of an `invoke_` that the call threw.
    pub const THREW_ADDRESS: usize = 10;
    /// The address of `__threwValue`.
    pub const THREW_VALUE_ADDRESS: usize = 11;
}

/// The GOT's entries, which the package's module imports as globals. Its own globals are numbered behind them.
const IMPORTED_GLOBALS: u32 = 269;

/// The number of [`TARGET`] among the globals of a piece; the mutable globals of the package are before it.
const TARGET_NUMBER: u32 = global::COUNT as u32;

/// Functions that may run a task, and how many words each takes.
///
/// Where every task has a thread of its own, its heartbeats are counted from nought (`Lean.Core.wrapAsync` then adds
/// those of its parent), and the parent pays for none of them. On one thread each task would count its parent's again,
/// twice as many at each level of nesting. So each of these starts a count of its own, and gives the old one back.
const APART: [(&str, u32); 3] = [("lean_task_spawn_core", 3), ("lean_task_map_core", 5), ("lean_task_bind_core", 5)];

/// The function whose slot of the table [`Hook::TraceState`](crate::hooks::Hook::TraceState) takes. Lean must reach it
/// through that slot only.
const HOOKED: &str = "l_Lean_Elab_Tactic_evalTraceState___boxed";

/// The package is not the one that this rewriting was made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lean.wasm is not the module that this program knows: {0}")]
pub struct Mismatch(String);

impl From<wasmparser::BinaryReaderError> for Mismatch {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(format!("it cannot be read: {error}"))
    }
}

impl From<reencode::Error<Self>> for Mismatch {
    fn from(error: reencode::Error<Self>) -> Self {
        match error {
            reencode::Error::UserError(mismatch) => mismatch,
            reencode::Error::ParseError(error) => error.into(),
            other => Self(format!("its code cannot be renumbered: {other}")),
        }
    }
}

/// Fails with `difference` unless something holds.
fn expect(holds: bool, difference: impl FnOnce() -> String) -> Result<(), Mismatch> {
    if holds { Ok(()) } else { Err(Mismatch(difference())) }
}

/// What [`rewrite`] makes.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The pieces: [`FIRST`], [`BOOT`], the rest. One only where the profile was made for another module. Nobody has
    /// validated them yet: who compiles them does.
    pub pieces: Vec<Vec<u8>>,
    /// Where its functions and constants are.
    pub symbols: Symbols,
}

/// Rewrites the package's `lean.wasm`, divided by what `profile` says of its functions. The same input gives the same
/// bytes.
///
/// # Errors
///
/// The first difference from the module that the rewriting was made for.
pub fn rewrite(bytes: &[u8], profile: &Profile) -> Result<Rewritten, Mismatch> {
    make(bytes, |module| Ok((divide::divide(module, profile)?, false)))
}

/// The same in one piece that tells [`WATCH`] of every function that runs, by its place in the module: what a [`Profile`]
/// is made from.
///
/// # Errors
///
/// As [`rewrite`].
pub fn watched(bytes: &[u8]) -> Result<Rewritten, Mismatch> {
    make(bytes, |module| Ok((divide::undivided(module), true)))
}

/// What a [`Profile`] of this `lean.wasm` is made for.
///
/// # Errors
///
/// As [`rewrite`].
pub fn fingerprint(bytes: &[u8]) -> Result<u64, Mismatch> {
    Ok(profile::fingerprint(&parse::parse(bytes)?))
}

fn make(
    bytes: &[u8],
    divide: impl FnOnce(&parse::Parsed<'_>) -> Result<(divide::Division, bool), Mismatch>,
) -> Result<Rewritten, Mismatch> {
    let mut module = parse::parse(bytes)?;
    verify::verify(&module)?;
    let (division, is_watched) = divide(&module)?;
    patch::patch(&mut module)?;
    let mut slots = slots::assign(&module)?;
    let pieces = merge::merge(&module, &mut slots, &division, is_watched)?;
    Ok(Rewritten { pieces, symbols: slots.symbols })
}
