//! How different drawn developments are, and what one of them looks like with its evidence; nothing is checked by Lean.
//!
//! `cargo run -p stepwise-learn --example developments -- SEED COUNT` counts the first so many of a seed, by what they are
//! and by how many differ; `.. -- SEED COUNT PLACE` prints the one at this place instead.

use std::collections::{BTreeMap, BTreeSet};

use stepwise_learn::corpus::developments::{Development, Evidence, draw};
use stepwise_learn::corpus::normalise::{shape, statement_key};

fn main() {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|text| text.parse().ok()).collect();
    match numbers.as_deref() {
        Some([seed, n]) => print!("{}", counts(*seed, *n)),
        Some([seed, _, place]) => print!("{}", shown(&draw(*seed, *place))),
        _ => {
            eprintln!("usage: developments SEED COUNT [PLACE], all of them numbers");
            std::process::exit(2);
        }
    }
}

/// What the first `n` developments of the seed are, a count a line.
fn counts(seed: u64, n: u64) -> String {
    let (mut keys, mut shapes) = (BTreeSet::new(), BTreeSet::new());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for place in 0..n {
        let problem = draw(seed, place).problem;
        keys.insert(statement_key(&problem.theorem));
        shapes.insert(shape(&problem.theorem));
        let holds = if problem.holds == Some(true) { "true" } else { "false" };
        let grade = problem.difficulty.unwrap_or(0);
        for kind in [problem.source.unwrap_or_default(), format!("grade {grade}"), holds.to_owned()] {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let mut text = format!(
        "{n} developments of seed {seed}\n{} differ in more than names\n{} shapes of statements, own names numbered\n",
        keys.len(),
        shapes.len()
    );
    for (kind, count) in kinds {
        text.push_str(&format!("{count:>7} {kind}\n"));
    }
    text
}

/// The development as a file, with its proof or that of its negation.
fn shown(development: &Development) -> String {
    let theorem = &development.problem.theorem;
    match &development.evidence {
        Evidence::Proof(proof) => theorem.file(std::slice::from_ref(proof)),
        Evidence::Refutation(proof) => {
            theorem.negation().map_or_else(String::new, |negation| negation.file(std::slice::from_ref(proof)))
        }
    }
}
