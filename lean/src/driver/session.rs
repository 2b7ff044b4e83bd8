//! Sessions: what the tactic framework holds at a proof's first step, kept so that tactics run from it again and again.
//!
//! How a state stays alive: the statement is elaborated by Lean's own command elaborator with a proof that begins with
//! `trace_state`. A [hook](crate::hooks) stands in the place of that tactic's built-in elaborator, which receives the
//! contexts and state references of the tactic framework and keeps them. A later tactic is parsed and handed to
//! `Lean.Elab.Tactic.evalTactic` with the same contexts and fresh references to the kept states. Core, Meta, Term and
//! Tactic states are persistent data, so a step costs what its tactic costs, at any depth, and siblings share memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::driver::facts;
use crate::driver::messages::empty_log;
use crate::machine::{Fault, Machine, Result};
use crate::object::{Object, boxed, is_boxed, unboxed};

/// Fields of Lean 4.28's `Lean.Core.Context`.
mod core_context {
    pub(super) const INIT_HEARTBEATS: u32 = 8;
    pub(super) const CANCEL_TOKEN: u32 = 12;
    pub(super) const N: u32 = 14;
}

/// Fields of Lean 4.28's `Lean.Core.State`.
pub(crate) mod core_state {
    pub(crate) const ENVIRONMENT: u32 = 0;
    pub(crate) const MESSAGES: u32 = 6;
    pub(crate) const INFO_STATE: u32 = 7;
    pub(crate) const N: u32 = 9;
}

/// Fields of Lean 4.28's `Lean.Elab.InfoState`.
mod info_state {
    pub(super) const N: u32 = 3;
    /// Among the scalars.
    pub(super) const ENABLED: u32 = 0;
}

/// Fields of Lean 4.28's `Lean.Elab.Tactic.Context`.
mod tactic_context {
    pub(super) const N: u32 = 1;
    /// Among the scalars.
    pub(super) const RECOVER: u32 = 0;
}

/// What a function of Lean's gave, or its exception; both owned.
pub(crate) type Outcome = std::result::Result<Object, Object>;

/// An opened statement. Its objects are owned.
#[derive(Debug)]
pub(crate) struct Session {
    /// Of Tactic, Term, Meta and Core.
    pub(crate) contexts: [Object; 4],
    /// What elaborating the statement has used up.
    pub(crate) heartbeats: u32,
    /// The metavariable that stands for the whole proof.
    pub(crate) root_goal: Object,
    /// Names that a proof may not rest on.
    pub(crate) without: BTreeSet<String>,
    /// The states of Tactic, Term, Meta and Core at the first step, until they are kept elsewhere.
    pub(crate) root: Option<[Object; 4]>,
    /// What the preamble declares.
    pub(crate) declared: Option<Arc<facts::Declared>>,
}

impl Session {
    /// Lets everything go that the session owns.
    pub(crate) fn discard(self, lean: &mut dyn Machine) -> Result<()> {
        if let Some(root) = self.root {
            lean.release_all(&root)?;
        }
        lean.release_all(&self.contexts)?;
        lean.release(self.root_goal)
    }
}

/// What `trace_state` saw while a statement was elaborated.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    /// Whether a session is made of the first call.
    pub(crate) adopts: bool,
    /// The name (owned) of the declaration under elaboration.
    pub(crate) name: Option<Object>,
    /// The session, where one was to be made.
    pub(crate) session: Option<Session>,
}

/// Takes in what `trace_state` was called with (borrowed).
pub(crate) fn capture(lean: &mut dyn Machine, arguments: &[u32]) -> Result<()> {
    let called = Called::of(arguments)?;
    let Some(capture) = &lean.hooks().capture else { return Ok(()) };
    let (lacks_name, lacks_session) = (capture.name.is_none(), capture.adopts && capture.session.is_none());
    if lacks_name {
        let name = declaration_name(lean, called.term_context)?;
        lean.retain(name)?;
        if let Some(capture) = &mut lean.hooks().capture {
            capture.name = Some(name);
        }
    }
    if lacks_session {
        let session = adopt(lean, called)?;
        if let Some(capture) = &mut lean.hooks().capture {
            capture.session = Some(session);
        }
    }
    Ok(())
}

/// The contexts, and references to the states, of the tactic framework.
#[derive(Clone, Copy)]
struct Called {
    tactic_context: Object,
    tactic: Object,
    term_context: Object,
    term: Object,
    meta_context: Object,
    meta: Object,
    core_context: Object,
    core: Object,
}

impl Called {
    fn of(arguments: &[u32]) -> Result<Self> {
        // The syntax stands before them, the world token behind.
        let [_, framework @ .., _] = arguments else { return Err(Self::unfit(arguments)) };
        let &[tactic_context, tactic, term_context, term, meta_context, meta, core_context, core] = framework else {
            return Err(Self::unfit(arguments));
        };
        Ok(Self { tactic_context, tactic, term_context, term, meta_context, meta, core_context, core })
    }

    fn unfit(arguments: &[u32]) -> Fault {
        Fault::Unfit(format!("an elaborator of tactics was called with {} words", arguments.len()))
    }
}

/// The name (borrowed) of the declaration under elaboration.
fn declaration_name(lean: &dyn Machine, term_context: Object) -> Result<Object> {
    let name = lean.field(term_context, 0)?;
    if is_boxed(name) { Ok(name) } else { lean.field(name, 0) }
}

/// Makes a session of what the hook saw.
fn adopt(lean: &mut dyn Machine, called: Called) -> Result<Session> {
    let tactic_context = context_of_tactics(lean, called.tactic_context)?;
    let (core_context, heartbeats) = context_of_core(lean, called.core_context)?;
    let core = quiet_core(lean, called.core)?;
    let tactic = lean.runtime("lean_st_ref_get", &[called.tactic])?;
    let root_goal = lean.field(tactic, 0)?;
    lean.retain_all(&[called.term_context, called.meta_context, root_goal])?;
    let term = lean.runtime("lean_st_ref_get", &[called.term])?;
    let meta = lean.runtime("lean_st_ref_get", &[called.meta])?;
    Ok(Session {
        contexts: [tactic_context, called.term_context, called.meta_context, core_context],
        heartbeats,
        root_goal,
        without: BTreeSet::new(),
        root: Some([tactic, term, meta, core]),
        declared: None,
    })
}

/// A copy (owned) of a `Tactic.Context` in which the first error ends a step instead of being patched over.
fn context_of_tactics(lean: &mut dyn Machine, context: Object) -> Result<Object> {
    lean.expect_fields("Lean.Elab.Tactic.Context", context, tactic_context::N)?;
    let copy = lean.with_fields(context, &[])?;
    lean.set_scalar(copy, tactic_context::RECOVER, 0)?;
    Ok(copy)
}

/// A copy (owned) of a `Core.Context` with our cancellation token, and the heartbeats used so far. They are counted
/// from nought in a session: what the statement has used up belongs to the declaration.
fn context_of_core(lean: &mut dyn Machine, context: Object) -> Result<(Object, u32)> {
    lean.expect_fields("Lean.Core.Context", context, core_context::N)?;
    let now = heartbeats(lean)?;
    let initially = lean.field(context, core_context::INIT_HEARTBEATS)?;
    lean.retain(initially)?;
    let initially = natural(lean, initially)?;
    let token = some_token(lean)?;
    let replaced = [(core_context::CANCEL_TOKEN, token), (core_context::INIT_HEARTBEATS, boxed(0))];
    let copy = lean.with_fields(context, &replaced)?;
    Ok((copy, now.saturating_sub(initially)))
}

/// The `Core.State` (owned) in a reference (borrowed), without messages and without notes for whoever hovers over a
/// text: nobody hovers over a search.
fn quiet_core(lean: &mut dyn Machine, reference: Object) -> Result<Object> {
    let state = lean.runtime("lean_st_ref_get", &[reference])?;
    lean.expect_fields("Lean.Core.State", state, core_state::N)?;
    let info = lean.field(state, core_state::INFO_STATE)?;
    lean.expect_fields("Lean.Elab.InfoState", info, info_state::N)?;
    let info = lean.with_fields(info, &[])?;
    lean.set_scalar(info, info_state::ENABLED, 0)?;
    let log = empty_log(lean)?;
    let quiet = lean.with_fields(state, &[(core_state::MESSAGES, log), (core_state::INFO_STATE, info)])?;
    lean.release(state)?;
    Ok(quiet)
}

/// `some` of the cancellation token, owned.
pub(crate) fn some_token(lean: &mut dyn Machine) -> Result<Object> {
    let token = lean.hooks().token;
    lean.retain(token)?;
    lean.some(token)
}

/// The heartbeats that Lean has counted.
pub(crate) fn heartbeats(lean: &mut dyn Machine) -> Result<u32> {
    let counted = lean.runtime("lean_io_get_num_heartbeats", &[])?;
    natural(lean, counted)
}

/// Lets Lean count heartbeats from `used` on.
pub(crate) fn start_heartbeats(lean: &mut dyn Machine, used: u32) -> Result<()> {
    const LARGEST: u32 = 0x3fff_ffff;
    lean.runtime("lean_io_set_heartbeats", &[boxed(used.min(LARGEST))])?;
    Ok(())
}

/// A natural number (owned), or the largest that there is.
fn natural(lean: &mut dyn Machine, n: Object) -> Result<u32> {
    if is_boxed(n) {
        return Ok(unboxed(n));
    }
    let digits = lean.call("Nat_reprFast", &[n])?;
    Ok(lean.take_text(digits, u32::MAX)?.parse().unwrap_or(u32::MAX))
}

/// References to the states of the tactic framework, so that its functions can be called.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Contexts (borrowed) and references (owned) of Tactic, Term, Meta and Core, as every function takes them.
    framework: [Object; 8],
}

impl Inside {
    /// Makes references to states (borrowed).
    pub(crate) fn enter(lean: &mut dyn Machine, contexts: &[Object; 4], parts: &[Object; 4]) -> Result<Self> {
        let mut framework = [0; 8];
        for ((place, &context), &part) in framework.as_chunks_mut().0.iter_mut().zip(contexts).zip(parts) {
            lean.retain(part)?;
            *place = [context, lean.reference(part)?];
        }
        Ok(Self { framework })
    }

    /// Calls a function of `TacticM` with arguments (owned).
    pub(crate) fn tactic_m(&self, lean: &mut dyn Machine, name: &str, arguments: &[Object]) -> Result<Outcome> {
        call_within(lean, name, arguments, &self.framework)
    }

    /// Calls a function of `TermElabM` with arguments (owned).
    pub(crate) fn term_m(&self, lean: &mut dyn Machine, name: &str, arguments: &[Object]) -> Result<Outcome> {
        let [_, _, framework @ ..] = &self.framework;
        call_within(lean, name, arguments, framework)
    }

    /// Calls a function of `MetaM` with arguments (owned).
    pub(crate) fn meta_m(&self, lean: &mut dyn Machine, name: &str, arguments: &[Object]) -> Result<Outcome> {
        let [_, _, _, _, framework @ ..] = &self.framework;
        call_within(lean, name, arguments, framework)
    }

    /// The states as they are now (owned); the references are gone afterwards.
    pub(crate) fn leave(self, lean: &mut dyn Machine) -> Result<[Object; 4]> {
        let [_, tactic, _, term, _, meta, _, core] = self.framework;
        Ok([
            lean.take_reference(tactic)?,
            lean.take_reference(term)?,
            lean.take_reference(meta)?,
            lean.take_reference(core)?,
        ])
    }
}

fn call_within(lean: &mut dyn Machine, name: &str, arguments: &[Object], framework: &[Object]) -> Result<Outcome> {
    let framework = lean.retain_all(framework)?;
    let result = lean.call(name, &[arguments, &framework].concat())?;
    lean.split(result)
}
