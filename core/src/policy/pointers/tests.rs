//! Pointing and resolving undo each other, and what is shown is what is pointed at.

use super::*;
use crate::goal::Goal;
use crate::policy::premises::Premise;

fn request(goals: Vec<Goal>) -> ProposalRequest {
    ProposalRequest {
        theorem: "t".to_owned(),
        goals,
        history: Vec::new(),
        samples: 1,
        pass: 0,
        seed: 7,
        without: Vec::new(),
        ..ProposalRequest::default()
    }
}

/// A state of which only the text is known, as lessons have it.
fn printed(text: &str) -> Goal {
    Goal { case: None, hypotheses: Vec::new(), target: String::new(), text: text.to_owned(), facts: None }
}

fn premises() -> Premises {
    let premise = |name: &str, statement: &str| Premise { name: name.to_owned(), statement: statement.to_owned() };
    Premises::new([
        premise("Nat.mul_comm", "theorem a (n m : Nat) : n * m = m * n"),
        premise("Nat.add_comm", "theorem b (n m : Nat) : n + m = m + n"),
    ])
}

#[test]
fn names_become_pointers_and_names_again() {
    let names = ["Nat.add_comm", "Nat.add", "List.map_map", "or_assoc'", "List.head?_nil"];
    let drafts = vec!["have h : 1 = 1 := rfl\nomega".to_owned(), "rw [Nat.add_comm]; omega".to_owned()];
    let pointers = Pointers { lemmas: names.map(str::to_owned).to_vec(), drafts };
    for (tactic, pointed) in [
        ("rw [Nat.add_comm]", "rw [§1]"),
        ("simp [List.map_map, Nat.add_comm, Nat.add]", "simp [§3, §1, §2]"),
        ("exact Nat.add_comm.symm", "exact §1.symm"),
        ("exact (Nat.add_comm ..).symm", "exact (§1 ..).symm"),
        ("rw [← or_assoc']\nomega", "rw [← §4]\nomega"),
        // Longer names that begin or end alike are others.
        ("rw [Nat.add_comm', xNat.add_comm, Nat.add_comm₂]", "rw [Nat.add_comm', xNat.add_comm, Nat.add_comm₂]"),
        ("grind [List.head?, List.head?_nil]", "grind [List.head?, §5]"),
        ("have h : 1 = 1 := rfl\nomega", "¶1"),
        ("rw [Nat.add_comm]; omega", "¶2"),
        ("simp", "simp"),
        ("", ""),
    ] {
        assert_eq!(pointers.point(tactic), pointed);
        assert_eq!(pointers.resolve(pointed).as_deref(), Some(tactic));
    }
    for nothing in
        ["rw [§]", "rw [§0]", "rw [§6]", "§99999999999999999999999", "¶", "¶0", "¶3", "¶1 <;> simp", "simp ¶1"]
    {
        assert_eq!(pointers.resolve(nothing), None, "{nothing}");
    }
}

#[test]
fn a_state_is_shown_below_the_lemmas_that_fit_it() {
    let state = "x y : Nat\n⊢ x + y = y + x";
    let mut asked = request(vec![Goal::parse(state)]);
    let found = Pointers::new(&premises(), &asked);
    assert_eq!(found.lemmas[0], "Nat.add_comm");
    let shown = found.shown_in(&asked);
    assert!(shown.goals[0].text.starts_with("§1 Nat.add_comm\n"));
    assert!(shown.goals[0].text.ends_with(state));

    // The printed state is enough, with all its goals.
    let both = format!("{state}\n\ncase h\na : Nat\n⊢ a * a = a");
    let read = Pointers::new(&premises(), &request(vec![printed(&both)]));
    assert_eq!(read, Pointers::new(&premises(), &request(split_goals(&both))));
    assert_eq!(read.lemmas, found.lemmas);

    asked.without = vec!["Nat.add_comm".to_owned()];
    assert!(!Pointers::new(&premises(), &asked).lemmas.contains(&"Nat.add_comm".to_owned()));
    asked.goals.clear();
    assert_eq!(Pointers::new(&premises(), &asked).shown_in(&asked), asked);
}

#[test]
fn the_portfolio_s_long_tactics_are_drafts() {
    let asked = request(vec![Goal::parse("n : Nat\nh : n ^ 2 < 50\n⊢ n < 8")]);
    let pointers = Pointers::new(&premises(), &asked);
    assert!(!pointers.drafts.is_empty() && pointers.drafts.iter().all(|draft| draft.len() >= MIN_DRAFT));
    let shown = pointers.shown_in(&asked);
    assert!(shown.goals[0].text.contains("\n¶1 ") || shown.goals[0].text.starts_with("¶1 "));
    assert_eq!(pointers.resolve("¶1").as_ref(), pointers.drafts.first());
}
