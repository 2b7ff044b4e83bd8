//! Lean's text, read without Lean: tokens, lexemes in one spelling, what a statement binds, and what a proof may not hold.
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
mod withheld;

pub use forbidden::{Forbidden, first_forbidden, forbidden, refusals};
pub use searching::{Searching, searching};
pub use token::{Token, TokenKind, tokens};
pub use withheld::{AUTOMATION, NoTactic, Withheld};

#[cfg(test)]
mod tests;
