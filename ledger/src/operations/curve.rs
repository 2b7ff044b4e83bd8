//! What was solved against what had been spent by then.

use async_trait::async_trait;
use stepwise_core::wire::campaign::{Curve, CurvePoint};

use crate::{LedgerError, Operation, Transaction};

/// The first solved problems have a point each, because a logarithmic axis shows them apart.
const FIRST: u64 = 100;

/// Points that the others have together, at most.
const OTHERS: u64 = 300;

/// Reads how solved problems and what was spent grew: some four hundred points, the last of which is how things stand.
#[derive(Clone, Copy, Debug)]
pub struct ReadCurve;

#[async_trait]
impl Operation for ReadCurve {
    type Output = Curve;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Curve, LedgerError> {
        let solved = ledger.row("SELECT count(*) FROM problem WHERE standing <> 'open'", &[]).await?;
        let stride = solved.ok_or(LedgerError::Empty)?.count(0)?.div_ceil(OTHERS).max(1);
        // What happened, in its order, with all sums up to then. Of results only the last one is told; the others count.
        let rows = ledger
            .rows(
                "WITH happened AS (
                   SELECT received AS at, 0 AS is_solved, 1 AS n, lean_cpu_ms + device_ms AS cpu, 0 AS proved
                   FROM result WHERE is_counted = 1
                   UNION ALL
                   SELECT solved, 1, 0, 0, CASE WHEN standing = 'proved' THEN 1 ELSE 0 END
                   FROM problem WHERE standing <> 'open'
                 ), summed AS (
                   SELECT at, is_solved, CAST(sum(n) OVER w AS BIGINT) AS n, CAST(sum(cpu) OVER w AS BIGINT) AS cpu,
                     CAST(sum(proved) OVER w AS BIGINT) AS proved, CAST(sum(is_solved) OVER w AS BIGINT) AS solved,
                     row_number() OVER (ORDER BY at DESC, is_solved DESC) AS from_last
                   FROM happened WINDOW w AS (ORDER BY at, is_solved ROWS UNBOUNDED PRECEDING)
                 )
                 SELECT at, n, cpu, proved, solved FROM summed
                 WHERE from_last = 1 OR (is_solved = 1 AND (solved <= $1 OR solved % $2 = 0)) ORDER BY at, solved, n",
                &[FIRST.into(), stride.into()],
            )
            .await?;
        let point = |row: &crate::engine::Row| {
            let (proved, solved) = (row.count(3)?, row.count(4)?);
            let disproved = solved.saturating_sub(proved);
            Ok(CurvePoint { at_ms: row.count(0)?, searches: row.count(1)?, cpu_ms: row.count(2)?, proved, disproved })
        };
        Ok(Curve { points: rows.iter().map(point).collect::<Result<_, LedgerError>>()? })
    }
}
