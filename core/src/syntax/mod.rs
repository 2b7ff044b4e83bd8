//! Lean's text, read without Lean: tokens, lexemes in one spelling, what a statement binds, what a proof may not hold, and what
//! cannot be a tactic.
//!
//! Reading never fails and never decides anything: what is true of a text, Lean says.

pub mod bound;
mod forbidden;
pub mod lexeme;
pub(crate) mod name;
pub(crate) mod printed;
mod searching;
pub mod signature;
mod token;
mod whole;
mod withheld;

pub use forbidden::{Forbidden, first_forbidden, forbidden, refusals};
pub use searching::{Searching, searching};
pub use token::{Token, TokenKind, tokens};
pub use whole::may_be_tactic;
pub use withheld::{AUTOMATION, NoTactic, Withheld};

#[cfg(test)]
mod tests;
