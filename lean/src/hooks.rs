//! Where Lean calls back: functions of the driver that stand in Lean's function table.
//!
//! The rewritten module imports each [`Hook`] and keeps it in a slot of its table (`crate::module`). Whoever implements
//! [`Machine`] hands the call on to [`answer`], in the middle of a call of the driver's own; what the driver wants to know
//! of it stands in [`Hooks`] afterwards.

use std::collections::HashMap;

use crate::driver::session;
use crate::machine::{Fault, Machine, Result};
use crate::object::{NIL, Object, boxed};

/// A function that Lean calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Stands in the place of the elaborator of `trace_state`, a tactic.
    TraceState,
    /// An action of `Lean.Elab.Command.CommandElabM` that hands out its context.
    CommandContext,
    /// Whether a message's tag is the one of `sorry`.
    IsSorry,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TraceState, Self::CommandContext, Self::IsSorry];

    /// Its name as an import of the rewritten module, and as a symbol of its slot.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceState => "stepwise_trace_state",
            Self::CommandContext => "stepwise_command_context",
            Self::IsSorry => "stepwise_is_sorry",
        }
    }

    /// How many words it takes. Each gives one.
    #[must_use]
    pub const fn arity(self) -> usize {
        match self {
            // The syntax, context and state reference of Tactic, Term, Meta and Core, the world token.
            Self::TraceState => 10,
            // The context, the state's reference, the world token.
            Self::CommandContext => 3,
            Self::IsSorry => 1,
        }
    }
}

/// The symbol of the elaborator whose place [`Hook::TraceState`] took.
pub const ORIGINAL_TRACE_STATE: &str = "stepwise_original_trace_state";

/// What the driver keeps for the time when Lean calls back, and what it learns of it.
#[derive(Debug, Default)]
pub struct Hooks {
    /// Functions that were called: slot and number of parameters.
    pub(crate) resolved: HashMap<Box<str>, (u32, usize)>,
    /// Set while a statement is elaborated: what `trace_state` sees goes there.
    pub(crate) capture: Option<session::Capture>,
    /// The cancellation token that sessions get (borrowed).
    pub(crate) token: Object,
    /// The name `hasSorry` (borrowed).
    pub(crate) sorry_tag: Object,
    /// A closure over [`Hook::IsSorry`], never freed.
    pub(crate) is_sorry: Object,
    /// A closure over [`Hook::CommandContext`], never freed.
    pub(crate) context_receiver: Object,
    /// The context (owned) that [`Hook::CommandContext`] was called with.
    pub(crate) command_context: Option<Object>,
}

impl Hooks {
    /// The same for a copy of the Lean that was made while nothing ran in it.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { resolved: self.resolved.clone(), capture: None, command_context: None, ..*self }
    }
}

/// Answers a call of Lean's. The arguments are owned.
///
/// # Errors
///
/// Whatever cuts Lean's code off; the caller lets it end the call that is under way.
pub fn answer(lean: &mut dyn Machine, hook: Hook, arguments: &[u32]) -> Result<u32> {
    match (hook, arguments) {
        (Hook::TraceState, _) if lean.hooks().capture.is_none() => {
            let slot = lean.symbols().slot(ORIGINAL_TRACE_STATE);
            let slot = slot.ok_or_else(|| Fault::Unfit("trace_state's own elaborator is gone".to_owned()))?;
            lean.invoke(slot, arguments)
        }
        (Hook::TraceState, _) => {
            session::capture(lean, arguments)?;
            lean.release_all(arguments)?;
            lean.ok(NIL)
        }
        (Hook::CommandContext, [context, state, ..]) => {
            lean.hooks().command_context = Some(*context);
            lean.release(*state)?;
            lean.ok(NIL)
        }
        (Hook::IsSorry, [tag]) => {
            let sorry = lean.hooks().sorry_tag;
            lean.retain(sorry)?;
            let same = lean.asks("Lean_Name_beq", &[*tag, sorry])?;
            Ok(boxed(u32::from(same)))
        }
        _ => Err(Fault::Unfit(format!("{} was called with {} arguments", hook.name(), arguments.len()))),
    }
}
