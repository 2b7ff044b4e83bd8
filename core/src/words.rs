//! What outcomes are called in words, on the command line, in records and on the page alike.

use crate::outcome::Verdict;
use crate::search::{EdgeOutcome, RecheckState, Search, SearchEnd};

/// Reasons of refused proofs that are told one by one.
const REASONS: usize = 3;

/// The axioms that a verdict names, or that it has seen none, and what it has not looked into.
#[must_use]
pub fn axioms(verdict: &Verdict) -> String {
    let seen = verdict.axioms.join(", ");
    let theorems = |n: u64| if n == 1 { "1 library theorem was".to_owned() } else { format!("{n} library theorems were") };
    match (seen.as_str(), verdict.unopened) {
        ("", 0) => "none".to_owned(),
        ("", n) => format!("none seen; {} not looked into", theorems(n)),
        (seen, 0) => seen.to_owned(),
        (seen, n) => format!("{seen}; {} not looked into", theorems(n)),
    }
}

/// Why the recheck refused proofs that this search had found: each reason once, in the order in which they came.
#[must_use]
pub fn refusals(search: &Search) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for edge in search.tree().edges() {
        let EdgeOutcome::Proved(RecheckState::Refused { reasons }) = &edge.outcome else { continue };
        let reason = if reasons.is_empty() { "without a reason".to_owned() } else { reasons.join("; ") };
        if !all.contains(&reason) {
            all.push(reason);
        }
    }
    all
}

/// How a search ended, in words; nothing while it has not.
#[must_use]
pub fn of_search(search: &Search) -> Option<String> {
    Some(end(search.end()?, search.ledger().refused, &refusals(search)))
}

/// How a search ended, in words; `refusals` as [`refusals`] has them, and how many proofs were refused in all.
#[must_use]
pub fn end(end: &SearchEnd, n_refused: u64, refusals: &[String]) -> String {
    let refused = refused(n_refused, refusals);
    match end {
        SearchEnd::Proved { proof, verdict } => {
            let tactics = if proof.len() == 1 { "1 tactic".to_owned() } else { format!("{} tactics", proof.len()) };
            format!("proved in {tactics}; axioms: {}", axioms(verdict))
        }
        SearchEnd::Exhausted => match refused {
            None => "not proved: no open state is left; more samples or passes would try other tactics".into(),
            Some(refused) => format!("not proved: {refused}; besides, no open state is left"),
        },
        SearchEnd::OutOfBudget { what } => match refused {
            None => format!("not proved: the budget of {what} is used up"),
            Some(refused) => format!("not proved: the budget of {what} is used up; {refused}"),
        },
        SearchEnd::BadStatement { message } => format!("the statement does not elaborate: {message}"),
        SearchEnd::HostFailed { message } => format!("Lean could not open the statement: {message}"),
        SearchEnd::Cancelled => "cancelled".into(),
    }
}

/// That the recheck refused what was found, and why.
#[must_use]
pub fn refused(n_refused: u64, refusals: &[String]) -> Option<String> {
    let n = match n_refused {
        0 => return None,
        1 => "the recheck refused the proof that was found".to_owned(),
        n => format!("the recheck refused the {n} proofs that were found"),
    };
    let mut told: Vec<&str> = refusals.iter().take(REASONS).map(String::as_str).collect();
    if refusals.len() > REASONS {
        told.push("…");
    }
    Some(if told.is_empty() { n } else { format!("{n}: {}", told.join(" | ")) })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn verdict(axioms: &[&str], unopened: u64) -> Verdict {
        Verdict {
            accepted: true,
            reasons: Vec::new(),
            checker: "c".into(),
            lean_version: "4".into(),
            axioms: axioms.iter().map(|axiom| (*axiom).to_owned()).collect(),
            unopened,
        }
    }

    #[test]
    fn axioms_that_could_hide_are_not_called_none() {
        let shown = [verdict(&[], 0), verdict(&[], 1), verdict(&[], 3), verdict(&["propext", "Quot.sound"], 0), verdict(&["propext"], 2)];
        expect![[r#"
            none
            none seen; 1 library theorem was not looked into
            none seen; 3 library theorems were not looked into
            propext, Quot.sound
            propext; 2 library theorems were not looked into"#]]
        .assert_eq(&shown.iter().map(axioms).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_search_whose_proofs_were_refused_says_so_and_not_that_nothing_was_found() {
        let refusals = |n: usize| (0..n).map(|idx| format!("reason {idx}")).collect::<Vec<_>>();
        let shown = [
            end(&SearchEnd::Exhausted, 0, &[]),
            end(&SearchEnd::Exhausted, 1, &refusals(1)),
            end(&SearchEnd::Exhausted, 9, &refusals(5)),
            end(&SearchEnd::OutOfBudget { what: "wall" }, 0, &[]),
            end(&SearchEnd::OutOfBudget { what: "wall" }, 2, &refusals(1)),
        ];
        expect![[r#"
            not proved: no open state is left; more samples or passes would try other tactics
            not proved: the recheck refused the proof that was found: reason 0; besides, no open state is left
            not proved: the recheck refused the 9 proofs that were found: reason 0 | reason 1 | reason 2 | …; besides, no open state is left
            not proved: the budget of wall is used up
            not proved: the budget of wall is used up; the recheck refused the 2 proofs that were found: reason 0"#]]
        .assert_eq(&shown.join("\n"));
    }
}
