//! Critics score proof states: the higher, the closer to done.

use crate::cost::ModelCost;
use crate::goal::Goal;

/// States that a critic is to score together.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRequest {
    /// The open goals of each state, the one to work on first.
    pub states: Vec<Vec<Goal>>,
}

/// A critic's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// One score per state, in the order of the request; only differences within one search tree mean anything
    /// (arXiv 2410.15700, section 2.3).
    pub scores: Vec<f64>,
    pub cost: ModelCost,
}
