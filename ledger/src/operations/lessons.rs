//! What donors' searches taught: nothing that they say, but what the campaign's own machine finds when it does their proofs
//! once more.

use async_trait::async_trait;
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{Ending, Recipe, Side};

use super::verdicts::IS_NEWS;
use crate::words::{of_json, value};
use crate::{LedgerError, Operation, Transaction};

/// A counted search of a round that has left nothing behind yet, of which it is known what its proof is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Untaught {
    /// The result's number.
    pub result: u64,
    /// The name of the stage.
    pub stage: String,
    /// The problem's number.
    pub problem: u64,
    pub side: Side,
    pub seed: u64,
    pub recipe: Recipe,
    pub ending: Ending,
    pub detail: Option<String>,
    pub cost: CostLedger,
    /// The tactics of a proof that was accepted, or that nobody has looked at because its problem was solved before.
    pub proof: Option<Vec<String>>,
}

/// Result `r`, whose proof is `c`, has left nothing behind and may do so.
const PENDING: &str = "r.is_counted = 1 AND r.remains = '' AND coalesce(c.state, '') <> 'refused'";

/// What each result's proof is.
const PROOF: &str = "LEFT JOIN candidate c ON c.problem = u.problem AND c.side = u.side AND c.proof_sha = r.proof_sha AND r.proof_sha <> ''";

/// Reads the oldest of them, so many at most.
#[derive(Clone, Copy, Debug)]
pub struct ReadUntaught(pub u64);

#[async_trait]
impl Operation for ReadUntaught {
    type Output = Vec<Untaught>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<Untaught>, LedgerError> {
        let statement = format!(
            "SELECT r.id, s.name, u.problem, u.side, u.seed, k.body, r.ending, r.detail, r.cost,
               CASE WHEN c.state = 'undecided' THEN '' ELSE coalesce(c.proof, '') END
             FROM result r JOIN unit u ON u.id = r.unit JOIN stage s ON s.number = u.stage
             JOIN recipe k ON k.sha = s.recipe JOIN problem p ON p.id = u.problem {PROOF}
             WHERE s.round > 0 AND s.purpose = 'solve' AND s.state IN ('open', 'draining') AND {PENDING}
             AND (c.id IS NULL OR c.state IN ('accepted', 'undecided') OR NOT ({IS_NEWS}))
             ORDER BY r.id LIMIT $1"
        );
        let mut untaught = Vec::new();
        for row in ledger.rows(&statement, &[self.0.into()]).await? {
            let (detail, proof) = (row.text(7)?, row.text(9)?);
            untaught.push(Untaught {
                result: row.count(0)?,
                stage: row.text(1)?.to_owned(),
                problem: row.count(2)?,
                side: value(row.text(3)?)?,
                seed: row.count(4)?,
                recipe: of_json(row.text(5)?)?,
                ending: value(row.text(6)?)?,
                detail: (!detail.is_empty()).then(|| detail.to_owned()),
                cost: of_json(row.text(8)?)?,
                proof: if proof.is_empty() { None } else { Some(of_json(proof)?) },
            });
        }
        Ok(untaught)
    }
}

/// Writes down what a search left behind, unless something is written there; a frozen stage does not change.
#[derive(Clone, Debug)]
pub struct Teach {
    pub result: u64,
    pub remains: String,
}

#[async_trait]
impl Operation for Teach {
    type Output = ();

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<(), LedgerError> {
        let statement = "UPDATE result SET remains = $2 WHERE id = $1 AND remains = '' AND unit IN
            (SELECT u.id FROM unit u JOIN stage s ON s.number = u.stage WHERE s.state IN ('open', 'draining'))";
        ledger.run(statement, &[self.result.into(), self.remains.as_str().into()]).await?;
        Ok(())
    }
}

/// Whether counted searches of a stage have still to leave something behind.
pub(super) async fn is_untaught(ledger: &mut Transaction<'_>, stage: u64) -> Result<bool, LedgerError> {
    let statement = format!(
        "SELECT r.id FROM result r JOIN unit u ON u.id = r.unit {PROOF} WHERE u.stage = $1 AND {PENDING} LIMIT 1"
    );
    Ok(ledger.row(&statement, &[stage.into()]).await?.is_some())
}
