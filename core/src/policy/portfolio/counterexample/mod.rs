//! Counterexamples: tactics that refute `∀ binders, P` by values, one tactic for each choice of values.
//!
//! A goal `¬∀ (n : ℕ) (m : ℕ), 0 < n → n < m` is met with `exact fun h => absurd (h 1 0 (by decide)) (by decide)`. The
//! values come from the types of the binders, small ones first, in the order of a diagonal; where the statement is plain
//! arithmetic its truth is computed here first, so that thousands of choices cost nothing and Lean sees only the right
//! ones. Which values a proof has used is told by making the same tactics once more ([`values_in`]), not by reading it.
//!
//! Lean decides what is true: a value that was chosen wrongly costs a tactic.

mod judge;
mod own_types;
mod quantified;
mod values;

use self::judge::{Judge, Truth};
pub use self::own_types::OwnTypes;
use self::quantified::{Form, Item, Quantified};
use self::values::Choices;
use super::view::View;
use crate::goal::Goal;
use crate::policy::drafts::Drafts;

/// A tactic that refutes by values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The tactic, which closes the goal if the values do what they are meant to.
    pub tactic: String,
    /// The value of each variable, in the binders' order.
    pub values: Vec<Assignment>,
}

/// A variable of the statement and its value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Assignment {
    pub name: String,
    /// A term of Lean.
    pub value: String,
}

/// The most tactics that [`propose`] gives for one goal.
pub const MOST: usize = 40;

/// Choices of values whose truth is looked at here.
const JUDGED: usize = 20_000;

/// Choices that are offered to Lean when their truth is not known here.
const UNKNOWN: usize = 24;

/// Choices that are offered when they are known to refute; the first is nearly always enough.
const KNOWN: usize = 3;

/// At most [`MOST`] tactics for the first goal, the likeliest first; none when it is no refutation of a statement over
/// types whose values are known.
#[must_use]
pub fn propose(goals: &[Goal], own: &OwnTypes) -> Vec<Counterexample> {
    let [goal] = goals else { return Vec::new() };
    let Some(quantified) = Quantified::of_goal(goal) else { return Vec::new() };
    let (known, unknown) = choices(&quantified, own);
    // For a witness there are other templates, unless it is known.
    let tuples: &[Vec<Assignment>] = match quantified.form {
        _ if !known.is_empty() => &known,
        Form::Exists => return Vec::new(),
        Form::Negation | Form::Hypothesis(_) => &unknown,
    };
    let mut all = Vec::new();
    // The cheap way for all values comes before the dear ones for the first few.
    for (closing, n) in [(Closing::Decide, UNKNOWN), (Closing::Kernel, 4), (Closing::Simp, 6), (Closing::Grind, 6)] {
        all.extend(tuples.iter().take(n).map(|values| Counterexample {
            tactic: quantified.tactic(values, closing),
            values: quantified.told(values),
        }));
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|one: &Counterexample| seen.insert(one.tactic.clone()));
    all.truncate(MOST);
    all
}

/// `n := 2, m := 0`.
#[must_use]
pub fn in_words(values: &[Assignment]) -> String {
    values.iter().map(|one| format!("{} := {}", one.name, one.value)).collect::<Vec<_>>().join(", ")
}

/// The portfolio's share of it: a few of the tactics, where a goal is a refutation.
pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    let goal =
        Goal { case: None, hypotheses: Vec::new(), target: view.target.clone(), text: String::new(), facts: None };
    if view.n_goals == 1 && view.hyps.is_empty() {
        for (idx, made) in propose(&[goal], &OwnTypes::default()).into_iter().take(6).enumerate() {
            drafts.add(6.0 - idx as f64 * 0.5, made.tactic);
        }
    }
}

/// The choices that are known to refute, and those whose truth is not known.
fn choices(quantified: &Quantified, own: &OwnTypes) -> (Vec<Vec<Assignment>>, Vec<Vec<Assignment>>) {
    let judge = Judge::new(quantified);
    let (mut known, mut unknown, mut n_judged) = (Vec::new(), Vec::new(), 0_usize);
    for values in Choices::new(quantified, own).take(JUDGED) {
        n_judged += 1;
        match judge.refutes(&values) {
            Truth::True => known.push(values),
            Truth::Unknown if unknown.len() < UNKNOWN => unknown.push(values),
            Truth::Unknown | Truth::False => {}
        }
        // Where nothing can be computed, more choices tell nothing.
        let is_blind = known.is_empty() && unknown.len() >= UNKNOWN && n_judged >= 10 * UNKNOWN;
        if known.len() >= KNOWN || is_blind {
            break;
        }
    }
    (known, unknown)
}

/// How what is left after the values is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Decide,
    Kernel,
    Simp,
    Grind,
}

impl Quantified {
    /// What is told of the values: instances and proofs are nothing to look at.
    fn told(&self, values: &[Assignment]) -> Vec<Assignment> {
        let is_told = |name: &str| self.variables().any(|variable| variable.name == name && !variable.is_instance);
        values.iter().filter(|one| is_told(&one.name)).cloned().collect()
    }

    fn tactic(&self, values: &[Assignment], closing: Closing) -> String {
        let value = |name: &str| {
            values.iter().find(|one| one.name == name).map_or_else(|| "_".to_owned(), |one| one.value.clone())
        };
        let decide = match closing {
            Closing::Kernel => "decide +kernel",
            Closing::Grind => "grind",
            Closing::Simp => "simp",
            Closing::Decide => "decide",
        };
        if self.form == Form::Exists {
            let witnesses: Vec<String> = self.variables().map(|variable| value(&variable.name)).collect();
            return format!("exact ⟨{}, by {decide}⟩", witnesses.join(", "));
        }
        let (head, name) = match &self.form {
            Form::Hypothesis(name) => (String::new(), name.clone()),
            _ => ("fun h => ".to_owned(), "h".to_owned()),
        };
        // With `@` every argument stands in its place, the implicit ones and the instances too.
        let name = if self.variables().any(|variable| !variable.is_explicit) { format!("@{name}") } else { name };
        let with_proofs = matches!(closing, Closing::Decide | Closing::Kernel);
        let mut application = name;
        // Premises behind the last variable are left to a tactic that sees them together with the conclusion.
        let last = self.items.iter().rposition(|item| matches!(item, Item::Variable(_)));
        for (idx, item) in self.items.iter().enumerate() {
            match item {
                Item::Variable(variable) if variable.is_instance => application.push_str(" inferInstance"),
                Item::Variable(variable) => application.push_str(&format!(" {}", in_brackets(&value(&variable.name)))),
                Item::Premise(_) if with_proofs || last.is_some_and(|last| idx < last) => {
                    application.push_str(&format!(" (by {decide})"));
                }
                Item::Premise(_) => {}
            }
        }
        if with_proofs {
            return format!("exact {head}absurd ({application}) (by {decide})");
        }
        let intro = if head.is_empty() { String::new() } else { "intro h\n".to_owned() };
        let end = if closing == Closing::Simp { "simp at this" } else { "grind" };
        format!("{intro}have := {application}\n{end}")
    }
}

/// A term that may stand as an argument.
fn in_brackets(term: &str) -> String {
    let is_closed = term.starts_with(['(', '[', '⟨', '"', '\'']) || !term.contains([' ', '-']);
    if is_closed { term.to_owned() } else { format!("({term})") }
}

#[cfg(test)]
mod tests;
