//! How long a proof is: what tidying makes shorter, and what it reports.

use serde::{Deserialize, Serialize};

use super::script::{Block, Kind, Script};

/// How long a proof is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// Tactics, those inside others counted too; what only structures (bullets, parentheses, `try`, `case`) is not.
    pub tactics: u64,
    /// Characters, white space not counted.
    pub characters: u64,
    /// Lines that are not blank.
    pub lines: u64,
}

impl Length {
    /// The length of a proof that consists of these tactics.
    #[must_use]
    pub fn of(proof: &[String]) -> Self {
        let text = super::joined(proof);
        Self {
            // What is too long to be read is counted by its steps.
            tactics: if text.len() <= super::MAX_BYTES {
                count(&Script::parse(&text).block)
            } else {
                proof.len() as u64
            },
            characters: text.chars().filter(|c| !c.is_whitespace()).count() as u64,
            lines: text.lines().filter(|line| !line.trim().is_empty()).count() as u64,
        }
    }

    /// Adds another proof's.
    pub fn add(&mut self, other: Self) {
        self.tactics += other.tactics;
        self.characters += other.characters;
        self.lines += other.lines;
    }
}

fn count(block: &Block) -> u64 {
    let inside = |blocks: &[Block]| blocks.iter().map(count).sum::<u64>();
    block
        .items
        .iter()
        .map(|item| match &item.kind {
            Kind::Plain => 1 + inside(&item.blocks),
            Kind::Arms(arms) => {
                let bodies = arms.iter().zip(&item.blocks).filter(|(arm, _)| !arm.is_hole);
                1 + bodies.map(|(_, body)| count(body)).sum::<u64>()
            }
            _ => inside(&item.blocks),
        })
        .sum()
}

/// What an edit must make less: characters, white space aside. A tactic that only asks what the proof is, such as `exact?`,
/// weighs more than any that is one.
pub(super) fn weight(text: &str) -> usize {
    const QUESTION: usize = 1000;
    let n_characters = text.chars().filter(|c| !c.is_whitespace()).count();
    let asks = |word: &&str| matches!(*word, "exact?" | "apply?" | "rw?" | "simp?" | "simp_all?" | "dsimp?" | "grind?");
    let n_questions =
        text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';' | ',')).filter(asks).count();
    n_characters + QUESTION * n_questions
}
