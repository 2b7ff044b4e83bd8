//! A module that is as small as the checks of the rewriting allow.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    InstructionSink, MemArg, MemoryType, Module, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use crate::module::{HOOKED, IMPORTED_GLOBALS, global, parse, verify};

/// The value of the exported global `l_constant`.
pub(super) const ADDRESS: i32 = 0x1234;

/// `lean_io_get_num_heartbeats` calls this function, and its code has to be what it is in the package.
const CALLED_BY_A_LANDMARK: usize = 140_777;
const I32: ValType = ValType::I32;

/// A function that the module exports under its name, or imports.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) parameters: Vec<ValType>,
    pub(super) result: Option<ValType>,
    /// Empty for an import.
    pub(super) code: Vec<u8>,
}

fn named(name: &'static str, parameters: &[ValType], result: Option<ValType>, code: impl Into<Vec<u8>>) -> Named {
    Named { name, parameters: parameters.to_vec(), result, code: code.into() }
}

fn import(name: &'static str, parameters: &[ValType], result: Option<ValType>) -> Named {
    named(name, parameters, result, Vec::new())
}

/// What of the package's module the tests change.
pub(super) struct Package {
    pub(super) is_shared: bool,
    pub(super) imports: Vec<Named>,
    pub(super) functions: Vec<Named>,
    /// The functions in the table.
    pub(super) elements: Vec<&'static str>,
    pub(super) n_mutable: usize,
    pub(super) n_custom_sections: usize,
}

impl Package {
    pub(super) fn new() -> Self {
        let word = Some(I32);
        let imports = vec![
            import("emscripten_get_now", &[], Some(ValType::F64)),
            import("invoke_vii", &[I32; 3], None),
            import("__cxa_throw", &[I32; 3], None),
            import("invoke_ji", &[I32; 2], Some(ValType::I64)),
        ];
        let map = [0x00, 0x41, 0x7f, 0x20, 0x02, 0x20, 0x03, 0x1b, 0x0b];
        let mut functions = vec![
            named("caller", &[], None, caller()),
            named("start", &[], None, start()),
            named(HOOKED, &[I32; 10], word, one()),
            named("three", &[I32; 3], word, one()),
            // Its call is of `three`, which has the number 7.
            named(
                "lean_task_spawn_core",
                &[I32; 3],
                word,
                [0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0x10, 0x07, 0x0b],
            ),
            named("lean_task_map_core", &[I32; 5], word, map),
            named("lean_task_bind_core", &[I32; 5], word, map),
            named(
                "lean_mark_mt",
                &[I32],
                None,
                [0x01, 0x04, 0x7f, 0x23, 0x8d, 0x02, 0x41, 0xd0, 0x00, 0x6b, 0x22, 0x04, 0x24, 0x8d, 0x02, 0x0b],
            ),
            named(
                "emscripten_futex_wait",
                &[I32, I32, ValType::F64],
                word,
                [0x00, 0x23, 0x93, 0x02, 0x45, 0x04, 0x40, 0x0b, 0x41, 0x00, 0x0b],
            ),
        ];
        functions.extend(verify::LANDMARKS.map(|(name, code)| match name {
            "_emscripten_tempret_set" => named(name, &[I32], None, code),
            "setThrew" => named(name, &[I32; 2], None, code),
            _ => named(name, &[], word, code),
        }));
        Self {
            is_shared: true,
            imports,
            functions,
            elements: vec!["caller", HOOKED, "lean_task_spawn_core"],
            n_mutable: global::COUNT,
            n_custom_sections: 1,
        }
    }

    pub(super) fn function(&mut self, name: &str) -> &mut Named {
        self.functions.iter_mut().find(|function| function.name == name).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut module = Module::new();
        for _ in 0..self.n_custom_sections {
            module.section(&CustomSection { name: "dylink.0".into(), data: b"".as_slice().into() });
        }
        let mut types = TypeSection::new();
        let imports = self.import_section(&mut types);
        let (functions, code) = self.code(&mut types);
        module.section(&types).section(&imports).section(&functions).section(&self.table_section());
        module.section(&self.global_section()).section(&self.export_section());
        module.section(&StartSection { function_index: self.number("start") }).section(&self.element_section());
        module.section(&DataCountSection { count: 1 }).section(&code);
        module.section(DataSection::new().passive(*b"data"));
        module.finish()
    }

    fn number(&self, name: &str) -> u32 {
        (self.imports.len() + self.functions.iter().position(|function| function.name == name).unwrap()) as u32
    }

    fn import_section(&self, types: &mut TypeSection) -> ImportSection {
        let mut section = ImportSection::new();
        for import in &self.imports {
            section.import("env", import.name, EntityType::Function(types.len()));
            types.ty().function(import.parameters.iter().copied(), import.result);
        }
        let memory = MemoryType {
            minimum: parse::MIN_PAGES,
            maximum: Some(parse::MAX_PAGES),
            memory64: false,
            shared: self.is_shared,
            page_size_log2: None,
        };
        section.import("env", "memory", memory);
        for entry in 0..IMPORTED_GLOBALS {
            let name = ["emscripten_get_now", "lean_mark_mt"].get(entry as usize).unwrap_or(&"nowhere");
            section.import("GOT.func", name, word(true));
        }
        section
    }

    /// The functions, and as many empty ones as it takes until the one that a landmark calls.
    fn code(&self, types: &mut TypeSection) -> (FunctionSection, CodeSection) {
        let (mut section, mut code) = (FunctionSection::new(), CodeSection::new());
        for function in &self.functions {
            section.function(types.len());
            types.ty().function(function.parameters.iter().copied(), function.result);
            code.raw(&function.code);
        }
        let empty = types.len();
        types.ty().function([], []);
        for _ in self.imports.len() + self.functions.len()..CALLED_BY_A_LANDMARK {
            section.function(empty);
            code.raw(&written(|_| {}));
        }
        section.function(types.len());
        types.ty().function([ValType::I64], [I32]);
        code.raw(&one());
        (section, code)
    }

    fn table_section(&self) -> TableSection {
        let mut section = TableSection::new();
        section.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: self.elements.len() as u64 + 1,
            maximum: None,
            shared: false,
        });
        section
    }

    fn global_section(&self) -> GlobalSection {
        let mut section = GlobalSection::new();
        for _ in 0..self.n_mutable {
            section.global(word(true), &ConstExpr::i32_const(7));
        }
        section.global(word(false), &ConstExpr::i32_const(ADDRESS));
        section
    }

    fn export_section(&self) -> ExportSection {
        let mut section = ExportSection::new();
        for function in &self.functions {
            section.export(function.name, ExportKind::Func, self.number(function.name));
        }
        section.export("__stack_pointer", ExportKind::Global, IMPORTED_GLOBALS);
        section.export("l_constant", ExportKind::Global, IMPORTED_GLOBALS + self.n_mutable as u32);
        section
    }

    fn element_section(&self) -> ElementSection {
        let functions: Vec<u32> = self.elements.iter().map(|name| self.number(name)).collect();
        let mut section = ElementSection::new();
        section.active(None, &ConstExpr::i32_const(1), Elements::Functions(functions.into()));
        section
    }
}

const fn word(mutable: bool) -> GlobalType {
    GlobalType { val_type: I32, mutable, shared: false }
}

/// A function without locals.
fn written(write: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    write(&mut code);
    code.end();
    function.into_raw_body()
}

fn one() -> Vec<u8> {
    written(|code| _ = code.i32_const(1))
}

/// Calls every import.
fn caller() -> Vec<u8> {
    written(|code| {
        code.i32_const(1).i32_const(2).i32_const(3).call(1);
        code.i32_const(1).i32_const(2).i32_const(3).call(2);
        code.i32_const(1).i32_const(2).call(3).drop();
        code.call(0).drop();
    })
}

/// Lays the data down, unless the flag is set.
fn start() -> Vec<u8> {
    const PLACE: i32 = 16;
    const FLAG: i32 = 1024;
    const WORD: MemArg = MemArg { offset: 0, align: 2, memory_index: 0 };
    written(|code| {
        code.block(BlockType::Empty).block(BlockType::Empty).block(BlockType::Empty);
        code.i32_const(FLAG).i32_const(0).i32_const(1).i32_atomic_rmw_cmpxchg(WORD).br_table([0, 1], 2).end();
        code.i32_const(PLACE).i32_const(0).i32_const(4).memory_init(0, 0);
        code.i32_const(FLAG).i32_const(2).i32_atomic_store(WORD);
        code.i32_const(FLAG).i32_const(-1).memory_atomic_notify(WORD).drop().br(1).end();
        code.i32_const(FLAG).i32_const(1).i64_const(-1).memory_atomic_wait32(WORD).drop().end();
        code.data_drop(0);
    })
}
