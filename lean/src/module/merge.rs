//! Writes the pieces: the package's code, and what this program adds to it.
//!
//! The functions of the first piece are, in this order: the imports that stay, the host's halves of what throws, the hooks,
//! what brings a piece (and what watches); the package's own functions that belong to it, with those of [`APART`] replaced
//! by what calls them; those of `APART`; what were imports and is code now; what stands in the slots of other pieces.
//! Those of another piece are the imports that stay, and the package's own that belong to it.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, RawSection,
    RefType, SectionId, StartSection, TableSection, TableType, TagKind, TagSection, TagType, TypeSection, ValType,
};
use wasmparser::FuncType;

use super::code::{Watch, Writer};
use super::divide::Division;
use super::parse::{FunctionImport, MAX_PAGES, MIN_PAGES, Parsed};
use super::slots::{Occupant, Slots, Table};
use super::throwing::{self, Signature};
use super::verify::words;
use super::{APART, FIRST, HOST, LOAD, Mismatch, TARGET, TARGET_NUMBER, THROWING, WATCH, expect, global, patch};
use crate::hooks::Hook;

/// The bytes of the pieces.
pub(super) fn merge(
    module: &Parsed<'_>,
    slots: &mut Slots,
    division: &Division,
    is_watched: bool,
) -> Result<Vec<Vec<u8>>, Mismatch> {
    let plan = Plan::new(module, division, is_watched)?;
    let mut pieces: Vec<Piece> = (0..division.n).map(|number| plan.piece(number)).collect();
    // Code comes first: what it calls in other pieces gets a slot on the way.
    for piece in &mut pieces {
        plan.write_code(piece, slots)?;
    }
    plan.add_stand_ins(&mut pieces[FIRST], &slots.table)?;
    pieces.into_iter().map(|piece| plan.module(piece, slots)).collect()
}

/// The types of functions, each once.
struct Types(Vec<FuncType>);

impl Types {
    fn number(&mut self, wanted: &FuncType) -> u32 {
        let number = self.0.iter().position(|known| known == wanted).unwrap_or_else(|| {
            self.0.push(wanted.clone());
            self.0.len() - 1
        });
        number as u32
    }
}

/// One of [`APART`], which moves to the end, and the function that takes its place.
struct Apart {
    /// The place among the package's own functions.
    place: usize,
    type_number: u32,
    wrapper: Function,
}

/// What is decided before anything is written.
struct Plan<'m, 'a> {
    module: &'m Parsed<'a>,
    division: &'m Division,
    types: Types,
    tag_type: u32,
    /// Module, name and type of each that the first piece has; other pieces have the first `n_kept`.
    imports: Vec<(&'a str, &'a str, u32)>,
    n_kept: usize,
    first_hook: u32,
    load: u32,
    watch: Option<u32>,
    apart: Vec<Apart>,
    /// What were imports, with their numbers and types.
    added: Vec<(usize, u32, Function)>,
}

/// A piece on its way.
struct Piece {
    number: usize,
    /// The numbers in it of the package's functions, by their old ones; none where one is elsewhere.
    numbers: Vec<Option<u32>>,
    /// The types of its functions, in their order.
    functions: Vec<u32>,
    code: CodeSection,
    /// What stands in the slots of another piece, by that and the type.
    stand_ins: BTreeMap<(usize, u32), u32>,
}

impl<'m, 'a> Plan<'m, 'a> {
    fn new(module: &'m Parsed<'a>, division: &'m Division, is_watched: bool) -> Result<Self, Mismatch> {
        let mut types = Types(module.types.clone());
        let tag_type = types.number(&words(1, 0));
        let (replaced, kept): (Vec<_>, Vec<_>) =
            module.imports.iter().enumerate().partition(|(_, import)| is_replaced(import.name));

        let mut imports: Vec<_> = kept.iter().map(|(_, kept)| (kept.module, kept.name, kept.type_number)).collect();
        let n_kept = imports.len();
        imports.extend(THROWING.map(|(name, n)| (HOST, name, types.number(&words(n, 1)))));
        let first_hook = imports.len() as u32;
        imports.extend(Hook::ALL.map(|hook| (HOST, hook.name(), types.number(&words(hook.arity(), 1)))));
        let load = imports.len() as u32;
        imports.push((HOST, LOAD, tag_type));
        let watch = is_watched.then_some(load + 1);
        imports.extend(watch.map(|_| (HOST, WATCH, tag_type)));

        let n_own = division.pieces.iter().filter(|piece| **piece == FIRST).count();
        let apart = move_apart(module, (imports.len() + n_own) as u32)?;
        let added = replaced.into_iter().map(|(number, import)| {
            let function = replacement(module, import, &mut types, n_kept as u32)?;
            Ok((number, import.type_number, function))
        });
        let added = added.collect::<Result<_, Mismatch>>()?;
        Ok(Self { module, division, types, tag_type, imports, n_kept, first_hook, load, watch, apart, added })
    }

    fn n_imports(&self, piece: usize) -> usize {
        if piece == FIRST { self.imports.len() } else { self.n_kept }
    }

    /// The places of the package's own functions that belong to a piece.
    fn places(&self, piece: usize) -> impl Iterator<Item = usize> {
        let places = self.division.pieces.iter().enumerate();
        places.filter(move |(_, home)| **home == piece).map(|(place, _)| place)
    }

    /// Numbers the functions of a piece.
    fn piece(&self, number: usize) -> Piece {
        let n_package_imports = self.module.imports.len();
        let mut numbers = vec![None; n_package_imports + self.module.bodies.len()];
        let kept = (0..n_package_imports).filter(|&import| !is_replaced(self.module.imports[import].name));
        for (new, old) in (0..).zip(kept) {
            numbers[old] = Some(new);
        }
        let mut functions = Vec::new();
        let first_own = self.n_imports(number);
        for place in self.places(number) {
            numbers[n_package_imports + place] = Some((first_own + functions.len()) as u32);
            functions.push(self.module.type_numbers[place]);
        }
        if number == FIRST {
            functions.extend(self.apart.iter().map(|apart| apart.type_number));
            for (old, type_number, _) in &self.added {
                numbers[*old] = Some((first_own + functions.len()) as u32);
                functions.push(*type_number);
            }
        }
        Piece { number, numbers, functions, code: CodeSection::new(), stand_ins: BTreeMap::new() }
    }

    fn write_code(&self, piece: &mut Piece, slots: &mut Slots) -> Result<(), Mismatch> {
        let is_first = piece.number == FIRST;
        let mut writer = Writer {
            module: self.module,
            slots,
            numbers: &piece.numbers,
            watch: self.watch.map(|function| Watch { function, first_global: TARGET_NUMBER + 1 }),
            has_data: is_first,
            section: CodeSection::new(),
        };
        for place in self.places(piece.number) {
            match self.apart.iter().find(|apart| apart.place == place) {
                Some(apart) => _ = writer.section.function(&apart.wrapper),
                None => writer.own(place)?,
            }
        }
        if is_first {
            for apart in &self.apart {
                writer.own(apart.place)?;
            }
            for (_, _, function) in &self.added {
                writer.section.function(function);
            }
        }
        piece.code = writer.section;
        Ok(())
    }

    /// Which piece a function of the package's belongs to.
    fn home(&self, function: u32) -> Result<usize, Mismatch> {
        if (function as usize) < self.module.imports.len() {
            return Ok(FIRST);
        }
        Ok(self.division.pieces[self.module.own(function)?])
    }

    /// Adds to the first piece, for each type of a function in a slot of another piece, a function that brings that piece
    /// and then calls what has come into the slot.
    fn add_stand_ins(&self, first: &mut Piece, table: &Table) -> Result<(), Mismatch> {
        for occupant in &table.occupants {
            let Occupant::Function(function) = *occupant else { continue };
            let home = self.home(function)?;
            let type_number = self.module.type_number(function)?;
            if home != FIRST && !first.stand_ins.contains_key(&(home, type_number)) {
                let number = self.n_imports(FIRST) + first.functions.len();
                first.stand_ins.insert((home, type_number), number as u32);
                first.functions.push(type_number);
                first.code.function(&self.stand_in(home, type_number)?);
            }
        }
        Ok(())
    }

    fn stand_in(&self, piece: usize, type_number: u32) -> Result<Function, Mismatch> {
        let ty = self.module.types.get(type_number as usize);
        let n = ty.ok_or_else(|| Mismatch(format!("it has no type {type_number}")))?.params().len();
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.i32_const(piece as i32).call(self.load);
        for parameter in 0..n {
            code.local_get(parameter as u32);
        }
        code.global_get(TARGET_NUMBER).call_indirect(0, type_number).end();
        Ok(function)
    }

    fn module(&self, piece: Piece, slots: &Slots) -> Result<Vec<u8>, Mismatch> {
        let is_first = piece.number == FIRST;
        let elements = self.element_section(&piece, &slots.table)?;
        let mut written = Module::new();
        written.section(&self.type_section()?);
        written.section(&self.import_section(piece.number, &slots.table));
        written.section(&function_section(&piece.functions));
        if is_first {
            written.section(&table_section(&slots.table));
            written.section(&memory_section());
            written.section(&self.tag_section());
            written.section(&self.global_section());
            written.section(&export_section());
            let start = piece.numbers.get(self.module.start as usize).copied().flatten();
            let function_index = start.ok_or_else(|| Mismatch("its start function is not its own".to_owned()))?;
            written.section(&StartSection { function_index });
        }
        written.section(&elements);
        if is_first {
            written.section(&DataCountSection { count: self.module.n_data });
        }
        written.section(&piece.code);
        if is_first {
            written.section(&RawSection { id: SectionId::Data.into(), data: self.module.data });
        }
        Ok(written.finish())
    }

    fn type_section(&self) -> Result<TypeSection, Mismatch> {
        let mut section = TypeSection::new();
        for known in &self.types.0 {
            let ty = RoundtripReencoder.func_type(known.clone());
            section.ty().func_type(&ty.map_err(|error| Mismatch(format!("it has the type {known}: {error}")))?);
        }
        Ok(section)
    }

    fn import_section(&self, piece: usize, table: &Table) -> ImportSection {
        let mut section = ImportSection::new();
        for &(module, name, type_number) in &self.imports[..self.n_imports(piece)] {
            section.import(module, name, EntityType::Function(type_number));
        }
        if piece != FIRST {
            section.import(HOST, "memory", EntityType::Memory(MEMORY));
            section.import(HOST, "table", EntityType::Table(table_type(table)));
            for name in global_names() {
                section.import(HOST, &name, EntityType::Global(WORD));
            }
        }
        section
    }

    fn tag_section(&self) -> TagSection {
        let mut section = TagSection::new();
        section.tag(TagType { kind: TagKind::Exception, func_type_idx: self.tag_type });
        section
    }

    /// The package's mutable globals, [`TARGET`], and those that tell which functions have run. All others are constants,
    /// which the code has as such.
    fn global_section(&self) -> GlobalSection {
        let own = self.module.globals.iter().take(global::COUNT).copied();
        let n_watched = if self.watch.is_some() { self.module.bodies.len() } else { 0 };
        let mut section = GlobalSection::new();
        for value in own.chain([0]).chain(std::iter::repeat_n(0, n_watched)) {
            section.global(WORD, &ConstExpr::i32_const(value));
        }
        section
    }

    /// Fills the table: the first piece all of it, another its own slots when it comes.
    fn element_section(&self, piece: &Piece, table: &Table) -> Result<ElementSection, Mismatch> {
        let mut section = ElementSection::new();
        let mut run: (usize, Vec<u32>) = (0, Vec::new());
        for (slot, occupant) in (1..).zip(&table.occupants) {
            let number = match *occupant {
                Occupant::Hook(hook) => (piece.number == FIRST).then_some(self.first_hook + hook as u32),
                Occupant::Function(function) => match piece.numbers[function as usize] {
                    Some(number) if self.home(function)? == piece.number => Some(number),
                    _ => piece.stand_ins.get(&(self.home(function)?, self.module.type_number(function)?)).copied(),
                },
            };
            if number.is_none() || run.0 + run.1.len() != slot {
                fill(&mut section, &mut run);
                run.0 = slot;
            }
            run.1.extend(number);
        }
        fill(&mut section, &mut run);
        Ok(section)
    }
}

/// Writes a run of slots, if there is one: where it begins, and who is in it.
fn fill(section: &mut ElementSection, (first, functions): &mut (usize, Vec<u32>)) {
    if !functions.is_empty() {
        let functions = std::mem::take(functions);
        section.active(None, &ConstExpr::i32_const(*first as i32), Elements::Functions(functions.into()));
    }
}

/// Whether an import becomes code of the module's.
fn is_replaced(import: &str) -> bool {
    import.starts_with("invoke_") || THROWING.iter().any(|(name, _)| *name == import)
}

/// The functions of [`APART`], the first of which moves to `first`.
fn move_apart(module: &Parsed<'_>, first: u32) -> Result<Vec<Apart>, Mismatch> {
    let moved = (first..).zip(APART).map(|(inner, (name, n))| {
        let place = module.place(name)?;
        let type_number = module.type_numbers.get(place).copied();
        let type_number = type_number.ok_or_else(|| Mismatch(format!("the function {name} has no type")))?;
        Ok(Apart { place, type_number, wrapper: patch::apart(inner, n) })
    });
    moved.collect()
}

/// The code that takes the place of an import.
fn replacement(
    module: &Parsed<'_>,
    import: &FunctionImport<'_>,
    types: &mut Types,
    first_half: u32,
) -> Result<Function, Mismatch> {
    let name = import.name;
    let (own_type, function) = if let Some(signature) = Signature::parse(name)? {
        let Signature { parameters, result } = &signature;
        let callee = types.number(&FuncType::new(parameters.iter().copied(), *result));
        let own = FuncType::new([wasmparser::ValType::I32].into_iter().chain(parameters.iter().copied()), *result);
        (own, throwing::invoke(&signature, callee))
    } else {
        let thrower = (first_half..).zip(THROWING).find(|(_, (throwing, _))| *throwing == name);
        let (half, (_, n)) = thrower.ok_or_else(|| Mismatch(format!("nothing can take the place of {name}")))?;
        (words(n, 0), throwing::thrower(half, n as u32))
    };
    let found = module.types.get(import.type_number as usize);
    expect(found == Some(&own_type), || format!("the import {name} does not have the type {own_type}"))?;
    Ok(function)
}

const WORD: GlobalType = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
const MEMORY: MemoryType =
    MemoryType { minimum: MIN_PAGES, maximum: Some(MAX_PAGES), memory64: false, shared: false, page_size_log2: None };

/// As many slots as are filled, and slot 0.
fn table_type(table: &Table) -> TableType {
    let n = table.occupants.len() as u64 + 1;
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: n, maximum: Some(n), shared: false }
}

fn function_section(type_numbers: &[u32]) -> FunctionSection {
    let mut section = FunctionSection::new();
    for type_number in type_numbers {
        section.function(*type_number);
    }
    section
}

fn table_section(table: &Table) -> TableSection {
    let mut section = TableSection::new();
    section.table(table_type(table));
    section
}

fn memory_section() -> MemorySection {
    let mut section = MemorySection::new();
    section.memory(MEMORY);
    section
}

/// The names of the globals that pieces share, in the order of their numbers.
fn global_names() -> impl Iterator<Item = String> {
    (0..global::COUNT).map(|number| format!("global{number}")).chain([TARGET.to_owned()])
}

fn export_section() -> ExportSection {
    let mut section = ExportSection::new();
    section.export("memory", ExportKind::Memory, 0);
    section.export("table", ExportKind::Table, 0);
    section.export("tag", ExportKind::Tag, throwing::TAG);
    for (number, name) in (0..).zip(global_names()) {
        section.export(&name, ExportKind::Global, number);
    }
    section
}
