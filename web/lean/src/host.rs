//! The host that runs Lean in a worker, as JavaScript sees it.

use std::rc::Rc;
use std::time::Duration;

use js_sys::Function;
use serde::Deserialize;
use stepwise_lean::hosts::{Hosts, Lean, Starter, cut_off};
use stepwise_lean::machine::Result;
use stepwise_lean::protocol::{Hello, Request};
use stepwise_lean::serve::{self, Cost};
use stepwise_lean::signatures::Import;
use stepwise_lean::snapshot::Snapshot;
use stepwise_lean::symbols::Symbols;
use wasm_bindgen::prelude::*;

use crate::machine::{Pieces, Running, micros, set_imports};

/// What set-up says of the packed Lean: the parts of `lean.json` that matter here.
#[derive(Deserialize)]
struct Description {
    imports: Vec<Import>,
    snapshot: Snapshot,
}

/// A host: requests in, lines of answers out.
#[wasm_bindgen]
pub struct Host(Hosts<Browser>);

/// Starts Leans from the pieces.
struct Browser {
    pieces: Pieces,
    symbols: Rc<Symbols>,
    snapshot: Snapshot,
    /// The one that has said hello, for the first request.
    first: Option<Lean<Running>>,
}

impl Browser {
    fn begin(&self) -> Result<Lean<Running>> {
        let mut instance = Running::start(&self.pieces, &self.symbols, &self.snapshot)?;
        let host = serve::Host::new(&mut instance, &self.snapshot.start)?;
        Ok(Lean { instance, host })
    }
}

impl Starter for Browser {
    type Instance = Running;

    fn fresh(&mut self) -> Result<Lean<Running>> {
        self.first.take().map_or_else(|| self.begin(), Ok)
    }

    fn take_back(&mut self, lean: Lean<Running>) {
        self.first = Some(lean);
    }

    /// A preamble that is not at hand is elaborated with what stands behind it.
    fn start(&mut self, _: &str, _: Duration) -> Result<Lean<Running>> {
        self.fresh()
    }
}

#[wasm_bindgen]
impl Host {
    /// A host of these pieces. The description is `lean.json`'s text, `symbols` the symbol file.
    ///
    /// # Errors
    /// One of them is not what it should be.
    #[wasm_bindgen(constructor)]
    pub fn new(pieces: Pieces, description: &str, symbols: &[u8]) -> std::result::Result<Self, JsError> {
        let Description { imports, snapshot } = serde_json::from_str(description)?;
        let symbols = Symbols::parse(symbols).ok_or_else(|| JsError::new("the symbols of Lean are damaged"))?;
        set_imports(imports.into_iter().map(|import| import.name).collect());
        Ok(Self(Hosts::new(Browser { pieces, symbols: Rc::new(symbols), snapshot, first: None })))
    }

    /// Its first line.
    pub fn hello(&mut self) -> String {
        let hello = self.0.hello();
        text(&hello.unwrap_or_else(|fault| Hello { fatal: Some(fault.to_string()), ..Hello::default() }))
    }

    /// How many of the Leans that the next request wants are here already.
    #[wasm_bindgen(getter, js_name = nUnused)]
    #[must_use]
    pub fn n_unused(&mut self) -> u32 {
        self.0.starter().first.is_some().into()
    }

    /// Answers a request with lines to `say`; false where Lean was cut off, which the last line says.
    ///
    /// # Errors
    /// It is no request.
    pub fn answer(&mut self, line: &str, say: &Function) -> std::result::Result<bool, JsError> {
        let request: Request = serde_json::from_str(line)?;
        let started = micros();
        // The one thread works from the beginning to the end, so that its time is what it costs.
        let mut cost = || {
            let spent = micros().saturating_sub(started);
            Cost { cpu_us: spent, wall_us: spent }
        };
        let tell = |line: &str| {
            // It only posts a message, which cannot fail.
            let _ = say.call1(&JsValue::UNDEFINED, &JsValue::from_str(line));
        };
        let id = request.id();
        let answered = self.0.answer(request, &mut cost, &mut |line| tell(&text(&line)));
        if let (Err(fault), Some(id)) = (&answered, id) {
            tell(&text(&cut_off(id, fault.clone(), cost())));
        }
        Ok(answered.is_ok())
    }
}

fn text(value: &impl serde::Serialize) -> String {
    // The types of the protocol have string keys only, which is all that can fail.
    serde_json::to_string(value).unwrap_or_default()
}
