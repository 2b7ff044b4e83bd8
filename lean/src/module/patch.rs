//! Changes of Lean's runtime: it runs on one thread.

use wasm_encoder::{Function, MemArg, ValType};

use super::parse::Parsed;
use super::{Mismatch, global};

/// Bytes of a function to replace by as many others.
struct Patch {
    function: &'static str,
    why: &'static str,
    from: &'static [u8],
    to: &'static [u8],
}

const SPAWN_ON_THIS_THREAD: &str = "every task runs at once, on the thread that makes it";

const PATCHES: [Patch; 5] = [
    // lean_task_spawn_core(closure, priority, keep_alive) hands its priority on; -1 is LEAN_SYNC_PRIO.
    Patch {
        function: "lean_task_spawn_core",
        why: SPAWN_ON_THIS_THREAD,
        from: &[0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0x10],
        to: &[0x20, 0x00, 0x41, 0x7f, 0x20, 0x02, 0x10],
    },
    // map and bind choose -1 or the given priority by their parameter `sync`: make both choices -1.
    Patch {
        function: "lean_task_map_core",
        why: SPAWN_ON_THIS_THREAD,
        from: &[0x41, 0x7f, 0x20, 0x02, 0x20, 0x03, 0x1b],
        to: &[0x41, 0x7f, 0x41, 0x7f, 0x20, 0x03, 0x1b],
    },
    Patch {
        function: "lean_task_bind_core",
        why: SPAWN_ON_THIS_THREAD,
        from: &[0x41, 0x7f, 0x20, 0x02, 0x20, 0x03, 0x1b],
        to: &[0x41, 0x7f, 0x41, 0x7f, 0x20, 0x03, 0x1b],
    },
    // With one thread nothing is shared, so plain reference counts stay plain: return before anything is marked.
    Patch {
        function: "lean_mark_mt",
        why: "reference counts stay unshared",
        from: &[0x23, 0x8d, 0x02, 0x41, 0xd0, 0x00, 0x6b, 0x22, 0x04, 0x24, 0x8d, 0x02],
        to: &[0x0f, 0x01, 0x01, 0x41, 0xd0, 0x00, 0x6b, 0x22, 0x04, 0x24, 0x8d, 0x02],
    },
    // Waiting for a word to change traps where the memory is not shared. The build has a second way, for threads that
    // may not block, and it serves for sleeping here: it looks at the word and at the clock until the time is over.
    // `memory.atomic.wait32` stands in the start function too, which gets to it only beside another thread.
    Patch {
        function: "emscripten_futex_wait",
        why: "waiting watches the clock",
        from: &[0x23, 0x93, 0x02, 0x45, 0x04, 0x40],
        to: &[0x41, 0x00, 0x45, 0x01, 0x04, 0x40],
    },
];

/// Applies all patches.
pub(super) fn patch(module: &mut Parsed<'_>) -> Result<(), Mismatch> {
    for Patch { function, why, from, to } in PATCHES {
        let place = module.place(function)?;
        let body = module.bodies[place].to_mut();
        let mut matches = (0..body.len()).filter(|&at| body[at..].starts_with(from));
        let (Some(at), None) = (matches.next(), matches.next()) else {
            return Err(Mismatch(format!("the patch of {function} ({why}) does not match exactly once")));
        };
        body[at..at + to.len()].copy_from_slice(to);
    }
    Ok(())
}

/// A function of `n` words and one result that calls function `inner` with a count of heartbeats of its own.
pub(super) fn apart(inner: u32, n: u32) -> Function {
    const BLOCK: u32 = global::THREAD_LOCAL as u32;
    const HEARTBEATS: MemArg = MemArg { offset: 88, align: 3, memory_index: 0 };
    let saved = n; // the one local, after the parameters
    let mut function = Function::new([(1, ValType::I64)]);
    let mut code = function.instructions();
    code.global_get(BLOCK).i64_load(HEARTBEATS).local_set(saved);
    code.global_get(BLOCK).i64_const(0).i64_store(HEARTBEATS);
    for parameter in 0..n {
        code.local_get(parameter);
    }
    code.call(inner);
    code.global_get(BLOCK).local_get(saved).i64_store(HEARTBEATS);
    code.end();
    function
}
