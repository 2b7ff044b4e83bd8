//! The rewriting of a small module.

mod package;

use std::collections::BTreeSet;

use wasmparser::{ElementItems, ElementKind, Operator, Parser, Payload, Validator};

use self::package::{ADDRESS, Package};
use super::throwing::Signature;
use super::*;
use crate::hooks::{Hook, ORIGINAL_TRACE_STATE};

/// The module in one piece, which is what comes of a profile that was made for another one.
fn whole(package: &[u8]) -> Result<Rewritten, Mismatch> {
    rewrite(package, &Profile { fingerprint: 0, ran: Ran::default() })
}

#[test]
fn the_module_is_valid_and_imports_functions_only() {
    let package = Package::new().bytes();
    Validator::new().validate_all(&package).unwrap();
    let pieces = whole(&package).unwrap().pieces;
    assert_eq!(pieces.len(), 1);
    Validator::new().validate_all(&pieces[FIRST]).unwrap();

    let mut imports = Vec::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(&pieces[FIRST]) {
        match payload.unwrap() {
            Payload::ImportSection(section) => imports.extend(section.into_imports().map(|import| {
                let import = import.unwrap();
                format!("{}.{}", import.module, import.name)
            })),
            Payload::ExportSection(section) => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.to_owned()));
            }
            Payload::TableSection(section) => {
                let table = section.into_iter().next().unwrap().unwrap().ty;
                assert_eq!(Some(table.initial), table.maximum);
            }
            Payload::MemorySection(section) => {
                let memory = section.into_iter().next().unwrap().unwrap();
                assert_eq!((memory.shared, memory.initial, memory.maximum), (false, 256, Some(32768)));
            }
            Payload::CustomSection(section) => panic!("a section {}", section.name()),
            _ => {}
        }
    }
    let mut known = vec!["env.emscripten_get_now".to_owned()];
    known.extend(THROWING.map(|(name, _)| format!("stepwise.{name}")));
    known.extend(Hook::ALL.map(|hook| format!("stepwise.{}", hook.name())));
    known.push("stepwise.load".to_owned());
    assert_eq!(imports, known);
    let globals = (0..global::COUNT).map(|number| format!("global{number}"));
    let mut known: Vec<_> = ["memory", "table", "tag"].map(str::to_owned).into_iter().chain(globals).collect();
    known.push("target".to_owned());
    assert_eq!(exports, known);
}

/// The slots of the table that a piece fills.
fn filled(piece: &[u8]) -> Vec<u32> {
    let mut slots = Vec::new();
    for payload in Parser::new(0).parse_all(piece) {
        let Payload::ElementSection(segments) = payload.unwrap() else { continue };
        for segment in segments {
            let segment = segment.unwrap();
            let ElementKind::Active { offset_expr, .. } = segment.kind else { panic!("a passive segment") };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read().unwrap() else { panic!() };
            let ElementItems::Functions(functions) = segment.items else { panic!() };
            slots.extend(value.cast_unsigned()..value.cast_unsigned() + functions.count());
        }
    }
    slots
}

#[test]
fn what_does_not_run_in_proofs_is_in_pieces_of_its_own() {
    let package = Package::new();
    let bytes = package.bytes();
    let places = |names: &[&str]| -> BTreeSet<u32> {
        let place = |name: &&str| package.functions.iter().position(|function| function.name == *name).unwrap() as u32;
        names.iter().map(place).collect()
    };
    let ran = Ran { proving: places(&["caller", HOOKED]), booting: places(&["setThrew", "caller"]) };
    let profile = Profile { fingerprint: fingerprint(&bytes).unwrap(), ran };
    let Rewritten { pieces, symbols } = rewrite(&bytes, &profile).unwrap();
    assert_eq!(pieces.len(), 3);
    for piece in &pieces {
        Validator::new().validate_all(piece).unwrap();
    }
    let slot = |name: &str| symbols.slot(name).unwrap();
    // The first fills the whole table, if only with what stands in; `lean_task_spawn_core`, which stays there, calls
    // `three`.
    let n = filled(&pieces[FIRST]).len() as u32;
    assert_eq!(filled(&pieces[FIRST]), (1..=n).collect::<Vec<_>>());
    assert_eq!(filled(&pieces[BOOT]), [slot("setThrew")]);
    let rest = filled(&pieces[2]);
    assert!(rest.contains(&slot("three")) && rest.contains(&slot("lean_mark_mt")));
    assert!(
        ![HOOKED, "caller", "start", "setThrew", "lean_task_map_core"].iter().any(|name| rest.contains(&slot(name)))
    );

    let piece = Parser::new(0).parse_all(&pieces[2]).find_map(|payload| match payload.unwrap() {
        Payload::ImportSection(section) => Some(section.into_imports().map(|import| import.unwrap().name.to_owned())),
        _ => None,
    });
    let globals = (0..global::COUNT).map(|number| format!("global{number}"));
    let mut known: Vec<_> =
        ["emscripten_get_now", "memory", "table"].map(str::to_owned).into_iter().chain(globals).collect();
    known.push("target".to_owned());
    assert_eq!(piece.unwrap().collect::<Vec<_>>(), known);
}

#[test]
fn a_watched_module_is_one_piece_that_tells_what_runs() {
    let pieces = watched(&Package::new().bytes()).unwrap().pieces;
    assert_eq!(pieces.len(), 1);
    Validator::new().validate_all(&pieces[FIRST]).unwrap();
    let imports = Parser::new(0).parse_all(&pieces[FIRST]).find_map(|payload| match payload.unwrap() {
        Payload::ImportSection(section) => Some(section.into_imports().map(|import| import.unwrap().name.to_owned())),
        _ => None,
    });
    assert_eq!(imports.unwrap().last().as_deref(), Some(WATCH));
}

#[test]
fn symbols_tell_slots_and_addresses() {
    let symbols = whole(&Package::new().bytes()).unwrap().symbols;
    assert_eq!(symbols.slot("caller"), Some(1));
    assert_eq!(symbols.slot(HOOKED), Some(2));
    assert_eq!(symbols.slot(Hook::TraceState.name()), Some(2));
    assert_eq!(symbols.slot("lean_task_spawn_core"), Some(3));
    // `start` is the first exported function without a slot.
    assert_eq!(symbols.slot("start"), Some(4));
    assert_eq!(symbols.address("l_constant"), Some(ADDRESS.cast_unsigned()));
    let last = [ORIGINAL_TRACE_STATE, Hook::CommandContext.name(), Hook::IsSorry.name()].map(|name| symbols.slot(name));
    // Two functions of the table and the imported entry of the GOT have slots besides the exported ones.
    let n = Package::new().functions.len() as u32 + 1;
    assert_eq!(last, [Some(n + 1), Some(n + 2), Some(n + 3)]);
}

#[test]
fn what_nobody_looks_for_has_no_slot() {
    let symbols = |name| {
        let mut package = Package::new();
        package.function("three").name = name;
        whole(&package.bytes()).unwrap().symbols
    };
    let mangled = "_ZN4lean5threeEv";
    assert_eq!(symbols(mangled).slot(mangled), None);
    let with_twin = symbols("start___boxed");
    assert!(with_twin.slot("start___boxed").is_some());
    assert_eq!(with_twin.slot("start"), None);
}

#[test]
fn every_difference_is_named() {
    type Edit = fn(&mut Package);
    let cases: [(Edit, &str); 12] = [
        (|p| p.n_custom_sections = 2, "its sections are [0, 0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 10, 11]"),
        (|p| p.is_shared = false, "its memory is Some(MemoryType { memory64: false, shared: false"),
        (|p| p.n_mutable = 11, "global 11 is not mutable"),
        (|p| p.function("pthread_self").code[2] = 0x91, "the body of pthread_self is 002391020b"),
        (|p| p.function("setThrew").name = "set_threw", "it has no function setThrew"),
        (|p| p.function("start").code[20] = 3, "its start function is 000240024002404180"),
        (|p| p.elements.push(HOOKED), "stands 2 times in the table, not once"),
        (|p| p.elements.retain(|name| *name != HOOKED), "stands 0 times in the table, not once"),
        (|p| _ = p.function(HOOKED).parameters.pop(), "evalTraceState___boxed has the type (func (param i32"),
        (
            |p| p.function("lean_task_map_core").code[1] = 0x42,
            "the patch of lean_task_map_core (every task runs at once, on the thread that makes it) does not match",
        ),
        (|p| p.imports[3].name = "invoke_jx", "invoke_jx has a type that is not known"),
        (|p| p.imports[3].name = "invoke_ii", "the import invoke_ii does not have the type (func (param i32 i32)"),
    ];
    for (edit, difference) in cases {
        let mut package = Package::new();
        edit(&mut package);
        let error = whole(&package.bytes()).unwrap_err().to_string();
        assert!(error.starts_with("lean.wasm is not the module that this program knows: "), "{error}");
        assert!(error.contains(difference), "{error}\n does not tell that {difference}");
    }
}

#[test]
fn what_is_no_module_is_refused() {
    assert!(whole(b"").is_err());
    assert!(whole(b"<!DOCTYPE html>").is_err());
    let package = Package::new().bytes();
    assert!(whole(&package[..package.len() / 2]).is_err());
}

#[test]
fn names_of_invoke_tell_the_type() {
    use wasmparser::ValType::{F32, F64, I32, I64};
    let signature = |parameters: &[_], result| Ok(Some(Signature { parameters: parameters.to_vec(), result }));
    assert_eq!(Signature::parse("invoke_v"), signature(&[], None));
    assert_eq!(Signature::parse("invoke_ijfd"), signature(&[I64, F32, F64], Some(I32)));
    assert_eq!(Signature::parse("exit"), Ok(None));
    assert!(Signature::parse("invoke_").is_err());
    assert!(Signature::parse("invoke_vp").is_err());
}

#[test]
fn hooks_are_imported_in_the_order_of_their_numbers() {
    assert_eq!(Hook::ALL.map(|hook| hook as usize), [0, 1, 2]);
}
