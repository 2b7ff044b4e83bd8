//! What others' searches teach. A donor sends a proof's text and nothing that is learnt from: here the proof is done once
//! more, as a search whose policy knows it, and that search is what the run learns from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::{Candidate, ProposalRequest, Proposals};
use stepwise_core::problem::Problem;
use stepwise_core::record::{ProblemRecord, Run, Status};
use stepwise_core::search::{Budget, Search, SearchConfig};
use stepwise_core::wire::campaign::{Ending, Recipe};
use stepwise_learn::run::{Stage, Trial};
use stepwise_ledger::operations::{ReadUntaught, Teach, Untaught};
use stepwise_ledger::{Ledger, LedgerError};

use super::rounds::trial;
use super::stages::to_json;
use super::{LearnError, Reporter};
use crate::lean::pool::Pool;
use crate::run::policy::{Policy, PolicyError};
use crate::run::{Job, run_search};
use crate::stop::Stop;

/// How often others' results are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// How long it waits after something went wrong.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// How many are read at once.
const AT_ONCE: u64 = 16;

/// How long a proof may take that was accepted before, in milliseconds.
const PATIENCE_MS: u64 = 120_000;

/// Does others' proofs once more, for as long as it is let.
pub(super) struct Teacher {
    pub(super) ledger: Ledger,
    /// By their numbers in the ledger, from 1.
    pub(super) problems: Arc<Vec<Problem>>,
    pub(super) pool: Pool,
    pub(super) reporter: Arc<dyn Reporter>,
}

impl Teacher {
    /// Works for ever.
    pub(super) async fn work(self) {
        loop {
            let wait = match self.teach().await {
                Ok(0) => LOOK,
                Ok(_) => continue,
                Err(error) => {
                    self.reporter.say(&format!("what others found cannot be learnt from just now: {error}"));
                    AFTER_TROUBLE
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes in what there is; gives how many searches that was.
    async fn teach(&self) -> Result<usize, LearnError> {
        let untaught = self.ledger.read(ReadUntaught(AT_ONCE)).await?;
        for search in &untaught {
            let remains = to_json(&self.redone(search).await?)?;
            self.ledger.run(Teach { result: search.result, remains }).await?;
        }
        Ok(untaught.len())
    }

    /// A search as it would have been here, with what it cost there.
    async fn redone(&self, untaught: &Untaught) -> Result<Trial, LearnError> {
        let Untaught { problem, side, seed, cost, .. } = untaught;
        let at = usize::try_from(*problem).ok().and_then(|number| number.checked_sub(1));
        let problem = at.and_then(|at| self.problems.get(at)).ok_or(LedgerError::Unknown("problem"))?;
        let theorem = side.searched(&problem.theorem).ok_or(LedgerError::Unknown("negation"))?;
        let stage = Stage::deserialize(StrDeserializer::<WordError>::new(&untaught.stage));
        let stage = stage.map_err(|_| LedgerError::Unknown("stage"))?;
        let script = untaught.proof.clone().unwrap_or_default();
        let steps = u32::try_from(script.len()).unwrap_or(u32::MAX);
        let budget = Budget { wall_ms: Some(PATIENCE_MS), ..Budget::new(1, steps.max(1)) };
        let config = SearchConfig { seed: *seed, ..SearchConfig::best_first(budget) };
        let policy: Arc<dyn Policy> = Arc::new(Script(script));
        let job = Job::new(Search::new(theorem, config), None);
        // Nobody stops it by itself: it ends with the run.
        let (_sender, stop) = Stop::channel();
        let ran = run_search(job, &self.pool, &policy, None, stop, &|_| {}).await;
        let ran = ran.map_err(|source| LearnError::Search { problem: problem.name.clone(), source })?;
        let Recipe { config, policy, critic, lean, .. } = untaught.recipe.clone();
        let run = Run { config, policy, critic, lean, disprove: Default::default() };
        let record = ProblemRecord::of(&problem.name, &ran.search, &run).ok_or(LedgerError::Unknown("end"))?;
        let record = ended_as(untaught, record).costing(*cost);
        Ok(trial(stage, *seed, *side, &ran.search, record))
    }
}

/// The record of a search that was redone. How it ended is what Lean says of it here; only that nothing was found, which
/// Lean does not say, is as the donor says.
fn ended_as(untaught: &Untaught, record: ProblemRecord) -> ProblemRecord {
    if matches!(record.status, Status::Proved | Status::BadStatement | Status::HostFailed) {
        return record;
    }
    let (status, detail) = match untaught.ending {
        Ending::Exhausted => (Status::Exhausted, None),
        Ending::Crashed => (Status::HostFailed, untaught.detail.clone()),
        Ending::TimedOut => (Status::OutOfBudget, Some("wall".to_owned())),
        Ending::OutOfBudget => (Status::OutOfBudget, untaught.detail.clone()),
        // Lean does not say so here.
        Ending::Proof | Ending::BadStatement => (Status::Exhausted, None),
    };
    ProblemRecord { status, detail, ..record }
}

/// A policy that knows a proof, and nothing else.
struct Script(Vec<String>);

#[async_trait]
impl Policy for Script {
    fn name(&self) -> &str {
        "script"
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        let Self(proof) = self;
        let is_on_it = proof.starts_with(&request.history);
        let next = proof.get(request.history.len()).filter(|_| is_on_it);
        let candidate = |tactic: &String| Candidate { tactic: tactic.clone(), logprob: 0.0, n_tokens: 1 };
        Ok(Proposals { candidates: next.map(candidate).into_iter().collect(), cost: ModelCost::default() })
    }
}

#[cfg(test)]
mod tests {
    use stepwise_core::search::CostLedger;
    use stepwise_core::wire::campaign::Side;

    use super::*;

    #[test]
    fn what_lean_says_here_goes_before_what_a_donor_says() {
        let check = |here: &str, told: Ending, expected: Status| {
            let untaught = Untaught {
                result: 1,
                stage: "scan".to_owned(),
                problem: 1,
                side: Side::Statement,
                seed: 1,
                recipe: Recipe::default(),
                ending: told,
                detail: Some("told".to_owned()),
                cost: CostLedger::default(),
                proof: None,
            };
            let record = serde_json::json!({
                "stepwise_record": 1, "name": "t", "statement_sha256": "", "config_sha256": "", "status": here,
                "ledger": CostLedger::default(), "seconds": 0.0,
                "run": { "config": {}, "policy": "p", "lean": "l" },
            });
            assert_eq!(ended_as(&untaught, serde_json::from_value(record).unwrap()).status, expected);
        };
        // A donor alone makes no statement a bad one, and nothing proved.
        check("exhausted", Ending::BadStatement, Status::Exhausted);
        check("exhausted", Ending::Proof, Status::Exhausted);
        check("bad_statement", Ending::TimedOut, Status::BadStatement);
        check("proved", Ending::Proof, Status::Proved);
        check("exhausted", Ending::TimedOut, Status::OutOfBudget);
        check("exhausted", Ending::Crashed, Status::HostFailed);
    }

    #[tokio::test]
    async fn a_script_is_followed_and_nothing_beside_it() {
        let script = Script(["intro h", "exact h"].map(str::to_owned).to_vec());
        let next = async |history: &[&str]| {
            let history = history.iter().map(|tactic| (*tactic).to_owned()).collect();
            let proposed = script.propose(&ProposalRequest { history, ..ProposalRequest::default() }).await.unwrap();
            proposed.candidates.into_iter().map(|candidate| candidate.tactic).collect::<Vec<_>>()
        };
        assert_eq!(next(&[]).await, ["intro h"]);
        assert_eq!(next(&["intro h"]).await, ["exact h"]);
        assert!(next(&["intro h", "exact h"]).await.is_empty());
        assert!(next(&["simp"]).await.is_empty());
    }
}
