//! A campaign's ledger as it is meant: small enough to be looked at in every state, exact enough to say what the real one
//! answers.
//!
//! Time is whole ticks, numbers count from 0, and every account is an operator's, whom nobody blocks. What was given, what
//! arrived and what a stage was frozen with is kept beside what a ledger needs, so that [`holds`] can look back.

pub(crate) mod holds;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use stepwise_core::wire::campaign::Side;

/// A number of an account, a session, a unit or a proof.
pub(crate) type Id = usize;

/// How long what may take, in ticks, and what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// A session is lost when it was quiet for so long.
    pub(crate) lost: u8,
    /// A lease ends after this.
    pub(crate) lease: u8,
    /// A verifier is given up after this.
    pub(crate) check: u8,
    /// Whether every solved problem is kept back, and every bundle has a canary where there is one.
    pub(crate) canaries: bool,
    /// Whether a stage may be frozen while a half of its searches at most is under way.
    pub(crate) leaves_stragglers: bool,
    /// A planted fault, which whoever checks must find.
    pub(crate) fault: Option<Fault>,
}

impl Rules {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

/// What can be wrong with a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "only the exhaustive check plants faults")]
pub(crate) enum Fault {
    /// Who is given a search again gets it under the old attempt.
    AttemptsStay,
    /// Whoever was ever given a search may end it.
    OldAttemptsEnd,
    /// A result counts whenever it arrives.
    EveryArrivalCounts,
    /// Proofs that come too late are thrown away.
    LateProofsAreDropped,
    /// A donor's word solves a problem.
    DonorsDecide,
    /// Of a solved problem nothing more is looked at.
    OneProofIsEnough,
    /// Proofs that contradict each other change nothing.
    ContradictionsPass,
    /// A stage is frozen though searches are under way, which go on.
    FreezesUnderSearches,
    /// A stage is frozen though proofs wait.
    FreezesUnderProofs,
    /// Three crashes are enough, wherever they were.
    DeadAtOneAccount,
    /// What a lost session held stays its own.
    LostSessionsKeep,
    /// A session that beats may keep a search for ever.
    LeasesNeverEnd,
    /// A verifier that is gone keeps its proof.
    VerifiersKeep,
    /// Only a session's last claim is known; an older one that arrives again is a new one.
    OldClaimsAreForgotten,
    /// A claim that was told that there is nothing may be given something when it arrives again.
    IdleClaimsAreForgotten,
    /// A search that nobody here may take keeps its stage open.
    PoisonHoldsUp,
    /// A refused proof opens its search again, whatever that came to since.
    LateLiesReopen,
    /// A proof that was refused before ends a search.
    RepeatedLiesEnd,
    /// A refused proof opens only the search that it came from first.
    OneSearchIsReopened,
    /// What a canary came to counts as effort.
    CanariesCount,
    /// A canary goes to somebody who knows its problem.
    CanariesAreKnown,
    /// A lost session keeps its canaries.
    CanariesStay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Running,
    Halted,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Planned(Vec<Side>),
    Open,
    /// With the results that counted: the unit, the attempt, and what it came to.
    Frozen(BTreeSet<(Id, u8, Came)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    Open,
    /// By this proof.
    Solved(Side, Id),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unit {
    pub(crate) stage: Id,
    pub(crate) problem: Id,
    pub(crate) side: Side,
    pub(crate) state: UnitState,
    pub(crate) attempt: u8,
    pub(crate) crashes: u8,
    pub(crate) crashed_by: Option<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UnitState {
    Ready,
    /// To a session under a claim, for so many more ticks.
    Leased {
        session: Id,
        claim: u32,
        left: u8,
    },
    Done,
    Dead,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) account: Id,
    pub(crate) quiet: u8,
    pub(crate) is_over: bool,
    /// The latest that it asked under, whatever it was answered.
    pub(crate) last_claim: Option<u32>,
    /// How often it was given searches.
    pub(crate) n_given: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Proof {
    pub(crate) is_true: bool,
    pub(crate) text: u32,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Came {
    Proof(Proof),
    Nothing,
    Crashed,
}

/// What is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sent {
    pub(crate) submission: u32,
    pub(crate) account: Id,
    pub(crate) unit: Id,
    pub(crate) attempt: u8,
    pub(crate) claim: u32,
    pub(crate) came: Came,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Candidate {
    pub(crate) problem: Id,
    pub(crate) side: Side,
    pub(crate) proof: Proof,
    pub(crate) unit: Id,
    pub(crate) state: CandidateState,
    pub(crate) tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CandidateState {
    Waiting,
    /// For so many more ticks.
    Checking(u8),
    Accepted,
    Refused,
    Undecided,
}

/// A search that has ended, given out once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Canary {
    pub(crate) session: Id,
    pub(crate) claim: u32,
    /// For so many more ticks.
    pub(crate) left: u8,
    pub(crate) state: CanaryState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CanaryState {
    Given,
    /// Taken back, or broken down.
    Back,
    /// With this proof, which waits for its verdict.
    Answered(Id),
    Found,
    Missed,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) state: State,
    pub(crate) stages: Vec<Stage>,
    pub(crate) problems: Vec<Standing>,
    pub(crate) units: Vec<Unit>,
    pub(crate) sessions: Vec<Session>,
    /// Who was given which attempt of which unit: the session, and the claim.
    pub(crate) leases: BTreeMap<(Id, u8), BTreeSet<(Id, u32)>>,
    /// By submission; whether it counted.
    pub(crate) results: BTreeMap<u32, (Sent, bool)>,
    pub(crate) candidates: Vec<Candidate>,
    /// Problems that are told as open though they are solved.
    pub(crate) kept_back: BTreeSet<Id>,
    /// By unit and attempt.
    pub(crate) canaries: BTreeMap<(Id, u8), Canary>,
    /// Proofs that arrived, whatever became of them.
    pub(crate) arrived: BTreeSet<(Id, Side, Proof)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// Units and attempts.
    Bundle(Vec<(Id, u8)>),
    Closed(State),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    Stored,
    Late,
    Duplicate,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Solved,
    Known,
    Refused,
    Undecided,
    Contradiction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advanced {
    Working,
    Draining,
    Opened,
    Done,
}

/// What the keeper took back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    pub(crate) sessions: u64,
    pub(crate) units: u64,
    pub(crate) candidates: u64,
}

/// Such a session is not known, or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownSession;
