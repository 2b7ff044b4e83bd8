//! Tests of what goals over own definitions are offered, with facts as Lean tells them.

use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::facts::{Declaration, GoalFacts};
use crate::goal::Goal;
use crate::policy::ProposalRequest;
use crate::policy::portfolio::propose;

const TREE: &str = r#"[
    {"name":"Tree","kind":"inductive","constructors":[{"name":"Tree.tip"},{"name":"Tree.fork","fields":[{"name":"l","recursive":true},{"name":"x"},{"name":"r","recursive":true}]}]},
    {"name":"Tree.flip","kind":"definition","args":["Tree"],"result":"Tree","uses":["Tree","Tree.tip","Tree.fork"],"branches":true,"recursion":"structural","on":0},
    {"name":"Tree.onto","kind":"definition","args":["Tree","List"],"result":"List","uses":["Tree"],"branches":true,"recursion":"structural","on":0,"varying":[1]},
    {"name":"Tree.flip_tip","kind":"theorem","result":"Eq","uses":["Tree.flip","Tree.tip"]}
]"#;

fn request(declarations: &str, goal: &str, facts: &str) -> ProposalRequest {
    let declarations: Vec<Declaration> = serde_json::from_str(declarations).unwrap();
    let facts: GoalFacts = serde_json::from_str(facts).unwrap();
    ProposalRequest {
        goals: vec![Goal { facts: Some(Arc::new(facts)), ..Goal::parse(goal) }],
        samples: 60,
        declarations: declarations.into(),
        ..ProposalRequest::default()
    }
}

/// The first `n` tactics.
fn check(n: usize, request: &ProposalRequest, expected: Expect) {
    let tactics: Vec<String> = propose(request).into_iter().take(n).map(|candidate| candidate.tactic).collect();
    expected.assert_eq(&tactics.join("\n--\n"));
}

#[test]
fn a_variable_of_an_own_type_is_split_with_the_right_names() {
    let facts = r#"{"head":"Eq","constants":["Tree","Tree.flip"],"variables":[{"name":"t","head":"Tree","own":true,"in_target":true}],
        "calls":[{"of":"Tree.flip","args":["(Tree.flip t)"],"in_target":true},{"of":"Tree.flip","args":["t"],"in_target":true}]}"#;
    let request = request(TREE, "t : Tree\n⊢ t.flip.flip = t", facts);
    check(
        12,
        &request,
        expect![[r#"
        simp [Tree.flip, Tree.flip_tip]
        --
        rfl
        --
        induction t <;> simp_all [Tree.flip, Tree.flip_tip]
        --
        grind [Tree.flip, Tree.flip_tip]
        --
        induction t <;> grind [Tree.flip, Tree.flip_tip]
        --
        induction t <;> simp_all [Tree.flip, Tree.flip_tip] <;> omega
        --
        fun_induction Tree.flip t <;> simp_all [Tree.flip, Tree.flip_tip]
        --
        fun_induction Tree.flip t <;> grind [Tree.flip, Tree.flip_tip]
        --
        apply Tree.flip_tip
        --
        induction t with
        | tip => ?_
        | fork l x r ihl ihr => ?_
        --
        induction t <;> simp_all [Tree.flip, Tree.flip_tip] <;> grind [Tree.flip, Tree.flip_tip]
        --
        simp [Tree.flip, Tree.flip_tip] <;> omega"#]],
    );
}

#[test]
fn an_accumulator_is_generalized_where_recursion_changes_it() {
    let facts = r#"{"head":"Eq","constants":["Tree.onto"],"variables":[{"name":"t","head":"Tree","own":true,"in_target":true},{"name":"acc","head":"List","in_target":true}],
        "calls":[{"of":"Tree.onto","args":["t","acc"],"in_target":true}]}"#;
    let request = request(TREE, "t : Tree\nacc : List Nat\n⊢ t.onto acc = t.onto [] ++ acc", facts);
    let tactics: Vec<String> = propose(&request).into_iter().map(|candidate| candidate.tactic).collect();
    assert!(tactics.contains(&"induction t generalizing acc <;> simp_all [Tree.onto]".to_owned()), "{tactics:#?}");
}

#[test]
fn an_accumulator_that_begins_empty_is_made_general() {
    let facts = r#"{"head":"Eq","constants":["Tree.onto"],"variables":[{"name":"t","head":"Tree","own":true,"in_target":true}],
        "calls":[{"of":"Tree.onto","args":["t","List.nil"],"in_target":true}]}"#;
    let request = request(TREE, "t : Tree\n⊢ t.onto [] = labels t", facts);
    let tactics: Vec<String> = propose(&request).into_iter().map(|candidate| candidate.tactic).collect();
    let general = "have gen : ∀ acc, Tree.onto t acc = (labels t) ++ acc := by\n  induction t";
    assert!(tactics.iter().any(|tactic| tactic.starts_with(general)), "{tactics:#?}");
}

#[test]
fn a_proof_of_an_own_predicate_is_taken_apart() {
    let declarations = r#"[{"name":"Ev","kind":"predicate","args":["Nat"],"result":"Prop","constructors":[{"name":"Ev.zero"},{"name":"Ev.step","fields":[{"name":"n"},{"name":"h","recursive":true}]}]}]"#;
    let facts = r#"{"head":"Ev","constants":["Ev"],"variables":[{"name":"n","head":"Nat","in_target":true}],"proofs":[{"name":"h","head":"Ev","own":true}]}"#;
    let request = request(declarations, "n : Nat\nh : Ev n\n⊢ Ev (n + 4)", facts);
    check(
        8,
        &request,
        expect![[r#"
        simp
        --
        simp_all
        --
        induction h <;> simp_all
        --
        induction h <;> grind [Ev.zero, Ev.step]
        --
        induction n <;> simp_all
        --
        grind [Ev.zero, Ev.step]
        --
        cases h <;> simp_all
        --
        induction h with
        | zero => ?_
        | step n1 h1 ih => ?_"#]],
    );
}

#[test]
fn the_operators_of_an_own_instance_are_seen_through() {
    let declarations = r#"[{"name":"Pt","kind":"structure","constructors":[{"name":"Pt.mk","fields":[{"name":"x"},{"name":"y"}]}]},
        {"name":"instAddPt","kind":"instance","result":"Add","uses":["Pt","Pt.mk"]}]"#;
    let facts = r#"{"head":"Eq","constants":["Pt","instAddPt"],"variables":[{"name":"p","head":"Pt","own":true,"in_target":true},{"name":"q","head":"Pt","own":true,"in_target":true}]}"#;
    let request = request(declarations, "p q : Pt\n⊢ p + q = q + p", facts);
    check(
        8,
        &request,
        expect![[r#"
        simp
        --
        rfl
        --
        cases p <;> cases q <;> simp_all
        --
        cases p <;> cases q <;> rfl
        --
        cases p <;> simp_all
        --
        grind
        --
        cases p <;> rfl
        --
        unfold HAdd.hAdd instHAdd Add.add instAddPt
        grind"#]],
    );
}

#[test]
fn what_was_tried_is_left_out_and_the_next_ones_come() {
    let facts = r#"{"head":"Eq","constants":["Tree.flip"],"variables":[{"name":"t","head":"Tree","own":true,"in_target":true}]}"#;
    let first = ProposalRequest { samples: 4, ..request(TREE, "t : Tree\n⊢ t.flip.flip = t", facts) };
    let tactics = |request: &ProposalRequest| -> Vec<String> {
        propose(request).into_iter().map(|candidate| candidate.tactic).collect()
    };
    let tried = tactics(&first);
    let again = tactics(&ProposalRequest { tried: tried.clone(), widening: 1, ..first.clone() });
    assert_eq!([tried, again].concat(), tactics(&ProposalRequest { samples: 8, ..first }));
}
