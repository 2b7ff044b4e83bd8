//! Auxiliary lemmas that a proof is likely to need and that nobody has stated: an accumulator made general, a function of
//! an appended list, a property that a function keeps.
//!
//! Each is a `have` with its own proof by induction, so a wrong guess fails by itself and costs one tactic.

use super::super::view::View;
use super::names::Names;
use crate::facts::{Call, Declaration, GoalFacts, Recursion};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::{find_top_level, mentions, places};

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
    opposites(view, names, drafts);
    from_anywhere(view, facts, names, drafts);
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
        let Some(argument) = call.args.get(on) else { continue };
        // What the function runs through may be computed from the variable: `exec (compile e) []`.
        let Some(variable) = facts.variables.iter().find(|v| mentions(argument, &v.name)) else { continue };
        let is_direct = variable.name == *argument;
        for at in &function.varying {
            let Some(start) = call.args.get(*at) else { continue };
            let combine: &[fn(&str, &str) -> String] = match start.as_str() {
                "0" => &[|rest, acc| format!("{rest} + {acc}"), |rest, acc| format!("{acc} + {rest}")],
                "1" => &[|rest, acc| format!("{rest} * {acc}"), |rest, acc| format!("{acc} * {rest}")],
                "List.nil" => &[|rest, acc| format!("{rest} ++ {acc}"), |rest, acc| format!("{acc} ++ {rest}")],
                "Bool.true" => &[
                    |rest, acc| format!("({rest} == {acc})"),
                    |rest, acc| format!("({rest} && {acc})"),
                    |rest, acc| format!("({rest} || !{acc})"),
                ],
                "Bool.false" => &[
                    |rest, acc| format!("({rest} != {acc})"),
                    |rest, acc| format!("({rest} || {acc})"),
                    |rest, acc| format!("({rest} && !{acc})"),
                ],
                _ => continue,
            };
            let acc = view.fresh("acc", &[]);
            let gen_name = view.fresh("gen", &[]);
            let special = applied(call, &[]);
            let proof = by_induction_here(&variable.name, names);
            // The other side of the equation says what the function computes.
            let rests =
                sides.iter().flat_map(|(left, right)| [(*left, *right), (*right, *left)]).filter(|(_, side)| {
                    mentions(side, &variable.name) && !mentions(side, &call.of) && !side.contains(&short(&call.of))
                });
            for (computed, rest) in rests {
                // What stands around the call stays around it.
                let general = replaced(computed, start, &acc).unwrap_or_else(|| applied(call, &[(*at, &acc)]));
                let values = match one_element(rest) {
                    Some(element) if start == "List.nil" => vec![format!("{element} :: {acc}")],
                    _ => combine.iter().map(|combine| combine(&format!("({rest})"), &acc)).collect(),
                };
                for (idx, value) in values.iter().enumerate() {
                    let fade = 1.0 - 0.2 * idx as f64;
                    drafts.add_promising(
                        8.0 * fade,
                        PROVED_GENERAL,
                        format!("have {gen_name} : ∀ {acc}, {general} = {value} {proof}"),
                    );
                    if !is_direct && function.args.get(on).is_some_and(|head| head == "List") {
                        let more = view.fresh("more", &[]);
                        let longer = applied(call, &[(on, &format!("({argument} ++ {more})")), (*at, &acc)]);
                        let rest = applied(call, &[(on, &more), (*at, &format!("({value})"))]);
                        drafts.add_promising(
                            5.0 * fade,
                            PROVED_GENERAL,
                            format!("have {gen_name} : ∀ {more} {acc}, {longer} = {rest} {proof}"),
                        );
                    }
                }
            }
            if is_direct {
                let general = applied(call, &[(*at, &acc)]);
                for (idx, combine) in combine.iter().take(2).enumerate() {
                    let value = combine(&format!("({special})"), &acc);
                    drafts.add_promising(
                        2.0 * (1.0 - 0.2 * idx as f64),
                        PROVED_GUESS,
                        format!("have {gen_name} : ∀ {acc}, {general} = {value} {proof}"),
                    );
                }
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

/// A call with other arguments in these places.
fn applied(call: &Call, others: &[(usize, &str)]) -> String {
    let args = call.args.iter().enumerate().map(|(idx, old)| {
        let other = others.iter().find(|(at, _)| *at == idx);
        other.map_or(old.as_str(), |(_, arg)| *arg)
    });
    args.fold(call.of.clone(), |text, arg| format!("{text} {arg}"))
}

/// A printed term with the one place in it where an accumulator begins replaced; `None` if there is not exactly one.
fn replaced(term: &str, start: &str, by: &str) -> Option<String> {
    let shown = match start {
        "List.nil" => "[]",
        "Bool.true" => "true",
        "Bool.false" => "false",
        other => other,
    };
    // A number's point goes on with it, a name's is a projection of what it names.
    let is_number = shown.starts_with(|c: char| c.is_ascii_digit());
    let mut places = places(term, shown).filter(|at| !(is_number && term[at + shown.len()..].starts_with('.')));
    let at = places.next()?;
    let is_only = places.next().is_none();
    is_only.then(|| format!("{}{by}{}", &term[..at], &term[at + shown.len()..]))
}

/// The element of a printed list of one.
fn one_element(list: &str) -> Option<&str> {
    let inner = list.strip_prefix('[')?.strip_suffix(']')?;
    (!inner.is_empty() && find_top_level(inner, ",").is_none()).then_some(inner)
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

/// Of two functions that are defined by each other one is often the other's opposite.
fn opposites(view: &View, names: &Names, drafts: &mut Drafts) {
    let is_test = |f: &&&Declaration| f.mutual && f.args.len() == 1 && matches!(f.result.as_str(), "Bool" | "Prop");
    let tests: Vec<_> = names.functions().iter().filter(is_test).collect();
    if let [f, g] = tests.as_slice() {
        let (relation, not) = if f.result == "Bool" { ("=", "!") } else { ("↔", "¬ ") };
        let name = view.fresh("hnot", &[]);
        let proof = by_induction("t", "t", names);
        let statement = format!("∀ t, {} t {relation} {not}{} t", g.name, f.name);
        drafts.add_promising(5.0, PROVED_GUESS, format!("have {name} : {statement} {proof}"));
    }
}

/// A loop over the places of an array, begun at the first, is made one that begins anywhere.
fn from_anywhere(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let Some(array) = facts.variables.iter().find(|variable| variable.head == "Array") else { return };
    let (a, grind) = (&array.name, names.grind());
    for call in facts.calls.iter().filter(|call| call.in_target) {
        if names.find(&call.of).is_none_or(|function| function.recursion != Some(Recursion::WellFounded)) {
            continue;
        }
        let Some(at) = call.args.iter().position(|arg| arg == "0") else { continue };
        let (i, gen_name) = (view.fresh("i", &[]), view.fresh("gen", &[]));
        let general = applied(call, &[(at, &i)]);
        let proof = format!(
            ":= by\n  intro {i}\n  fun_induction {general} <;> first | grind [{grind}] | simp_all [List.drop_eq_getElem_cons, List.drop_of_length_le]"
        );
        let mut add = |statement: String| {
            drafts.add_promising(6.0, PROVED_GENERAL, format!("have {gen_name} : ∀ {i}, {statement} {proof}"));
        };
        if let Some(at) = find_top_level(&view.target, " ≤ ") {
            add(format!("{general} ≤ {} - {i}", &view.target[at + " ≤ ".len()..]));
        }
        if let Some(at) = find_top_level(&view.target, " = ") {
            let value = &view.target[at + " = ".len()..];
            let rest = format!("({a}.toList.drop {i})");
            for list in [format!("{a}.toList"), a.clone()] {
                if let Some(value) = replaced(value, &list, &rest) {
                    add(format!("{general} = {value}"));
                    break;
                }
            }
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
        if over == "List" && change.args.len() == 2 {
            // Putting an element somewhere is seen like putting it in front.
            if view.target.contains(" ∈ ") {
                add(
                    6.0 * fade,
                    format!("∀ b {binders}, b ∈ {result} ↔ b ∈ a1 :: t"),
                    &by_induction(&format!("b {binders}"), "t", names),
                );
            }
            let sees = |f: &&&Declaration| f.args.last() == Some(over) && f.result != *over && f.name != change.name;
            for measure in names.functions_in_goal().iter().filter_map(|name| names.find(name)).filter(|f| sees(&f)) {
                let more: String = (1..measure.args.len()).map(|idx| format!("b{idx} ")).collect();
                let m = format!("{} {more}", measure.name);
                n_guesses += 1;
                let proof = by_induction(&format!("{more}{binders}"), "t", names);
                add(6.5 * fade, format!("∀ {more}{binders}, {m}{result} = {m}(a1 :: t)"), &proof);
            }
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
