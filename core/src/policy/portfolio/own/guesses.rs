//! Auxiliary lemmas that a proof is likely to need and that nobody has stated: an accumulator made general, a function of
//! an appended list, a property that a function keeps.
//!
//! Each is a `have` with its own proof by induction, so a wrong guess fails by itself and costs one tactic.

use super::super::draft::Drafts;
use super::super::view::{View, find_top_level, mentions};
use super::names::Names;
use crate::facts::{Call, Declaration, GoalFacts, Recursion};

/// A lemma that was guessed and proved is worth going on with.
const PROVED_GUESS: f64 = 24.0;

/// So is an accumulator made general above all, because it says what the goal says.
const PROVED_GENERAL: f64 = 60.0;

/// With this many lemmas of its own a goal has enough to go on with.
const MAX_GUESSED: usize = 3;

pub(super) fn draft(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    if view.n_used("have") >= MAX_GUESSED {
        return;
    }
    accumulators(view, facts, names, drafts);
    appended(view, facts, names, drafts);
    kept(view, names, drafts);
}

/// A proof by induction on the variable that was introduced last.
fn by_induction(intro: &str, over: &str, names: &Names) -> String {
    let (simp, grind) = (names.simp(), names.grind());
    format!(
        ":= by\n  intro {intro}\n  induction {over} <;> first | (simp_all [{simp}]; done) | (simp_all [{simp}]; omega) | grind [{grind}]"
    )
}

/// `f xs [] = g xs` holds because `f xs acc = g xs ++ acc` does.
fn accumulators(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let sides = find_top_level(&view.target, " = ").map(|at| (&view.target[..at], &view.target[at + " = ".len()..]));
    for call in facts.calls.iter().filter(|call| call.in_target).take(3) {
        let Some(function) = names.find(&call.of) else { continue };
        let (Some(Recursion::Structural), Some(on)) = (function.recursion, function.on) else { continue };
        let Some(variable) = facts.variables.iter().find(|v| Some(&v.name) == call.args.get(on)) else { continue };
        for at in &function.varying {
            let Some(start) = call.args.get(*at) else { continue };
            let combine: &[fn(&str, &str) -> String] = match start.as_str() {
                "0" => &[|rest, acc| format!("{rest} + {acc}"), |rest, acc| format!("{acc} + {rest}")],
                "1" => &[|rest, acc| format!("{rest} * {acc}"), |rest, acc| format!("{acc} * {rest}")],
                "List.nil" => &[|rest, acc| format!("{rest} ++ {acc}"), |rest, acc| format!("{acc} ++ {rest}")],
                "Bool.true" => &[|rest, acc| format!("({rest} && {acc})"), |rest, acc| format!("({acc} && {rest})")],
                "Bool.false" => &[|rest, acc| format!("({rest} || {acc})"), |rest, acc| format!("({acc} || {rest})")],
                _ => continue,
            };
            let acc = view.fresh("acc", &[]);
            let gen_name = view.fresh("gen", &[]);
            let general = applied(call, *at, &acc);
            let special = applied(call, *at, start);
            // The other side of the equation says what the function computes.
            let rests = sides.iter().flat_map(|(left, right)| [*left, *right]).filter(|side| {
                mentions(side, &variable.name) && !mentions(side, &call.of) && !side.contains(&short(&call.of))
            });
            let rests: Vec<String> = rests.map(|side| format!("({side})")).collect();
            for (idx, combine) in combine.iter().enumerate() {
                let fade = 1.0 - 0.2 * idx as f64;
                for rest in &rests {
                    let value = combine(rest, &acc);
                    let proof = by_induction_here(&variable.name, names);
                    drafts.add_promising(
                        6.0 * fade,
                        PROVED_GENERAL,
                        format!("have {gen_name} : ∀ {acc}, {general} = {value} {proof}"),
                    );
                }
                let value = combine(&format!("({special})"), &acc);
                let proof = by_induction_here(&variable.name, names);
                drafts.add_promising(
                    2.0 * fade,
                    PROVED_GUESS,
                    format!("have {gen_name} : ∀ {acc}, {general} = {value} {proof}"),
                );
            }
        }
    }
}

/// A proof by induction on a variable of the goal, everything else in the statement being general.
fn by_induction_here(over: &str, names: &Names) -> String {
    let (simp, grind) = (names.simp(), names.grind());
    format!(
        ":= by\n  induction {over} <;> first | (simp_all [{simp}]; done) | (intro _; simp_all [{simp}]; omega) | grind [{grind}]"
    )
}

/// A call with another argument in one place.
fn applied(call: &Call, at: usize, arg: &str) -> String {
    let args = call.args.iter().enumerate().map(|(idx, old)| if idx == at { arg } else { old.as_str() });
    args.fold(call.of.clone(), |text, arg| format!("{text} {arg}"))
}

/// The last part of a name, after a dot: what stands behind the argument in Lean's dot notation.
fn short(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, last)) => format!(".{last}"),
        None => format!("{name} "),
    }
}

/// What a function of lists makes of an appended list.
fn appended(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let list_type = facts.variables.iter().find(|variable| variable.head == "List");
    let Some(list_type) = list_type.and_then(|variable| view.hyp(&variable.name)).map(|hyp| hyp.ty.clone()) else {
        return;
    };
    let name = view.fresh("happ", &[]);
    for function in names.functions().iter().take(3) {
        if function.args != ["List"] || function.recursion.is_none() {
            continue;
        }
        let f = &function.name;
        let values: &[(f64, String)] = &match function.result.as_str() {
            "List" => [(3.0, format!("{f} xs ++ {f} ys")), (3.0, format!("{f} ys ++ {f} xs"))],
            "Nat" | "Int" => [(3.0, format!("{f} xs + {f} ys")), (1.0, format!("{f} xs * {f} ys"))],
            "Bool" => [(2.5, format!("({f} xs && {f} ys)")), (2.0, format!("({f} xs || {f} ys)"))],
            _ => continue,
        };
        let is_needed = function.appends || view.target.contains("++");
        for (weight, value) in values {
            let weight = if is_needed { *weight } else { weight * 0.4 };
            let proof = by_induction("xs ys", "xs", names);
            drafts.add_promising(
                weight,
                PROVED_GUESS,
                format!("have {name} : ∀ xs ys : {list_type}, {f} (xs ++ ys) = {value} {proof}"),
            );
        }
    }
}

/// What a function that changes a value of some type does to the other functions of that type.
fn kept(view: &View, names: &Names, drafts: &mut Drafts) {
    let name = view.fresh("hkeep", &[]);
    let mut add = |weight: f64, statement: String, proof: &str| {
        drafts.add_promising(weight, PROVED_GUESS, format!("have {name} : {statement} {proof}"));
    };
    let mut n_guesses = 0;
    let changes = names.helpers().iter().chain(names.functions()).filter(|f| f.args.last() == Some(&f.result));
    for change in changes {
        let Some(over) = change.args.last().filter(|over| !over.is_empty()) else { continue };
        if change.recursion.is_none() || change.args.len() > 3 || n_guesses > 4 {
            continue;
        }
        // What a function in the goal is made of has to be known before the function itself.
        let is_helper = names.helpers().iter().any(|helper| helper.name == change.name);
        let fade = if is_helper { 1.0 } else { 0.4 };
        let extra: Vec<String> = (1..change.args.len()).map(|idx| format!("a{idx}")).collect();
        let binders = extra.iter().map(|name| format!("{name} ")).collect::<String>() + "t";
        let result = format!("({} {binders})", change.name);
        let proof = by_induction(&binders, "t", names);
        if over == "List" && view.target.contains("length") {
            n_guesses += 1;
            add(6.0 * fade, format!("∀ {binders}, {result}.length = t.length + 1"), &proof);
            add(4.0 * fade, format!("∀ {binders}, {result}.length = t.length"), &proof);
        }
        let of_type = |f: &&&Declaration| f.args.len() == 1 && f.args.last() == Some(over) && f.name != change.name;
        for measure in names.functions().iter().filter(of_type).take(2) {
            let m = &measure.name;
            n_guesses += 1;
            match measure.result.as_str() {
                "Prop" => add(6.0 * fade, format!("∀ {binders}, {m} t → {m} {result}"), &proof),
                "Bool" => {
                    add(6.0 * fade, format!("∀ {binders}, {m} t = true → {m} {result} = true"), &proof);
                    add(3.0 * fade, format!("∀ {binders}, {m} {result} = {m} t"), &proof);
                }
                "Nat" | "Int" => {
                    add(5.0 * fade, format!("∀ {binders}, {m} {result} = {m} t + 1"), &proof);
                    add(4.5 * fade, format!("∀ {binders}, {m} {result} = {m} t"), &proof);
                }
                _ => add(4.0 * fade, format!("∀ {binders}, {m} {result} = {m} t"), &proof),
            }
        }
    }
}
