//! `demo`: sets up Lean and proves first theorems in the terminal, through the same command that a user calls.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::check::set_up;
use crate::shell::{cargo, root, step};

/// What is proved, easiest first: what it shows, and the statement.
const THEOREMS: [(&str, &str); 4] = [
    ("propositional logic", "theorem and_swap (p q : Prop) (hp : p) (hq : q) : q ∧ p"),
    ("linear arithmetic", "theorem between (a b : Nat) (h : a < b) : 2 * a + 1 < 2 * b"),
    (
        "induction",
        "theorem sum_of_odds (f : Nat → Nat) (h0 : f 0 = 0) (hs : ∀ n, f (n + 1) = f n + (2 * n + 1)) (n : Nat) : f n = n * n",
    ),
    ("a case split on residues", "theorem square_mod_four (n : Nat) : n * n % 4 = 0 ∨ n * n % 4 = 1"),
];

/// Proves the four theorems, and fails when one of them is not proved.
pub(crate) fn demo() -> Result<()> {
    step("build stepwise", cargo().args(["build", "--quiet", "--package", "stepwise-worker"]))?;
    set_up()?;
    let mut unproved = Vec::new();
    for (what, statement) in THEOREMS {
        println!("\n--- {what}\n{statement}\n");
        let started = Instant::now();
        let status = cargo()
            .args(["run", "--quiet", "--package", "stepwise-worker", "--", "prove", statement])
            .current_dir(root())
            .status()?;
        let seconds = started.elapsed().as_secs_f64();
        // `prove` tells "ran but not proved" from "went wrong" by its exit status.
        match status.code() {
            Some(0) => println!("proved and rechecked in {seconds:.1} s, starting Lean included"),
            Some(1) => unproved.push(what),
            _ => bail!("`stepwise prove` failed ({status}); `cargo run -- doctor` says what is missing"),
        }
    }
    if unproved.is_empty() {
        println!("\nall {} theorems proved", THEOREMS.len());
        Ok(())
    } else {
        bail!("not proved: {}", unproved.join(", "))
    }
}
