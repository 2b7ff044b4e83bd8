//! Looking at problems: a list of them, and all about one.

use async_trait::async_trait;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::campaign::{CheckedProof, ProblemPage, ProblemRow, Side, StageState, StageView, Standing};

use super::effort::efforts;
use super::overview::stages;
use super::verdicts::IS_NEWS;
use crate::engine::Row;
use crate::words::{of_json, value, word};
use crate::{LedgerError, Operation, Transaction};

/// How a problem `p` stands as far as everybody may know: one that is kept back is open.
const STANDING: &str = "CASE WHEN p.is_kept_back = 1 THEN 'open' ELSE p.standing END";

/// The counted results of a problem `p` that everybody may know of: not those that found the proof of one that is kept back.
const RESULTS: &str = "unit u JOIN result r ON r.unit = u.id AND r.is_counted = 1
    WHERE u.problem = p.id AND NOT (p.is_kept_back = 1 AND r.ending = 'proof')";

/// What a [`ProblemRow`] is made of, of a problem `p`.
fn columns() -> String {
    format!(
        "p.id, p.name, {STANDING}, CASE WHEN p.is_kept_back = 1 THEN 0 ELSE p.solved END,
         (SELECT count(*) FROM {RESULTS}),
         (SELECT CAST(coalesce(sum(r.lean_cpu_ms + r.device_ms), 0) AS BIGINT) FROM {RESULTS})"
    )
}

/// Reads problems in their order, after the one of this number, at most so many.
#[derive(Clone, Debug, Default)]
pub struct ReadProblems {
    pub after: u64,
    pub at_most: u64,
    /// Only those that stand so.
    pub standing: Option<Standing>,
    /// Only those in whose name this occurs, capital or not.
    pub name: String,
}

#[async_trait]
impl Operation for ReadProblems {
    type Output = Vec<ProblemRow>;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<Vec<ProblemRow>, LedgerError> {
        let standing = self.standing.map(|standing| word(&standing)).transpose()?.unwrap_or_default();
        let rows = ledger
            .rows(
                &format!(
                    "SELECT {} FROM problem p WHERE p.id > $1 AND ($2 = '' OR {STANDING} = $2)
                     AND lower(p.name) LIKE lower($3) ESCAPE '\\' ORDER BY p.id LIMIT $4",
                    columns()
                ),
                &[self.after.into(), standing.into(), containing(&self.name).into(), self.at_most.into()],
            )
            .await?;
        rows.iter().map(row_of).collect()
    }
}

/// The pattern of what has a text in it.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern + "%"
}

fn row_of(row: &Row) -> Result<ProblemRow, LedgerError> {
    Ok(ProblemRow {
        id: row.count(0)?,
        name: row.text(1)?.to_owned(),
        standing: value(row.text(2)?)?,
        solved_ms: Some(row.count(3)?).filter(|at| *at > 0),
        searches: row.count(4)?,
        cpu_ms: row.count(5)?,
    })
}

/// Reads all about the problem of this number.
#[derive(Clone, Copy, Debug)]
pub struct ReadProblem(pub u64);

#[async_trait]
impl Operation for ReadProblem {
    type Output = ProblemPage;

    async fn run(&self, ledger: &mut Transaction<'_>) -> Result<ProblemPage, LedgerError> {
        let id = [self.0.into()];
        let all = format!("SELECT {}, p.theorem, p.is_kept_back FROM problem p WHERE p.id = $1", columns());
        let row = ledger.row(&all, &id).await?.ok_or(LedgerError::Unknown("problem"))?;
        let theorem: Theorem = of_json(row.text(6)?)?;
        let is_kept_back = row.is(7)?;
        let solved = ledger
            .row(
                "SELECT c.side, c.proof, v.body FROM problem p JOIN candidate c ON c.id = p.candidate
                 JOIN verdict v ON v.candidate = c.id WHERE p.id = $1 AND p.is_kept_back = 0",
                &id,
            )
            .await?;
        let proof = solved.map(|solved| checked(&theorem, &solved)).transpose()?;
        let waiting = ledger
            .row(
                &format!(
                    "SELECT count(*) FROM candidate c JOIN problem p ON p.id = c.problem
                     WHERE p.id = $1 AND c.state IN ('waiting', 'checking') AND {IS_NEWS}"
                ),
                &id,
            )
            .await?;
        let results = "is_counted = 1 AND unit IN (SELECT id FROM unit WHERE problem = $1)";
        let shown = if is_kept_back { format!("{results} AND ending <> 'proof'") } else { results.to_owned() };
        let cost = efforts(ledger, &shown, &id).await?.all;
        let mut stages = stages(ledger, "problem = $1", &id).await?;
        if is_kept_back {
            keep_back(ledger, self.0, &mut stages).await?;
        }
        stages.retain(|stage| stage.ready + stage.leased + stage.done + stage.cancelled + stage.dead > 0);
        Ok(ProblemPage {
            problem: row_of(&row)?,
            theorem,
            proof,
            waiting: waiting.ok_or(LedgerError::Empty)?.count(0)?,
            cost,
            stages,
        })
    }
}

/// Shows the searches of a problem that is kept back as if nobody had found a proof: those that did, and those that nobody
/// wants any more, are under way.
async fn keep_back(ledger: &mut Transaction<'_>, problem: u64, all: &mut [StageView]) -> Result<(), LedgerError> {
    let proved = "problem = $1 AND state = 'done' AND EXISTS
        (SELECT 1 FROM result r WHERE r.unit = unit.id AND r.is_counted = 1 AND r.ending = 'proof')";
    let proved = stages(ledger, proved, &[problem.into()]).await?;
    for (stage, proved) in all.iter_mut().zip(proved).filter(|(stage, _)| stage.state != StageState::Frozen) {
        stage.leased += stage.cancelled + proved.done;
        stage.done -= proved.done;
        stage.cancelled = 0;
    }
    Ok(())
}

/// An accepted proof, as the file that was checked.
fn checked(theorem: &Theorem, row: &Row) -> Result<CheckedProof, LedgerError> {
    let side: Side = value(row.text(0)?)?;
    let proof: Vec<String> = of_json(row.text(1)?)?;
    let verdict: Verdict = of_json(row.text(2)?)?;
    let file = side.delivered(theorem).map(|theorem| theorem.file(&proof));
    Ok(CheckedProof {
        side,
        file: file.ok_or_else(|| LedgerError::Damaged("a statement without a negation is disproved".to_owned()))?,
        checker: verdict.checker,
        axioms: verdict.axioms,
        unopened: verdict.unopened,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_means_is_escaped() {
        assert_eq!(containing("a_1%\\"), "%a\\_1\\%\\\\%");
        assert_eq!(containing(""), "%%");
    }
}
