//! The parts of the recheck that need no Lean.

use expect_test::{Expect, expect};
use stepwise_core::problem::Theorem;

use super::{parse_axioms, refused_unread, split_statement};

fn theorem(name: &str, statement: &str) -> Theorem {
    Theorem { name: name.into(), imports: Vec::new(), preamble: String::new(), statement: statement.into() }
}

#[test]
fn statements_are_split_at_their_name() {
    let split = |name: &str, statement: &str| {
        let theorem = theorem(name, statement);
        split_statement(&theorem).map(|(keyword, name, tail)| format!("{keyword}|{name}|{tail}"))
    };
    let check = |name: &str, statement: &str, expected: Expect| expected.assert_eq(&split(name, statement).unwrap());
    check("t", "theorem t (x : Nat) : x = x", expect!["theorem|t| (x : Nat) : x = x"]);
    check("A.t", "lemma\n  A.t.{u} : True", expect!["lemma|A.t|.{u} : True"]);
    check("", "example : True", expect!["theorem|stepwise_example| : True"]);
    assert_eq!(split("t", "theorem t' : True"), None);
    assert_eq!(split("t", "theorem t.x : True"), None);
    assert_eq!(split("", "theorem t : True"), None);
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
