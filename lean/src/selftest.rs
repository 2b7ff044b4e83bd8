//! Elaborates a few theorems: a broken set-up shows at once.

use std::time::Duration;

use crate::driver::{Driver, Limited};
use crate::machine::{Fault, Machine, Result};
use crate::protocol::ApplyAnswer;

const PROVED: [(&str, &str); 4] = [
    ("theorem simp_works (xs : List Nat) : (xs ++ []).length + 0 = xs.length", "simp"),
    ("theorem omega_works (a b : Nat) (h : a < b) : a + 1 ≤ b", "omega"),
    ("theorem grind_works (p q : Prop) (hp : p) (hq : q) : p ∧ q", "grind"),
    ("theorem decide_works : 7 * 6 = 42 ∧ ¬ 2 ∣ 7", "decide"),
];
const REFUSED: (&str, &str) = ("theorem refused (a b : Nat) : a = b", "omega");
const REFUSAL: &str = "omega could not prove the goal";
const LIMIT: Duration = Duration::from_secs(60);

/// Tactics that make something for the whole library when they first run, which an instance then has for good.
const WARMED: (&str, [&str; 6]) = (
    "(a b : Nat) (h : a < b) : a + 0 < b + 1",
    ["simp", "simp_all", "omega", "grind", "decide", "induction b with | zero => omega | succ n ih => omega"],
);
/// `exact?` takes seconds for its index when it first runs, and then fills in each part of it when a goal first asks for
/// it, which is most of what it takes for a goal: goals of the usual heads.
const INDEXED: [&str; 24] = [
    "(a b : Nat) : a + b = b + a",
    "(a b c : Nat) : a * b + a * c = a * (b + c)",
    "(a b : Nat) : a - b + b = max a b",
    "(a b : Nat) : (a + b) % b = a % b",
    "(a b : Nat) (h : a ≤ b) : a < b + 1",
    "(a b : Nat) (h : a < b) : a ≤ b",
    "(a b : Nat) (h : a ∣ b) : a ∣ b * a",
    "(a b : Nat) : a ≠ b + a + 1",
    "(x y : Int) : x - y = x + -y",
    "(x y : Int) (h : x < y) : x ≤ y",
    "(x y : Int) (h : x ≤ y) : ¬ y < x",
    "(p q : Prop) : p ∧ q ↔ q ∧ p",
    "(p q : Prop) : p ∨ q ↔ q ∨ p",
    "(p q : Prop) (h : p) : p ∨ q",
    "(p q : Prop) (h : p) (k : q) : p ∧ q",
    "(p : Prop) : ¬ (p ∧ ¬ p)",
    "(p : Nat → Prop) (h : p 0) : ∃ n, p n",
    "(a b : Bool) : (a && b) = (b && a)",
    "(s t : List Nat) : (s ++ t).length = s.length + t.length",
    "(s t : List Nat) : (s ++ t).reverse = t.reverse ++ s.reverse",
    "(s : List Nat) (f : Nat → Nat) : (s.map f).length = s.length",
    "(a : Nat) (s t : List Nat) (h : a ∈ s) : a ∈ s ++ t",
    "(s t : String) : (s ++ t).length = s.length + t.length",
    "(o : Option Nat) (h : o = none) : o.isSome = false",
];

/// Runs tactics whose first run costs more than the later ones, so that whoever starts from this memory does not pay for
/// it. What they answer does not matter.
///
/// # Errors
///
/// Whatever cuts Lean's code off.
pub fn warm_up(lean: &mut dyn Machine, driver: &mut Driver) -> Result<()> {
    let (statement, tactics) = WARMED;
    let goals = tactics.iter().map(|tactic| (statement, *tactic));
    for (goal, tactic) in goals.chain(INDEXED.iter().map(|goal| (*goal, "exact?"))) {
        run(lean, driver, &format!("theorem warm_up {goal}"), tactic)?;
    }
    Ok(())
}

/// Has four theorems proved and a fifth refused, by a driver without states.
///
/// # Errors
///
/// One that names the first theorem that Lean judges otherwise than it should, and whatever cuts Lean's code off.
pub fn self_test(lean: &mut dyn Machine, driver: &mut Driver) -> Result<()> {
    for (statement, tactic) in PROVED {
        prove(lean, driver, statement, tactic)?;
    }
    let (statement, tactic) = REFUSED;
    let outcome = run(lean, driver, statement, tactic)?;
    if !matches!(&outcome, Limited::Done(ApplyAnswer { failed: Some(text), .. }) if text.contains(REFUSAL)) {
        return Err(Fault::Unfit(format!("`{statement}` should be refused: {outcome:?}")));
    }
    match driver.n_live_states() {
        0 => Ok(()),
        n => Err(Fault::Unfit(format!("{n} states are left over"))),
    }
}

fn prove(lean: &mut dyn Machine, driver: &mut Driver, statement: &str, tactic: &str) -> Result<()> {
    let outcome = run(lean, driver, statement, tactic)?;
    if !matches!(&outcome, Limited::Done(answer) if answer.proved) {
        return Err(Fault::Unfit(format!("{tactic} does not prove `{statement}`: {outcome:?}")));
    }
    let claim = driver.claim(lean, "", statement, &format!("  {tactic}"), LIMIT)?;
    let Limited::Done(Ok(claim)) = claim else {
        return Err(Fault::Unfit(format!("Lean does not elaborate `{statement}`: {claim:?}")));
    };
    let verdict = driver.judge(lean, "", &claim, &[], LIMIT)?;
    if !matches!(&verdict, Limited::Done(answer) if answer.accepted) {
        return Err(Fault::Unfit(format!("the kernel does not accept `{statement}`: {verdict:?}")));
    }
    Ok(())
}

/// What becomes of a tactic in the first state of a statement.
fn run(lean: &mut dyn Machine, driver: &mut Driver, statement: &str, tactic: &str) -> Result<Limited<ApplyAnswer>> {
    let opened = driver.open(lean, "", statement, &[], LIMIT)?;
    let state = if let Limited::Done(answer) = &opened { answer.state } else { None };
    let state = state.ok_or_else(|| Fault::Unfit(format!("Lean does not open `{statement}`: {opened:?}")))?;
    let outcome = driver.apply(lean, state, tactic, LIMIT)?;
    let next = if let Limited::Done(answer) = &outcome { answer.open } else { None };
    driver.free(lean, &[Some(state), next].into_iter().flatten().collect::<Vec<_>>())?;
    Ok(outcome)
}
