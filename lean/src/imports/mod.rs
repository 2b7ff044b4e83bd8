//! What Lean's module imports, answered over any [`Machine`]: C++ exceptions, an operating system that has next to
//! nothing, the end of the process, and the driver's hooks.

mod exceptions;
mod system;

pub use exceptions::{Exceptions, describe as describe_exception};
pub use system::{Disk, FixedSources, Sources, Stat, System};

use crate::hooks::{self, Hook};
use crate::machine::{Fault, Machine, Result};

/// An imported function. Arguments and result are the raw bits of the module's values: an `i32` in the lower half.
pub type Function = fn(&mut dyn Machine, &[u64]) -> Result<u64>;

/// The process that Lean believes to be.
pub struct Process {
    /// Exceptions that are under way or being handled.
    pub exceptions: Exceptions,
    /// Files, clocks, chance.
    pub system: System,
    /// Whether more memory was asked for than Lean may have.
    pub was_refused_memory: bool,
}

impl Process {
    /// A process that has done nothing yet.
    #[must_use]
    pub fn new(system: System) -> Self {
        Self { exceptions: Exceptions::default(), system, was_refused_memory: false }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("was_refused_memory", &self.was_refused_memory).finish_non_exhaustive()
    }
}

/// The size of the stack that the build gives its one thread; `boot` gives it another.
const FIRST_STACK_BYTES: u32 = 1 << 16;

/// The function for an import of the rewritten module; `None` where there is none, and calling it is the end of Lean.
#[must_use]
pub fn function(name: &str) -> Option<Function> {
    let hook = Hook::ALL.into_iter().find(|hook| hook.name() == name);
    if let Some(hook) = hook {
        return Some(match hook {
            Hook::TraceState => |lean, words| call_back(lean, Hook::TraceState, words),
            Hook::CommandContext => |lean, words| call_back(lean, Hook::CommandContext, words),
            Hook::IsSorry => |lean, words| call_back(lean, Hook::IsSorry, words),
        });
    }
    exceptions::function(name).or_else(|| system::function(name)).or_else(|| process(name)).or_else(|| {
        let refused: Function = system::refuse;
        name.starts_with("__syscall_").then_some(refused)
    })
}

fn call_back(lean: &mut dyn Machine, hook: Hook, arguments: &[u64]) -> Result<u64> {
    let words: Vec<u32> = arguments.iter().map(|&bits| word(bits)).collect();
    Ok(hooks::answer(lean, hook, &words)?.into())
}

/// The `i32` in an argument.
#[expect(clippy::cast_possible_truncation, reason = "an i32 is the lower half")]
const fn word(bits: u64) -> u32 {
    bits as u32
}

/// Argument `i` as a word; wasm's types have seen to it that it is there.
fn at(arguments: &[u64], i: usize) -> u32 {
    arguments.get(i).copied().map_or(0, word)
}

fn process(name: &str) -> Option<Function> {
    Some(match name {
        "__assert_fail" => |lean, a| {
            let [condition, file, place] = [0, 1, 3].map(|i| lean.c_text(at(a, i)).unwrap_or_default());
            Err(Fault::Crashed(format!("assertion failed: {condition} at {file}:{} {place}", at(a, 2))))
        },
        "_abort_js" => |lean, _| Err(Fault::Crashed(format!("Lean aborted: {}", lean.process().system.last_words()))),
        "exit" | "proc_exit" => |lean, a| {
            let said = lean.process().system.last_words();
            Err(Fault::Crashed(format!("Lean ended with code {}: {said}", at(a, 0).cast_signed())))
        },
        // The one thread: main thread of the runtime and of the process, may block.
        "_emscripten_init_main_thread_js" => |lean, a| {
            lean.runtime("_emscripten_thread_init", &[at(a, 0), 0, 1, 1, FIRST_STACK_BYTES, 0])?;
            lean.runtime("_emscripten_tls_init", &[])?;
            Ok(0)
        },
        // `emscripten_asm_const_int` is EM_ASM of the start-up, for hosts with a file system of JavaScript.
        "_emscripten_thread_mailbox_await"
        | "_emscripten_dlsync_threads"
        | "emscripten_check_blocking_allowed"
        | "emscripten_asm_const_int" => |_, _| Ok(0),
        "emscripten_get_heap_max" => |lean, _| Ok(lean.most_memory_bytes().min(1 << 31)),
        "emscripten_resize_heap" => |lean, a| {
            let is_granted = lean.grow(at(a, 0).into());
            lean.process().was_refused_memory |= !is_granted;
            Ok(is_granted.into())
        },
        // Lean's interpreter asks for compiled code by name.
        "_dlsym_js" => |lean, a| {
            let name = lean.c_text(at(a, 1))?;
            let symbols = lean.symbols();
            Ok(symbols.slot(&name).or_else(|| symbols.address(&name)).unwrap_or(0).into())
        },
        _ => return None,
    })
}
