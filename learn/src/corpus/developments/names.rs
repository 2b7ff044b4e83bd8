//! Names that mean nothing and can be said: nobody learns a theorem by its name.

use std::collections::BTreeSet;

use super::super::dice::Dice;

/// Names that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

const ONSETS: [&str; 24] = [
    "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "fl", "gr", "kl", "pr", "sk",
    "st", "tr", "ch",
];
const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ei", "ou"];
const CODAS: [&str; 10] = ["", "", "", "", "n", "l", "r", "s", "m", "k"];

/// Short words that syllables make and Lean or a reader takes for something else.
const WORDS: [&str; 12] = ["from", "let", "max", "min", "mod", "mut", "nat", "none", "some", "not", "true", "Prop"];

impl Names {
    /// A name that is new, in small letters: of functions, constructors and theorems.
    pub(super) fn small(&mut self, dice: &mut Dice) -> String {
        loop {
            let n_syllables = dice.int(2, 3);
            let mut name = String::new();
            for _ in 0..n_syllables {
                name.push_str(dice.pick(&ONSETS));
                name.push_str(dice.pick(&VOWELS));
                name.push_str(dice.pick(&CODAS));
            }
            if !WORDS.contains(&name.as_str()) && self.0.insert(name.to_lowercase()) {
                return name;
            }
        }
    }

    /// A name that is new, with a capital: of types.
    pub(super) fn large(&mut self, dice: &mut Dice) -> String {
        let name = self.small(dice);
        name[..1].to_uppercase() + &name[1..]
    }
}

/// `n` different variables: letters as people choose them, of one of several sets.
pub(super) fn letters(n: usize, dice: &mut Dice) -> Vec<String> {
    const LETTERS: [&str; 18] =
        ["a", "b", "c", "d", "i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "u", "v", "w"];
    let start = usize::try_from(dice.int(0, LETTERS.len() as i64 - 1)).unwrap_or(0);
    (0..n)
        .map(|idx| {
            let place = start + idx;
            let letter = LETTERS[place % LETTERS.len()];
            if place < start + LETTERS.len() { letter.to_owned() } else { format!("{letter}'") }
        })
        .collect()
}
