//! Two policies' tactics as one list, such as those of the portfolio and of a model.
//!
//! The two kinds of log-probability do not compare as they are: the portfolio's are those of a distribution over its
//! candidates, a language model's are sums or means over tokens and say nothing about the other candidates. So each policy's
//! candidates are first put on one scale, as the distribution `q` over what this policy proposed here:
//! `q(t) = exp(l(t)) / sum over its candidates u of exp(l(u))`. The mixture's log-probability is then
//! `log(w_a q_a(t) + w_b q_b(t))`, with the shares of the samples as weights. It is a distribution over the tactics of
//! both; within either policy's tactics its order is that policy's own; and a tactic that both propose has at least the
//! log-probability that either gives it alone.
//!
//! Exponentials and logarithms are libm's: the same bits natively and in the browser, so that equals stay equals.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::premises::Premises;
use super::{Candidate, ProposalRequest, portfolio};

/// The share of the portfolio's samples that the lemmas beside it get, unless somebody says otherwise.
pub const LEMMAS_SHARE: f64 = 0.5;

/// The portfolio's share where it stands beside a model in a state that is expanded once more.
pub const WIDENING_SHARE: f64 = 0.5;

/// What the portfolio proposes with lemmas to look up beside it, which get this share of the samples.
#[must_use]
pub fn portfolio_with_lemmas(lemmas: &Premises, lemmas_share: f64, request: &ProposalRequest) -> Vec<Candidate> {
    let shares = Shares::new(request.samples, lemmas_share);
    let of = |samples: u32, propose: &dyn Fn(&ProposalRequest) -> Vec<Candidate>| match samples {
        0 => Vec::new(),
        _ => propose(&ProposalRequest { samples, ..request.clone() }),
    };
    let first = of(shares.first(), &portfolio::propose);
    let second = of(shares.second(first.len()), &|request| lemmas.propose(request));
    shares.mix(first, second)
}

/// The shares of two policies in the samples of one state.
///
/// The first policy is asked before the second, which gets its own share and what the first left of its: a model that is
/// sure of itself may write a few tactics again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    samples: u32,
    n_second: u32,
}

impl Shares {
    /// Shares in so many samples, of which `second_share`, from 0 to 1, are the second policy's. Neither goes empty-handed
    /// while there are two samples and it has a share at all.
    #[must_use]
    pub fn new(samples: u32, second_share: f64) -> Self {
        let n_second = (f64::from(samples) * second_share).round() as u32;
        let n_second = match samples {
            2.. if 0.0 < second_share && second_share < 1.0 => n_second.clamp(1, samples - 1),
            _ => n_second.min(samples),
        };
        Self { samples, n_second }
    }

    /// How many samples the first policy is asked for.
    #[must_use]
    pub fn first(self) -> u32 {
        self.samples - self.n_second
    }

    /// How many samples the second policy is asked for after the first has found so many candidates. One without a share
    /// is not asked.
    #[must_use]
    pub fn second(self, n_found: usize) -> u32 {
        match self.n_second {
            0 => 0,
            _ => self.samples - self.first().min(u32::try_from(n_found).unwrap_or(u32::MAX)),
        }
    }

    /// The candidates of both, most promising first, each tactic once; of each policy as many as it was asked for.
    #[must_use]
    pub fn mix(self, first: Vec<Candidate>, second: Vec<Candidate>) -> Vec<Candidate> {
        let (n_first, n_second) = (self.first(), self.second(first.len()));
        // A policy without an idea leaves its weight to the other, as if it had not been asked.
        let (w_first, w_second) = match (first.is_empty(), second.is_empty()) {
            (false, false) => {
                let w_second = f64::from(self.n_second) / f64::from(self.samples);
                (1.0 - w_second, w_second)
            }
            _ => (1.0, 1.0),
        };
        let mut mixed: Vec<Candidate> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (candidates, n_kept, weight) in [(first, n_first, w_first), (second, n_second, w_second)] {
            let kept = || candidates.iter().take(n_kept as usize);
            let total = log_sum_exp(kept().map(|candidate| bounded(candidate.logprob)));
            for candidate in kept() {
                let logprob = libm::log(weight) + bounded(candidate.logprob) - total;
                match known.get(&candidate.tactic) {
                    Some(&idx) => {
                        let other = &mut mixed[idx];
                        other.logprob = log_sum_exp([other.logprob, logprob].into_iter());
                        other.n_tokens = other.n_tokens.max(candidate.n_tokens);
                    }
                    None => {
                        known.insert(candidate.tactic.clone(), mixed.len());
                        mixed.push(Candidate { logprob, ..candidate.clone() });
                    }
                }
            }
        }
        for candidate in &mut mixed {
            // Sums of rounded numbers may come out a little above.
            candidate.logprob = candidate.logprob.min(0.0);
        }
        mixed.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        mixed
    }
}

/// A finite number for any that a policy may say: a list of impossible tactics is still a list.
fn bounded(logprob: f64) -> f64 {
    const LOWEST: f64 = -1e4;
    if logprob.is_nan() { LOWEST } else { logprob.clamp(LOWEST, 0.0) }
}

/// `log(sum(exp(x)))` without overflow; minus infinity for nothing.
fn log_sum_exp(logprobs: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = logprobs.clone().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + libm::log(logprobs.map(|logprob| libm::exp(logprob - max)).sum()) }
}
