//! Tactics that a search is to do without.
//!
//! Where automation closes nearly everything in one step, searches and critics have nothing to show. Without it proofs are
//! many steps deep.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{TokenKind, tokens};

/// Tactics that decide or search by themselves.
pub const AUTOMATION: [&str; 16] = [
    "aesop",
    "bv_decide",
    "decide",
    "exact?",
    "grind",
    "linarith",
    "native_decide",
    "nlinarith",
    "norm_num",
    "omega",
    "positivity",
    "rfl",
    "ring",
    "simp",
    "simp_all",
    "simp_arith",
];

/// What stands for [`AUTOMATION`] but `rfl`, which closes what no other step can.
const GROUP: &str = "automation";

/// Words that tactics are called by, in order, each once. A word means its variants too: `simp` is `simp?` and `simp!` as
/// well, and `exact?` is nothing but itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Withheld(Vec<String>);

/// A text names no tactics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tactic's name; give names with commas between, such as `grind,omega`, or `automation`, or `none`")]
pub struct NoTactic(String);

impl Withheld {
    /// These.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// Whether nothing is withheld.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text uses one of them, anywhere but in comments, strings and other names.
    ///
    /// A word that is a tactic's is taken for the tactic also where it could be something else, such as the function
    /// `decide`: what slips through would make a search look better than it is.
    #[must_use]
    pub fn is_used_in(&self, tactic: &str) -> bool {
        // Most texts have none, and are not split.
        if !self.0.iter().any(|name| tactic.contains(name.as_str())) {
            return false;
        }
        let tokens = tokens(tactic);
        (0..tokens.len()).any(|idx| {
            let word = tokens[idx].text(tactic);
            let plain = word.trim_end_matches(['?', '!']);
            // `h.decide` is a field of `h`.
            let is_field =
                idx > 0 && tokens[idx - 1].text(tactic) == "." && tokens[idx - 1].span.end == tokens[idx].span.start;
            tokens[idx].kind == TokenKind::Word && !is_field && self.0.iter().any(|name| name == word || name == plain)
        })
    }
}

impl FromStr for Withheld {
    type Err = NoTactic;

    fn from_str(text: &str) -> Result<Self, NoTactic> {
        if text == "none" {
            return Ok(Self::default());
        }
        let mut names: Vec<&str> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let is_rest = |c: char| c.is_alphanumeric() || matches!(c, '_' | '?' | '!' | '\'');
            if name == GROUP {
                names.extend(AUTOMATION.iter().filter(|name| **name != "rfl"));
            } else if name.starts_with(|c: char| c.is_alphabetic()) && name.chars().all(is_rest) {
                names.push(name);
            } else {
                return Err(NoTactic(name.to_owned()));
            }
        }
        Ok(Self::of(&names))
    }
}

impl std::fmt::Display for Withheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withheld(text: &str) -> Withheld {
        text.parse().unwrap()
    }

    #[test]
    fn a_tactic_is_found_wherever_it_stands() {
        let withheld = withheld("simp,omega,exact?,decide");
        for tactic in [
            "simp",
            "simp only [Nat.add_comm] at h",
            "simp?",
            "simp!",
            "cases n <;> omega",
            "induction n with\n| zero => rfl\n| succ n ih => simp [ih]",
            "exact ⟨by omega, h⟩",
            "(omega)",
            "exact?",
            "exact of_decide_eq_true (by decide)",
            "first | simp | rfl",
        ] {
            assert!(withheld.is_used_in(tactic), "{tactic}");
        }
        for tactic in [
            "intro h",
            "rw [Nat.add_comm]",
            "exact Foo.decide h",
            "exact h.decide",
            "exact (f x).simp",
            "simp_all",
            "dsimp only",
            "apply omega_nat",
            "exact h",
            "rfl -- not by simp",
            "exact \"omega\"",
        ] {
            assert!(!withheld.is_used_in(tactic), "{tactic}");
        }
    }

    #[test]
    fn names_are_read_in_any_order_and_written_in_one() {
        assert_eq!(withheld("omega, grind,omega").to_string(), "grind,omega");
        assert_eq!(withheld("none"), Withheld::default());
        assert_eq!(Withheld::default().to_string(), "none");
        let group = withheld("automation");
        assert!(group.is_used_in("grind") && group.is_used_in("simp_all?") && !group.is_used_in("rfl"));
        assert_eq!(withheld(&group.to_string()), group);
        for wrong in ["", "grind,", "a b", "1", "Nat.add_comm", "simp only"] {
            assert!(wrong.parse::<Withheld>().is_err(), "{wrong}");
        }
    }
}
