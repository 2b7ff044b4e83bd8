//! Tactics that only search, such as `exact?`: run before the search sees them, and replaced by what they suggest.

use std::collections::HashSet;
use std::sync::Arc;

use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::{Candidate, Proposals};
use stepwise_core::search::NodeId;
use stepwise_core::syntax::searching;

use super::states::{Route, apply_one};
use crate::lean::pool::{PoolError, Session, StateId};

/// Suggestions of one search that are tried; `apply?` and `rw?` make dozens.
const MAX_SUGGESTIONS: usize = 3;

/// Proposals without what only searches, where it found something.
pub(super) struct Found {
    pub(super) proposals: Proposals,
    /// States that were made again on the way.
    pub(super) made: Vec<(NodeId, StateId)>,
    pub(super) cost: LeanCost,
}

/// Puts its suggestions in the place of each tactic that only searches. One that finds nothing stays, and fails when it
/// is checked, so that the log tells of it.
pub(super) async fn replace_searches(
    proposals: Proposals,
    place: Option<(Arc<Session>, Route)>,
) -> Result<Found, PoolError> {
    let none = |proposals| Found { proposals, made: Vec::new(), cost: LeanCost::default() };
    let is_search = |candidate: &Candidate| searching(&candidate.tactic).is_some();
    let Some((session, route)) = place.filter(|_| proposals.candidates.iter().any(is_search)) else {
        return Ok(none(proposals));
    };
    let walked = route.walk(&session).await?;
    let mut found = Found { made: walked.made, cost: walked.cost, ..none(Proposals::default()) };
    let Ok(state) = walked.state else { return Ok(Found { proposals, ..found }) };
    let Proposals { candidates, cost } = proposals;
    found.proposals.cost = cost;
    let n_wanted = candidates.len();
    let mut known = HashSet::new();
    for candidate in candidates {
        let mut instead = Vec::new();
        if let Some(search) = searching(&candidate.tactic)
            && let StepOutcome::Failed { message } =
                apply_one(&session, state, &candidate.tactic, &mut found.cost).await?
        {
            let tactics = search.replacements(&candidate.tactic, &message).into_iter().take(MAX_SUGGESTIONS);
            instead.extend(tactics.map(|tactic| Candidate { tactic, ..candidate.clone() }));
        }
        let tried = if instead.is_empty() { vec![candidate] } else { instead };
        found.proposals.candidates.extend(tried.into_iter().filter(|candidate| known.insert(candidate.tactic.clone())));
    }
    // A policy answers with so many at most, and the last are the least promising.
    found.proposals.candidates.truncate(n_wanted);
    Ok(found)
}
