//! Whether a text can be a tactic at all, told without Lean: small models write texts that stop in the middle.

use super::{TokenKind, tokens};

/// Brackets that come in pairs.
const PAIRS: [(&str, &str); 5] = [("(", ")"), ("[", "]"), ("{", "}"), ("⟨", "⟩"), ("‹", "›")];

/// Symbols that no tactic begins with.
const NO_BEGINNING: [&str; 20] =
    ["|", ",", ":", ":=", "=>", ";", "<", ">", "=", "+", "*", "/", "^", "←", "→", "↔", "∧", "∨", "⊢", ".."];

/// Words and symbols behind which something must follow: keywords of terms and of tactics' clauses, and tactics that say
/// nothing by themselves.
const NO_END: [&str; 30] = [
    "=>",
    ":=",
    ",",
    "←",
    ">",
    "|",
    "by",
    "with",
    "at",
    "using",
    "from",
    "apply",
    "cases",
    "change",
    "erw",
    "exact",
    "exists",
    "fun_cases",
    "fun_induction",
    "generalize",
    "induction",
    "refine",
    "refine'",
    "rewrite",
    "rw",
    "show",
    "specialize",
    "subst",
    "suffices",
    "unfold",
];

/// False for a text that Lean's grammar has no tactic for: it is empty, its brackets do not match, a string or comment stays
/// open, it begins with what no tactic begins with, or it ends before its tactic does.
///
/// What is true may still be none: that is Lean's to say. A file's own notation could make a tactic of what is false here,
/// by a bracket without its other half; no library is known to.
#[must_use]
pub fn may_be_tactic(text: &str) -> bool {
    let tokens: Vec<_> = tokens(text).into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return false };
    if tokens.iter().any(|token| token.kind == TokenKind::Unclosed)
        || matches!(first.kind, TokenKind::Number | TokenKind::Str | TokenKind::Char)
        || NO_BEGINNING.contains(&first.text(text))
        || NO_END.contains(&last.text(text))
    {
        return false;
    }
    let mut open = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Symbol) {
        let symbol = token.text(text);
        if let Some((_, close)) = PAIRS.iter().find(|(open, _)| *open == symbol) {
            open.push(*close);
        } else if PAIRS.iter().any(|(_, close)| *close == symbol) && open.pop() != Some(symbol) {
            return false;
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_pass() {
        for text in [
            "simp",
            "simp [foo, ← bar] at h ⊢",
            "simp at *",
            "exact ⟨h.1, by omega⟩",
            "cases h with\n| inl h => exact h\n| inr h => simp_all",
            "induction n <;> simp_all [f]",
            "· rfl",
            "(constructor <;> assumption)",
            "{ exact h }",
            "rw [show (2 : Nat) = 1 + 1 from rfl]",
            "have h : a ≤ b := by omega\nexact h",
            "exact \"(\" ▸ h -- a [comment",
            "conv => lhs; rw [h]",
            "match h with | .inl a => exact a | .inr b => exact b",
            "exact #[1, 2].size_eq ▸ h",
            "exact ‹a = b›",
            "rfl;",
            "next => trivial",
            "exact fun x => x",
            "exact absurd h (Nat.not_lt.mpr (Nat.le_of_eq (by rw [Nat.add_comm])))",
            "decide +revert",
            "show x = '('; rfl",
        ] {
            assert!(may_be_tactic(text), "{text:?}");
        }
    }

    #[test]
    fn what_stops_in_the_middle_or_begins_there_does_not() {
        for text in [
            "",
            "  ",
            "-- nothing",
            "exact",
            "exact ⟨1",
            "exact ⟨1]",
            "exact ⟩",
            "rw [← h",
            "rw [h]]",
            "cases",
            "cases h with",
            "| zero => simp_all",
            "omega <;>",
            "have h : 1 = 1 := by",
            "simp [f,",
            "intro x; exact",
            "exact (by",
            "simp at",
            "exact fun x =>",
            "2 = 2",
            "exact \"half",
            "exact h /- open",
            "refine ⟨_, (?_⟩)",
            ", simp",
            "← h",
        ] {
            assert!(!may_be_tactic(text), "{text:?}");
        }
    }
}
