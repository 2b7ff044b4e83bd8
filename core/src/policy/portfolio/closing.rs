//! Tactics that close a goal or fail: decision procedures, simplifiers, hypotheses that fit.

use super::Options;
use super::arith::{Prop, Rel, Term};
use super::view::{Kind, View};
use crate::policy::drafts::Drafts;
use crate::syntax::printed::{find_top_level, fold, mentions, telescope};
use crate::syntax::{TokenKind, tokens};

pub(super) fn draft(view: &View, options: Options, drafts: &mut Drafts) {
    fitting_hypotheses(view, drafts);
    let closed = view.target_is_closed();
    let quantified = view.target.starts_with('∀') || view.target.starts_with('∃');
    let numeric = view.is_arithmetic();
    let rational = view.vars(Kind::Rat).next().is_some() || view.target.contains('ℚ') || view.target.contains("Rat");
    // Variables of other types that the target speaks of are not for `omega`.
    let symbolic = view.hyps.iter().any(|hyp| {
        matches!(hyp.kind, Kind::Bool | Kind::List | Kind::Option | Kind::Proposition) && view.in_target(&hyp.name)
    });
    // Behind a quantifier only `grind`, `simp` and `decide` have a chance.
    let brake = if quantified { 0.4 } else { 1.0 };

    if numeric && !rational {
        drafts.add(if symbolic { 2.0 } else { 7.0 } * brake, "omega");
    }
    drafts.add(if symbolic { 7.0 } else { 6.0 } * brake, "grind");
    drafts.add(if closed { 3.0 } else { 5.0 } * brake, "simp_all");
    drafts.add(4.0, "simp");
    if closed && !view.target.contains('✝') {
        drafts.add(if quantified { 4.0 } else { 8.0 }, "decide");
        drafts.add(if quantified { 2.5 } else { 5.0 }, "decide +kernel");
    }
    if find_top_level(&view.target, " = ").is_some()
        || view.target.contains(" ↔ ")
        || view.target.contains(" ≤ ")
        || view.target.contains(" == ")
    {
        drafts.add(if closed { 5.0 } else { 3.0 } * brake, "rfl");
    }
    if !closed && !quantified {
        decide_after_revert(view, drafts);
    }
    if numeric && !closed {
        drafts.add(0.6, "simp +arith");
    }
    let lengths = literal_lengths(&view.target);
    if !lengths.is_empty() {
        drafts.add(8.0, format!("rw [{}]\nomega", lengths.join(", ")));
        drafts.add(3.0, format!("rw [{}]", lengths.join(", ")));
    }
    if contradictory(view) {
        drafts.add(6.0, "contradiction");
    }
    if view.n_goals >= 3 {
        drafts.add(
            3.0,
            if numeric { "all_goals first | omega | grind" } else { "all_goals first | simp_all; done | grind" },
        );
    }
    // It may take all the time of a tactic: for states that are expanded once more, when all else is tried.
    drafts.add(0.05, "exact?");
    if options.mathlib {
        with_mathlib(view, drafts);
    }
}

/// `show "ab".length = 2 from rfl` for the string literals whose lengths a target speaks of: no simplifier counts them.
fn literal_lengths(target: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if !target.contains("\".length") {
        return found;
    }
    for token in tokens(target).iter().filter(|token| token.kind == TokenKind::Str) {
        let literal = token.text(target);
        let Some(inner) = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { continue };
        // `\x41` and `\u03b1` are not counted here.
        let is_counted = !literal.contains("\\x") && !literal.contains("\\u");
        if !is_counted || !target[token.span.end..].starts_with(".length") {
            continue;
        }
        let mut chars = inner.chars();
        let mut n_chars = 0;
        while let Some(c) = chars.next() {
            n_chars += 1;
            if c == '\\' {
                chars.next();
            }
        }
        let fact = format!("show {literal}.length = {n_chars} from rfl");
        if !found.contains(&fact) {
            found.push(fact);
        }
    }
    found
}

/// `exact h` where a hypothesis has the target's type, and `apply h` where its conclusion does.
fn fitting_hypotheses(view: &View, drafts: &mut Drafts) {
    for hyp in view.proofs() {
        if hyp.ty == view.target {
            drafts.add(20.0, format!("exact {}", hyp.name));
            continue;
        }
        let symmetric = match (view.target_relation(), &hyp.prop) {
            (Some((Rel::Eq, a, b)), Some(Prop::Rel(Rel::Eq, c, d))) => a == d && b == c,
            _ => false,
        };
        if symmetric {
            drafts.add(15.0, format!("exact {}.symm", hyp.name));
        }
        let (binders, conclusion) = telescope(&hyp.ty);
        if !binders.is_empty() {
            if conclusion == view.target {
                drafts.add(7.0, format!("apply {}", hyp.name));
            } else if head_word(conclusion) == head_word(&view.target) && same_relation(conclusion, &view.target) {
                drafts.add(2.5, format!("apply {}", hyp.name));
            }
        }
        if view.target == "False" && (hyp.ty.starts_with('¬') || hyp.ty.contains('≠') || hyp.ty.ends_with("→ False"))
        {
            drafts.add(3.0, format!("apply {}", hyp.name));
        }
    }
}

/// The relation symbols of two propositions agree, so that unification has a chance.
fn same_relation(left: &str, right: &str) -> bool {
    [" = ", " ≠ ", " < ", " ≤ ", " ∣ ", " ∧ ", " ∨ ", " ↔ ", "∃", " ∈ "]
        .iter()
        .all(|symbol| find_top_level(left, symbol).is_some() == find_top_level(right, symbol).is_some())
}

fn head_word(text: &str) -> &str {
    text.split([' ', '(', ')']).find(|word| !word.is_empty()).unwrap_or("")
}

/// Two hypotheses that deny each other, or one that is false as it stands.
fn contradictory(view: &View) -> bool {
    view.hyps.iter().filter(|hyp| hyp.kind == Kind::Proof).any(|hyp| {
        let denied = fold(hyp.ty.trim_start_matches('¬'));
        hyp.ty == "False"
            || (hyp.ty.starts_with('¬')
                && view.hyps.iter().any(|other| other.ty == denied || other.ty == format!("({denied})")))
            || match &hyp.prop {
                Some(Prop::Rel(Rel::Ne, left, right)) => left == right,
                Some(Prop::Rel(Rel::Eq, Term::Num(left), Term::Num(right))) => left != right,
                _ => false,
            }
    })
}

/// Booleans and `Fin` are finite: revert what the target needs and let `decide` try all of it.
fn decide_after_revert(view: &View, drafts: &mut Drafts) {
    let used: Vec<_> = view.hyps.iter().filter(|hyp| hyp.kind != Kind::Proof && view.in_target(&hyp.name)).collect();
    let finite = |hyp: &&super::view::Hyp| hyp.accessible && (hyp.kind == Kind::Bool || hyp.ty.starts_with("Fin "));
    if used.is_empty() || used.len() > 5 || !used.iter().all(finite) {
        return;
    }
    let names: Vec<&str> = used.iter().map(|hyp| hyp.name.as_str()).collect();
    drafts.add(4.0, format!("revert {}; decide", names.join(" ")));
}

fn with_mathlib(view: &View, drafts: &mut Drafts) {
    drafts.add(5.0, "norm_num");
    drafts.add(2.0, "norm_num at *");
    if view.is_arithmetic() {
        drafts.add(5.0, "nlinarith");
        drafts.add(4.0, "linarith");
        if view.target.contains(" = ") {
            drafts.add(3.0, "ring");
            drafts.add(1.5, "ring_nf");
            drafts.add(1.5, "field_simp");
        }
        if view.target.starts_with("0 <") || view.target.starts_with("0 ≤") {
            drafts.add(5.0, "positivity");
        }
        let squares: Vec<String> = view
            .hyps
            .iter()
            .filter(|hyp| hyp.accessible && (hyp.ty == "ℝ" || hyp.kind == Kind::Rat || hyp.kind == Kind::Int))
            .filter(|hyp| mentions(&view.target, &hyp.name))
            .map(|hyp| hyp.name.clone())
            .collect();
        if let [x, y, ..] = squares.as_slice() {
            drafts.add(3.0, format!("nlinarith [sq_nonneg ({x} - {y}), sq_nonneg ({x} + {y}), mul_self_nonneg {x}]"));
        }
        drafts.add(1.5, "push_cast; ring");
    }
    drafts.add(2.0, "aesop");
    drafts.add(1.0, "tauto");
}
