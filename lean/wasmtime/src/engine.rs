//! The engine's configuration, and what all instances share.

use std::sync::Arc;

use stepwise_lean::imports;
use stepwise_lean::machine::Fault;
use stepwise_lean::module::{FIRST, HOST, LOAD, WATCH};
use stepwise_lean::symbols::Symbols;
use wasmtime::{Caller, Config, Engine, ExternType, InstancePre, Linker, Module, OptLevel, Ref, Result, Val, ValType};

use crate::clock::{Interrupt, Ticker};
use crate::code;
use crate::instance::{Running, State};
use crate::mapped::{Mapper, SnapshotFile};
use crate::pieces::{Folders, Pieces};

/// The native stack of a thread that runs Lean.
const STACK_BYTES: usize = 256 << 20;
/// What compiled code may use of it. Lean's own guard speaks first: its stack in linear memory has 64 MiB.
const WASM_STACK_BYTES: usize = 240 << 20;

/// What compiled code depends on. Loading refuses code that was compiled with another one.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_function_references(true)
        .wasm_exceptions(true)
        .wasm_threads(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(STACK_BYTES)
        .epoch_interruption(true)
        // All that 32 bits can address, so that no access needs a check of its own.
        .memory_reservation(4 << 30)
        .memory_may_move(false)
        // Nobody unwinds or prints these frames, and their tables are as large as the code.
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    config
}

/// Runs `work` on a thread whose stack is as deep as Lean needs it, and waits for it.
///
/// # Panics
///
/// Where no thread can be started, and where `work` panics.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("lean".to_owned()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread for Lean: {error}"),
        }
    })
}

/// Compiled code, linked with what it imports, and the memory that instances begin with.
pub struct Runtime {
    pub(crate) linked: InstancePre<State>,
    pub(crate) symbols: Arc<Symbols>,
    pub(crate) snapshot: Option<Arc<SnapshotFile>>,
    pub(crate) ticker: Ticker,
    pub(crate) interrupt: Interrupt,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Maps the first piece of compiled code; instances begin with `snapshot`, or with nothing.
    ///
    /// # Errors
    ///
    /// Code that [`compile`](crate::compile) of this very program did not write.
    pub fn load(
        folders: Folders,
        symbols: Arc<Symbols>,
        snapshot: Option<Arc<SnapshotFile>>,
    ) -> std::result::Result<Self, code::CodeError> {
        let mut config = config();
        if let Some(snapshot) = &snapshot {
            Mapper::install(&mut config, Arc::clone(snapshot));
        }
        let engine = Engine::new(&config).map_err(code::CodeError::from)?;
        let module = code::load(&engine, &folders.file(FIRST))?;
        let linked = link(&engine, &module, &Pieces::new(folders)).map_err(code::CodeError::from)?;
        Ok(Self { linked, symbols, snapshot, ticker: Ticker::start(engine), interrupt: Interrupt::default() })
    }

    /// What the module imports, in its order: all that an instance can reach. Its other pieces import nothing else, but
    /// for what they share with the first.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let imports = self.linked.module().imports();
        imports.map(|import| format!("{}.{}", import.module(), import.name())).collect()
    }
}

fn link(engine: &Engine, module: &Module, pieces: &Arc<Pieces>) -> Result<InstancePre<State>> {
    let mut linker = Linker::new(engine);
    pieces.define(&mut linker)?;
    define(&mut linker, module)?;
    linker.instantiate_pre(module)
}

/// Every function that the module imports from outside, answered by [`stepwise_lean::imports`].
pub(crate) fn define(linker: &mut Linker<State>, module: &Module) -> Result<()> {
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        if import.module() == HOST && [LOAD, WATCH].contains(&import.name()) {
            continue;
        }
        let function = imports::function(import.name());
        let name = import.name().to_owned();
        let result = ty.results().next();
        linker.func_new(
            import.module(),
            import.name(),
            ty,
            move |mut caller: Caller<'_, State>, arguments, results| {
                let arguments: Vec<u64> = arguments.iter().map(bits).collect();
                let function = function
                    .ok_or_else(|| Fault::Crashed(format!("Lean calls {name}, which this runtime does not have")))?;
                let bits = function(&mut Running::of(&mut caller), &arguments)?;
                if let (Some(place), Some(ty)) = (results.first_mut(), &result) {
                    *place = value(ty, bits);
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn bits(value: &Val) -> u64 {
    match *value {
        Val::I32(word) => word.cast_unsigned().into(),
        Val::I64(long) => long.cast_unsigned(),
        Val::F32(bits) => bits.into(),
        Val::F64(bits) => bits,
        _ => 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a 32-bit value is the lower half")]
fn value(ty: &ValType, bits: u64) -> Val {
    match ty {
        ValType::I64 => Val::I64(bits.cast_signed()),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        _ => Val::I32((bits as u32).cast_signed()),
    }
}

/// The function in a slot of a table.
pub(crate) fn function_of(found: Option<Ref>) -> Option<wasmtime::Func> {
    if let Some(Ref::Func(Some(function))) = found { Some(function) } else { None }
}
