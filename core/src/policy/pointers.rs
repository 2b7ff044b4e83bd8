//! Pointers: a small model says which of the lemmas that were looked up it means, and which of the portfolio's long drafts,
//! instead of spelling them.
//!
//! A state is shown below the names of the lemmas that fit it best, numbered `§1`, `§2`, .., and the beginnings of the
//! drafts, `¶1`, `¶2`, ... A tactic may say `§2` where it names the second lemma, or be a draft's number and nothing else.
//! Retrieval for a prover's prompt is that of ReProver (arXiv 2306.15626); pointing instead of spelling makes
//! `grind [§1, §2]` one tactic for all states, so that few proofs suffice to learn when to try it. A draft has numbers in it
//! that no small model could compute.

use super::ProposalRequest;
use super::portfolio;
use super::premises::Premises;
use crate::goal::split_goals;
use crate::syntax::name::is_name_part;

/// Lemmas that can be pointed at.
const N_LEMMAS: usize = 16;
/// Lemmas that are shown: the names cost more tokens than the state where there are many.
const N_LEMMAS_SHOWN: usize = 4;
/// Drafts that can be pointed at.
const N_DRAFTS: usize = 8;
/// Drafts whose beginnings are shown.
const N_DRAFTS_SHOWN: usize = 2;
/// Characters of a draft that are shown.
const N_CHARACTERS_SHOWN: usize = 24;
/// A tactic of at least this many bytes is a draft: shorter ones can be spelt.
const MIN_DRAFT: usize = 72;
/// Of how many of the portfolio's tactics drafts are taken.
const N_CONSIDERED: u32 = 64;

/// In front of a lemma's number. Lean's syntax has no such character.
const LEMMA: char = '§';
/// In front of a draft's number. Lean's syntax has no such character either.
const DRAFT: char = '¶';

/// What can be pointed at in one state, most promising first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers {
    lemmas: Vec<String>,
    drafts: Vec<String>,
}

impl Pointers {
    /// The lemmas that share most with the first goal, none that the theorem does without, and the portfolio's drafts. A
    /// goal of which only the text is given is read.
    #[must_use]
    pub fn new(premises: &Premises, request: &ProposalRequest) -> Self {
        let mut request = ProposalRequest { samples: N_CONSIDERED, pass: 0, seed: 0, ..request.clone() };
        if let [goal] = request.goals.as_slice()
            && goal.target.is_empty()
        {
            request.goals = split_goals(&goal.text);
        }
        let lemmas = premises.look_up(&request, N_LEMMAS).into_iter().map(str::to_owned).collect();
        let drafts = portfolio::propose(&request).into_iter().map(|candidate| candidate.tactic);
        let drafts = drafts.filter(|tactic| tactic.len() >= MIN_DRAFT).take(N_DRAFTS).collect();
        Self { lemmas, drafts }
    }

    /// The request with lemmas and drafts shown above its state.
    #[must_use]
    pub fn shown_in(&self, request: &ProposalRequest) -> ProposalRequest {
        let mut request = request.clone();
        if let Some(goal) = request.goals.first_mut() {
            let line = |mark: char, (idx, text): (usize, &String)| format!("{mark}{} {text}\n", idx + 1);
            let lemmas = self.lemmas.iter().take(N_LEMMAS_SHOWN).enumerate().map(|lemma| line(LEMMA, lemma));
            let beginning = |draft: &String| -> String {
                let first = draft.lines().next().unwrap_or_default();
                first.chars().take(N_CHARACTERS_SHOWN).collect()
            };
            let drafts: Vec<String> = self.drafts.iter().take(N_DRAFTS_SHOWN).map(beginning).collect();
            let drafts = drafts.iter().enumerate().map(|draft| line(DRAFT, draft));
            goal.text.insert_str(0, &lemmas.chain(drafts).collect::<String>());
        }
        request
    }

    /// The tactic with pointers for the lemmas' names, or as a pointer to a draft.
    #[must_use]
    pub fn point(&self, tactic: &str) -> String {
        if let Some(idx) = self.drafts.iter().position(|draft| draft == tactic) {
            return format!("{DRAFT}{}", idx + 1);
        }
        let mut pointed = String::with_capacity(tactic.len());
        let mut rest = tactic;
        while let Some(first) = rest.chars().next() {
            // `List.head?_eq_getElem?` is one name.
            let is_part = |c: char| is_name_part(c) || matches!(c, '!' | '?');
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(first.len_utf8());
            let (word, behind) = rest.split_at(length);
            match self.find(word) {
                Some((number, field)) => pointed.push_str(&format!("{LEMMA}{number}{field}")),
                None => pointed.push_str(word),
            }
            rest = behind;
        }
        pointed
    }

    /// The tactic that is pointed at, or with the lemmas' names for pointers; `None` when it points at nothing.
    #[must_use]
    pub fn resolve(&self, tactic: &str) -> Option<String> {
        let at = |all: &[String], number: &str| {
            let number: usize = number.parse().ok()?;
            all.get(number.checked_sub(1)?).cloned()
        };
        if let Some(number) = tactic.strip_prefix(DRAFT) {
            return at(&self.drafts, number);
        }
        let mut parts = tactic.split(LEMMA);
        let mut resolved = parts.next()?.to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            resolved.push_str(&at(&self.lemmas, &part[..end])?);
            resolved.push_str(&part[end..]);
        }
        (!resolved.contains(DRAFT)).then_some(resolved)
    }

    /// The number of the lemma that a word names, and what follows the name in it: `.mpr`, the dots of `L..`.
    fn find<'w>(&self, word: &'w str) -> Option<(usize, &'w str)> {
        let ends = word.match_indices('.').map(|(at, _)| at).chain([word.len()]);
        let mut found = None;
        for end in ends {
            let (name, field) = word.split_at(end);
            found = self.lemmas.iter().position(|known| known == name).map(|idx| (idx + 1, field)).or(found);
        }
        found
    }
}

#[cfg(test)]
mod tests;
