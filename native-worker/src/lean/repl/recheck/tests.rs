//! The parts of the recheck that need no Lean.

use expect_test::{Expect, expect};
use stepwise_core::problem::Theorem;

use super::{hash_command, parse_axioms, refused_words, split_statement};

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
fn commands_and_metaprograms_are_refused_before_lean_sees_them() {
    let check = |proof: &str, expected: Expect| {
        let proof: Vec<String> = proof.split('|').map(str::to_owned).collect();
        expected.assert_eq(&refused_words(&theorem("t", "theorem t : True"), &proof).join("\n"));
    };
    check(
        "trivial|theorem u : False := sorry",
        expect![[r#"
        the proof contains `theorem`
        the proof contains `sorry`"#]],
    );
    check(
        "run_tac pure ()|decide\n#exit",
        expect![[r#"
        the proof contains `run_tac`
        the proof contains the command `#exit`"#]],
    );
    check("set_option debug.skipKernelTC true in rfl", expect!["the proof contains `debug.skipKernelTC`"]);
    check("native_decide|native_decide", expect!["the proof contains `native_decide`"]);
    check("exact \0", expect!["the proof contains a NUL byte"]);
    // What honest proofs contain.
    check("simp [Nat.def, h.end, my_axiom, sorry', infer_instance]|exact ⟨#[1], #v[2]⟩|decide!", expect![""]);
    let axiom = Theorem { preamble: "axiom f : False".into(), ..theorem("t", "theorem t : True") };
    assert_eq!(refused_words(&axiom, &[]), ["the preamble declares an axiom"]);
}

#[test]
fn hash_commands_are_told_from_arrays() {
    assert_eq!(hash_command("x\n#eval 1"), Some("#eval"));
    assert_eq!(hash_command("#[1] ++ #v[2] # 3"), None);
}

#[test]
fn axioms_are_read_from_what_lean_prints() {
    let sorted = |text| parse_axioms(text).map(|axioms| axioms.join(" "));
    assert_eq!(sorted("'stepwise_same' does not depend on any axioms"), Some(String::new()));
    let wrapped = "'stepwise_same' depends on axioms: [propext,\n Classical.choice,\n Quot.sound]";
    assert_eq!(sorted(wrapped), Some("Classical.choice Quot.sound propext".into()));
    assert_eq!(sorted("'other' does not depend on any axioms"), None);
    assert_eq!(sorted("'stepwise_same' depends on axioms: [propext"), None);
}
