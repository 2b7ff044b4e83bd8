//! Brings Lean up from nothing inside a new instance: gives it a stack, initialises it and imports the library. Runs
//! once, when a snapshot is made.

use crate::driver::messages::{errors_of, messages_of};
use crate::machine::{Fault, Machine, Result};
use crate::module::global;
use crate::object::{NIL, Object, boxed};

/// The size of the C stack. README.md of this folder, "Two stacks", has the reasons.
pub const STACK_BYTES: u32 = 64 << 20;
/// What of it Lean's own guard lets recursion use.
const GUARDED_BYTES: u32 = STACK_BYTES - (128 << 10);

/// Lean's own guard against deep recursion: offsets in the thread-local block (lean4/src/runtime/stackinfo.cpp).
mod stack_info {
    pub(super) const INITIALISED: u32 = 56;
    pub(super) const SIZE: u32 = 60;
    pub(super) const BASE: u32 = 64;
    pub(super) const THRESHOLD: u32 = 68;
}

/// Initialises Lean and imports `modules` from below `root`, a folder that the host shows it. Gives the environment,
/// owned.
///
/// # Errors
///
/// A library that cannot be imported, and whatever cuts Lean's code off.
pub fn boot(lean: &mut dyn Machine, root: &str, modules: &[String]) -> Result<Object> {
    lean.runtime("__wasm_call_ctors", &[])?; // relocates the addresses first
    move_stack(lean)?;
    lean.runtime("lean_initialize", &[])?;
    set_guard(lean)?;

    let root = lean.string(root)?;
    let found = lean.call("Lean_initSearchPath", &[root, NIL])?;
    lean.io(found, "the search path")?;
    let enabled = lean.runtime("lean_enable_initializer_execution", &[])?;
    lean.io(enabled, "initialisers")?;
    lean.runtime("lean_io_mark_end_initialization", &[])?;
    // Promises need a task manager. It starts no thread, because every task runs where it is made (`module::patch`).
    lean.runtime("lean_init_task_manager_using", &[1])?;

    import(lean, modules)
}

/// The build gives the one thread 64 KiB of stack and checks nothing: deeper recursion would overwrite data in silence.
fn move_stack(lean: &mut dyn Machine) -> Result<()> {
    const ALIGNMENT: u32 = 16;
    let block = lean.runtime("malloc", &[STACK_BYTES + ALIGNMENT])?;
    if block == 0 {
        let mebibytes = lean.memory_bytes() >> 20;
        return Err(Fault::OutOfMemory { mebibytes, detail: "its stack".to_owned() });
    }
    let end = block.next_multiple_of(ALIGNMENT);
    let base = end + STACK_BYTES;
    lean.runtime("emscripten_stack_set_limits", &[base, end])?;
    lean.runtime("_emscripten_stack_restore", &[base])?;
    Ok(())
}

/// Lean's guard against deep recursion takes the stack's end for its base here: it comes out with a negative size and
/// never fires. Verifies exactly that, because the places are not exported, and puts the right figures in.
fn set_guard(lean: &mut dyn Machine) -> Result<()> {
    let at = lean.global(global::THREAD_LOCAL);
    let base = lean.global(global::STACK_BASE);
    let found = [
        u32::from(lean.byte(at.wrapping_add(stack_info::INITIALISED))?),
        lean.word(at.wrapping_add(stack_info::SIZE))?,
        lean.word(at.wrapping_add(stack_info::BASE))?,
        lean.word(at.wrapping_add(stack_info::THRESHOLD))?,
    ];
    let known = [1, STACK_BYTES.wrapping_neg(), base, 0];
    if found != known {
        let difference = format!("{found:?} instead of {known:?}");
        return Err(Fault::Unfit(format!("Lean's guard of its stack is not what it was in Lean 4.28: {difference}")));
    }
    lean.set_word(at.wrapping_add(stack_info::SIZE), GUARDED_BYTES)?;
    lean.set_word(at.wrapping_add(stack_info::THRESHOLD), base.wrapping_sub(GUARDED_BYTES))
}

/// The environment (owned) after importing these modules.
fn import(lean: &mut dyn Machine, modules: &[String]) -> Result<Object> {
    let header: String = modules.iter().map(|module| format!("import {module}\n")).collect();
    let all = modules.join(" ");
    let text = lean.string(&header)?;
    let file = lean.string("<header>")?;
    let input =
        lean.call("Lean_Parser_mkInputContext___redArg", &[text, file, boxed(1), boxed(header.len() as u32)])?;
    let borrowed = lean.retain(input)?;
    let parsed = lean.call("Lean_Parser_parseHeader", &[borrowed])?;
    let parsed = lean.io(parsed, "the header")?;
    let processed = process_header(lean, parsed, input)?;
    let processed = lean.io(processed, &format!("importing {all}"))?;

    let environment = lean.field(processed, 0)?;
    lean.retain(environment)?;
    let messages = lean.field(processed, 1)?;
    lean.retain(messages)?;
    let errors = errors_of(&messages_of(lean, messages)?);
    if !errors.is_empty() {
        return Err(Fault::Crashed(format!("Lean cannot import {all}: {}", errors.join("; "))));
    }
    lean.release(processed)?;
    lean.release(parsed)?;
    Ok(environment)
}

/// Runs `Lean.Elab.processHeader` on what `Lean.Parser.parseHeader` gave (borrowed) of the input (owned).
fn process_header(lean: &mut dyn Machine, parsed: Object, input: Object) -> Result<Object> {
    const LEAK_ENVIRONMENT: Object = boxed(0);
    let syntax = lean.field(parsed, 0)?;
    lean.retain(syntax)?;
    let state = lean.field(parsed, 1)?;
    let messages = lean.field(state, 1)?;
    lean.retain(messages)?;
    let trust_level = lean.construct(0, &[], 4)?; // 32 bits are too many for a boxed word
    let plugins = lean.empty_array()?;
    let arguments = [syntax, NIL, messages, input, trust_level, plugins, LEAK_ENVIRONMENT, NIL];
    lean.call("Lean_Elab_processHeader", &arguments)
}
