//! Theorems about a file's own definitions: they are opened by name, and variables, calls and proofs of own types are
//! taken apart, as Lean's facts about the goal say.
//!
//! Without facts nothing is drafted here, and the families that read text do what they can.

mod cases;
mod guesses;
mod instances;
mod names;
mod recursion;

use self::names::Names;
use super::view::View;
use crate::facts::{Declaration, GoalFacts, Kind, Recursion};
use crate::policy::drafts::Drafts;

/// Below this share of their weight, tactics that know no definition wait for those that do.
const WITHOUT_NAMES: f64 = 0.3;

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    let Some(facts) = view.facts else { return };
    let names = Names::new(facts, view.declarations);
    if names.is_empty() {
        return;
    }
    drafts.scale_if(is_plain_closer, WITHOUT_NAMES);
    direct(view, &names, drafts);
    recursion::draft(view, facts, &names, drafts);
    cases::draft(view, facts, &names, drafts);
    instances::draft(view, facts, &names, drafts);
    guesses::draft(view, facts, &names, drafts);
    at_constants(view, facts, &names, drafts);
}

/// What holds of everything holds of the constants that the goal speaks of: a unit, a bottom, a default.
fn at_constants(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let constants = facts.constants.iter().filter_map(|name| names.find(name));
    let constants = constants.filter(|d| d.args.is_empty() && matches!(d.kind, Kind::Definition | Kind::Projection));
    for constant in constants.take(2) {
        for proof in facts.proofs.iter().filter(|proof| proof.binders == 1).take(2) {
            let instance = format!("have {} := {} {}", view.fresh("h", &[]), proof.name, constant.name);
            drafts.add(6.0, format!("{instance}\ngrind [{}]", names.grind()));
            drafts.add(2.0, instance);
        }
    }
}

fn unfolds_usefully(function: &Declaration) -> bool {
    function.recursion != Some(Recursion::Structural)
}

/// A closing tactic that is told no name.
fn is_plain_closer(tactic: &str) -> bool {
    ["grind", "simp", "simp_all", "omega", "simp +arith", "decide +kernel"].contains(&tactic)
        || (tactic.starts_with("induction ") || tactic.starts_with("cases "))
            && !tactic.contains("?_")
            && !tactic.contains('[')
}

/// Tactics that open definitions and use lemmas where the goal stands.
fn direct(view: &View, names: &Names, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    let has_proofs = view.proofs().next().is_some();
    let quantified = !crate::syntax::printed::telescope(&view.target).0.is_empty();
    let brake = if quantified { 0.5 } else { 1.0 };
    if crate::syntax::printed::find_top_level(&view.target, " = ").is_some() {
        drafts.add(14.0 * brake, "rfl");
    }
    if view.target_is_closed() {
        drafts.add(13.0 * brake, "decide");
    }
    drafts.add(15.0 * brake, format!("simp [{simp}]"));
    if has_proofs {
        drafts.add(14.5 * brake, format!("simp_all [{simp}]"));
    }
    drafts.add(9.0 * brake, format!("grind [{grind}]"));
    if view.is_arithmetic() {
        drafts.add(5.0 * brake, format!("simp [{simp}] <;> omega"));
        if has_proofs {
            drafts.add(4.5 * brake, format!("simp_all [{simp}] <;> omega"));
        }
    }
    if view.n_goals >= 2 {
        drafts.add(9.5, format!("all_goals try first | (simp_all [{simp}]; done) | grind [{grind}] | omega"));
    }
    let functions = names.functions_in_goal();
    // At a variable the body of a structural recursion is a `match` that nothing decides; at constructors `simp` opens it.
    let functions: Vec<&str> =
        functions.into_iter().filter(|name| names.find(name).is_some_and(unfolds_usefully)).collect();
    for (idx, name) in functions.iter().take(3).enumerate() {
        drafts.add(2.6 - 0.6 * idx as f64, format!("unfold {name}"));
    }
    if let Some(name) = functions.first() {
        drafts.add(3.5 * brake, format!("unfold {name}\nsplit <;> simp_all [{simp}]"));
        drafts.add(2.4 * brake, format!("unfold {name}\nsplit <;> grind [{grind}]"));
        drafts.add(1.2, format!("rw [{name}]"));
    }
    if functions.len() > 1 {
        drafts.add(2.2 * brake, format!("simp only [{}]", functions.join(", ")));
    }
    if view.has_branches() {
        drafts.add(4.5 * brake, format!("split <;> simp_all [{simp}]"));
        drafts.add(3.5 * brake, format!("split <;> grind [{grind}]"));
    }
    for hyp in view.proofs().filter(|hyp| hyp.ty.contains("if ") || hyp.ty.contains("match ")).take(2) {
        drafts.add(4.0, format!("split at {} <;> simp_all [{simp}]", hyp.name));
        drafts.add(3.0, format!("split at {} <;> grind [{grind}]", hyp.name));
    }
    if crate::syntax::printed::find_top_level(&view.target, " = ").is_some() {
        drafts.add(0.9 * brake, format!("ext <;> simp [{simp}]"));
        drafts.add(0.8 * brake, format!("ext <;> grind [{grind}]"));
    }
    for (idx, lemma) in names.lemmas().iter().take(4).enumerate() {
        let fade = 1.0 / (1.0 + idx as f64);
        let same = names.concludes_like(lemma, view.facts.map_or("", |facts| facts.head.as_str()));
        drafts.add(if same { 6.0 } else { 2.0 } * fade * brake, format!("apply {}", lemma.name));
        if lemma.result == "Eq" || lemma.result == "Iff" {
            drafts.add(4.0 * fade * brake, format!("rw [{}]", lemma.name));
        }
        if lemma.result == "Eq" {
            drafts.add(1.5 * fade * brake, format!("rw [← {}]", lemma.name));
        }
    }
}

#[cfg(test)]
mod tests;
