//! Which values a proof of a negation shows.

use super::*;
use crate::cost::LeanCost;
use crate::goal::Goal;
use crate::outcome::StepOutcome;
use crate::policy::Candidate;
use crate::search::{Budget, Event, NodeId, SearchConfig, TimedEvent};

#[test]
fn the_values_of_an_accepted_proof_are_told_without_reading_it() {
    let config = SearchConfig::best_first(Budget::new(9, 9));
    let mut search = Search::new(Theorem::default(), config);
    let goals = vec![Goal::parse("⊢ ¬∀ (n : ℕ), n < 2")];
    let made = propose(&goals, &OwnTypes::default());
    let candidates: Vec<Candidate> =
        made.iter().map(|made| Candidate { tactic: made.tactic.clone(), logprob: -1.0, n_tokens: 0 }).collect();
    let verdict = Verdict {
        accepted: true,
        reasons: Vec::new(),
        checker: "simulated".into(),
        lean_version: "none".into(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    };
    let cost = LeanCost::default();
    let failed = StepOutcome::Failed { message: "no".into() };
    for event in [
        Event::Started,
        Event::Opened { outcome: StepOutcome::Open { state: (), goals }, declarations: Default::default(), cost },
        Event::Proposed { node: NodeId(0), candidates, cost: Default::default() },
        Event::Checked { node: NodeId(0), outcomes: vec![failed, StepOutcome::Proved], cost },
        Event::Rechecked { node: NodeId(0), verdict, cost },
    ] {
        search.handle(TimedEvent { at_ms: 0, event });
    }
    assert_eq!(in_words(&values_in(&search, &OwnTypes::default())), "n := 3");
}
