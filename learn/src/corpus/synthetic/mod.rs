//! Problems without end: statements that a seed determines, from families whose truth the generator knows.
//!
//! A family drafts a statement that is wanted true or false at a level. What is true is true by construction or because
//! all cases were computed; what is false has a counterexample, which was computed or stands in a comment. Names, order
//! and statements depend on the seed alone, and a longer corpus begins with a shorter one of the same seed.

mod bounded;
mod digits;
mod diophantine;
mod divisibility;
mod draft;
mod equations;
mod functions;
mod inequality;
mod linear;
mod lists;
mod logic;
mod modular;
mod predicate;
mod products;
mod propositional;
mod rational;
mod recursion;
mod sequences;
mod sums;
mod term;
mod values;

use std::collections::{HashMap, HashSet};

use self::draft::Draft;
use super::dice;
use super::dice::Dice;
use stepwise_core::problem::{Problem, Theorem};
use stepwise_core::syntax::{TokenKind, tokens};

/// Drafts a statement of about this level that is true, or false; `None` when the draw led nowhere.
type Family = fn(&mut Dice, u32, bool) -> Option<Draft>;

/// The families: name, weight, and what drafts them.
const FAMILIES: &[(&str, u32, Family)] = &[
    ("linear", 10, linear::draft),
    ("modular", 10, modular::draft),
    ("divisibility", 10, divisibility::draft),
    ("inequality", 9, inequality::draft),
    ("diophantine", 9, diophantine::draft),
    ("rational", 10, rational::draft),
    ("functions", 8, functions::draft),
    ("bounded", 6, bounded::draft),
    ("recursion", 12, recursion::draft),
    ("sums", 5, sums::draft),
    ("lists", 14, lists::draft),
    ("values", 5, values::draft),
    ("propositional", 7, propositional::draft),
    ("predicate", 9, predicate::draft),
    ("digits", 7, digits::draft),
    ("products", 6, products::draft),
    ("sequences", 7, sequences::draft),
    ("equations", 7, equations::draft),
];

/// How often each level from 1 to 5 is asked for.
const LEVELS: [u32; 5] = [12, 22, 26, 24, 16];

/// How many of a hundred statements are false.
const FALSE_PERCENT: i64 = 15;

/// Draws in a row that lead to nothing new before the families count as exhausted.
const MAX_DRAWS: usize = 20_000;

/// The first `n` problems of this seed; fewer only if the families cannot give so many different ones.
///
/// Each is named `syn_FAMILY_000123` by its place, has its family as its source, a difficulty from 1 to 5, and says
/// whether it holds. No two are the same up to the names of variables.
#[must_use]
pub fn generate(seed: u64, n: usize) -> Vec<Problem> {
    let mut dice = Dice::new(seed);
    let weights: Vec<u32> = FAMILIES.iter().map(|(_, weight, _)| *weight).collect();
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    let mut n_draws = 0;
    while problems.len() < n && n_draws < MAX_DRAWS {
        n_draws += 1;
        let (family, _, draft) = FAMILIES[dice.weighted(&weights)];
        let level = 1 + LEVELS.len().min(dice.weighted(&LEVELS)) as u32;
        let holds = !dice.percent(FALSE_PERCENT);
        // A family is tried again at once, so that its share does not depend on how often it fails.
        let Some(draft) = (0..60).find_map(|_| draft(&mut dice, level, holds)) else { continue };
        let text = draft.text(&mut dice);
        if seen.insert(shape(&text)) {
            n_draws = 0;
            problems.push(problem(family, problems.len(), &text, &draft));
        }
    }
    problems
}

fn problem(family: &str, idx: usize, text: &str, draft: &Draft) -> Problem {
    let name = format!("syn_{family}_{idx:06}");
    Problem {
        theorem: Theorem { name: name.clone(), statement: format!("theorem {name}{text}"), ..Theorem::default() },
        name,
        source: Some(family.to_owned()),
        difficulty: Some(draft.level),
        holds: Some(draft.holds),
        ..Problem::default()
    }
}

/// The text with its short names numbered in the order of their appearance and one space between tokens: what two
/// statements share that say the same in other letters.
fn shape(text: &str) -> String {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut shape = String::new();
    for token in tokens(text) {
        let word = token.text(text);
        let mut chars = word.chars();
        let letter = chars.next().is_some_and(char::is_alphabetic) && !chars.any(|c| c.is_ascii_alphabetic());
        if token.kind == TokenKind::Word && letter {
            let next = numbers.len();
            shape.push_str(&format!("v{} ", numbers.entry(word).or_insert(next)));
        } else {
            shape.push_str(word);
            shape.push(' ');
        }
    }
    shape
}

#[cfg(test)]
mod tests;
