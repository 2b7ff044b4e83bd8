//! The messages of a campaign: what a donor's machine and the coordinator tell each other, as bodies over HTTP.
//!
//! A donor [joins](Joining) with an invitation and gets a token. A program that works under it [enrols](Enrolment) for a
//! session, [claims](Claim) bundles of searches, [beats](Beat) while it works, and [hands in](Results) what it found: the
//! proof's text and what it cost, never a verdict. Everything may be sent again: an enrolment by a new session, a claim
//! by its id, and a result by its submission's.

mod recipe;
mod rounds;
mod watch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::recipe::{Blob, Draws, ModelFiles, Proposer, Recipe};
pub use self::rounds::{Measured, Mode, ModelRole, RoundView, Rounds, SolvedBy, TrainedModel};
pub use self::watch::{
    CheckedProof, CoordinatorInfo, Curve, CurvePoint, Event, Events, Instruction, Invited, Inviting, MAX_EVENTS,
    MAX_PROBLEMS, MAX_WORKERS, Me, ProblemList, ProblemPage, ProblemRow, Solved, Standing, TimeLeft, Worker,
    WorkerState, Workers,
};
use crate::outcome::Verdict;
use crate::problem::Theorem;
use crate::search::{CostLedger, SearchEnd};

/// The version of these messages, and the only one that this code speaks.
pub const VERSION: u32 = 1;

/// Results that one message may hand in.
pub const MAX_RESULTS: usize = 64;

/// How much of Lean's message a result has, in bytes.
pub const MAX_DETAIL: usize = 2000;

/// `POST /join`: somebody wants to lend a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// The version of the messages that the donor's program speaks.
    pub protocol: u32,
    /// The secret of the invitation's link.
    pub invitation: String,
    /// A pseudonym that others may see; without it the account has a number only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The answer to a [`Joining`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// What every later request carries as `Authorization: Bearer TOKEN`. The coordinator keeps its hash only.
    pub token: String,
    /// The account's number.
    pub account: u64,
    /// The campaign's name.
    pub campaign: String,
}

/// What a campaign does just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Searches are given out.
    Running,
    /// None is, until its operator resumes it.
    Paused,
    /// None is; what is under way is waited for.
    Finishing,
    /// Something is wrong that its operator must look into.
    Halted,
    /// It is over.
    Done,
}

impl State {
    /// Its word.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finishing => "finishing",
            Self::Halted => "halted",
            Self::Done => "over",
        }
    }
}

/// `POST /sessions`: a program begins to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The version of the messages that the program speaks.
    pub protocol: u32,
    /// The program's name and version.
    pub client: String,
    /// The Lean that it runs, as records name it.
    pub lean: String,
    /// What its owner calls the machine; only the owner and the operator see it.
    pub label: String,
    /// Searches at once.
    pub cores: u32,
    /// What Lean may use, in MB.
    pub memory_mb: u64,
}

/// The answer to an [`Enrolment`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The session's number.
    pub session: u64,
    /// The campaign's name.
    pub campaign: String,
    /// How often the session beats, in seconds.
    pub beat_s: u64,
    /// After how long without a beat its searches are given to others, in seconds.
    pub lost_s: u64,
    /// The largest body that is taken, in bytes.
    pub message_bytes: u64,
}

/// `POST /claims`: a session wants work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub session: u64,
    /// A random name of at least 128 bits, which the worker draws. It is the secret that its results are held against,
    /// and who sends it twice gets the same bundle twice.
    pub claim: String,
    /// Counts the session's claims from 1. Nothing new is given for one that has been answered, or that a later one has
    /// overtaken: nobody waits for it.
    pub number: u64,
    /// How long the bundle should keep the session busy, in seconds.
    pub want_s: u64,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Claimed {
    /// Searches to run.
    Bundle(Bundle),
    /// There is nothing to do.
    Idle {
        /// Why.
        reason: String,
        /// When to ask again, in seconds; the session adds up to half of it at random.
        retry_s: u64,
        /// Whether the campaign is over, and nobody need ask again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
}

/// Searches that belong to a session until they are handed in or its time is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    pub leases: Vec<Lease>,
    /// What they run with, by the hash that they name it by.
    pub recipes: BTreeMap<String, Recipe>,
    /// What is to be proved, by [`Theorem::hash`].
    pub theorems: BTreeMap<String, Theorem>,
}

/// One search: a problem's side, under a recipe, from a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its number.
    pub unit: u64,
    /// What tells this time that it is given out from others; which is the first is anybody's guess.
    pub attempt: u64,
    /// The problem's number.
    pub problem: u64,
    /// The statement's hash.
    pub statement: String,
    pub side: Side,
    pub seed: u64,
    /// The recipe's hash.
    pub recipe: String,
    /// After how long it is given to somebody else whatever its session says, in seconds.
    pub ends_s: u64,
}

/// What is to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Statement,
    /// Its negation: proved, it disproves the statement.
    Negation,
}

impl Side {
    /// What is searched on this side; `None` where a statement has no negation that could be stated.
    #[must_use]
    pub fn searched(self, theorem: &Theorem) -> Option<Theorem> {
        match self {
            Self::Statement => Some(theorem.clone()),
            Self::Negation => theorem.negation(),
        }
    }

    /// The same under the name that a file with its proof has for a reader.
    #[must_use]
    pub fn delivered(self, theorem: &Theorem) -> Option<Theorem> {
        match self {
            Self::Statement => Some(theorem.clone()),
            Self::Negation => theorem.disproof(),
        }
    }
}

/// `POST /heartbeats`: a session is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    pub session: u64,
    /// What it does, for those who watch.
    pub doing: Doing,
    /// The searches that it holds, with how far each has come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    Working,
    /// It waits for searches.
    Idle,
    /// Its owner paused it.
    Paused,
    /// It finishes what it has, and goes.
    Leaving,
}

/// A search that a session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    pub unit: u64,
    pub attempt: u64,
    /// States expanded so far; 0 where it has not begun.
    pub expansions: u64,
}

/// The answer to a [`Beat`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beaten {
    /// Searches of the session that nobody wants any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<u64>,
    /// Whether the session is to finish what it has and claim nothing more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drain: bool,
    /// What the operator has to say to the donor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `POST /results`: what searches came to, at most [`MAX_RESULTS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    pub results: Vec<SearchResult>,
}

/// What one search came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchResult {
    /// A random name that the worker draws; who sends it twice gets the same receipt twice.
    pub submission: String,
    pub unit: u64,
    pub attempt: u64,
    /// The claim under which the search was given out.
    pub claim: String,
    pub ending: Ending,
    /// More about it: the budget that ran out, or Lean's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What was searched, by which a proof is taken whose search the ledger does not know: it may have been restored from a
    /// copy that is older than the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// The tactics of a proof. What it proves follows from the unit, and whether it does is for verifiers to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Vec<String>>,
    pub cost: CostLedger,
}

/// What a search was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Searched {
    /// The statement's hash.
    pub statement: String,
    pub side: Side,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has a proof.
    Proof,
    /// No open state was left.
    Exhausted,
    /// A budget other than time ran out.
    OutOfBudget,
    /// The time was used up.
    TimedOut,
    /// The statement does not elaborate.
    BadStatement,
    /// Lean, or the program, broke down.
    Crashed,
}

impl Ending {
    /// How a search ended, with more about it; `None` where it was cancelled, which says nothing.
    #[must_use]
    pub fn of(end: &SearchEnd) -> Option<(Self, Option<String>)> {
        Some(match end {
            // It is one because the recheck accepted it.
            SearchEnd::Proved { .. } => (Self::Proof, None),
            SearchEnd::Exhausted => (Self::Exhausted, None),
            SearchEnd::OutOfBudget { what: "wall" } => (Self::TimedOut, Some("wall".to_owned())),
            SearchEnd::OutOfBudget { what } => (Self::OutOfBudget, Some((*what).to_owned())),
            SearchEnd::BadStatement { message } => (Self::BadStatement, Some(detail(message))),
            SearchEnd::HostFailed { message } => (Self::Crashed, Some(detail(message))),
            SearchEnd::Cancelled => return None,
        })
    }
}

/// As much of a message as goes into a result: its first [`MAX_DETAIL`] bytes.
#[must_use]
pub fn detail(message: &str) -> String {
    message[..message.floor_char_boundary(MAX_DETAIL)].to_owned()
}

/// The answer to [`Results`]: a receipt for each, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    pub receipts: Vec<Receipt>,
}

/// What became of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Receipt {
    /// It counts.
    Stored,
    /// The search was somebody else's by then: a proof is looked at all the same, the effort is not counted.
    Late,
    /// It was there already.
    Duplicate,
    /// It cannot be taken; sending it again will not help.
    Refused { reason: String },
}

/// `POST /abandon`: a session gives searches back, which others get at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abandon {
    pub session: u64,
    /// Which; all that it holds where the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<u64>,
    /// Whether the session is over too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leave: bool,
}

/// `POST /checks`: a session of an operator's account wants a proof to verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checking {
    pub session: u64,
}

/// The answer to a [`Checking`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Check {
    /// A proof to verify.
    Proof(ToCheck),
    /// None waits.
    Idle {
        /// When to ask again, in seconds; the session adds up to half of it at random.
        retry_s: u64,
    },
}

/// A proof that somebody sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToCheck {
    /// The proof's number.
    pub candidate: u64,
    /// The statement, whatever the side.
    pub theorem: Theorem,
    pub side: Side,
    /// The tactics.
    pub proof: Vec<String>,
    /// How long Lean may take, in seconds. A verdict that comes much later is not waited for.
    pub limit_s: u64,
}

/// `POST /verdicts`: what came of a [`ToCheck`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    pub session: u64,
    /// The proof's number.
    pub candidate: u64,
    /// What Lean said; missing where it broke down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// `GET /campaign`: how a campaign stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    pub protocol: u32,
    pub campaign: String,
    pub state: State,
    /// Why, where it is halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The Lean that searches run with.
    pub lean: String,
    /// Problems by how they stand.
    pub problems: Problems,
    pub stages: Vec<StageView>,
    /// Proofs that wait for a verifier.
    pub waiting: u64,
    /// Age of the oldest of them, in seconds.
    pub waiting_s: u64,
    /// Sessions that work, or could.
    pub sessions: u64,
    /// The cores that they lend.
    pub cores: u64,
    /// For how long the open stage's searches have waited to be given out, in seconds; `None` where none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_s: Option<u64>,
    /// How long the open stage may still take; `None` where nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<TimeLeft>,
    /// What counted searches have cost.
    pub cost: Effort,
    /// The same of the last 7 days, the last 24 hours and the last hour.
    pub week: Effort,
    pub day: Effort,
    pub hour: Effort,
    /// Problems that were solved in the last 7 days, and in the last 24 hours.
    pub solved_week: Solved,
    pub solved_day: Solved,
}

/// Problems by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems {
    pub proved: u64,
    pub disproved: u64,
    pub open: u64,
}

/// A stage of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// From 1.
    pub number: u64,
    pub name: String,
    pub state: StageState,
    /// Its searches by how they stand.
    pub ready: u64,
    pub leased: u64,
    pub done: u64,
    /// Nobody wants them any more: their problems are solved.
    pub cancelled: u64,
    /// They broke whoever ran them.
    pub dead: u64,
}

/// What a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Its turn has not come.
    Planned,
    /// Its searches are given out.
    Open,
    /// None is left to give out; some are under way, or their proofs wait for a verifier.
    Draining,
    /// Its results will never change.
    Frozen,
}

impl StageState {
    /// Its word.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open => "open",
            Self::Draining => "draining",
            Self::Frozen => "frozen",
        }
    }
}

/// Searches and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    pub searches: u64,
    /// How they ended.
    pub proofs: u64,
    pub exhausted: u64,
    pub out_of_budget: u64,
    pub timed_out: u64,
    pub bad_statement: u64,
    pub crashed: u64,
    /// CPU time of Lean, in milliseconds.
    pub lean_cpu_ms: u64,
    /// Time of models' devices, in milliseconds.
    pub device_ms: u64,
}
