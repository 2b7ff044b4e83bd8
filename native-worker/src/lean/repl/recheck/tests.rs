//! The parts of the recheck that need no Lean.

use expect_test::{Expect, expect};
use stepwise_core::goal::Goal;
use stepwise_core::problem::Theorem;

use super::{Plan, bound_by_hand, bound_where_reopened, parse_axioms, refused_unread, split_statement};

fn theorem(name: &str, statement: &str) -> Theorem {
    Theorem { name: name.into(), statement: statement.into(), ..Theorem::default() }
}

#[test]
fn statements_are_split_at_their_name() {
    let split = |name: &str, statement: &str| {
        let theorem = theorem(name, statement);
        split_statement(&theorem).map(|s| [s.before, s.scope, s.keyword, s.name, s.tail].join("|"))
    };
    let check = |name: &str, statement: &str, expected: Expect| expected.assert_eq(&split(name, statement).unwrap());
    check("t", "theorem t (x : Nat) : x = x", expect!["||theorem|t| (x : Nat) : x = x"]);
    check("A.t", "lemma\n  A.t.{u} : True", expect!["||lemma|A.t|.{u} : True"]);
    check("example", "example : True", expect!["||theorem|stepwise_example| : True"]);
    check(
        "t",
        "open Nat in\n@[simp] private theorem t : True",
        expect![[r#"
            open Nat in
            @[simp] private |open Nat in|theorem|t| : True"#]],
    );
    assert_eq!(split("t", "theorem t' : True"), None);
    assert_eq!(split("t", "theorem t.x : True"), None);
    assert_eq!(split("", "theorem t : True"), None);
}

#[test]
fn the_plan_compares_the_theorem_with_a_reference_that_has_seen_no_proof() {
    let mut asked = theorem("t", "open Nat in @[simp] theorem t (n : Nat) : n = n");
    asked.imports = vec!["Init".into()];
    asked.preamble = "namespace A".into();
    let plan = Plan::new(&asked, &["rfl".into()]).unwrap();
    expect![[r#"
        import Init
        namespace A
        ---
        open Nat in theorem _root_.stepwise_reference (n : Nat) : n = n := sorry
        ---
        open Nat in @[simp] theorem t (n : Nat) : n = n := by
          rfl
        ---
        theorem _root_.stepwise_same : type_of% @_root_.stepwise_reference := @t"#]]
    .assert_eq(&[plan.base, plan.reference, plan.proved, plan.same].join("\n---\n"));
}

#[test]
fn a_statement_for_mathlib_binds_its_variables_by_hand() {
    let reference = |imports: &[&str], preamble: &str| {
        let mut asked = theorem("t", "theorem t : 0 < m");
        asked.imports = imports.iter().map(|module| (*module).to_owned()).collect();
        asked.preamble = preamble.into();
        Plan::new(&asked, &["simp".into()]).unwrap().reference
    };
    let plain = "theorem _root_.stepwise_reference : 0 < m := sorry";
    let by_hand = format!("set_option autoImplicit false in\n {plain}");
    assert_eq!(reference(&["Mathlib"], ""), by_hand);
    assert_eq!(reference(&["Init", "Mathlib.Data.Nat.Basic"], "open Nat"), by_hand);
    assert_eq!(reference(&["Mathlib"], "set_option autoImplicit true"), plain);
    assert_eq!(reference(&["Mathlibrary"], ""), plain);
}

#[test]
fn a_statement_with_longer_names_is_opened_once_more() {
    let asked = |imports: &[&str], preamble: &str| Theorem {
        imports: imports.iter().map(|module| (*module).to_owned()).collect(),
        preamble: preamble.into(),
        ..theorem("t", "theorem t (x : Real) : x = x")
    };
    let options = |imports: &[&str], preamble: &str, goal: &str| {
        bound_where_reopened(&asked(imports, preamble), &Goal::parse(goal))
    };
    assert_eq!(bound_by_hand(&asked(&[], "")), "");
    assert_eq!(bound_by_hand(&asked(&["Mathlib"], "")), "set_option autoImplicit false in\n");
    assert_eq!(bound_by_hand(&asked(&["Mathlib"], "set_option autoImplicit true")), "");
    let mistyped = "Real : Sort u_1\nx : Real\n⊢ x = x";
    assert_eq!(options(&[], "", mistyped), Some("set_option relaxedAutoImplicit false in\n"));
    assert_eq!(options(&[], "", "α : Type\nx₁ x' n✝ : α\n⊢ x₁ = x'"), None);
    assert_eq!(options(&[], "set_option relaxedAutoImplicit true", mistyped), None);
    assert_eq!(options(&["Mathlib"], "", mistyped), None);
}

#[test]
fn a_preamble_may_declare_anything_but_an_axiom() {
    let with = |preamble: &str| {
        refused_unread(&Theorem { preamble: preamble.into(), ..theorem("t", "theorem t : True") }, &[])
    };
    assert_eq!(with("axiom f : False"), ["the preamble declares an axiom"]);
    assert!(with("/- by the axiom /- of -/ choice -/ def axiom' := \"axiom\" -- axiom").is_empty());
}

#[test]
fn axioms_are_read_from_what_lean_prints() {
    let sorted = |text| parse_axioms("stepwise_same", text).map(|axioms| axioms.join(" "));
    assert_eq!(sorted("'stepwise_same' does not depend on any axioms"), Some(String::new()));
    let wrapped = "'stepwise_same' depends on axioms: [propext,\n Classical.choice,\n Quot.sound]";
    assert_eq!(sorted(wrapped), Some("Classical.choice Quot.sound propext".into()));
    assert_eq!(sorted("'other' does not depend on any axioms"), None);
    assert_eq!(sorted("'stepwise_same' depends on axioms: [propext"), None);
}
