//! Records: what one search leaves behind, as versioned JSON lines, and what an eval says about all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::sha256_of_parts;
use crate::disproof::Disproof;
use crate::jsonl::WholeLines;
use crate::outcome::Verdict;
use crate::problem::{Problem, Theorem};
use crate::search::sides::Disprove;
use crate::search::{CostLedger, Search, SearchConfig, SearchEnd};
use crate::tidy::{Length, TidyReport};
use crate::wire::log;
use crate::{stats, words};

/// The version of the record format that this code writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// How a problem ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A proof passed the recheck.
    Proved,
    /// A proof of the negation passed the recheck: the statement is false.
    Disproved,
    /// No open state was left.
    Exhausted,
    /// A budget ran out; [`ProblemRecord::detail`] says which.
    OutOfBudget,
    /// The statement does not elaborate; the detail is Lean's message.
    BadStatement,
    /// Lean could not open the statement; the detail says why.
    HostFailed,
    /// It was interrupted.
    Cancelled,
}

impl Status {
    /// False for an end that says nothing about the problem, so that it is run again: it was cancelled, or Lean could
    /// not open the statement.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Cancelled | Self::HostFailed)
    }
}

/// One line of an eval's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProblemRecord {
    /// The format's version.
    pub stepwise_record: u32,
    /// The problem's name in its file.
    pub name: String,
    /// [`Theorem::hash`](crate::problem::Theorem::hash) of what was to be proved.
    pub statement_sha256: String,
    /// [`Run::hash`] of what proved it.
    pub config_sha256: String,
    pub status: Status,
    /// More about the end: the budget, or a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The tactics of the proof that is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Vec<String>>,
    /// Tactics in the proof as the search found it: its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_length: Option<u64>,
    /// The complete Lean file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What shows that the statement is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disproof: Option<Disproof>,
    /// Why the recheck refused proofs that were found, each reason once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// What tidying did, where the proof was tidied. Its cost is no part of the ledger, so that searches are compared by
    /// what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidy: Option<TidyReport>,
    pub ledger: CostLedger,
    /// Wall time of the search, in seconds.
    pub seconds: f64,
    pub run: Run,
}

/// What a search ran with: all that a result depends on besides the problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The search's configuration, as the log writes it.
    pub config: serde_json::Value,
    /// The policy's name and version.
    pub policy: String,
    /// The critic's name and version, where the search's order needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<String>,
    pub lean: String,
    /// Whether negations were searched too.
    #[serde(default, skip_serializing_if = "is_never")]
    pub disprove: Disprove,
}

/// Why a file of records cannot be read. The caller knows its name and adds it.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A line is no record.
    #[error("line {line} is not a record: {source}; remove the line, or write the results to another file")]
    Damaged {
        /// 1-based.
        line: usize,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// A line of another version.
    #[error(
        "line {line} has record version {found}, and this stepwise reads version {VERSION}: write the results to another file"
    )]
    Version {
        /// 1-based.
        line: usize,
        found: u32,
    },
}

/// Records, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// All records, in the file's order.
    pub records: Vec<ProblemRecord>,
    /// Length of the complete lines, in bytes: where a writer goes on.
    pub good_bytes: usize,
    /// True when a torn line follows the good bytes.
    pub torn: bool,
}

/// What a resumed eval has still to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumption {
    /// Records that count, each with the index of its problem; at most one per problem.
    pub done: Vec<(usize, ProblemRecord)>,
    /// Indices of the problems that have to be run.
    pub to_do: Vec<usize>,
    /// Records that do not belong to this eval, one line each for the user; nothing of them is used.
    pub mismatches: Vec<String>,
}

/// What an eval says about all of its problems; the cost totals are sums over the problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalSummary {
    /// Problems proved.
    pub solved: u64,
    /// Problems tried.
    pub total: u64,
    /// `solved / total`.
    pub pass_rate: f64,
    /// Lower bound of the 95% Wilson interval of the pass rate.
    pub pass_rate_low: f64,
    /// Its upper bound.
    pub pass_rate_high: f64,
    /// Problems among them whose statements do not elaborate: no search could have proved them.
    #[serde(default)]
    pub bad_statements: u64,
    /// `solved / (total - bad_statements)`.
    #[serde(default)]
    pub stated_pass_rate: f64,
    /// Problems of the file that cannot be read and are not among `total`; the caller knows them.
    #[serde(default)]
    pub unread: u64,
    /// CPU time of Lean, in seconds.
    pub lean_cpu_s: f64,
    /// Wall time of the eval, in seconds; the caller measures it, because problems run side by side.
    pub wall_s: f64,
    /// Wall time of the searches, summed, in seconds.
    pub search_s: f64,
    /// Median wall time of the problems that were proved, in seconds.
    pub median_solved_s: Option<f64>,
    /// States expanded.
    pub expansions: u64,
    pub tactics: u64,
    /// Tokens generated.
    pub tokens: u64,
    /// Tokens that the policy read.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Tokens that the critic read.
    #[serde(default)]
    pub critic_tokens: u64,
    /// Time that the models' devices worked, in seconds.
    #[serde(default)]
    pub device_s: f64,
    /// Tactics that timed out.
    pub timeouts: u64,
    /// Tactics that crashed Lean.
    pub crashes: u64,
    pub rechecks: u64,
    /// Rechecks that refused what looked like a proof.
    #[serde(default)]
    pub refused: u64,
    /// Problems disproved: their negations are proved.
    #[serde(default)]
    pub disproved: u64,
    /// Questions to the policy that brought nothing, because its server failed.
    #[serde(default)]
    pub policy_failures: u64,
    /// How many problems ended how.
    pub by_status: BTreeMap<Status, u64>,
    /// How many proofs have how many tactics, as they were found.
    pub proof_lengths: BTreeMap<u64, u64>,
    /// What tidying did, where proofs were tidied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidying: Option<TidyTotals>,
}

/// What tidying did to the proofs of an eval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TidyTotals {
    /// Proofs that were tidied.
    pub n_proofs: u64,
    pub n_changed: u64,
    /// Those whose tidying ended before nothing was left to try.
    pub n_cut_short: u64,
    /// The lengths as they were found, added up.
    pub before: Length,
    /// The lengths as they are delivered, added up.
    pub after: Length,
    /// CPU time of Lean, in seconds.
    pub lean_cpu_s: f64,
    /// Wall time, summed, in seconds.
    pub wall_s: f64,
    /// The wall time over that of the searches that found these proofs.
    pub share_of_search: f64,
}

impl Run {
    /// What a search runs with.
    #[must_use]
    pub fn new(config: &SearchConfig, policy: &str, critic: Option<&str>, lean: &str) -> Self {
        Self {
            config: log::config_value(config),
            policy: policy.to_owned(),
            critic: critic.map(str::to_owned),
            lean: lean.to_owned(),
            disprove: Disprove::Never,
        }
    }

    /// The same, where negations are searched too.
    #[must_use]
    pub fn disproving(self, disprove: Disprove) -> Self {
        Self { disprove, ..self }
    }

    /// SHA-256 of all of it, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        // Sorted here, because a dependency may make serde_json keep the order in which fields were written.
        let config: BTreeMap<&str, String> = match &self.config {
            serde_json::Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect()
            }
            other => BTreeMap::from([("", other.to_string())]),
        };
        let config = config.iter().flat_map(|(name, value)| [*name, value.as_str()]);
        let critic = self.critic.iter().flat_map(|critic| ["critic", critic]);
        let disprove: &[&str] = match self.disprove {
            Disprove::Never => &[],
            Disprove::Auto => &["disprove", "auto"],
            Disprove::Always => &["disprove", "always"],
        };
        let parts = [self.policy.as_str(), &self.lean].into_iter().chain(config).chain(critic);
        sha256_of_parts(parts.chain(disprove.iter().copied()))
    }
}

impl ProblemRecord {
    /// The record of a search that has ended; `None` while it has not.
    #[must_use]
    pub fn of(name: &str, search: &Search, run: &Run) -> Option<Self> {
        let end = search.end()?;
        let (status, detail) = match end {
            SearchEnd::Proved { .. } => (Status::Proved, None),
            SearchEnd::Exhausted => (Status::Exhausted, None),
            SearchEnd::OutOfBudget { what } => (Status::OutOfBudget, Some((*what).to_owned())),
            SearchEnd::BadStatement { message } => (Status::BadStatement, Some(message.clone())),
            SearchEnd::HostFailed { message } => (Status::HostFailed, Some(message.clone())),
            SearchEnd::Cancelled => (Status::Cancelled, None),
        };
        let (proof, verdict) = match end {
            SearchEnd::Proved { proof, verdict } => (Some(proof), Some(verdict.clone())),
            _ => (None, None),
        };
        Some(Self {
            detail,
            proof: proof.cloned(),
            proof_length: proof.map(|proof| proof.len() as u64),
            file: proof.map(|proof| search.theorem().file(proof)),
            verdict,
            ..Self::bare(name, search, run, status)
        })
    }

    /// The record of a search that was given up because the statement's negation is proved.
    #[must_use]
    pub fn disproved(name: &str, search: &Search, disproof: Disproof, run: &Run) -> Self {
        let detail = Some(disproof.in_words());
        Self { detail, disproof: Some(disproof), ..Self::bare(name, search, run, Status::Disproved) }
    }

    /// The same record with the costs of both the statement's search and its negation's.
    #[must_use]
    pub fn costing(self, ledger: CostLedger) -> Self {
        Self { ledger, seconds: ledger.wall_ms as f64 / 1e3, ..self }
    }

    fn bare(name: &str, search: &Search, run: &Run, status: Status) -> Self {
        let ledger = search.ledger();
        Self {
            stepwise_record: VERSION,
            name: name.to_owned(),
            statement_sha256: search.theorem().hash(),
            config_sha256: run.hash(),
            status,
            detail: None,
            proof: None,
            proof_length: None,
            file: None,
            verdict: None,
            disproof: None,
            refusals: words::refusals(search),
            tidy: None,
            ledger,
            seconds: ledger.wall_ms as f64 / 1e3,
            run: run.clone(),
        }
    }

    /// The record with another proof delivered than was found: `theorem` as it is written in front of it.
    #[must_use]
    pub fn tidied(self, theorem: &Theorem, proof: Vec<String>, verdict: Verdict, report: TidyReport) -> Self {
        let file = Some(theorem.file(&proof));
        Self { proof: Some(proof), file, verdict: Some(verdict), tidy: Some(report), ..self }
    }

    /// The record as a line, line feed included.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("records have string keys and cannot fail to serialise");
        line.push('\n');
        line
    }
}

/// Reads records. A last line without its line feed is what a killed process left: it is not read.
pub fn read(bytes: &[u8]) -> Result<Records, RecordError> {
    #[derive(Deserialize)]
    struct Version {
        stepwise_record: u32,
    }
    let whole = WholeLines::of(bytes);
    let mut records = Vec::new();
    for (line, text) in whole.numbered() {
        let damaged = |source| RecordError::Damaged { line, source };
        // The version comes first: a later version's record may have other fields.
        let Version { stepwise_record: found } = serde_json::from_slice(text).map_err(damaged)?;
        if found != VERSION {
            return Err(RecordError::Version { line, found });
        }
        records.push(serde_json::from_slice(text).map_err(damaged)?);
    }
    Ok(Records { records, good_bytes: whole.end(), torn: whole.is_torn })
}

/// Says which problems a resumed eval has still to run.
///
/// A record counts for a problem when name, statement and run agree. One that was cancelled, or whose Lean could not
/// open the statement, is run again. Of two records for one problem the later one counts.
#[must_use]
pub fn resume(problems: &[Problem], records: Vec<ProblemRecord>, run: &Run) -> Resumption {
    let config_sha256 = run.hash();
    let places: BTreeMap<&str, usize> =
        problems.iter().enumerate().map(|(idx, problem)| (problem.name.as_str(), idx)).collect();
    let mut done = BTreeMap::new();
    let mut mismatches = Vec::new();
    for record in records {
        let Some(idx) = places.get(record.name.as_str()).copied() else {
            mismatches.push(format!("{}: no problem of this name in this eval", record.name));
            continue;
        };
        if record.statement_sha256 != problems[idx].theorem.hash() {
            mismatches.push(format!("{}: recorded for another statement", record.name));
        } else if record.config_sha256 != config_sha256 {
            mismatches.push(format!("{}: recorded with another configuration, policy, critic or Lean", record.name));
        } else if !record.status.is_final() {
            done.remove(&idx);
        } else {
            done.insert(idx, record);
        }
    }
    let to_do = (0..problems.len()).filter(|idx| !done.contains_key(idx)).collect();
    Resumption { done: done.into_iter().collect(), to_do, mismatches }
}

impl EvalSummary {
    /// The summary of these records, one per problem.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a ProblemRecord>, wall_s: f64) -> Self {
        let mut by_status: BTreeMap<Status, u64> = BTreeMap::new();
        let mut costs = CostLedger::default();
        let mut search_s = 0.0;
        let mut solved_s = Vec::new();
        let mut lengths = Vec::new();
        let mut tidying = TidyTotals::default();
        let mut tidied_search_s = 0.0;
        for record in records {
            *by_status.entry(record.status).or_default() += 1;
            costs.add(&record.ledger);
            search_s += record.seconds;
            if record.status == Status::Proved {
                solved_s.push(record.seconds);
                lengths.extend(record.proof_length);
            }
            if let Some(report) = &record.tidy {
                tidying.add(report);
                tidied_search_s += record.seconds;
            }
        }
        if tidied_search_s > 0.0 {
            tidying.share_of_search = tidying.wall_s / tidied_search_s;
        }
        let total: u64 = by_status.values().sum();
        let solved = by_status.get(&Status::Proved).copied().unwrap_or(0);
        let bad_statements = by_status.get(&Status::BadStatement).copied().unwrap_or(0);
        let (pass_rate_low, pass_rate_high) = stats::wilson(solved, total);
        let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
        Self {
            solved,
            total,
            pass_rate: share(solved, total),
            pass_rate_low,
            pass_rate_high,
            bad_statements,
            stated_pass_rate: share(solved, total - bad_statements),
            unread: 0,
            lean_cpu_s: costs.lean_cpu_us as f64 / 1e6,
            wall_s,
            search_s,
            median_solved_s: stats::median(&solved_s),
            expansions: costs.expansions,
            tactics: costs.tactics,
            tokens: costs.tokens,
            prompt_tokens: costs.prompt_tokens,
            critic_tokens: costs.critic_tokens,
            device_s: costs.device_us as f64 / 1e6,
            timeouts: costs.timeouts,
            crashes: costs.crashes,
            rechecks: costs.rechecks,
            refused: costs.refused,
            disproved: by_status.get(&Status::Disproved).copied().unwrap_or(0),
            policy_failures: costs.policy_failures,
            by_status,
            proof_lengths: stats::counts(lengths),
            tidying: (tidying.n_proofs > 0).then_some(tidying),
        }
    }

    /// The summary as the last line of `--json`: `{"summary": {..}}`, line feed included.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{}\n", serde_json::json!({ "summary": self }))
    }
}

/// Records are as they were where there was no choice.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_never(disprove: &Disprove) -> bool {
    *disprove == Disprove::Never
}

impl TidyTotals {
    fn add(&mut self, report: &TidyReport) {
        self.n_proofs += 1;
        self.n_changed += u64::from(report.has_changed());
        self.n_cut_short += u64::from(report.cut_short.is_some());
        self.before.add(report.before);
        self.after.add(report.after);
        self.lean_cpu_s += report.lean_cpu_us as f64 / 1e6;
        self.wall_s += report.wall_ms as f64 / 1e3;
    }
}

#[cfg(test)]
mod tests;
