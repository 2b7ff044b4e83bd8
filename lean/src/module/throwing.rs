//! The functions through which C++ exceptions pass: what calls, and what throws.

use wasm_encoder::{BlockType, Catch, Function, MemArg};
use wasmparser::ValType;

use super::{Mismatch, TARGET_NUMBER, global};

/// The tag that every C++ exception carries, with its address.
pub(super) const TAG: u32 = 0;

const STACK_POINTER: u32 = global::STACK_POINTER as u32;
const THREW_ADDRESS: u32 = global::THREW_ADDRESS as u32;
const THREW_VALUE_ADDRESS: u32 = global::THREW_VALUE_ADDRESS as u32;
const WORD: MemArg = MemArg { offset: 0, align: 2, memory_index: 0 };

/// What the function takes and gives that an `invoke_` calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) parameters: Vec<ValType>,
    pub(super) result: Option<ValType>,
}

impl Signature {
    /// Reads a name such as `invoke_vii`: the result's letter, then the parameters'. `None` where it is no `invoke_`.
    pub(super) fn parse(name: &str) -> Result<Option<Self>, Mismatch> {
        let Some(letters) = name.strip_prefix("invoke_") else { return Ok(None) };
        let unknown = || Mismatch(format!("{name} has a type that is not known"));
        let mut letters = letters.chars();
        let result = match letters.next() {
            Some('v') => None,
            Some(letter) => Some(value_type(letter).ok_or_else(unknown)?),
            None => return Err(unknown()),
        };
        let parameters = letters.map(value_type).collect::<Option<_>>().ok_or_else(unknown)?;
        Ok(Some(Self { parameters, result }))
    }
}

fn value_type(letter: char) -> Option<ValType> {
    match letter {
        'i' => Some(ValType::I32),
        'j' => Some(ValType::I64),
        'f' => Some(ValType::F32),
        'd' => Some(ValType::F64),
        _ => None,
    }
}

/// An `invoke_`: calls the function in the slot that its first parameter names, whose type has the number `callee`,
/// with the other parameters. If that throws: `__THREW__ = 1; __threwValue = 0`, unless an exception is already
/// pending.
pub(super) fn invoke(signature: &Signature, callee: u32) -> Function {
    let n = signature.parameters.len() as u32;
    let saved_stack = n + 1; // the one local, after the slot and the parameters
    let mut function = Function::new([(1, wasm_encoder::ValType::I32)]);
    let mut code = function.instructions();
    code.global_get(STACK_POINTER).local_set(saved_stack);
    code.block(BlockType::Result(wasm_encoder::ValType::I32));
    code.try_table(BlockType::Empty, [Catch::One { tag: TAG, label: 0 }]);
    for parameter in 1..=n {
        code.local_get(parameter);
    }
    code.local_get(0).global_set(TARGET_NUMBER).local_get(0).call_indirect(0, callee).return_();
    code.end().unreachable().end();
    code.drop(); // the host keeps the exception's address too
    code.local_get(saved_stack).global_set(STACK_POINTER);
    code.global_get(THREW_ADDRESS).i32_load(WORD).i32_eqz().if_(BlockType::Empty);
    code.global_get(THREW_ADDRESS).i32_const(1).i32_store(WORD);
    code.global_get(THREW_VALUE_ADDRESS).i32_const(0).i32_store(WORD);
    code.end();
    match signature.result {
        Some(ValType::I32) => _ = code.i32_const(0),
        Some(ValType::I64) => _ = code.i64_const(0),
        Some(ValType::F32) => _ = code.f32_const(0.0_f32.into()),
        Some(ValType::F64) => _ = code.f64_const(0.0_f64.into()),
        _ => {}
    }
    code.end();
    function
}

/// One of [`super::THROWING`], of `n` words: asks the host's `half` which exception to throw, and throws it.
pub(super) fn thrower(half: u32, n: u32) -> Function {
    let exception = n; // the one local, after the parameters
    let mut function = Function::new([(1, wasm_encoder::ValType::I32)]);
    let mut code = function.instructions();
    for parameter in 0..n {
        code.local_get(parameter);
    }
    code.call(half).local_tee(exception).if_(BlockType::Empty);
    code.local_get(exception).throw(TAG);
    code.end().end();
    function
}
