//! `demo`: builds the page, sets up Lean, proves first theorems in the terminal and serves the page, or a small campaign,
//! through the same commands that a user calls.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::check::set_up;
use crate::shell::{cargo, root, step};
use crate::web;

/// What the program exits with that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

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

/// Where the demo's campaign is served.
const ADDRESS: &str = "127.0.0.1:7880";

/// Builds the page, makes a small campaign of generated problems, says how to join it, and serves both until Ctrl-C.
///
/// # Errors
/// Something does not build, or the campaign cannot be made or served.
pub(crate) fn campaign() -> Result<()> {
    web::pack_page()?;
    step("build stepwise", cargo().args(["build", "--quiet", "--package", "stepwise-worker"]))?;
    set_up()?;
    let folder = root().join("target").join("demo-campaign");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot remove the last demo's campaign")?;
    }
    std::fs::create_dir_all(&folder)?;
    let (problems, url) = (folder.join("problems.jsonl"), format!("http://{ADDRESS}"));
    let (problems, campaign) = (problems.to_string_lossy(), folder.to_string_lossy());
    let made = ["corpus", "synthetic", "--n", "60", "--seed", "1", "-o", &problems];
    step("make problems", &mut stepwise(&made))?;
    let budget = ["--timeout", "20", "--stages", "2", "--ramp", "4", "--name", "demo", "--public-url", &url];
    step("make a campaign", stepwise(&["campaign", "init", &campaign, &problems]).args(budget))?;
    let link = stepwise(&["campaign", "invite", &campaign]).output()?;
    if !link.status.success() {
        bail!("`stepwise campaign invite` failed: {}", String::from_utf8_lossy(&link.stderr));
    }
    let link = String::from_utf8(link.stdout)?;
    println!("\nthe campaign's page is {url}; lend it this machine from another terminal:\n");
    println!("  cargo run -- donate join '{}'\n  cargo run -- donate\n\nCtrl-C ends it:", link.trim());
    let status = stepwise(&["campaign", "serve", &campaign, "--listen", ADDRESS]).status()?;
    // Ctrl-C reaches the coordinator too, which then ends in good order.
    match status.code() {
        Some(0 | INTERRUPTED) => Ok(()),
        _ => bail!("`stepwise campaign serve` failed ({status})"),
    }
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
