//! Case distinctions on variables of enumerations, structures and options, and constructors of own predicates.

use super::super::view::{Kind as Printed, View};
use super::names::Names;
use crate::facts::{GoalFacts, Kind, Local};
use crate::policy::drafts::Drafts;

/// All cases of more variables than these at once are too many.
const MAX_AT_ONCE: usize = 4;

pub(super) fn draft(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    variables(view, facts, names, drafts);
    constructors(facts, names, drafts);
}

fn variables(view: &View, facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let (simp, grind) = (names.simp(), names.grind());
    let is_recursive = |variable: &Local| {
        matches!(variable.head.as_str(), "Nat" | "List")
            || names.find(&variable.head).is_some_and(|declaration| {
                declaration.constructors.iter().any(|c| c.fields.iter().any(|field| field.recursive))
            })
    };
    let own = |variable: &&Local| names.find(&variable.head).is_some_and(crate::facts::Declaration::is_data);
    let library = |variable: &&Local| matches!(variable.head.as_str(), "Bool" | "Option" | "Prod" | "Except" | "Sum");
    let is_wanted = |variable: &&Local| {
        variable.in_target
            || view
                .hyps
                .iter()
                .any(|hyp| hyp.kind == Printed::Proof && crate::syntax::printed::mentions(&hyp.ty, &variable.name))
    };
    let flat: Vec<&Local> = facts
        .variables
        .iter()
        .filter(|variable| (own(variable) || library(variable)) && is_wanted(variable) && !is_recursive(variable))
        .collect();
    for (idx, variable) in flat.iter().take(3).enumerate() {
        let fade = [1.0, 0.7, 0.5][idx.min(2)];
        let v = &variable.name;
        drafts.add(10.0 * fade, format!("cases {v} <;> simp_all [{simp}]"));
        drafts.add(9.0 * fade, format!("cases {v} <;> rfl"));
        drafts.add(5.0 * fade, format!("cases {v} <;> grind [{grind}]"));
        drafts.add(4.0 * fade, format!("cases {v}"));
    }
    if flat.len() > 1 && flat.len() <= MAX_AT_ONCE {
        let all: Vec<String> = flat.iter().map(|variable| format!("cases {}", variable.name)).collect();
        let all = all.join(" <;> ");
        drafts.add(11.0, format!("{all} <;> simp_all [{simp}]"));
        drafts.add(10.5, format!("{all} <;> rfl"));
        drafts.add(5.0, format!("{all} <;> grind [{grind}]"));
    }
    for variable in facts.variables.iter().filter(|variable| variable.in_target && is_recursive(variable)).take(2) {
        let v = &variable.name;
        drafts.add(4.0, format!("cases {v} <;> simp_all [{simp}]"));
        drafts.add(2.0, format!("cases {v} <;> grind [{grind}]"));
        drafts.add(1.0, format!("cases {v}"));
    }
}

/// A goal that an own predicate's constructor may end in.
fn constructors(facts: &GoalFacts, names: &Names, drafts: &mut Drafts) {
    let Some(predicate) = names.find(&facts.head).filter(|declaration| declaration.kind == Kind::Predicate) else {
        return;
    };
    drafts.add(6.0, "constructor");
    drafts.add(5.0, "constructor <;> assumption");
    drafts.add(4.0, format!("constructor <;> simp_all [{}]", names.simp()));
    drafts.add(3.0, "repeat constructor");
    for constructor in predicate.constructors.iter().take(6) {
        drafts.add(4.5, format!("apply {}", constructor.name));
        drafts.add(3.0, format!("apply {} <;> simp_all [{}]", constructor.name, names.simp()));
    }
}
