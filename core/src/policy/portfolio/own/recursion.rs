//! Induction over variables of any inductive type, over the calls of recursive functions and over inductive predicates.

use super::super::view::View;
use super::names::Names;
use crate::facts::{Constructor, Declaration, Field, GoalFacts, Kind, Local, Recursion};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::mentions;

/// Deeper nesting has not been seen to help.
const MAX_INDUCTIONS: usize = 3;

pub(super) fn draft(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let n_inductions = view.n_used("induction") + view.n_used("fun_induction");
    if n_inductions >= MAX_INDUCTIONS {
        return;
    }
    let brake = if n_inductions == 0 { 1.0 } else { 0.6 };
    variables(view, facts, names, brake, drafts);
    calls(facts, names, brake, drafts);
    strongly(facts, names, brake, drafts);
    predicates(view, facts, names, brake, drafts);
}

/// A variable on which something recurs, with how much speaks for it.
fn candidates<'a>(view: &View, facts: &'a GoalFacts, names: &Names) -> Vec<(&'a Local, usize)> {
    let mut found: Vec<(&Local, usize)> = Vec::new();
    for variable in facts.variables.iter().filter(|variable| variable.in_target) {
        let is_recursive = match variable.head.as_str() {
            "Nat" | "List" => true,
            head => names.find(head).is_some_and(|declaration| {
                declaration.kind == Kind::Inductive
                    && declaration.constructors.iter().any(|c| c.fields.iter().any(|field| field.recursive))
            }),
        };
        if !is_recursive {
            continue;
        }
        let is_on = |call: &&crate::facts::Call| {
            let Some(on) = names.find(&call.of).and_then(|function| function.on) else { return false };
            call.args.get(on).is_some_and(|arg| *arg == variable.name)
        };
        let n_calls = facts.calls.iter().filter(is_on).count();
        found.push((variable, n_calls));
    }
    // Most recursions first; among equals the older variable, on which the others may depend.
    found.sort_by_key(|(_, n_calls)| usize::MAX - n_calls);
    if found.first().is_some_and(|(_, n_calls)| *n_calls > 0) {
        found.retain(|(variable, n_calls)| *n_calls > 0 || variable.own || view.n_goals > 1);
    }
    found.truncate(3);
    found
}

/// The variables that recursive calls change: an induction hypothesis has to hold for all of them.
fn generalized(facts: &GoalFacts, names: &Names, over: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for call in &facts.calls {
        let Some(function) = names.find(&call.of) else { continue };
        for at in &function.varying {
            let Some(arg) = call.args.get(*at) else { continue };
            for variable in &facts.variables {
                let stands_there = mentions(arg, &variable.name);
                if stands_there && variable.name != over && !found.contains(&variable.name) {
                    found.push(variable.name.clone());
                }
            }
        }
    }
    found
}

fn variables(view: &View, facts: &GoalFacts, names: &Names, brake: f64, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    for (idx, (variable, n_calls)) in candidates(view, facts, names).into_iter().enumerate() {
        let fade = brake * [1.0, 0.6, 0.4][idx.min(2)] * if n_calls == 0 { 0.7 } else { 1.0 };
        let v = &variable.name;
        let changed = generalized(facts, names, v);
        let generalizing =
            if changed.is_empty() { String::new() } else { format!(" generalizing {}", changed.join(" ")) };
        let head = format!("induction {v}{generalizing}");
        drafts.add(13.0 * fade, format!("{head} <;> simp_all [{simp}]"));
        drafts.add(8.5 * fade, format!("{head} <;> grind [{grind}]"));
        let (weight, closer) = closer(facts, names, &grind);
        drafts.add(weight * fade, format!("{head} <;> simp_all [{simp}] <;> {closer}"));
        if let Some(arms) = arms(view, &variable.head, names) {
            drafts.add_promising(6.0 * fade, 16.0 * fade, format!("{head} with\n{arms}"));
        }
        if changed.is_empty() {
            // A function that hides the change of another variable is seen only when it is opened.
            let others: Vec<&str> = facts
                .variables
                .iter()
                .filter(|other| other.in_target && other.name != *v && is_data(names, other))
                .map(|other| other.name.as_str())
                .take(3)
                .collect();
            if !others.is_empty() {
                let head = format!("induction {v} generalizing {}", others.join(" "));
                drafts.add(3.0 * fade, format!("{head} <;> simp_all [{simp}]"));
                drafts.add(2.8 * fade, format!("{head} <;> grind [{grind}]"));
            }
        }
    }
}

/// What closes the goals that a simplifier leaves of an induction, and its weight: it is one tactic, because the
/// simplifier before it takes most of the time.
fn closer(facts: &GoalFacts, names: &Names, grind: &str) -> (f64, String) {
    let is_number = |head: &str| matches!(head, "Nat" | "Int" | "Fin");
    let has_numbers = facts.variables.iter().any(|variable| is_number(&variable.head))
        || names.functions().iter().any(|function| is_number(&function.result));
    if has_numbers { (7.5, format!("first | omega | grind [{grind}]")) } else { (5.5, format!("grind [{grind}]")) }
}

/// Recursion that goes down by more than one, or through several functions, needs more than one hypothesis.
fn strongly(facts: &GoalFacts, names: &Names, brake: f64, drafts: &mut Drafts) {
    let grind = names.grind();
    let is_mutual = names.functions().iter().any(|function| function.mutual);
    let numbers = facts.variables.iter().filter(|variable| variable.in_target && variable.head == "Nat");
    for variable in numbers.take(2) {
        let n = &variable.name;
        drafts.add(
            if is_mutual { 6.0 } else { 2.0 } * brake,
            format!(
                "induction {n} using Nat.strongRecOn with\n| ind {n} ih =>\n  rcases {n} with _ | _ | {n}\n  all_goals grind [{grind}]"
            ),
        );
    }
}

fn is_data(names: &Names, variable: &Local) -> bool {
    matches!(variable.head.as_str(), "Nat" | "Int" | "List" | "Bool" | "Option" | "Prod" | "String" | "Array")
        || names.find(&variable.head).is_some_and(Declaration::is_data)
}

/// The arms of an induction, each left open: `| node l x r ihl ihr => ?_`.
pub(super) fn arms(view: &View, head: &str, names: &Names) -> Option<String> {
    let own;
    let constructors: &[Constructor] = match head {
        "Nat" | "List" => {
            let field = |name: &str, recursive| Field { name: name.to_owned(), recursive };
            let (base, step, fields) = match head {
                "Nat" => ("zero", "succ", vec![field("n", true)]),
                _ => ("nil", "cons", vec![field("x", false), field("xs", true)]),
            };
            own = [
                Constructor { name: format!("{head}.{base}"), fields: Vec::new() },
                Constructor { name: format!("{head}.{step}"), fields },
            ];
            &own
        }
        _ => &names.find(head)?.constructors,
    };
    let arm = |constructor: &Constructor| {
        let mut taken: Vec<String> = Vec::new();
        let mut hypotheses: Vec<String> = Vec::new();
        for (idx, field) in constructor.fields.iter().enumerate() {
            let base = if field.name.is_empty() { format!("a{}", idx + 1) } else { field.name.clone() };
            let name = view.fresh(&base, &taken);
            taken.push(name.clone());
            if field.recursive {
                hypotheses.push(format!("ih{name}"));
            }
        }
        if let [only] = hypotheses.as_mut_slice() {
            "ih".clone_into(only);
        }
        for hypothesis in hypotheses {
            let name = view.fresh(&hypothesis, &taken);
            taken.push(name);
        }
        let short = constructor.name.rsplit('.').next().unwrap_or_default();
        let names = taken.iter().fold(String::new(), |all, name| format!("{all} {name}"));
        format!("| {short}{names} => ?_")
    };
    Some(constructors.iter().map(arm).collect::<Vec<_>>().join("\n"))
}

/// Induction along a function's own recursion.
fn calls(facts: &GoalFacts, names: &Names, brake: f64, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    let is_variable = |arg: &String| facts.variables.iter().any(|variable| variable.name == *arg);
    let mut n_calls = 0;
    let mut opened: Vec<&str> = Vec::new();
    for call in facts.calls.iter().filter(|call| call.in_target) {
        let Some(function) = names.find(&call.of) else { continue };
        if call.args.iter().any(String::is_empty) {
            continue;
        }
        let on_variables = function
            .on
            .map_or_else(|| call.args.iter().any(is_variable), |on| call.args.get(on).is_some_and(is_variable))
            && function.varying.iter().all(|at| call.args.get(*at).is_none_or(is_variable));
        let text = [std::slice::from_ref(&call.of), &call.args].concat().join(" ");
        match function.recursion {
            Some(recursion) if on_variables && n_calls < 3 => {
                let well_founded = recursion == Recursion::WellFounded;
                let weight = brake * if well_founded { 1.6 } else { 1.0 } * [1.0, 0.6, 0.4][n_calls.min(2)];
                n_calls += 1;
                drafts.add(7.0 * weight, format!("fun_induction {text} <;> simp_all [{simp}]"));
                drafts.add(6.5 * weight, format!("fun_induction {text} <;> grind [{grind}]"));
                let (_, closer) = closer(facts, names, &grind);
                drafts.add(3.5 * weight, format!("fun_induction {text} <;> simp_all [{simp}] <;> {closer}"));
                drafts.add(2.0 * weight, format!("fun_induction {text}"));
            }
            None if function.branches && opened.len() < 2 && !opened.contains(&call.of.as_str()) => {
                opened.push(&call.of);
                drafts.add(4.5 * brake, format!("fun_cases {text} <;> simp_all [{simp}]"));
                drafts.add(3.0 * brake, format!("fun_cases {text} <;> grind [{grind}]"));
            }
            _ => {}
        }
    }
}

/// Proofs of own inductive predicates.
fn predicates(view: &View, facts: &GoalFacts, names: &Names, brake: f64, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    let is_predicate = |proof: &&Local| names.find(&proof.head).is_some_and(|d| d.kind == Kind::Predicate);
    let proofs = facts.proofs.iter().rev().filter(|proof| proof.own && proof.binders == 0).filter(is_predicate);
    let proofs: Vec<&Local> = proofs.take(3).collect();
    for (idx, proof) in proofs.iter().enumerate() {
        let fade = brake * [1.0, 0.7, 0.5][idx.min(2)];
        let h = &proof.name;
        for other in proofs.iter().filter(|other| other.name != *h) {
            // What the other proof speaks of is another thing in every case.
            let strange = strangers(view, facts, h, &other.name);
            let generalizing = if strange.is_empty() { strange } else { format!(" generalizing{strange}") };
            let head = format!("induction {h}{generalizing} <;> cases {}", other.name);
            drafts.add(12.5 * fade, format!("{head} <;> grind [{grind}]"));
            drafts.add(7.0 * fade, format!("{head} <;> simp_all [{simp}]"));
        }
        drafts.add(12.0 * fade, format!("induction {h} <;> simp_all [{simp}]"));
        drafts.add(11.0 * fade, format!("induction {h} <;> grind [{grind}]"));
        drafts.add(8.0 * fade, format!("cases {h} <;> simp_all [{simp}]"));
        drafts.add(6.0 * fade, format!("cases {h} <;> grind [{grind}]"));
        drafts.add(3.0 * fade, format!("cases {h}"));
        if let Some(arms) = arms(view, &proof.head, names) {
            drafts.add_promising(6.5 * fade, 14.0 * fade, format!("induction {h} with\n{arms}"));
        }
    }
}

/// The variables that a proof speaks of and another one does not, a space before each.
fn strangers(view: &View, facts: &GoalFacts, proof: &str, other: &str) -> String {
    let speaks_of = |proof: &str, name: &str| view.hyp(proof).is_some_and(|hypothesis| mentions(&hypothesis.ty, name));
    let strange = facts.variables.iter().map(|variable| &variable.name);
    let strange = strange.filter(|name| speaks_of(other, name) && !speaks_of(proof, name));
    strange.fold(String::new(), |all, name| format!("{all} {name}"))
}
