//! Where an item of the outline stands: a glyph, a word and a colour class each, so that none depends on colour alone.

use stepwise_core::search::{Edge, EdgeOutcome, NodeStatus, RecheckState, Search, SearchEnd};
use stepwise_core::words;

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// A proof that the recheck accepted.
    Proved,
    /// The last goal is closed, and the recheck has not judged yet.
    Waiting,
    /// A state on the way to an accepted proof.
    LeadsToProof,
    /// The policy or Lean is at work on the state.
    InFlight,
    /// The state waits for its turn.
    Open,
    /// The state's tactics were run.
    Expanded,
    /// The recheck refused what looked like a proof.
    Refused,
    /// The tactic led to a state that is known already.
    Duplicate,
    /// Lean refused the tactic.
    Failed,
    /// The tactic ran out of time.
    Timeout,
    /// The tactic crashed Lean.
    Crashed,
    /// The tactic ran out of memory.
    OutOfMemory,
}

impl Status {
    /// All of them, for the legend.
    pub const ALL: [Self; 12] = [
        Self::Proved,
        Self::Waiting,
        Self::LeadsToProof,
        Self::InFlight,
        Self::Open,
        Self::Expanded,
        Self::Refused,
        Self::Duplicate,
        Self::Failed,
        Self::Timeout,
        Self::Crashed,
        Self::OutOfMemory,
    ];

    /// One character, different for each.
    #[must_use]
    pub fn glyph(self) -> char {
        match self {
            Self::Proved => '✔',
            Self::Waiting => '?',
            Self::LeadsToProof => '★',
            Self::InFlight => '◐',
            Self::Open => '○',
            Self::Expanded => '●',
            Self::Refused => '⊘',
            Self::Duplicate => '≡',
            Self::Failed => '✗',
            Self::Timeout => '◷',
            Self::Crashed => '↯',
            Self::OutOfMemory => '▣',
        }
    }

    /// What a screen reader says and the legend shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Waiting => "awaits the recheck",
            Self::LeadsToProof => "leads to the proof",
            Self::InFlight => "in flight",
            Self::Open => "open",
            Self::Expanded => "expanded",
            Self::Refused => "refused by the recheck",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::Timeout => "timed out",
            Self::Crashed => "crashed",
            Self::OutOfMemory => "out of memory",
        }
    }

    /// The style sheet's class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Proved | Self::LeadsToProof => "good",
            Self::Waiting | Self::InFlight => "busy",
            Self::Open | Self::Expanded => "plain",
            Self::Duplicate => "faint",
            Self::Failed => "bad",
            Self::Refused | Self::Timeout | Self::Crashed | Self::OutOfMemory => "alarm",
        }
    }

    /// True for what only clutters the outline: the tactic opened nothing and closed nothing.
    #[must_use]
    pub fn is_dead_end(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Duplicate | Self::Failed | Self::Timeout | Self::Crashed | Self::OutOfMemory
        )
    }
}

/// The status of a state, `on_proof` telling whether an accepted proof goes through it.
#[must_use]
pub fn of_node(status: NodeStatus, on_proof: bool) -> Status {
    match status {
        _ if on_proof => Status::LeadsToProof,
        NodeStatus::Open => Status::Open,
        NodeStatus::InFlight => Status::InFlight,
        NodeStatus::Expanded => Status::Expanded,
    }
}

/// The status of a tactic that opened no new state; `None` for one that did.
#[must_use]
pub fn of_leaf(edge: &Edge) -> Option<Status> {
    Some(match &edge.outcome {
        EdgeOutcome::Child(_) => return None,
        EdgeOutcome::Duplicate(_) => Status::Duplicate,
        EdgeOutcome::Proved(RecheckState::Waiting) => Status::Waiting,
        EdgeOutcome::Proved(RecheckState::Accepted) => Status::Proved,
        EdgeOutcome::Proved(RecheckState::Refused { .. }) => Status::Refused,
        EdgeOutcome::Failed { .. } => Status::Failed,
        EdgeOutcome::Timeout => Status::Timeout,
        EdgeOutcome::Crashed { .. } => Status::Crashed,
        EdgeOutcome::OutOfMemory => Status::OutOfMemory,
    })
}

/// How the search stands, in one sentence.
#[must_use]
pub fn of_search(search: &Search) -> String {
    match search.end() {
        None if search.tree().nodes().is_empty() => "Not started".into(),
        None => "Searching".into(),
        Some(SearchEnd::Proved { verdict, .. }) if verdict.axioms.is_empty() && verdict.unopened == 0 => {
            format!("Proved; rechecked by {}", verdict.checker)
        }
        Some(SearchEnd::Proved { verdict, .. }) => {
            format!("Proved; rechecked by {}; {}", verdict.checker, verdict.axioms_in_words())
        }
        Some(_) => words::capitalised(&words::of_search(search).unwrap_or_default()),
    }
}
