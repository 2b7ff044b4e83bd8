//! Induction and case distinction on the variables at hand.

use super::view::{Hyp, Kind, View};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::mentions;

/// Deeper nesting of inductions has not been seen to help, and each one opens two goals.
const MAX_INDUCTIONS: usize = 3;

pub(super) fn draft(view: &View, drafts: &mut Drafts) {
    let mut n_variables = 0;
    for hyp in view.hyps.iter().rev().filter(|hyp| hyp.accessible) {
        let in_target = view.in_target(&hyp.name);
        match hyp.kind {
            Kind::Nat if in_target => natural(view, hyp, n_variables, drafts),
            Kind::List if in_target => list(view, hyp, n_variables, drafts),
            Kind::Bool if in_target || known(view, hyp) => {
                drafts.add(3.5, format!("cases {} <;> simp_all", hyp.name));
                drafts.add(1.5, format!("cases {}", hyp.name));
            }
            Kind::Option if in_target || known(view, hyp) => {
                drafts.add(4.5, format!("cases {} <;> simp_all", hyp.name));
                drafts.add(2.5, format!("cases {} <;> grind", hyp.name));
                drafts.add(1.5, format!("cases {}", hyp.name));
            }
            Kind::Int if in_target => drafts.add(0.4, format!("cases {}", hyp.name)),
            _ => continue,
        }
        n_variables += 1;
    }
    let bools: Vec<String> = view
        .vars(Kind::Bool)
        .filter(|hyp| view.in_target(&hyp.name))
        .map(|hyp| format!("cases {}", hyp.name))
        .collect();
    if bools.len() > 1 && bools.len() <= 5 {
        drafts.add(5.0, format!("{} <;> simp_all", bools.join(" <;> ")));
    }
    let options: Vec<String> = view
        .vars(Kind::Option)
        .filter(|hyp| view.in_target(&hyp.name))
        .map(|hyp| format!("cases {}", hyp.name))
        .collect();
    if options.len() > 1 && options.len() <= 3 {
        drafts.add(4.0, format!("{} <;> simp_all", options.join(" <;> ")));
    }
}

/// A hypothesis other than the target speaks of the variable.
fn known(view: &View, hyp: &Hyp) -> bool {
    view.hyps.iter().any(|other| other.kind == Kind::Proof && mentions(&other.ty, &hyp.name))
}

/// Later variables are less likely the one to do induction on.
fn fade(n_variables: usize) -> f64 {
    match n_variables {
        0 => 1.0,
        1 => 0.6,
        _ => 0.3,
    }
}

fn natural(view: &View, hyp: &Hyp, n_variables: usize, drafts: &mut Drafts) {
    if view.n_used("induction") >= MAX_INDUCTIONS {
        return;
    }
    let n = &hyp.name;
    let fade = fade(n_variables);
    // A recursion or an exponent over the variable speaks for induction.
    let recursive = view.hyps.iter().any(|other| other.kind == Kind::Function && mentions(&view.target, &other.name))
        || view.target.contains(&format!("^ {n}"))
        || view.target.contains(&format!("^ ({n}"));
    let weight = fade * if recursive { 1.6 } else { 1.0 };
    let ih = view.fresh("ih", &[]);
    drafts.add(3.0 * weight, format!("induction {n} with\n| zero => simp_all\n| succ {n} {ih} => grind"));
    drafts.add(
        2.5 * weight,
        format!("induction {n} with\n| zero => simp_all\n| succ {n} {ih} => simp_all [Nat.pow_succ]; omega"),
    );
    drafts.add(1.2 * weight, format!("induction {n} with\n| zero => simp\n| succ {n} {ih} => simp_all"));
    drafts.add(2.0 * weight, format!("induction {n} with\n| zero => ?_\n| succ {n} {ih} => ?_"));
    let others = generalizable(view, hyp);
    if !others.is_empty() {
        drafts.add(
            1.2 * weight,
            format!(
                "induction {n} generalizing {} with\n| zero => simp_all\n| succ {n} {ih} => grind",
                others.join(" ")
            ),
        );
    }
    if view.n_used("cases") < 3 {
        drafts.add(0.8 * fade, format!("cases {n} with\n| zero => ?_\n| succ {n} => ?_"));
        drafts.add(1.0 * fade, format!("cases {n} <;> simp_all"));
    }
}

fn list(view: &View, hyp: &Hyp, n_variables: usize, drafts: &mut Drafts) {
    if view.n_used("induction") >= MAX_INDUCTIONS {
        return;
    }
    let l = &hyp.name;
    let weight = fade(n_variables);
    let head = view.fresh("x", &[]);
    let tail = view.fresh("xs", &[]);
    let ih = view.fresh("ih", &[]);
    drafts.add(5.0 * weight, format!("induction {l} with\n| nil => simp_all\n| cons {head} {tail} {ih} => simp_all"));
    drafts.add(4.0 * weight, format!("induction {l} with\n| nil => simp_all\n| cons {head} {tail} {ih} => grind"));
    drafts.add(3.0 * weight, format!("cases {l} <;> simp_all"));
    drafts.add(2.0 * weight, format!("induction {l} with\n| nil => ?_\n| cons {head} {tail} {ih} => ?_"));
    let others = generalizable(view, hyp);
    if !others.is_empty() {
        drafts.add(
            2.5 * weight,
            format!(
                "induction {l} generalizing {} with\n| nil => simp_all\n| cons {head} {tail} {ih} => grind",
                others.join(" ")
            ),
        );
    }
    drafts.add(1.0 * weight, format!("cases {l} with\n| nil => ?_\n| cons {head} {tail} => ?_"));
}

/// Variables of the target that an induction hypothesis may have to hold for all of.
fn generalizable<'a>(view: &'a View, over: &Hyp) -> Vec<&'a str> {
    view.hyps
        .iter()
        .filter(|hyp| hyp.accessible && hyp.name != over.name && view.in_target(&hyp.name))
        .filter(|hyp| matches!(hyp.kind, Kind::Nat | Kind::Int | Kind::List | Kind::Bool | Kind::Option))
        .filter(|hyp| !mentions(&over.ty, &hyp.name))
        .map(|hyp| hyp.name.as_str())
        .take(3)
        .collect()
}
