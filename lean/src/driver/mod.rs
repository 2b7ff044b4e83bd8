//! Elaborates statements and runs tactics in real Lean, from states that are kept: the search's view of one instance.
//!
//! `session` tells how a state stays alive, `recheck` judges whole proofs, `library` states theorems anew.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::driver::commands::{Options, Ran, environment_of, fresh_state, run_commands};
use crate::driver::messages::errors_of;
use crate::driver::step::State;
use crate::hooks::{Hook, ORIGINAL_TRACE_STATE};
use crate::machine::{Fault, Machine, Result};
use crate::object::{NIL, Object, boxed};
use crate::snapshot::Start;

pub(crate) mod axioms;
pub(crate) mod commands;
pub(crate) mod constants;
pub(crate) mod declared;
pub(crate) mod export;
pub(crate) mod facts;
pub(crate) mod library;
pub(crate) mod messages;
pub(crate) mod recheck;
pub(crate) mod replay;
pub(crate) mod session;
pub(crate) mod shape;
pub(crate) mod statement;
pub(crate) mod step;
pub(crate) mod syntax;

pub use axioms::STANDARD as STANDARD_AXIOMS;
pub use recheck::{Claim, FileClaim};
pub(crate) use statement::Elaborated;

/// Preambles that are remembered.
const MAX_PREAMBLES: usize = 16;

/// The value of the cancellation token while nothing is to stop.
const GOES_ON: Object = boxed(0);

/// What was done in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limited<T> {
    Done(T),
    /// It was not, and Lean stopped by itself.
    Timeout,
}

/// Commands before a statement, elaborated once and shared by every statement that uses them.
#[derive(Debug)]
pub(crate) struct Preamble {
    pub(crate) text: String,
    /// The command state after them. It belongs to the driver, which keeps it while anybody holds the preamble.
    pub(crate) state: Object,
    pub(crate) errors: Vec<String>,
    /// The clock ended it: it has errors, no state, and is not remembered.
    is_cut_short: bool,
    declared: OnceLock<Arc<facts::Declared>>,
}

impl Preamble {
    /// One that was elaborated without an error.
    fn known(text: &str, state: Object) -> Self {
        Self { text: text.to_owned(), state, errors: Vec::new(), is_cut_short: false, declared: OnceLock::new() }
    }

    /// What they declare.
    pub(crate) fn declared(&self, lean: &mut dyn Machine) -> Result<Arc<facts::Declared>> {
        if let Some(declared) = self.declared.get() {
            return Ok(Arc::clone(declared));
        }
        let environment = environment_of(lean, self.state)?;
        let declared = Arc::new(facts::declarations(lean, environment)?);
        Ok(Arc::clone(self.declared.get_or_init(|| declared)))
    }
}

/// Drives one instance of Lean. Every method takes the machine that runs it, always the same one.
#[derive(Debug)]
pub struct Driver {
    /// The environment after the imports, owned for ever.
    pub(crate) env: Object,
    /// What the library's constants rest on.
    pub(crate) axioms: axioms::Imported,
    /// The library's theorems.
    pub(crate) library: library::Known,
    /// Where the cancellation token has its value.
    token_word: u32,
    /// In the order of use.
    preambles: Vec<Arc<Preamble>>,
    states: HashMap<u64, State>,
    next_state: u64,
}

impl Driver {
    /// A driver of a Lean that has imported its library. `start`: what it has made so far (owned).
    ///
    /// # Errors
    ///
    /// [`Fault::Unfit`] where it is another Lean than the driver was written for.
    pub fn new(lean: &mut dyn Machine, start: &Start) -> Result<Self> {
        let env = start.env;
        if lean.symbols().slot(ORIGINAL_TRACE_STATE).is_none() {
            return Err(Fault::Unfit("this build of Lean has no elaborator of trace_state".to_owned()));
        }
        mark_as_plain_file(lean, env)?;
        let token = lean.call("IO_CancelToken_new", &[])?;
        let token_word = token.wrapping_add(8); // `IO.Ref Bool`: its value is the first field
        if lean.word(token_word)? != GOES_ON {
            return Err(Fault::Unfit("IO.CancelToken is not a reference to false".to_owned()));
        }
        let sorry_tag = lean.name(&["hasSorry"])?;
        let is_sorry = closure(lean, Hook::IsSorry)?;
        let context_receiver = closure(lean, Hook::CommandContext)?;
        let hooks = lean.hooks();
        hooks.token = token;
        hooks.sorry_tag = sorry_tag;
        hooks.is_sorry = is_sorry;
        hooks.context_receiver = context_receiver;
        Ok(Self {
            env,
            axioms: axioms::Imported::default(),
            library: library::Known::default(),
            token_word,
            preambles: start.preambles.iter().map(|(text, state)| Arc::new(Preamble::known(text, *state))).collect(),
            states: HashMap::new(),
            next_state: 1,
        })
    }

    /// The same driver for a copy of its Lean that was made while it kept no states.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            env: self.env,
            axioms: self.axioms.clone(),
            library: library::Known::default(),
            token_word: self.token_word,
            preambles: self.preambles.clone(),
            states: HashMap::new(),
            next_state: self.next_state,
        }
    }

    /// Elaborates a preamble ahead of the statements behind it. False where none begin with it: it has an error, or takes
    /// too long.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn prepare(&mut self, lean: &mut dyn Machine, preamble: &str, limit: Duration) -> Result<bool> {
        let (prepared, _) = self.timed(lean, limit, |driver, lean| driver.preamble(lean, preamble))?;
        Ok(prepared.errors.is_empty())
    }

    /// With what a driver of a copy of this Lean starts.
    #[must_use]
    pub fn start(&self) -> Start {
        let preambles = self.preambles.iter().filter(|preamble| preamble.errors.is_empty());
        Start { env: self.env, preambles: preambles.map(|known| (known.text.clone(), known.state)).collect() }
    }

    /// Lean's version.
    ///
    /// # Errors
    ///
    /// [`Fault::Unfit`] where Lean does not say.
    pub fn version(lean: &dyn Machine) -> Result<String> {
        lean.text(lean.constant("Lean_versionStringCore")?)
    }

    /// How many states are kept.
    #[must_use]
    pub fn n_live_states(&self) -> usize {
        self.states.len()
    }

    /// Does `work` for at most `limit`; gives its value, and whether it was told to stop.
    pub(crate) fn timed<T>(
        &mut self,
        lean: &mut dyn Machine,
        limit: Duration,
        work: impl FnOnce(&mut Self, &mut dyn Machine) -> Result<T>,
    ) -> Result<(T, bool)> {
        lean.set_word(self.token_word, GOES_ON)?;
        lean.start_clock(self.token_word, limit);
        let value = work(self, lean);
        lean.stop_clock();
        let value = value?;
        let fired = lean.word(self.token_word)? != GOES_ON;
        lean.set_word(self.token_word, GOES_ON)?;
        Ok((value, fired))
    }

    /// The commands of `text` after the imports. Whoever needs their state for longer than the preamble retains it.
    pub(crate) fn preamble(&mut self, lean: &mut dyn Machine, text: &str) -> Result<Arc<Preamble>> {
        let preamble = match self.preambles.iter().position(|known| known.text == text) {
            Some(at) => self.preambles.remove(at),
            None => {
                let preamble = Arc::new(self.elaborate_preamble(lean, text)?);
                if preamble.is_cut_short {
                    return Ok(preamble);
                }
                self.forget_preambles(lean)?;
                preamble
            }
        };
        self.preambles.push(Arc::clone(&preamble));
        Ok(preamble)
    }

    fn elaborate_preamble(&self, lean: &mut dyn Machine, text: &str) -> Result<Preamble> {
        lean.retain(self.env)?;
        let state = fresh_state(lean, self.env)?;
        let Ran { state, messages, kinds, .. } = run_commands(lean, text, state, Options::default())?;
        let mut errors = errors_of(&messages);
        let is_cut_short = !kinds.is_empty() && lean.word(self.token_word)? != GOES_ON;
        if is_cut_short {
            // Lean does not always say so itself. Whoever asks again with more time gets all of it.
            lean.release(state)?;
            errors.push("it takes too long".to_owned());
        }
        let state = if is_cut_short { NIL } else { state };
        Ok(Preamble { text: text.to_owned(), state, errors, is_cut_short, declared: OnceLock::new() })
    }

    /// Makes room for one more, as far as nobody holds the oldest.
    fn forget_preambles(&mut self, lean: &mut dyn Machine) -> Result<()> {
        while self.preambles.len() >= MAX_PREAMBLES
            && let Some(at) = self.preambles.iter().position(|known| Arc::strong_count(known) == 1)
        {
            let oldest = self.preambles.remove(at);
            lean.release(oldest.state)?;
        }
        Ok(())
    }

    fn keep(&mut self, state: State) -> u64 {
        let id = self.next_state;
        self.next_state += 1;
        self.states.insert(id, state);
        id
    }
}

/// A Lean closure over a function of the driver.
fn closure(lean: &mut dyn Machine, hook: Hook) -> Result<Object> {
    let slot = lean.symbols().slot(hook.name());
    let slot = slot.ok_or_else(|| Fault::Unfit(format!("the module has no place for {}", hook.name())))?;
    lean.closure(slot, hook.arity() as u32)
}

/// Lets an environment be that of a plain file.
///
/// This build has the library at the exported level only, and its import marks the environment as that of a `module`:
/// definitions would be private until they are said to be public, and `#print axioms` would refuse. People's files are
/// plain ones. The mark is a byte of the header, which both views of the environment hold.
fn mark_as_plain_file(lean: &mut dyn Machine, environment: Object) -> Result<()> {
    const IS_MODULE: u32 = 4; // among the scalars of the header
    lean.expect_fields("Lean.Environment", environment, 8)?;
    let views = lean.expect_fields("Lean.Environment's base", lean.field(environment, 0)?, 2)?;
    for i in [0, 1] {
        let kernel = lean.expect_fields("Lean.Kernel.Environment", lean.field(views, i)?, 6)?;
        let header = lean.expect_fields("Lean.EnvironmentHeader", lean.field(kernel, 5)?, 6)?;
        if lean.scalar(header, IS_MODULE)? > 1 {
            return Err(Fault::Unfit("Lean.EnvironmentHeader.isModule is no Bool".to_owned()));
        }
        lean.set_scalar(header, IS_MODULE, 0)?;
    }
    Ok(())
}

/// Whether a character is one of a word's, to whoever looks for words of ASCII.
pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
