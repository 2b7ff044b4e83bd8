//! The machine that runs Lean's module with the browser's own WebAssembly.
//!
//! JavaScript holds the instance (`Instance` of `web/lean-host.js`), because Lean's memory and table are its own and not
//! this module's. None of the functions that are called there throws: an exception would pass through Rust's frames.
//! Where Lean calls back ([`answer`]), it is in the middle of such a call; meanwhile what belongs to the machine lies in
//! [`PARKED`].

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stepwise_lean::hooks::Hooks;
use stepwise_lean::imports::{Function, Process, Sources, System, describe_exception};
use stepwise_lean::machine::{Fault, Machine, Result};
use stepwise_lean::module::global;
use stepwise_lean::snapshot::{PAGE_BYTES, Snapshot};
use stepwise_lean::symbols::Symbols;
use wasm_bindgen::prelude::*;

/// The most that an instance's memory may grow to: what tabs are given on most machines, and Lean begins with a quarter of
/// it.
const MEMORY_BYTES: u64 = 1 << 30;
/// Lean asks for little at a time; a memory grows by at least this much.
const GROWTH_BYTES: u64 = 16 << 20;
/// Lean's boxed `true`.
const TRUE: u32 = 3;

#[wasm_bindgen]
extern "C" {
    /// What instances are made of: the compiled pieces, and the snapshot's bytes.
    #[derive(Clone)]
    pub type Pieces;

    /// An instance that begins where the snapshot was taken, but for its globals; nothing where there is no room for one.
    #[wasm_bindgen(method)]
    fn start(this: &Pieces) -> Option<Instance>;

    /// An instance of Lean's module.
    #[derive(Clone)]
    pub type Instance;

    #[wasm_bindgen(method, getter)]
    fn bytes(this: &Instance) -> f64;

    /// Lets the memory have so many bytes, whole pages; false where it may not.
    #[wasm_bindgen(method)]
    fn grow(this: &Instance, bytes: f64) -> bool;

    /// A word of the memory; -1 where the address lies outside.
    #[wasm_bindgen(method)]
    fn word(this: &Instance, address: u32) -> f64;

    #[wasm_bindgen(method, js_name = setWord)]
    fn set_word(this: &Instance, address: u32, value: u32) -> bool;

    #[wasm_bindgen(method)]
    fn read(this: &Instance, address: u32, into: &mut [u8]) -> bool;

    #[wasm_bindgen(method)]
    fn write(this: &Instance, address: u32, bytes: &[u8]) -> bool;

    #[wasm_bindgen(method)]
    fn global(this: &Instance, number: u32) -> u32;

    #[wasm_bindgen(method, js_name = setGlobal)]
    fn set_global(this: &Instance, number: u32, value: u32);

    /// How many words the function in a slot takes; -1 where there is none.
    #[wasm_bindgen(method)]
    fn arity(this: &Instance, slot: u32) -> i32;

    /// Calls it; -1 where it was cut off, and [`Instance::failure`] says how.
    #[wasm_bindgen(method)]
    fn invoke(this: &Instance, slot: u32, arguments: &[u32]) -> f64;

    /// `answer` where this module ended the call, `stack`, an exception's address, or the engine's words.
    #[wasm_bindgen(method)]
    fn failure(this: &Instance) -> String;

    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;

    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date() -> f64;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn random_values(target: &mut [u8]);
}

/// Microseconds since some moment.
pub(crate) fn micros() -> u64 {
    (now() * 1000.0) as u64
}

/// Clocks and randomness as the browser gives them.
struct BrowserSources;

impl Sources for BrowserSources {
    fn monotonic(&mut self) -> u64 {
        micros() * 1000
    }

    fn wall(&mut self) -> u64 {
        date() as u64
    }

    fn random(&mut self, target: &mut [u8]) {
        /// What a browser gives at once.
        const MOST_BYTES: usize = 65536;
        target.chunks_mut(MOST_BYTES).for_each(random_values);
    }
}

/// What belongs to an instance besides its memory.
struct State {
    hooks: Hooks,
    process: Process,
    clock: Option<Clock>,
    /// Why the answer to one of Lean's calls was to end it.
    fault: Option<Fault>,
}

impl State {
    fn new() -> Box<Self> {
        let process = Process::new(System::new(Box::new(BrowserSources), None));
        Box::new(Self { hooks: Hooks::default(), process, clock: None, fault: None })
    }
}

#[derive(Clone, Copy)]
struct Clock {
    token: u32,
    deadline: f64,
}

thread_local! {
    /// The machine that runs Lean's code just now.
    static PARKED: RefCell<Option<Running>> = const { RefCell::new(None) };
    /// What answers the imports, by their places in the description.
    static FUNCTIONS: RefCell<Vec<(String, Option<Function>)>> = const { RefCell::new(Vec::new()) };
}

/// Takes in what the pieces import, by name.
pub(crate) fn set_imports(names: Vec<String>) {
    let known = names.into_iter().map(|name| {
        let function = stepwise_lean::imports::function(&name);
        (name, function)
    });
    FUNCTIONS.set(known.collect());
}

/// Answers a call of Lean's: `import` is its place in the description, arguments and result are the raw bits of the
/// values. Nothing where the call is to be ended.
#[wasm_bindgen]
#[must_use]
pub fn answer(import: u32, arguments: &[u64]) -> Option<u64> {
    let mut lean = PARKED.take()?;
    let (name, function) = FUNCTIONS.with_borrow(|all| all.get(import as usize).cloned()).unwrap_or_default();
    let missing = || Fault::Crashed(format!("Lean calls {name}, which this runtime does not have"));
    let answered = function.ok_or_else(missing).and_then(|function| {
        lean.look_at_clock()?;
        function(&mut lean, arguments)
    });
    let answered = answered.map_err(|fault| lean.state().fault = Some(fault)).ok();
    PARKED.set(Some(lean));
    answered
}

/// Notes that a call of Lean's ends because it needs a piece which is not here yet.
#[wasm_bindgen]
pub fn lack() {
    PARKED.with_borrow_mut(|lean| {
        if let Some(lean) = lean {
            lean.state().fault = Some(Fault::Incomplete);
        }
    });
}

/// A Lean that can be called.
pub(crate) struct Running {
    instance: Instance,
    symbols: Rc<Symbols>,
    /// It is elsewhere while Lean's code runs.
    state: Option<Box<State>>,
}

impl Running {
    fn state(&mut self) -> &mut State {
        self.state.get_or_insert_with(State::new)
    }

    /// Starts a Lean that begins where a snapshot was taken.
    pub(crate) fn start(pieces: &Pieces, symbols: &Rc<Symbols>, snapshot: &Snapshot) -> Result<Self> {
        let no_room = || Fault::OutOfMemory {
            mebibytes: MEMORY_BYTES >> 20,
            detail: "this browser has no room for another Lean".to_owned(),
        };
        let instance = pieces.start().ok_or_else(no_room)?;
        for (number, value) in (0..).zip(snapshot.globals) {
            instance.set_global(number, value);
        }
        Ok(Self { instance, symbols: Rc::clone(symbols), state: None })
    }

    /// Lean hears of its deadline where it calls; where it does not, whoever asked ends the worker.
    fn look_at_clock(&mut self) -> Result<()> {
        let clock = self.state().clock;
        match clock {
            Some(Clock { token, deadline }) if now() >= deadline => self.write(token, &TRUE.to_le_bytes()),
            _ => Ok(()),
        }
    }

    /// How a call was cut off.
    fn fault(&mut self) -> Fault {
        let failure = self.instance.failure();
        let fault = match failure.as_str() {
            "answer" => self.state().fault.take().unwrap_or_else(|| Fault::Crashed("Lean was ended".to_owned())),
            "stack" => Fault::StackExhausted,
            words => match words.parse() {
                Ok(address) => {
                    let text = describe_exception(self, address).unwrap_or_default();
                    Fault::Crashed(format!("uncaught C++ exception {text}"))
                }
                Err(_) => Fault::Crashed(failure),
            },
        };
        match fault {
            Fault::Crashed(detail) if self.state().process.was_refused_memory => {
                Fault::OutOfMemory { mebibytes: self.memory_bytes() >> 20, detail }
            }
            fault => fault,
        }
    }
}

impl stepwise_lean::hosts::Instance for Running {
    fn run<T>(&mut self, work: impl FnOnce(&mut dyn Machine) -> T) -> T {
        work(self)
    }
}

impl Machine for Running {
    fn invoke(&mut self, slot: u32, arguments: &[u32]) -> Result<u32> {
        let running = Self {
            instance: Instance::clone(&self.instance),
            symbols: Rc::clone(&self.symbols),
            state: self.state.take(),
        };
        let outer = PARKED.replace(Some(running));
        let result = self.instance.invoke(slot, arguments);
        // An answer that the stack's end has cut off has not put it back; what it knew is lost with this Lean.
        let running = PARKED.replace(outer);
        let is_lost = running.is_none();
        self.state = running.and_then(|running| running.state);
        if result >= 0.0 {
            Ok(result as u32)
        } else if is_lost {
            Err(Fault::StackExhausted)
        } else {
            Err(self.fault())
        }
    }

    fn arity(&mut self, slot: u32) -> Result<usize> {
        let empty = |_| Fault::Unfit(format!("slot {slot} of the table is empty"));
        usize::try_from(self.instance.arity(slot)).map_err(empty)
    }

    fn memory_bytes(&self) -> u64 {
        self.instance.bytes() as u64
    }

    fn read(&self, address: u32, into: &mut [u8]) -> Result<()> {
        let instance = &self.instance;
        if let Ok(word) = <&mut [u8; 4]>::try_from(&mut *into) {
            let value = instance.word(address);
            *word = (value as u32).to_le_bytes();
            return if value < 0.0 { Err(Fault::OutOfBounds(address)) } else { Ok(()) };
        }
        if instance.read(address, into) { Ok(()) } else { Err(Fault::OutOfBounds(address)) }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let instance = &self.instance;
        let is_done = match <[u8; 4]>::try_from(bytes) {
            Ok(word) => instance.set_word(address, u32::from_le_bytes(word)),
            Err(_) => instance.write(address, bytes),
        };
        if is_done { Ok(()) } else { Err(Fault::OutOfBounds(address)) }
    }

    fn most_memory_bytes(&self) -> u64 {
        MEMORY_BYTES
    }

    fn grow(&mut self, bytes: u64) -> bool {
        let now = self.memory_bytes();
        let page = u64::from(PAGE_BYTES);
        let roomy = bytes.max(now + GROWTH_BYTES).min(MEMORY_BYTES).next_multiple_of(page);
        bytes <= now || (bytes <= MEMORY_BYTES && self.instance.grow(roomy as f64))
    }

    fn global(&mut self, number: usize) -> u32 {
        debug_assert!(number < global::COUNT);
        self.instance.global(number as u32)
    }

    fn set_global(&mut self, number: usize, value: u32) {
        self.instance.set_global(number as u32, value);
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn hooks(&mut self) -> &mut Hooks {
        &mut self.state().hooks
    }

    fn process(&mut self) -> &mut Process {
        &mut self.state().process
    }

    fn start_clock(&mut self, token: u32, limit: Duration) {
        self.state().clock = Some(Clock { token, deadline: now() + limit.as_secs_f64() * 1000.0 });
    }

    fn stop_clock(&mut self) {
        self.state().clock = None;
    }
}
