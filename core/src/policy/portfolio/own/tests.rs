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
        simp [Tree.flip, Tree.flip_tip] <;> omega
        --
        rw [Tree.flip_tip]"#]],
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
    let general = "have gen : ∀ acc, t.onto acc = (labels t) ++ acc := by\n  induction t";
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

/// Whether something is offered that begins like this.
#[track_caller]
fn offers(request: &ProposalRequest, beginning: &str) {
    let tactics: Vec<String> = propose(request).into_iter().map(|candidate| candidate.tactic).collect();
    assert!(tactics.iter().any(|tactic| tactic.starts_with(beginning)), "{beginning}\nis not in {tactics:#?}");
}

#[test]
fn of_two_proofs_one_is_inverted_in_every_case_of_the_other() {
    let declarations = r#"[{"name":"Big","kind":"predicate","args":["Ex","Nat"],"result":"Prop","constructors":[{"name":"Big.lit","fields":[{"name":"n"}]}]}]"#;
    let facts = r#"{"head":"Eq","constants":["Big"],"variables":[{"name":"e","head":"Ex"},{"name":"v","head":"Nat","in_target":true},{"name":"w","head":"Nat","in_target":true}],
        "proofs":[{"name":"h","head":"Big","own":true},{"name":"k","head":"Big","own":true}]}"#;
    let request = request(declarations, "e : Ex\nv w : Nat\nh : Big e v\nk : Big e w\n⊢ v = w", facts);
    offers(&request, "induction h generalizing w <;> cases k <;> grind [Big.lit]");
    offers(&request, "induction k generalizing v <;> cases h <;> grind [Big.lit]");
}

#[test]
fn what_is_around_a_call_stays_there_when_its_accumulator_is_made_general() {
    let declarations = r#"[{"name":"run","kind":"definition","args":["List","List"],"result":"List","recursion":"structural","on":0,"varying":[1]},
        {"name":"push","kind":"definition","args":["Form","Bool"],"result":"Form","recursion":"structural","on":0,"varying":[1]}]"#;
    let run = r#"{"head":"Eq","constants":["run"],"variables":[{"name":"e","head":"Ar","own":true,"in_target":true}],
        "calls":[{"of":"run","args":["(Ar.comp e)","List.nil"],"in_target":true}]}"#;
    let comp = request(declarations, "e : Ar\n⊢ run e.comp [] = [e.val]", run);
    offers(&comp, "have gen : ∀ acc, run e.comp acc = e.val :: acc := by\n  induction e");
    offers(
        &comp,
        "have gen : ∀ more acc, run ((Ar.comp e) ++ more) acc = run more (e.val :: acc) := by\n  induction e",
    );
    let push = r#"{"head":"Eq","constants":["push"],"variables":[{"name":"f","head":"Form","own":true,"in_target":true}],
        "calls":[{"of":"push","args":["f","Bool.true"],"in_target":true}]}"#;
    let sat = request(declarations, "v : Nat → Bool\nf : Form\n⊢ sat v (push f true) = sat v f", push);
    offers(&sat, "have gen : ∀ acc, sat v (push f acc) = ((sat v f) == acc) := by\n  induction f");
}

#[test]
fn putting_an_element_somewhere_is_compared_with_putting_it_in_front() {
    let declarations = r#"[{"name":"ins","kind":"definition","args":["Nat","List"],"result":"List","recursion":"structural","on":1},
        {"name":"isort","kind":"definition","args":["List"],"result":"List","uses":["ins"],"recursion":"structural","on":0},
        {"name":"cnt","kind":"definition","args":["Nat","List"],"result":"Nat","recursion":"structural","on":1}]"#;
    let facts = r#"{"head":"Eq","constants":["cnt","isort"],"variables":[{"name":"k","head":"Nat","in_target":true},{"name":"xs","head":"List","in_target":true}]}"#;
    let request = request(declarations, "k : Nat\nxs : List Nat\n⊢ cnt k (isort xs) = cnt k xs", facts);
    offers(
        &request,
        "have hkeep : ∀ b1 a1 t, cnt b1 (ins a1 t) = cnt b1 (a1 :: t) := by\n  intro b1 a1 t\n  induction t",
    );
}

#[test]
fn recursion_through_two_functions_is_met_by_strong_induction_and_by_their_opposition() {
    let declarations = r#"[{"name":"ev","kind":"definition","args":["Nat"],"result":"Bool","uses":["od"],"mutual":true,"recursion":"structural","on":0},
        {"name":"od","kind":"definition","args":["Nat"],"result":"Bool","uses":["ev"],"mutual":true,"recursion":"structural","on":0}]"#;
    let facts = r#"{"head":"Eq","constants":["ev"],"variables":[{"name":"n","head":"Nat","in_target":true}],"calls":[{"of":"ev","args":["n"],"in_target":true}]}"#;
    let request = request(declarations, "n : Nat\n⊢ ev n = (n % 2 == 0)", facts);
    offers(&request, "induction n using Nat.strongRecOn with\n| ind n ih =>\n  rcases n with _ | _ | n\n");
    offers(&request, "have hnot : ∀ t, od t = !ev t := by\n  intro t\n  induction t");
}

#[test]
fn a_loop_over_an_array_is_made_to_begin_anywhere() {
    let declarations =
        r#"[{"name":"count","kind":"definition","args":["Array","Nat"],"result":"Nat","recursion":"well_founded"}]"#;
    let facts = r#"{"head":"LE.le","constants":["count"],"variables":[{"name":"a","head":"Array","in_target":true}],"calls":[{"of":"count","args":["a","0"],"in_target":true}]}"#;
    let below = request(declarations, "a : Array Nat\n⊢ count a 0 ≤ a.size", facts);
    offers(&below, "have gen : ∀ i, count a i ≤ a.size - i := by\n  intro i\n  fun_induction count a i");
    let equal = request(declarations, "a : Array Nat\n⊢ count a 0 = a.toList.sum", facts);
    offers(&equal, "have gen : ∀ i, count a i = (a.toList.drop i).sum := by\n");
}

#[test]
fn what_holds_of_everything_is_said_of_the_goal_s_constants() {
    let declarations = r#"[{"name":"Mon","kind":"class"},{"name":"Mon.unit","kind":"projection","result":""}]"#;
    let facts = r#"{"head":"Eq","constants":["Mon.unit"],"proofs":[{"name":"h","head":"Eq","binders":1}]}"#;
    let request = request(declarations, "e : α\nh : ∀ (a : α), op e a = a\n⊢ e = Mon.unit", facts);
    offers(&request, "have h1 := h Mon.unit\ngrind");
}
