//! What outcomes are called in words, on the command line, in records and on the page alike.

use crate::search::{EdgeOutcome, RecheckState, Search, SearchEnd};

/// Reasons of refused proofs that are told one by one.
const REASONS: usize = 3;

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
            format!("proved in {}; {}", count(proof.len(), "tactic"), verdict.axioms_in_words())
        }
        SearchEnd::Exhausted => match refused {
            None => "not proved: no open state is left; more samples or passes would try other tactics".into(),
            Some(refused) => format!("not proved: {refused}; besides, no open state is left"),
        },
        SearchEnd::OutOfBudget { what } => {
            let what = if *what == "wall" { "time".to_owned() } else { format!("budget of {what}") };
            let refused = refused.map_or(String::new(), |refused| format!("; {refused}"));
            format!("not proved: the {what} is used up{refused}")
        }
        SearchEnd::BadStatement { message } => {
            format!("the statement does not elaborate: {message}{}", hint(message))
        }
        SearchEnd::HostFailed { message } => format!("Lean could not open the statement: {message}"),
        SearchEnd::Cancelled => "cancelled".into(),
    }
}

/// How a search ended, as JSON names it.
#[must_use]
pub fn name_of_end(end: &SearchEnd) -> &'static str {
    match end {
        SearchEnd::Proved { .. } => "proved",
        SearchEnd::Exhausted => "exhausted",
        SearchEnd::OutOfBudget { .. } => "out_of_budget",
        SearchEnd::BadStatement { .. } => "bad_statement",
        SearchEnd::HostFailed { .. } => "host_failed",
        SearchEnd::Cancelled => "cancelled",
    }
}

/// So many of something: `1 tactic`, `2 tactics`, `3 searches`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {}", of_number(n as u64, noun))
}

/// What so many are called: `tactic` for one, `tactics` and `searches` for others.
#[must_use]
pub fn of_number(n: u64, noun: &str) -> String {
    let ending = match n {
        1 => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{noun}{ending}")
}

/// The text as the beginning of a sentence. It is one of our own, whose letters ASCII has: all other letters would have the
/// page carry 12 KB of tables.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| std::iter::once(first.to_ascii_uppercase()).chain(chars).collect())
}

/// What to do about a statement that Lean refuses, where its message does not say; empty otherwise.
#[must_use]
pub fn hint(message: &str) -> &'static str {
    if message.contains("has already been declared") {
        return "; the library or the text before it has this name: give the theorem another";
    }
    ""
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

    #[test]
    fn a_search_whose_proofs_were_refused_says_so_and_not_that_nothing_was_found() {
        let refusals = |n: usize| (0..n).map(|idx| format!("reason {idx}")).collect::<Vec<_>>();
        let shown = [
            end(&SearchEnd::Exhausted, 0, &[]),
            end(&SearchEnd::Exhausted, 1, &refusals(1)),
            end(&SearchEnd::Exhausted, 9, &refusals(5)),
            end(&SearchEnd::OutOfBudget { what: "wall" }, 0, &[]),
            end(&SearchEnd::OutOfBudget { what: "wall" }, 2, &refusals(1)),
            end(&SearchEnd::OutOfBudget { what: "tokens" }, 0, &[]),
        ];
        expect![[r#"
            not proved: no open state is left; more samples or passes would try other tactics
            not proved: the recheck refused the proof that was found: reason 0; besides, no open state is left
            not proved: the recheck refused the 9 proofs that were found: reason 0 | reason 1 | reason 2 | …; besides, no open state is left
            not proved: the time is used up
            not proved: the time is used up; the recheck refused the 2 proofs that were found: reason 0
            not proved: the budget of tokens is used up"#]]
        .assert_eq(&shown.join("\n"));
    }
}
