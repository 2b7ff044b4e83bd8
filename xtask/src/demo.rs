//! `demo`: builds the page, sets up Lean, proves first theorems in the terminal and serves the page with a small campaign,
//! and once more as files alone, through the same commands that a user calls.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::check::set_up;
use crate::shell::{cargo, root, step};
use crate::{serve as files, web};

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

/// Builds the page, proves the four theorems, and serves the page until Ctrl-C: with a small campaign, and as files alone.
/// `serve` has the arguments of `stepwise serve`, or is `None` to stop before.
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
    let dist = root().join("dist");
    web::pack_lean(&dist.join("lean"))?;
    let without_server = files::serve_beside(&dist)?;
    println!("\nfrom files alone, with Lean, policy and critic in the browser itself: {without_server}");
    let mut command = stepwise(&["serve"]);
    command.args(arguments);
    if may_have_campaign(arguments) {
        command.arg("--campaign").arg(make_campaign()?);
        println!(
            "from a server, where the tab Campaign has a small campaign that this machine can join; Ctrl-C ends both:"
        );
    } else {
        println!("from a server; Ctrl-C ends both:");
    }
    let status = command.status()?;
    // Ctrl-C reaches the server too, which then ends in good order.
    if status.success() { Ok(()) } else { bail!("`stepwise serve` failed ({status})") }
}

/// Whether the server shows a campaign: strangers' proofs are verified in a sandbox, which Linux has, and a campaign beside
/// a server is for this machine alone.
fn may_have_campaign(arguments: &[&str]) -> bool {
    let is_other = |argument: &&str| ["--campaign", "--token", "--host"].iter().any(|flag| argument.starts_with(flag));
    cfg!(target_os = "linux") && !arguments.iter().any(is_other)
}

/// Makes the demo's campaign anew, of generated problems, and returns its folder. Nothing is searched before a machine joins.
fn make_campaign() -> Result<PathBuf> {
    let folder = root().join("target").join("demo-campaign");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove the last demo's campaign")?;
    }
    fs::create_dir_all(&folder)?;
    let problems = folder.join("problems.jsonl");
    let made = ["corpus", "synthetic", "--n", "60", "--seed", "1", "-o"];
    step("make problems", stepwise(&made).arg(&problems))?;
    let budget = ["--timeout", "20", "--stages", "2", "--ramp", "4", "--name", "demo"];
    step(
        "make a campaign",
        stepwise(&["campaign", "init"]).arg(&folder).arg(&problems).args(budget).stdout(Stdio::null()),
    )?;
    Ok(folder)
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
