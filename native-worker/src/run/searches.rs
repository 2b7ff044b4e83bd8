//! Tactics that only search, such as `exact?`: run before the search sees them, and replaced by what they suggest.

use std::sync::Arc;

use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::Proposals;
use stepwise_core::policy::searches::{replaced, searches};
use stepwise_core::search::NodeId;

use super::states::{Route, apply_one};
use crate::lean::pool::{PoolError, Session, StateId};

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
    let tactics = searches(&proposals.candidates);
    let Some((session, route)) = place.filter(|_| !tactics.is_empty()) else {
        return Ok(none(proposals));
    };
    let walked = route.walk(&session).await?;
    let mut found = Found { made: walked.made, cost: walked.cost, ..none(Proposals::default()) };
    let Ok(state) = walked.state else { return Ok(Found { proposals, ..found }) };
    let Proposals { candidates, cost } = proposals;
    let mut refusals = Vec::new();
    for tactic in tactics {
        refusals.push(match apply_one(&session, state, &tactic, &mut found.cost).await? {
            StepOutcome::Failed { message } => Some(message),
            _ => None,
        });
    }
    found.proposals = Proposals { candidates: replaced(candidates, refusals), cost };
    Ok(found)
}
