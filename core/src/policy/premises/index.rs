//! The inverted index of lemmas by symbols, and the ranking of lemmas for a goal.

use std::collections::HashMap;

use super::lemma::LemmaSymbols;
use super::symbols::Symbols;

/// Lemmas by symbols.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    ids: HashMap<String, u32>,
    /// By symbol: how much it tells, `ln(1 + n / n_lemmas_with_it)`.
    information: Vec<f64>,
    /// By symbol: the lemmas that have it, with what it adds to their scores per weight in the goal.
    postings: Vec<Vec<(u32, f32)>>,
    /// By lemma: the symbols of the two sides of its equation or equivalence.
    sides: Vec<[Vec<u32>; 2]>,
}

/// A goal's symbols in the terms of the index.
pub(super) struct Query {
    /// Weights by symbol.
    weights: HashMap<u32, f64>,
}

impl Index {
    pub(super) fn new(lemmas: &[LemmaSymbols]) -> Self {
        let mut index = Self::default();
        let mut counts: Vec<u32> = Vec::new();
        let mut bags: Vec<Vec<(u32, f64)>> = Vec::with_capacity(lemmas.len());
        for LemmaSymbols { all, left, right } in lemmas {
            let bag: Vec<(u32, f64)> = all.0.iter().map(|(symbol, weight)| (index.id(symbol), *weight)).collect();
            counts.resize(index.ids.len(), 0);
            for (id, _) in &bag {
                counts[*id as usize] += 1;
            }
            index.sides.push(
                [left, right].map(|Symbols(side)| {
                    side.iter().filter_map(|(symbol, _)| index.ids.get(symbol).copied()).collect()
                }),
            );
            bags.push(bag);
        }
        index.information = counts.iter().map(|n| libm::log(1.0 + lemmas.len() as f64 / f64::from(*n))).collect();
        index.postings = vec![Vec::new(); counts.len()];
        for (lemma, bag) in bags.iter().enumerate() {
            let value = |(id, weight): &(u32, f64)| index.information[*id as usize] * weight;
            let norm = bag.iter().map(|entry| value(entry).powi(2)).sum::<f64>().sqrt();
            for entry in bag {
                let gain = value(entry) * index.information[entry.0 as usize] / norm;
                index.postings[entry.0 as usize].push((lemma as u32, gain as f32));
            }
        }
        index
    }

    /// Symbols that no lemma has are left out.
    pub(super) fn query(&self, symbols: &Symbols) -> Query {
        let known = |(symbol, weight): &(String, f64)| self.ids.get(symbol).map(|id| (*id, *weight));
        Query { weights: symbols.0.iter().filter_map(known).collect() }
    }

    /// A score from 0 for every lemma: the cosine of the angle between the goal's and the lemma's symbols, each symbol
    /// weighted by what it tells, up to a factor that all lemmas share.
    pub(super) fn scores(&self, query: &Query) -> Vec<f32> {
        let mut scores = vec![0.0_f32; self.sides.len()];
        // In a fixed order, because sums of floats depend on it.
        let mut weights: Vec<(&u32, &f64)> = query.weights.iter().collect();
        weights.sort_unstable_by_key(|(id, _)| **id);
        for (id, weight) in weights {
            for (lemma, gain) in &self.postings[*id as usize] {
                scores[*lemma as usize] += gain * *weight as f32;
            }
        }
        scores
    }

    /// How much of the left (0) or right (1) side of a lemma's equation the goal's target has, from 0 to 1, by what
    /// the symbols tell. `None` for a side without symbols: a variable fits anything and says nothing.
    pub(super) fn cover(&self, lemma: usize, side: usize, target: &Query) -> Option<f64> {
        let ids = &self.sides[lemma][side];
        let sum = |wanted: &dyn Fn(&u32) -> bool| {
            ids.iter().filter(|id| wanted(id)).map(|id| self.information[*id as usize]).sum::<f64>()
        };
        let total = sum(&|_| true);
        (total > 0.0).then(|| sum(&|id| target.weights.contains_key(id)) / total)
    }

    fn id(&mut self, symbol: &str) -> u32 {
        let next = self.ids.len() as u32;
        *self.ids.entry(symbol.to_owned()).or_insert(next)
    }
}
