//! Draws developments of a seed and has Lean check what is said of each: a proof of its theorem, or of the negation.

use std::collections::{BTreeMap, BTreeSet};

use stepwise_core::problem::Problem;
use stepwise_learn::corpus::developments::{Development, Evidence, draw};
use stepwise_learn::corpus::normalise::statement_key;
use tokio::task::JoinSet;

use super::pool::{Pool, PoolError};
use crate::stop::{Stop, StopLevel};

/// What became of one development.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Lean accepted its evidence.
    Kept,
    /// The same theorem about the same definitions, but for names, came before.
    SaidTwice,
    /// The caller does not want it.
    Unwanted,
    /// Lean refused its evidence, for this reason.
    Refused(String),
}

/// The first `n` developments of the seed that Lean accepts and the caller wants, in their order; fewer only when `stop`
/// is raised. `each` is told of every one, as it becomes known.
///
/// Which they are does not depend on how many are checked at once, but for those that Lean does not check in time.
///
/// # Errors
/// When Lean cannot be started.
pub async fn drawn(
    pool: &Pool,
    seed: u64,
    n: usize,
    n_tasks: usize,
    stop: &Stop,
    wanted: impl Fn(&Problem) -> bool,
    mut each: impl FnMut(&Problem, &Fate),
) -> Result<Vec<Problem>, PoolError> {
    let mut kept: BTreeMap<u64, Problem> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut checks = JoinSet::new();
    let mut next = 0;
    loop {
        // What is being checked is needed, if Lean accepts it: so the first ones are kept, whoever ends first.
        while checks.len() < n_tasks.max(1) && kept.len() + checks.len() < n && stop.level() == StopLevel::Run {
            let place = next;
            next += 1;
            // Evaluation takes some milliseconds, which the hosts' own tasks should not wait for.
            let development = tokio::task::block_in_place(|| draw(seed, place));
            let known = !keys.insert(statement_key(&development.problem.theorem));
            let fate = match known {
                true => Some(Fate::SaidTwice),
                false => (!wanted(&development.problem)).then_some(Fate::Unwanted),
            };
            if let Some(fate) = fate {
                each(&development.problem, &fate);
                continue;
            }
            let pool = pool.clone();
            checks
                .spawn(async move { check(&pool, &development).await.map(|fate| (place, development.problem, fate)) });
        }
        let Some(ended) = checks.join_next().await else { break };
        let (place, problem, fate) = ended.map_err(|_| PoolError::Closed)??;
        each(&problem, &fate);
        if fate == Fate::Kept {
            kept.insert(place, problem);
        }
    }
    Ok(kept.into_values().collect())
}

/// Lean's judgement of a development's evidence.
///
/// # Errors
/// When Lean cannot be started.
pub async fn check(pool: &Pool, development: &Development) -> Result<Fate, PoolError> {
    let theorem = &development.problem.theorem;
    let (theorem, proof) = match &development.evidence {
        Evidence::Proof(proof) => (theorem.clone(), proof),
        Evidence::Refutation(proof) => match theorem.negation() {
            Some(negation) => (negation, proof),
            None => return Ok(Fate::Refused("it cannot be negated".to_owned())),
        },
    };
    let verdict = pool.recheck(&theorem, std::slice::from_ref(proof)).await?.value;
    Ok(if verdict.accepted { Fate::Kept } else { Fate::Refused(verdict.reasons.join("; ")) })
}
