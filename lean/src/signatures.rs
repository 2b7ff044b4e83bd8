//! What a piece of the rewritten module imports, with the types: JavaScript's interface to WebAssembly does not tell them,
//! and whoever answers an import there has to know which of its values are 64 bits wide.

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, FuncType, Parser, Payload, TypeRef, ValType};

/// A piece whose imports cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the imports of a piece of Lean's module cannot be told: {0}")]
pub struct Unreadable(String);

impl From<BinaryReaderError> for Unreadable {
    fn from(error: BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

/// A function that a piece imports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Import {
    /// The import's module.
    pub module: String,
    pub name: String,
    /// A letter for each parameter: `i` and `j` for integers of 32 and 64 bits, `f` and `d` for floating-point numbers.
    pub takes: String,
    /// The same for the result, if there is one.
    pub gives: String,
}

/// The functions that a piece imports, in its order.
///
/// # Errors
///
/// A piece that cannot be read, or works on other values than numbers.
pub fn imports(piece: &[u8]) -> Result<Vec<Import>, Unreadable> {
    let mut types: Vec<FuncType> = Vec::new();
    for payload in Parser::new(0).parse_all(piece) {
        match payload? {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
            }
            Payload::ImportSection(section) => {
                let mut found = Vec::new();
                for import in section.into_imports() {
                    let import = import?;
                    let TypeRef::Func(number) = import.ty else { continue };
                    let ty =
                        types.get(number as usize).ok_or_else(|| Unreadable(format!("it has no type {number}")))?;
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    found.push(Import { module, name, takes: letters(ty.params())?, gives: letters(ty.results())? });
                }
                return Ok(found);
            }
            _ => {}
        }
    }
    Ok(Vec::new())
}

fn letters(types: &[ValType]) -> Result<String, Unreadable> {
    let letter = |ty: &ValType| match ty {
        ValType::I32 => Ok('i'),
        ValType::I64 => Ok('j'),
        ValType::F32 => Ok('f'),
        ValType::F64 => Ok('d'),
        other => Err(Unreadable(format!("it imports a function with a value of type {other}"))),
    };
    types.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{EntityType, ImportSection, Module, TypeSection, ValType};

    use super::imports;

    #[test]
    fn imports_are_told_with_their_types() {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32, ValType::I64, ValType::F32], [ValType::F64]);
        types.ty().function([], []);
        let mut section = ImportSection::new();
        section.import("env", "clock", EntityType::Function(0));
        section.import("stepwise", "load", EntityType::Function(1));
        let mut module = Module::new();
        module.section(&types).section(&section);
        let found = imports(&module.finish()).unwrap();
        let shown: Vec<String> =
            found.iter().map(|one| format!("{}.{} {}:{}", one.module, one.name, one.takes, one.gives)).collect();
        assert_eq!(shown, ["env.clock ijf:d", "stepwise.load :"]);
        assert!(imports(b"<!doctype html>").is_err());
    }
}
