//! The function table: a slot for every function that somebody outside may call.

use std::collections::{HashMap, HashSet};

use wasmparser::{Export, ExternalKind};

use super::parse::Parsed;
use super::{HOOKED, IMPORTED_GLOBALS, Mismatch};
use crate::hooks::{Hook, ORIGINAL_TRACE_STATE};
use crate::symbols::{Place, Symbols};

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupant {
    /// A function, by its number in the package's module.
    Function(u32),
    /// A function of the driver's.
    Hook(Hook),
}

/// Who stands where.
pub(super) struct Slots {
    pub(super) table: Table,
    pub(super) symbols: Symbols,
    /// The values of the GOT's entries.
    pub(super) got: Vec<u32>,
}

/// Gives every exported function a slot that somebody may look for, and every hook. An engine makes something for each.
pub(super) fn assign(module: &Parsed<'_>) -> Result<Slots, Mismatch> {
    let mut table = Table::new(&module.elements);
    let mut places = Vec::with_capacity(module.exports.len() + Hook::ALL.len() + 1);
    let functions: HashSet<&str> =
        module.exports.iter().filter(|export| export.kind == ExternalKind::Func).map(|export| export.name).collect();
    for &Export { name, kind, index } in &module.exports {
        match kind {
            ExternalKind::Func if !is_wanted(name, &functions) => {}
            ExternalKind::Func => places.push((name, Place::Slot(table.slot_of(index)))),
            ExternalKind::Global => places.push((name, Place::Address(address(module, name, index)?))),
            _ => {}
        }
    }
    let got = module.got.iter().map(|name| got_value(module, &mut table, name)).collect();
    places.extend(table.add_hooks(module.function(HOOKED)?));
    let symbols = Symbols::new(places).map_err(Mismatch)?;
    Ok(Slots { table, symbols, got })
}

/// Whether anybody looks for a function: Lean's interpreter (`lookup_symbol` in its `ir_interpreter.cpp`) and the driver
/// take the twin that works on objects only, where a function has one, and nobody knows a name that C++ has mangled.
fn is_wanted(name: &str, functions: &HashSet<&str>) -> bool {
    !name.starts_with("_Z") && !functions.contains(format!("{name}___boxed").as_str())
}

/// The value of an exported global, which is where a constant lies.
fn address(module: &Parsed<'_>, name: &str, global: u32) -> Result<u32, Mismatch> {
    let own = global.checked_sub(IMPORTED_GLOBALS).and_then(|own| module.globals.get(own as usize));
    Ok(own.ok_or_else(|| Mismatch(format!("it exports the global {name}, which is not its own")))?.cast_unsigned())
}

/// The dynamic linker would fill the GOT: with an import, else with an export of that name, else with null.
fn got_value(module: &Parsed<'_>, table: &mut Table, name: &str) -> u32 {
    let imported = module.imports.iter().position(|import| import.name == name).map(|number| number as u32);
    imported.or_else(|| module.exported(name)).map_or(0, |function| table.slot_of(function))
}

/// The function table.
pub(super) struct Table {
    /// From slot 1 on: slot 0 is the null pointer.
    pub(super) occupants: Vec<Occupant>,
    slots: HashMap<u32, u32>,
}

impl Table {
    fn new(elements: &[u32]) -> Self {
        let mut table = Self { occupants: Vec::with_capacity(elements.len()), slots: HashMap::new() };
        for &function in elements {
            let slot = table.add(Occupant::Function(function));
            table.slots.entry(function).or_insert(slot);
        }
        table
    }

    /// Puts somebody into a new slot.
    fn add(&mut self, occupant: Occupant) -> u32 {
        self.occupants.push(occupant);
        self.occupants.len() as u32
    }

    /// The first slot of a function, which gets one if it has none.
    pub(super) fn slot_of(&mut self, function: u32) -> u32 {
        if let Some(&slot) = self.slots.get(&function) {
            return slot;
        }
        let slot = self.add(Occupant::Function(function));
        self.slots.insert(function, slot);
        slot
    }

    /// Puts the hooks in, one of them in the place of the function `hooked`, which moves. Gives the symbols of all of
    /// them.
    fn add_hooks(&mut self, hooked: u32) -> Vec<(&'static str, Place)> {
        let place = self.slot_of(hooked);
        let original = self.add(Occupant::Function(hooked));
        self.slots.insert(hooked, original);
        let mut symbols = vec![(ORIGINAL_TRACE_STATE, Place::Slot(original))];
        for hook in Hook::ALL {
            let slot = if hook == Hook::TraceState {
                self.occupants[place as usize - 1] = Occupant::Hook(hook);
                place
            } else {
                self.add(Occupant::Hook(hook))
            };
            symbols.push((hook.name(), Place::Slot(slot)));
        }
        symbols
    }
}
