//! Tactics that use lemmas, by the form of goal and lemma, and their weights.

use std::collections::BTreeSet;

use super::Hit;
use super::lemma::{Bridge, Lemma, Shape, relation_of};
use crate::goal::Goal;
use crate::policy::drafts::Drafts;
use crate::syntax::TokenKind;
use crate::syntax::lexeme::{Lexeme, lexemes};

/// What the forms depend on, apart from lemmas.
struct View {
    relation: Option<String>,
    /// Accessible lists and natural numbers of the target, newest first.
    inductive: Vec<String>,
    /// Accessible variables of other data types in the target, newest first.
    data: Vec<String>,
    /// Natural numbers or integers are about, so that `omega` may close what a lemma leaves.
    is_arithmetic: bool,
    has_hypotheses: bool,
    /// Full names of the functions in the target.
    functions: Vec<String>,
}

/// Drafts tactics for the first goal with the lemmas that fit it, best first, and those that carry its relation over.
pub(super) fn draft(goal: &Goal, hits: &[Hit<'_>], bridges: &[&Lemma], without: &[String], drafts: &mut Drafts) {
    let view = View::new(goal, without);
    for hit in hits {
        alone(&view, hit, drafts);
    }
    together(&view, hits, drafts);
    carry_over(hits, bridges, drafts);
    definitions(&view, hits, drafts);
}

/// Tactics with one lemma.
fn alone(view: &View, hit: &Hit<'_>, drafts: &mut Drafts) {
    let Lemma { name, shape, is_conditional, relation, .. } = hit.lemma;
    let mut add = |weight: f64, tactic: String| drafts.add(weight * hit.score, tactic);
    let same_relation = relation.is_some() && *relation == view.relation;
    // Rewriting needs all of a side; a symbol that is missing in print may yet be there.
    let [left, right] = hit.cover.map(|cover| cover.unwrap_or(0.0).powi(2));
    add(0.6, format!("grind [{name}]"));
    if view.has_hypotheses {
        add(0.5, format!("simp_all [{name}]"));
    }
    if *shape != Shape::Other {
        add(0.8 * left, format!("rw [{name}]"));
        add(0.4 * right, format!("rw [← {name}]"));
        add(1.0 * left, format!("simp [{name}]"));
        add(0.3 * right, format!("simp [← {name}]"));
        for x in view.inductive.iter().take(2) {
            add(0.4, format!("induction {x} <;> simp_all [{name}]"));
        }
        if same_relation {
            add(0.5, format!("exact {name} .."));
            let symmetric = if *shape == Shape::Iff { format!("{name}.symm") } else { format!("({name} ..).symm") };
            add(0.2, format!("exact {symmetric}"));
        }
        if *shape == Shape::Iff && !same_relation {
            add(0.5 * left, format!("apply {name}.mpr"));
            add(0.3 * right, format!("apply {name}.mp"));
            if view.has_hypotheses {
                add(0.4 * left, format!("exact {name}.mpr ‹_›"));
                add(0.3 * right, format!("exact {name}.mp ‹_›"));
            }
        }
        return;
    }
    // Without the same relation it can only be what the target unfolds to.
    let fits = if same_relation || relation.is_none() && view.relation.is_none() { 1.0 } else { 0.3 };
    if *is_conditional {
        add(0.9 * fits, format!("apply {name} <;> assumption"));
        add(0.7 * fits, format!("apply {name}"));
        add(0.6 * fits, format!("apply {name} <;> simp_all"));
        if view.is_arithmetic {
            add(0.6 * fits, format!("apply {name} <;> omega"));
        }
    } else {
        add(1.0 * fits, format!("exact {name} .."));
        add(0.5, format!("simp [{name}]"));
    }
}

/// Tactics that take several lemmas at once.
fn together(view: &View, hits: &[Hit<'_>], drafts: &mut Drafts) {
    let names = |n: usize| hits.iter().take(n).map(|hit| hit.lemma.name.as_str()).collect::<Vec<_>>().join(", ");
    if hits.len() < 2 {
        return;
    }
    drafts.add(1.2, format!("simp [{}]", names(3)));
    drafts.add(1.2, format!("grind [{}]", names(3)));
    drafts.add(1.2, format!("grind [{}]", names(6)));
    if view.has_hypotheses {
        drafts.add(0.9, format!("simp_all [{}]", names(3)));
    }
    for (x, fade) in view.inductive.iter().zip([1.0, 0.6]) {
        drafts.add(1.0 * fade, format!("induction {x} <;> simp_all [{}]", names(3)));
        drafts.add(0.7 * fade, format!("induction {x} <;> grind [{}]", names(3)));
        drafts.add(0.5 * fade, format!("cases {x} <;> simp_all [{}]", names(3)));
    }
    for (x, fade) in view.data.iter().zip([1.0, 0.6]) {
        drafts.add(0.8 * fade, format!("cases {x} <;> simp_all [{}]", names(3)));
        drafts.add(0.6 * fade, format!("cases {x} <;> grind [{}]", names(3)));
    }
}

/// Tactics that show the target of other values: `a = b` of `a.toNat = b.toNat`.
fn carry_over(hits: &[Hit<'_>], bridges: &[&Lemma], drafts: &mut Drafts) {
    // Later ones wait for another seed, which has another order.
    for (lemma, weight) in bridges.iter().zip([1.0, 0.7, 0.4]) {
        let Lemma { name, bridge: Some(Bridge { side, .. }), .. } = lemma else { continue };
        // An equivalence is rewritten from left to right.
        let rule = if *side == 0 { name.clone() } else { format!("← {name}") };
        drafts.add(weight, format!("simp [{rule}]"));
        drafts.add(0.9 * weight, format!("rw [{rule}] <;> simp"));
        drafts.add(0.9 * weight, format!("rw [{rule}] <;> grind"));
        drafts.add(0.6 * weight, format!("rw [{rule}]"));
        if let Some(hit) = hits.first() {
            drafts.add(0.8 * weight, format!("simp [{rule}, {}]", hit.lemma.name));
        }
    }
}

/// Tactics that unfold the target's functions, with and without lemmas.
fn definitions(view: &View, hits: &[Hit<'_>], drafts: &mut Drafts) {
    for function in view.functions.iter().take(3) {
        drafts.add(0.8, format!("simp [{function}]"));
        drafts.add(0.4, format!("unfold {function}"));
        drafts.add(0.6, format!("grind [{function}]"));
        if let Some(hit) = hits.first() {
            drafts.add(0.6, format!("simp [{function}, {}]", hit.lemma.name));
        }
        for x in view.inductive.iter().take(2) {
            drafts.add(0.7, format!("induction {x} <;> simp_all [{function}]"));
        }
        for x in view.inductive.iter().chain(&view.data).take(2) {
            drafts.add(0.5, format!("cases {x} <;> simp [{function}]"));
        }
    }
}

impl View {
    fn new(goal: &Goal, without: &[String]) -> Self {
        let target = lexemes(&goal.target);
        let stands = |name: &str| target.iter().any(|lexeme| lexeme.is(name) || is_field_of(lexeme, name));
        let (mut inductive, mut data) = (Vec::new(), Vec::new());
        let mut heads: Vec<(&str, String)> = Vec::new();
        let mut has_hypotheses = false;
        let mut is_arithmetic = false;
        for hypothesis in goal.hypotheses.iter().rev() {
            let ty = lexemes(&hypothesis.ty);
            has_hypotheses |= relation_of(&ty).is_some();
            let Some(head) = ty.first() else { continue };
            let is_data = head.text.starts_with(|c: char| c.is_ascii_uppercase())
                && !matches!(head.text.as_str(), "Type" | "Sort" | "Prop")
                && !ty.iter().any(|lexeme| lexeme.is("→"))
                && relation_of(&ty).is_none();
            is_arithmetic |= ty.iter().any(|lexeme| lexeme.is("Nat") || lexeme.is("Int"));
            for name in hypothesis.names.iter().rev().filter(|name| !name.contains('✝')) {
                heads.push((name, head.text.clone()));
                if is_data && stands(name) {
                    let is_recursive = head.is("List") || head.is("Nat");
                    if is_recursive { &mut inductive } else { &mut data }.push(name.clone());
                }
            }
        }
        let mut functions = BTreeSet::new();
        for lexeme in target.iter().filter(|lexeme| lexeme.kind == TokenKind::Word) {
            let Some((head, field)) = lexeme.text.split_once('.') else { continue };
            let function = match heads.iter().find(|(name, _)| *name == head) {
                Some((_, ty)) => format!("{ty}.{field}"),
                None => lexeme.text.clone(),
            };
            if function.starts_with(|c: char| c.is_ascii_uppercase()) && !without.contains(&function) {
                functions.insert(function);
            }
        }
        let relation = relation_of(&target).map(|(relation, _)| relation);
        Self { relation, inductive, data, is_arithmetic, has_hypotheses, functions: functions.into_iter().collect() }
    }
}

/// `xs.map` is a field of `xs`.
fn is_field_of(lexeme: &Lexeme, name: &str) -> bool {
    lexeme.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}
