//! A policy that looks lemmas up: it ranks the theorems of a library by what they share with the goal, and drafts
//! tactics that use the first of them.
//!
//! It needs no model. It is there for exploration: proofs that need a lemma are found by search, and a language model
//! that learns from them learns the lemmas' names.

mod draft;
mod index;
mod lemma;
mod symbols;

use std::collections::HashSet;

use self::index::Index;
use self::lemma::{Lemma, LemmaSymbols, relation_of};
use self::symbols::Symbols;
use super::drafts::Drafts;
use super::{Candidate, ProposalRequest};
use crate::goal::Goal;
use crate::problem::{DatasetError, Defaults, Problem, read_jsonl};
use crate::random::SplitMix64;
use crate::syntax::bound::Scope;
use crate::syntax::lexeme::lexemes;

/// What a symbol of a hypothesis counts, of a goal's and of a lemma's, beside one of target or conclusion.
const HYPOTHESIS: f64 = 0.35;

/// What a lemma about a type counts that the goal does not speak of.
const OTHER_TYPE: f64 = 0.4;

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
        let (mut lemmas, symbols): (Vec<Lemma>, Vec<LemmaSymbols>) = premises.into_iter().map(Lemma::read).unzip();
        let index = Index::new(&symbols);
        // A lemma in the namespace of a type is about this type, even where it has no variable of it.
        let types: HashSet<String> = lemmas.iter().flat_map(|lemma| lemma.types.iter().cloned()).collect();
        for lemma in &mut lemmas {
            let namespace = lemma.name.split('.').next().filter(|first| types.contains(*first));
            lemma.types.extend(namespace.map(str::to_owned));
            lemma.types.sort_unstable();
            lemma.types.dedup();
        }
        Self { lemmas, index }
    }

    /// Those of a problem file's text, whose problems are named as the library names its theorems; `file` is for messages.
    ///
    /// # Errors
    /// It is no problem file.
    pub fn from_jsonl(file: &str, text: &str) -> Result<Self, DatasetError> {
        let problems = read_jsonl(file, text, &Defaults::default())?;
        let premise = |problem: Problem| Premise { name: problem.name, statement: problem.theorem.statement };
        Ok(Self::new(problems.into_iter().map(premise)))
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
        let words = words_of(goal);
        let allowed = |lemma: &Lemma| !request.without.contains(&lemma.name);
        let hits = self.rank(goal, &words, allowed, |score| score * factor(&mut random, spread));
        let mut bridges: Vec<&Lemma> = self.bridges(goal, &words).filter(|lemma| allowed(lemma)).collect();
        random.shuffle(&mut bridges);
        let mut drafts = Drafts::default();
        draft::draft(goal, &hits, &bridges, &request.without, &mut drafts);
        drafts.vary(|_| factor(&mut random, spread));
        drafts.retain(|draft| !request.withheld.is_used_in(&draft.tactic));
        drafts.rank(request.samples)
    }

    /// The names of the lemmas that share most with the first goal, best first; none that the theorem does without.
    #[must_use]
    pub fn look_up(&self, request: &ProposalRequest, n: usize) -> Vec<&str> {
        let Some(goal) = request.goals.first() else { return Vec::new() };
        let allowed = |lemma: &Lemma| !request.without.contains(&lemma.name);
        let hits = self.rank(goal, &words_of(goal), allowed, |score| score);
        hits.iter().take(n).map(|hit| hit.lemma.name.as_str()).collect()
    }

    /// The lemmas that share most with the goal, best first.
    fn rank(
        &self,
        goal: &Goal,
        words: &HashSet<&str>,
        allowed: impl Fn(&Lemma) -> bool,
        mut vary: impl FnMut(f64) -> f64,
    ) -> Vec<Hit<'_>> {
        /// More than any proposal has room for.
        const N_HITS: usize = 32;
        /// Of how many by score alone it is asked what types they are about: the same lemma may be there for ten.
        const N_CONSIDERED: usize = 512;
        let (target, all) = symbols_of(goal);
        let (target, all) = (self.index.query(&target), self.index.query(&all));
        let scores = self.index.scores(&all);
        let mut considered: Vec<(usize, f64)> = scores
            .iter()
            .enumerate()
            .filter(|(_, score)| **score > 0.0)
            .map(|(idx, score)| (idx, f64::from(*score)))
            .collect();
        best(&mut considered, N_CONSIDERED);
        considered.retain(|(idx, _)| allowed(&self.lemmas[*idx]));
        for (idx, score) in &mut considered {
            *score *= if is_about(&self.lemmas[*idx], words) { 1.0 } else { OTHER_TYPE };
        }
        // Twice as many as needed are varied, so that a lemma far down never comes first by luck.
        best(&mut considered, 2 * N_HITS);
        let hit = |(idx, score): (usize, f64)| Hit {
            lemma: &self.lemmas[idx],
            score: vary(score),
            cover: [0, 1].map(|side| self.index.cover(idx, side, &target)),
        };
        let mut hits: Vec<Hit<'_>> = considered.into_iter().map(hit).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(N_HITS);
        let best = hits.first().map_or(1.0, |hit| hit.score);
        hits.iter_mut().for_each(|hit| hit.score /= best);
        hits
    }

    /// The lemmas that carry the target's relation over to another type.
    fn bridges(&self, goal: &Goal, words: &HashSet<&str>) -> impl Iterator<Item = &Lemma> {
        let relation = relation_of(&lexemes(&goal.target)).map(|(relation, _)| relation);
        self.lemmas.iter().filter(move |lemma| {
            let bridge = lemma.bridge.as_ref();
            bridge.is_some_and(|bridge| Some(&bridge.relation) == relation.as_ref()) && is_about(lemma, words)
        })
    }
}

/// Keeps the `n` best by score, best first; of equals the first.
fn best(scored: &mut Vec<(usize, f64)>, n: usize) {
    let by_score = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if scored.len() > n {
        scored.select_nth_unstable_by(n, by_score);
        scored.truncate(n);
    }
    scored.sort_unstable_by(by_score);
}

/// The words of a goal, namespaces and fields for themselves.
fn words_of(goal: &Goal) -> HashSet<&str> {
    goal.text.split(|c: char| !c.is_alphanumeric()).map(plain_type).collect()
}

/// The goal speaks of all the types that the lemma is about.
fn is_about(lemma: &Lemma, words: &HashSet<&str>) -> bool {
    let mut others = lemma.types.iter().filter(|ty| *ty != "Nat").peekable();
    match others.peek() {
        // A natural number beside other types is a size or an index.
        Some(_) => others.all(|ty| words.contains(ty.as_str())),
        None => lemma.types.is_empty() || words.contains("Nat") || may_be_natural(words),
    }
}

/// Natural numbers need not be named where there are lengths, casts or no other numbers.
fn may_be_natural(words: &HashSet<&str>) -> bool {
    let is_other =
        |word: &&str| ["Int", "UInt", "ISize", "USize", "Rat", "Fin", "BitVec"].iter().any(|ty| word.starts_with(ty));
    let measures = ["toNat", "natAbs", "length", "size", "val", "count"];
    !words.iter().any(is_other) || measures.iter().any(|word| words.contains(word))
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

/// `Int` for `ℤ`, which a preamble may define.
fn plain_type(word: &str) -> &str {
    match word {
        "ℕ" => "Nat",
        "ℤ" => "Int",
        "ℚ" => "Rat",
        _ => word,
    }
}

/// A factor between `1 / spread` and `spread`.
fn factor(random: &mut SplitMix64, spread: f64) -> f64 {
    libm::pow(spread, 2.0 * random.unit() - 1.0)
}

#[cfg(test)]
mod tests;
