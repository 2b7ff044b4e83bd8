//! Pointers to lemmas: a small model that cannot spell a library's names says which of the lemmas that were looked up it
//! means.
//!
//! A state is shown below the names of the lemmas that fit it best, numbered `§1`, `§2`, .., and a tactic may say `§2` where
//! it names the second. Retrieval for a prover's prompt is that of ReProver (arXiv 2306.15626); pointing instead of
//! spelling makes `grind [§1, §2]` one tactic for all states, so that few proofs suffice to learn when to try it.

use super::Premises;
use crate::goal::{Goal, is_name_part};
use crate::policy::ProposalRequest;

/// Lemmas that can be pointed at.
const N_POINTERS: usize = 16;

/// Lemmas that are shown: the names cost more tokens than the state where there are many.
const N_SHOWN: usize = 4;

/// In front of a lemma's number. Lean's syntax has no such character.
const MARK: char = '§';

/// The lemmas of one state, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers(Vec<String>);

impl Premises {
    /// The names of the lemmas that share most with the first goal, best first; none that the theorem does without.
    #[must_use]
    pub fn pointers(&self, request: &ProposalRequest) -> Pointers {
        // What is known of a goal by its text alone is read from the text.
        let read = |goal: &Goal| Goal::parse(goal.text.split("\n\n").next().unwrap_or_default());
        let goal = request.goals.first().map(|goal| if goal.target.is_empty() { read(goal) } else { goal.clone() });
        let Some(goal) = goal else { return Pointers::default() };
        let words = super::words_of(&goal);
        let hits = self.rank(&goal, &words, |lemma| !request.without.contains(&lemma.name), |score| score);
        Pointers(hits.iter().take(N_POINTERS).map(|hit| hit.lemma.name.clone()).collect())
    }
}

impl Pointers {
    /// The request with the lemmas shown above its state.
    #[must_use]
    pub fn shown_in(&self, request: &ProposalRequest) -> ProposalRequest {
        let mut request = request.clone();
        if let Some(goal) = request.goals.first_mut() {
            let shown = self.0.iter().take(N_SHOWN).enumerate();
            let shown: String = shown.map(|(idx, name)| format!("{MARK}{} {name}\n", idx + 1)).collect();
            goal.text.insert_str(0, &shown);
        }
        request
    }

    /// The tactic with pointers for the lemmas' names.
    #[must_use]
    pub fn point(&self, tactic: &str) -> String {
        let mut pointed = String::with_capacity(tactic.len());
        let mut rest = tactic;
        while let Some(first) = rest.chars().next() {
            // `List.head?_eq_getElem?` is one name.
            let is_part = |c: char| is_name_part(c) || matches!(c, '!' | '?');
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(first.len_utf8());
            let (word, behind) = rest.split_at(length);
            match self.find(word) {
                Some((number, field)) => pointed.push_str(&format!("{MARK}{number}{field}")),
                None => pointed.push_str(word),
            }
            rest = behind;
        }
        pointed
    }

    /// The tactic with the lemmas' names for pointers; `None` when it points at nothing.
    #[must_use]
    pub fn resolve(&self, tactic: &str) -> Option<String> {
        let mut parts = tactic.split(MARK);
        let mut resolved = parts.next()?.to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let number: usize = part[..end].parse().ok()?;
            resolved.push_str(self.0.get(number.checked_sub(1)?)?);
            resolved.push_str(&part[end..]);
        }
        Some(resolved)
    }

    /// The number of the lemma that a word names, and what follows the name in it: `.mpr`, the dots of `L..`.
    fn find<'w>(&self, word: &'w str) -> Option<(usize, &'w str)> {
        let ends = word.match_indices('.').map(|(at, _)| at).chain([word.len()]);
        let mut found = None;
        for end in ends {
            let (name, field) = word.split_at(end);
            found = self.0.iter().position(|known| known == name).map(|idx| (idx + 1, field)).or(found);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::premises::Premise;

    fn pointers(names: &[&str]) -> Pointers {
        Pointers(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn names_become_pointers_and_names_again() {
        let pointers = pointers(&["Nat.add_comm", "Nat.add", "List.map_map", "or_assoc'", "List.head?_nil"]);
        for (tactic, pointed) in [
            ("rw [Nat.add_comm]", "rw [§1]"),
            ("simp [List.map_map, Nat.add_comm, Nat.add]", "simp [§3, §1, §2]"),
            ("exact Nat.add_comm.symm", "exact §1.symm"),
            ("exact (Nat.add_comm ..).symm", "exact (§1 ..).symm"),
            ("rw [← or_assoc']\nomega", "rw [← §4]\nomega"),
            // Longer names that begin or end alike are others.
            ("rw [Nat.add_comm', xNat.add_comm, Nat.add_comm₂]", "rw [Nat.add_comm', xNat.add_comm, Nat.add_comm₂]"),
            ("grind [List.head?, List.head?_nil]", "grind [List.head?, §5]"),
            ("simp", "simp"),
            ("", ""),
        ] {
            assert_eq!(pointers.point(tactic), pointed);
            assert_eq!(pointers.resolve(pointed).as_deref(), Some(tactic));
        }
        for nothing in ["rw [§]", "rw [§0]", "rw [§6]", "§99999999999999999999999"] {
            assert_eq!(pointers.resolve(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_state_is_shown_below_the_lemmas_that_fit_it() {
        let premise = |name: &str, statement: &str| Premise { name: name.to_owned(), statement: statement.to_owned() };
        let premises = Premises::new([
            premise("Nat.mul_comm", "theorem a (n m : Nat) : n * m = m * n"),
            premise("Nat.add_comm", "theorem b (n m : Nat) : n + m = m + n"),
        ]);
        let state = "x y : Nat\n⊢ x + y = y + x";
        let mut request = ProposalRequest {
            theorem: "t".to_owned(),
            goals: vec![Goal::parse(state)],
            history: Vec::new(),
            samples: 1,
            pass: 0,
            seed: 7,
            without: Vec::new(),
        };
        let found = premises.pointers(&request);
        assert_eq!(found.0[0], "Nat.add_comm");
        let shown = found.shown_in(&request);
        assert!(shown.goals[0].text.starts_with("§1 Nat.add_comm\n"));
        assert!(shown.goals[0].text.ends_with(state));

        // The printed state is enough, and its later goals do not count.
        let text = format!("{state}\n\ncase h\na : Nat\n⊢ a * a = a");
        request.goals = vec![Goal { case: None, hypotheses: Vec::new(), target: String::new(), text }];
        assert_eq!(premises.pointers(&request), found);

        request.without = vec!["Nat.add_comm".to_owned()];
        assert!(!premises.pointers(&request).0.contains(&"Nat.add_comm".to_owned()));
        request.goals.clear();
        assert_eq!(premises.pointers(&request).shown_in(&request), request);
    }
}
