//! `demo`: builds the page, sets up Lean, proves first theorems in the terminal and serves the page, through the same
//! commands that a user calls.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::check::set_up;
use crate::shell::{cargo, root, step};
use crate::web;

/// What is proved, easiest first: what it shows, and the statement.
const THEOREMS: [(&str, &str); 4] = [
    ("propositional logic", "theorem and_swap (p q : Prop) (hp : p) (hq : q) : q ∧ p"),
    ("linear arithmetic", "theorem between (a b : Nat) (h : a < b) : 2 * a + 1 < 2 * b"),
    (
        "induction",
        "theorem powers (f : Nat → Nat) (h0 : f 0 = 1) (hs : ∀ n, f (n + 1) = 2 * f n) (n : Nat) : f n = 2 ^ n",
    ),
    ("a case split on residues", "theorem square_mod_four (n : Nat) : n * n % 4 = 0 ∨ n * n % 4 = 1"),
];

/// Builds the page, proves the four theorems, and serves the page until Ctrl-C. `serve` has the arguments of `stepwise
/// serve`, or is `None` to stop before.
///
/// # Errors
/// Something does not build, or one of the theorems is not proved.
pub(crate) fn demo(serve: Option<&[&str]>) -> Result<()> {
    if serve.is_some() {
        web::pack()?;
    }
    step("build stepwise", cargo().args(["build", "--quiet", "--package", "stepwise-worker"]))?;
    set_up()?;
    prove_all()?;
    let Some(arguments) = serve else { return Ok(()) };
    println!("\nnow in the browser; Ctrl-C ends it:");
    let status = stepwise(&["serve"]).args(arguments).status()?;
    // Ctrl-C reaches the server too, which then ends in good order.
    if status.success() { Ok(()) } else { bail!("`stepwise serve` failed ({status})") }
}

fn prove_all() -> Result<()> {
    let mut unproved = Vec::new();
    for (what, statement) in THEOREMS {
        println!("\n--- {what}\n{statement}\n");
        let started = Instant::now();
        let status = stepwise(&["prove", statement]).status()?;
        let seconds = started.elapsed().as_secs_f64();
        // `prove` tells "ran but not proved" from "went wrong" by its exit status.
        match status.code() {
            Some(0) => println!("proved and rechecked in {seconds:.1} s, starting Lean included"),
            Some(1) => unproved.push(what),
            _ => bail!("`stepwise prove` failed ({status}); `cargo run -- doctor` says what is missing"),
        }
    }
    if !unproved.is_empty() {
        bail!("not proved: {}", unproved.join(", "));
    }
    println!("\nall {} theorems proved", THEOREMS.len());
    Ok(())
}

fn stepwise(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "stepwise-worker", "--"]).args(arguments).current_dir(root());
    command
}
