//! C++ exceptions as emscripten lays them out: what the compiled code imports to throw, match and end them.
//!
//! An exception is known by the address of its object. Before the object lies its header (cxa_exception.h, wasm32). What
//! throws is a function of the rewritten module that asks here first and then throws what it is given, so that no frame
//! of the host is unwound; it throws nothing where it is given 0.

use super::{Function, at};
use crate::machine::{Fault, Machine, Result};

// Offsets before the address of the thrown object.
const TYPE: u32 = 20;
const DESTRUCTOR: u32 = 16;
const CAUGHT: u32 = 12;
const RETHROWN: u32 = 11;
const ADJUSTED: u32 = 8;

/// The exceptions of a process.
#[derive(Debug, Default)]
pub struct Exceptions {
    /// Those whose handlers are running, the innermost last.
    caught: Vec<u32>,
    /// The one that is under way.
    last: u32,
    uncaught: u32,
}

pub(super) fn function(name: &str) -> Option<Function> {
    if name.starts_with("__cxa_find_matching_catch_") {
        return Some(matching);
    }
    Some(match name {
        "__cxa_throw" => |lean, a| {
            let address = at(a, 0);
            lean.set_word(address.wrapping_sub(ADJUSTED), 0)?;
            lean.set_word(address.wrapping_sub(TYPE), at(a, 1))?;
            lean.set_word(address.wrapping_sub(DESTRUCTOR), at(a, 2))?;
            let exceptions = exceptions(lean);
            exceptions.uncaught = exceptions.uncaught.wrapping_add(1);
            exceptions.last = address;
            Ok(address.into())
        },
        "__resumeException" => |lean, a| {
            let exceptions = exceptions(lean);
            if exceptions.last == 0 {
                exceptions.last = at(a, 0);
            }
            Ok(exceptions.last.into())
        },
        "__cxa_rethrow" => |lean, _| rethrow(lean),
        "__cxa_rethrow_primary_exception" => |lean, a| {
            let address = at(a, 0);
            if address == 0 {
                return Ok(0);
            }
            exceptions(lean).caught.push(address);
            lean.set_byte(address.wrapping_sub(RETHROWN), 1)?;
            rethrow(lean)
        },
        "__cxa_begin_catch" => |lean, a| {
            let address = at(a, 0);
            if lean.byte(address.wrapping_sub(CAUGHT))? == 0 {
                lean.set_byte(address.wrapping_sub(CAUGHT), 1)?;
                let exceptions = exceptions(lean);
                exceptions.uncaught = exceptions.uncaught.wrapping_sub(1);
            }
            lean.set_byte(address.wrapping_sub(RETHROWN), 0)?;
            exceptions(lean).caught.push(address);
            lean.runtime("__cxa_increment_exception_refcount", &[address])?;
            Ok(lean.runtime("__cxa_get_exception_ptr", &[address])?.into())
        },
        "__cxa_end_catch" => |lean, _| {
            lean.runtime("setThrew", &[0, 0])?;
            if let Some(address) = exceptions(lean).caught.pop() {
                lean.runtime("__cxa_decrement_exception_refcount", &[address])?;
            }
            exceptions(lean).last = 0;
            Ok(0)
        },
        "__cxa_current_primary_exception" => |lean, _| {
            let address = exceptions(lean).caught.last().copied().unwrap_or(0);
            if address != 0 {
                lean.runtime("__cxa_increment_exception_refcount", &[address])?;
            }
            Ok(address.into())
        },
        "__cxa_uncaught_exceptions" => |lean, _| Ok(exceptions(lean).uncaught.into()),
        "llvm_eh_typeid_for" => |_, a| Ok(at(a, 0).into()),
        _ => return None,
    })
}

fn exceptions(lean: &mut dyn Machine) -> &mut Exceptions {
    &mut lean.process().exceptions
}

fn rethrow(lean: &mut dyn Machine) -> Result<u64> {
    let Some(address) = exceptions(lean).caught.pop() else {
        return Err(Fault::Crashed("C++ rethrows where no exception is being handled".to_owned()));
    };
    if lean.byte(address.wrapping_sub(RETHROWN))? == 0 {
        exceptions(lean).caught.push(address); // its handler has still to end
        lean.set_byte(address.wrapping_sub(RETHROWN), 1)?;
        lean.set_byte(address.wrapping_sub(CAUGHT), 0)?;
        let exceptions = exceptions(lean);
        exceptions.uncaught = exceptions.uncaught.wrapping_add(1);
    }
    exceptions(lean).last = address;
    Ok(address.into())
}

/// Which of the handlers' types takes the exception: its address is given, the type goes into the second result.
fn matching(lean: &mut dyn Machine, types: &[u64]) -> Result<u64> {
    let last = exceptions(lean).last;
    let taken = if last == 0 { 0 } else { type_that_takes(lean, last, types)? };
    lean.runtime("_emscripten_tempret_set", &[taken])?;
    Ok(last.into())
}

fn type_that_takes(lean: &mut dyn Machine, exception: u32, types: &[u64]) -> Result<u32> {
    let adjusted = exception.wrapping_sub(ADJUSTED);
    lean.set_word(adjusted, exception)?;
    let thrown = lean.word(exception.wrapping_sub(TYPE))?;
    if thrown == 0 {
        return Ok(0); // not a C++ exception
    }
    for i in 0..types.len() {
        let wanted = at(types, i);
        if wanted == 0 || wanted == thrown {
            break; // `catch (...)`, or the very type
        }
        if lean.runtime("__cxa_can_catch", &[wanted, thrown, adjusted])? != 0 {
            return Ok(wanted);
        }
    }
    Ok(thrown)
}

/// The type of the exception at `address`, and what it says about itself.
pub fn describe(lean: &mut dyn Machine, address: u32) -> Result<String> {
    let kind = lean.word(address.wrapping_sub(TYPE))?;
    let name = lean.c_text(lean.word(kind.wrapping_add(4))?)?;
    // std::exception and lean::throwable both have what() in their virtual tables behind the two destructors.
    if !name.starts_with("St") && !name.starts_with("N4lean") {
        return Ok(name);
    }
    let what = lean.word(lean.word(address)?.wrapping_add(8))?;
    let text = lean.invoke(what, &[address])?;
    Ok(format!("{name}: {}", lean.c_text(text)?))
}
