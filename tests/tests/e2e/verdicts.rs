//! What the judge says of whole files and of single proofs, with real Lean: honest files with types of their own pass,
//! and nothing that is unproved, unchecked or taken for granted does, wherever it hides.

use std::time::Duration;

use expect_test::{Expect, expect};
use stepwise_core::problem::Theorem;
use stepwise_worker::lean::host::FileVerdict;
use stepwise_worker::lean::pool::Pool;

use crate::lean;

/// One line for each declaration that is judged, then Lean's errors without their positions.
fn shown(verdict: &FileVerdict) -> String {
    let mut lines: Vec<String> = Vec::new();
    for declaration in &verdict.declarations {
        let judgement = match &declaration.verdict {
            verdict if verdict.accepted => "accepted".to_owned(),
            verdict => verdict.reasons.join("; "),
        };
        lines.push(format!("{} {}: {judgement}", declaration.kind, declaration.name));
    }
    lines.extend(verdict.errors.iter().map(|error| format!("error: {}", error.lines().next().unwrap_or_default())));
    lines.push(if verdict.is_accepted() { "=> accepted".into() } else { "=> refused".into() });
    lines.join("\n")
}

async fn check(pool: &Pool, text: &str, expected: Expect) {
    let verdict = pool.check_file(&[], text).await.expect("Lean runs").value;
    expected.assert_eq(&shown(&verdict));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_accepted_for_what_it_proves_and_refused_for_what_it_does_not() {
    let pool = lean::pool(1, Duration::from_secs(20));
    // Names that look like Lean's own auxiliary ones are the author's.
    check(
        &pool,
        "theorem eq_one : (1 : Nat) = 1 := rfl\ntheorem congr_arrow : False := by sorry\ntheorem X.proof_2 : 2 < 1 := sorry\n\
         theorem _hidden.match_3 : (0 : Nat) = 1 := sorry\nprivate theorem injEq : (0 : Nat) = 1 := sorry",
        expect![[r#"
            theorem eq_one: accepted
            theorem congr_arrow: it uses `sorry`
            theorem X.proof_2: it uses `sorry`
            theorem _hidden.match_3: it uses `sorry`
            theorem injEq: it uses `sorry`
            => refused"#]],
    )
    .await;
    // A type of one's own brings a dozen theorems of Lean's, which nobody wrote and nobody is told of.
    check(
        &pool,
        "inductive Tree (α : Type u) where\n  | tip\n  | fork (l : Tree α) (a : α) (r : Tree α)\nderiving DecidableEq, Repr\n\
         namespace Tree\ndef mirror : Tree α → Tree α\n  | tip => tip\n  | fork l a r => fork r.mirror a l.mirror\n\
         @[simp] theorem mirror_mirror (t : Tree α) : t.mirror.mirror = t := by\n  induction t <;> simp_all [mirror]\nend Tree\n\
         structure Box where\n  width : Nat := 1\n  height : Nat\n  fits : width ≤ height\nderiving Repr\n\
         theorem Box.tall (b : Box) : b.width < b.height + 1 := Nat.lt_succ_of_le b.fits\n\
         inductive Even' : Nat → Prop\n  | zero : Even' 0\n  | step : Even' n → Even' (n + 2)\n\
         theorem even_four : Even' 4 := .step (.step .zero)\n\
         mutual\ninductive A | leaf | node (b : B)\ninductive B | node (a : A)\nend\n\
         theorem a_ne (b : B) : A.leaf ≠ A.node b := nofun\n\
         inductive Rose | mk (kids : List Rose)\ntheorem rose : (Rose.mk []) = Rose.mk [] := rfl\n\
         class Sized (α : Type) where\n  size : α → Nat\n  pos : ∀ a, 0 < size a\n\
         theorem Sized.ne [Sized α] (a : α) : Sized.size a ≠ 0 := Nat.ne_of_gt (Sized.pos a)",
        expect![[r#"
            theorem Tree.mirror_mirror: accepted
            theorem Box.tall: accepted
            theorem even_four: accepted
            theorem a_ne: accepted
            theorem rose: accepted
            theorem Sized.ne: accepted
            => accepted"#]],
    )
    .await;
    // Whatever is not proved is told of, in examples, data, instances, defaults, `where` and termination proofs.
    check(
        &pool,
        "theorem fine : 1 = 1 := rfl\nexample : 2 = 3 := by sorry\ndef answer : Nat := sorry\ninstance : Inhabited Empty := ⟨sorry⟩\n\
         abbrev N := (sorry : Type)\nstructure S where\n  x : Nat := sorry\n\
         theorem outer : 1 = 1 := helper where helper : 1 = 1 := sorry\n\
         def loop (n : Nat) : Nat := loop (n + 1)\ntermination_by n\ndecreasing_by sorry\n\
         theorem uses : answer = answer + 0 := rfl\nmacro \"silent\" : command => `(example : False := sorry)\nsilent",
        expect![[r#"
            theorem fine: accepted
            example example at line 2: it uses `sorry`
            definition answer: it uses `sorry`
            definition instInhabitedEmpty: it uses `sorry`
            definition N: it uses `sorry`
            inductive type S: it uses `sorry`
            theorem outer: it uses `sorry`
            theorem outer.helper: it uses `sorry`
            definition loop: it uses `sorry`
            theorem uses: it uses `sorry`
            declaration line 14: it uses `sorry`
            => refused"#]],
    )
    .await;
    // Printed text that looks like an error is none; an error is one, whatever the theorems.
    check(
        &pool,
        "#eval IO.println \"x.lean:1:1: error: no\"\ntheorem t : 1 = 1 := rfl\n#check t\n#print axioms t",
        expect![[r#"
            theorem t: accepted
            => accepted"#]],
    )
    .await;
    check(
        &pool,
        "theorem t : 1 = 1 := rfl\n@[simp] private",
        expect![[r#"
            theorem t: accepted
            error: <input>:2:15: error: unexpected end of input; expected 'abbrev', 'axiom', 'builtin_initialize', 'class', 'coinductive', 'def', 'example', 'inductive', 'initialize', 'instance', 'opaque', 'structure' or 'theorem'
            => refused"#]],
    )
    .await;
    check(&pool, "def f (n : Nat) : Nat := n", expect!["=> refused"]).await;
    check(
        &pool,
        "example : 1 + 1 = 2 :=\n  rfl\n",
        expect![[r#"
            example example at line 1: accepted
            => accepted"#]],
    )
    .await;
}

/// One Lean elaborates and another judges: what passes between them has every kind of declaration, literal and name.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_declaration_reaches_the_lean_that_judges() {
    let pool = lean::pool(1, Duration::from_secs(20));
    let text = r#"universe u v
mutual
inductive Even : Nat → Prop | zero : Even 0 | succ : Odd n → Even (n + 1)
inductive Odd : Nat → Prop | succ : Even n → Odd (n + 1)
end
inductive Rose (α : Type u) | node : α → List (Rose α) → Rose α
structure Both (α : Type u) (β : Type v) where
  one : α
  other : β
deriving DecidableEq
abbrev Count := Nat
opaque secret : Count
def collatz (n : Nat) : Nat := if h : n ≤ 1 then 0 else 1 + collatz (n / 2)
def parity : Setoid Nat := ⟨fun a b => a % 2 = b % 2, ⟨fun _ => rfl, fun h => h.symm, fun h g => h.trans g⟩⟩
theorem mutual_types : ∀ n, Even n ∨ Odd n := by
  intro n
  induction n with
  | zero => exact .inl .zero
  | succ n ih => exact ih.elim (.inr ∘ .succ) (.inl ∘ .succ)
theorem nested_type (a b : Nat) (h : Rose.node a [] = .node b []) : a = b := by injection h
theorem projections (p : Both Nat Nat) : p = ⟨p.1, p.2⟩ := rfl
theorem opaque_value : secret = secret := rfl
theorem recursive_function : collatz 1 = 0 := by simp [collatz]
theorem quotient : Quotient.mk parity 1 = Quotient.mk parity 3 := Quotient.sound rfl
theorem large_number : 2 ^ 100 = 1267650600228229401496703205376 := by decide
theorem text : "ab" ++ "√" = "ab√" := by decide
theorem binding : let x := 5; x + x = 10 := by intro x; rfl
theorem universes (α : Sort u) (a b : α) (h : a = b) : b = a := h ▸ rfl
theorem «a name in quotes» : True := trivial
"#;
    check(
        &pool,
        text,
        expect![[r#"
        theorem mutual_types: accepted
        theorem nested_type: accepted
        theorem projections: accepted
        theorem opaque_value: accepted
        theorem recursive_function: accepted
        theorem quotient: accepted
        theorem large_number: accepted
        theorem text: accepted
        theorem binding: accepted
        theorem universes: accepted
        theorem a name in quotes: accepted
        => accepted"#]],
    )
    .await;
}

/// The exploit classes of a verifier's threat model, over types of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_types_of_ones_own_are_refused() {
    let pool = lean::pool(1, Duration::from_secs(20));
    const COLOUR: &str = "inductive Colour | red | green deriving DecidableEq\n";
    let with = |text: &str| format!("{COLOUR}{text}");
    // The kernel is told to look away while `decide` trusts it alone.
    check(
        &pool,
        &with("set_option debug.skipKernelTC true\ntheorem forged : Colour.red = Colour.green := by decide +kernel"),
        expect![[r#"
            theorem forged: the kernel refuses forged._proof_1 when it is checked again
            => refused"#]],
    )
    .await;
    // What is written behind is judged for itself.
    check(
        &pool,
        &with(
            "set_option debug.skipKernelTC true in\ntheorem forged : Colour.red = Colour.green := by decide +kernel\n\
             theorem honest (c : Colour) : c = .red ∨ c = .green := by cases c <;> simp\n\
             theorem built_on_it : Colour.green = Colour.red := forged.symm\n\
             inductive Shade | light | dark\n\
             theorem later (s : Shade) : s = .light ∨ s = .dark := by cases s <;> simp",
        ),
        expect![[r#"
            theorem forged: the kernel refuses forged._proof_1 when it is checked again
            theorem honest: accepted
            theorem built_on_it: the kernel refuses forged._proof_1 when it is checked again
            theorem later: accepted
            => refused"#]],
    )
    .await;
    check(
        &pool,
        &with("axiom Colour.collapse : Colour.red = Colour.green\ntheorem t : Colour.red = Colour.green := Colour.collapse"),
        expect![[r#"
            axiom Colour.collapse: the file declares the axiom Colour.collapse
            theorem t: the file declares the axiom Colour.collapse
            => refused"#]],
    )
    .await;
    // Data that nobody gave decides the proposition.
    check(
        &pool,
        &with(
            "instance (priority := high) : Decidable (Colour.red = Colour.green) := sorry\n\
               theorem t : decide (Colour.red = Colour.green) = decide (Colour.red = Colour.green) := rfl",
        ),
        expect![[r#"
            definition instDecidableEqColourRedGreen: it uses `sorry`
            theorem t: it uses `sorry`
            => refused"#]],
    )
    .await;
    // Code that is unsafe may say anything; a theorem cannot reach it, and an opaque value needs an inhabitant.
    check(
        &pool,
        &with("unsafe def believe : Colour → False := unsafeCast\nopaque nothing : False\ntheorem t : False := believe .red"),
        expect![[r#"
            opaque nothing: it uses `sorry`
            axiom t: the file declares the axiom t
            error: <input>:3:0: error: failed to synthesize
            error: <input>:4:8: error: (kernel) invalid declaration, it uses unsafe declaration 'believe'
            => refused"#]],
    )
    .await;

    // What a proof may do to a statement that somebody else has given.
    let theorem = Theorem { preamble: COLOUR.to_owned(), ..lean::theorem("theorem t (c : Colour) : c = Colour.red") };
    let refused = |proof: &'static str| {
        let (pool, theorem) = (&pool, &theorem);
        async move {
            let verdict = pool.recheck(theorem, &[proof.to_owned()]).await.expect("Lean runs").value;
            assert!(!verdict.accepted, "{proof}: {verdict:?}");
            assert!(!verdict.reasons.is_empty(), "{proof}");
        }
    };
    for proof in [
        "sorry",
        "cases c; rfl; exact sorryAx _",
        "cases c <;> first | rfl | native_decide",
        "exact Classical.choice ⟨rfl⟩\n\ninductive Colour | red\ntheorem t (c : Colour) : c = Colour.red := by cases c; rfl",
        "letI : DecidableEq Colour := fun _ _ => isTrue sorry\ndecide",
        "haveI : Subsingleton Colour := ⟨fun _ _ => by sorry⟩\nexact Subsingleton.elim _ _",
        "set_option debug.skipKernelTC true in cases c <;> decide +kernel",
        "have h : ∀ c : Colour, c = .red := by intro c; cases c <;> (try rfl) <;> exact (lcProof)\nexact h c",
        "exact (unsafeCast () : c = Colour.red)",
        "cases c; rfl\n-- the rest is left to the reader",
        "local macro \"easy\" : tactic => `(tactic| sorry)\neasy",
        "run_tac Lean.Elab.Tactic.closeMainGoal `x (Lean.mkConst ``sorryAx)",
    ] {
        refused(proof).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_tells_what_it_rests_on_and_what_was_not_looked_into() {
    let pool = lean::pool(1, Duration::from_secs(20));
    let verdict = async |statement: &str, proof: &str| {
        pool.recheck(&lean::theorem(statement), &[proof.to_owned()]).await.expect("Lean runs").value
    };
    // A proof of the kernel's own rests on nothing; one by `grind` on lemmas whose proofs this library lacks.
    let plain = verdict("theorem t (n : Nat) : n + 0 = n", "rfl").await;
    assert!(plain.accepted && plain.axioms.is_empty() && plain.unopened == 0, "{plain:?}");
    assert_eq!(plain.axioms_in_words(), "axioms: none");
    let grind = verdict("theorem t (p q : Prop) (hp : p) (hq : q) : p ∧ q", "grind").await;
    assert!(grind.accepted && grind.unopened > 0, "{grind:?}");
    assert!(grind.axioms_in_words().contains("not looked into"), "{}", grind.axioms_in_words());
    // An example is a theorem without a name.
    let example = verdict("example : 1 + 1 = 2", "rfl").await;
    assert!(example.accepted, "{example:?}");
    let wrong = verdict("example : 1 + 1 = 3", "rfl").await;
    assert!(!wrong.accepted, "{wrong:?}");
    // A letter that nobody bound is told of; a word is refused.
    let letter = verdict("theorem t (h : 0 < m) : m ≠ 0", "omega").await;
    assert!(letter.accepted, "{letter:?}");
    assert_eq!(letter.notes, ["nobody has bound m: Lean made it a variable of the theorem"]);
    let word = verdict("theorem t (x : Real) : x = x", "rfl").await;
    assert!(!word.accepted && word.reasons[0].contains("nobody has bound Real"), "{word:?}");
    let bound = verdict("theorem t : ∀ {count : Nat}, count = count", "intros; rfl").await;
    assert!(bound.accepted && bound.notes.is_empty(), "{bound:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_recursive_functions_do_not_multiply_heartbeats() {
    let pool = lean::pool(1, Duration::from_secs(20));
    let n = 10;
    let definitions: String =
        (0..n).map(|i| format!("def f{i} : List Nat → Nat | [] => 0 | x :: xs => x + f{i} xs\n")).collect();
    let sum = (0..n).map(|i| format!("f{i} [y]")).collect::<Vec<_>>().join(" + ");
    let names = (0..n).map(|i| format!("f{i}")).collect::<Vec<_>>().join(", ");
    // Each function more asks for as much again, not for eight times as much.
    let text = format!(
        "{definitions}set_option maxHeartbeats 2000\ntheorem t (y : Nat) : {sum} = {n} * y := by simp [{names}] <;> omega"
    );
    check(
        &pool,
        &text,
        expect![[r#"
            theorem t: accepted
            => accepted"#]],
    )
    .await;
}
