//! Statements: elaborated after a preamble with `sorry` for a proof, and opened for tactics.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::commands::{Options, Ran, environment_of, is_one_declaration, run_commands};
use crate::driver::constants::find;
use crate::driver::declared::{Unbound, unbound};
use crate::driver::messages::errors_of;
use crate::driver::session::{Capture, Session};
use crate::driver::step::{State, goals_of};
use crate::driver::{Driver, Limited, Preamble};
use crate::machine::{Fault, Machine, Result};
use crate::object::{Object, is_boxed};
use crate::protocol::OpenAnswer;

/// What elaborating a statement gave.
#[derive(Debug)]
pub(crate) struct Elaborated {
    pub(crate) ran: Ran,
    /// The declaration's name (owned), where a tactic proof was opened.
    pub(crate) name: Option<Object>,
    /// The tactic framework at the proof's first step, where it was asked for.
    pub(crate) session: Option<Session>,
    /// The names that nobody bound.
    pub(crate) unbound: Unbound,
}

impl Driver {
    /// Elaborates a statement with `sorry` for a proof. `adopts`: whether a session is made of it.
    pub(crate) fn elaborate_statement(
        &mut self,
        lean: &mut dyn Machine,
        statement: &str,
        before: &Preamble,
        adopts: bool,
        examples_are_kept: bool,
    ) -> Result<Elaborated> {
        lean.retain(before.state)?;
        lean.hooks().capture = Some(Capture { adopts, ..Capture::default() });
        let text = format!("{statement} := by\n  trace_state\n  sorry\n");
        let ran = run_commands(lean, &text, before.state, Options { examples_are_kept, first_is_kept: true });
        let Capture { name, session, .. } = lean.hooks().capture.take().unwrap_or_default();
        let mut ran = ran?;
        let environment = environment_of(lean, ran.state)?;
        let info = match name {
            Some(name) if !is_boxed(name) => find(lean, environment, name)?,
            _ => None,
        };
        let first = ran.first.take();
        let unbound = unbound(lean, first, info, &format!("{}\n{statement}", before.text))?;
        lean.release_all(info.as_slice())?;
        if let Some(first) = first {
            lean.release_all(&first)?;
        }
        Ok(Elaborated { ran, name, session, unbound })
    }

    /// Elaborates a statement after a preamble and keeps its root state.
    ///
    /// # Errors
    ///
    /// Whatever ends the instance.
    pub fn open(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        without: &[String],
        limit: Duration,
    ) -> Result<Limited<OpenAnswer>> {
        let (begun, fired) = self.timed(lean, limit, |driver, lean| driver.begin(lean, preamble, statement))?;
        let (mut session, notes) = match begun {
            Ok(begun) => begun,
            Err(_) if fired => return Ok(Limited::Timeout),
            Err(problem) => return Ok(rejected(problem)),
        };
        let Some(root) = session.root else { return Err(Fault::Unfit("a proof has no first step".to_owned())) };
        let (goals, fired) = self.timed(lean, limit, |_, lean| goals_of(lean, &session, &root))?;
        let goals = match goals {
            Ok(goals) if !fired => goals,
            goals => {
                session.discard(lean)?;
                return Ok(goals.err().filter(|_| !fired).map_or(Limited::Timeout, rejected));
            }
        };
        session.without = without.iter().cloned().collect();
        session.root = None;
        let declarations = session.declared.as_ref().map(|declared| declared.list.clone()).unwrap_or_default();
        let heartbeats = session.heartbeats;
        let state = self.keep(State { session: Arc::new(session), parts: root, heartbeats });
        Ok(Limited::Done(OpenAnswer {
            state: Some(state),
            goals: goals.texts,
            notes,
            facts: goals.facts,
            declarations,
            rejected: None,
        }))
    }

    /// A session and the statement's notes, or why it is rejected.
    fn begin(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
    ) -> Result<std::result::Result<(Session, Vec<String>), String>> {
        let before = self.preamble(lean, preamble)?;
        if let Some(error) = before.errors.first() {
            return Ok(Err(format!("the preamble is refused: {error}")));
        }
        // An example leaves no constant, in which the names that nobody bound are seen, unless it is kept.
        let elaborated = self.elaborate_statement(lean, statement, &before, true, true)?;
        let Elaborated { ran, name, session, unbound } = elaborated;
        lean.release(ran.state)?;
        lean.release_all(name.as_slice())?;
        let problem = problem_of(&ran);
        let Some(mut session) = session else {
            return Ok(Err(problem.unwrap_or_else(|| "the statement opens no tactic proof".to_owned())));
        };
        if let Some(problem) = problem.or_else(|| unbound.refused.into_iter().next()) {
            session.discard(lean)?;
            return Ok(Err(problem));
        }
        session.declared = Some(before.declared(lean)?);
        Ok(Ok((session, unbound.notes)))
    }
}

/// Why commands are no statement.
fn problem_of(ran: &Ran) -> Option<String> {
    let error = errors_of(&ran.messages).into_iter().next();
    error.or_else(|| {
        (!is_one_declaration(&ran.kinds))
            .then(|| format!("expected one declaration, found {}: {}", ran.kinds.len(), ran.kinds.join(", ")))
    })
}

fn rejected(problem: String) -> Limited<OpenAnswer> {
    Limited::Done(OpenAnswer { rejected: Some(problem), ..OpenAnswer::default() })
}
