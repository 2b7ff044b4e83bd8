//! Steps: a tactic run from a kept state.

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::facts::GoalFacts;

use crate::driver::constants::{constants_in, find, is_imported, kind, used_of};
use crate::driver::messages::{
    MESSAGE_BYTES, errors_of, exception_text, messages_of, without_error_position, without_position,
};
use crate::driver::session::{Inside, Outcome, Session, core_state, heartbeats, start_heartbeats};
use crate::driver::syntax::kind_of;
use crate::driver::{Driver, Limited, facts, is_word};
use crate::machine::{Machine, Result};
use crate::object::{Object, boxed, is_boxed};
use crate::protocol::ApplyAnswer;

/// A tactic that leaves more open goals is refused: no search uses them.
const MAX_GOALS: usize = 64;
/// Goals whose facts are told: templates work on the goals in front.
const MAX_FACTUAL: usize = 4;
/// Of all printed goals of one state.
const GOAL_BYTES: u32 = 1 << 16;
/// Columns of a printed goal.
const WIDTH: u32 = 120;

/// Fields of Lean 4.28's `Lean.Meta.State`.
mod meta_state {
    pub(super) const MCTX: u32 = 0;
    pub(super) const N: u32 = 5;
}

/// A kept state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) session: Arc<Session>,
    /// The states of Tactic, Term, Meta and Core, owned.
    pub(crate) parts: [Object; 4],
    /// Used on the way here.
    pub(crate) heartbeats: u32,
}

/// Goals as they are told.
#[derive(Debug, Default)]
pub(crate) struct Goals {
    /// As Lean prints them.
    pub(crate) texts: Vec<String>,
    /// Of the first goals.
    pub(crate) facts: Vec<Option<GoalFacts>>,
}

/// What became of a tactic that did not fail.
enum Stepped {
    Proved { tried: Vec<String> },
    Open { goals: Goals, parts: [Object; 4], heartbeats: u32, tried: Vec<String> },
}

/// A value, or Lean's message to whoever wrote the tactic.
type OrMessage<T> = std::result::Result<T, String>;

impl Driver {
    /// Runs a tactic from a state and keeps the new state, if any.
    ///
    /// # Errors
    ///
    /// Whatever ends the instance.
    pub fn apply(
        &mut self,
        lean: &mut dyn Machine,
        state: u64,
        tactic: &str,
        limit: Duration,
    ) -> Result<Limited<ApplyAnswer>> {
        let Some(parent) = self.states.get(&state).cloned() else {
            return Ok(Limited::Done(ApplyAnswer { lost: true, ..ApplyAnswer::default() }));
        };
        let (stepped, fired) = self.timed(lean, limit, |_, lean| step(lean, &parent, tactic))?;
        Ok(Limited::Done(match stepped {
            Err(_) if fired => return Ok(Limited::Timeout),
            Err(message) => ApplyAnswer { failed: Some(message), ..ApplyAnswer::default() },
            Ok(Stepped::Proved { tried }) => ApplyAnswer { proved: true, tried, ..ApplyAnswer::default() },
            Ok(Stepped::Open { goals: Goals { texts, facts }, parts, heartbeats, tried }) => {
                let open = self.keep(State { session: parent.session, parts, heartbeats });
                ApplyAnswer { open: Some(open), goals: texts, facts, tried, ..ApplyAnswer::default() }
            }
        }))
    }

    /// Lets states go; unknown ones are ignored.
    ///
    /// # Errors
    ///
    /// Whatever ends the instance.
    pub fn free(&mut self, lean: &mut dyn Machine, states: &[u64]) -> Result<()> {
        for id in states {
            let Some(State { session, parts, .. }) = self.states.remove(id) else { continue };
            lean.release_all(&parts)?;
            if let Some(session) = Arc::into_inner(session) {
                session.discard(lean)?;
            }
        }
        Ok(())
    }
}

fn step(lean: &mut dyn Machine, parent: &State, tactic: &str) -> Result<OrMessage<Stepped>> {
    let State { session, parts, heartbeats: used } = parent;
    start_heartbeats(lean, *used)?; // a declaration has one allowance, as in the finished file
    let environment = environment_of(lean, parts)?;
    let stx = match parse(lean, environment, tactic)? {
        Ok(stx) => stx,
        Err(problem) => return Ok(Err(problem)),
    };
    let inside = Inside::enter(lean, &session.contexts, parts)?;
    match evaluate(lean, &inside, stx)? {
        Ok(value) => lean.release(value)?,
        Err(exception) => {
            let left = inside.leave(lean)?;
            let mut message = message_of_stop(lean, exception, &left)?;
            if opens_definitions(tactic) {
                message.push_str(&without_bodies(lean, session, parts)?);
            }
            return Ok(Err(message));
        }
    }
    let heartbeats = heartbeats(lean)?;
    let after = inside.leave(lean)?;
    let goals = match outcome_of(lean, session, &after)? {
        Ok(goals) => goals,
        Err(message) => {
            lean.release_all(&after)?;
            return Ok(Err(message));
        }
    };
    let tried = said_by(lean, tactic, &after, parts)?;
    Ok(Ok(match goals {
        Some(goals) => Stepped::Open { goals, parts: after, heartbeats, tried },
        None => {
            lean.release_all(&after)?;
            Stepped::Proved { tried }
        }
    }))
}

/// The environment (borrowed) of a state.
fn environment_of(lean: &dyn Machine, parts: &[Object; 4]) -> Result<Object> {
    let [.., core] = *parts;
    lean.field(core, core_state::ENVIRONMENT)
}

/// A tactic sequence (owned) parsed as it will stand in the file: indented below `by`.
fn parse(lean: &mut dyn Machine, environment: Object, tactic: &str) -> Result<OrMessage<Object>> {
    lean.retain(environment)?;
    let category = lean.name(&["term"])?;
    let text = lean.string(&format!("by\n  {}", tactic.replace('\n', "\n  ")))?;
    let file = lean.string("<tactic>")?;
    let result = lean.call("Lean_Parser_runParserCategory", &[environment, category, text, file])?;
    let payload = lean.field(result, 0)?;
    lean.retain(payload)?;
    let failed = lean.tag(result)? == 0; // Except: error is the first constructor
    lean.release(result)?;
    if failed {
        return Ok(Err(lean.take_text(payload, MESSAGE_BYTES)?));
    }
    let kind = kind_of(lean, payload)?;
    if kind != "Lean.Parser.Term.byTactic" {
        lean.release(payload)?;
        return Ok(Err(format!("<tactic>: expected a tactic, found {kind}")));
    }
    let sequence = lean.array_item(lean.field(payload, 2)?, 1)?;
    lean.retain(sequence)?;
    lean.release(payload)?;
    Ok(Ok(sequence))
}

/// Runs a tactic sequence (owned) up to where its goals can be looked at.
fn evaluate(lean: &mut dyn Machine, inside: &Inside, stx: Object) -> Result<Outcome> {
    let mut outcome = inside.tactic_m(lean, "Lean_Elab_Tactic_evalTactic", &[stx])?;
    if let Ok(value) = outcome {
        lean.release(value)?;
        outcome = inside.term_m(lean, "Lean_Elab_Term_synthesizeSyntheticMVarsNoPostponing", &[boxed(0)])?;
    }
    if let Ok(value) = outcome {
        lean.release(value)?;
        outcome = inside.tactic_m(lean, "Lean_Elab_Tactic_getUnsolvedGoals", &[])?; // also drops the solved ones
    }
    Ok(outcome)
}

/// What Lean would print first of a step that ended with an exception (owned) and left these states (owned): what was
/// logged comes first, and an exception after it may say nothing of its own.
fn message_of_stop(lean: &mut dyn Machine, exception: Object, left: &[Object; 4]) -> Result<String> {
    let logged = logged_error(lean, left)?;
    lean.release_all(left)?;
    let text = exception_text(lean, exception)?;
    Ok(logged.unwrap_or(text))
}

/// The first error that a step logged.
fn logged_error(lean: &mut dyn Machine, parts: &[Object; 4]) -> Result<Option<String>> {
    let [.., core] = *parts;
    let log = lean.field(core, core_state::MESSAGES)?;
    let messages = messages_of(lean, log)?;
    Ok(errors_of(&messages).first().map(|text| without_error_position(text).to_owned()))
}

/// The goals of a state that a tactic has led to; none where it is a proof.
fn outcome_of(lean: &mut dyn Machine, session: &Session, after: &[Object; 4]) -> Result<OrMessage<Option<Goals>>> {
    if let Some(error) = logged_error(lean, after)? {
        return Ok(Err(error));
    }
    let [goals, ..] = *after;
    if is_boxed(goals) {
        return Ok(flaw_of_proof(lean, session, after)?.map_or(Ok(None), Err));
    }
    Ok(goals_of(lean, session, after)?.map(Some))
}

/// The goals of a state, or why they are not told.
pub(crate) fn goals_of(lean: &mut dyn Machine, session: &Session, parts: &[Object; 4]) -> Result<OrMessage<Goals>> {
    let inside = Inside::enter(lean, &session.contexts, parts)?;
    let told = tell(lean, &inside, session, parts)?;
    let left = inside.leave(lean)?;
    lean.release_all(&left)?;
    Ok(told)
}

fn tell(lean: &mut dyn Machine, inside: &Inside, session: &Session, parts: &[Object; 4]) -> Result<OrMessage<Goals>> {
    let [goals, _, meta, _] = *parts;
    let environment = environment_of(lean, parts)?;
    let mctx = lean.field(meta, meta_state::MCTX)?;
    let mut told = Goals::default();
    let mut n_printed = 0;
    for goal in lean.list_items(goals)? {
        if told.texts.len() == MAX_GOALS {
            return Ok(Err(format!("more than {MAX_GOALS} goals are left")));
        }
        let text = match print(lean, inside, goal)? {
            Ok(text) => text,
            Err(problem) => return Ok(Err(problem)),
        };
        n_printed += text.encode_utf16().count();
        if n_printed > GOAL_BYTES as usize {
            return Ok(Err(format!("the goals print to more than {GOAL_BYTES} bytes")));
        }
        told.texts.push(text);
        if told.facts.len() < MAX_FACTUAL {
            told.facts.push(match &session.declared {
                Some(declared) => facts::of_goal(lean, environment, mctx, goal, declared)?,
                None => None,
            });
        }
    }
    Ok(Ok(told))
}

/// A goal (borrowed) as Lean prints it.
fn print(lean: &mut dyn Machine, inside: &Inside, goal: Object) -> Result<OrMessage<String>> {
    lean.retain(goal)?;
    match inside.meta_m(lean, "Lean_Meta_ppGoal", &[goal])? {
        Ok(format) => {
            let text = lean.call("Std_Format_pretty", &[format, boxed(WIDTH), boxed(0), boxed(0)])?;
            Ok(Ok(lean.take_text(text, GOAL_BYTES + 1)?))
        }
        Err(exception) => Ok(Err(exception_text(lean, exception)?)),
    }
}

/// Why a state without goals is no proof: the root goal's term still has holes, uses `sorry`, or what it may not.
fn flaw_of_proof(lean: &mut dyn Machine, session: &Session, parts: &[Object; 4]) -> Result<Option<String>> {
    let [_, _, meta, _] = *parts;
    lean.expect_fields("Lean.Meta.State", meta, meta_state::N)?;
    let environment = environment_of(lean, parts)?;
    let mctx = lean.field(meta, meta_state::MCTX)?;
    lean.retain_all(&[mctx, session.root_goal])?;
    let root = lean.call("Lean_Expr_mvar___override", &[session.root_goal])?;
    let pair = lean.runtime("lean_instantiate_expr_mvars", &[mctx, root])?;
    let proof = lean.field(pair, 1)?;
    let flaw = if holds(lean, "Lean_Expr_hasSorry", proof)? {
        Some("the proof uses `sorry`".to_owned())
    } else if holds(lean, "Lean_Expr_hasExprMVar", proof)? {
        Some("the proof contains metavariables".to_owned())
    } else {
        used_of(lean, environment, proof, &session.without)?.map(|lemma| uses_what_it_may_not(&lemma))
    };
    lean.release(pair)?;
    Ok(flaw)
}

/// What a function says of an expression (borrowed).
fn holds(lean: &mut dyn Machine, function: &str, expression: Object) -> Result<bool> {
    lean.retain(expression)?;
    lean.asks(function, &[expression])
}

/// The complaint about a proof that uses one of the names that it may not.
pub(crate) fn uses_what_it_may_not(lemma: &str) -> String {
    format!("the proof uses {lemma}, which this problem does without")
}

/// What a tactic that may only search logged besides what its parent's state held: such tactics tell what to put in
/// their place.
fn said_by(lean: &mut dyn Machine, tactic: &str, after: &[Object; 4], before: &[Object; 4]) -> Result<Vec<String>> {
    if !may_suggest(tactic) {
        return Ok(Vec::new());
    }
    let said = all_said(lean, after)?;
    let n_before = all_said(lean, before)?.len();
    Ok(said.into_iter().skip(n_before).collect())
}

fn all_said(lean: &mut dyn Machine, parts: &[Object; 4]) -> Result<Vec<String>> {
    let [.., core] = *parts;
    let log = lean.field(core, core_state::MESSAGES)?;
    let messages = messages_of(lean, log)?;
    Ok(messages.iter().map(|message| without_position(&message.text).to_owned()).collect())
}

fn may_suggest(tactic: &str) -> bool {
    ["?", "show_term", "hint", "suggest", "library_search"].iter().any(|sign| tactic.contains(sign))
}

/// Whether a tactic has to open what stands in the goal.
fn opens_definitions(tactic: &str) -> bool {
    let tactic = tactic.trim_start();
    let tactic = match tactic.strip_prefix("exact") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => tactic,
    };
    ["decide", "rfl", "eq_refl", "unfold", "delta"]
        .iter()
        .any(|word| tactic.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word)))
}

/// One sentence on definitions of the library in the first goal whose bodies this build does not have, or nothing: at
/// the exported level the library's modules keep the bodies of some definitions, as `Nat.repr`, to themselves.
fn without_bodies(lean: &mut dyn Machine, session: &Session, parts: &[Object; 4]) -> Result<String> {
    let [goals, ..] = *parts;
    let Some(&goal) = lean.list_items(goals)?.first() else { return Ok(String::new()) };
    let inside = Inside::enter(lean, &session.contexts, parts)?;
    lean.retain(goal)?;
    let outcome = inside.meta_m(lean, "Lean_MVarId_getType", &[goal])?;
    let left = inside.leave(lean)?;
    lean.release_all(&left)?;
    let target = match outcome {
        Ok(target) => target,
        Err(exception) => {
            lean.release(exception)?;
            return Ok(String::new());
        }
    };
    let environment = environment_of(lean, parts)?;
    let names = constants_in(lean, target)?;
    let mut bodiless = Vec::new();
    for &name in &names {
        if is_bodiless(lean, environment, name)? {
            bodiless.push(lean.name_text(name)?);
        }
    }
    lean.release_all(&names)?;
    lean.release(target)?;
    Ok(if bodiless.is_empty() {
        String::new()
    } else {
        format!(
            "\n\nNote: this build of Lean's library comes without the body of {}, so that nothing here can compute \
             through it",
            bodiless.join(", ")
        )
    })
}

/// Whether a constant of the library had a body that is not there.
fn is_bodiless(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<bool> {
    if !is_imported(lean, environment, name)? {
        return Ok(false);
    }
    let Some(info) = find(lean, environment, name)? else { return Ok(false) };
    let is_axiom = lean.tag(info)? == kind::AXIOM;
    lean.release(info)?;
    if !is_axiom {
        return Ok(false);
    }
    lean.retain_all(&[environment, name])?;
    Ok(!lean.asks("Lean_wasOriginallyTheorem", &[environment, name])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_that_open_definitions() {
        for tactic in ["decide", " rfl", "exact rfl", "\n  exact  decide", "unfold f at h", "rfl'", "eq_refl"] {
            assert!(opens_definitions(tactic), "{tactic}");
        }
        for tactic in ["simp", "decidex", "rfl_", "exactrfl", "exact (rfl)", "native_decide", "exact"] {
            assert!(!opens_definitions(tactic), "{tactic}");
        }
    }

    #[test]
    fn tactics_that_may_suggest() {
        assert!(may_suggest("exact?"));
        assert!(may_suggest("show_term simp"));
        assert!(!may_suggest("simp"));
    }
}
