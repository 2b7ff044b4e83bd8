//! Own definitions: whole small developments that a seed determines, each a theorem with the definitions that it is about.
//!
//! # What is drawn
//!
//! A development declares types (lists, trees, enumerations, records, alternatives, expressions, indexed families),
//! functions over them by structural recursion, predicates, and a theorem about these. Nothing is a template with other
//! names: the constructors of types, the equations of functions and the functions that meet in a theorem are all drawn.
//! A theorem is found, not made up: functions get roles (what measures a value, what changes it, what joins two), roles
//! say what two functions may have to do with each other, and what no drawn value refutes is kept as a law
//! ([`laws`]). Laws about values that functions made give further theorems, which need several laws at once.
//! Other schemes bring what roles do not: evaluators and those who optimise for them ([`expressions`]), machines and
//! their invariants ([`machines`]), recursion on numbers ([`numbers`]), insertion and sorting ([`insertion`]),
//! predicates given by rules ([`predicates`]), and indexed families ([`vectors`]).
//!
//! Names are drawn syllables, so that none can be learnt by heart.
//!
//! # What is known of it
//!
//! Each development comes with [`Evidence`]: a proof of its theorem, by the scheme that it was drawn by, or for a false
//! one a proof of its negation, which is a counterexample that was found by evaluating ([`eval`]). Both are hidden from
//! whoever searches. They are claims of the generator and nothing more until Lean has checked them, which the worker
//! does when a set is drawn (`stepwise corpus own`); what fails is dropped and counted.
//!
//! # Grades
//!
//! | | what the proof takes |
//! |---|---|
//! | 1 | cases or computation, no induction |
//! | 2 | one induction, and the functions' equations |
//! | 3 | an induction for any value of another variable, or one lemma |
//! | 4 | a lemma to be found that is itself generalised, or several |
//! | 5 | several lemmas about several functions |

mod eval;
mod expressions;
mod falsify;
mod functions;
mod insertion;
mod language;
mod laws;
mod machines;
mod names;
mod numbers;
mod predicates;
mod sketch;
mod text;
mod vectors;
mod world;

use sha2::{Digest, Sha256};
use stepwise_core::problem::{Problem, Theorem};

use self::language::{Claim, Program};
use self::sketch::{Known, Lemma, Sketch, Written};
use self::world::World;
use super::dice::Dice;

/// Why a development's theorem is thought to hold or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Tactics that prove the theorem.
    Proof(String),
    /// Tactics that prove its negation.
    Refutation(String),
}

/// A theorem with its own definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Development {
    pub problem: Problem,
    pub evidence: Evidence,
}

/// The source of problems that are drawn here begins with this; the scheme follows.
pub const OWN: &str = "own";

/// How many of a hundred theorems are made false.
const FALSE_PERCENT: i64 = 15;

/// How many of a hundred theorems with lemmas have one of them given in front.
const GIVEN_PERCENT: i64 = 25;

/// How many of a hundred developments keep functions that the theorem does not speak of.
const CLUTTER_PERCENT: i64 = 20;

/// How many of a hundred true theorems are about an indexed family.
const INDEXED_PERCENT: i64 = 5;

/// Draws a theorem in a new world; `None` when the draw led nowhere.
type Scheme = fn(&mut World<'_>) -> Option<Sketch>;

/// The schemes: weight, and what draws.
const SCHEMES: &[(u32, Scheme)] = &[
    (50, by_roles),
    (12, numbers::draw),
    (13, expressions::draw),
    (8, machines::draw),
    (8, insertion::draw),
    (9, predicates::draw),
];

/// The development at this place of the endless sequence of this seed.
///
/// It depends on seed and place alone, so that any part of the sequence can be drawn by itself. Two places may have the
/// same theorem about the same definitions ([`shape`](super::normalise) tells); most do not.
#[must_use]
pub fn draw(seed: u64, place: u64) -> Development {
    let mut dice = Dice::new(mixed(seed, place));
    let weights: Vec<u32> = SCHEMES.iter().map(|(weight, _)| *weight).collect();
    let holds = !dice.percent(FALSE_PERCENT);
    loop {
        if holds && dice.percent(INDEXED_PERCENT) {
            let written = vectors::draw(&mut World::new(&mut dice));
            return as_written(&mut dice, written, place);
        }
        let scheme = SCHEMES[dice.weighted(&weights)].1;
        let mut world = World::new(&mut dice);
        let Some(sketch) = scheme(&mut world) else { continue };
        if let Some(development) = finished(&mut world, sketch, holds, place) {
            return development;
        }
    }
}

/// The text as a problem with its proof.
fn as_written(dice: &mut Dice, written: Written, place: u64) -> Development {
    let Written { scheme, grade, preamble, theorem, proof } = written;
    let mut names = names::Names::default();
    // A name that the text has already is drawn again.
    let name = loop {
        let name = names.small(dice);
        if !preamble.contains(&name) {
            break name;
        }
    };
    let statement = format!("theorem {name} {theorem}");
    Development {
        problem: problem(scheme, &name, place, grade, true, preamble, statement),
        evidence: Evidence::Proof(proof),
    }
}

/// A seed for this place that has nothing to do with its neighbours'.
fn mixed(seed: u64, place: u64) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(place.to_le_bytes()).finalize();
    digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte))
}

/// A theorem about drawn functions over a drawn type.
fn by_roles(world: &mut World<'_>) -> Option<Sketch> {
    let on = functions::draw_type(world);
    let tools = functions::tools(world, &on);
    laws::theorem(world, &tools)
}

/// The sketch as a problem with its evidence.
fn finished(world: &mut World<'_>, sketch: Sketch, holds: bool, place: u64) -> Option<Development> {
    let sketch = sketch.with_drawn_variables(world);
    let name = world.small();
    if !holds {
        let (claim, refutation) = falsify::falsified(world, &sketch.claim)?;
        let grade = sketch.grade.min(3);
        declutter(world, &[&claim]);
        let statement = world.program.theorem(&name, &claim);
        let problem = problem(sketch.scheme, &name, place, grade, false, world.program.text(), statement);
        return Some(Development { problem, evidence: Evidence::Refutation(refutation) });
    }
    declutter(world, &sketch.claims());
    let names: Vec<String> = sketch.lemmas.iter().map(|_| world.small()).collect();
    let given =
        (!names.is_empty() && world.dice.percent(GIVEN_PERCENT)).then(|| world.dice.weighted(&vec![1; names.len()]));
    let program = &world.program;
    let mut preamble = program.text();
    let mut proof = String::new();
    for (idx, (lemma, lemma_name)) in sketch.lemmas.iter().zip(&names).enumerate() {
        let Lemma { claim, how } = lemma;
        if given == Some(idx) {
            let script = program.script(claim, how, &[], true);
            preamble.push_str(&format!("\n\n{} := by\n{}", program.theorem(lemma_name, claim), indented(&script)));
        } else {
            let script = program.script(claim, how, &[], false);
            proof.push_str(&format!(
                "have {lemma_name} : {} := by\n{}\n",
                program.quantified(claim),
                indented(&script)
            ));
        }
    }
    let known = names.iter().enumerate().map(|(idx, name)| Known { name: name.clone(), is_given: given == Some(idx) });
    proof.push_str(&program.script(&sketch.claim, &sketch.how, &known.collect::<Vec<_>>(), true));
    let grade = if given.is_some() { (sketch.grade - 1).max(2) } else { sketch.grade };
    let statement = program.theorem(&name, &sketch.claim);
    let problem = problem(sketch.scheme, &name, place, grade, true, preamble, statement);
    Some(Development { problem, evidence: Evidence::Proof(proof) })
}

/// Takes away what the claims do not need, but for some clutter.
fn declutter(world: &mut World<'_>, claims: &[&Claim]) {
    if !world.dice.percent(CLUTTER_PERCENT) {
        let program: &mut Program = &mut world.program;
        program.keep_only(claims);
    }
}

fn problem(
    scheme: &str,
    name: &str,
    place: u64,
    grade: u32,
    holds: bool,
    preamble: String,
    statement: String,
) -> Problem {
    Problem {
        name: format!("{OWN}_{scheme}_{place:06}"),
        theorem: Theorem { name: name.to_owned(), preamble, statement, ..Theorem::default() },
        source: Some(format!("{OWN}/{scheme}")),
        difficulty: Some(grade),
        holds: Some(holds),
        ..Problem::default()
    }
}

/// Every line two spaces further in.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
