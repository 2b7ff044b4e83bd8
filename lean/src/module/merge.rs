//! Writes the new module: the package's code with functions renumbered, and what this program adds to it.
//!
//! Its functions are, in this order: the imports that stay, the host's halves of what throws, the hooks; the package's
//! own functions, with those of [`APART`] replaced by what calls them; those of `APART`; what were imports and is code
//! now.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, RawSection,
    RefType, SectionId, StartSection, TableSection, TableType, TagKind, TagSection, TagType, TypeSection, ValType,
};
use wasmparser::{BinaryReader, FuncType, FunctionBody};

use super::parse::{FunctionImport, MAX_PAGES, MIN_PAGES, Parsed};
use super::slots::{Occupant, Slots};
use super::throwing::{self, Signature};
use super::verify::words;
use super::{APART, HOST, Mismatch, THROWING, expect, global, own_global, patch};
use crate::hooks::Hook;

/// The new module's bytes.
pub(super) fn merge(module: &Parsed<'_>, slots: &Slots) -> Result<Vec<u8>, Mismatch> {
    let mut layout = Layout::new(module)?;
    let mut written = Module::new();
    written.section(&layout.type_section()?);
    written.section(&layout.import_section());
    written.section(&layout.function_section(module));
    written.section(&table_section(slots));
    written.section(&memory_section());
    written.section(&layout.tag_section());
    written.section(&global_section(module, slots));
    written.section(&export_section());
    written.section(&StartSection { function_index: layout.numbers.get(module.start)? });
    written.section(&layout.element_section(slots)?);
    written.section(&DataCountSection { count: module.n_data });
    written.section(&layout.code_section(module)?);
    written.section(&RawSection { id: SectionId::Data.into(), data: module.data });
    Ok(written.finish())
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

/// The new numbers of the package's functions, by their old ones.
struct Numbers(Vec<u32>);

impl Numbers {
    fn get(&self, function: u32) -> Result<u32, Mismatch> {
        let new = self.0.get(function as usize).copied();
        new.ok_or_else(|| Mismatch(format!("it refers to a function {function}, which is not there")))
    }
}

impl Reencode for Numbers {
    type Error = Mismatch;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Mismatch>> {
        self.get(function).map_err(reencode::Error::UserError)
    }
}

/// One of [`APART`], which moves to the end, and the function that takes its place.
struct Apart {
    /// The place among the package's own functions.
    place: usize,
    type_number: u32,
    wrapper: Function,
}

/// What stands where among the new module's functions.
struct Layout<'a> {
    types: Types,
    tag_type: u32,
    /// Module, name and type of each.
    imports: Vec<(&'a str, &'a str, u32)>,
    first_hook: u32,
    numbers: Numbers,
    apart: Vec<Apart>,
    /// What were imports, with their types.
    added: Vec<(u32, Function)>,
}

impl<'a> Layout<'a> {
    fn new(module: &Parsed<'a>) -> Result<Self, Mismatch> {
        let mut types = Types(module.types.clone());
        let tag_type = types.number(&words(1, 0));
        let (replaced, kept): (Vec<_>, Vec<_>) =
            module.imports.iter().enumerate().partition(|(_, import)| is_replaced(import.name));

        let mut imports: Vec<_> = kept.iter().map(|(_, kept)| (kept.module, kept.name, kept.type_number)).collect();
        let first_half = imports.len() as u32;
        imports.extend(THROWING.map(|(name, n)| (HOST, name, types.number(&words(n, 1)))));
        let first_hook = imports.len() as u32;
        imports.extend(Hook::ALL.map(|hook| (HOST, hook.name(), types.number(&words(hook.arity(), 1)))));
        let first_own = imports.len() as u32;
        let first_apart = first_own + module.bodies.len() as u32;
        let apart = move_apart(module, first_apart)?;
        let first_added = first_apart + apart.len() as u32;

        let mut numbers = vec![0; module.imports.len()];
        numbers.extend(first_own..first_apart);
        for (new, (old, _)) in (0..).zip(kept).chain((first_added..).zip(replaced.iter().copied())) {
            numbers[old] = new;
        }
        let added = replaced.into_iter().map(|(_, import)| {
            let function = replacement(module, import, &mut types, first_half)?;
            Ok((import.type_number, function))
        });
        let added = added.collect::<Result<_, Mismatch>>()?;
        Ok(Self { types, tag_type, imports, first_hook, numbers: Numbers(numbers), apart, added })
    }

    fn type_section(&mut self) -> Result<TypeSection, Mismatch> {
        let mut section = TypeSection::new();
        for known in &self.types.0 {
            section.ty().func_type(&self.numbers.func_type(known.clone())?);
        }
        Ok(section)
    }

    fn import_section(&self) -> ImportSection {
        let mut section = ImportSection::new();
        for &(module, name, type_number) in &self.imports {
            section.import(module, name, EntityType::Function(type_number));
        }
        section
    }

    fn function_section(&self, module: &Parsed<'_>) -> FunctionSection {
        let apart = self.apart.iter().map(|apart| apart.type_number);
        let added = self.added.iter().map(|(type_number, _)| *type_number);
        let mut section = FunctionSection::new();
        for type_number in module.type_numbers.iter().copied().chain(apart).chain(added) {
            section.function(type_number);
        }
        section
    }

    fn tag_section(&self) -> TagSection {
        let mut section = TagSection::new();
        section.tag(TagType { kind: TagKind::Exception, func_type_idx: self.tag_type });
        section
    }

    fn element_section(&self, slots: &Slots) -> Result<ElementSection, Mismatch> {
        let functions = slots.table.iter().map(|occupant| match *occupant {
            Occupant::Function(function) => self.numbers.get(function),
            Occupant::Hook(hook) => Ok(self.first_hook + hook as u32),
        });
        let functions = functions.collect::<Result<Vec<_>, _>>()?;
        let mut section = ElementSection::new();
        section.active(None, &ConstExpr::i32_const(1), Elements::Functions(functions.into()));
        Ok(section)
    }

    fn code_section(&mut self, module: &Parsed<'_>) -> Result<CodeSection, Mismatch> {
        let mut section = CodeSection::new();
        for (place, body) in module.bodies.iter().enumerate() {
            if let Some(apart) = self.apart.iter().find(|apart| apart.place == place) {
                section.function(&apart.wrapper);
            } else {
                self.numbers.parse_function_body(&mut section, function_body(body))?;
            }
        }
        for apart in &self.apart {
            self.numbers.parse_function_body(&mut section, function_body(&module.bodies[apart.place]))?;
        }
        for (_, function) in &self.added {
            section.function(function);
        }
        Ok(section)
    }
}

fn function_body(bytes: &[u8]) -> FunctionBody<'_> {
    FunctionBody::new(BinaryReader::new(bytes, 0))
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

/// As many slots as are filled, and slot 0.
fn table_section(slots: &Slots) -> TableSection {
    let n = slots.table.len() as u64 + 1;
    let mut section = TableSection::new();
    section.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: n,
        maximum: Some(n),
        shared: false,
    });
    section
}

fn memory_section() -> MemorySection {
    let mut section = MemorySection::new();
    section.memory(MemoryType {
        minimum: MIN_PAGES,
        maximum: Some(MAX_PAGES),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    section
}

/// The GOT's entries, which nobody changes, and the package's own globals. All numbers stay as they are.
fn global_section(module: &Parsed<'_>, slots: &Slots) -> GlobalSection {
    let entries = slots.got.iter().map(|slot| (false, slot.cast_signed()));
    let own = module.globals.iter().enumerate().map(|(number, value)| (number < global::COUNT, *value));
    let mut section = GlobalSection::new();
    for (mutable, value) in entries.chain(own) {
        section.global(GlobalType { val_type: ValType::I32, mutable, shared: false }, &ConstExpr::i32_const(value));
    }
    section
}

fn export_section() -> ExportSection {
    let mut section = ExportSection::new();
    section.export("memory", ExportKind::Memory, 0);
    section.export("table", ExportKind::Table, 0);
    section.export("tag", ExportKind::Tag, throwing::TAG);
    for number in 0..global::COUNT {
        section.export(&format!("global{number}"), ExportKind::Global, own_global(number));
    }
    section
}
