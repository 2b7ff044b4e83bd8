//! One Lean: a store with a memory of its own, as the [`Machine`] that the driver wants.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwise_lean::hooks::Hooks;
use stepwise_lean::imports::{Process, System, describe_exception};
use stepwise_lean::machine::{Fault, Machine, Result};
use stepwise_lean::module::{TARGET, global};
use stepwise_lean::symbols::Symbols;
use wasmtime::{
    AsContext, AsContextMut, Caller, Extern, Func, Global, Memory, Store, StoreContextMut, Table, ThrownException,
    Trap, UpdateDeadline, Val, ValType,
};

use crate::clock::{Clock, Due, Interrupt, TickerHandle};
use crate::engine::{Runtime, function_of};
use crate::image::Image;

const PAGE_BYTES: u64 = stepwise_lean::snapshot::PAGE_BYTES as u64;
/// Lean asks for little at a time; a memory grows by at least this much.
const GROWTH_BYTES: u64 = 16 << 20;
/// Lean's boxed `true`.
const TRUE: u32 = 3;

/// Bounds on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most that its memory may grow to, in bytes; the module itself allows 2 GiB.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 32768 * PAGE_BYTES }
    }
}

/// What belongs to one store.
pub(crate) struct State {
    hooks: Hooks,
    process: Process,
    symbols: Arc<Symbols>,
    parts: Option<Parts>,
    functions: HashMap<u32, Callee>,
    /// The pieces of the module that have joined the first.
    joined: Vec<usize>,
    limits: Limits,
    clock: Option<Clock>,
    interrupt: Interrupt,
    ticker: TickerHandle,
}

#[derive(Clone)]
struct Parts {
    memory: Memory,
    table: Table,
    globals: Vec<Global>,
    /// The slot of the last call through the table.
    target: Global,
}

impl State {
    pub(crate) fn has_joined(&self, piece: usize) -> bool {
        self.joined.contains(&piece)
    }

    pub(crate) fn joined(&mut self, piece: usize) {
        self.joined.push(piece);
    }

    /// What all pieces of the module share, by its name.
    pub(crate) fn shared(&self) -> Vec<(String, Extern)> {
        let Some(Parts { memory, table, globals, target }) = &self.parts else { return Vec::new() };
        let globals = globals.iter().enumerate().map(|(number, global)| (format!("global{number}"), (*global).into()));
        let named = [("memory", (*memory).into()), ("table", (*table).into()), (TARGET, (*target).into())];
        named.map(|(name, part)| (name.to_owned(), part)).into_iter().chain(globals).collect()
    }
}

#[derive(Clone, Copy)]
struct Callee {
    function: Func,
    n_parameters: usize,
    n_results: usize,
}

/// A Lean of its own.
pub struct Instance {
    store: Store<State>,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

impl Instance {
    /// Starts a Lean. It begins where the runtime's snapshot was taken, or before its initialisation.
    ///
    /// # Errors
    ///
    /// A memory that is smaller than the snapshot, or that the system does not give.
    pub fn start(runtime: &Runtime, system: System, limits: Limits) -> Result<Self> {
        let mut instance = Self::start_empty(runtime, system, limits)?;
        if let Some(snapshot) = &runtime.snapshot {
            instance.resume(snapshot)?;
        }
        Ok(instance)
    }

    /// Starts a Lean that begins where `image` was taken of another one.
    pub(crate) fn start_from(image: &Image, runtime: &Runtime, system: System, limits: Limits) -> Result<Self> {
        let mut instance = Self::start(runtime, system, limits)?;
        let mut running = Running(instance.store.as_context_mut());
        image.lay_into(&mut running)?;
        Ok(instance)
    }

    /// What this Lean has changed since it started; `None` where the system does not tell, or where more than its memory
    /// has changed.
    pub(crate) fn image(&mut self) -> Option<Image> {
        let state = self.store.data();
        if !state.process.system.is_untouched() {
            return None;
        }
        let memory = state.parts.as_ref()?.memory;
        let base = memory.data_ptr(&self.store) as usize;
        Image::of(&mut Running(self.store.as_context_mut()), base)
    }

    fn start_empty(runtime: &Runtime, system: System, limits: Limits) -> Result<Self> {
        let state = State {
            hooks: Hooks::default(),
            process: Process::new(system),
            symbols: Arc::clone(&runtime.symbols),
            parts: None,
            functions: HashMap::new(),
            joined: Vec::new(),
            limits,
            clock: None,
            interrupt: runtime.interrupt.clone(),
            ticker: runtime.ticker.handle(),
        };
        let mut store = Store::new(runtime.linked.module().engine(), state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            look_at_clock(&mut store)?;
            Ok(UpdateDeadline::Continue(1))
        });
        let instance = runtime.linked.instantiate(&mut store).map_err(|error| fault(&mut store, error))?;
        let missing = |what: &str| Fault::Unfit(format!("the module exports no {what}"));
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| missing("memory"))?;
        let table = instance.get_table(&mut store, "table").ok_or_else(|| missing("table"))?;
        let globals: Option<Vec<Global>> =
            (0..global::COUNT).map(|i| instance.get_global(&mut store, &format!("global{i}"))).collect();
        let globals = globals.ok_or_else(|| missing("globals"))?;
        let target = instance.get_global(&mut store, TARGET).ok_or_else(|| missing(TARGET))?;
        store.data_mut().parts = Some(Parts { memory, table, globals, target });
        Ok(Self { store })
    }

    fn resume(&mut self, file: &crate::mapped::SnapshotFile) -> Result<()> {
        let snapshot = file.snapshot();
        let mut running = Running(self.store.as_context_mut());
        running.begin_at(u64::from(snapshot.pages) * PAGE_BYTES, &snapshot.globals, "its library alone")?;
        #[cfg(not(unix))]
        running.fill(file)?;
        Ok(())
    }

    /// Lets `work` drive this Lean. The thread must have a stack as deep as [`on_deep_stack`](crate::on_deep_stack) gives.
    pub fn run<T>(&mut self, work: impl FnOnce(&mut dyn Machine) -> T) -> T {
        work(&mut Running(self.store.as_context_mut()))
    }
}

fn look_at_clock(store: &mut StoreContextMut<'_, State>) -> wasmtime::Result<()> {
    let due = store.data_mut().clock.as_mut().map(|clock| (clock.token, clock.due(Instant::now())));
    match due {
        None | Some((_, Due::Nothing)) => {}
        Some((token, Due::Tell)) => {
            let memory = store.data().parts.as_ref().map(|parts| parts.memory);
            if let Some(memory) = memory {
                memory.write(store, token as usize, &TRUE.to_le_bytes())?;
            }
        }
        Some((_, Due::Stop)) => return Err(Fault::Stopped.into()),
    }
    Ok(())
}

/// What a call that did not return says about its Lean.
fn fault(mut store: impl AsContextMut<Data = State>, error: wasmtime::Error) -> Fault {
    let mut store = store.as_context_mut();
    let fault = if let Some(fault) = error.downcast_ref::<Fault>() {
        fault.clone()
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        match trap {
            Trap::StackOverflow => Fault::StackExhausted,
            Trap::Interrupt => Fault::Stopped,
            trap => Fault::Crashed(trap.to_string()),
        }
    } else if error.is::<ThrownException>() {
        Fault::Crashed(uncaught(&mut store))
    } else {
        Fault::Crashed(format!("{error:#}"))
    };
    let state = store.data();
    match (fault, &state.parts) {
        (Fault::Crashed(detail), Some(parts)) if state.process.was_refused_memory => {
            Fault::OutOfMemory { mebibytes: parts.memory.data_size(&store) as u64 >> 20, detail }
        }
        (fault, _) => fault,
    }
}

/// What an exception that nobody caught says.
fn uncaught(store: &mut StoreContextMut<'_, State>) -> String {
    let address = store.take_pending_exception().and_then(|exception| exception.field(&mut *store, 0).ok());
    let Some(Val::I32(address)) = address else { return "uncaught exception".to_owned() };
    let text = describe_exception(&mut Running(store.as_context_mut()), address.cast_unsigned());
    format!("uncaught C++ exception {}", text.unwrap_or_default())
}

/// A Lean that can be called: from outside, or from a function that it has called.
pub(crate) struct Running<'a>(StoreContextMut<'a, State>);

impl<'a> Running<'a> {
    pub(crate) fn of(caller: &'a mut Caller<'_, State>) -> Self {
        Self(caller.as_context_mut())
    }

    fn parts(&self) -> Option<&Parts> {
        self.0.data().parts.as_ref()
    }

    fn callee(&mut self, slot: u32) -> Result<Callee> {
        if let Some(known) = self.0.data().functions.get(&slot) {
            return Ok(*known);
        }
        let table = self.parts().map(|parts| parts.table);
        let found = table.and_then(|table| table.get(&mut self.0, slot.into()));
        let function = function_of(found).ok_or_else(|| Fault::Unfit(format!("slot {slot} of the table is empty")))?;
        let ty = function.ty(&self.0);
        let is_word = |ty: ValType| matches!(ty, ValType::I32);
        if !ty.params().all(is_word) || !ty.results().all(is_word) {
            return Err(Fault::Unfit(format!("the function in slot {slot} does not work on words")));
        }
        let callee = Callee { function, n_parameters: ty.params().len(), n_results: ty.results().len() };
        self.0.data_mut().functions.insert(slot, callee);
        Ok(callee)
    }

    /// Tells what may stand in for the function in a slot which one is meant.
    fn aim(&mut self, slot: u32) -> Result<()> {
        let target = self.parts().map(|parts| parts.target);
        let target = target.ok_or_else(|| Fault::Unfit("the module has not started".to_owned()))?;
        target.set(&mut self.0, Val::I32(slot.cast_signed())).map_err(|error| Fault::Unfit(error.to_string()))
    }

    /// Gives a Lean that has just started so much memory, and the mutable globals of one that has run. `what` takes it.
    pub(crate) fn begin_at(&mut self, bytes: u64, globals: &[u32; global::COUNT], what: &str) -> Result<()> {
        if bytes > self.most_memory_bytes() || !self.grow_exactly(bytes) {
            let detail = format!("{what} takes {} MiB", bytes >> 20);
            return Err(Fault::OutOfMemory { mebibytes: self.most_memory_bytes() >> 20, detail });
        }
        for (number, value) in globals.iter().enumerate() {
            self.set_global(number, *value);
        }
        Ok(())
    }

    fn grow_exactly(&mut self, bytes: u64) -> bool {
        let Some(memory) = self.parts().map(|parts| parts.memory) else { return false };
        let pages = bytes.div_ceil(PAGE_BYTES);
        match pages.checked_sub(memory.size(&self.0)) {
            None | Some(0) => true,
            Some(more) => memory.grow(&mut self.0, more).is_ok(),
        }
    }

    /// Copies a snapshot into the memory, where it cannot be mapped.
    #[cfg(not(unix))]
    fn fill(&mut self, file: &crate::mapped::SnapshotFile) -> Result<()> {
        use std::io::{Read as _, Seek as _};

        let Some(memory) = self.parts().map(|parts| parts.memory) else { return Ok(()) };
        let data = memory.data_mut(&mut self.0);
        data.fill(0);
        let failed = |error: std::io::Error| Fault::Crashed(format!("its library's memory cannot be read: {error}"));
        let mut source = &file.file;
        source.rewind().map_err(failed)?;
        for &(address, length) in &file.snapshot().runs {
            let run = data.get_mut(address as usize..).and_then(|rest| rest.get_mut(..length as usize));
            source.read_exact(run.ok_or(Fault::OutOfBounds(address))?).map_err(failed)?;
        }
        Ok(())
    }
}

impl Machine for Running<'_> {
    fn invoke(&mut self, slot: u32, arguments: &[u32]) -> Result<u32> {
        let callee = self.callee(slot)?;
        self.aim(slot)?;
        let arguments: Vec<Val> = arguments.iter().map(|word| Val::I32(word.cast_signed())).collect();
        let mut results = [Val::I32(0)];
        let called = callee.function.call(&mut self.0, &arguments, &mut results[..callee.n_results]);
        called.map_err(|error| fault(&mut self.0, error))?;
        Ok(results[0].i32().unwrap_or(0).cast_unsigned())
    }

    fn arity(&mut self, slot: u32) -> Result<usize> {
        Ok(self.callee(slot)?.n_parameters)
    }

    fn memory_bytes(&self) -> u64 {
        self.parts().map_or(0, |parts| parts.memory.data_size(&self.0) as u64)
    }

    fn read(&self, address: u32, into: &mut [u8]) -> Result<()> {
        let parts = self.parts().ok_or(Fault::OutOfBounds(address))?;
        parts.memory.read(self.0.as_context(), address as usize, into).map_err(|_| Fault::OutOfBounds(address))
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let memory = self.parts().ok_or(Fault::OutOfBounds(address))?.memory;
        memory.write(&mut self.0, address as usize, bytes).map_err(|_| Fault::OutOfBounds(address))
    }

    fn most_memory_bytes(&self) -> u64 {
        self.0.data().limits.memory_bytes
    }

    fn grow(&mut self, bytes: u64) -> bool {
        let most = self.most_memory_bytes();
        let roomy = bytes.max(self.memory_bytes() + GROWTH_BYTES).min(most);
        bytes <= self.memory_bytes() || (bytes <= most && self.grow_exactly(roomy))
    }

    fn global(&mut self, number: usize) -> u32 {
        let global = self.parts().and_then(|parts| parts.globals.get(number)).copied();
        global.and_then(|global| global.get(&mut self.0).i32()).unwrap_or(0).cast_unsigned()
    }

    fn set_global(&mut self, number: usize, value: u32) {
        if let Some(global) = self.parts().and_then(|parts| parts.globals.get(number)).copied() {
            // It is a mutable i32: the rewriting has seen to that.
            let set = global.set(&mut self.0, Val::I32(value.cast_signed()));
            debug_assert!(set.is_ok());
        }
    }

    fn symbols(&self) -> &Symbols {
        &self.0.data().symbols
    }

    fn hooks(&mut self) -> &mut Hooks {
        &mut self.0.data_mut().hooks
    }

    fn process(&mut self) -> &mut Process {
        &mut self.0.data_mut().process
    }

    fn start_clock(&mut self, token: u32, limit: Duration) {
        let state = self.0.data_mut();
        state.clock = Some(Clock::new(token, limit, state.interrupt.clone()));
        state.ticker.count(true);
    }

    fn stop_clock(&mut self) {
        let state = self.0.data_mut();
        state.clock = None;
        state.ticker.count(false);
    }
}
