//! What must hold of a ledger, asked of its tables at any moment: each question is one statement, which sees one moment.
#![allow(dead_code, reason = "not every test asks everything")]

use sqlx::{ConnectOptions, Row};
use stepwise_core::digest::sha256_of_parts;
use stepwise_ledger::Address;

/// Rows that must not be there, and what they would be.
const NEVER: &[(&str, &str)] = &[
    (
        "a search is leased without a lease of its attempt",
        "SELECT u.id FROM unit u WHERE u.state = 'leased' AND NOT EXISTS (SELECT 1 FROM lease l
         WHERE l.unit = u.id AND l.attempt = u.attempt AND l.session = u.session AND l.claim = u.claim)",
    ),
    (
        "a search is done without a counted result of its attempt",
        "SELECT u.id FROM unit u WHERE u.state = 'done' AND NOT EXISTS (SELECT 1 FROM result r
         WHERE r.unit = u.id AND r.attempt = u.attempt AND r.is_counted = 1)",
    ),
    (
        "a result counts that is not of the account that was given the search",
        "SELECT r.id FROM result r WHERE r.is_counted = 1 AND NOT EXISTS (SELECT 1 FROM lease l
         JOIN session s ON s.id = l.session WHERE l.unit = r.unit AND l.attempt = r.attempt AND s.account = r.account)",
    ),
    (
        "an attempt counts twice",
        "SELECT unit FROM result WHERE is_counted = 1 GROUP BY unit, attempt HAVING count(*) > 1",
    ),
    (
        "a problem is solved without an accepted verdict",
        "SELECT p.id FROM problem p WHERE p.standing <> 'open' AND NOT EXISTS (SELECT 1 FROM candidate c
         JOIN verdict v ON v.candidate = c.id WHERE c.id = p.candidate AND c.problem = p.id AND v.is_accepted = 1
         AND c.state = 'accepted' AND (c.side = 'statement') = (p.standing = 'proved'))",
    ),
    (
        "a proof arrived of which nothing is known",
        "SELECT r.id FROM result r JOIN unit u ON u.id = r.unit WHERE r.proof_sha <> '' AND NOT EXISTS
         (SELECT 1 FROM candidate c WHERE c.problem = u.problem AND c.side = u.side AND c.proof_sha = r.proof_sha)",
    ),
    (
        "accepted proofs contradict each other, and the campaign goes on",
        "SELECT problem FROM candidate WHERE state = 'accepted' AND NOT EXISTS
         (SELECT 1 FROM campaign WHERE state = 'halted') GROUP BY problem HAVING count(DISTINCT side) > 1",
    ),
    (
        "a search of a frozen stage is not at rest",
        "SELECT u.id FROM unit u JOIN stage s ON s.number = u.stage
         WHERE s.state = 'frozen' AND u.state IN ('ready', 'leased')",
    ),
    (
        "a search is dead without three crashes at two accounts",
        "SELECT u.id FROM unit u LEFT JOIN result r ON r.unit = u.id AND r.is_counted = 1 AND r.ending = 'crashed'
         WHERE u.state = 'dead' GROUP BY u.id HAVING count(r.id) < 3 OR count(DISTINCT r.account) < 2",
    ),
    (
        "a search ended without a proof and is searched again",
        "SELECT u.id FROM unit u JOIN result r ON r.unit = u.id AND r.attempt = u.attempt AND r.is_counted = 1
         WHERE r.ending NOT IN ('proof', 'crashed') AND u.state <> 'done'",
    ),
    (
        "a canary counts",
        "SELECT k.unit FROM canary k JOIN result r ON r.unit = k.unit AND r.attempt = k.attempt WHERE r.is_counted = 1",
    ),
    (
        "a canary is of a search that did not solve its problem",
        "SELECT k.unit FROM canary k JOIN unit u ON u.id = k.unit JOIN problem p ON p.id = u.problem
         LEFT JOIN candidate c ON c.id = p.candidate WHERE u.state <> 'done' OR p.standing = 'open' OR c.unit <> u.id",
    ),
    (
        "somebody has a canary of a problem that they know",
        "SELECT k.unit FROM canary k JOIN unit u ON u.id = k.unit JOIN unit o ON o.problem = u.problem
         JOIN lease l ON l.unit = o.id JOIN session s ON s.id = l.session WHERE s.account = k.account
         AND NOT (l.unit = k.unit AND l.attempt = k.attempt)",
    ),
    (
        "a canary goes on though the campaign is over",
        "SELECT k.unit FROM canary k, campaign WHERE k.state = 'given' AND campaign.state = 'done'",
    ),
    (
        "a solved problem is searched",
        "SELECT u.id FROM unit u JOIN problem p ON p.id = u.problem
         WHERE p.standing <> 'open' AND u.state IN ('ready', 'leased')",
    ),
];

/// Each counted result of each frozen stage, with what the stage was frozen under.
const FROZEN: &str = "SELECT s.number, s.results_sha, coalesce(r.unit, 0), coalesce(r.attempt, 0),
      coalesce(r.ending, ''), coalesce(r.proof_sha, '')
    FROM stage s LEFT JOIN (SELECT u.stage, r.unit, r.attempt, r.ending, r.proof_sha FROM result r
      JOIN unit u ON u.id = r.unit WHERE r.is_counted = 1) AS r ON r.stage = s.number
    WHERE s.state = 'frozen' ORDER BY s.number, r.unit, r.attempt";

/// A connection that only looks.
pub(crate) enum Auditor {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Auditor {
    pub(crate) async fn of(address: &Address) -> sqlx::Result<Self> {
        Ok(match address {
            Address::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                Self::Sqlite(options.busy_timeout(std::time::Duration::from_secs(60)).connect().await?)
            }
            Address::Server(address) => {
                let options: sqlx::postgres::PgConnectOptions = address.parse()?;
                Self::Postgres(options.connect().await?)
            }
        })
    }

    /// The numbers in the first column of what is selected.
    pub(crate) async fn numbers(&mut self, statement: &'static str) -> sqlx::Result<Vec<i64>> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::query(statement).fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
            }
            Self::Postgres(connection) => {
                sqlx::query(statement).fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
            }
        }
    }

    /// The texts in the first column of what is selected.
    pub(crate) async fn texts(&mut self, statement: &'static str) -> sqlx::Result<Vec<String>> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::query(statement).fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
            }
            Self::Postgres(connection) => {
                sqlx::query(statement).fetch_all(connection).await?.iter().map(|row| row.try_get(0)).collect()
            }
        }
    }

    /// What does not hold, which is nothing.
    pub(crate) async fn complaints(&mut self) -> sqlx::Result<Vec<String>> {
        let mut complaints = Vec::new();
        for (what, statement) in NEVER {
            let rows = self.numbers(statement).await?;
            if !rows.is_empty() {
                complaints.push(format!("{what}: {rows:?}"));
            }
        }
        complaints.extend(self.changed().await?);
        Ok(complaints)
    }

    /// Frozen stages whose results are not those that they were frozen with.
    async fn changed(&mut self) -> sqlx::Result<Vec<String>> {
        type Counted = (i64, String, i64, i64, String, String);
        let rows: Vec<Counted> = match self {
            Self::Sqlite(connection) => sqlx::query_as(FROZEN).fetch_all(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(FROZEN).fetch_all(connection).await?,
        };
        let of_one_stage = rows.chunk_by(|a, b| a.0 == b.0);
        let changed = of_one_stage.filter(|rows| {
            let counted = rows.iter().filter(|row| row.2 > 0);
            let parts = counted.flat_map(|(_, _, unit, attempt, ending, proof)| {
                [unit.to_string(), attempt.to_string(), ending.clone(), proof.clone()]
            });
            let parts: Vec<String> = parts.collect();
            sha256_of_parts(parts.iter().map(String::as_str)) != rows[0].1
        });
        Ok(changed.map(|rows| format!("the frozen stage {} changed", rows[0].0)).collect())
    }
}
