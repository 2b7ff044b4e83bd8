//! Takes the package's module apart. What every later step relies on is checked here, the rest in `verify`.

use std::borrow::Cow;
use std::collections::HashMap;

use wasmparser::{
    ConstExpr, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader, Export, ExternalKind,
    FuncType, Global, Import, MemoryType, Operator, Parser, Payload, RefType, Table, TableInit, TypeRef, ValType,
};

use super::{IMPORTED_GLOBALS, Mismatch, expect, global};

/// dylink.0, type, import, function, table, global, export, start, element, data count, code, data
const SECTION_ORDER: [u8; 12] = [0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 10, 11];

pub(super) const MIN_PAGES: u64 = 256;
pub(super) const MAX_PAGES: u64 = 32768;

/// A function that the module imports.
pub(super) struct FunctionImport<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) type_number: u32,
}

/// The parts of the module that matter here.
#[derive(Default)]
pub(super) struct Parsed<'a> {
    pub(super) types: Vec<FuncType>,
    pub(super) imports: Vec<FunctionImport<'a>>,
    /// The names of the GOT's entries.
    pub(super) got: Vec<&'a str>,
    /// The initial values of the module's own globals.
    pub(super) globals: Vec<i32>,
    pub(super) exports: Vec<Export<'a>>,
    /// The function that runs at the instantiation.
    pub(super) start: u32,
    /// The functions in the table, from slot 1 on.
    pub(super) elements: Vec<u32>,
    /// The types of the module's own functions.
    pub(super) type_numbers: Vec<u32>,
    /// The module's own functions, their declarations of locals included.
    pub(super) bodies: Vec<Cow<'a, [u8]>>,
    pub(super) n_data: u32,
    /// The data section behind its length.
    pub(super) data: &'a [u8],
    memory: Option<MemoryType>,
    tables: Vec<Table<'a>>,
    functions_by_name: HashMap<&'a str, u32>,
}

/// Reads the module.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Mismatch> {
    check_order(bytes)?;
    let mut parsed = Parsed::default();
    for payload in Parser::new(0).parse_all(bytes) {
        parsed.take(bytes, payload?)?;
    }
    parsed.check_table()?;
    parsed.functions_by_name = parsed
        .exports
        .iter()
        .filter(|export| export.kind == ExternalKind::Func)
        .map(|export| (export.name, export.index))
        .collect();
    Ok(parsed)
}

fn check_order(bytes: &[u8]) -> Result<(), Mismatch> {
    let mut order = Vec::with_capacity(SECTION_ORDER.len());
    for payload in Parser::new(0).parse_all(bytes) {
        order.extend(payload?.as_section().map(|(id, _)| id));
    }
    expect(order == SECTION_ORDER, || format!("its sections are {order:?}"))
}

impl<'a> Parsed<'a> {
    fn take(&mut self, bytes: &'a [u8], payload: Payload<'a>) -> Result<(), Mismatch> {
        match payload {
            Payload::TypeSection(types) => self.types = types.into_iter_err_on_gc_types().collect::<Result<_, _>>()?,
            Payload::ImportSection(imports) => {
                imports.into_imports().try_for_each(|import| self.take_import(import?))?;
                self.check_imports()?;
            }
            Payload::FunctionSection(types) => self.type_numbers = types.into_iter().collect::<Result<_, _>>()?,
            Payload::TableSection(tables) => self.tables = tables.into_iter().collect::<Result<_, _>>()?,
            Payload::GlobalSection(globals) => globals.into_iter().try_for_each(|global| self.take_global(&global?))?,
            Payload::ExportSection(exports) => self.exports = exports.into_iter().collect::<Result<_, _>>()?,
            Payload::StartSection { func, .. } => self.start = func,
            Payload::ElementSection(segments) => self.take_elements(segments)?,
            Payload::CodeSectionEntry(body) => self.bodies.push(Cow::Borrowed(body.as_bytes())),
            Payload::DataSection(segments) => self.take_data(bytes, segments)?,
            _ => {}
        }
        Ok(())
    }

    fn take_import(&mut self, import: Import<'a>) -> Result<(), Mismatch> {
        let Import { module, name, ty } = import;
        match ty {
            TypeRef::Func(type_number) => self.imports.push(FunctionImport { module, name, type_number }),
            TypeRef::Memory(memory) => self.memory = Some(memory),
            TypeRef::Global(global) => {
                let is_entry = module == "GOT.func" && global.content_type == ValType::I32 && global.mutable;
                expect(is_entry, || format!("it imports {module}.{name}"))?;
                self.got.push(name);
            }
            _ => return Err(Mismatch(format!("it imports {module}.{name}"))),
        }
        Ok(())
    }

    fn check_imports(&self) -> Result<(), Mismatch> {
        let known = MemoryType {
            memory64: false,
            shared: true,
            initial: MIN_PAGES,
            maximum: Some(MAX_PAGES),
            page_size_log2: None,
        };
        expect(self.memory == Some(known), || format!("its memory is {:?}", self.memory))?;
        let n = self.got.len();
        expect(n == IMPORTED_GLOBALS as usize, || format!("it imports {n} globals, not {IMPORTED_GLOBALS}"))
    }

    fn take_global(&mut self, new: &Global<'_>) -> Result<(), Mismatch> {
        let value = if new.ty.content_type == ValType::I32 { constant(&new.init_expr)? } else { None };
        let value = value.ok_or_else(|| Mismatch("a global is not a plain 32-bit constant".to_owned()))?;
        let number = self.globals.len();
        let is_mutable = new.ty.mutable;
        expect(is_mutable == (number < global::COUNT), || {
            format!("global {number} is {}mutable", if is_mutable { "" } else { "not " })
        })?;
        self.globals.push(value);
        Ok(())
    }

    fn take_elements(&mut self, segments: ElementSectionReader<'a>) -> Result<(), Mismatch> {
        let other = || Mismatch("its table is not filled by one segment from slot 1 on".to_owned());
        let mut segments = segments.into_iter();
        let (Some(segment), None) = (segments.next(), segments.next()) else { return Err(other()) };
        let segment = segment?;
        let ElementKind::Active { table_index: None, offset_expr } = segment.kind else { return Err(other()) };
        let ElementItems::Functions(functions) = segment.items else { return Err(other()) };
        if constant(&offset_expr)? != Some(1) {
            return Err(other());
        }
        self.elements = functions.into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }

    fn check_table(&self) -> Result<(), Mismatch> {
        let n = self.tables.len();
        let [table] = self.tables.as_slice() else { return Err(Mismatch(format!("it has {n} tables"))) };
        let is_plain = table.ty.element_type == RefType::FUNCREF && matches!(table.init, TableInit::RefNull);
        expect(is_plain && table.ty.maximum.is_none(), || format!("its table is {:?}", table.ty))?;
        let (slots, n) = (table.ty.initial, self.elements.len());
        expect(slots == n as u64 + 1, || format!("its table of {slots} slots has {n} elements"))
    }

    /// The start function lays the data down, and can leave it alone, only where the instantiation does not.
    fn take_data(&mut self, bytes: &'a [u8], segments: DataSectionReader<'a>) -> Result<(), Mismatch> {
        self.n_data = segments.count();
        self.data = bytes.get(segments.range()).unwrap_or_default();
        for segment in segments {
            let is_passive = matches!(segment?.kind, DataKind::Passive);
            expect(is_passive, || "its data is not laid down by its start function".to_owned())?;
        }
        Ok(())
    }

    /// The number of an exported function.
    pub(super) fn function(&self, name: &str) -> Result<u32, Mismatch> {
        self.exported(name).ok_or_else(|| Mismatch(format!("it has no function {name}")))
    }

    /// The number of an exported function, if there is one.
    pub(super) fn exported(&self, name: &str) -> Option<u32> {
        self.functions_by_name.get(name).copied()
    }

    /// The place of an exported function among the module's own.
    pub(super) fn place(&self, name: &str) -> Result<usize, Mismatch> {
        self.own(self.function(name)?)
    }

    /// The place of a function among the module's own.
    pub(super) fn own(&self, function: u32) -> Result<usize, Mismatch> {
        let place = (function as usize).checked_sub(self.imports.len()).filter(|&place| place < self.bodies.len());
        place.ok_or_else(|| Mismatch(format!("its function {function} is not its own")))
    }

    /// The code of an exported function of the module's own.
    pub(super) fn body(&self, name: &str) -> Result<&[u8], Mismatch> {
        Ok(&self.bodies[self.place(name)?])
    }

    /// The type of a function, by its number.
    pub(super) fn type_number(&self, function: u32) -> Result<u32, Mismatch> {
        let own = |function: usize| self.type_numbers.get(function - self.imports.len()).copied();
        let import = self.imports.get(function as usize).map(|import| import.type_number);
        let number = import.or_else(|| own(function as usize));
        number.ok_or_else(|| Mismatch(format!("its function {function} has no type")))
    }

    /// The type of a function.
    pub(super) fn type_of(&self, function: u32) -> Result<&FuncType, Mismatch> {
        let found = self.types.get(self.type_number(function)? as usize);
        found.ok_or_else(|| Mismatch(format!("its function {function} has no type")))
    }
}

/// The value of an expression that is one 32-bit constant.
fn constant(expression: &ConstExpr<'_>) -> Result<Option<i32>, Mismatch> {
    let mut operators = expression.get_operators_reader();
    let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
    Ok(matches!(operators.read()?, Operator::End).then_some(value))
}
