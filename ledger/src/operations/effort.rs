//! What counted searches cost: all of them, and those of late.

use stepwise_core::wire::campaign::{Effort, Ending};

use crate::engine::Value;
use crate::words::value;
use crate::{LedgerError, Transaction};

/// An hour, in milliseconds.
pub(super) const HOUR: u64 = 3_600_000;

/// A day, in milliseconds.
pub(super) const DAY: u64 = 24 * HOUR;

/// Seven days, in milliseconds.
pub(super) const WEEK: u64 = 7 * DAY;

/// Efforts by when their results came in; each span has those of the shorter ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Efforts {
    pub(super) all: Effort,
    pub(super) week: Effort,
    pub(super) day: Effort,
    pub(super) hour: Effort,
}

/// What the results cost of which `which` is true, a condition on `result` whose values are `values`.
pub(super) async fn efforts(
    ledger: &mut Transaction<'_>,
    which: &str,
    values: &[Value],
) -> Result<Efforts, LedgerError> {
    // One pass over the results for all spans: each counts in the shortest that it belongs to.
    let statement = format!(
        "SELECT ending, CASE WHEN received > {{now}} - {HOUR} THEN 3 WHEN received > {{now}} - {DAY} THEN 2
           WHEN received > {{now}} - {WEEK} THEN 1 ELSE 0 END AS span,
           count(*), CAST(sum(lean_cpu_ms) AS BIGINT), CAST(sum(device_ms) AS BIGINT)
         FROM result WHERE {which} GROUP BY ending, span"
    );
    let mut efforts = Efforts::default();
    for row in ledger.rows(&statement, values).await? {
        let (ending, span) = (value::<Ending>(row.text(0)?)?, row.count(1)?);
        let Efforts { all, week, day, hour } = &mut efforts;
        for effort in [all, week, day, hour].into_iter().take(usize::try_from(span).unwrap_or(0) + 1) {
            let n = row.count(2)?;
            effort.searches += n;
            effort.lean_cpu_ms += row.count(3)?;
            effort.device_ms += row.count(4)?;
            *of_ending(effort, ending) += n;
        }
    }
    Ok(efforts)
}

fn of_ending(effort: &mut Effort, ending: Ending) -> &mut u64 {
    match ending {
        Ending::Proof => &mut effort.proofs,
        Ending::Exhausted => &mut effort.exhausted,
        Ending::OutOfBudget => &mut effort.out_of_budget,
        Ending::TimedOut => &mut effort.timed_out,
        Ending::BadStatement => &mut effort.bad_statement,
        Ending::Crashed => &mut effort.crashed,
    }
}
