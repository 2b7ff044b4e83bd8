//! Operators that an own instance gives a meaning: `p + q` has to be seen through before anything else can work.

use super::super::view::View;
use super::names::Names;
use crate::facts::{GoalFacts, Kind};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::find_top_level;

pub(super) fn draft(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    let with_simp = if simp.is_empty() { String::new() } else { format!(" [{simp}]") };
    let with_grind = if grind.is_empty() { String::new() } else { format!(" [{grind}]") };
    let through: Vec<String> = names
        .instances()
        .iter()
        .filter(|instance| facts.constants.contains(&instance.name))
        .filter_map(|instance| methods(&instance.result).map(|methods| format!("{methods} {}", instance.name)))
        .take(3)
        .collect();
    if !through.is_empty() {
        let unfold = format!("unfold {}", through.join(" "));
        drafts.add(9.0, format!("{unfold}\ngrind{with_grind}"));
        drafts.add(8.0, format!("{unfold}\nsimp_all{with_simp} <;> omega"));
        drafts.add_promising(5.0, 12.0, unfold);
    }
    if find_top_level(&view.target, " = ").is_none() {
        return;
    }
    let structures = facts.constants.iter().filter_map(|name| names.find(name));
    for structure in structures.filter(|declaration| declaration.kind == Kind::Structure).take(2) {
        let Some(constructor) = structure.constructors.first().filter(|c| !c.fields.is_empty()) else { continue };
        let side = format!("{}{}", constructor.name, " _".repeat(constructor.fields.len()));
        let show = format!("show {side} = {side}");
        let weight = if through.is_empty() { 0.5 } else { 1.0 };
        drafts.add(8.5 * weight, format!("{show}\ncongr 1 <;> grind{with_grind}"));
        drafts.add(8.0 * weight, format!("{show}\nsimp{with_simp} <;> grind{with_grind}"));
        drafts.add_promising(3.0 * weight, 9.0 * weight, format!("{show}\ncongr 1"));
    }
}

/// The functions through which an operator of a library class comes to the instance, outermost first.
fn methods(class: &str) -> Option<&'static str> {
    Some(match class {
        "Add" => "HAdd.hAdd instHAdd Add.add",
        "Mul" => "HMul.hMul instHMul Mul.mul",
        "Sub" => "HSub.hSub instHSub Sub.sub",
        "Div" => "HDiv.hDiv instHDiv Div.div",
        "Mod" => "HMod.hMod instHMod Mod.mod",
        "Append" => "HAppend.hAppend instHAppendOfAppend Append.append",
        "Neg" => "Neg.neg",
        "LE" => "LE.le",
        "LT" => "LT.lt",
        "BEq" => "BEq.beq",
        "Membership" => "Membership.mem",
        "Functor" => "Functor.map",
        _ => return None,
    })
}
