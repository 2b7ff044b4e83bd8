//! Statements to begin with. Core Lean proves each: no Mathlib is needed.

/// A statement and the name that the visitor chooses it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    pub name: &'static str,
    pub statement: &'static str,
}

/// The examples, easier ones first.
pub const EXAMPLES: [Example; 11] = [
    Example { name: "Swap a conjunction", statement: "theorem and_swap (p q : Prop) (h : p ∧ q) : q ∧ p" },
    Example {
        name: "Distribute ∧ over ∨",
        statement: "theorem and_or_distrib (p q r : Prop) : p ∧ (q ∨ r) ↔ (p ∧ q) ∨ (p ∧ r)",
    },
    Example {
        name: "Push a negation through ∃",
        statement: "theorem not_exists_iff {α : Type} (P : α → Prop) : (¬ ∃ x, P x) ↔ ∀ x, ¬ P x",
    },
    Example {
        name: "Move a fact out of ∃",
        statement: "theorem exists_and {α : Type} (P : α → Prop) (q : Prop) : (∃ x, P x ∧ q) ↔ (∃ x, P x) ∧ q",
    },
    Example { name: "Addition commutes, by induction", statement: "theorem add_comm' (m n : Nat) : m + n = n + m" },
    Example {
        name: "A sum that doubles",
        statement: "def sumTo : Nat → Nat\n  | 0 => 0\n  | n + 1 => (n + 1) + sumTo n\n\ntheorem two_mul_sumTo (n : Nat) : 2 * sumTo n = n * (n + 1)",
    },
    Example {
        name: "Length of appended lists",
        statement: "theorem length_append' {α : Type} (xs ys : List α) : (xs ++ ys).length = xs.length + ys.length",
    },
    Example {
        name: "Reversing twice",
        statement: "theorem reverse_reverse' {α : Type} (xs : List α) : xs.reverse.reverse = xs",
    },
    Example {
        name: "Integers and inequalities",
        statement: "theorem between (x y : Int) (h : 2 * x < y) (k : y < 2 * x + 2) : y = 2 * x + 1",
    },
    Example {
        name: "Divisibility is transitive",
        statement: "theorem dvd_trans' (a b c : Nat) (hab : a ∣ b) (hbc : b ∣ c) : a ∣ c",
    },
    Example {
        name: "Harder: n³ + 5n is a multiple of 6", statement: "theorem six_dvd (n : Nat) : 6 ∣ n ^ 3 + 5 * n"
    },
];
