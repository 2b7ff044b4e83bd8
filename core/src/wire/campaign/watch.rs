//! What those who watch a campaign are told, and what its operator tells it over HTTP.
//!
//! All of it is for everybody: accounts have a number and perhaps a pseudonym, and nothing says where anybody is. What only
//! an account's owner and the operator may see is in a field of its own, which others do not get.

use serde::{Deserialize, Serialize};

use super::{Effort, Side, StageView};
use crate::problem::Theorem;

/// Problems that one answer lists at most.
pub const MAX_PROBLEMS: u64 = 100;

/// Events that one answer has at most.
pub const MAX_EVENTS: u64 = 100;

/// Workers that one answer lists at most.
pub const MAX_WORKERS: usize = 500;

/// `GET /api/v1/info` at a coordinator: a page that was made for [servers that prove](crate::wire::Info) learns by it that
/// this one has a campaign instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoordinatorInfo {
    /// The version of the campaign's messages.
    pub protocol: u32,
    /// The server's name and version.
    pub server: String,
    /// The campaign's name.
    pub campaign: String,
    /// Whether it can only be looked at here: nobody joins, and nobody tells it anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch_only: bool,
}

/// Problems that were solved in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    pub proved: u64,
    pub disproved: u64,
}

/// How long something may still take, in seconds: at the fastest and at the slowest pace that was seen lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeLeft {
    pub from_s: u64,
    pub to_s: u64,
}

/// How a problem stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Neither it nor its negation has an accepted proof.
    Open,
    Proved,
    /// Its negation is proved.
    Disproved,
}

/// `GET /problems`: at most [`MAX_PROBLEMS`], in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemList {
    pub problems: Vec<ProblemRow>,
    /// What `after` has to be for the next ones; `None` at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A problem in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemRow {
    /// Its number.
    pub id: u64,
    pub name: String,
    pub standing: Standing,
    /// When it was solved, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved_ms: Option<u64>,
    /// Counted searches of it and of its negation.
    pub searches: u64,
    /// What they cost: CPU time of Lean and time of models' devices, in milliseconds.
    pub cpu_ms: u64,
}

/// `GET /problems/ID`: all about a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProblemPage {
    pub problem: ProblemRow,
    pub theorem: Theorem,
    /// What solved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<CheckedProof>,
    /// Proofs of it that wait for a verifier.
    pub waiting: u64,
    /// What its counted searches came to.
    pub cost: Effort,
    /// Its searches by stage, of the stages that have any.
    pub stages: Vec<StageView>,
}

/// A proof that a verifier accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedProof {
    /// What it proves.
    pub side: Side,
    /// The whole file that was checked.
    pub file: String,
    /// Who checked it, as verdicts name it.
    pub checker: String,
    /// The axioms that it rests on.
    pub axioms: Vec<String>,
    /// Declarations of the library that the checker could not open; 0 where the list of axioms is complete.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unopened: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// `GET /workers`: at most [`MAX_WORKERS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// How many there are.
    pub total: u64,
    pub workers: Vec<Worker>,
}

/// A program that works, or could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its session's number.
    pub session: u64,
    /// Its account's number.
    pub account: u64,
    /// Its account's pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its owner calls the machine; told to the owner and the operator only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub cores: u64,
    pub state: WorkerState,
    /// Why it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Searches that it holds.
    pub held: u64,
    /// For how long it has been in this state, in seconds, as far as this coordinator saw it.
    pub since_s: u64,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It has searches, and hands results in.
    Working,
    /// It has none.
    Idle,
    /// It has searches, and nothing comes of them.
    Stalled,
    /// Its owner paused it.
    Paused,
    /// It finishes what it has, and goes.
    Leaving,
    /// Its account may not work.
    Blocked,
}

/// `GET /events?after=SEQ&wait=SECONDS`: what happened, at most [`MAX_EVENTS`], oldest first; without `after` the last ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    pub events: Vec<Event>,
    /// What `after` has to be to hear what follows.
    pub last: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number; later ones are higher.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// In words.
    pub text: String,
    /// The problem that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<u64>,
}

/// `GET /effort`: what was solved against what it cost, a few hundred points at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    pub points: Vec<CurvePoint>,
}

/// All that had been spent and solved by some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The moment, in milliseconds since 1970.
    pub at_ms: u64,
    /// Counted searches.
    pub searches: u64,
    /// What they cost: CPU time of Lean and time of models' devices, in milliseconds.
    pub cpu_ms: u64,
    pub proved: u64,
    pub disproved: u64,
}

/// `GET /me`: an account's own numbers, for whoever has its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The account's number.
    pub account: u64,
    /// Its pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it may [instruct](Instruction) the campaign.
    pub operator: bool,
    /// What keeps it from working, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Its proofs that were accepted, and refused.
    pub accepted: u64,
    pub refused: u64,
    /// Its proofs that wait for a verifier.
    pub waiting: u64,
    /// What its counted searches came to, and those of the last 24 hours.
    pub cost: Effort,
    pub day: Effort,
    /// Its sessions.
    pub workers: Vec<Worker>,
}

/// `POST /invitations`, under an operator's token: others are to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inviting {
    /// How many may join with the link, from 1 to 1000.
    pub uses: u64,
    /// For how long it is good, in seconds: a year at most.
    pub expires_s: u64,
}

/// The answer to an [`Inviting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The secret that a link has behind `#join=`. The coordinator keeps its hash only.
    pub invitation: String,
}

/// `POST /instructions`, under an operator's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Instruction {
    /// Give no more searches out until told otherwise.
    Pause,
    /// Give searches out again.
    Resume,
    /// Give no more out, and end when those under way have ended.
    Finish,
    /// End at once.
    Stop,
    /// Keep an account from working, and tell its owner why.
    Block { account: u64, message: String },
}
