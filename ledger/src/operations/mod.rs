//! What is done to a ledger, a file per subject.

mod accounts;
mod campaign;
mod canaries;
mod claims;
mod curve;
mod effort;
mod forecast;
mod lessons;
mod overview;
mod own;
mod problems;
mod progress;
mod ranks;
mod results;
mod rounds;
mod sessions;
mod stages;
mod verdicts;

pub use self::accounts::{Account, Authenticate, Block, Invite, Join, Revoke, Trust, Unblock};
pub use self::campaign::{Create, Manifest, NewProblem, NewStage, ReadManifest, SetState};
pub use self::canaries::{Canaries, Doubted, ReadDoubted};
pub use self::claims::{Abandon, Claim, Granted};
pub use self::curve::ReadCurve;
pub use self::lessons::{ReadUntaught, Teach, Untaught};
pub use self::overview::{
    Event, ReadEvents, ReadLastEvent, ReadOverview, ReadPace, ReadProofs, ReadSessions, SessionView, Solved,
};
pub use self::own::{Own, ReadOwn, ReadWaiting};
pub use self::problems::{ReadProblem, ReadProblems};
pub use self::progress::{ReadProgress, StageProgress};
pub use self::ranks::Rerank;
pub use self::results::{HandIn, LARGEST_PROOF, is_random_name};
pub use self::rounds::{
    Close, Conclude, Employ, Employed, FinishRound, NewSearch, Purpose, ReadRemains, ReadRounds, ReadStages,
    ReadStatements, Remains, Rest, RoundStage, Seed, Seeded,
};
pub use self::sessions::{Beat, Enrol, Reap, Reaped, Timing};
pub use self::stages::{Advance, Advanced};
pub use self::verdicts::{Candidate, Judge, Judged, NextCandidate};
