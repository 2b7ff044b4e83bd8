//! Tactics that only search, such as `exact?`: run before the search sees them, and replaced by what they suggest.

use super::Candidate;
use crate::syntax::searching;

/// Suggestions of one search that are tried; `apply?` and `rw?` make dozens.
const MAX_SUGGESTIONS: usize = 3;

/// The tactics that only search.
#[must_use]
pub fn searches(candidates: &[Candidate]) -> Vec<String> {
    let tactics = candidates.iter().map(|candidate| &candidate.tactic);
    tactics.filter(|tactic| searching(tactic).is_some()).cloned().collect()
}

/// The candidates with its suggestions in the place of each tactic that only searches; `refusals` are what Lean said to
/// each of [`searches`], nothing where it was not refused. One that finds nothing stays, and fails when it is checked, so
/// that the log tells of it.
#[must_use]
pub fn replaced(candidates: Vec<Candidate>, refusals: impl IntoIterator<Item = Option<String>>) -> Vec<Candidate> {
    let n_wanted = candidates.len();
    let mut refusals = refusals.into_iter();
    let mut all: Vec<Candidate> = Vec::with_capacity(n_wanted);
    for candidate in candidates {
        let mut instead = Vec::new();
        if let Some(search) = searching(&candidate.tactic)
            && let Some(refusal) = refusals.next().flatten()
        {
            let tactics = search.replacements(&candidate.tactic, &refusal).into_iter().take(MAX_SUGGESTIONS);
            instead.extend(tactics.map(|tactic| Candidate { tactic, ..candidate.clone() }));
        }
        for candidate in if instead.is_empty() { vec![candidate] } else { instead } {
            if all.iter().all(|other| other.tactic != candidate.tactic) {
                all.push(candidate);
            }
        }
    }
    // A policy answers with so many at most, and the last are the least promising.
    all.truncate(n_wanted);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_take_a_searchs_place_and_nothing_stands_twice() {
        let candidate = |tactic: &str| Candidate { tactic: tactic.to_owned(), logprob: -1.0, n_tokens: 3 };
        let candidates: Vec<Candidate> = ["simp", "exact?", "rw?", "exact a"].map(candidate).to_vec();
        assert_eq!(searches(&candidates), ["exact?", "rw?"]);
        let found = searching("exact?").unwrap().refusal(["Try this:\n  [apply] exact a"]);
        let tactics = |refusals: [Option<String>; 2]| {
            let all = replaced(candidates.clone(), refusals);
            all.into_iter().map(|candidate| candidate.tactic).collect::<Vec<_>>()
        };
        assert_eq!(tactics([Some(found), Some("no rewrite was found".to_owned())]), ["simp", "exact a", "rw?"]);
        assert_eq!(tactics([None, None]), ["simp", "exact?", "rw?", "exact a"]);
    }
}
