//! A policy that looks lemmas up: it ranks the theorems of a library by what they share with the goal, and drafts
//! tactics that use the first of them.
//!
//! It needs no model. It is there for exploration: proofs that need a lemma are found by search, and a language model
//! that learns from them learns the lemmas' names.

mod draft;
mod index;
mod lemma;
mod symbols;

use self::draft::Drafts;
use self::index::Index;
use self::lemma::{Lemma, LemmaSymbols};
use self::symbols::Symbols;
use super::{Candidate, ProposalRequest};
use crate::corpus::bound::Scope;
use crate::corpus::lexeme::lexemes;
use crate::goal::Goal;
use crate::random::SplitMix64;

/// What a symbol of a hypothesis counts, of a goal's and of a lemma's, beside one of target or conclusion.
const HYPOTHESIS: f64 = 0.35;

/// A theorem that a proof may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Premise {
    /// Its full name: `Nat.add_comm`.
    pub name: String,
    /// Its statement, under whatever name: `theorem lib_Nat_add_comm (n m : Nat) : n + m = m + n`.
    pub statement: String,
}

/// A library of premises, indexed.
#[derive(Clone, Debug, Default)]
pub struct Premises {
    lemmas: Vec<Lemma>,
    index: Index,
}

/// A lemma that fits a goal.
struct Hit<'a> {
    lemma: &'a Lemma,
    /// From 0 to 1, relative to the best.
    score: f64,
    /// How much of the sides of its equation stands in the target, as [`Index::cover`] tells.
    cover: [Option<f64>; 2],
}

impl Premises {
    /// Reads and indexes premises.
    pub fn new(premises: impl IntoIterator<Item = Premise>) -> Self {
        let (lemmas, symbols): (Vec<Lemma>, Vec<LemmaSymbols>) = premises.into_iter().map(Lemma::read).unzip();
        let index = Index::new(&symbols);
        Self { lemmas, index }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lemmas.len()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lemmas.is_empty()
    }

    /// Proposes at most `request.samples` tactics for the first goal, most promising first, without repeats. None of
    /// them names what the theorem does without.
    ///
    /// Deterministic in seed and pass. Every seed but 0 varies the lemmas' scores, so that each expansion looks at
    /// other lemmas; later passes vary them more.
    #[must_use]
    pub fn propose(&self, request: &ProposalRequest) -> Vec<Candidate> {
        let Some(goal) = request.goals.first() else {
            return Vec::new();
        };
        let mut random = SplitMix64::new(request.seed ^ (u64::from(request.pass) << 32));
        let spread = match (request.seed, request.pass) {
            (0, 0) => 1.0,
            (_, 0) => 1.5,
            _ => 2.5,
        };
        let hits = self.rank(goal, &request.without, |score| score * factor(&mut random, spread));
        let mut drafts = Drafts::default();
        draft::draft(goal, &hits, &request.without, &mut drafts);
        drafts.rank(request, |weight| weight * factor(&mut random, spread))
    }

    /// The lemmas that share most with the goal, best first.
    fn rank(&self, goal: &Goal, without: &[String], mut vary: impl FnMut(f64) -> f64) -> Vec<Hit<'_>> {
        /// More than any proposal has room for.
        const N_HITS: usize = 32;
        let (target, all) = symbols_of(goal);
        let (target, all) = (self.index.query(&target), self.index.query(&all));
        let scores = self.index.scores(&all);
        let mut order: Vec<usize> = (0..scores.len()).filter(|idx| scores[*idx] > 0.0).collect();
        // Twice as many as needed are varied, so that a lemma far down never comes first by luck.
        let by_score = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        if order.len() > 2 * N_HITS {
            order.select_nth_unstable_by(2 * N_HITS, by_score);
            order.truncate(2 * N_HITS);
        }
        order.sort_unstable_by(by_score);
        let mut hits: Vec<Hit<'_>> = order
            .into_iter()
            .filter(|idx| !without.contains(&self.lemmas[*idx].name))
            .map(|idx| Hit {
                lemma: &self.lemmas[idx],
                score: vary(f64::from(scores[idx])),
                cover: [0, 1].map(|side| self.index.cover(idx, side, &target)),
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(N_HITS);
        let best = hits.first().map_or(1.0, |hit| hit.score);
        hits.iter_mut().for_each(|hit| hit.score /= best);
        hits
    }
}

/// The symbols of a goal's target, and those of all of it.
fn symbols_of(goal: &Goal) -> (Symbols, Symbols) {
    let mut scope = Scope::default();
    for name in goal.hypotheses.iter().flat_map(|hypothesis| &hypothesis.names) {
        scope.introduce(name.split('✝').next().unwrap_or_default());
    }
    let mut target = Symbols::default();
    target.add(&scope.read(&lexemes(&goal.target)), 1.0);
    let mut all = target.clone();
    for hypothesis in &goal.hypotheses {
        all.add(&scope.read(&lexemes(&hypothesis.ty)), HYPOTHESIS);
    }
    (target, all)
}

/// A factor between `1 / spread` and `spread`.
fn factor(random: &mut SplitMix64, spread: f64) -> f64 {
    let unit = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    libm::pow(spread, 2.0 * unit - 1.0)
}

#[cfg(test)]
mod tests;
