//! Checks what the runtime and the driver take for granted of the module.

use wasmparser::{FuncType, ValType};

use super::parse::Parsed;
use super::{APART, HOOKED, IMPORTED_GLOBALS, Mismatch, expect};
use crate::hooks::Hook;

/// Bodies that show which global is which, so that everybody may rely on the numbers in [`super::global`].
pub(super) const LANDMARKS: [(&str, &[u8]); 7] = [
    // 269: the stack pointer
    ("emscripten_stack_get_current", &[0x00, 0x23, 0x8d, 0x02, 0x0b]),
    // 272: the thread
    ("pthread_self", &[0x00, 0x23, 0x90, 0x02, 0x0b]),
    // 276
    ("_emscripten_tempret_set", &[0x00, 0x20, 0x00, 0x24, 0x94, 0x02, 0x0b]),
    // 277
    ("emscripten_stack_get_end", &[0x00, 0x23, 0x95, 0x02, 0x0b]),
    // 278
    ("emscripten_stack_get_base", &[0x00, 0x23, 0x96, 0x02, 0x0b]),
    // 270: the thread-local block, whose heartbeats `patch::apart` saves
    (
        "lean_io_get_num_heartbeats",
        &[
            0x01, 0x01, 0x7e, 0x23, 0x8e, 0x02, 0x29, 0x03, 0x58, 0x22, 0x00, 0x42, 0xff, 0xff, 0xff, 0xff, 0x07, 0x58,
            0x04, 0x40, 0x20, 0x00, 0xa7, 0x41, 0x01, 0x74, 0x41, 0x01, 0x72, 0x0f, 0x0b, 0x20, 0x00, 0x10, 0xe9, 0xcb,
            0x08, 0x0b,
        ],
    ),
    // 279 and 280: the addresses of __THREW__ and __threwValue
    (
        "setThrew",
        &[
            0x01, 0x01, 0x7f, 0x23, 0x97, 0x02, 0x22, 0x02, 0x28, 0x02, 0x00, 0x45, 0x04, 0x40, 0x20, 0x02, 0x20, 0x00,
            0x36, 0x02, 0x00, 0x23, 0x98, 0x02, 0x20, 0x01, 0x36, 0x02, 0x00, 0x0b, 0x0b,
        ],
    ),
];

/// How the start function begins, before and behind the address of its flag: three blocks; where the flag is 0, which
/// becomes 1, it lays the data down; where it is 1, it waits; else it leaves the memory alone.
const START: [&[u8]; 2] = [
    &[0x00, 0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x41],
    &[0x41, 0x00, 0x41, 0x01, 0xfe, 0x48, 0x02, 0x00, 0x0e, 0x02, 0x00, 0x01, 0x02, 0x0b],
];

/// Fails at the first difference from the module that is known.
pub(super) fn verify(module: &Parsed<'_>) -> Result<(), Mismatch> {
    for (name, known) in LANDMARKS {
        let body = module.body(name)?;
        expect(body == known, || format!("the body of {name} is {}", hex::encode(&body[..body.len().min(40)])))?;
    }
    check_start(module)?;
    check_stack_pointer(module)?;
    check_hooked(module)?;
    APART.iter().try_for_each(|&(name, n)| check_words(module, name, n as usize))
}

/// The instantiation of a memory that holds the data already has to leave it alone.
fn check_start(module: &Parsed<'_>) -> Result<(), Mismatch> {
    let body = &module.bodies[module.own(module.start)?];
    let address = body.strip_prefix(START[0]).unwrap_or_default();
    let address_bytes = address.iter().take_while(|&&byte| byte >= 0x80).count() + 1;
    let looks_at_flag = address.get(address_bytes..).is_some_and(|rest| rest.starts_with(START[1]));
    expect(looks_at_flag, || format!("its start function is {}", hex::encode(&body[..body.len().min(40)])))
}

fn check_stack_pointer(module: &Parsed<'_>) -> Result<(), Mismatch> {
    let export = module.exports.iter().find(|export| export.name == "__stack_pointer");
    let is_first = export
        .is_some_and(|export| export.kind == wasmparser::ExternalKind::Global && export.index == IMPORTED_GLOBALS);
    expect(is_first, || "__stack_pointer is not its first own global".to_owned())
}

fn check_hooked(module: &Parsed<'_>) -> Result<(), Mismatch> {
    let function = module.function(HOOKED)?;
    let slots = module.elements.iter().filter(|&&element| element == function).count();
    expect(slots == 1, || format!("{HOOKED} stands {slots} times in the table, not once"))?;
    check_words(module, HOOKED, Hook::TraceState.arity())
}

/// Fails unless a function takes `n` words and gives one.
fn check_words(module: &Parsed<'_>, name: &str, n: usize) -> Result<(), Mismatch> {
    let found = module.type_of(module.function(name)?)?;
    expect(*found == words(n, 1), || format!("the function {name} has the type {found}"))
}

/// The type of a function that takes `n` words and gives `results` words.
pub(super) fn words(n: usize, results: usize) -> FuncType {
    FuncType::new(vec![ValType::I32; n], vec![ValType::I32; results])
}
