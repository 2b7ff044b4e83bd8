//! What Lean knows of a goal beyond its printed text: the file's own declarations, and which of them stand in the goal.
//!
//! A preamble's declarations are told once for each opened statement, a goal's facts with the goal; both are bounded.
//! [`stepwise_core::facts`] says what each field means. Environments, names, infos and terms are borrowed throughout.

mod declarations;
mod goal;
mod locals;
mod names;
mod print;
mod recursion;
mod terms;

pub(crate) use declarations::{Declared, declarations};
pub(crate) use goal::of_goal;

/// How much is told.
mod limits {
    /// Declarations of a preamble.
    pub(super) const DECLARATIONS: usize = 200;
    /// Variables and proofs of one goal.
    pub(super) const LOCALS: usize = 32;
    /// Calls of own functions in one goal.
    pub(super) const CALLS: usize = 12;
    /// Own constants in one goal.
    pub(super) const CONSTANTS: usize = 40;
    /// Nodes that are visited of one term.
    pub(super) const NODES: usize = 20_000;
    /// UTF-16 units of a printed argument.
    pub(super) const PRINTED: usize = 120;
}
